"""A table the audit can change: numpy inside, Arrow at the edges, and every row remembers where it came from.

Nothing here runs polars: the worker forks after the table is loaded, and polars must first be used after the fork.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphaloop.audit.roles import Roles

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One column: numbers with a mask of missing ones, or else objects (text), or else Arrow (anything)."""

    type: pa.DataType
    values: NDArray[Any] | None
    missing: NDArray[np.bool_] | None
    other: Any

    @classmethod
    def of(cls, chunked: pa.ChunkedArray) -> Column:
        """Take an Arrow column apart."""
        array = chunked.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = array.chunk(0) if array.num_chunks else pa.array([], array.type)
        kind = array.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return cls(kind, None, None, np.array(array.to_pylist(), dtype=object))
        if not _is_number(kind):
            return cls(kind, None, None, array)
        missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else np.zeros(len(array), np.bool_)
        return cls(kind, _numbers(array), missing, None)

    def take(self, rows: Rows) -> Column:
        """Rows in the order given."""
        if self.values is None or self.missing is None:
            text = isinstance(self.other, np.ndarray)
            return replace(self, other=self.other[rows] if text else self.other.take(pa.array(rows)))
        return replace(self, values=self.values[rows], missing=self.missing[rows])

    def arrow(self) -> pa.Array:
        """Put it together again, with the type it came with."""
        if self.values is None:
            return pa.array(self.other, type=self.type) if isinstance(self.other, np.ndarray) else self.other
        mask = self.missing if self.missing is not None and self.missing.any() else None
        if pa.types.is_boolean(self.type) or pa.types.is_floating(self.type) or pa.types.is_integer(self.type):
            return pa.array(self.values, type=self.type, mask=mask)
        width = pa.int32() if self.type.bit_width == 32 else pa.int64()
        return pa.array(self.values, type=width, mask=mask).view(self.type)

    def spelled(self) -> NDArray[Any]:
        """Spell the values as an output would be: numbers, nanoseconds of times, or text."""
        from alphaloop.audit.spelling import text

        if self.values is None:
            return text(self.other.tolist() if isinstance(self.other, np.ndarray) else self.other.to_pylist())
        if pa.types.is_temporal(self.type):
            return self.values.astype(np.int64) * _unit(self)
        if self.missing is None or not self.missing.any():
            return self.values
        wide = self.values.astype(np.float64) if self.values.dtype.kind != "f" else self.values.copy()
        wide[self.missing] = np.nan
        return wide


@dataclass(frozen=True)
class Table:
    """Columns with their roles, times and origins.

    Attributes
    ----------
    time, known : int64 (n,)
        UTC nanoseconds: the stamp, and when the row was known.
    origin : int64 (n,)
        Row of the file that each row came from.
    codes, names : int64 and text (n,)
        Symbol of each row: a number, equal for rows of one symbol, and as text; both empty without a symbol column.
    """

    columns: dict[str, Column]
    roles: Roles
    time: Rows
    known: Rows
    origin: Rows
    codes: Rows
    names: NDArray[Any]

    def __len__(self) -> int:
        return len(self.known)

    @classmethod
    def of(cls, table: pa.Table, roles: Roles, time: Rows, known: Rows, origin: Rows | None = None) -> Table:
        """Take an Arrow table apart."""
        columns = {name: Column.of(table.column(name)) for name in table.column_names}
        names, codes = np.empty(0, np.str_), np.zeros(len(known), np.int64)
        if roles.symbol is not None:
            names = columns[roles.symbol].spelled()
            codes = np.unique(names, return_inverse=True)[1].astype(np.int64)
        origin = np.arange(len(known), dtype=np.int64) if origin is None else origin
        return cls(columns, roles, time, known, origin, codes, names)

    def take(self, rows: Rows) -> Table:
        """Rows in the order given."""
        columns = {name: column.take(rows) for name, column in self.columns.items()}
        names = self.names[rows] if len(self.names) else self.names
        times = (self.time[rows], self.known[rows], self.origin[rows])
        return Table(columns, self.roles, *times, self.codes[rows], names)

    def put(self, **columns: NDArray[Any]) -> Table:
        """Replace numbers; integers are rounded into the range of their type, and what was missing is so no more."""
        changed = dict(self.columns)
        for name, values in columns.items():
            old = changed[name]
            assert old.values is not None
            changed[name] = replace(old, values=_into(values, old.values.dtype), missing=np.isnan(values) & _holes(old))
        return replace(self, columns=changed)

    def hide(self, name: str, rows: NDArray[np.bool_]) -> Table:
        """Make numbers null."""
        old = self.columns[name]
        assert old.missing is not None
        return replace(self, columns={**self.columns, name: replace(old, missing=old.missing | rows)})

    def retime(self, time: Rows) -> Table:
        """Move the stamps, and with them every other time of the row, by the same amount."""
        shift = time - self.time
        changed = dict(self.columns)
        for name in self.roles.times:
            column = changed[name]
            if column.values is None:
                return self
            unit = _unit(column)
            changed[name] = replace(column, values=column.values + (shift // unit).astype(column.values.dtype))
        return replace(self, columns=changed, time=time, known=self.known + shift)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a numeric column as floats, NaN where missing."""
        column = self.columns[name]
        assert column.values is not None
        values = column.values.astype(np.float64)
        if column.missing is not None:
            values[column.missing] = np.nan
        return values

    def measures(self) -> list[str]:
        """Numeric columns that are neither times nor the symbol: what a change of the future changes."""
        fixed = {*self.roles.times, self.roles.symbol}
        return [
            name
            for name, column in self.columns.items()
            if column.values is not None and name not in fixed and not pa.types.is_temporal(column.type)
        ]

    def symbols(self) -> Rows:
        """Small codes, equal for rows of one symbol."""
        return self.codes

    def order(self) -> Rows:
        """Rows from first to last known; rows known together keep the order of the file."""
        return np.argsort(self.known, kind="stable")

    def arrow(self) -> pa.Table:
        """Put the table together again."""
        return pa.table({name: column.arrow() for name, column in self.columns.items()})


def _is_number(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_timestamp, pa.types.is_date)
    return any(test(kind) for test in tests) and not pa.types.is_float16(kind)


def _numbers(array: pa.Array) -> NDArray[Any]:
    if pa.types.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    if array.null_count:
        array = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
    return np.array(array.to_numpy(zero_copy_only=False))


def _into(values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        safe = np.clip(np.nan_to_num(values, nan=0.0), float(limits.min), min(float(limits.max), 2.0**62))
        return np.asarray(np.rint(safe).astype(kind))
    if kind.kind == "b":
        return np.asarray(np.nan_to_num(values, nan=0.0) > 0.5)
    return values.astype(kind)


def _holes(column: Column) -> NDArray[np.bool_]:
    assert column.values is not None
    can_say_nan = column.values.dtype.kind == "f"
    return column.missing if can_say_nan else np.ones(len(column.values), np.bool_)  # type: ignore[return-value]


def _unit(column: Column) -> int:
    """Nanoseconds in one tick of a column of times."""
    if pa.types.is_timestamp(column.type):
        return {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[column.type.unit]
    if pa.types.is_date(column.type):
        return 86_400 * 10**9 if column.type.bit_width == 32 else 10**6
    assert column.values is not None
    magnitude = float(np.abs(column.values).max()) if len(column.values) else 0.0
    return next((unit for least, unit in ((1e17, 1), (1e14, 10**3), (1e11, 10**6)) if magnitude >= least), 10**9)
