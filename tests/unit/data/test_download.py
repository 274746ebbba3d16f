from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.core.errors import DataError, InputError
from alphaloop.data.bars import read_bars
from alphaloop.data.download import Downloaded, download
from alphaloop.data.exchange import Candle, TemporaryError, timeframe_ns
from alphaloop.data.pages import TRIES

MINUTE_MS = 60_000
START_MS = 1_704_067_200_000
START_NS = START_MS * 10**6
BARS = 3_500


class FakeExchange:
    """Candles of a fixed history; pages as an exchange would, fails when told to."""

    def __init__(self, page: int = 500, fails: Callable[[int], bool] = lambda call: False) -> None:
        self.name, self.page = "fake", page
        self.calls: list[tuple[int, int]] = []
        self.absent: set[int] = set()
        self.fails = fails
        self.error: BaseException = TemporaryError("503 busy")
        rng = np.random.default_rng(1)
        close = 100 + np.cumsum(rng.normal(0, 0.05, BARS))
        self.rows: dict[int, list[float | None]] = {
            START_MS + i * MINUTE_MS: [START_MS + i * MINUTE_MS, c, c + 0.1, c - 0.1, c, 5.0]
            for i, c in enumerate(close.tolist())
        }

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        self.calls.append((since, limit))
        if self.fails(len(self.calls)):
            raise self.error
        there = [t for t in sorted(self.rows) if t >= since and t not in self.absent]
        return [self.rows[t] for t in there[:limit]]


def run(exchange: FakeExchange, out: Path, bars: int = BARS, **options: object) -> Downloaded:
    end_ns = START_NS + bars * 60 * NS_PER_S
    waits: list[float] = []
    defaults = {"clock": SteppedClock(end_ns + 10**15), "wait": waits.append}
    return download(exchange, "BTC/USDT", "1m", START_NS, end_ns, out, **{**defaults, **options})


def test_a_download_reads_as_bars(tmp_path: Path) -> None:
    exchange = FakeExchange()
    done = run(exchange, tmp_path / "x.parquet")
    bars = read_bars(tmp_path / "x.parquet")
    assert (done.rows, done.resumed_rows, done.absent_rows, done.refused_rows) == (BARS, 0, 0, 0)
    assert (done.first, done.last) == ("2024-01-01T00:00:00Z", "2024-01-03T10:20:00Z")
    assert (len(bars), bars.symbols, bars.sha256) == (BARS, ("BTC/USDT",), done.sha256)
    assert bars.frame["close"].to_list() == [row[4] for row in exchange.rows.values()]
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]
    assert max(limit for _, limit in exchange.calls) == 500
    json.dumps(done.to_dict())


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.feather"])
def test_every_format_can_be_written(tmp_path: Path, name: str) -> None:
    assert run(FakeExchange(), tmp_path / name).rows == len(read_bars(tmp_path / name))


@pytest.mark.parametrize("stop_at", [1, 2, 3, 5, 7])
def test_a_killed_download_goes_on_and_gives_the_same_bytes(tmp_path: Path, stop_at: int) -> None:
    undisturbed = run(FakeExchange(), tmp_path / "a.parquet")
    exchange = FakeExchange(fails=lambda call: call == stop_at)
    exchange.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(exchange, tmp_path / "b.parquet")
    assert not (tmp_path / "b.parquet").exists()
    resumed = run(exchange, tmp_path / "b.parquet")
    assert resumed.sha256 == undisturbed.sha256
    assert resumed.resumed_rows == (stop_at - 1) // 2 * 1_000
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.parquet", "b.parquet"]


