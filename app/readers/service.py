"""From counted readings to agreement."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.disagreement import statistics
from app.disagreement.rows import intervals, label_rows, plain
from app.disagreement.statistics import LabelCounts, Masks
from app.ecgs.filters import EcgFilter
from app.ecgs.queries import has_overread_by
from app.kit.database import Json
from app.kit.problems import invalid, not_found
from app.readers import queries
from app.readers.queries import Beside, OverreadFilter, ReadTogether
from app.readers.statistics import fleiss
from app.vocabularies.service import ReadingRules
from ml.corpus.sources import Hedged
from ml.labeling import Label

MAX_READERS = 40
"""More readers make more pairs than a table can show."""

Integers = NDArray[np.int64]


def agreement(session: Session, rules: ReadingRules, chosen: OverreadFilter, hedged: Hedged) -> Json:
    """Return the answer of `schemas.Agreement`; raise a 422 where more readers read together than an answer holds."""
    labels = rules.vocabulary.labels
    known: list[tuple[str, int]] = []
    pairs: list[ReadTogether] = []
    histograms: dict[int, Integers] = {}
    with closing(queries.read_together(session, rules.id, chosen)) as rows:
        for row in rows:
            if row.kind == "reader":
                known.append((row.readers[0], row.ecgs))
                if len(known) > MAX_READERS:
                    raise invalid("query.reader", f"name at most {MAX_READERS} readers: more read together", "too_many")
            elif row.kind == "pair":
                pairs.append(row)
            else:
                _add(histograms, row, len(labels), hedged)
    return {
        "vocabulary": rules.vocabulary.version,
        "hedged": hedged,
        "simulated": chosen.simulated,
        "readers": [{"reader": reader, "ecgs": ecgs} for reader, ecgs in sorted(known)],
        "pairs": _pairs(pairs, labels, hedged),
        "fleiss": [
            {**row, "readings": readings}
            for readings in sorted(histograms)
            for row in _fleiss(histograms[readings], labels)
        ],
    }


def profile(session: Session, rules: ReadingRules, reader: str, chosen: EcgFilter, *, hedged: Hedged) -> Json:
    """Return the answer of `schemas.Profile`; raise a 404 where there is no over-read by this reader."""
    rows = queries.beside_others(session, rules.id, reader, chosen)
    if not rows and not has_overread_by(session, reader):
        raise not_found("reader")
    labels = rules.vocabulary.labels
    alone = counts_beside(rows, "alone", labels, hedged)
    prevalence = statistics.proportion(alone.machine, alone.pairs)
    shown = {
        "readings": alone.pairs.tolist(),
        "positive": alone.machine.tolist(),
        "prevalence": plain(prevalence.value),
        "prevalence_ci": intervals(prevalence),
    }
    against_machine = counts_beside([_swapped(row) for row in rows], "machine", labels, hedged)
    one_group = LabelCounts(*(getattr(against_machine, name)[None] for name in ("both", "added", "removed", "neither")))
    return {
        "reader": reader,
        "vocabulary": rules.vocabulary.version,
        "hedged": hedged,
        "simulated": chosen.simulated,
        "ecgs": sum(row.readings for row in rows if row.other == "alone"),
        **queries.not_read(session, rules.id, reader, chosen),
        "prevalence": _rows(labels, shown),
        "machine": label_rows(one_group, labels)[0],
        "final": _compared(counts_beside(rows, "final", labels, hedged), labels, independent=True),
        "others": _compared(counts_beside(rows, "reader", labels, hedged), labels, independent=False),
    }


def _add(histograms: dict[int, Integers], row: ReadTogether, labels: int, hedged: Hedged) -> None:
    """Count an ECG's positive readings by label: (label, positive)."""
    readings = len(row.present)
    histogram = histograms.setdefault(readings, np.zeros((labels, readings + 1), np.int64))
    masks = [p | u if hedged == "positive" else p for p, u in zip(row.present, row.uncertain, strict=True)]
    ignored = 0
    if hedged == "ignore":
        for mask in row.uncertain:
            ignored |= mask
    for label in range(labels):
        if not ignored >> label & 1:
            histogram[label, sum(mask >> label & 1 for mask in masks)] += row.ecgs


def _pairs(rows: Sequence[ReadTogether], labels: Sequence[Label], hedged: Hedged) -> list[Json]:
    names = sorted({(row.readers[0], row.readers[1]) for row in rows})
    place = {pair: number for number, pair in enumerate(names)}
    columns = np.array([(*row.present, *row.uncertain, row.ecgs) for row in rows], np.int64).reshape(-1, 5)
    group = np.array([place[row.readers[0], row.readers[1]] for row in rows], np.int64)
    first, second, first_hedged, second_hedged, ecgs = columns.T
    masks = Masks(first, first_hedged, second, second_hedged)
    counts = statistics.count(
        masks, len(labels), hedged, cell=np.arange(len(rows)), pairs=ecgs, group=group, groups=len(names)
    )
    kappa = statistics.kappa(counts)
    values, ranges = plain(kappa.value), intervals(kappa)
    return [
        {
            "readers": pair,
            "labels": _rows(
                labels,
                {
                    "ecgs": counts.pairs[at].tolist(),
                    "both": counts.both[at].tolist(),
                    "only_first": counts.removed[at].tolist(),
                    "only_second": counts.added[at].tolist(),
                    "kappa": values[at],
                    "kappa_ci": ranges[at],
                },
            ),
        }
        for pair, at in place.items()
    ]


def _fleiss(histogram: Integers, labels: Sequence[Label]) -> list[Json]:
    kappa = fleiss(histogram)
    ecgs = histogram.sum(axis=1).tolist()
    return _rows(labels, {"ecgs": ecgs, "kappa": plain(kappa.value), "kappa_ci": intervals(kappa)})


def counts_beside(
    rows: Sequence[tuple[str, int, int, int, int, int]], other: str, labels: Sequence[Label], hedged: Hedged
) -> LabelCounts:
    """Count this reader ("machine" of the counts) against others ("over-read"), by label.

    A row says what the other reading is, the two masks of this one, those of the other, and how many there are.
    """
    wanted = [row[1:] for row in rows if row[0] == other]
    present, uncertain, other_present, other_uncertain, readings = np.array(wanted, np.int64).reshape(-1, 5).T
    masks = Masks(present, uncertain, other_present, other_uncertain)
    cell = np.arange(len(wanted))
    counts = statistics.count(
        masks, len(labels), hedged, cell=cell, pairs=readings, group=np.zeros_like(cell), groups=1
    )
    return LabelCounts(*(getattr(counts, name)[0] for name in ("both", "added", "removed", "neither")))


def _swapped(row: Beside) -> Beside:
    return Beside(row.other, row.other_present, row.other_uncertain, row.present, row.uncertain, row.readings)


def _compared(counts: LabelCounts, labels: Sequence[Label], independent: bool) -> list[Json]:
    kappa = statistics.kappa(counts)
    return _rows(
        labels,
        {
            "readings": counts.pairs.tolist(),
            "both": counts.both.tolist(),
            "only_this": counts.removed.tolist(),
            "only_other": counts.added.tolist(),
            "kappa": plain(kappa.value),
            "kappa_ci": intervals(kappa) if independent else [None] * len(labels),
        },
    )


def _rows(labels: Sequence[Label], columns: dict[str, list[Any]]) -> list[Json]:
    return [
        {"label": label.key, "name": label.name, **dict(zip(columns, row, strict=True))}
        for label, row in zip(labels, zip(*columns.values(), strict=True), strict=True)
    ]
