"""The answers users see: the table, its trend, and what was read instead."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import rows, statistics
from app.disagreement.counting import queries
from app.disagreement.counting.cells import CellBook
from app.disagreement.counting.selection import PairFilter, are_separate
from app.disagreement.rows import tables
from app.disagreement.schemas import Totals
from app.disagreement.tally import Asked, tally
from app.kit.database import Json
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged
from ml.labeling import Label

Integers = NDArray[np.int64]


def disagreement(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Json:
    """Return an answer as `schemas.Disagreement` shows it; the whole is the sum of its groups."""
    labels = rules.vocabulary.labels
    counted = tally(session, book, rules, asked)
    whole = tables(counted.summed(), labels)[0]
    groups = None
    if asked.group_by:
        keys = [dict(zip(asked.group_by, key, strict=True)) for key in counted.keys]
        groups = [{"group": key, **table} for key, table in zip(keys, tables(counted, labels), strict=True)]
    return {**whole, **_about(rules, asked), **counted.known, "groups": groups}


def _about(rules: ReadingRules, asked: Asked) -> Json:
    """Return what every answer says of how it was counted."""
    return {"vocabulary": rules.vocabulary.version, "hedged": asked.hedged, "simulated": asked.chosen.simulated}


def comparison(
    session: Session,
    book: CellBook,
    rules: ReadingRules,
    compared: tuple[PairFilter, PairFilter],
    *,
    hedged: Hedged,
) -> Json:
    """Return an answer as `schemas.Comparison` shows it: the tables of two choices, and how they differ."""
    labels = rules.vocabulary.labels
    a, b = (tally(session, book, rules, Asked(chosen, hedged)) for chosen in compared)
    shown = [
        {**tables(counted, labels)[0], **counted.known, "simulated": chosen.simulated}
        for counted, chosen in zip((a, b), compared, strict=True)
    ]
    any_label = statistics.difference(
        *(statistics.proportion(counted.differing, counted.pairs) * 100 for counted in (a, b))
    )
    (value,), (interval,) = rows.shown(any_label)
    return {
        "vocabulary": rules.vocabulary.version,
        "hedged": hedged,
        "separate": are_separate(*compared),
        "a": shown[0],
        "b": shown[1],
        "difference": {
            "differing_pct": value,
            "differing_pct_ci": interval,
            "labels": rows.differences(a.counts, b.counts, labels),
        },
    }


def trend(session: Session, book: CellBook, rules: ReadingRules, asked: Asked, *, only: Sequence[str]) -> Json:
    """Return an answer as `schemas.Trend` shows it; pairs of unknown time are in no month."""
    counted = tally(session, book, rules, replace(asked, group_by=("month",)))
    by_month = tables(counted, rules.vocabulary.labels)
    months = [month for (month,) in counted.keys]
    undated = sum(table["pairs"] for table, month in zip(by_month, months, strict=True) if month is None)
    dated = [(month, table) for month, table in zip(months, by_month, strict=True) if month is not None]
    return {
        **_about(rules, asked),
        "undated": undated,
        "months": [{"month": month, **{name: table[name] for name in Totals.model_fields}} for month, table in dated],
        "labels": [
            {
                "label": label.key,
                "name": label.name,
                "points": [{"month": month, **table["labels"][bit]} for month, table in dated],
            }
            for bit, label in enumerate(rules.vocabulary.labels)
            if not only or label.key in only
        ],
    }


def flow(session: Session, book: CellBook, rules: ReadingRules, asked: Asked) -> Json:
    """Return an answer as `schemas.Flow` shows it: which labels changed the other way in the same pair."""
    assert rules.slot is not None
    labels = rules.vocabulary.labels
    counted = queries.count_by_cell(session, rules.slot, asked.chosen)
    masks, left_out = book.read(session, counted.cell_ids)
    bits = np.arange(len(labels))
    added, removed = (
        (mask[:, None] >> bits & 1).astype(np.int64)
        for mask in (masks.added(asked.hedged), masks.removed(asked.hedged))
    )
    weighted = removed.T * counted.pairs
    return {
        "pairs": int(counted.pairs[left_out == 0].sum()),
        **_about(rules, asked),
        "removed": _flows(labels, weighted @ added, weighted.sum(axis=1), weighted @ ~added.any(axis=1)),
        "added": _flows(
            labels, (weighted @ added).T, added.T @ counted.pairs, (added.T * counted.pairs) @ ~removed.any(axis=1)
        ),
    }


def _flows(labels: Sequence[Label], together: Integers, pairs: Integers, alone: Integers) -> list[Json]:
    """Return a row a label: its pairs, those of them in which no other label changed, and the others that did."""
    return [
        {
            "label": label.key,
            "name": label.name,
            "pairs": int(pairs[row]),
            "alone": int(alone[row]),
            "others": [
                {"label": labels[other].key, "name": labels[other].name, "pairs": int(together[row, other])}
                for other in np.argsort(-together[row], kind="stable")
                if together[row, other]
            ],
        }
        for row, label in enumerate(labels)
    ]
