"""A plain text as words and numbers with where they stand."""

import re
from typing import NamedTuple

from ml.labeling.tokens import fold

# A dotted abbreviation ("M.D."), a word with its apostrophes, a number.
_TOKEN = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,6}|[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")


class Token(NamedTuple):
    """A word or number: `text[start:end]`; `folded` is the form it is compared in.

    `is_cased`: its line has small and capital letters, so that a capital says something.
    """

    start: int
    end: int
    written: str
    folded: str
    is_word: bool
    is_cased: bool

    @property
    def is_capitalised(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.written[0].isupper()


def tokens_of(text: str) -> list[Token]:
    """Return the words and numbers of a text, in order."""
    tokens: list[Token] = []
    start = 0
    for line in text.split("\n"):
        is_cased = not (line.isupper() or line.islower())
        for found in _TOKEN.finditer(text, start, start + len(line)):
            word = found[0]
            folded = fold(word) if word.isalnum() else _without_marks(fold(word))
            tokens.append(Token(found.start(), found.end(), word, folded, not word[0].isdigit(), is_cased))
        start += len(line) + 1
    return tokens


def _without_marks(word: str) -> str:
    return word.replace(".", "").replace("’", "'").removesuffix("'s")
