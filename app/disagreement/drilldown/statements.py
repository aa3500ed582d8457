"""The statements experts add and remove most, read from the texts of the newest ECGs that differ."""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.counting.selection import PairFilter
from app.disagreement.drilldown import queries
from app.disagreement.drilldown.schemas import ChangedStatement, ChangedStatements, StatementExample
from app.disagreement.outcomes import Direction, by_count, outcomes_of
from app.disagreement.queries import pairs_of
from app.reports import queries as reports
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged
from ml.labeling.batch import counted_form, read


class _Place(NamedTuple):
    start: int
    end: int
    text: str


class _Seen:
    """How many ECGs have each statement, and where it was seen first."""

    def __init__(self) -> None:
        self.ecgs: dict[str, int] = {}
        self.example: dict[str, StatementExample] = {}

    def add(self, form: str, ecg_id: uuid.UUID, report_id: uuid.UUID, place: _Place) -> None:
        self.ecgs[form] = self.ecgs.get(form, 0) + 1
        if form not in self.example:
            self.example[form] = StatementExample(ecg_id=ecg_id, report_id=report_id, **place._asdict())

    def most(self, limit: int, of: int) -> list[ChangedStatement]:
        forms = sorted(self.ecgs, key=lambda form: (-self.ecgs[form], form))[:limit]
        counts = np.array([self.ecgs[form] for form in forms], np.int64)
        share = statistics.proportion(counts, np.full_like(counts, of)) * 100
        return [
            ChangedStatement(statement=form, ecgs=ecgs, pct=pct, pct_ci=(low, high), example=self.example[form])
            for form, ecgs, pct, low, high in zip(
                forms, counts.tolist(), share.value.tolist(), share.low.tolist(), share.high.tolist(), strict=True
            )
        ]


def changed_statements(
    session: Session,
    rules: ReadingRules,
    chosen: PairFilter,
    *,
    hedged: Hedged,
    label: int | None,
    direction: Direction,
    sample: int,
    limit: int,
) -> ChangedStatements:
    """Compare the two texts of the newest ECGs on which a label (or this one) differs, statement by statement."""
    assert rules.slot is not None
    if label is None:
        found = by_count(queries.counting_outcomes(session, rules.slot), hedged)
        outcomes = [outcome for _, alike in found for outcome in alike]
    else:
        outcomes = outcomes_of(label, direction, hedged)
    newest = queries.changes(session, rules.slot, chosen, outcomes, limit=sample + 1)
    pairs = {pair.ecg_id: pair for pair in pairs_of(session, [change.ecg_id for change in newest[:sample]])}
    said = _statements(session, rules, [text for p in pairs.values() for text in (p.machine_text, p.overread_text)])
    added, removed = _Seen(), _Seen()
    for change in newest[:sample]:
        if (pair := pairs.get(change.ecg_id)) is None:
            continue
        machine, overread = said[pair.machine_text], said[pair.overread_text]
        for form in overread.keys() - machine.keys():
            added.add(form, pair.ecg_id, pair.overread_report, overread[form])
        for form in machine.keys() - overread.keys():
            removed.add(form, pair.ecg_id, pair.machine_report, machine[form])
    return ChangedStatements(
        vocabulary=rules.vocabulary.version,
        hedged=hedged,
        simulated=bool(chosen.simulated),
        read=len(pairs),
        complete=len(newest) <= sample,
        added=added.most(limit, len(pairs)),
        removed=removed.most(limit, len(pairs)),
    )


def _statements(session: Session, rules: ReadingRules, ids: Sequence[int]) -> dict[int, dict[str, _Place]]:
    """Return each text's statements by normal form, with the place of the first of each form."""
    said = {}
    for id_, stored in reports.texts(session, set(ids)).items():
        places: dict[str, _Place] = {}
        for statement in read(rules.labeler, stored.text, stored.codes).statements:
            form = counted_form(rules.labeler, statement.text)
            if form:
                places.setdefault(form, _Place(statement.start, statement.end, statement.text))
        said[id_] = places
    return said
