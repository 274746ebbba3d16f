"""How a market's tables came to be: steps in order, which lead to exactly the tables that are declared.

A step that was released is never changed; a change of the tables is another step at the end. `Schema` refuses to exist
if its steps lead elsewhere than to its tables, so the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from alphaloop.core.errors import InputError, StateError
from alphaloop.stores.records.specs import ColumnSpec, TableSpec


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A new table with its key and indexes."""

    table: TableSpec


@dataclass(frozen=True, slots=True)
class DropTable:
    """A table goes, with its rows."""

    table: str


@dataclass(frozen=True, slots=True)
class AddColumn:
    """A column at the end of a table; nullable, because the rows that are there have no value for it."""

    table: str
    column: ColumnSpec


@dataclass(frozen=True, slots=True)
class DropColumn:
    """A column goes; neither key nor index may name it."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class AddIndex:
    """An index over `columns`."""

    table: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropIndex:
    """The index over `columns` goes."""

    table: str
    columns: tuple[str, ...]


Change: TypeAlias = CreateTable | DropTable | AddColumn | DropColumn | AddIndex | DropIndex
Tables: TypeAlias = dict[str, TableSpec]


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that are applied together, in one transaction, once.

    Attributes
    ----------
    name : str
        Never reused; sorted by release, such as ``0001_signals``.
    changes : tuple
        In order.
    """

    name: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Schema:
    """Tables of one market and the way to them.

    Attributes
    ----------
    market : str
        Whose tables they are; the steps of each market are counted apart.
    steps : tuple of Step
        From nothing to `tables`.
    tables : tuple of TableSpec
        As this release wants them.

    Raises
    ------
    StateError
        If the steps do not lead to the tables, or a step is impossible.
    """

    market: str
    steps: tuple[Step, ...]
    tables: tuple[TableSpec, ...]

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise StateError(f"schema of {self.market}: a step name comes twice among {', '.join(names)}; rename one")
        reached, declared = after(self.steps), {table.name: table for table in self.tables}
        for name in sorted(reached.keys() | declared.keys()):
            if reached.get(name) != declared.get(name):
                raise StateError(
                    f"schema of {self.market}: the steps leave table {name!r} as {reached.get(name)}, "
                    f"but it is declared as {declared.get(name)}; add a step"
                )

    def missing_steps(self, place: str, applied: list[str]) -> tuple[Step, ...]:
        """Give the steps that come after those in `applied`.

        Raises
        ------
        InputError
            If `applied` is not how these steps begin.
        """
        known = [step.name for step in self.steps]
        if applied != known[: len(applied)]:
            stranger = next((name for at, name in enumerate(applied) if known[at : at + 1] != [name]), "")
            raise InputError(
                f"{place}: the tables of {self.market} have step {stranger!r}, which this release does not know; "
                "use the release that wrote them, or another database"
            )
        return self.steps[len(applied) :]


def after(steps: tuple[Step, ...], start: Mapping[str, TableSpec] | None = None) -> Tables:
    """Give the tables, by name, that `steps` make of `start`."""
    tables: Tables = dict(start or {})
    for step in steps:
        for change in step.changes:
            _apply(tables, step.name, change)
    return tables


def _apply(tables: Tables, step: str, change: Change) -> None:
    if isinstance(change, CreateTable):
        if change.table.name in tables:
            raise StateError(f"step {step}: table {change.table.name!r} is there already; change it instead")
        tables[change.table.name] = change.table
        return
    table = tables.get(change.table)
    if table is None:
        raise StateError(f"step {step}: there is no table {change.table!r}; create it first")
    if isinstance(change, DropTable):
        del tables[change.table]
    else:
        tables[change.table] = _changed(table, step, change)


def _changed(table: TableSpec, step: str, change: AddColumn | DropColumn | AddIndex | DropIndex) -> TableSpec:
    if isinstance(change, AddColumn):
        if not change.column.nullable:
            raise StateError(
                f"step {step}: column {change.column.name!r} of {table.name} is added later: make it nullable"
            )
        return replace(table, columns=(*table.columns, change.column))
    if isinstance(change, DropColumn):
        gone = table.column(change.column)
        return replace(table, columns=tuple(column for column in table.columns if column is not gone))
    if isinstance(change, AddIndex):
        return replace(table, indexes=(*table.indexes, change.columns))
    if change.columns not in table.indexes:
        raise StateError(f"step {step}: {table.name} has no index over {change.columns}; drop one that is there")
    return replace(table, indexes=tuple(columns for columns in table.indexes if columns != change.columns))
