"""Stored signals and outcomes, page by page: from a database, or from a folder of Parquet tables.

Nothing is computed here: what a model learns from is what was stored when the signal was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import polars as pl

from alphaloop.core.errors import DataError
from alphaloop.stores.records import Records, open_records

PAGE = 20_000
TABLES = {"signal": "signals", "genesis": "genesis_observations"}
OUTCOMES = "signal_outcomes"
KEYS = {
    "signals": ("signal_id",),
    "genesis_observations": ("signal_id",),
    "signal_outcomes": ("signal_id", "horizon_s"),
}

Row = dict[str, Any]
Where = Mapping[str, Any]


class Stored(Protocol):
    """Tables that can be read in an order."""

    name: str

    def rows(self, table: str, columns: Sequence[str], where: Where, order: str = "") -> Iterator[Row]:
        """Give the rows that `where` finds, in the order of the column `order`, if one is named, and then of the key.

        Parameters
        ----------
        where
            As for `Records.select`: column to a value, to a pair of operator and value, or to a list of such pairs.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def open_stored(source: str) -> Stored:
    """Open ``sqlite:///FILE``, ``postgresql://...``, or a folder with ``TABLE.parquet`` or ``TABLE/*.parquet``.

    Raises
    ------
    DataError
        If it is none of these.
    """
    if "://" in source:
        file = source.removeprefix("sqlite:///")
        if file != source and not Path(file).is_file():
            raise DataError(f"{source}: there is no such file; collect signals first or name another database")
        return StoredDatabase(open_records(source), shown(source))
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(
            f"{source!r} is neither a database nor a folder; give sqlite:///FILE, postgresql://... or a folder of "
            "Parquet tables"
        )
    return StoredFolder(folder)


def shown(url: str) -> str:
    """A database's name for people: its kind and the last part of its address, never a user or a password."""
    kind, _, address = url.partition("://")
    return f"{kind}:{address.partition('?')[0].rpartition('/')[2]}"


class StoredDatabase:
    """Tables of a database."""

    def __init__(self, records: Records, name: str) -> None:
        from alphaloop.markets.pumpfun.schema import SCHEMA

        self.name = name
        self._records = records
        records.migrate(SCHEMA)

    def rows(self, table: str, columns: Sequence[str], where: Where, order: str = "") -> Iterator[Row]:
        """See `Stored.rows`; what the rows are ordered by comes along in every row."""
        place = ((order,) if order else ()) + KEYS[table]
        wanted = tuple(dict.fromkeys((*columns, *place)))
        after: list[Any] | None = None
        while True:
            page = self._records.select(
                table, where, columns=wanted, order_by=(order,) if order else (), limit=PAGE, after=after
            )
            yield from page
            if len(page) < PAGE:
                return
            after = [page[-1][column] for column in place]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._records.close()


class StoredFolder:
    """Tables of a folder."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        self._folder = folder

    def rows(self, table: str, columns: Sequence[str], where: Where, order: str = "") -> Iterator[Row]:
        """See `Stored.rows`."""
        place = [*((order,) if order else ()), *KEYS[table]]
        frame = pl.scan_parquet(self._files(table))
        missing = sorted({*columns, *place, *where} - set(frame.collect_schema().names()))
        if missing:
            raise DataError(
                f"{self._folder}: table {table} has no column {missing[0]!r} ({len(missing)} missing); "
                "write the tables again with this version"
            )
        for column, condition in where.items():
            for each in condition if isinstance(condition, list) else [condition]:
                frame = frame.filter(_holds(column, each))
        found = frame.select(list(dict.fromkeys((*columns, *place)))).sort(place).collect()
        yield from found.iter_rows(named=True)

    def _files(self, table: str) -> list[Path]:
        single = self._folder / f"{table}.parquet"
        files = [single] if single.is_file() else sorted((self._folder / table).glob("*.parquet"))
        if not files:
            raise DataError(f"{self._folder}: no {table}.parquet and no files in {table}/; name another folder")
        return files

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _holds(column: str, condition: Any) -> pl.Expr:
    operator, value = condition if isinstance(condition, tuple) else ("=", condition)
    read = pl.col(column)
    if operator == "in":
        return read.is_in(list(value))
    comparisons = {"=": read.eq, "!=": read.ne, "<": read.lt, "<=": read.le, ">": read.gt, ">=": read.ge}
    return comparisons[operator](value)