def test_a_kill_between_the_file_and_the_end_of_its_parts_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = FakeExchange()
    with monkeypatch.context() as patched:
        patched.setattr(
            "alphaloop.data.segments.Segments.remove", lambda self: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        with pytest.raises(KeyboardInterrupt):
            run(exchange, tmp_path / "x.parquet")
    calls = len(exchange.calls)
    assert run(exchange, tmp_path / "x.parquet").resumed_rows == BARS
    assert len(exchange.calls) == calls
    assert not (tmp_path / "x.parquet.parts").exists()


def test_parts_without_a_request_count_for_nothing(tmp_path: Path) -> None:
    exchange = FakeExchange(fails=lambda call: call == 5)
    exchange.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(exchange, tmp_path / "x.parquet")
    (tmp_path / "x.parquet.parts" / "request.json").unlink()
    assert run(FakeExchange(), tmp_path / "x.parquet").resumed_rows == 0


def test_a_busy_exchange_is_asked_again_with_growing_pauses(tmp_path: Path) -> None:
    waits: list[float] = []
    done = run(FakeExchange(fails=lambda call: call in (2, 3, 4)), tmp_path / "x.parquet", wait=waits.append)
    assert (done.rows, waits) == (BARS, [1.0, 2.0, 4.0])


def test_an_exchange_that_never_answers_ends_in_one_sentence_and_keeps_what_came(tmp_path: Path) -> None:
    exchange = FakeExchange(fails=lambda call: call > 4)
    waits: list[float] = []
    with pytest.raises(
        DataError, match=r"fake did not answer 7 times for BTC/USDT from 2024-01-02T09:20:00Z on \(503 busy\)"
    ):
        run(exchange, tmp_path / "x.parquet", wait=waits.append)
    assert waits == [1, 2, 4, 8, 16, 32]
    assert len(exchange.calls) == 4 + TRIES
    exchange.fails = lambda call: False
    assert run(exchange, tmp_path / "x.parquet").resumed_rows == 2_000


def test_a_final_error_of_the_exchange_is_passed_on(tmp_path: Path) -> None:
    exchange = FakeExchange(fails=lambda call: True)
    exchange.error = InputError("fake has no symbol 'BTC/USDT'")
    with pytest.raises(InputError, match="no symbol"):
        run(exchange, tmp_path / "x.parquet")
    assert len(exchange.calls) == 1


def test_holes_of_the_exchange_are_holes_of_the_file(tmp_path: Path) -> None:
    exchange = FakeExchange()
    exchange.absent = {START_MS + i * MINUTE_MS for i in (*range(700), 1_500, *range(2_400, 2_450))}
    done = run(exchange, tmp_path / "x.parquet")
    assert (done.rows, done.absent_rows, done.first) == (BARS - 751, 751, "2024-01-01T11:40:00Z")
    assert len(read_bars(tmp_path / "x.parquet")) == BARS - 751


class StrictPages(FakeExchange):
    """Looks no further than `limit` steps from `since`, returns nothing where there is nothing, and repeats a row."""

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        window = super().fetch_ohlcv(symbol, timeframe, since, 10**9)
        rows = [row for row in window if float(row[0] or 0) < since + limit * MINUTE_MS]
        return [*rows, *rows[:1]]


def test_empty_pages_are_stepped_over(tmp_path: Path) -> None:
    exchange = StrictPages(page=200)
    exchange.absent = {START_MS + i * MINUTE_MS for i in (*range(1_300), *range(2_100, 2_700))}
    assert run(exchange, tmp_path / "x.parquet").rows == BARS - 1_900


def test_an_exchange_that_ignores_since_gives_no_wrong_rows(tmp_path: Path) -> None:
    exchange = FakeExchange()
    newest = sorted(exchange.rows)[-720:]
    exchange.fetch_ohlcv = lambda *_: [exchange.rows[t] for t in newest]  # type: ignore[method-assign]
    assert run(exchange, tmp_path / "x.parquet").rows == 720


def test_no_candles_at_all(tmp_path: Path) -> None:
    exchange = FakeExchange()
    exchange.rows = {}
    with pytest.raises(DataError, match=r"fake has no 1m candles of BTC/USDT between 2024-01-01T00:00:00Z and"):
        run(exchange, tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_impossible_candles_are_left_out_and_counted(tmp_path: Path) -> None:
    exchange = FakeExchange()
    times = sorted(exchange.rows)
    for at, column, value in (
        (5, 1, None),
        (6, 2, 0.0),
        (7, 3, -1.0),
        (8, 4, 1e9),
        (9, 5, -1.0),
        (10, 4, float("nan")),
    ):
        exchange.rows[times[at]][column] = value
    exchange.rows[times[11]][5] = None
    done = run(exchange, tmp_path / "x.parquet")
    assert (done.refused_rows, done.rows) == (6, BARS - 6)
    assert read_bars(tmp_path / "x.parquet").frame["volume"].is_nan().sum() == 1


def test_an_unfinished_candle_is_never_stored(tmp_path: Path) -> None:
    minute = 60 * NS_PER_S
    for late, rows in ((0, 98), (59 * NS_PER_S, 98), (minute, 99)):
        out = tmp_path / f"{late}.parquet"
        clock = SteppedClock(START_NS + 99 * minute + late)
        assert download(FakeExchange(), "X", "1m", START_NS, None, out, clock=clock).rows == rows


def test_without_an_end_the_end_is_fixed_when_the_download_begins(tmp_path: Path) -> None:
    clock = SteppedClock(START_NS + 2_501 * 60 * NS_PER_S)
    exchange = FakeExchange(fails=lambda call: call == 3)
    exchange.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        download(exchange, "X", "1m", START_NS, None, tmp_path / "x.parquet", clock=clock)
    clock.ns += 10**15
    assert download(exchange, "X", "1m", START_NS, None, tmp_path / "x.parquet", clock=clock).rows == 2_500


def test_a_request_off_the_grid_is_rounded_inwards(tmp_path: Path) -> None:
    minute = 60 * NS_PER_S
    done = download(FakeExchange(), "X", "1m", START_NS + 1, START_NS + 10 * minute - 1, tmp_path / "x.csv")
    assert (done.rows, done.first, done.last) == (8, "2024-01-01T00:01:00Z", "2024-01-01T00:09:00Z")


def test_a_request_without_candles_is_refused(tmp_path: Path) -> None:
    for since, until in ((START_NS, START_NS), (START_NS, START_NS - 1), (START_NS, START_NS + 59 * NS_PER_S)):
        with pytest.raises(InputError, match=r"no finished 1m candle lies between .*; widen the dates"):
            download(FakeExchange(), "X", "1m", since, until, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mine")
    with pytest.raises(InputError, match="exists already; remove it or give another --out"):
        run(FakeExchange(), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "mine"
    with pytest.raises(InputError, match="names no format"):
        run(FakeExchange(), tmp_path / "x.xlsx")


def test_the_parts_of_another_request_are_not_mixed_in(tmp_path: Path) -> None:
    exchange = FakeExchange(fails=lambda call: call == 5)
    exchange.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(exchange, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"beginning of another download \(until_ns \d+, now \d+\)"):
        run(exchange, tmp_path / "x.parquet", bars=100)
    (tmp_path / "x.parquet.parts" / "request.json").write_text("{")
    with pytest.raises(DataError, match="is not a download request; remove the folder"):
        run(exchange, tmp_path / "x.parquet")


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    exchange = FakeExchange(fails=lambda call: call == 5)
    exchange.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run(exchange, tmp_path / "x.parquet")
    part = tmp_path / "x.parquet.parts" / "000000.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    exchange.fails = lambda call: False
    with pytest.raises(DataError, match=r"000000.parquet cannot be read as Parquet"):
        run(exchange, tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()
    shutil.rmtree(tmp_path / "x.parquet.parts")
    assert run(exchange, tmp_path / "x.parquet").rows == BARS


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    run(FakeExchange(), tmp_path / "x.parquet", progress=lambda *step: seen.append(step))
    assert seen == [("fake BTC/USDT", done, BARS) for done in (1_000, 2_000, 3_000, 3_500)]


def test_weeks_begin_on_monday(tmp_path: Path) -> None:
    exchange = FakeExchange()
    week_ms = 7 * 86_400_000
    exchange.rows = {START_MS + i * week_ms: [START_MS + i * week_ms, 1.0, 2.0, 0.5, 1.0, 5.0] for i in range(5)}
    done = download(exchange, "X", "1w", START_NS - 10**15, START_NS + 4 * week_ms * 10**6, tmp_path / "x.parquet")
    assert (done.rows, done.first, done.last) == (4, "2024-01-01T00:00:00Z", "2024-01-29T00:00:00Z")


def test_time_frames() -> None:
    assert [timeframe_ns(text) // NS_PER_S for text in ("1s", "15m", "4h", "1d", "1w")] == [
        1,
        900,
        14_400,
        86_400,
        604_800,
    ]
    for text in ("1M", "m", "0m", "1.5h", "", "1y"):
        with pytest.raises(InputError, match="such as 1m or 4h"):
            timeframe_ns(text)


def test_bars_of_a_download_are_sorted_and_unique(tmp_path: Path) -> None:
    run(StrictPages(page=300), tmp_path / "x.parquet")
    dates = pl.read_parquet(tmp_path / "x.parquet")["date"]
    assert dates.is_sorted()
    assert dates.is_unique().all()
