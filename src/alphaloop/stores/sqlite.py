"""The embedded store: one SQLite file, no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from alphaloop.core.errors import InputError
from alphaloop.stores.lock import ProcessLock
from alphaloop.stores.schema import migrate
from alphaloop.stores.sql import SqlStore


def open_sqlite(path: Path | str) -> SqlStore:
    """Open a state file, new or known, for this process alone.

    Every transaction is on disk when it returns: write-ahead log with ``synchronous=FULL``.

    Raises
    ------
    InputError
        If another process has it open, it is no such file, or a later release wrote it.
    """
    path = Path(path)
    lock = ProcessLock(path)
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            migrate(connection, str(path))
    except DatabaseError as error:
        engine.dispose()
        lock.release()
        raise InputError(
            f"{path}: not a state file of alphaloop ({error.orig}); give another file with --state"
        ) from None
    except BaseException:
        engine.dispose()
        lock.release()
        raise
    return SqlStore(engine, str(path), lock.release)


def _engine(path: Path) -> Engine:
    # One connection: the file belongs to this process, and one thread of it.
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions only before DML, and leave a half-made schema behind a crash.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
