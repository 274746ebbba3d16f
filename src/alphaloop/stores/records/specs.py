"""Tables as plain declarations, free of any database."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from alphaloop.core.errors import StateError

Kind: TypeAlias = Literal["text", "int", "float", "bool", "bytes", "json"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column.

    Attributes
    ----------
    name : str
        Lower case with underscores, at most 48 characters.
    kind : str
        ``text``, ``int`` (64 bit, signed), ``float`` (64 bit), ``bool``, ``bytes`` or ``json`` (what JSON can say).
    nullable : bool
        Whether None is allowed. A float that is NaN counts as None: databases disagree about NaN.
    """

    name: str
    kind: Kind
    nullable: bool = False


@dataclass(frozen=True)
class TableSpec:
    """One table.

    Attributes
    ----------
    name : str
        Lower case with underscores, at most 48 characters.
    columns : tuple of ColumnSpec
        In the order of the database.
    key : tuple of str
        The columns that together identify a row.
    indexes : tuple of tuples of str
        Columns of each further index.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = field(default=())

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        for name in (self.name, *names):
            if not _NAME.fullmatch(name):
                raise StateError(f"table {self.name!r}: {name!r} is no name for a table or column; use a-z, 0-9 and _")
        if len(set(names)) != len(names):
            raise StateError(f"table {self.name}: a column is declared twice among {', '.join(names)}; remove one")
        nullable = {column.name for column in self.columns if column.nullable}
        if not self.key or nullable.intersection(self.key):
            raise StateError(f"table {self.name}: the key {self.key!r} must have columns, none of them nullable")
        for columns in (self.key, *self.indexes):
            for name in columns:
                if name not in names:
                    raise StateError(f"table {self.name}: key or index names {name!r}, which is no column; declare it")

    @cached_property
    def by_name(self) -> dict[str, ColumnSpec]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> ColumnSpec:
        """Give the column `name`.

        Raises
        ------
        StateError
            If there is none.
        """
        found = self.by_name.get(name)
        if found is None:
            raise StateError(f"table {self.name}: no column {name!r}; there are {', '.join(self.by_name)}")
        return found
