"""Tables of an export as Parquet. The same rows give the same bytes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from app.disagreement.statistics import LEFT_OUT
from app.exports.columns import Column, Kind
from ml.archives.code_list import write_codes
from ml.archives.parquet import DERIVED
from ml.labeling.findings import Code

_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "codes": pa.string(),
    "truth": pa.bool_(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "float": pa.float64(),
    "time": pa.timestamp("us", tz="UTC"),
    "labels": pa.list_(pa.string()),
}
_STATUSES = (None, "present", "uncertain")
_REASONS = [
    ",".join(name for name, bit in LEFT_OUT.items() if reasons & bit) or None
    for reasons in range(1 + sum(LEFT_OUT.values()))
]
_UNIQUE = (
    "ecg_id",
    "report_id",
    "machine_report_id",
    "overread_report_id",
    "patient_hash",
    "order_hash",
)  # a dictionary of them would be as large


class Cells:
    """What the cells of pairs say, as columns."""

    def __init__(self, cells: Sequence[tuple[int, ...]], labels: Sequence[str]) -> None:
        found = np.array(cells, np.int64).reshape(-1, 6)
        self._ids = found[:, 0]
        bits = [1 << bit for bit in range(len(labels))]
        self._statuses = {}
        for source, present, uncertain in (("machine", 1, 2), ("overread", 3, 4)):
            for label, bit in zip(labels, bits, strict=True):
                status = np.where(found[:, present] & bit, 1, np.where(found[:, uncertain] & bit, 2, 0))
                self._statuses[f"{label}_{source}"] = status
        self._left_out = found[:, 5]
        machine, overread = found[:, 1] | found[:, 2], found[:, 3] | found[:, 4]
        differ = {"added": overread & ~machine, "removed": machine & ~overread}
        self._lists = {
            name: pa.array(
                [[label for label, bit in zip(labels, bits, strict=True) if mask & bit] for mask in masks.tolist()],
                _TYPES["labels"],
            )
            for name, masks in differ.items()
        }

    def column(self, name: str, cell_ids: pa.Array) -> pa.Array:
        """Return one of the columns that are made of cells."""
        places = np.searchsorted(self._ids, cell_ids.to_numpy())
        if name in self._lists:
            return self._lists[name].take(pa.array(places))
        if name == "left_out":
            return pa.array(_REASONS, pa.string()).take(pa.array(self._left_out[places]))
        return pa.array(_STATUSES, pa.string()).take(pa.array(self._statuses[name][places]))


def schema_of(columns: Sequence[Column], about: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of a table. `about` is kept in the file under `overread`, unit and meaning with each column."""
    fields = []
    for column in columns:
        metadata = {"meaning": column.meaning}
        if column.unit:
            metadata["unit"] = column.unit
        if column.derived:
            metadata[DERIVED] = "true"
        fields.append(pa.field(column.name, _TYPES[column.kind], metadata=metadata))
    return pa.schema(fields, metadata={"overread": json.dumps(about, sort_keys=True)})


def write(path: Path, columns: Sequence[Column], schema: pa.Schema, *, groups: Iterable[bytes], cells: Cells) -> int:
    """Write a table, each part of its rows (CSV) as a row group, and return how many rows there are."""
    dictionaries = [
        column.name for column in columns if column.kind in ("text", "codes") and column.name not in _UNIQUE
    ]
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=dictionaries) as writer:
        for content in groups:
            table = _table(content, columns, schema, cells)
            if table.num_rows:
                writer.write_table(table, row_group_size=table.num_rows)
            rows += table.num_rows
    return rows


def _table(content: bytes, columns: Sequence[Column], schema: pa.Schema, cells: Cells) -> pa.Table:
    if not content:
        return schema.empty_table()
    read = {column.name: _read_as(column.kind) for column in columns if column.sql}
    by_label = [column for column in columns if not column.sql]
    if by_label:
        read["cell_id"] = pa.int32()
    table = pyarrow.csv.read_csv(
        pa.py_buffer(content),
        pyarrow.csv.ReadOptions(column_names=list(read), block_size=len(content) + 1, use_threads=False),
        pyarrow.csv.ParseOptions(newlines_in_values=True),
        pyarrow.csv.ConvertOptions(
            column_types=read,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    ).combine_chunks()
    made = []
    for column in columns:
        if not column.sql:
            made.append(cells.column(column.name, table["cell_id"].combine_chunks()))
        elif column.kind == "codes":
            made.append(_codes(table[column.name].combine_chunks()))
        else:
            made.append(table[column.name].combine_chunks().cast(_TYPES[column.kind]))
    return pa.Table.from_arrays(made, schema=schema)


def _read_as(kind: Kind) -> pa.DataType:
    return pa.int64() if kind == "time" else _TYPES[kind]


def _codes(stored: pa.Array) -> pa.Array:
    """Return codes, which are stored as JSON, as a manifest writes them."""
    distinct = pc.dictionary_encode(stored)
    written = pa.array([_code_list(each) for each in distinct.dictionary.to_pylist()], pa.string())
    return written.take(distinct.indices)


@lru_cache(maxsize=100_000)
def _code_list(stored: str) -> str:
    return write_codes(Code(**code) for code in json.loads(stored))
