"""The training store: windows as a plain `.npy` memory map, their labels as Parquet, what they are as JSON."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.corpus.splits import SPLITS, split_by_patient

WINDOW_SHAPE = (12, 2500)
_NPY_HEADER_BYTES = 128

_COLUMNS = pa.schema(
    [
        ("ecg_id", pa.string()),
        ("start_s", pa.float64()),
        ("patient", pa.string()),
        ("overread_present", pa.int64()),
        ("overread_uncertain", pa.int64()),
        ("machine_present", pa.int64()),
        ("machine_uncertain", pa.int64()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("sex", pa.string()),
        ("age", pa.float64()),
        ("site", pa.string()),
        ("simulated", pa.bool_()),
    ]
)


class InvalidStore(ValueError):
    """The folder is not a whole store."""


class StoreWriter:
    """Writes a store window by window; memory holds the labels, never the signals.

    Everything is written beside `folder` and renamed when it is whole: a folder of that name is a finished store.
    """

    def __init__(self, folder: Path, labels: Sequence[tuple[str, str]], preprocessing: Mapping[str, Any]) -> None:
        self._folder = folder
        self._building = folder.with_name(f".{folder.name}.building")
        self._labels = list(labels)
        self._preprocessing = dict(preprocessing)
        self._rows: list[dict[str, Any]] = []
        self._content = hashlib.sha256()
        self.summary: dict[str, Any] = {}

    def __enter__(self) -> Self:
        shutil.rmtree(self._building, ignore_errors=True)
        self._building.mkdir(parents=True)
        self._file = (self._building / "windows.npy").open("wb")
        self._file.write(b"\0" * _NPY_HEADER_BYTES)  # the real header follows when the count is known
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        shutil.rmtree(self._building, ignore_errors=True)

    def append(self, values: NDArray[np.float32], rows: Sequence[Mapping[str, Any]]) -> None:
        """Add windows (k, 12, 2500) with a row of labels each."""
        if values.shape != (len(rows), *WINDOW_SHAPE):
            raise ValueError(f"{len(rows)} rows for windows of shape {values.shape}")
        content = values.astype("<f2").tobytes()
        self._content.update(content)
        self._file.write(content)
        self._rows += [dict(row) for row in rows]

    def finish(self, seed: int, fractions: tuple[float, float, float]) -> str:
        """Split, write everything durably, and give the SHA-256 of windows, labels and split."""
        header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {(len(self._rows), *WINDOW_SHAPE)}, }}"
        length = _NPY_HEADER_BYTES - 10
        self._file.seek(0)
        self._file.write(
            b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + header.ljust(length - 1).encode() + b"\n"
        )
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

        split = split_by_patient([row["patient"] for row in self._rows], seed, fractions)
        table = pa.Table.from_pylist(self._rows, schema=_COLUMNS).append_column("split", pa.array(split.tolist()))
        pq.write_table(table, self._building / "windows.parquet")
        # ids differ between two installations that hold the same ECGs; the content does not
        for row, side in zip(self._rows, split, strict=True):
            described = {**row, "ecg_id": None, "recorded_at": str(row["recorded_at"]), "split": str(side)}
            self._content.update(json.dumps(described, sort_keys=True).encode())
        self._content.update(json.dumps([self._labels, self._preprocessing], sort_keys=True).encode())
        self.summary = self._summarise(split)
        description = {
            "format": 1,
            "labels": [{"key": key, "name": name} for key, name in self._labels],
            "preprocessing": self._preprocessing,
            "seed": seed,
            "fractions": list(fractions),
            "content_sha256": self._content.hexdigest(),
            "summary": self.summary,
        }
        (self._building / "dataset.json").write_text(json.dumps(description, indent=2))
        for name in ("windows.parquet", "dataset.json", "."):
            _sync(self._building / name)
        self._building.rename(self._folder)
        _sync(self._folder.parent)
        return str(description["content_sha256"])

    def _summarise(self, split: NDArray[np.str_]) -> dict[str, Any]:
        overread = np.array([row["overread_present"] | row["overread_uncertain"] for row in self._rows], np.int64)
        return {
            "windows": len(self._rows),
            "ecgs": len({row["ecg_id"] for row in self._rows}),
            "patients": len({row["patient"] for row in self._rows}),
            "splits": {
                side: {
                    "windows": int((split == side).sum()),
                    "positives": {
                        key: int((overread[split == side] >> bit & 1).sum())
                        for bit, (key, _) in enumerate(self._labels)
                    },
                }
                for side in SPLITS
            },
        }


class Store:
    """A finished store: `windows` float16 (n, 12, 2500) as a memory map, `table` the labels."""

    def __init__(self, folder: Path) -> None:
        try:
            description = json.loads((folder / "dataset.json").read_text())
            self.windows: NDArray[np.float16] = np.load(folder / "windows.npy", mmap_mode="r", allow_pickle=False)
            self.table: pa.Table = pq.read_table(folder / "windows.parquet")
        except (OSError, ValueError, pa.ArrowException) as error:
            raise InvalidStore(f"not a dataset: {error}") from error
        if description.get("format") != 1 or len(self.windows) != len(self.table):
            raise InvalidStore("the dataset's windows and labels do not belong together")
        self.labels = [(label["key"], label["name"]) for label in description["labels"]]
        self.preprocessing: dict[str, Any] = description["preprocessing"]
        self.content_sha256: str = description["content_sha256"]

    def rows(self, split: str) -> NDArray[np.int64]:
        """Give the row numbers of a split."""
        return np.flatnonzero(self.column("split") == split)

    def column(self, name: str) -> NDArray[Any]:
        """Give a column as an array."""
        return np.asarray(self.table.column(name).to_pylist())

    def targets(self, reading: str, hedged: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Give the labels of a reading, (n, labels) 0/1, and which of them count.

        `hedged` says what an uncertain finding is: positive, negative, or ignore (does not count). A window whose
        ECG has no such reading does not count at all.
        """
        raw = [self.table.column(f"{reading}_{part}").to_pylist() for part in ("present", "uncertain")]
        there = np.array([value is not None for value in raw[0]])
        present, uncertain = (np.array([value or 0 for value in column], np.int64) for column in raw)
        bits = np.arange(len(self.labels))
        positive = (present[:, None] >> bits & 1).astype(bool)
        doubtful = (uncertain[:, None] >> bits & 1).astype(bool)
        if hedged == "positive":
            positive |= doubtful
        counts = np.broadcast_to(there[:, None], positive.shape).copy()
        if hedged == "ignore":
            counts &= ~doubtful
        return positive.astype(np.float32), counts


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
