"""The ECGs behind a number, page by page."""

import uuid
from collections.abc import Sequence

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement.counting.cells import CellBook, Cells
from app.disagreement.counting.queries import names_of
from app.disagreement.counting.selection import PairFilter
from app.disagreement.drilldown import queries
from app.disagreement.drilldown.queries import Change
from app.disagreement.drilldown.schemas import DifferingEcg
from app.disagreement.outcomes import Direction, by_count, outcomes_of
from app.ecgs import service as ecgs
from app.ecgs.schemas import EcgPage
from app.kit.pagination import Position, decode, encode
from app.kit.problems import invalid
from app.reports import service as reports
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged


def of_label(
    session: Session,
    book: CellBook,
    rules: ReadingRules,
    chosen: PairFilter,
    *,
    hedged: Hedged,
    label: int,
    direction: Direction,
    limit: int,
    cursor: str | None,
) -> EcgPage[DifferingEcg]:
    """List the ECGs whose over-read added, or removed, a label; newest recording first, those of unknown time last."""
    assert rules.slot is not None
    outcomes = outcomes_of(label, direction, hedged)
    found = queries.changes(session, rules.slot, chosen, outcomes, position=decode(cursor), limit=limit + 1)
    shown = found[:limit]
    return EcgPage(
        simulated=bool(chosen.simulated),
        items=_shown(session, book, rules, shown, hedged=hedged),
        next_cursor=encode(Position(shown[-1].at, shown[-1].ecg_id)) if len(found) > limit else None,
    )


def most_changed(
    session: Session,
    book: CellBook,
    rules: ReadingRules,
    chosen: PairFilter,
    *,
    hedged: Hedged,
    limit: int,
    cursor: str | None,
) -> EcgPage[DifferingEcg]:
    """List the ECGs on which most labels differ, the newest first among equals."""
    assert rules.slot is not None
    most, position = _counted(cursor)
    found: list[tuple[int, Change]] = []
    for changed, outcomes in by_count(queries.counting_outcomes(session, rules.slot), hedged):
        if most is not None and changed > most:
            continue
        after = position if changed == most else None
        missing = limit + 1 - len(found)
        found += [
            (changed, change)
            for change in queries.changes(session, rules.slot, chosen, outcomes, position=after, limit=missing)
        ]
        if len(found) > limit:
            break
    shown = found[:limit]
    next_cursor = None
    if len(found) > limit:
        changed, last = shown[-1]
        next_cursor = f"{changed}.{encode(Position(last.at, last.ecg_id))}"
    return EcgPage(
        simulated=bool(chosen.simulated),
        items=_shown(session, book, rules, [change for _, change in shown], hedged=hedged),
        next_cursor=next_cursor,
    )


def of_ecg(session: Session, book: CellBook, rules: ReadingRules, ecg_id: uuid.UUID) -> Cells | None:
    """Return the cell of one ECG's pair, alone in its arrays; None where the ECG has no pair."""
    if rules.slot is None:
        return None
    cell = queries.cells_of(session, rules.slot, [ecg_id]).get(ecg_id)
    return None if cell is None else book.read(session, np.array([cell], np.int64))


def _counted(cursor: str | None) -> tuple[int | None, Position | None]:
    """Read a cursor that says besides how many labels differed."""
    if cursor is None:
        return None, None
    changed, dot, position = cursor.partition(".")
    if not dot or not (changed.isascii() and changed.isdigit() and len(changed) < 3):
        raise invalid("query.cursor", "is not a cursor this service gave out")
    return int(changed), decode(position)


def _shown(
    session: Session, book: CellBook, rules: ReadingRules, found: Sequence[Change], *, hedged: Hedged
) -> list[DifferingEcg]:
    """Show pairs with their ECGs and readings."""
    assert rules.slot is not None
    ids = [change.ecg_id for change in found]
    stored = queries.ecgs(session, ids)
    readings = reports.of_ecgs(session, ids)
    readers = names_of(session, {change.reader_id for change in found})
    cells = queries.cells_of(session, rules.slot, ids)
    present = [change for change in found if change.ecg_id in cells]
    masks = book.read(session, np.array([cells[change.ecg_id] for change in present], np.int64)).masks
    added, removed = masks.added(hedged).tolist(), masks.removed(hedged).tolist()
    keys = [label.key for label in rules.vocabulary.labels]
    return [
        DifferingEcg(
            ecg=ecgs.outside(stored[change.ecg_id]),
            reader=readers.get(change.reader_id),
            added=[key for bit, key in enumerate(keys) if added[at] >> bit & 1],
            removed=[key for bit, key in enumerate(keys) if removed[at] >> bit & 1],
            reports=readings[change.ecg_id],
        )
        for at, change in enumerate(present)
    ]
