"""Old trades move out of the database into Parquet files, in a folder or in object storage.

One file holds trades of one UTC day of known time, in the order of `known_ns`. A day moves when all of it is older than
`ArchiveSettings.keep_days`. Killed at any moment, and started again, it goes on:

1. The trades of the day are written to a local file, and that is copied to its place, which takes its name from the
   number of parts that the table ``archives`` has for the day: until step 3 every try overwrites the same file.
2. The copy is read back and its hash compared.
3. One transaction removes the trades from the database and adds the row of ``archives``. If the number of removed
   trades is not that of written ones, it is undone: somebody added trades in between, and the next run begins anew.

Before step 3 the trades are in the database, after it in the file, and what ``archives`` does not list is no part of
the archive. So `trades` sees each trade once, whatever was interrupted. Trades that come later for a day that has moved
(a replay of an old recording) move as its next part.
"""

from __future__ import annotations

import hashlib
import heapq
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
from pydantic import Field

from alphaloop.core.addresses import redacted, scrubbed
from alphaloop.core.clock import NS_PER_DAY, Clock, SystemClock, iso
from alphaloop.core.errors import AwayError, DataError, StateError
from alphaloop.core.files import atomic_path
from alphaloop.core.hashing import hash_file
from alphaloop.core.settings import Settings
from alphaloop.markets.pumpfun.schema import TRADES
from alphaloop.markets.pumpfun.storage import open_storage
from alphaloop.stores.records import Kind, Records, Row

log = structlog.get_logger("alphaloop.pumpfun.archive")

_TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "bytes": pa.binary(),
    "json": pa.string(),
}
ARROW = pa.schema([pa.field(column.name, _TYPES[column.kind], column.nullable) for column in TRADES.columns])
ORDER = ("known_ns", "signature", "log_index")


