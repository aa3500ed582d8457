"""Words and marks of a text with where they stand, in the form terms are compared in."""

import re
from itertools import accumulate
from typing import NamedTuple

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212-"  # hyphens, dashes and the sign
# A signed number ("axis -45"), a word, an arrow, "(+)", a dash that stands alone (it separates;
# within a word it only joins), a mark; a row of dots is one.
TOKEN = re.compile(
    rf"([^\W_]+|(?<![\w{DASHES}])[+{DASHES}]\d+(?!\w)|\.{{3,}}|--?>|==?>|→|\([+{DASHES}]\)|(?<=\s)[{DASHES}](?=\s)"
    r"|[,.:;/&+()?!\[\]=☐☑☒✓✔✗✘])"
)
_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"} | dict.fromkeys(DASHES, "-"))


class Tokens(NamedTuple):
    """A text cut up: what separates, a word or mark, what separates, …

    Word i is `stretches[2 * i + 1]`, at `text[places[2 * i] : places[2 * i + 1]]`.
    """

    stretches: list[str]
    places: list[int]

    @property
    def words(self) -> list[str]:
        """The words and marks as they are written."""
        return self.stretches[1::2]


def fold(word: str) -> str:
    """Return the form in which words are compared: lower case, German umlauts as two letters."""
    return word.lower() if word.isascii() else word.lower().translate(_FOLDED)


def tokenize(text: str) -> Tokens:
    """Split into words and marks; quotes, asterisks and the hyphens within words only separate."""
    stretches = TOKEN.split(text)
    return Tokens(stretches, list(accumulate(map(len, stretches))))


def words_of(text: str) -> list[str]:
    """Return the words and marks of a text in the form in which they are compared."""
    return [fold(word) for word in TOKEN.findall(text)]
