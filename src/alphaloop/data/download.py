"""Exchange candles into one file; a download that was stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from alphaloop.core.clock import NS_PER_DAY, NS_PER_S, Clock, SystemClock, iso, pause
from alphaloop.core.errors import DataError, InputError
from alphaloop.core.hashing import hash_file
from alphaloop.core.progress import Progress, silent
from alphaloop.data.columns import PRICES
from alphaloop.data.exchange import Candle, Candles, timeframe_ns
from alphaloop.data.pages import Pages
from alphaloop.data.segments import CANDLE_SCHEMA, Request, Segments
from alphaloop.data.tables import named_format, write_table

BARS_PER_SEGMENT = 1_000
SETTLE_NS = 60 * NS_PER_S

# Exchanges begin weeks on Monday; the epoch began on a Thursday.
_WEEK_ORIGIN_NS = 4 * NS_PER_DAY
_NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Downloaded:
    """What came.

    Attributes
    ----------
    path, sha256 : the file, and its bytes
    rows : candles in it
    resumed_rows : slots of the request that an earlier call had already settled
    absent_rows : slots of the request for which the exchange has no candle
    refused_rows : candles left out because they are impossible (a price that is absent or not positive, high below low)
    first, last : open of the first candle, close of the last (UTC)
    """

    path: Path
    sha256: str
    rows: int
    resumed_rows: int
    absent_rows: int
    refused_rows: int
    first: str
    last: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "path": str(self.path)}


def download(
    candles: Candles,
    symbol: str,
    timeframe: str,
    since_ns: int,
    until_ns: int | None,
    out: Path,
    *,
    clock: Clock | None = None,
    wait: Callable[[float], None] = pause,
    progress: Progress = silent,
) -> Downloaded:
    """Fetch the candles of ``[since_ns, until_ns)`` (UTC nanoseconds) into a Parquet, CSV or Feather file.

    Parts of 1,000 candles are kept in ``OUT.parts`` until all are there; the same call after any interruption gives the
    same bytes as one that was never interrupted. Without `until_ns` the end is fixed when the download begins.

    Raises
    ------
    InputError
        If the request is impossible, the file exists already, or its part folder belongs to another request.
    DataError
        If the exchange stops answering, or has no candle at all.
    """
    named_format(out)
    segments = Segments(out)
    begun = segments.begun()
    if begun is not None:
        segments.resume(
            begun, exchange=candles.name, symbol=symbol, timeframe=timeframe, since_ns=since_ns, until_ns=until_ns
        )
        request = begun
    elif out.exists():
        raise InputError(f"{out} exists already; remove it or give another --out")
    else:
        request = plan(candles.name, symbol, timeframe, since_ns, until_ns, clock or SystemClock())
        segments.begin(request)
    resumed = _fetch(Pages(candles, symbol, timeframe, wait), request, segments, progress)
    return _assemble(request, segments, out, resumed)


def plan(exchange: str, symbol: str, timeframe: str, since_ns: int, until_ns: int | None, clock: Clock) -> Request:
    """Place a request on the grid of the time frame, ending with the last finished candle at the latest.

    A candle counts as finished one minute after its close, so that neither our clock nor the exchange's last correction
    lets an unfinished one in.

    Raises
    ------
    InputError
        If no finished candle lies in it.
    """
    step_ns = timeframe_ns(timeframe)
    finished_ns = clock.now_ns() - SETTLE_NS
    until = finished_ns if until_ns is None else min(until_ns, finished_ns)
    origin = _WEEK_ORIGIN_NS if timeframe.endswith("w") else 0
    first_ns = origin - (origin - since_ns) // step_ns * step_ns
    end_ns = origin + (until - origin) // step_ns * step_ns
    if end_ns <= first_ns:
        raise InputError(
            f"no finished {timeframe} candle lies between {iso(since_ns)} and {iso(until)}; widen the dates"
        )
    return Request(
        exchange=exchange,
        symbol=symbol,
        timeframe=timeframe,
        since_ns=since_ns,
        until_ns=until_ns,
        first_ns=first_ns,
        end_ns=end_ns,
    )


def _fetch(pages: Pages, request: Request, segments: Segments, progress: Progress) -> int:
    """Store every part that is not there yet; return how many slots already were."""
    step_ns, resumed = timeframe_ns(request.timeframe), 0
    total = (request.end_ns - request.first_ns) // step_ns
    for index in range(_segment_count(request)):
        first_ns = request.first_ns + index * BARS_PER_SEGMENT * step_ns
        end_ns = min(first_ns + BARS_PER_SEGMENT * step_ns, request.end_ns)
        if index in segments:
            resumed += (end_ns - first_ns) // step_ns
        else:
            segments.write(index, _table(request.symbol, pages.window(first_ns, end_ns)))
        progress(f"{request.exchange} {request.symbol}", (end_ns - request.first_ns) // step_ns, total)
    return resumed


def _segment_count(request: Request) -> int:
    return -(-(request.end_ns - request.first_ns) // (BARS_PER_SEGMENT * timeframe_ns(request.timeframe)))


def _table(symbol: str, rows: list[Candle]) -> pl.DataFrame:
    columns = list(zip(*(row[:6] for row in rows), strict=True)) or [()] * 6
    values = dict(zip(("date", *PRICES, "volume"), columns, strict=True))
    return pl.DataFrame({"symbol": [symbol] * len(rows), **values}, schema_overrides=CANDLE_SCHEMA, strict=False)


def _assemble(request: Request, segments: Segments, out: Path, resumed: int) -> Downloaded:
    table = segments.read(_segment_count(request))
    if table.is_empty():
        segments.remove()
        raise DataError(
            f"{request.exchange} has no {request.timeframe} candles of {request.symbol} between "
            f"{iso(request.first_ns)} and {iso(request.end_ns)}; check the symbol's first day of trading"
        )
    open_, high, low, close, volume = (pl.col(name) for name in (*PRICES, "volume"))
    sound = pl.all_horizontal(
        *(price.is_finite() & (price > 0) for price in (open_, high, low, close)),
        high >= pl.max_horizontal(open_, close),
        low <= pl.min_horizontal(open_, close),
        volume.is_null() | (volume.is_finite() & (volume >= 0)),
    ).fill_null(False)
    kept = table.filter(sound)
    if kept.is_empty():
        raise DataError(
            f"{out.name}: all {table.height} candles of {request.symbol} are impossible; use another exchange"
        )
    write_table(kept, out)
    segments.remove()
    step_ns = timeframe_ns(request.timeframe)
    times = kept["date"].dt.epoch("ms")
    return Downloaded(
        path=out,
        sha256=hash_file(out),
        rows=kept.height,
        resumed_rows=resumed,
        absent_rows=(request.end_ns - request.first_ns) // step_ns - table.height,
        refused_rows=table.height - kept.height,
        first=iso(int(times[0]) * _NS_PER_MS),
        last=iso(int(times[-1]) * _NS_PER_MS + step_ns),
    )
