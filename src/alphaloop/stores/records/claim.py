"""One process at a time for a name in a database, for as long as it lives.

The kernel (SQLite) or the server (PostgreSQL) gives the name up with the process that held it, however that ended. A
server that was started anew has forgotten it; `renew` takes it again.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection, Engine, text

from alphaloop.core.clock import pause
from alphaloop.core.errors import InputError
from alphaloop.stores.engines import postgres_engine, translated
from alphaloop.stores.lock import ProcessLock
from alphaloop.stores.place import parse_place

TRIES: Final = 10
PAUSE_S: Final = 0.1
_KEY: Final = "hashtextextended('alphaloop claim ' || current_schema() || ' ' || :name, 0)"
_TAKE: Final = text(f"SELECT pg_try_advisory_lock({_KEY})")
_HOLDS: Final = text(f"""
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
    AND (classid::bigint << 32 | objid::bigint) = {_KEY}
""")  # noqa: S608 - a constant
_in_memory: Final[set[tuple[str, str]]] = set()
_memory_lock: Final = threading.Lock()


class Claim:
    """A name that this process holds until `release`.

    Parameters
    ----------
    url : str
        As `open_records` takes it. ``memory://`` holds names within the process.
    name : str
        What is claimed.

    Raises
    ------
    InputError
        If another process holds it.
    StoreAwayError
        If the server does not answer.
    """

    def __init__(self, url: str, name: str) -> None:
        self._place, self._name = parse_place(url), name
        self._file: ProcessLock | None = None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        if self._place.kind == "sqlite":
            safe = "".join(letter if letter.isalnum() else "-" for letter in name)
            try:
                self._file = ProcessLock(Path(f"{self._place.path}.{safe}"))
            except InputError:
                raise self._taken() from None
        elif self._place.kind == "postgresql":
            self._engine = postgres_engine(self._place)
            try:
                self._take()
            except BaseException:
                self._engine.dispose()
                raise
        else:
            self._take_in_memory()

    def renew(self) -> bool:
        """Make sure that the name is still held, and take it again if the server has forgotten it; True if it had.

        Raises
        ------
        InputError
            If another process has taken it meanwhile.
        StoreAwayError
            If the server does not answer; the name may be lost.
        """
        if self._engine is None:
            return False
        try:
            with translated(self._place):
                assert self._connection is not None
                held = bool(self._connection.scalar(_HOLDS, {"name": self._name}))
                self._connection.commit()
        except Exception:
            held = False
        if held:
            return False
        self._drop()
        self._take()
        return True

    def release(self) -> None:
        """Let others have it; more than once is harmless."""
        if self._file is not None:
            self._file.release()
        if self._engine is not None:
            self._drop()
            self._engine.dispose()
            self._engine = None
        with _memory_lock:
            _in_memory.discard((self._place.url, self._name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _take(self) -> None:
        assert self._engine is not None
        with translated(self._place):
            connection = self._engine.connect()
            try:
                for _ in range(TRIES):
                    if connection.scalar(_TAKE, {"name": self._name}):
                        connection.commit()
                        self._connection = connection
                        return
                    # A process that died a moment ago: the server may not have noticed yet.
                    pause(PAUSE_S)
            except BaseException:
                connection.close()
                raise
            connection.close()
        raise self._taken()

    def _drop(self) -> None:
        if self._connection is not None:
            # The pool would keep the session, and with it the lock.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _take_in_memory(self) -> None:
        with _memory_lock:
            if (self._place.url, self._name) in _in_memory:
                raise self._taken()
            _in_memory.add((self._place.url, self._name))

    def _taken(self) -> InputError:
        return InputError(f"{self._place.name}: {self._name} is held by another process; stop that one first")
