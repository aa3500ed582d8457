"""A plain text with its words, its cues and what stands between them."""

import re

from ml.deidentify import shapes
from ml.deidentify.cues import Cue, find
from ml.deidentify.names import Names
from ml.deidentify.tokens import tokens_of

Span = tuple[int, int]

SPACE = ("", " ", "\t")
COMMA = (",", ", ", ",\t")
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

    def _all_cues(self) -> list[Cue]:
        words: list[str] = []  # of the tokens, with a mark where no label goes across
        places: list[int] = []  # the token of each
        for place, token in enumerate(self.tokens):
            if place and _APART.search(self.gap(place)):
                words.append("\n")
                places.append(place)
            words.append(token.folded)
            places.append(place)
        return [Cue(places[cue.start], places[cue.end - 1] + 1, cue.kinds) for cue in find(words)]
