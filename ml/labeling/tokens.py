"""Words and marks of a text with where they stand, in the form terms are compared in."""

import re
from itertools import accumulate
from typing import NamedTuple

# A signed number ("axis -45"), a word, a dash that stands alone (it separates; within a word it only joins), a mark.
TOKEN = re.compile(r"((?<![\w-])[+−-]\d+(?!\w)|[^\W_]+|(?<=\s)[–—-](?=\s)|[,.:;/&+()?!\[\]])")
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "−": "-", "–": "-", "—": "-"})


class Tokens(NamedTuple):
    """Words and marks as they are written: number i is `text[places[2 * i] : places[2 * i + 1]]`."""

    words: list[str]
    places: list[int]

    def start(self, word: int) -> int:
        """Give where a word begins in the text."""
        return self.places[2 * word]

    def end(self, word: int) -> int:
        """Give where a word ends in the text (exclusive)."""
        return self.places[2 * word + 1]


def fold(word: str) -> str:
    """Give the form a word is compared in: no case, German umlauts as two letters."""
    return word.lower() if word.isascii() else word.lower().translate(_FOLDED)


def tokenize(text: str) -> Tokens:
    """Split into words and marks; quotes, asterisks and the hyphens within words only separate."""
    pieces = TOKEN.split(text)  # what separates, word, what separates, …
    return Tokens(pieces[1::2], list(accumulate(map(len, pieces))))


def words_of(text: str) -> list[str]:
    """Give the words and marks of a text in the form they are compared in."""
    return [fold(word) for word in TOKEN.findall(text)]
