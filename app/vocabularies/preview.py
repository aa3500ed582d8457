"""What another vocabulary would change, without storing anything."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.orm import Session

from app.disagreement import queries as disagreement
from app.disagreement import statistics
from app.disagreement.counting.queries import count_pairs
from app.disagreement.queries import SampledPair
from app.disagreement.schemas import UnreadPairs
from app.disagreement.statistics import Masks as MaskArrays
from app.ecgs.filters import wants_simulated
from app.kit.database import Json
from app.kit.problems import invalid
from app.reports import queries as reports
from app.reports.queries import Labelled
from app.reports.schemas import FindingOut, Source
from app.reports.tables import StoredText
from app.vocabularies import queries
from app.vocabularies.schemas import (
    Counts,
    FindingChange,
    HiddenTerm,
    LabelChange,
    LeftOut,
    LeftOutChange,
    PreviewIn,
    PreviewOut,
    StanceChange,
)
from app.vocabularies.tables import VocabularyRow
from ml.corpus.sources import HEDGED
from ml.labeling import Masks, Stance, overread_masks

MOST_CHARACTERS = 16_000_000  # of the texts of a sample

Cell = tuple[int, int, int, int]
Readings = Mapping[int, Labelled]
"""What texts say under one vocabulary, by the texts' ids."""


class Known(NamedTuple):
    """What is shown of a vocabulary: its version, and its labels' keys and names in their order."""

    version: str
    labels: dict[str, str]


def known(version: str, outline: Json) -> Known:
    """Return what a vocabulary's outline says."""
    return Known(version, {label["key"]: label["name"] for label in outline["labels"]})


@dataclass
class Sample:
    """Some pairs, their texts, and what these say under the active vocabulary."""

    pairs: Sequence[SampledPair]
    texts: dict[int, StoredText]
    before: Readings

    def questions(self) -> list[tuple[int, str | None, Any]]:
        """Return the texts as labeling processes take them."""
        return [(text_id, said.text, said.codes) for text_id, said in self.texts.items()]


def texts_of(pairs: Sequence[SampledPair]) -> set[int]:
    """Return the ids of the texts of pairs."""
    return {text for pair in pairs for text in (pair.machine_text, pair.overread_text, pair.agreed_text)}


def read_sample(session: Session, active: VocabularyRow, pairs: Sequence[SampledPair]) -> Sample:
    """Return pairs with their texts, each once."""
    ids = texts_of(pairs)
    return Sample(pairs, reports.texts(session, ids), reports.labelings_of(session, active.id, ids))


def labelled(rows: Sequence[Any]) -> dict[int, Labelled]:
    """Return the rows that labeling processes answer, by the texts' ids."""
    return {row[0]: Labelled._make([*row[1:6], row[7]]) for row in rows}


class Asked(NamedTuple):
    """A question for a preview: which pairs, how many there are, and the active vocabulary."""

    active: VocabularyRow
    simulated: bool
    pairs_in_all: int

    def sampled(self, session: Session, size: int) -> Sample:
        """Return pairs chosen at random. Raises a 422 where their texts are too long to be read at once."""
        assert self.active.slot is not None
        pairs = disagreement.sample_pairs(session, self.active.slot, size, simulated=self.simulated)
        if reports.characters(session, texts_of(pairs)) > MOST_CHARACTERS:
            reason = f"their texts are longer than {MOST_CHARACTERS:,} characters: read fewer at once, or all in a job"
            raise invalid("sample", reason, "too_large")
        return read_sample(session, self.active, pairs)


def asked(session: Session, given: PreviewIn) -> Asked:
    """Return the question of a request."""
    active = queries.active(session)
    simulated = wants_simulated(session, given.simulated)
    assert active.slot is not None
    return Asked(active, simulated, count_pairs(session, active.slot, simulated=simulated))


