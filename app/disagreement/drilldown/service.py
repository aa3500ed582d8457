"""The ECGs behind a number, page by page."""

import uuid
from collections.abc import Sequence
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement.counting.cells import CellBook, Cells
from app.disagreement.counting.queries import names_of
from app.disagreement.counting.selection import PairFilter
from app.disagreement.drilldown import queries
from app.disagreement.drilldown.queries import Change, Instead
from app.disagreement.drilldown.schemas import DifferingEcg
from app.disagreement.outcomes import Direction, Listed, by_count, called_by, outcomes_of
from app.ecgs import service as ecgs
from app.ecgs.schemas import EcgPage
from app.kit.pagination import Position, decode, encode
from app.kit.problems import invalid, not_found
from app.reports import service as reports
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged


def place_of(rules: ReadingRules, label: str) -> int:
    """Return a label's place in the vocabulary; raise the 404 of one that it does not have."""
    keys = [known.key for known in rules.vocabulary.labels]
    if label not in keys:
        raise not_found("label")
    return keys.index(label)


def place_instead(rules: ReadingRules, direction: Listed, other: str | None) -> int | Literal["nothing"] | None:
    """Return the place of the label that has to have changed the other way; raise a 422 where it cannot be asked."""
    if other is None:
        return None
    if direction not in ("added", "removed"):
        raise invalid("query.instead", "needs `direction`: added or removed")
    if other == "nothing":
        return "nothing"
    keys = [known.key for known in rules.vocabulary.labels]
    if other not in keys:
        raise invalid("query.instead", "is no label of the active vocabulary, and not `nothing`", "unknown")
    return keys.index(other)


def of_label(
    session: Session,
    book: CellBook,
    rules: ReadingRules,
    chosen: PairFilter,
    *,
    hedged: Hedged,
    label: int,
    direction: Listed,
    instead: int | Literal["nothing"] | None = None,
    limit: int,
    cursor: str | None,
) -> EcgPage[DifferingEcg]:
    """List the ECGs whose over-read added, or removed, a label; newest recording first, those of unknown time last.

    Those that the machine, the over-read, or both called are looked for among all: a page of them may be short.
    `instead` is another label that changed the other way.
    """
    assert rules.slot is not None
    onward = None
    if direction == "machine" or direction == "overread" or direction == "agreed":  # noqa: PLR1714 - narrows the type
        condition = called_by(label, direction, hedged)
        found, onward = queries.called(session, rules.slot, chosen, condition, position=decode(cursor), limit=limit + 1)
    else:
        found = queries.changes(
            session,
            rules.slot,
            chosen,
            outcomes_of(label, direction, hedged),
            position=decode(cursor),
            limit=limit + 1,
            instead=_instead(rules, direction, hedged, instead),
        )
    shown = found[:limit]
    if len(found) > limit:
        onward = Position(shown[-1].at, shown[-1].ecg_id)
    return EcgPage(
        simulated=bool(chosen.simulated),
        items=_shown(session, book, rules, shown, hedged=hedged),
        next_cursor=encode(onward) if onward is not None else None,
    )


def _instead(
    rules: ReadingRules, direction: Direction, hedged: Hedged, other: int | Literal["nothing"] | None
) -> Instead | None:
    """Return what has to have changed the other way."""
    if other is None:
        return None
    opposite: Direction = "removed" if direction == "added" else "added"
    labels = range(len(rules.vocabulary.labels)) if other == "nothing" else [other]
    return Instead([each for label in labels for each in outcomes_of(label, opposite, hedged)], other != "nothing")


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
