"""Trades move into object storage that speaks S3: each is somewhere, once, at any moment, whatever breaks."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.fs as pfs
import pytest

import object_store as made
from alphaloop.core.clock import NS_PER_DAY, SteppedClock
from alphaloop.core.errors import AwayError, DataError, InputError
from alphaloop.markets.pumpfun.archive import Archive, ArchiveSettings
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import Records, open_records

TODAY = 20_000
NOW_NS = TODAY * NS_PER_DAY + 5
DAY = TODAY - 61


@pytest.fixture(scope="module")
def store() -> Iterator[Any]:
    server = made.ObjectStore()
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**made.ENVIRONMENT, "AWS_ENDPOINT_URL": server.url}.items():
            patch.setenv(name, value)
        pfs.S3FileSystem(endpoint_override=server.url, allow_bucket_creation=True).create_dir("trades-of-old")
        yield server
    server.stop()


@pytest.fixture
def url(store: Any, tmp_path: Path) -> Iterator[str]:
    yield f"s3://trades-of-old/{tmp_path.name}"
    store.fault = lambda *_: None


def trade(known_ns: int, n: int, creator: str = "☃") -> dict[str, object]:
    return {
        "signature": f"sig{n:05d}", "log_index": n % 3, "slot": n, "event_ns": known_ns - 1, "known_ns": known_ns,
        "mint": f"mint{n % 7}", "wallet": "w", "is_buy": n % 2 == 0, "sol_amount": 2**62 + n, "token_amount": n,
        "virtual_sol": 1, "virtual_token": 1, "real_sol": 0, "real_token": 0, "fee": 0, "creator_fee": 0, "cashback": 0,
        "creator": creator, "mayhem": False, "quote_mint": "",
    }  # fmt: skip


def some(*days: int, count: int = 50) -> list[dict[str, object]]:
    times = random.Random(7)
    known = sorted(day * NS_PER_DAY + times.randrange(NS_PER_DAY) for day in days for _ in range(count))
    return [trade(known_ns, n) for n, known_ns in enumerate(known)]


TRADES = some(DAY - 3, DAY, TODAY)


@pytest.fixture
def database(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/r.db"
    with open_records(url) as records:
        records.migrate(SCHEMA)
        records.add("trades", TRADES)
    return url


@pytest.fixture
def records(database: str) -> Iterator[Records]:
    with open_records(database) as opened:
        opened.migrate(SCHEMA)
        yield opened


def archive(records: Records, url: str, page_rows: int = 20) -> Archive:
    return Archive(records, ArchiveSettings(url=url, page_rows=page_rows), SteppedClock(NOW_NS))


def everything(found: Archive) -> list[dict[str, object]]:
    return list(found.trades(0, NOW_NS + NS_PER_DAY))


def test_days_move_into_a_bucket_and_read_the_same(records: Records, url: str) -> None:
    moving = archive(records, url)
    assert everything(moving) == TRADES
    parts = moving.move_old()
    assert [part.rows for part in parts] == [50, 50]
    assert records.count("trades") == 50
    assert everything(moving) == everything(archive(records, f"{url}/?region=us-east-1")) == TRADES
    stored = pfs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    found = stored.get_file_info(pfs.FileSelector(url.removeprefix("s3://"), recursive=True))
    names = {info.path.partition("/trades/")[2] for info in found if info.type == pfs.FileType.File}
    assert names == {part.path.removeprefix("trades/") for part in parts}


def test_at_any_moment_each_trade_is_somewhere_once(store: Any, database: str, records: Records, url: str) -> None:
    """Another reader looks each time before a request of the upload reaches the storage."""
    looked: list[tuple[str, tuple[str, ...]]] = []
    wrong: list[object] = []
    looking = threading.Lock()

    def look(method: str, path: str, query: dict[str, str]) -> None:
        # Not at what a look itself asks for.
        if method not in ("PUT", "POST") or not looking.acquire(blocking=False):
            return
        try:
            looked.append((method, tuple(query)))
            if everything(reader) != TRADES:
                wrong.append(path)
        except Exception as error:
            wrong.append(error)
        finally:
            looking.release()

    with open_records(database) as other:
        other.migrate(SCHEMA)
        reader = archive(other, url)
        store.fault = look
        archive(records, url).move_old()
        store.fault = lambda *_: None
    assert wrong == []
    assert {("PUT", ("partNumber", "uploadId")), ("POST", ("uploads",)), ("POST", ("uploadId",))} <= set(looked)
    assert everything(archive(records, url)) == TRADES


PART = ("PUT", "partNumber")
END = ("POST", "uploadId")
BEGIN = ("POST", "uploads")


@pytest.mark.parametrize(
    ("what", "at"),
    [("cut", BEGIN), ("cut", PART), ("refused", PART), ("cut", END), ("lost", END)],
    ids=["cut at the begin", "cut at a part", "refused part", "cut at the end", "lost word of the end"],
)
def test_what_breaks_in_the_middle_of_an_upload_costs_no_trade(
    store: Any, database: str, records: Records, url: str, at: tuple[str, str], what: str
) -> None:
    hits = []

    def fault(method: str, path: str, query: dict[str, str]) -> str | None:
        if method == at[0] and at[1] in query:
            hits.append(path)
            return what
        return None

    store.fault = fault
    moving = archive(records, url)
    with pytest.raises(AwayError, match="cannot be written now") as info:
        moving.move_old()
    assert "very-secret" not in str(info.value)
    assert hits
    assert records.count("trades") == len(TRADES)
    store.fault = lambda *_: None
    assert everything(moving) == TRADES
    assert [part.rows for part in moving.move_old()] == [50, 50]
    assert everything(moving) == TRADES
    assert records.count("trades") == 50


def test_a_short_trouble_is_tried_again(store: Any, records: Records, url: str) -> None:
    left = [2]

    def fault(method: str, path: str, query: dict[str, str]) -> str | None:
        if method == "PUT" and "partNumber" in query and left[0]:
            left[0] -= 1
            return "refused" if left[0] else "lost"
        return None

    store.fault = fault
    moving = archive(records, url)
    assert [part.rows for part in moving.move_old()] == [50, 50]
    assert left == [0]
    assert everything(moving) == TRADES


KILLED = """
import sys
from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.archive import Archive, ArchiveSettings
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import open_records
records = open_records(sys.argv[1])
records.migrate(SCHEMA)
Archive(records, ArchiveSettings(url=sys.argv[2]), SteppedClock(int(sys.argv[3]))).move_old()
"""


def test_a_process_killed_in_the_middle_of_an_upload_costs_no_trade(
    store: Any, database: str, records: Records, url: str
) -> None:
    process: list[subprocess.Popen[bytes]] = []

    def fault(method: str, path: str, query: dict[str, str]) -> str | None:
        if method == "PUT" and "partNumber" in query and process:
            process[0].send_signal(signal.SIGKILL)
            process[0].wait()
            return "cut"
        return None

    store.fault = fault
    process.append(subprocess.Popen([sys.executable, "-c", KILLED, database, url, str(NOW_NS)]))
    end = time.monotonic() + 60
    while process[0].poll() is None:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert process[0].returncode == -signal.SIGKILL
    store.fault = lambda *_: None
    moving = archive(records, url)
    assert records.count("trades") == len(TRADES)
    assert everything(moving) == TRADES
    moving.move_old()
    assert everything(moving) == TRADES


def test_a_large_day_goes_up_in_parts(store: Any, url: str) -> None:
    numbers, text = [], random.Random(1)
    wide = [trade(DAY * NS_PER_DAY + n, n, creator=text.randbytes(13_000).hex()) for n in range(1_000)]

    def count(method: str, path: str, query: dict[str, str]) -> None:
        if "partNumber" in query and method == "PUT":
            numbers.append(int(query["partNumber"]))

    with open_records("memory://") as records:
        records.migrate(SCHEMA)
        records.add("trades", wide)
        store.fault = count
        moving = archive(records, url, page_rows=100)
        moving.move_old()
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
        assert len(numbers) > 1
        assert everything(moving) == wide


def test_storage_that_does_not_answer_is_away_and_a_lost_object_is_lost(store: Any, records: Records, url: str) -> None:
    moving = archive(records, url)
    (part, _) = moving.move_old()
    store.fault = lambda *_: "cut"
    with pytest.raises(AwayError, match="cannot be read now"):
        everything(moving)
    store.fault = lambda *_: None
    stored = pfs.S3FileSystem(endpoint_override=store.url)
    stored.delete_file(f"{url.removeprefix('s3://')}/{part.path}")
    with pytest.raises(DataError, match="bring back the file that archives lists"):
        everything(moving)


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/x", "s3://bucket?secret=secret", "s3://"])
def test_urls_that_cannot_be_used_are_refused_at_once(url: str) -> None:
    with open_records("memory://") as records, pytest.raises(InputError, match="s3://BUCKET/PREFIX") as info:
        archive(records, url)
    assert "secret@" not in str(info.value)
    assert "=secret" not in str(info.value)
