"""What a query asks for, checked against the declaration and in one form for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alphaloop.core.errors import StateError
from alphaloop.stores.records.contract import Condition, Where, Without
from alphaloop.stores.records.specs import TableSpec
from alphaloop.stores.records.values import stored

OPS = ("=", "!=", "<", "<=", ">", ">=", "in")


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison that a row must pass; `value` is as stored."""

    column: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class Query:
    """A `Records.select`, checked."""

    table: TableSpec
    tests: tuple[Test, ...]
    order: tuple[str, ...]
    with_missing: frozenset[str]
    limit: int | None
    descending: bool
    after: tuple[Any, ...] | None
    without: Absence | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absence:
    """A `Without`, checked."""

    table: TableSpec
    on: tuple[str, ...]
    tests: tuple[Test, ...]


def tests(table: TableSpec, where: Where | None) -> tuple[Test, ...]:
    """Check conditions.

    Raises
    ------
    StateError
        If a column or an operator is unknown, or a value is of the wrong kind.
    """
    return tuple(test for name, condition in (where or {}).items() for test in _tests(table, name, condition))


def query(
    table: TableSpec,
    where: Where | None,
    order_by: Sequence[str],
    limit: int | None,
    descending: bool,
    after: Sequence[Any] | None,
    without: tuple[Without, TableSpec] | None,
    columns: Sequence[str] | None,
) -> Query:
    """Check a selection; the key goes to the end of the order, so that the order is total.

    Raises
    ------
    StateError
        As `tests`, or if `after` does not fit the order.
    """
    checked = tests(table, where)
    order = (*order_by, *(name for name in table.key if name not in order_by))
    specs = [table.column(name) for name in order]
    # Every comparison but "is missing" leaves only rows that have a value.
    present = {test.column for test in checked if (test.op, test.value) != ("=", None)}
    with_missing = frozenset(spec.name for spec in specs if spec.nullable and spec.name not in present)
    place = None
    if after is not None:
        if len(after) != len(order) or with_missing:
            raise StateError(
                f"table {table.name}: a page can go on only after one value for each of {order}, none of them "
                f"missing in any row, got {tuple(after)!r}; give the last row's values, and ask for rows that have them"
            )
        place = tuple(stored(table, spec, value) for spec, value in zip(specs, after, strict=True))
    absence = None
    if without is not None:
        wish, other = without
        for name in wish.on:
            table.column(name), other.column(name)
        absence = Absence(other, wish.on, tests(other, wish.where))
    wanted = tuple(columns) if columns is not None else tuple(table.by_name)
    for name in wanted:
        table.column(name)
    return Query(table, checked, order, with_missing, limit, descending, place, absence, wanted)


def _tests(table: TableSpec, name: str, condition: Condition) -> list[Test]:
    spec = table.column(name)
    pairs = condition if isinstance(condition, list) else [condition]
    found = []
    for pair in pairs:
        op, value = pair if isinstance(pair, tuple) and len(pair) == 2 else ("=", pair)
        if op not in OPS:
            raise StateError(f"table {table.name}: unknown operator {op!r} for {name!r}; use one of {' '.join(OPS)}")
        if spec.kind == "json" and value is not None:
            raise StateError(f"table {table.name}: {name!r} is JSON and cannot be compared; ask whether it is None")
        if op == "in":
            found.append(Test(name, op, tuple(stored(table, spec, each) for each in value)))
        elif value is None:
            if op not in ("=", "!="):
                raise StateError(f"table {table.name}: {name!r} {op} None compares nothing; use = or !=")
            found.append(Test(name, op, None))
        else:
            found.append(Test(name, op, stored(table, spec, value)))
    return found
