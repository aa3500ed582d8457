"""The training store: windows as a `.npy` memory map, labels and statements as Parquet, a description as JSON."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml.corpus.division import FORMAT, Described, divide, put
from ml.corpus.sources import Hedged, Source
from ml.corpus.split_rules import FRACTIONS, ByPatient, SplitRule
from ml.corpus.statements import Statement

__all__ = ["MAX_LABELS", "WINDOW_SHAPE", "Hedged", "InvalidStore", "Said", "Source", "Store", "StoreWriter"]

WINDOW_SHAPE = (12, 2500)
MAX_LABELS = 63  # a mask is a signed 64-bit integer

_NPY_HEADER_BYTES = 128
_ROWS_A_BATCH = 4096

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
        ("overread_statements", pa.list_(pa.int32())),
        ("machine_statements", pa.list_(pa.int32())),
        ("fold", pa.int16()),
        ("scale_mv", pa.list_(pa.float32())),  # twelve; Parquet lists of a fixed size cannot be null
    ]
)
_STATEMENT_COLUMNS = ("overread_statements", "machine_statements")
_STATEMENTS = pa.schema([("text", pa.string()), ("asserts", pa.int64()), ("denies", pa.int64())])


class InvalidStore(ValueError):
    """The folder is not a complete store."""


class StoreWriter:
    """Writes a store window by window. Memory holds the labels but never the signals.

    Everything is written to a temporary folder, which is renamed to `folder` when it is complete.
    """

    def __init__(
        self,
        folder: Path,
        labels: Sequence[tuple[str, str]],
        preprocessing: Mapping[str, Any],
        vocabulary: str | None = None,
    ) -> None:
        """`vocabulary`: the YAML of the vocabulary that brought the statements into normal form."""
        if len(labels) > MAX_LABELS:
            raise ValueError(f"{len(labels)} labels; a mask has room for {MAX_LABELS}")
        self._folder = folder
        self._building = folder.with_name(f".{folder.name}.building")
        self._labels = list(labels)
        self._preprocessing = dict(preprocessing)
        self._rows: list[Mapping[str, Any]] = []  # of the batch that is being filled
        self._batches: list[pa.RecordBatch] = []
        self._vocabulary = vocabulary
        self._statements: dict[Statement, int] = {}
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
        """Add windows (k, 12, 2500) and a row of metadata for each.

        A row has `ecg_id`, `start_s`, `patient` (an opaque key) and the masks `overread_present`,
        `overread_uncertain`, `machine_present`, `machine_uncertain`: bit i is label i, all of a reading None where
        there is no such reading. `recorded_at`, `sex`, `age`, `site`, `fold` and `simulated` may be missing, and so may
        `overread_statements` and `machine_statements`: a report's `Statement`s, None where there is no such report.
        `scale_mv`: (12,), the standard deviations that the leads were divided by, in mV; None or missing: unknown.
        """
        if values.shape != (len(rows), *WINDOW_SHAPE):
            raise ValueError(f"{len(rows)} rows for windows of shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError("a window has a value that is NaN or infinite")
        content = values.astype("<f2").tobytes()
        self._content.update(content)
        self._file.write(content)
        self._rows += [{**row, **{name: self._numbered(row.get(name)) for name in _STATEMENT_COLUMNS}} for row in rows]
        if len(self._rows) >= _ROWS_A_BATCH:
            self._close_batch()

    def finish(
        self, seed: int, fractions: tuple[float, float, float] = FRACTIONS, split: SplitRule | None = None
    ) -> str:
        """Split (by patient where nothing is said), write everything to the disk, and return the SHA-256 of it all.

        Raises `ml.corpus.splits.CannotSplit`.
        """
        self._close_batch()
        table = pa.Table.from_batches(self._batches, _COLUMNS)
        self._write_header(len(table))
        said = [statement._asdict() for statement in self._statements]
        pq.write_table(pa.Table.from_pylist(said, _STATEMENTS), self._building / "statements.parquet")
        if self._vocabulary is not None:
            (self._building / "vocabulary.yaml").write_text(self._vocabulary, encoding="utf-8")
        described = Described(self._labels, self._preprocessing, said, self._vocabulary)
        description = divide(
            self._building, table, described, self._content, rule=split or ByPatient(), seed=seed, fractions=fractions
        )
        put(self._building, self._folder)
        self.summary = description["summary"]
        return str(description["content_sha256"])

    def _numbered(self, statements: Sequence[Statement] | None) -> list[int] | None:
        """Return the indices of statements. Each distinct statement is stored once: few are distinct."""
        if statements is None:
            return None
        return [self._statements.setdefault(statement, len(self._statements)) for statement in statements]

    def _close_batch(self) -> None:
        """Store rows as columns: a hundred bytes a row, where dictionaries take a thousand."""
        self._batches.append(pa.RecordBatch.from_pylist(self._rows, schema=_COLUMNS))
        self._rows = []

    def _write_header(self, windows: int) -> None:
        header = f"{{'descr': '<f2', 'fortran_order': False, 'shape': {(windows, *WINDOW_SHAPE)}, }}"
        length = _NPY_HEADER_BYTES - 10  # after the magic, the version and this length itself
        self._file.seek(0)
        self._file.write(
            b"\x93NUMPY\x01\x00" + length.to_bytes(2, "little") + header.ljust(length - 1).encode() + b"\n"
        )
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


class Said(NamedTuple):
    """The statements of reports: row i has `numbers[starts[i] : starts[i + 1]]`, and a report if `known[i]`."""

    starts: NDArray[np.int64]
    numbers: NDArray[np.int64]
    known: NDArray[np.bool_]

    def of_rows(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return, for every statement of some rows, its place in `rows` (k,) and its index (k,)."""
        counts = self.starts[rows + 1] - self.starts[rows]
        owner = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(self.starts[rows] - np.append(0, np.cumsum(counts)[:-1]), counts)
        return owner, self.numbers[first + np.arange(len(owner))]


