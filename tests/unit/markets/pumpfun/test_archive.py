"""Trades move to the archive once each, whatever happens on the way."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from alphaloop.core.clock import NS_PER_DAY, SteppedClock
from alphaloop.core.errors import AwayError, DataError, InputError, StateError
from alphaloop.markets.pumpfun.archive import Archive, ArchiveSettings
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import Records, open_records

TODAY = 20_000
NOW_NS = TODAY * NS_PER_DAY + 5
OLD, YOUNG = TODAY - 61, TODAY - 60


def trade(known_ns: int, n: int) -> dict[str, object]:
    return {
        "signature": f"sig{n:05d}", "log_index": n % 3, "slot": n, "event_ns": known_ns - 1, "known_ns": known_ns,
        "mint": f"mint{n % 7}", "wallet": "w", "is_buy": n % 2 == 0, "sol_amount": 2**62 + n, "token_amount": n,
        "virtual_sol": 1, "virtual_token": 1, "real_sol": 0, "real_token": 0, "fee": 0, "creator_fee": 0, "cashback": 0,
        "creator": "☃", "mayhem": False, "quote_mint": "",
    }  # fmt: skip


def made() -> list[dict[str, object]]:
    """100 trades on each of 5 days, of which the first 3 are old."""
    times = random.Random(7)
    days = [OLD - 4, OLD - 1, OLD, YOUNG, TODAY]
    known = sorted(day * NS_PER_DAY + times.randrange(NS_PER_DAY) for day in days for _ in range(100))
    return [trade(known_ns, n) for n, known_ns in enumerate(known)]


TRADES = made()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path):
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/r.db"}.get(request.param)
    with open_records(url or request.getfixturevalue("postgres_place")) as opened:
        opened.migrate(SCHEMA)
        opened.add("trades", TRADES)
        yield opened


@pytest.fixture(params=["folder", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path):
    if request.param == "folder":
        yield str(tmp_path / "archive")
        return
    yield f"memory://{tmp_path.name}/archive"
    fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)


@pytest.fixture
def small(tmp_path: Path):
    with open_records("memory://") as opened:
        opened.migrate(SCHEMA)
        opened.add("trades", TRADES)
        yield opened


def archive(records: Records, url: str, page_rows: int = 30) -> Archive:
    return Archive(records, ArchiveSettings(url=url, page_rows=page_rows), SteppedClock(NOW_NS))


def everything(found: Archive) -> list[dict[str, object]]:
    return list(found.trades(0, NOW_NS + NS_PER_DAY))


def test_old_days_move_and_nothing_else_changes(records: Records, url: str) -> None:
    moving = archive(records, url)
    assert everything(moving) == TRADES
    parts = moving.move_old()
    assert [part.path for part in parts] == [
        f"trades/day={day}/part-0000.parquet" for day in ("2024-07-31", "2024-08-03", "2024-08-04")
    ]
    assert [part.rows for part in parts] == [100, 100, 100]
    assert records.count("trades") == 200
    assert everything(moving) == TRADES
    assert moving.move_old() == []
    first, last = TRADES[150]["known_ns"], TRADES[420]["known_ns"]
    assert list(moving.trades(first, last)) == TRADES[150:420]
    assert list(moving.trades(first, first)) == []


def test_a_file_is_plain_parquet(small: Records, tmp_path: Path) -> None:
    (part, *_) = archive(small, str(tmp_path)).move_old()
    table = pq.read_table(tmp_path / part.path, partitioning=None)
    assert table.to_pylist() == TRADES[:100]
    assert pq.ParquetFile(tmp_path / part.path).num_row_groups == 4


def test_late_trades_of_a_day_that_moved_are_its_next_part(records: Records, url: str) -> None:
    moving = archive(records, url)
    moving.move_old()
    late = [trade(TRADES[10]["known_ns"] + 1, 9_001), trade(TRADES[99]["known_ns"] + 1, 9_002)]
    records.add("trades", late)
    whole = sorted([*TRADES, *late], key=lambda row: row["known_ns"])
    assert everything(moving) == whole
    (part,) = moving.move_old()
    assert part.path == "trades/day=2024-07-31/part-0001.parquet"
    assert everything(moving) == whole


@pytest.mark.parametrize("after", [0, 1, 50, 100, 250])
@pytest.mark.parametrize("late", [False, True])
def test_a_day_that_moves_while_it_is_read_is_read_once(small: Records, tmp_path: Path, after: int, late: bool) -> None:
    moving = archive(small, str(tmp_path))
    whole = list(TRADES)
    if late:
        moving.move_old()
        whole += [trade(TRADES[n]["known_ns"] + 1, 9_000 + n) for n in range(0, 300, 9)]
        small.add("trades", whole[500:])
        whole.sort(key=lambda row: row["known_ns"])
    reading = moving.trades(0, NOW_NS + NS_PER_DAY)
    rows = [next(reading) for _ in range(after)]
    moving.move_old()
    assert rows + list(reading) == whole


def test_a_day_that_moves_and_goes_on_while_it_is_read_is_read_once(small: Records, tmp_path: Path) -> None:
    moving = archive(small, str(tmp_path))
    reading = moving.trades(0, NOW_NS + NS_PER_DAY)
    rows = [next(reading) for _ in range(40)]
    moving.move_old()
    late = trade(TRADES[99]["known_ns"] + 1, 9_001)
    small.add("trades", [late])
    assert rows + list(reading) == [*TRADES[:100], late, *TRADES[100:]]


POINTS = ["hash_file", "atomic_path", "Archive._hash", "MemoryRecords.delete", "MemoryRecords.add", "Part"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("calls", [1, 2])
def test_an_interruption_anywhere_loses_nothing(small: Records, tmp_path: Path, monkeypatch, point, calls) -> None:
    from alphaloop.markets.pumpfun import archive as module
    from alphaloop.stores.records.memory import MemoryRecords

    home = {"Archive": module.Archive, "MemoryRecords": MemoryRecords}.get(point.split(".")[0], module)
    name = point.split(".")[-1]
    kept, left = getattr(home, name), [calls]

    def dying(*given, **named):
        done = kept(*given, **named)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return done

    if name == "Part":
        dying.__slots__ = kept.__slots__
    monkeypatch.setattr(home, name, dying)
    moving = archive(small, str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        moving.move_old()
    monkeypatch.undo()
    assert everything(moving) == TRADES
    moving.move_old()
    assert everything(moving) == TRADES
    assert small.count("trades") == 200
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.parquet")}
    assert files == {part.path for part in moving.parts(0, NOW_NS)}


KILLED = """
import os, sys
from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun import archive
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import open_records
from alphaloop.stores.records.sql import SqlRecords
def dying(home, name):
    kept = getattr(home, name)
    def die(*given, **named):
        kept(*given, **named)
        os.kill(os.getpid(), 9)
    setattr(home, name, die)
