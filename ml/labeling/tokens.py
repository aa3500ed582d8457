"""Words and marks of a text with where they stand, in the form terms are compared in."""

import re
from typing import NamedTuple

# A signed number ("axis -45"), a word, a dash that stands alone (it separates; within a word it only joins), a mark.
_TOKEN = re.compile(r"(?<![\w-])[+−-]\d+(?!\w)|[^\W_]+|(?<=\s)[–—-](?=\s)|[,.:;/&+()?!\[\]]")
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "−": "-", "–": "-", "—": "-"})


class Token(NamedTuple):
    """One word or mark, as it is written: `text[start:end]`."""

    word: str
    start: int
    end: int


def fold(word: str) -> str:
    """Give the form a word is compared in: no case, German umlauts as two letters."""
    return word.lower().translate(_FOLDED)


def tokenize(text: str) -> list[Token]:
    """Split into words and marks; quotes, asterisks and the hyphens within words only separate."""
    return [Token(found[0], *found.span()) for found in _TOKEN.finditer(text)]


def words_of(text: str) -> list[str]:
    """Give the words and marks of a text in the form they are compared in."""
    return [fold(word) for word in _TOKEN.findall(text)]
