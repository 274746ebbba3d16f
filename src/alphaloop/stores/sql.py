"""A store in a SQL database; what a dialect needs besides comes from who opens it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update

from alphaloop.stores.checks import require_identity, require_next, require_open
from alphaloop.stores.contract import Checkpoint, Event, Run
from alphaloop.stores.engines import translated
from alphaloop.stores.place import Place
from alphaloop.stores.tables import blobs, checkpoints, events, heartbeats, runs


class SqlStore:
    """A `Store` over SQLAlchemy Core.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of a database whose schema is migrated and whose place is locked.
    place : Place
        What errors call it.
    release : callable
        Gives the lock back; called once, by `close`.
    """

    def __init__(self, engine: Engine, place: Place, release: Callable[[], None]) -> None:
        self._engine = engine
        self._place = place
        self._name = place.name
        self._release = release

    def begin(self, run_id: str, identity: str) -> Run:
        """Open a run, new or known."""
        with self._writing() as connection:
            run = _run(connection, run_id)
            if run is None:
                run = Run(run_id, identity)
                connection.execute(insert(runs).values(run_id=run_id, identity=identity))
        require_identity(self._name, run, identity)
        return run

    def runs(self) -> list[Run]:
        """List all runs, sorted by id."""
        with self._reading() as connection:
            return [Run(*row) for row in connection.execute(_RUNS.order_by(runs.c.run_id))]

    def append(
        self,
        run_id: str,
        events: Sequence[Event] = (),
        *,
        checkpoint: Checkpoint | None = None,
        beat_ns: int | None = None,
        result: str | None = None,
    ) -> None:
        """Add whatever is given, in one transaction."""
        with self._writing() as connection:
            require_open(self._name, run_id, _run(connection, run_id))
            if events:
                self._add_events(connection, run_id, events)
            if checkpoint is not None:
                _set_checkpoint(connection, run_id, checkpoint)
            if beat_ns is not None:
                _replace(connection, heartbeats, run_id, [{"beat_ns": beat_ns}])
            if result is not None:
                connection.execute(update(runs).where(runs.c.run_id == run_id).values(result=result))

    def events(self, run_id: str, first_seq: int = 0) -> list[Event]:
        """List the events numbered ``[first_seq, ...)``."""
        wanted = (
            select(events.c.seq, events.c.time_ns, events.c.kind, events.c.body)
            .where(events.c.run_id == run_id, events.c.seq >= first_seq)
            .order_by(events.c.seq)
        )
        with self._reading() as connection:
            return [Event(*row) for row in connection.execute(wanted)]

    def checkpoint(self, run_id: str) -> Checkpoint | None:
        """Give the last checkpoint, None before the first."""
        columns = (checkpoints.c.seq, checkpoints.c.cursor, checkpoints.c.time_ns, checkpoints.c.state)
        with self._reading() as connection:
            row = connection.execute(select(*columns).where(checkpoints.c.run_id == run_id)).first()
            parts = connection.execute(select(blobs.c.name, blobs.c.content).where(blobs.c.run_id == run_id))
            return None if row is None else Checkpoint(*row, {name: bytes(content) for name, content in parts})

    def heartbeat(self, run_id: str) -> int | None:
        """Give the last heartbeat in UTC nanoseconds, None before the first."""
        with self._reading() as connection:
            return connection.scalar(select(heartbeats.c.beat_ns).where(heartbeats.c.run_id == run_id))

    def close(self) -> None:
        """Close the database and release the place; more than once is harmless."""
        self._engine.dispose()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._place), self._engine.connect() as connection:
            yield connection

    def _add_events(self, connection: Connection, run_id: str, added: Sequence[Event]) -> None:
        last = connection.scalar(select(func.max(events.c.seq)).where(events.c.run_id == run_id))
        require_next(self._name, run_id, added, 0 if last is None else last + 1)
        rows = [{"run_id": run_id, "seq": e.seq, "time_ns": e.time_ns, "kind": e.kind, "body": e.body} for e in added]
        connection.execute(insert(events), rows)


_RUNS = select(runs.c.run_id, runs.c.identity, runs.c.result)


def _run(connection: Connection, run_id: str) -> Run | None:
    row = connection.execute(_RUNS.where(runs.c.run_id == run_id)).first()
    return None if row is None else Run(*row)


def _set_checkpoint(connection: Connection, run_id: str, checkpoint: Checkpoint) -> None:
    head = {name: getattr(checkpoint, name) for name in ("seq", "cursor", "time_ns", "state")}
    _replace(connection, checkpoints, run_id, [head])
    _replace(connection, blobs, run_id, [{"name": k, "content": v} for k, v in checkpoint.blobs.items()])


def _replace(connection: Connection, table: Table, run_id: str, rows: list[dict[str, Any]]) -> None:
    # Delete and insert instead of an upsert, which every dialect spells in its own way.
    connection.execute(delete(table).where(table.c.run_id == run_id))
    if rows:
        connection.execute(insert(table), [{"run_id": run_id, **row} for row in rows])
