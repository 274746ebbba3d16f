"""The store of a server: PostgreSQL."""

from __future__ import annotations

from typing import Any

from alphaloop.core.clock import pause
from alphaloop.core.errors import InputError
from alphaloop.stores.checks import in_use
from alphaloop.stores.engines import postgres_engine, translated
from alphaloop.stores.place import Place, parse_place
from alphaloop.stores.schema import migrate
from alphaloop.stores.sql import SqlStore

PATIENCE = 10
PAUSE_S = 0.1

# One writer per schema: two schemas of one database are two places.
_LOCK = "hashtextextended('alphaloop run store ' || current_schema(), 0)"
_TAKE = f"SELECT pg_try_advisory_lock({_LOCK})"
_HOLDER = f"""
    SELECT activity.pid, coalesce(host(activity.client_addr), 'the same machine')
    FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid)
    WHERE locks.locktype = 'advisory' AND locks.granted AND locks.objsubid = 1
      AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (locks.classid::bigint << 32 | locks.objid::bigint) = {_LOCK}
"""  # noqa: S608 - a constant


def open_postgres(url: str) -> SqlStore:
    """Open the schema that `url` leads to, new or known, for this process alone.

    The one connection of the store holds an advisory lock, which the server gives up with the session, however that
    ends. A connection that was made again after a break takes the lock again, before anything else is done on it.

    Raises
    ------
    InputError
        If another session has it open, a later release wrote it, or the server refuses the user.
    StoreAwayError
        If the server does not answer.
    """
    place = parse_place(url)
    if place.kind != "postgresql":
        raise InputError(f"{place.name}: not a PostgreSQL database; give postgresql://USER@HOST/DATABASE")
    engine = postgres_engine(place, lambda connection: _lock(connection, place))
    try:
        with translated(place), engine.begin() as connection:
            migrate(connection, place.name)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, place, lambda: None)


def _lock(connection: Any, place: Place) -> None:
    patience = PATIENCE
    with connection.cursor() as cursor:
        while not cursor.execute(_TAKE).fetchone()[0]:
            if not patience:
                holder = cursor.execute(_HOLDER).fetchone()
                raise in_use(place.name, f"session {holder[0]} from {holder[1]}" if holder else "another session")
            # A process that died or closed a moment ago: the server may not have noticed yet.
            patience -= 1
            pause(PAUSE_S)
    connection.commit()
