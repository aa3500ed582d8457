"""From counted readings to what they say of readers."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.rows import intervals, label_rows, plain
from app.disagreement.statistics import LabelCounts, Rate
from app.kit.database import Json
from app.kit.pagination import Page, Position, encode
from app.readers.service import counts_beside
from app.reviews.quality import queries
from app.reviews.quality.queries import Asked, ChangedRow, Influenced
from app.reviews.quality.schemas import ChangedOut
from app.reviews.words import taken_apart
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged
from ml.labeling import Label

MINIMUM = 20
"""ECGs (of followed statements: wrong statements) below which a figure is withheld: it would say little of a person."""
FOLLOWED = ("blind", "amended", "shown")

Integers = NDArray[np.int64]


def quality(session: Session, rules: ReadingRules, reader: str, asked: Asked, *, hedged: Hedged) -> Json:
    """Return the answer of `schemas.Quality`: a reader beside the own repeats, gold, and other readers."""
    labels = rules.vocabulary.labels
    rows = queries.compared(session, asked)
    intra, gold, inter = (counts_beside(rows, other, labels, hedged) for other in ("repeat", "gold", "reader"))
    followed = queries.influenced(session, Asked(vocabulary_id=rules.id, chosen=asked.chosen, user_id=asked.user_id))
    return {
        "reader": reader,
        "mode": asked.mode,
        "vocabulary": rules.vocabulary.version,
        "hedged": hedged,
        "simulated": asked.chosen.simulated,
        "minimum": MINIMUM,
        **queries.totals(session, asked)._asdict(),
        "intra": _rows(labels, intra, {"only_first": intra.removed, "only_repeat": intra.added}),
        "gold": _rows(
            labels,
            gold,
            {"missed": gold.removed, "overcalled": gold.added},
            sensitivity=statistics.proportion(gold.both, gold.machine),
            specificity=statistics.proportion(gold.neither, gold.neither + gold.added),
        ),
        "inter": _rows(labels, inter, {"only_this": inter.removed, "only_other": inter.added}),
        "followed": {name: _followed(followed, name, labels, hedged) for name in FOLLOWED},
    }


def influence(session: Session, rules: ReadingRules, asked: Asked, *, hedged: Hedged) -> Json:
    """Return the answer of `schemas.Influence`: what all readers change of the machine's reading, unseen and seen."""
    labels = rules.vocabulary.labels
    rows = queries.influenced(session, asked)
    return {
        "vocabulary": rules.vocabulary.version,
        "hedged": hedged,
        "simulated": asked.chosen.simulated,
        "minimum": MINIMUM,
        "readings": [
            {
                "reading": name,
                "readings": sum(row.ecgs for row in rows if row.reading == name),
                "followed": _followed(rows, name, labels, hedged),
                "labels": label_rows(_against_machine(rows, name, labels, hedged), labels)[0],
            }
            for name in FOLLOWED
        ],
    }


def digest(
    session: Session, rules: ReadingRules, reader: str, *, position: Position | None, limit: int
) -> Page[ChangedOut]:
    """Return a page of a reader's over-reads of which a later reader finds other labels, with both texts."""
    rows = queries.changed(session, rules.id, reader, position=position, limit=limit)
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[ChangedOut.model_validate(_changed(rules, row)) for row in shown],
        next_cursor=encode(Position(shown[-1].later_at, shown[-1].later_id)) if more else None,
    )


def _changed(rules: ReadingRules, row: ChangedRow) -> Json:
    mine, later = (taken_apart(rules, text or "") for text in (row.text, row.later_text))
    before, after = ({each["label"]: each["status"] for each in said["findings"]} for said in (mine, later))
    return {
        "item_id": row.item_id,
        "ecg_id": row.ecg_id,
        "changed_at": row.later_at,
        "by": "adjudication" if row.final else "second" if row.reviewed else "other",
        "mine": {**mine, "signed_at": row.signed_at},
        "later": later,
        "differences": [
            {"label": label.key, "name": label.name, "mine": before.get(label.key), "later": after.get(label.key)}
            for label in rules.vocabulary.labels
            if before.get(label.key) != after.get(label.key)
        ],
    }


def _against_machine(rows: Sequence[Influenced], name: str, labels: Sequence[Label], hedged: Hedged) -> LabelCounts:
    """Count readings of a kind against the machine's, as one group."""
    beside = [
        (row.reading, row.machine_present, row.machine_uncertain, row.present, row.uncertain, row.ecgs) for row in rows
    ]
    counts = counts_beside(beside, name, labels, hedged)
    return LabelCounts(*(getattr(counts, each)[None] for each in ("both", "added", "removed", "neither")))


def _followed(rows: Sequence[Influenced], name: str, labels: Sequence[Label], hedged: Hedged) -> Json:
    """Return how many of the machine's wrong statements the readings of a kind have as well.

    Wrong is a label that the machine calls positive and the reference does not (Tsai 2003 counts interpretations).
    """
    wrong = followed = 0
    every = (1 << len(labels)) - 1
    for row in rows:
        if row.reading != name or row.right_present is None or row.right_uncertain is None:
            continue
        ignored = row.machine_uncertain | row.right_uncertain | row.uncertain if hedged == "ignore" else 0
        hedges = hedged == "positive"
        machine = row.machine_present | (row.machine_uncertain if hedges else 0)
        right = row.right_present | (row.right_uncertain if hedges else 0)
        read = row.present | (row.uncertain if hedges else 0)
        said = machine & ~right & ~ignored & every
        wrong += row.ecgs * said.bit_count()
        followed += row.ecgs * (said & read).bit_count()
    share = statistics.proportion(np.array([followed]), np.array([wrong]))
    enough = wrong >= MINIMUM
    return {
        "wrong": wrong,
        "followed": followed if enough else None,
        "share": plain(share.value)[0] if enough else None,
        "share_ci": intervals(share)[0] if enough else None,
        "withheld": None if enough else "too_few",
    }


def _rows(labels: Sequence[Label], counts: LabelCounts, cells: dict[str, Integers], **rates: Rate) -> list[Json]:
    """Return a row a label: its counts, kappa and other rates; of too few ECGs their number alone."""
    columns: dict[str, Sequence[object]] = {"both": counts.both.tolist()}
    columns |= {name: values.tolist() for name, values in cells.items()}
    for name, rate in {**rates, "kappa": statistics.kappa_of_few(counts)}.items():
        columns |= {name: plain(rate.value), f"{name}_ci": intervals(rate)}
    found = []
    for at, label in enumerate(labels):
        ecgs = int(counts.pairs[at])
        enough = ecgs >= MINIMUM
        found.append(
            {
                "label": label.key,
                "name": label.name,
                "ecgs": ecgs,
                **{name: values[at] if enough else None for name, values in columns.items()},
                "withheld": None if enough else "too_few",
            }
        )
    return found