class Store:
    """A finished store.

    Attributes
    ----------
    windows
        (n, 12, 2500) float16 in standard deviations, a read-only memory map.
    table
        A row for each window, with its split.
    labels
        Key and name of each label; its index is its bit in the masks.
    statements
        The distinct statements of all reports.
    vocabulary
        The YAML of the vocabulary that brought the statements into normal form; None if unknown.
    """

    def __init__(self, folder: Path) -> None:
        try:
            description = json.loads((folder / "dataset.json").read_text())
            self.windows: NDArray[np.float16] = np.load(folder / "windows.npy", mmap_mode="r", allow_pickle=False)
            self.table: pa.Table = pq.read_table(folder / "windows.parquet")
            if description["format"] not in range(1, FORMAT + 1):
                raise InvalidStore(f"format {description['format']} is of another release")
            self.table = _with_all_columns(self.table)
            self.statements = _read_statements(folder) if description["format"] > 1 else []
            vocabulary = folder / "vocabulary.yaml"
            self.vocabulary = vocabulary.read_text(encoding="utf-8") if vocabulary.exists() else None
            self.labels = [(str(label["key"]), str(label["name"])) for label in description["labels"]]
            self.preprocessing: dict[str, Any] = description["preprocessing"]
            self.content_sha256 = str(description["content_sha256"])
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise InvalidStore(f"{folder.name} is not a dataset: {error}") from error
        if self.windows.dtype != np.float16 or self.windows.shape != (len(self.table), *WINDOW_SHAPE):
            raise InvalidStore(f"{folder.name}: windows.npy and windows.parquet do not have the same rows")
        if self.table.schema.names != [*_COLUMNS.names, "split"]:
            raise InvalidStore(f"{folder.name}: the labels have other columns than this release writes")

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the row numbers of a split."""
        return np.flatnonzero(self.column("split") == split)

    def column(self, name: str) -> NDArray[Any]:
        """Return a column of the table, (n,)."""
        values: NDArray[Any] = self.table.column(name).to_numpy()
        return values

    def targets(self, source: Source, hedged: Hedged) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the labels of a source, (n, labels) 0 or 1, and which of them count, (n, labels).

        `hedged` says what an uncertain finding is: positive, negative, or ignore (does not count). A window whose
        ECG has no such source does not count at all.
        """
        present, uncertain = (self.table.column(f"{source}_{part}") for part in ("present", "uncertain"))
        positive, doubtful = self._bits(present), self._bits(uncertain)
        if hedged == "positive":
            positive |= doubtful
        counts = np.broadcast_to(present.is_valid().to_numpy()[:, None], positive.shape).copy()
        if hedged == "ignore":
            counts &= ~doubtful
        return positive.astype(np.float32), counts

    def scale_mv(self) -> NDArray[np.float32]:
        """Return the standard deviations that each window's leads were divided by, (n, 12) in mV; NaN: unknown."""
        column = self.table.column("scale_mv").combine_chunks()
        scale = np.full((len(self.table), WINDOW_SHAPE[0]), np.nan, np.float32)
        scale[column.is_valid().to_numpy(False)] = column.flatten().to_numpy().reshape(-1, WINDOW_SHAPE[0])
        return scale

    def said(self, source: Source) -> Said:
        """Return what each window's report says, in the numbers of `statements`."""
        column = self.table.column(f"{source}_statements").combine_chunks()
        counts = pc.list_value_length(column).fill_null(0).to_numpy()
        starts = np.append(0, np.cumsum(counts, dtype=np.int64))
        return Said(starts, column.flatten().to_numpy().astype(np.int64), column.is_valid().to_numpy(False))

    def _bits(self, masks: pa.ChunkedArray) -> NDArray[np.bool_]:
        known: NDArray[np.int64] = masks.fill_null(0).to_numpy()
        bits: NDArray[np.bool_] = (known[:, None] >> np.arange(len(self.labels)) & 1).astype(bool)
        return bits


def _with_all_columns(table: pa.Table) -> pa.Table:
    """Return a table of an earlier format with the columns of today's, which it does not know."""
    for place, field in enumerate(_COLUMNS):
        if field.name not in table.schema.names:
            table = table.add_column(place, field, pa.nulls(len(table), field.type))
    return table


def _read_statements(folder: Path) -> list[Statement]:
    return [Statement(**row) for row in pq.read_table(folder / "statements.parquet", schema=_STATEMENTS).to_pylist()]
