"""Values on their way into a table: checked, and made what every backend can keep."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alphaloop.core.errors import StateError
from alphaloop.stores.records.contract import Row
from alphaloop.stores.records.specs import ColumnSpec, TableSpec

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_INT_LIMIT = 2**63


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return _UNSTORABLE.sub("\ufffd", value) if not value.isprintable() else value


def _int(value: Any) -> int:
    number = operator.index(value)
    if not -_INT_LIMIT <= number < _INT_LIMIT:
        raise TypeError
    return number


def _float(value: Any) -> float | None:
    if isinstance(value, str | bytes):
        raise TypeError
    number = float(value)
    # SQLite keeps no sign of zero, so nobody does.
    return None if math.isnan(number) else number + 0.0


def _bool(value: Any) -> bool:
    if value not in (0, 1):
        raise TypeError
    return bool(value)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError
    return bytes(value)


def _json(value: Any) -> str:
    # Escapes keep what text cannot: U+0000 and lone surrogates.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


_UNFIT = (TypeError, ValueError, OverflowError)
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "bytes": _bytes,
    "json": _json,
}


def stored(table: TableSpec, column: ColumnSpec, value: Any) -> Any:
    """Give `value` as the database gets it: JSON as its text, everything else as a plain Python value.

    Raises
    ------
    StateError
        If it is of another kind, or missing where it may not be.
    """
    if value is not None:
        try:
            value = _CONVERSIONS[column.kind](value)
        except _UNFIT:
            raise StateError(
                f"table {table.name}: column {column.name!r} takes {column.kind}, got {value!r:.120}; convert it first"
            ) from None
    if value is None and not column.nullable:
        raise StateError(f"table {table.name}: column {column.name!r} may not be missing; give a value")
    return value


def stored_row(table: TableSpec, row: Mapping[str, Any]) -> Row:
    """Give a whole row as the database gets it, every column named.

    Raises
    ------
    StateError
        As `stored`, or if a column is unknown.
    """
    _require_known(table, row)
    return {column.name: stored(table, column, row.get(column.name)) for column in table.columns}


def stored_columns(table: TableSpec, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Give rows as the database gets them, as the values of each column in the table's order.

    Raises
    ------
    StateError
        As `stored_row`.
    """
    for row in rows:
        _require_known(table, row)
    return [_stored_column(table, column, [row.get(column.name) for row in rows]) for column in table.columns]


def _require_known(table: TableSpec, row: Mapping[str, Any]) -> None:
    for name in row.keys() - table.by_name.keys():
        table.column(name)


def _stored_column(table: TableSpec, column: ColumnSpec, values: list[Any]) -> list[Any]:
    convert = _CONVERSIONS[column.kind]
    try:
        found = [None if value is None else convert(value) for value in values]
        fits = column.nullable or None not in found
    except _UNFIT:
        fits = False
    # One by one, so that the error names the value.
    return found if fits else [stored(table, column, value) for value in values]


def loaded(column: ColumnSpec, value: Any) -> Any:
    """Turn what a database gave into what was stored."""
    if value is None:
        return None
    if column.kind == "json":
        return json.loads(value)
    if column.kind == "bytes":
        return bytes(value)
    return bool(value) if column.kind == "bool" else value


def key_of(table: TableSpec, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give the values of the key columns."""
    return tuple(row[name] for name in table.key)
