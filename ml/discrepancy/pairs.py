"""Pairs as they are collected for a discrepancy model, and the arrays that it learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.discrepancy.ours import OURS
from ml.formats.ecg_file import MEASURED

FILE = "pairs.parquet"
NAMED = ("site", "device", "device_software")
MASKS = ("machine_present", "machine_uncertain", "overread_present", "overread_uncertain")
ROWS_A_GROUP = 4096

COLUMNS = pa.schema(
    [
        ("ecg_id", pa.string()),
        ("patient", pa.string()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        *((name, pa.string()) for name in NAMED),
        ("age", pa.float32()),
        ("sex", pa.string()),
        *((name, pa.float32()) for name in MEASURED),
        *((name, pa.int64()) for name in MASKS),
        ("logits", pa.list_(pa.float32())),
        ("probabilities", pa.list_(pa.float32())),
        ("ours", pa.list_(pa.float32())),
    ],
    metadata={"ours": ",".join(OURS)},
)
"""A row a pair. `logits` and `probabilities` are the model's, label by label, null where there is no waveform."""


class PairsFile:
    """Collects pairs, a row group in memory at a time."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, COLUMNS, compression="zstd")
        self._rows: list[Mapping[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write()
        self._writer.close()

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a pair: the columns of `COLUMNS`, those that are not known may be missing."""
        self._rows.append(row)
        if len(self._rows) >= ROWS_A_GROUP:
            self._write()

    def _write(self) -> None:
        if self._rows:
            self._writer.write_table(_table(self._rows))
        self._rows = []


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs as arrays of n rows.

    Attributes
    ----------
    ecg_id, patient
        (n,) text.
    recorded_at
        (n,) datetime64[us], NaT where not known.
    named
        By `NAMED`: (n,) text, empty where not known.
    age, male
        (n,), NaN where not known; `male` is 1 or 0.
    device
        (n, 8), `MEASURED` as the device measured it, NaN where it says nothing.
    status
        (n, labels): what the machine said of a label: 0 nothing, 1 hedged, 2 firmly.
    overread
        (n, labels) bool; a hedged statement counts as said.
    logits, probabilities
        (n, labels of the model), NaN where there are none.
    ours
        (n, len(OURS)), NaN where there is no waveform.
    """

    ecg_id: NDArray[np.str_]
    patient: NDArray[np.str_]
    recorded_at: NDArray[np.datetime64]
    named: Mapping[str, NDArray[np.str_]]
    age: NDArray[np.float64]
    male: NDArray[np.float64]
    device: NDArray[np.float32]
    status: NDArray[np.int8]
    overread: NDArray[np.bool_]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    ours: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ecg_id)

    @property
    def machine(self) -> NDArray[np.bool_]:
        """Whether the machine said a label, (n, labels); a hedged statement counts as said."""
        return self.status > 0

    def at(self, rows: NDArray[Any]) -> "Pairs":
        """Return some of the rows."""
        fields = {name: value[rows] for name, value in vars(self).items() if name != "named"}
        return Pairs(**fields, named={name: value[rows] for name, value in self.named.items()})


def statuses(present: NDArray[np.int64], uncertain: NDArray[np.int64], labels: int) -> NDArray[np.int8]:
    """Return what masks say of each label, (n, labels): 0 nothing, 1 hedged, 2 firmly."""
    bits = np.arange(labels)
    firmly, hedged = (mask[:, None] >> bits & 1 for mask in (present, uncertain))
    return np.where(firmly, 2, hedged).astype(np.int8)


def read(path: Path, labels: int, model_labels: int) -> Pairs:
    """Read what was collected, for a vocabulary and a model of so many labels."""
    return _of_table(pq.read_table(path), labels, model_labels)


def of_rows(rows: Sequence[Mapping[str, Any]], labels: int, model_labels: int) -> Pairs:
    """Return rows as `PairsFile.append` takes them; of an ECG that nobody has over-read the masks of that are 0."""
    return _of_table(_table(rows), labels, model_labels)


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    arrays = [pa.array([row.get(field.name) for row in rows], field.type) for field in COLUMNS]
    return pa.Table.from_arrays(arrays, schema=COLUMNS)


def _of_table(table: pa.Table, labels: int, model_labels: int) -> Pairs:
    masks = {name: table[name].to_numpy() for name in MASKS}
    sex = table["sex"].to_numpy(zero_copy_only=False)
    male = np.where(sex == "male", 1.0, np.where(sex == "female", 0.0, np.nan))
    return Pairs(
        ecg_id=_text(table["ecg_id"]),
        patient=_text(table["patient"]),
        recorded_at=table["recorded_at"].to_numpy().astype("datetime64[us]"),
        named={name: _text(table[name]) for name in NAMED},
        age=_floats(table["age"]).astype(np.float64),
        male=male.astype(np.float64),
        device=np.stack([_floats(table[name]) for name in MEASURED], axis=1),
        status=statuses(masks["machine_present"], masks["machine_uncertain"], labels),
        overread=statuses(masks["overread_present"], masks["overread_uncertain"], labels) > 0,
        logits=_lists(table["logits"], model_labels),
        probabilities=_lists(table["probabilities"], model_labels),
        ours=_lists(table["ours"], len(OURS)),
    )


def _text(column: pa.ChunkedArray) -> NDArray[np.str_]:
    return np.array([value or "" for value in column.to_pylist()], np.str_)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float32]:
    return column.to_numpy(zero_copy_only=False).astype(np.float32)  # type: ignore[no-any-return]


def _lists(column: pa.ChunkedArray, width: int) -> NDArray[np.float32]:
    """Return a column of lists as (n, width), NaN where a row has none."""
    known = column.is_valid().to_numpy()
    result = np.full((len(column), width), np.nan, np.float32)
    flat = np.concatenate(
        [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks] or [result[:0, 0]]
    )
    result[known] = flat.reshape(int(known.sum()), width)
    return result


def distinct(values: Sequence[str], most: int, least_share: float) -> tuple[str, ...]:
    """Return the values that are frequent, the most frequent first; an empty one is none."""
    found, counts = np.unique(np.array(values, np.str_), return_counts=True)
    order = sorted(range(len(found)), key=lambda place: (-counts[place], found[place]))
    enough = least_share * len(values)
    return tuple(str(found[place]) for place in order if found[place] and counts[place] >= enough)[:most]
