"""Statements as models read them: in normal form, in known words alone, with the labels they assert and deny."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

from ml.deidentify.words import is_known
from ml.labeling import LabeledReport, Labeler, Vocabulary
from ml.labeling.terms import words_in
from ml.labeling.tokens import words_of
from ml.labeling.vocabulary import Phrases

LONGEST = 500  # characters of a statement that are kept
LONGEST_NUMBER = 3  # digits: rates and intervals; longer ones are dates and somebody's numbers


class Statement(NamedTuple):
    """A statement's normal form, and the labels it asserts and denies as bit masks (bit i is label i)."""

    text: str
    asserts: int = 0
    denies: int = 0


class StatementReader:
    """Turns reports into statements for models.

    A statement keeps the words that the vocabulary has or that ECG reports use (`ml/deidentify/words`), and short
    numbers. All other words are dropped: a name that nobody recognised is in no dataset, tokenizer or bundle.
    """

    def __init__(self, labeler: Labeler) -> None:
        self._labeler = labeler
        self._words = _words(labeler.vocabulary)

    def statements_of(self, report: LabeledReport) -> list[Statement]:
        """Return the distinct statements of a report, in its order.

        Two wordings of one statement are one here ("AF", "atrial fibrillation"), whatever language they are in.
        """
        found: dict[str, Statement] = {}
        for statement in report.statements:
            normal = self._labeler.normal_form(statement.text)[:LONGEST]
            text = " ".join(word for word in normal.split() if self.keeps(word))
            if text and text not in found:
                masks = self._labeler.read(statement.text).masks()
                found[text] = Statement(text, masks.present | masks.uncertain, masks.negated)
        return list(found.values())

    def keeps(self, word: str) -> bool:
        """Whether a word of a normal form is kept."""
        number = word.lstrip("+-")
        if number.isdigit():
            return len(number) <= LONGEST_NUMBER
        return word in self._words or is_known(word)


def _words(vocabulary: Vocabulary) -> frozenset[str]:
    """Return every word of a vocabulary's terms and names, folded."""
    names = [*(label.name for label in vocabulary.labels), *(entry.name for entry in vocabulary.synonyms)]
    return frozenset(words_in(_terms(vocabulary))).union(*map(words_of, names))


def _terms(part: Any) -> Iterator[str]:
    if isinstance(part, Phrases):
        yield from part.all()
    if isinstance(part, BaseModel):
        for _, inner in part:
            yield from _terms(inner)
    elif isinstance(part, tuple):
        for inner in part:
            yield from _terms(inner)
