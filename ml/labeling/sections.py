"""Sections of two readers in one text: "Machine read: … Overread: …"."""

import re
from typing import NamedTuple

from ml.labeling.terms import variants
from ml.labeling.vocabulary import FieldKind, Vocabulary

Stretch = tuple[int, int]


class TwoReaders(NamedTuple):
    """The places of what stands before the sections, of the sections that count less, and of those that count."""

    before: Stretch
    first: list[Stretch]
    final: list[Stretch]


class Sections:
    """Finds the sections of two readers by a vocabulary's headings, in whatever order they stand."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        first, final = _headings(vocabulary, "first_reading"), _headings(vocabulary, "final_reading")
        heading = rf"(?:^|(?<=[.;/|,—–]\s))[ \t]*+(?:(?P<first>{first})|(?P<final>{final})) ?:"
        self._heading = re.compile(heading, re.IGNORECASE | re.MULTILINE) if first and final else None

    def find(self, text: str) -> TwoReaders | None:
        """Return the sections of a text without their headings; None where it has not both kinds."""
        if ":" not in text or self._heading is None:
            return None
        headings = list(self._heading.finditer(text))
        if {heading.lastgroup for heading in headings} != {"first", "final"}:
            return None
        ends = [*(heading.start() for heading in headings[1:]), len(text)]
        found = TwoReaders((0, headings[0].start()), [], [])
        for heading, end in zip(headings, ends, strict=True):
            (found.first if heading.lastgroup == "first" else found.final).append((heading.end(), end))
        return found


def _headings(vocabulary: Vocabulary, kind: FieldKind) -> str:
    """Return a pattern of the headings of a kind, "" where there are none."""
    fields = [field for field in vocabulary.fields if field.kind == kind and field.holds(vocabulary.policy)]
    spelled = {words for field in fields for term in field.all() for words in variants(term)}
    return "|".join(r"[ -]".join(map(re.escape, words)) for words in sorted(spelled, reverse=True))
