"""`python -m ml.labeling.batch`: reads texts for another process, one batch a line, until its input ends.

The first line is `{"vocabulary": YAML}`. Each further one is a list of `[id, words | null, codes | null]`, and is
answered by two: the normal forms of the unmapped statements, each once; and a list of
`[id, present, uncertain, negated, historical, findings, places of unmapped forms in the first line, from 1, stance]`.
"""

import gc
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ml.labeling.findings import Code, Finding, Stance, Statement
from ml.labeling.labeled_report import LabeledReport
from ml.labeling.labeler import Labeler
from ml.labeling.normal import without_dates
from ml.labeling.vocabulary import Vocabulary

LONGEST_FORM = 200
_UNCUED = Finding._fields[: Finding._fields.index("cue")]
_NUMBER = re.compile(r"\d+")
_LONG_NUMBER = re.compile(r"\d\d+")


class Row(NamedTuple):
    """A labeled report as it is stored: masks, findings, normal forms of what is unmapped, stance."""

    present: int
    uncertain: int
    negated: int
    historical: int
    findings: list[dict[str, Any]]
    unmapped: list[str]
    stance: Stance


def read(labeler: Labeler, words: str | None, codes: Sequence[dict[str, Any]] | None) -> LabeledReport:
    """Return what a report says: its codes where it has codes, else its words."""
    return labeler.read(words or "") if codes is None else labeler.read_codes([Code(**code) for code in codes])


class Unmapped(NamedTuple):
    """A statement that is not understood, or only partly, with the words that the vocabulary does not have."""

    statement: Statement
    partly: bool
    not_understood: tuple[str, ...]


def unmapped(labeler: Labeler, report: LabeledReport) -> Iterator[Unmapped]:
    """Yield the statements in which no label was found, and those with a label and words that are not understood."""
    for statement in report.unmapped:
        yield Unmapped(statement, False, labeler.not_understood(statement.text))
    for statement in report.partly:
        if words := labeler.not_understood(statement.text):
            yield Unmapped(statement, True, words)


def unmapped_form(labeler: Labeler, report: LabeledReport, statement: Statement) -> str:
    """Return the form that unmapped statements of a report are counted by: a code is its system and itself.

    Dates, times and rates do not matter there. Most of what is new in an archive is new by these alone, and need not be
    brought into its normal form again.
    """
    system = report.system_of(statement)
    if system is not None:
        return f"{system} {statement.text}"[:LONGEST_FORM]
    return counted_form(labeler, _LONG_NUMBER.sub("00", without_dates(statement.text)))


def counted_form(labeler: Labeler, statement: str) -> str:
    """Return the normal form that statements are counted by: any number is "#", a long form is cut."""
    return _NUMBER.sub("#", labeler.normal_form(statement))[:LONGEST_FORM]


def row(labeler: Labeler, reading: LabeledReport) -> Row:
    """Return a labeled report as it is stored.

    A finding without a cue is written without the fields of one: most have none, and millions are stored.
    """
    partly = (statement for statement in reading.partly if labeler.not_understood(statement.text))
    forms = {unmapped_form(labeler, reading, statement) for statement in (*reading.unmapped, *partly)} - {""}
    findings = [_written(finding) for finding in reading.findings]
    return Row(*reading.masks(), findings, sorted(forms), reading.stance)


def _written(finding: Finding) -> dict[str, Any]:
    return dict(zip(Finding._fields if finding.cue is not None else _UNCUED, finding, strict=False))


def answered(labeler: Labeler, texts: Sequence[Any]) -> tuple[list[str], list[Any]]:
    """Return the two lines that answer a batch, as lists."""
    places: dict[str, int] = {}
    answer = []
    for number, words, codes in texts:
        *said, forms, stance = row(labeler, read(labeler, words, codes))
        answer.append((number, *said, [places.setdefault(form, len(places) + 1) for form in forms], stance))
    return list(places), answer


def main() -> None:
    """Answer until the input ends."""
    labeler = Labeler(Vocabulary.parse(json.loads(sys.stdin.readline())["vocabulary"]))
    gc.freeze()  # what is here stays: the collector need not look through it again and again
    for line in sys.stdin:
        for part in answered(labeler, json.loads(line)):
            sys.stdout.write(f"{json.dumps(part)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
