"""From a checked query to SQL that both databases run."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, exists, literal, select, tuple_

from alphaloop.stores.records.conditions import Query, Test

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def clauses(table: FromClause, tests: Sequence[Test]) -> list[ColumnElement[bool]]:
    """Give one condition for each of `tests`."""
    return [_clause(table, test) for test in tests]


def selection(table: Table, query: Query, other: Table | None) -> Select[Any]:
    """Give the statement for `query`; `other` is the table of its absence, if it has one."""
    conditions = clauses(table, query.tests)
    if query.without is not None and other is not None:
        # A copy under another name: the two tables may be one and the same.
        partner = other.alias("partner")
        same = [partner.c[name] == table.c[name] for name in query.without.on]
        conditions.append(~exists().where(and_(*same, *clauses(partner, query.without.tests))))
    columns = [table.c[name] for name in query.order]
    if query.after is not None:
        place = tuple_(*(literal(value, column.type) for value, column in zip(query.after, columns, strict=True)))
        here = tuple_(*columns)
        conditions.append(here < place if query.descending else here > place)
    statement = select(*(table.c[name] for name in query.columns)).where(*conditions)
    for column in columns:
        directed = column.desc() if query.descending else column.asc()
        # Said only where it matters: PostgreSQL would not use an index for it.
        statement = statement.order_by(directed.nulls_last() if column.name in query.with_missing else directed)
    return statement.limit(query.limit)


def _clause(table: FromClause, test: Test) -> ColumnElement[bool]:
    column: ColumnElement[Any] = table.c[test.column]
    if test.op == "in":
        return column.in_(test.value)
    if test.value is None:
        return column.is_(None) if test.op == "=" else column.is_not(None)
    found: ColumnElement[bool] = _COMPARISONS[test.op](column, test.value)
    return found
