"""Declared tables in SQLite and PostgreSQL, over SQLAlchemy Core."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from alphaloop.core.addresses import scrubbed
from alphaloop.core.errors import InputError
from alphaloop.stores.engines import READ_ONLY, postgres_engine, sqlite_engine, translated
from alphaloop.stores.place import Place
from alphaloop.stores.records import conditions, statements
from alphaloop.stores.records.contract import Conflict, Row, Where, Without
from alphaloop.stores.records.guards import already_there, closed, failed_before, undeclared, within_key
from alphaloop.stores.records.insertion import Insertion, insertion
from alphaloop.stores.records.migration import migrate
from alphaloop.stores.records.schema import Schema
from alphaloop.stores.records.specs import TableSpec
from alphaloop.stores.records.tables import table_of
from alphaloop.stores.records.values import loaded, stored, stored_columns


def open_sql(place: Place) -> SqlRecords:
    """Open the database at `place` and make sure that it answers.

    Raises
    ------
    InputError
        If the file is no database or the server refuses the user.
    StoreAwayError
        If the server does not answer.
    """
    if place.kind == "sqlite":
        _make_folder(place)
    engine = sqlite_engine(place.path) if place.kind == "sqlite" else postgres_engine(place)
    try:
        with translated(place), engine.connect():
            pass
    except BaseException:
        engine.dispose()
        raise
    return SqlRecords(engine, place)


class SqlRecords:
    """`Records` over one connection.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of `place`; belongs to these records from now on.
    place : Place
        What errors call it.
    """

    def __init__(self, engine: Engine, place: Place) -> None:
        self._engine = engine
        self._place = place
        self._lock = threading.RLock()
        self._tables: dict[str, tuple[TableSpec, Table]] = {}
        self._insertions: dict[tuple[str, Conflict], Insertion] = {}
        self._current: Connection | None = None
        self._failed = False
        self._closed = False

    def migrate(self, schema: Schema) -> list[str]:
        """Apply the steps that are missing, all in one transaction."""
        with self._call() as connection:
            done = migrate(connection, schema, self._place.name)
        self._tables.update({spec.name: (spec, table_of(spec)) for spec in schema.tables})
        self._insertions.clear()
        return done

    def add(self, table: str, rows: Iterable[Mapping[str, Any]], conflict: Conflict = "error") -> int:
        """Add rows, and count those that were written."""
        with self._call() as connection:
            spec, target = self._table(table)
            columns = stored_columns(spec, list(rows))
            if not columns[0]:
                return 0
            insert = self._insertions.get((table, conflict))
            if insert is None:
                insert = self._insertions[table, conflict] = insertion(spec, target, conflict, connection.dialect)
            try:
                return insert(connection, columns)
            except IntegrityError as error:
                detail = scrubbed(str(error.orig), self._place.url)
                raise already_there(self._place.name, table, f"one of these keys ({detail})") from None

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
        with self._call(reads=True) as connection:
            spec, target = self._table(table)
            pair = None if without is None else (without, self._table(without.table)[0])
            query = conditions.query(spec, where, order_by, limit, descending, after, pair, columns)
            other = None if without is None else self._table(without.table)[1]
            found = connection.execute(statements.selection(target, query, other))
            specs = [spec.by_name[name] for name in query.columns]
            return [
                {column.name: loaded(column, value) for column, value in zip(specs, row, strict=True)} for row in found
            ]

    def count(self, table: str, where: Where | None = None) -> int:
        """Count rows."""
        with self._call(reads=True) as connection:
            spec, target = self._table(table)
            clauses = statements.clauses(target, conditions.tests(spec, where))
            return int(connection.scalar(select(func.count()).select_from(target).where(*clauses)) or 0)

    def update(self, table: str, where: Where, values: Mapping[str, Any]) -> int:
        """Change columns outside the key, and count the rows."""
        with self._call() as connection:
            spec, target = self._table(table)
            within_key(spec, values)
            fresh = {name: stored(spec, spec.column(name), value) for name, value in values.items()}
            clauses = statements.clauses(target, conditions.tests(spec, where))
            return connection.execute(update(target).where(*clauses).values(fresh)).rowcount

    def delete(self, table: str, where: Where) -> int:
        """Remove rows, and count them."""
        with self._call() as connection:
            spec, target = self._table(table)
            clauses = statements.clauses(target, conditions.tests(spec, where))
            return connection.execute(delete(target).where(*clauses)).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all calls inside one; inside another transaction, part of that one."""
        with self._lock:
            if self._current is not None:
                yield
                return
            with self._begin(reads=False):
                yield

    def close(self) -> None:
        """Leave the database."""
        with self._lock:
            self._closed = True
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _call(self, *, reads: bool = False) -> Iterator[Connection]:
        with self._lock:
            if self._current is None:
                with self._begin(reads=reads) as connection:
                    yield connection
                return
            if self._failed:
                raise failed_before(self._place.name)
            try:
                with translated(self._place):
                    yield self._current
            except BaseException:
                self._failed = True
                raise

    @contextmanager
    def _begin(self, *, reads: bool) -> Iterator[Connection]:
        if self._closed:
            raise closed(self._place.name)
        with translated(self._place), self._engine.connect() as connection:
            connection = connection.execution_options(**{READ_ONLY: reads})
            with connection.begin():
                self._current, self._failed = connection, False
                try:
                    yield connection
                    if self._failed:
                        raise failed_before(self._place.name)
                finally:
                    self._current = None

    def _table(self, name: str) -> tuple[TableSpec, Table]:
        found = self._tables.get(name)
        if found is None:
            raise undeclared(self._place.name, name)
        return found


def _make_folder(place: Place) -> None:
    try:
        Path(place.path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{place.name}: its folder cannot be made ({error.strerror}); give another file") from None