class ArchiveSettings(Settings):
    """What moves, and where to."""

    url: str = Field(default="archive", description="folder, s3://BUCKET/PREFIX, or gs://, ... as fsspec has drivers")
    keep_days: int = Field(default=60, ge=1, description="trades younger than this stay in the database")
    page_rows: int = Field(default=50_000, ge=1, description="trades in memory at once; one row group of the file")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of the archive: as the table ``archives`` has it."""

    day: str
    part: int
    path: str
    rows: int
    first_ns: int
    last_ns: int
    sha256: str


class Archive:
    """The trades of a database and of its archive.

    Parameters
    ----------
    records : Records
        Migrated to the market's schema.
    settings : ArchiveSettings
        Where the files are, and how old a day must be.
    clock : Clock, optional
        Says how old a day is.

    Raises
    ------
    InputError
        If its URL cannot be understood or its driver is not installed.
    """

    def __init__(self, records: Records, settings: ArchiveSettings, clock: Clock | None = None) -> None:
        self._records = records
        self._settings = settings
        self._clock = clock or SystemClock()
        self._place = redacted(settings.url)
        self._files, self._root = open_storage(settings.url)

    def move_old(self) -> list[Part]:
        """Move every day that is old enough, oldest first, and list the files that were made.

        Raises
        ------
        StoreAwayError
            If the database cannot be used; what was moved before is moved.
        DataError
            If a copy is not what was written; its trades stay in the database.
        """
        moved = []
        before_ns = (self._clock.now_ns() // NS_PER_DAY - self._settings.keep_days) * NS_PER_DAY
        while oldest := self._records.select(
            "trades", {"known_ns": ("<", before_ns)}, order_by=("known_ns",), limit=1, columns=("known_ns",)
        ):
            moved.append(self._move_day(oldest[0]["known_ns"] // NS_PER_DAY * NS_PER_DAY))
        return moved

    def parts(self, first_ns: int, last_ns: int) -> list[Part]:
        """List the files that may hold trades known in ``[first_ns, last_ns)``, in the order of their days."""
        where = {"source": "trades", "first_ns": ("<", last_ns), "last_ns": (">=", first_ns)}
        return [_part(row) for row in self._records.select("archives", where, order_by=("source", "day", "part"))]

    def trades(self, first_ns: int, last_ns: int) -> Iterator[Row]:
        """Read the trades known in ``[first_ns, last_ns)``, archived or not, each once, in the order of `known_ns`.

        A day may move while it is being read.

        Raises
        ------
        DataError
            If a file of the archive is missing or not what it was.
        AwayError
            If object storage does not answer.
        """
        day_ns = first_ns // NS_PER_DAY * NS_PER_DAY
        while day_ns < last_ns and (day_ns := self._next_day(day_ns, last_ns)) < last_ns:
            begin, end = max(first_ns, day_ns), min(last_ns, day_ns + NS_PER_DAY)
            yield from self._day(begin, end)
            day_ns += NS_PER_DAY

    def _next_day(self, day_ns: int, last_ns: int) -> int:
        """Begin of the first day from `day_ns` on that has trades; `last_ns` if there is none."""
        stored = self._records.select(
            "trades",
            {"known_ns": [(">=", day_ns), ("<", last_ns)]},
            order_by=("known_ns",),
            limit=1,
            columns=("known_ns",),
        )
        found = [part.first_ns for part in self.parts(day_ns, last_ns)] + [row["known_ns"] for row in stored]
        return min(found) // NS_PER_DAY * NS_PER_DAY if found else last_ns

    def _day(self, begin_ns: int, end_ns: int) -> Iterator[Row]:
        """Merge files and database; begin anew behind the last trade when the day moves in between."""
        last: tuple[Any, ...] | None = None
        while True:
            parts = self.parts(begin_ns, end_ns)
            sources = [self._read(part, begin_ns, end_ns) for part in parts]
            try:
                for row in heapq.merge(*sources, self._stored(begin_ns, end_ns, parts), key=_order):
                    if last is None or _order(row) > last:
                        last = _order(row)
                        yield row
            except _MovedError:
                continue
            return

    def _stored(self, begin_ns: int, end_ns: int, parts: list[Part]) -> Iterator[Row]:
        for page in self._pages(begin_ns, end_ns):
            # Asked after the page: a move that the page did not see whole has been listed by now.
            self._require_same(parts, begin_ns, end_ns)
            yield from page
        self._require_same(parts, begin_ns, end_ns)

    def _require_same(self, parts: list[Part], begin_ns: int, end_ns: int) -> None:
        if self.parts(begin_ns, end_ns) != parts:
            raise _MovedError

    def _move_day(self, day_ns: int) -> Part:
        day = iso(day_ns)[:10]
        number = self._records.count("archives", {"source": "trades", "day": day})
        path = f"trades/day={day}/part-{number:04d}.parquet"
        with tempfile.TemporaryDirectory(prefix="alphaloop-archive-") as folder:
            local = Path(folder) / "part.parquet"
            rows, first_ns, last_ns = self._write(local, day_ns)
            part = Part(day, number, path, rows, first_ns, last_ns, hash_file(local))
            self._copy(local, part)
        with self._records.transaction():
            removed = self._records.delete("trades", _on(day_ns, day_ns + NS_PER_DAY))
            if removed != rows:
                raise StateError(
                    f"trades of {day}: {rows} were archived, but then {removed} were in the database, because "
                    "some were added in between; nothing was removed, move them again"
                )
            columns = {name: getattr(part, name) for name in Part.__slots__}
            self._records.add("archives", [{**columns, "source": "trades", "archived_ns": self._clock.now_ns()}])
        log.info("trades_archived", day=day, part=number, rows=rows, place=self._place, path=path)
        return part

    def _pages(self, begin_ns: int, end_ns: int) -> Iterator[list[Row]]:
        after: tuple[Any, ...] | None = None
        while page := self._records.select(
            "trades", _on(begin_ns, end_ns), order_by=ORDER, limit=self._settings.page_rows, after=after
        ):
            yield page
            after = _order(page[-1])

    def _write(self, local: Path, day_ns: int) -> tuple[int, int, int]:
        rows, times = 0, []
        with pq.ParquetWriter(local, ARROW, compression="zstd") as writer:
            for page in self._pages(day_ns, day_ns + NS_PER_DAY):
                writer.write_table(pa.Table.from_pylist(page, schema=ARROW))
                rows += len(page)
                times += [page[0]["known_ns"], page[-1]["known_ns"]]
        return rows, times[0], times[-1]

    def _copy(self, local: Path, part: Part) -> None:
        target = f"{self._root}/{part.path}"
        try:
            if self._is_local:
                # In place and on disk before the database lets go of the trades.
                with atomic_path(Path(target)) as temporary:
                    shutil.copyfile(local, temporary)
            else:
                # Object stores show an object when it is complete.
                self._files.put_file(str(local), target)
            found = self._hash(target)
        except Exception as error:
            # Each kind of storage has errors of its own; none of them costs a trade.
            reason = scrubbed(f"{type(error).__name__}: {error}", self._settings.url)
            raise AwayError(f"{self._place}: the archive cannot be written now ({reason}); try again later") from None
        if found != part.sha256:
            raise DataError(
                f"{self._place}/{part.path}: the copy is not what was written; look at the storage and move the trades "
                "again, they are still in the database"
            )

    @property
    def _is_local(self) -> bool:
        protocol = self._files.protocol
        return "file" in ([protocol] if isinstance(protocol, str) else protocol)

    def _hash(self, path: str) -> str:
        with self._files.open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _read(self, part: Part, begin_ns: int, end_ns: int) -> Iterator[Row]:
        try:
            with self._files.open(f"{self._root}/{part.path}", "rb") as stream:
                file = pq.ParquetFile(stream)
                if file.metadata.num_rows != part.rows:
                    raise DataError(
                        f"{self._place}/{part.path}: has {file.metadata.num_rows} trades where archives lists "
                        f"{part.rows}; bring back the file that was written"
                    )
                for batch in file.iter_batches(self._settings.page_rows):
                    yield from (row for row in batch.to_pylist() if begin_ns <= row["known_ns"] < end_ns)
        except (OSError, pa.ArrowException) as error:
            reason = scrubbed(str(error), self._settings.url)
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and not self._is_local:
                raise AwayError(
                    f"{self._place}/{part.path}: cannot be read now ({reason}); try again later, and look at the "
                    "storage if it stays so"
                ) from None
            raise DataError(
                f"{self._place}/{part.path}: cannot be read ({reason}); bring back the file that archives lists"
            ) from None


class _MovedError(Exception):
    """Trades went from the database to a file while they were being read."""


def _on(begin_ns: int, end_ns: int) -> dict[str, Any]:
    return {"known_ns": [(">=", begin_ns), ("<", end_ns)]}


def _order(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ORDER)


def _part(row: Row) -> Part:
    return Part(**{name: row[name] for name in Part.__slots__})
