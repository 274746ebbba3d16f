"""What bars are worth: gaps, flat stretches, empty volume, suspect prices, hours; per symbol."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.data.bars import Bars
from alphaloop.data.sessions import find_session

LARGEST_MOVES = 3
SUSPECT_SIGMAS = 20.0
TAKEN_BACK = 0.8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Gaps:
    """Absent bars of one symbol, closures of the market included.

    Attributes
    ----------
    count : places where the next bar comes later than one step
    missing_bars : bars that would fill them
    missing_share : of all bars from the first to the last
    first, longest : UTC time at which the bars stop, or None
    longest_s : seconds without a bar at `longest`
    """

    count: int
    missing_bars: int
    missing_share: float
    first: str | None
    longest: str | None
    longest_s: float


@dataclass(frozen=True)
class Move:
    """One of the largest moves from close to close.

    `sigmas` measures it in robust standard deviations (1.4826 x the median absolute deviation); it is `suspect`, as a
    wrong price would be, when it is beyond 20 of them and the next bar takes back four fifths.
    """

    time: str
    log_return: float
    sigmas: float
    suspect: bool


@dataclass(frozen=True)
class SymbolQuality:
    """One symbol's bars; shares are 0 to 1, times are UTC.

    Attributes
    ----------
    first, last : open of the first bar, close of the last
    session, open_hours, missing_in_session : see `alphaloop.data.sessions.Session`
    flat_share, longest_flat : bars whose four prices are equal, and most of them in a row
    repeated_bars : bars equal to the one before them in all prices and a non-zero volume
    zero_volume_share, unknown_volume_share : of all bars
    last_bar_suspect : the last bar's volume is among the lowest 1 % and its range among the lowest 10 % (or, without
        volume, its range among the lowest 1 %), as those of a bar that was stored before it was finished
    """

    symbol: str
    rows: int
    first: str
    last: str
    session: str
    open_hours: int
    missing_in_session: float
    gaps: Gaps
    flat_share: float
    longest_flat: int
    repeated_bars: int
    zero_volume_share: float
    unknown_volume_share: float
    largest_moves: tuple[Move, ...]
    last_bar_suspect: bool


@dataclass(frozen=True)
class QualityReport:
    """All symbols of a file; duplicated rows are not among it because such a file is refused when it is read."""

    source: str
    rows: int
    step_s: float
    symbols: tuple[SymbolQuality, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values without NaN, for JSON."""
        return asdict(self)


def report(bars: Bars) -> QualityReport:
    """Describe bars; nothing here refuses, `read_bars` has done that."""
    parts = [_symbol(bars.frame.filter(symbol=name), name, bars.step_ns) for name in bars.symbols]
    return QualityReport(bars.source, len(bars), bars.step_ns / NS_PER_S, tuple(parts))


def _symbol(frame: pl.DataFrame, name: str, step_ns: int) -> SymbolQuality:
    open_ns, known_ns = frame["open_ns"].to_numpy(), frame["known_ns"].to_numpy()
    open_, high, low, close, volume = (frame[c].to_numpy() for c in ("open", "high", "low", "close", "volume"))
    flat = high == low
    same = np.all([np.diff(column) == 0 for column in (open_, high, low, close, volume)], axis=0) & (volume[1:] > 0)
    session = find_session(open_ns, step_ns)
    return SymbolQuality(
        symbol=name,
        rows=len(close),
        first=iso(int(open_ns[0])),
        last=iso(int(known_ns[-1])),
        session=session.pattern,
        open_hours=session.open_hours,
        missing_in_session=session.missing_share,
        gaps=_gaps(open_ns, known_ns, step_ns),
        flat_share=float(flat.mean()),
        longest_flat=_longest_run(flat),
        repeated_bars=int(same.sum()),
        zero_volume_share=float((volume == 0).mean()),
        unknown_volume_share=float(np.isnan(volume).mean()),
        largest_moves=_largest_moves(close, known_ns),
        last_bar_suspect=_last_bar_suspect((high - low) / close, volume),
    )


def _gaps(open_ns: NDArray[np.int64], known_ns: NDArray[np.int64], step_ns: int) -> Gaps:
    empty = open_ns[1:] - known_ns[:-1]
    missing = int((empty // step_ns).sum())
    at = np.flatnonzero(empty > 0)
    if not len(at):
        return Gaps(0, 0, 0.0, None, None, 0.0)
    longest = int(at[np.argmax(empty[at])])
    return Gaps(
        count=len(at),
        missing_bars=missing,
        missing_share=missing / (missing + len(open_ns)),
        first=iso(int(known_ns[at[0]])),
        longest=iso(int(known_ns[longest])),
        longest_s=float(empty[longest]) / NS_PER_S,
    )


def _longest_run(mask: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _largest_moves(close: Floats, known_ns: NDArray[np.int64]) -> tuple[Move, ...]:
    moves = np.diff(np.log(close))
    sigma = 1.4826 * float(np.median(np.abs(moves - np.median(moves)))) if len(moves) else 0.0
    sigma = sigma or (float(moves.std()) if len(moves) else 0.0)
    if sigma == 0.0:
        return ()
    found = []
    for at in np.argsort(-np.abs(moves), kind="stable")[:LARGEST_MOVES]:
        taken_back = -moves[at + 1] / moves[at] if at + 1 < len(moves) and moves[at] else 0.0
        sigmas = float(abs(moves[at])) / sigma
        suspect = sigmas > SUSPECT_SIGMAS and bool(taken_back > TAKEN_BACK)
        found.append(Move(iso(int(known_ns[at + 1])), float(moves[at]), sigmas, suspect))
    return tuple(found)


def _last_bar_suspect(spread: Floats, volume: Floats) -> bool:
    if len(spread) < 100:
        return False
    small_range = bool(spread[-1] <= np.quantile(spread[:-1], 0.01))
    traded = volume[:-1][volume[:-1] > 0]
    if not len(traded) or np.isnan(volume[-1]):
        return small_range and not bool(np.quantile(spread[:-1], 0.01) == 0.0)
    quiet = bool(spread[-1] <= np.quantile(spread[:-1], 0.10))
    return quiet and bool(volume[-1] <= np.quantile(traded, 0.01))