@dataclass
class _Counted:
    """Pairs under one vocabulary: by cell, and by the reason for which they are not compared."""

    cells: Counter[Cell] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, pairs: Sequence[SampledPair], said: Readings) -> None:
        for pair in pairs:
            machine, overread, agreed = (
                said[text] for text in (pair.machine_text, pair.overread_text, pair.agreed_text)
            )
            reasons = {
                "machine": "unread" in (machine.stance, agreed.stance if overread.stance == "agrees" else None),
                "overread": overread.stance == "unread",
                "unreadable": overread.stance == "unreadable",
            }
            if any(reasons.values()):
                self.left_out.update(reason for reason, holds in reasons.items() if holds)
                continue
            masks = overread_masks(overread.stance, Masks(*agreed[:4]), Masks(*overread[:4]))
            assert masks is not None
            self.cells[(*machine[:2], *masks[:2])] += 1

    def shown(self) -> LeftOut:
        counts = self.left_out
        unread = UnreadPairs(machine=counts["machine"], overread=counts["overread"])
        return LeftOut(unread=unread, unreadable=counts["unreadable"])

    def table(self, labels: Sequence[str]) -> dict[str, Counts]:
        """Return the rows of the disagreement table, by label."""
        table = np.array([(*masks, pairs) for masks, pairs in self.cells.items()], np.int64).reshape(-1, 5)
        rows = np.arange(len(table))
        counts = statistics.count(
            MaskArrays(*table[:, :4].T),
            len(labels),
            HEDGED,
            cell=rows,
            pairs=table[:, 4],
            group=np.zeros_like(rows),
            groups=1,
        )
        columns = {name: getattr(counts, name)[0].tolist() for name in Counts.model_fields}
        return {
            label: Counts(**dict(zip(columns, row, strict=True)))
            for label, row in zip(labels, zip(*columns.values(), strict=True), strict=True)
        }


class Comparison:
    """Pairs read with the active vocabulary and with another; it grows with the distinct cells, not with the pairs."""

    def __init__(self, active: Known, tried: Known, examples: int) -> None:
        self._active, self._tried = active, tried
        self._wanted = examples
        self._before, self._after = _Counted(), _Counted()
        self._reports_changed = 0
        self._examples: list[FindingChange] = []
        self._stances: list[StanceChange] = []
        self._shown: set[int] = set()

    @property
    def pairs(self) -> int:
        """How many pairs that are compared under the active vocabulary were read."""
        return self._before.cells.total()

    def add(self, sample: Sample, after: Readings) -> None:
        """Count some more pairs; `after` is what their texts say under the vocabulary that is tried."""
        self._before.add(sample.pairs, sample.before)
        self._after.add(sample.pairs, after)
        changed = {text_id: list(_changes(sample.before[text_id], after[text_id])) for text_id in sample.texts}
        for pair in sample.pairs:
            for source, report_id, text_id in _reports_of(pair):
                stances = sample.before[text_id].stance, after[text_id].stance
                if not changed[text_id] and stances[0] == stances[1]:
                    continue
                self._reports_changed += 1
                if text_id in self._shown:
                    continue
                self._shown.add(text_id)  # each text once
                about = {"ecg_id": pair.ecg_id, "report_id": report_id, "source": source}
                about["text"] = sample.texts[text_id].text
                self._show(about, changed[text_id], stances)

    def answer(self, pairs_in_all: int, hidden_terms: Sequence[Json], *, simulated: bool) -> PreviewOut:
        """Return what would change."""
        before, after = self._before.table([*self._active.labels]), self._after.table([*self._tried.labels])
        return PreviewOut(
            active=self._active.version,
            vocabulary=self._tried.version,
            pairs=self.pairs,
            pairs_in_all=pairs_in_all,
            simulated=simulated,
            reports_changed=self._reports_changed,
            labels=[
                LabelChange(label=key, name=name, before=before.get(key), after=after.get(key))
                for key, name in (self._active.labels | self._tried.labels).items()
            ],
            examples=self._examples,
            left_out=LeftOutChange(before=self._before.shown(), after=self._after.shown()),
            stances=self._stances,
            hidden_terms=[HiddenTerm(**hidden) for hidden in hidden_terms],
        )

    def _show(self, about: Json, changes: Sequence["_Change"], stances: tuple[Stance, Stance]) -> None:
        """Keep the first changes."""
        for label, before, after in changes[: self._wanted - len(self._examples)]:
            self._examples.append(FindingChange(**about, label=label, before=before, after=after))
        if stances[0] != stances[1] and len(self._stances) < self._wanted:
            self._stances.append(StanceChange(**about, before=stances[0], after=stances[1]))


_Change = tuple[str, FindingOut | None, FindingOut | None]


def _reports_of(pair: SampledPair) -> tuple[tuple[Source, Any, int], ...]:
    return (
        ("machine", pair.machine_report, pair.machine_text),
        ("overread", pair.overread_report, pair.overread_text),
    )


def _changes(before: Labelled, after: Labelled) -> Iterator[_Change]:
    """Yield the labels of another status, with the finding before and after."""
    if before[:4] == after[:4] and before.findings == after.findings:
        return
    old, new = ({each["label"]: FindingOut(**each) for each in said.findings} for said in (before, after))
    for label in old | new:
        statuses = {found[label].status if label in found else None for found in (old, new)}
        if len(statuses) > 1:
            yield label, old.get(label), new.get(label)
