"""Sections of two readers in one text: "Machine read: … Overread: …"."""

import re
from typing import NamedTuple

from ml.labeling.terms import variants
from ml.labeling.vocabulary import FieldKind, Vocabulary

Stretch = tuple[int, int]


class TwoReaders(NamedTuple):
    """The places of what stands before two sections, of the first reader's section and of the final one's."""

    before: Stretch
    first: Stretch
    final: Stretch


class Sections:
    """Finds the sections of two readers by a vocabulary's headings."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._first = _headings(vocabulary, "first_reading")
        self._final = _headings(vocabulary, "final_reading")

    def find(self, text: str) -> TwoReaders | None:
        """Return the sections of a text without their headings; None where it has not both."""
        if ":" not in text or self._first is None or self._final is None:
            return None
        first = self._first.search(text)
        final = self._final.search(text, first.end()) if first else None
        if first is None or final is None:
            return None
        return TwoReaders((0, first.start()), (first.end(), final.start()), (final.end(), len(text)))


def _headings(vocabulary: Vocabulary, kind: FieldKind) -> re.Pattern[str] | None:
    fields = [field for field in vocabulary.fields if field.kind == kind and field.holds(vocabulary.policy)]
    spelled = {words for field in fields for term in field.all() for words in variants(term)}
    if not spelled:
        return None
    headings = "|".join(r"[ -]".join(map(re.escape, words)) for words in sorted(spelled, reverse=True))
    return re.compile(rf"(?:^|(?<=[.;/]\s))(?:{headings}) ?:", re.IGNORECASE | re.MULTILINE)
