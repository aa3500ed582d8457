"""Statements as models read them: in normal form, in known words alone, with the labels they assert and deny."""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from pydantic import BaseModel

from ml.corpus.code_descriptions import code_descriptions
from ml.corpus.statement_units import replaced, said_once, units
from ml.deidentify.words import is_known
from ml.labeling import LabeledReport, Labeler, Vocabulary
from ml.labeling.findings import Code
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
        self._units = units()
        self._separators = {each.name: each.separator for each in labeler.vocabulary.code_systems}

    def statements_of(self, report: LabeledReport) -> list[Statement]:
        """Return the distinct statements of a report, in its order.

        Two wordings of one statement are one here ("AF", "atrial fibrillation"), whatever language they are in. What is
        not of the tracing is left out, lines without stops are taken apart, and a code is what it says in words. The
        labels that the report's lines assert and deny are those that their parts do.
        """
        found: dict[str, Statement] = {}
        for statement in self._coded(report) if report.codes else self._written(report):
            if statement.text:
                found.setdefault(statement.text, statement)
        return list(found.values())

    def normal_form(self, text: str) -> str:
        """Return a phrase as a statement that says the same is written; unknown words stay."""
        words = said_once(self._labeler.normal_form(self._units.english(self._with_no(text))).split())
        if words and (words[0] == "uncertain" or words[-1] == "possible"):  # one place and one word for it
            words = ["possible", *(word for word in words if word not in ("possible", "uncertain"))]
        return " ".join(words)

    def _written(self, report: LabeledReport) -> Iterator[Statement]:
        for text in self._joined(report):
            kept = [word for word in self.normal_form(text)[:LONGEST].split() if self.keeps(word)]
            asserts, denies = self._says(text)
            yield Statement(" ".join(said_once(kept)), asserts, denies)

    def _joined(self, report: LabeledReport) -> list[str]:
        """Return the pieces of a report's lines; one that only goes on with the piece before it is part of that."""
        found: list[str] = []
        for statement in report.statements:
            for piece in self._pieces(statement.text):
                goes_on = found and len(found[-1]) < LONGEST and self._units.goes_on(piece)
                together = f"{found[-1]} {piece}" if goes_on else ""
                if together and self._says(together) == self._says(found[-1], piece):
                    found[-1] = together
                else:
                    found.append(piece)
        return found

    def _pieces(self, text: str) -> list[str]:
        """Return the pieces of a line; all of it where they would say something else of the labels."""
        pieces = self._units.pieces(self._units.kept(text))
        return pieces if pieces == [text] or self._says(*pieces) == self._says(text) else [text]

    def _says(self, *texts: str) -> tuple[int, int]:
        """Return the labels that texts assert, and those that they deny."""
        masks = [self._labeler.read(text).masks() for text in texts]
        return (
            reduce(or_, (each.present | each.uncertain for each in masks), 0),
            reduce(or_, (each.negated for each in masks), 0),
        )

    def _with_no(self, text: str) -> str:
        """Return a text whose denials are written as "no": before all of it where it asserts nothing."""
        findings = self._labeler.read(text).findings
        only = all(each.status == "negated" for each in findings)
        cues = {
            (each.cue_start, each.cue_end, " " if only else " no ")
            for each in findings
            if each.status == "negated" and each.cue_start is not None and each.cue_end is not None
        }
        return f"{'no ' if cues and only else ''}{replaced(text, sorted(cues))}"

    def _coded(self, report: LabeledReport) -> Iterator[Statement]:
        names = [(1 << bit, label.name.lower()) for bit, label in enumerate(self._labeler.vocabulary.labels)]
        for statement in report.statements:
            codes = report.codes_of(statement)
            masks = self._labeler.read_codes(codes).masks()
            asserts, denies = masks.present | masks.uncertain, masks.negated
            words = self._described(codes) or " and ".join(name for bit, name in names if (asserts | denies) & bit)
            if not words:
                kept = self._labeler.normal_form(statement.text)[:LONGEST].split()
                yield Statement(" ".join(word for word in kept if self.keeps(word)), asserts, denies)
                continue
            below = self._labeler.vocabulary.uncertain_below
            unsure = masks.uncertain or any(code.certainty is not None and code.certainty < below for code in codes)
            sure = (
                "no " if denies and not asserts else "possible " if unsure and not words.startswith("possible") else ""
            )
            yield Statement(sure + words, asserts, denies)

    def _described(self, codes: Sequence[Code]) -> str:
        """Return what a statement's codes say in words; nothing where the first of them has no description."""
        said = []
        for code in codes:
            separator = self._separators.get(code.system)
            known = code_descriptions().get(code.system, {})
            said += [known.get(part.strip(), "") for part in (code.code.split(separator) if separator else [code.code])]
        return self.normal_form(" ".join(said))[:LONGEST] if said and said[0] else ""

    def keeps(self, word: str) -> bool:
        """Whether a word of a normal form is kept."""
        number = word.lstrip("+-")
        if number.isdigit():
            return len(number) <= LONGEST_NUMBER
        return word in self._words or is_known(word)


def normaliser(vocabulary: str | None) -> Callable[[str], str]:
    """Return the function that brings a phrase into the form on which a text encoder was trained."""
    return str.lower if vocabulary is None else StatementReader(Labeler(Vocabulary.parse(vocabulary))).normal_form


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
