"""Adding rows with one statement that takes them all.

Whoever stores shares its interpreter with whoever decides, and a driver that is given rows one by one holds the
interpreter for most of the time that they take. SQLite's driver loops outside of it; PostgreSQL is given one array for
each column, in the server's own format, and takes the rows out of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Dialect, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from alphaloop.stores.records.contract import Conflict
from alphaloop.stores.records.specs import Kind, TableSpec

_ARRAYS: Final[dict[Kind, str]] = {
    "text": "text[]",
    "int": "bigint[]",
    "float": "double precision[]",
    "bool": "boolean[]",
    "bytes": "bytea[]",
    "json": "text[]",
}

ROWS_AT_ONCE: Final = 2_000
"""A server takes no array beyond 1 GiB, and whatever waited for it while it was away comes at once."""


class Insertion(Protocol):
    """Adds rows to one table in one way."""

    def __call__(self, connection: Connection, columns: Sequence[list[Any]]) -> int:
        """Add rows, given as the values of each column as databases get them; counts those that were written."""
        ...


def insertion(spec: TableSpec, table: Table, conflict: Conflict, dialect: Dialect) -> Insertion:
    """Prepare adding rows to a table."""
    kind = _InSqlite if dialect.name == "sqlite" else _InPostgres
    return kind(spec, table, conflict, dialect)


class _InSqlite:
    def __init__(self, spec: TableSpec, table: Table, conflict: Conflict, dialect: Dialect) -> None:
        compiled = _resolved(sqlite.insert(table), spec, conflict).compile(dialect=dialect)
        self._sql, names = str(compiled), list(spec.by_name)
        self._order = [names.index(name) for name in compiled.positiontup or ()]

    def __call__(self, connection: Connection, columns: Sequence[list[Any]]) -> int:
        rows = list(zip(*(columns[place] for place in self._order), strict=True))
        return connection.exec_driver_sql(self._sql, rows, {"preserve_rowcount": True}).rowcount


class _InPostgres:
    def __init__(self, spec: TableSpec, table: Table, conflict: Conflict, dialect: Dialect) -> None:
        source = text("SELECT * FROM unnest(ARRAYS)").columns(*table.columns)
        insert = postgresql.insert(table).from_select(list(spec.by_name), source)
        arrays = ", ".join(f"%b::{_ARRAYS[column.kind]}" for column in spec.columns)
        self._sql = str(_resolved(insert, spec, conflict).compile(dialect=dialect)).replace("ARRAYS", arrays)
        names = list(spec.by_name)
        self._key = [names.index(name) for name in spec.key] if conflict == "replace" else []

    def __call__(self, connection: Connection, columns: Sequence[list[Any]]) -> int:
        pieces = range(0, len(columns[0]), ROWS_AT_ONCE)
        return sum(self._add(connection, [each[first : first + ROWS_AT_ONCE] for each in columns]) for first in pieces)

    def _add(self, connection: Connection, columns: Sequence[list[Any]]) -> int:
        count = len(columns[0])
        if self._key:
            # One statement changes no row twice: the last one stands, as if they had come one after the other.
            last = {key: place for place, key in enumerate(zip(*(columns[one] for one in self._key), strict=True))}
            if len(last) < count:
                columns = [[column[place] for place in last.values()] for column in columns]
        written = connection.exec_driver_sql(self._sql, tuple(columns)).rowcount
        return written + count - len(columns[0])


def _resolved(insert: Any, spec: TableSpec, conflict: Conflict) -> Any:
    if conflict == "error":
        return insert
    if conflict == "ignore":
        return insert.on_conflict_do_nothing(index_elements=list(spec.key))
    changed = [name for name in spec.by_name if name not in spec.key] or spec.key
    values = {name: insert.excluded[name] for name in changed}
    return insert.on_conflict_do_update(index_elements=list(spec.key), set_=values)
