"""Tables as Parquet: some columns, as the cells that a CSV table would have."""

import math
from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ml.archives.kind import BadArchive
from ml.archives.tables import Row
from ml.formats.disk import open_file

ROWS_AT_ONCE = 4_096
DERIVED = "overread.derived"  # the mark of a column that an export made of others: it is passed over
LARGEST_GROUP = 2**30  # bytes of a row group when it is unpacked, as the file says

_DAMAGED = (pa.ArrowException, OSError, UnicodeDecodeError, IndexError)
_READ = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_timestamp,
    pa.types.is_null,
)


def is_parquet(path: Path) -> bool:
    """Return whether a file begins as Parquet does. Raises `BadArchive`."""
    try:
        with open_file(path) as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise BadArchive(f"{path.name} cannot be read: {error.strerror}") from error


def parquet_header(path: Path) -> list[str]:
    """Return the names of a table's columns, without those that an export derived. Raises `BadArchive`."""
    try:
        with open_file(path) as file:
            schema = pq.ParquetFile(file).schema_arrow
            return [field.name for field in schema if DERIVED.encode() not in (field.metadata or {})]
    except _DAMAGED as error:
        raise _damaged(path) from error


def read_parquet(path: Path, columns: Collection[str]) -> Iterator[Row]:
    """Yield the rows of a table with some of its columns; numbers and times are written out as in CSV.

    Raises `BadArchive`, also in the middle of a file that is damaged.
    """
    number = 0
    try:
        with open_file(path) as file:
            schema = pq.ParquetFile(file).schema_arrow
            texts = [field.name for field in schema if field.name in columns and _is_text(field.type)]
            table = pq.ParquetFile(file, read_dictionary=texts)  # a text that many rows share is held once
            _check(table, path, columns)
            for batch in table.iter_batches(ROWS_AT_ONCE, columns=list(columns)):
                names = batch.schema.names
                for values in zip(*(_cells(column) for column in batch.columns), strict=True):
                    number += 1
                    yield Row(f"{path.name} row {number}", dict(zip(names, values, strict=True)))
    except _DAMAGED as error:
        raise _damaged(path) from error


def _check(table: Any, path: Path, columns: Collection[str]) -> None:
    for field in table.schema_arrow:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name in columns and not any(is_read(kind) for is_read in _READ):
            raise BadArchive(
                f"{path.name}: the column {field.name} holds neither text, numbers, times nor truth values"
            )
    groups = (table.metadata.row_group(at) for at in range(table.metadata.num_row_groups))
    if any(group.total_byte_size > LARGEST_GROUP for group in groups):
        raise BadArchive(f"{path.name}: a row group is larger than {LARGEST_GROUP:,} bytes")


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _cells(column: Any) -> list[str]:
    if pa.types.is_dictionary(column.type):
        used = column.indices.unique().drop_null()
        values = dict(zip(used.to_pylist(), _cells(column.dictionary.take(used)), strict=True))
        return ["" if at is None else values[at] for at in column.indices.to_pylist()]
    if pa.types.is_timestamp(column.type):  # no finer than Python's times
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return [_cell(value) for value in column.to_pylist()]
    except (ValueError, OverflowError):
        return [_cell_of(value) for value in column]


def _cell_of(value: Any) -> str:
    """Return a value's cell; one that Python cannot hold (no UTF-8, a year after 9999) is a cell that nobody takes."""
    try:
        return _cell(value.as_py())
    except (ValueError, OverflowError):
        return "\0"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _damaged(path: Path) -> BadArchive:
    return BadArchive(f"{path.name} is no Parquet table, or it is damaged")
