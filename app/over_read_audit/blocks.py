"""Readings on the disk while an audit runs, in blocks: what is read of database and model is read once."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from app.over_read_audit.queries import Other, Signed
from ml.audit.readings import NO_EARLIER, Bools, Readings, Reals

Ids = NDArray[np.uint8]  # (n, 16): what is not known is 0

MOST_RATED = 500
"""Readers, those with most readings, whose rates are worked out: memory grows with them."""


class Block(NamedTuple):
    """Readings with the ids of their ECGs, of their reports, and of the patients' earlier ECGs.

    `decided` (n, labels): somebody has decided on the label of this over-read before, so it is not listed again.
    """

    readings: Readings
    ecgs: Ids
    reports: Ids
    earlier: Ids
    decided: Bools


class Blocks:
    """A folder of blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._readers: dict[str, int] = {"": 0}
        self._read: list[int] = [0]
        self.readings = 0

    def add(
        self, rows: Sequence[Signed], others: Sequence[Other], probability: Reals, *, decided: Sequence[tuple[int, int]]
    ) -> None:
        """Write a block. `probability` is (n, labels); `decided` has the places that are not to be listed."""
        shape = probability.shape
        place = {row.ecg_id: at for at, row in enumerate(rows)}
        asserting, against = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        for other in others:
            said, clear = _bits(other.present, shape[1]), ~_bits(other.uncertain, shape[1])
            asserting[place[other.ecg_id]] += said & clear
            against[place[other.ecg_id]] += ~said & clear
        earlier = np.full(shape, NO_EARLIER, np.int8)
        for at, row in enumerate(rows):
            if row.earlier_present is not None and row.earlier_uncertain is not None:
                said = _bits(row.earlier_present, shape[1])
                earlier[at] = np.where(_bits(row.earlier_uncertain, shape[1]), NO_EARLIER, said)
        before = np.zeros(shape, bool)
        before[tuple(np.array(decided, np.int64).reshape(-1, 2).T)] = True
        np.savez(
            self._folder / f"{self._number:06d}.npz",
            probability=probability.astype(np.float32),
            asserted=np.stack([_bits(row.present, shape[1]) for row in rows]),
            counts=np.stack([~_bits(row.uncertain, shape[1]) for row in rows]),
            others_for=asserting,
            others_against=against,
            earlier=earlier,
            reader=np.array([self._number_of(row.reader) for row in rows], np.int32),
            ecgs=_ids([row.ecg_id for row in rows]),
            reports=_ids([row.report_id for row in rows]),
            earlier_ecgs=_ids([row.earlier_ecg_id for row in rows]),
            decided=before,
        )
        self._number += 1
        self.readings += len(rows)

    def rated(self) -> list[str]:
        """Return the readers that blocks number: the first stands for nobody, and for all that are too many."""
        chosen = sorted(range(1, len(self._read)), key=lambda number: (-self._read[number], number))[:MOST_RATED]
        names = list(self._readers)
        self._again = np.zeros(len(names), np.int64)
        self._again[chosen] = np.arange(1, len(chosen) + 1)
        return ["", *(names[number] for number in chosen)]

    def __iter__(self) -> Iterator[Block]:
        """Yield the blocks, as `rated` numbers their readers."""
        for number in range(self._number):
            with np.load(self._folder / f"{number:06d}.npz", allow_pickle=False) as stored:
                given = {name: stored[name] for name in stored.files}
            ecgs, reports, earlier = (given.pop(name) for name in ("ecgs", "reports", "earlier_ecgs"))
            decided, reader = given.pop("decided"), self._again[given.pop("reader")]
            for name in ("others_for", "others_against", "earlier"):
                given[name] = given[name].astype(np.int64)
            given["probability"] = given["probability"].astype(np.float64)
            yield Block(Readings(**given, reader=reader), ecgs, reports, earlier, decided)

    def each(self) -> Iterator[Readings]:
        """Yield the readings alone."""
        return (block.readings for block in self)

    def _number_of(self, reader: str) -> int:
        number = self._readers.setdefault(reader, len(self._readers))
        if number == len(self._read):
            self._read.append(0)
        self._read[number] += 1
        return number

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """Return an empty set of blocks in a new folder."""
        folder.mkdir(parents=True)
        return cls(folder)


def id_at(ids: Ids, row: int) -> uuid.UUID | None:
    """Return an id, None where it is not known."""
    found = uuid.UUID(bytes=ids[row].tobytes())
    return found if found.int else None


def _bits(mask: int, labels: int) -> Bools:
    return np.array([mask >> k & 1 for k in range(labels)], bool)


def _ids(ids: Sequence[uuid.UUID | None]) -> Ids:
    content = b"".join(each.bytes if each is not None else bytes(16) for each in ids)
    return np.frombuffer(content, np.uint8).reshape(-1, 16)
