"""The event loop over bars: nearly always there is nothing to do, so nothing is what it costs least."""

from __future__ import annotations

from collections.abc import Sequence

from alphaloop.core.clock import SteppedClock
from alphaloop.core.progress import Progress, silent
from alphaloop.trading.feed import BarFeed
from alphaloop.trading.records import BarRow, Signal
from alphaloop.trading.session import Session

CHUNK = 65_536


def replay(
    session: Session,
    feed: BarFeed,
    sides: Sequence[int],
    confidences: Sequence[float],
    scales: Sequence[float],
    clock: SteppedClock,
    progress: Progress = silent,
) -> None:
    """Drive `session` through `feed`.

    Parameters
    ----------
    sides, confidences, scales : sequences of n numbers
        Signal of each feed row (side 0 is none), its probability, and the row's ATR in price units.
    clock : SteppedClock
        Stands at each bar time while it is worked on.

    Notes
    -----
    A bar time is worked on only if a symbol with an order or a position has a bar, a signal was given, or a time-out is
    due. `Session.step` changes nothing at any other time, so leaving it out is not an approximation.
    """
    engine = session.engine
    active, step, dispatch, glance = session.active, session.step, session.dispatch, session.glance
    touched: list[BarRow] = []
    signals: list[Signal] = []
    now = -1
    for first in range(0, len(feed), CHUNK):
        last = min(first + CHUNK, len(feed))
        progress("backtest", first, len(feed))
        for offset, (bar, side) in enumerate(zip(feed.rows(first, last), sides[first:last], strict=True), first):
            if bar[2] != now:
                if signals or now >= engine.wake_ns or (touched and not (len(touched) == 1 and glance(touched[0]))):
                    clock.ns = now
                    intents = step(now, touched, signals)
                    if intents:
                        dispatch(intents)
                    if signals:
                        signals = []
                if touched:
                    touched = []
                now = bar[2]
            if active and bar[0] in active:
                touched.append(bar)
            if side:
                signals.append(Signal(bar[0], bar[6], scales[offset], side, confidences[offset]))
    if touched or signals or now >= session.engine.wake_ns:
        clock.ns = now
        dispatch(step(now, touched, signals))
    progress("backtest", len(feed), len(feed))
