"""The embedded store: one SQLite file, no server."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import DatabaseError

from alphaloop.core.errors import InputError
from alphaloop.stores.engines import sqlite_engine
from alphaloop.stores.lock import ProcessLock
from alphaloop.stores.place import Place
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
    engine = sqlite_engine(str(path))
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
    return SqlStore(engine, Place("sqlite", str(path), str(path)), lock.release)
