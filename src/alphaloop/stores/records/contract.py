"""The contract of declared tables.

What a caller may rely on, in memory as in SQLite and in PostgreSQL:

- **All or nothing.** Each call is one transaction, or part of the one that `Records.transaction` opens. After it
  returns its content survives a crash of the process and of the machine (in memory: nothing survives the process).
- **Values come back as they were given**: integers exactly, floats to the bit, bytes, JSON with its order of keys.
  What databases do not keep alike is made alike on the way in: a float NaN is stored as None and -0.0 as 0.0; in text,
  the character U+0000 and lone surrogates become U+FFFD; JSON refuses NaN.
- **Order is that of bytes**, for text too. In an order None comes last, whichever way the order goes.
- **A transaction that failed takes nothing more**: any error inside it undoes all of it when it is left.
- **The database away** (stopped, locked by another for too long, its disk full) raises `StoreAwayError`, inside a
  transaction too; nothing of the transaction is promised then. Give all of it again with ``conflict="ignore"`` or
  ``"replace"``: should the connection have broken during the commit, it may have been kept.
- Calls may come from any thread and wait for each other; several processes may open one database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias

from alphaloop.stores.records.schema import Schema

Row: TypeAlias = dict[str, Any]
Op: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">=", "in"]
Condition: TypeAlias = Any
"""A value to equal (None: missing), a pair ``(op, value)``, or a list of such pairs which must all hold."""
Where: TypeAlias = Mapping[str, Condition]
Conflict: TypeAlias = Literal["error", "ignore", "replace"]


@dataclass(frozen=True)
class Without:
    """Keep only rows that have no partner in another table.

    Attributes
    ----------
    table : str
        The other table.
    on : tuple of str
        Columns that both tables have and in which partners are equal.
    where : mapping
        What else makes a row of the other table a partner.
    """

    table: str
    on: tuple[str, ...]
    where: Where = field(default_factory=dict)


class Records(Protocol):
    """Rows of declared tables; see the module for what it guarantees."""

    def migrate(self, schema: Schema) -> list[str]:
        """Apply the steps that are missing, all or none, and give their names.

        Raises
        ------
        InputError
            If a later release has changed the tables.
        """
        ...

    def add(self, table: str, rows: Iterable[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Add rows.

        Parameters
        ----------
        table : str
            A declared table.
        rows : iterable of mappings
            Values by column; nullable columns may be left out.
        conflict : str
            What happens to a row whose key is there, or came earlier in `rows`: ``error`` refuses all of them,
            ``ignore`` keeps the older row, ``replace`` the newer.

        Returns
        -------
        int
            Rows that were written: added or replaced.

        Raises
        ------
        StateError
            If a key is there already, a column is unknown or missing, or a value is of the wrong kind.
        """
        ...

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
        """List rows.

        Parameters
        ----------
        where : mapping, optional
            Conditions by column, all of which must hold. None never compares: ``("<", 5)`` skips missing values.
        order_by : sequence of str
            Columns to sort by; where they are equal, and without them, the key decides.
        limit : int, optional
            Rows at most.
        descending : bool
            Largest first, the key too.
        after : sequence, optional
            Values of `order_by` and then of the key of the last row of the page before: the page goes on behind it.
            Columns of `order_by` that are nullable need a condition in `where` then that leaves out missing values.
        without : Without, optional
            Leaves out rows with a partner in another table.
        columns : sequence of str, optional
            Only these, in this order.
        """
        ...

    def count(self, table: str, where: Where | None = None) -> int:
        """Count rows."""
        ...

    def update(self, table: str, where: Where, values: Mapping[str, Any]) -> int:
        """Change columns outside the key in all rows that `where` finds, and count these."""
        ...

    def delete(self, table: str, where: Where) -> int:
        """Remove all rows that `where` finds, and count them; an empty `where` means all."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Make all calls inside one; an error leaves no trace of them."""
        ...

    def close(self) -> None:
        """Leave the database; more than once is harmless."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
