"""A plain text with its words, its cues and what stands between them."""

import re

from ml.deidentify import shapes
from ml.deidentify.cues import Cue, find, words
from ml.deidentify.names import Names
from ml.deidentify.tokens import tokens_of
from ml.deidentify.words import is_a_name, is_also_a_name

Span = tuple[int, int]

SPACE = ("", " ", "\t")
COMMA = (",", ", ", ",\t")
LONGEST_EPONYM = 4  # tokens behind a name up to "criteria"
_WITHIN_AN_EPONYM = ("-", " ", "\t", "' ", "’ ")
_APART = re.compile(r"[\n;:()\[\]|]|\s[-–]\s")  # no label goes across these


class Page:
    """What every search for identifiers reads."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens_of(text)
        self.names = Names(text, self.tokens)
        self._cues = self._all_cues()

    def found(self, kind: str) -> list[Cue]:
        """Return the terms of a list of cues, in order."""
        return [cue for cue in self._cues if kind in cue.kinds]

    def span(self, first: int, end: int) -> Span:
        """Return the characters of tokens `first` to `end` (exclusive), with the bracket that they open."""
        start, stop = self.tokens[first].start, self.tokens[end - 1].end
        if digits := shapes.DIGITS.match(self.text, stop):
            stop = digits.end()  # "jsm02"
        if self.text[stop : stop + 1] == ")" and "(" in self.text[start:stop]:
            stop += 1
        return start, stop

    def gap(self, place: int) -> str:
        """Return what stands between a token and the one before it."""
        return self.text[self.tokens[place - 1].end : self.tokens[place].start]

    def gap_behind(self, cue: Cue) -> str:
        """Return what stands between a cue and the token behind it; nothing at the end of the text."""
        return self.gap(cue.end) if cue.end < len(self.tokens) else ""

    def is_an_eponym(self, end: int) -> bool:
        """Whether the name that ends at a token is an eponym's: "Smith criteria", "Weaver-Dunn procedure"."""
        for place in range(end, min(end + LONGEST_EPONYM, len(self.tokens))):
            word = self.tokens[place].folded
            if self.gap(place) not in _WITHIN_AN_EPONYM:
                return False
            if word in words("eponym_nouns"):
                return True
            if not (is_a_name(word) or is_also_a_name(word)):
                return False
        return False

    def _all_cues(self) -> list[Cue]:
        texts: list[str] = []  # of the tokens, with a mark where no label goes across
        places: list[int] = []  # the token of each
        for place, token in enumerate(self.tokens):
            if place and _APART.search(self.gap(place)):
                texts.append("\n")
                places.append(place)
            texts.append(token.folded)
            places.append(place)
        return [Cue(places[cue.start], places[cue.end - 1] + 1, cue.kinds) for cue in find(texts)]
