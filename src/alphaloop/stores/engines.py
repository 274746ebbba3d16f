"""Engines for the two databases, set up for what stores promise: durable commits, and errors without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from alphaloop.core.addresses import scrubbed
from alphaloop.core.errors import InputError, StoreAwayError
from alphaloop.core.extras import require
from alphaloop.stores.place import Place

CONNECT_TIMEOUT_S = 5
READ_ONLY = "alphaloop_read_only"

# The words of the server for what will not mend by trying again.
_REFUSALS = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied", "is not permitted")
_AWAY_IN_SQLITE = ("locked", "full", "disk i/o", "readonly", "unable to open")


def sqlite_engine(path: str, busy_s: float = 30.0) -> Engine:
    """One connection to a SQLite file, for any thread of this process, one at a time.

    Every transaction is on disk when it returns: write-ahead log with ``synchronous=FULL``. A transaction takes the
    file's write lock when it begins, waiting `busy_s` for other processes, unless its connection has the execution
    option `READ_ONLY`.
    """
    engine = create_engine(
        URL.create("sqlite", database=path),
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "timeout": busy_s},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions only before DML, and leave a half-made schema behind a crash.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def postgres_engine(place: Place, prepare: Callable[[Any], None] | None = None) -> Engine:
    """One connection to a PostgreSQL database, made again when it broke.

    Parameters
    ----------
    prepare : callable, optional
        Called with each new driver connection.

    Raises
    ------
    InputError
        If the URL cannot be understood or the driver is not installed.
    """
    require("servers", "psycopg")
    try:
        url = make_url(place.url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise InputError(
            f"{place.name}: not a URL that can be used; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "with special characters percent-encoded"
        ) from None
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "alphaloop",
            # A server that vanished without a word is noticed within half a minute.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
        },
    )
    if prepare is not None:
        made = prepare

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            made(connection)

    return engine


@contextmanager
def translated(place: Place) -> Iterator[None]:
    """Turn a driver's errors inside the block into ours, without secrets.

    Raises
    ------
    StoreAwayError
        If the database does not answer, is locked, or its disk is full.
    InputError
        If it will not have this user, or the file is no database.
    """
    try:
        yield
    except DBAPIError as error:
        if (ours := _translation(place, error)) is None:
            raise
        raise ours from None


def _translation(place: Place, error: DBAPIError) -> InputError | StoreAwayError | None:
    reason = scrubbed(str(error.orig), place.url)
    if place.kind == "sqlite":
        if any(word in reason.lower() for word in _AWAY_IN_SQLITE):
            return _away(place, reason)
        plain = type(error) is DatabaseError or "malformed" in reason
        return InputError(f"{place.name}: not a database file ({reason}); give another file") if plain else None
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        if any(word in reason for word in _REFUSALS):
            return InputError(f"{place.name}: the server refuses ({reason}); correct the URL or the server's settings")
        return _away(place, reason)
    return None


def _away(place: Place, reason: str) -> StoreAwayError:
    return StoreAwayError(
        f"{place.name}: the database cannot be used now ({reason}); try the whole transaction again later"
    )
