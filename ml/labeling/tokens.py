"""Words of a text with where they stand, in the form terms are compared in."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True)
class Token:
    """One word or mark."""

    word: str
    start: int
    end: int


def tokenize(text: str, offset: int = 0) -> list[Token]:
    """Split into words and marks; hyphens and quotes only separate."""
    return [
        Token(found.group().lower().translate(_UMLAUTS), offset + found.start(), offset + found.end())
        for found in _TOKEN.finditer(text)
        if found.group() not in "-–—'’\"*"
    ]


def one_edit_apart(a: str, b: str) -> bool:
    """Whether two words differ by one insertion, deletion, substitution or transposition (Damerau)."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    first = next((i for i in range(len(a)) if a[i] != b[i]), len(a))
    if len(a) < len(b):
        return a[first:] == b[first + 1 :]
    swapped = a[first + 1 : first + 2] + a[first : first + 1]
    return a[first + 1 :] == b[first + 1 :] or (swapped == b[first : first + 2] and a[first + 2 :] == b[first + 2 :])
