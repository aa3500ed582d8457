"""Sections of two readers in one text: "Machine read: … Overread: …"."""

import re
from typing import NamedTuple

from ml.labeling.terms import variants
from ml.labeling.vocabulary import Vocabulary

Stretch = tuple[int, int]

# what may be a heading: words up to a colon, at the start of a line or behind a mark
_BEFORE_COLON = re.compile(r"(?:^|[\n.;/|,—–])[ \t]*+([^\n.;/|,—–:]{1,40}):(?=[ \n])")


class TwoReaders(NamedTuple):
    """The places of what stands before the sections, of the sections that count less, and of those that count."""

    before: Stretch
    first: list[Stretch]
    final: list[Stretch]


class Sections:
    """Finds the sections of two readers by a vocabulary's headings, in whatever order they stand."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._kinds = {
            " ".join(words): field.kind
            for field in vocabulary.fields
            if field.kind in ("first_reading", "final_reading") and field.holds(vocabulary.policy)
            for term in field.all()
            for words in variants(term)
        }

    def find(self, text: str) -> TwoReaders | None:
        """Return the sections of a text without their headings; None where it has not both kinds."""
        if ": " not in text and ":\n" not in text:  # a time of day has neither
            return None
        headings = [
            (found.start(1), found.end(), kind)
            for found in _BEFORE_COLON.finditer(text)
            if (kind := self._kinds.get(" ".join(found[1].lower().replace("-", " ").split()))) is not None
        ]
        if len({kind for _, _, kind in headings}) < 2:
            return None
        ends = [*(start for start, _, _ in headings[1:]), len(text)]
        found = TwoReaders((0, headings[0][0]), [], [])
        for (_, start, kind), end in zip(headings, ends, strict=True):
            (found.first if kind == "first_reading" else found.final).append((start, end))
        return found