homes = {"_copy": archive.Archive, "delete": SqlRecords, "add": SqlRecords}
dying(homes[sys.argv[3]], sys.argv[3])
records = open_records(sys.argv[1])
records.migrate(SCHEMA)
archive.Archive(records, archive.ArchiveSettings(url=sys.argv[2]), SteppedClock(int(sys.argv[4]))).move_old()
"""


@pytest.mark.parametrize("point", ["_copy", "delete", "add"])
def test_a_killed_process_loses_nothing(tmp_path: Path, point: str) -> None:
    database, folder = f"sqlite:///{tmp_path}/r.db", str(tmp_path / "archive")
    with open_records(database) as records:
        records.migrate(SCHEMA)
        records.add("trades", TRADES)
    command = [sys.executable, "-c", KILLED, database, folder, point, str(NOW_NS)]
    assert subprocess.run(command, check=False).returncode == -9
    with open_records(database) as records:
        records.migrate(SCHEMA)
        moving = archive(records, folder)
        assert records.count("trades") == 500
        assert everything(moving) == TRADES
        moving.move_old()
        assert records.count("trades") == 200
        assert everything(moving) == TRADES


def test_trades_that_come_in_between_are_not_removed(small: Records, tmp_path: Path, monkeypatch) -> None:
    moving = archive(small, str(tmp_path))
    copy = moving._copy

    def slow(*given) -> None:
        copy(*given)
        small.add("trades", [trade(TRADES[5]["known_ns"] + 1, 9_001)], conflict="ignore")

    monkeypatch.setattr(moving, "_copy", slow)
    with pytest.raises(StateError, match="100 were archived, but then 101 were in the database"):
        moving.move_old()
    monkeypatch.undo()
    moving.move_old()
    assert len(everything(moving)) == 501
    assert small.count("trades") == 200


def test_a_copy_that_is_not_what_was_written_removes_nothing(small: Records, tmp_path: Path, monkeypatch) -> None:
    moving = archive(small, str(tmp_path))
    monkeypatch.setattr(moving, "_hash", lambda path: "0" * 64)
    with pytest.raises(DataError, match="the copy is not what was written"):
        moving.move_old()
    assert small.count("trades") == 500


def test_storage_that_is_away(small: Records, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AwayError, match="cannot be written now"):
        archive(small, str(tmp_path / "file")).move_old()
    assert small.count("trades") == 500


def test_files_that_were_tampered_with_are_noticed(small: Records, tmp_path: Path) -> None:
    moving = archive(small, str(tmp_path))
    one, two, _ = moving.move_old()
    (tmp_path / one.path).unlink()
    with pytest.raises(DataError, match=r"part-0000.parquet: cannot be read"):
        everything(moving)
    (tmp_path / one.path).write_bytes(b"PAR1 something else PAR1")
    with pytest.raises(DataError, match="cannot be read"):
        everything(moving)
    table = pq.read_table(tmp_path / two.path, partitioning=None)
    pq.write_table(table.slice(0, 99), tmp_path / one.path)
    with pytest.raises(DataError, match="has 99 trades where archives lists 100"):
        everything(moving)


@pytest.mark.parametrize("url", ["nowhere://user:secret@bucket", "gs://bucket"])
def test_places_that_cannot_be_opened(small: Records, url: str) -> None:
    with pytest.raises(InputError, match="give a folder, or install the driver") as info:
        archive(small, url)
    assert "secret" not in str(info.value)
