"""How a column of pairs is written into bytes and read again: the sizes follow from `pair_deltas`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Boolean, Column, DateTime, Double, Integer, SmallInteger

from app.disagreement.tables import pair_deltas

Values = NDArray[Any]
Batch = Mapping[str, Values]
"""Columns of some pairs, by name. `pairs` is 1 where a pair came, -1 where it went."""


class Kind(NamedTuple):
    """How values of a type are written: SQL of the bytes of `{0}`, NumPy's type, and what stands for NULL."""

    sql: str
    dtype: str
    null: str
    missing: float | None


KINDS: dict[type[Any], Kind] = {
    SmallInteger: Kind("int2send({0})", ">i2", "(-32768)::smallint", -(2**15)),
    Integer: Kind("int4send({0})", ">i4", "(-2147483648)::integer", -(2**31)),
    Boolean: Kind("int2send({0}::integer::smallint)", ">i2", "false", None),
    DateTime: Kind("timestamptz_send({0})", ">i8", "'-infinity'", -(2**63)),  # µs since 2000
    Double: Kind("float8send({0})", ">f8", "'NaN'", None),  # compares with nothing
}
COLUMNS: dict[str, Column[Any]] = {column.name: column for column in pair_deltas.c if column.name != "slot"}


def kind_of(name: str) -> Kind:
    """Return how a column is written."""
    return KINDS[type(COLUMNS[name].type)]


EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def comparable(value: Any) -> Any:
    """Return a value as a column has it."""
    return (value - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def known(name: str, values: Values, compare: Callable[[Values, Any], Values], value: Any) -> Values:
    """Return of which values a comparison holds: of none that is not known."""
    holds = compare(values, value)
    if name in COLUMNS and COLUMNS[name].nullable and (missing := kind_of(name).missing) is not None:
        holds &= values != missing
    return holds


def sent(name: str) -> str:
    """Return the SQL of a column's bytes, of one row after the other."""
    column, kind = COLUMNS[name], kind_of(name)
    value = f"coalesce({name}, {kind.null})" if column.nullable else name
    return f"string_agg({kind.sql.format(value)}, '')"


def width_of(name: str) -> int:
    """Return the bytes of a value."""
    return np.dtype(kind_of(name).dtype).itemsize


def ones(rows: int) -> bytes:
    """Return the column `pairs` of rows that came."""
    return np.ones(rows, kind_of("pairs").dtype).tobytes()


def read(name: str, content: bytes) -> Values:
    """Return a column's values."""
    kind = np.dtype(kind_of(name).dtype)
    return np.frombuffer(content, kind).astype(kind.newbyteorder("="))
