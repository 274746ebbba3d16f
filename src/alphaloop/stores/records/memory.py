"""Declared tables in memory: the twin that tests and short runs use."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cmp_to_key
from types import TracebackType
from typing import Any, Self

from alphaloop.stores.records import conditions
from alphaloop.stores.records.conditions import Absence, Query, Test
from alphaloop.stores.records.contract import Conflict, Row, Where, Without
from alphaloop.stores.records.guards import already_there, closed, failed_before, undeclared, within_key
from alphaloop.stores.records.schema import Schema, after
from alphaloop.stores.records.specs import TableSpec
from alphaloop.stores.records.values import key_of, loaded, stored, stored_row

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLACE = "memory://"

Rows = dict[tuple[Any, ...], Row]


class MemoryRecords:
    """`Records` in memory.

    A transaction notes for each row that it touches what was there before, and an error puts that back.
    """

    def __init__(self) -> None:
        self._tables: dict[str, TableSpec] = {}
        self._rows: dict[str, Rows] = {}
        self._applied: dict[str, list[str]] = {}
        self._lock = threading.RLock()
        self._undo: list[tuple[Rows, tuple[Any, ...], Row | None]] | None = None
        self._failed = False
        self._closed = False

    def migrate(self, schema: Schema) -> list[str]:
        """Apply the steps that are missing."""
        with self._lock:
            applied = self._applied.setdefault(schema.market, [])
            missing = schema.missing_steps(_PLACE, applied)
            tables = after(missing, self._tables)
            for name in self._rows.keys() - tables.keys():
                del self._rows[name]
            for name, table in tables.items():
                rows = self._rows.setdefault(name, {})
                for row in rows.values():
                    kept = {column: row.get(column) for column in table.by_name}
                    row.clear()
                    row.update(kept)
            self._tables = tables
            applied.extend(step.name for step in missing)
            return [step.name for step in missing]

    def add(self, table: str, rows: Iterable[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Add rows, and count those that were written."""
        with self._call(table) as (spec, kept):
            written = 0
            for row in rows:
                fresh = stored_row(spec, row)
                key = key_of(spec, fresh)
                if key in kept and conflict == "ignore":
                    continue
                if key in kept and conflict == "error":
                    raise already_there(_PLACE, table, dict(zip(spec.key, key, strict=True)))
                self._put(kept, key, fresh)
                written += 1
            return written

    def select(
        self,
        table: str,
        where: Where | None = None,
        *,
        order_by: Sequence[str] = (),
        limit: int | None = None,
        descending: bool = False,
        after: Sequence[Any] | None = None,
        without: Without | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """List rows; see the contract."""
        with self._call(table) as (spec, kept):
            pair = None if without is None else (without, self._spec(without.table))
            query = conditions.query(spec, where, order_by, limit, descending, after, pair, columns)
            found = [row for row in kept.values() if _passes(row, query.tests)]
            if query.without is not None:
                partners = self._partners(query.without)
                found = [row for row in found if _values(row, query.without.on) not in partners]
            found = _ordered(found, query)
            return [
                {name: loaded(spec.by_name[name], row[name]) for name in query.columns} for row in found[: query.limit]
            ]

    def count(self, table: str, where: Where | None = None) -> int:
        """Count rows."""
        with self._call(table) as (spec, kept):
            tests = conditions.tests(spec, where)
            return sum(_passes(row, tests) for row in kept.values())

    def update(self, table: str, where: Where, values: Mapping[str, Any]) -> int:
        """Change columns outside the key, and count the rows."""
        with self._call(table) as (spec, kept):
            within_key(spec, values)
            fresh = {name: stored(spec, spec.column(name), value) for name, value in values.items()}
            tests = conditions.tests(spec, where)
            keys = [key for key, row in kept.items() if _passes(row, tests)]
            for key in keys:
                self._put(kept, key, {**kept[key], **fresh})
            return len(keys)

    def delete(self, table: str, where: Where) -> int:
        """Remove rows, and count them."""
        with self._call(table) as (spec, kept):
            tests = conditions.tests(spec, where)
            keys = [key for key, row in kept.items() if _passes(row, tests)]
            for key in keys:
                self._put(kept, key, None)
            return len(keys)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all calls inside one; inside another transaction, part of that one."""
        with self._lock:
            if self._undo is not None:
                yield
                return
            self._undo, self._failed = [], False
            try:
                yield
                if self._failed:
                    raise failed_before(_PLACE)
            except BaseException:
                for rows, key, before in reversed(self._undo):
                    _restore(rows, key, before)
                raise
            finally:
                self._undo = None

    def close(self) -> None:
        """Leave; the rows are gone."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _call(self, table: str) -> Iterator[tuple[TableSpec, Rows]]:
        with self._lock:
            if self._closed:
                raise closed(_PLACE)
            if self._undo is not None and self._failed:
                raise failed_before(_PLACE)
            with self.transaction():
                try:
                    yield self._spec(table), self._rows[table]
                except BaseException:
                    self._failed = True
                    raise

    def _spec(self, table: str) -> TableSpec:
        spec = self._tables.get(table)
        if spec is None:
            raise undeclared(_PLACE, table)
        return spec

    def _put(self, rows: Rows, key: tuple[Any, ...], row: Row | None) -> None:
        assert self._undo is not None
        self._undo.append((rows, key, rows.get(key)))
        _restore(rows, key, row)

    def _partners(self, absence: Absence) -> set[tuple[Any, ...]]:
        rows = self._rows[absence.table.name].values()
        return {_values(row, absence.on) for row in rows if _passes(row, absence.tests)}


def _restore(rows: Rows, key: tuple[Any, ...], row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row


def _values(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _passes(row: Row, tests: Sequence[Test]) -> bool:
    return all(_holds(row[test.column], test) for test in tests)


def _holds(value: Any, test: Test) -> bool:
    if test.op == "in":
        return value is not None and value in test.value
    if test.value is None:
        return (value is None) == (test.op == "=")
    return value is not None and _COMPARISONS[test.op](value, test.value)


def _ordered(rows: list[Row], query: Query) -> list[Row]:
    def compare(one: Row, other: Row) -> int:
        return _compare(_values(one, query.order), _values(other, query.order), query.descending)

    if query.after is not None:
        place = query.after
        rows = [row for row in rows if _compare(_values(row, query.order), place, query.descending) > 0]
    return sorted(rows, key=cmp_to_key(compare))


def _compare(one: Sequence[Any], other: Sequence[Any], descending: bool) -> int:
    for left, right in zip(one, other, strict=True):
        if left == right:
            continue
        if left is None or right is None:
            return 1 if left is None else -1
        return (1 if left > right else -1) * (-1 if descending else 1)
    return 0
