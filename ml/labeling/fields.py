"""Fields that begin a line or sentence: what reads no tracing, the patient's history, measurements."""

import re

from ml.labeling.terms import Terms, place_and_meaning, words_in
from ml.labeling.tokens import fold, tokenize, words_of
from ml.labeling.vocabulary import Vocabulary

LENGTH = 80  # characters in which a field is named
_FIRST_WORD = re.compile(r"[^\W_]+")
_NO_FIELDS = ("unit", "first_reading", "final_reading")


class FieldFinder:
    """Finds the fields of a vocabulary at the beginning of a stretch of text."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        fields = [field for field in vocabulary.fields if field.holds(vocabulary.policy)]
        self._fields = Terms(
            (term, field.kind) for field in fields if field.kind not in _NO_FIELDS for term in field.all()
        )
        self._units = words_in(term for field in fields if field.kind == "unit" for term in field.all())
        self.begins = self._fields.begins

    def kind(self, beginning: str) -> str | None:
        """Return the kind of the field that begins a stretch; a colon or, for a measurement, a value must follow."""
        first = _FIRST_WORD.search(beginning)
        if first is None or fold(first[0]) not in self.begins:
            return None
        words = [word for word in words_of(beginning) if word != "-"]
        start, end, kind = next(iter(self._fields.walk(words, place_and_meaning)), (None, 0, ""))
        if start != 0:
            return None
        following = words[end] if end < len(words) else ""
        if ":" in (words[end - 1], following):
            return kind
        return kind if kind.startswith("measurement") and not following.isalpha() else None

    def past_measurements(self, text: str, start: int, end: int) -> int:
        """Return the place of the first word behind the measurements that begin a stretch, or its end."""
        stretches, places = tokenize(text[start:end])
        words = [fold(word) for word in stretches[1::2]]
        fields = {first: (past, kind) for first, past, kind in self._fields.walk(words, place_and_meaning)}
        i = 0
        while i < len(words):
            past, kind = fields.get(i, (i + 1, ""))
            if kind == "measurement":
                i = past
            elif not words[i].isalpha() or (words[i] in self._units and words[i - 1] != ","):
                i += 1
            else:
                return start + places[2 * i]
        return end
