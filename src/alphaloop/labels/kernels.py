"""Compiled loops that read the future of each bar.

Each kernel walks sorted bars (`labels.series.Series`) and writes into the five arrays of `labels.base.Outcomes`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from alphaloop.core import fills
from alphaloop.core.hashing import hash_file

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Classes = NDArray[np.int8]

# Compiled by assignment, not by decorator: the rules stay plain functions in core, where the event engine calls them.
_compiled: Any = numba.njit(nogil=True)
_fill_mid = _compiled(fills.fill_mid)
_fill_price = _compiled(fills.fill_price)
_cost_basis = _compiled(fills.cost_basis)
_bracket_exit = _compiled(fills.bracket_exit)
_net_return = _compiled(fills.net_return)


def _horizon(
    ends: Ints,
    open_ns: Ints,
    known_ns: Ints,
    open_price: Floats,
    close: Floats,
    horizon_ns: int,
    latency_ns: int,
    min_return: float,
    impact: float,
    fee: float,
    resolved_ns: Ints,
    label: Classes,
    gross: Floats,
    net_long: Floats,
    net_short: Floats,
) -> None:
    entry = last = 0
    for row in range(len(ends)):
        deadline = known_ns[row] + horizon_ns
        resolved_ns[row] = deadline
        end = ends[row]
        last = max(last, row)
        while last + 1 < end and known_ns[last + 1] <= deadline:
            last += 1
        if last == row or known_ns[end - 1] < deadline:
            continue
        if not (0.0 < close[row] < math.inf and 0.0 < close[last] < math.inf):
            continue
        gross[row] = close[last] / close[row] - 1.0
        label[row] = 1 if gross[row] > min_return else 0
        arrives = known_ns[row] + latency_ns
        entry = max(entry, row + 1)
        while entry < end and known_ns[entry] <= arrives:
            entry += 1
        if entry > last:
            continue
        mid = _fill_mid(arrives, open_ns[entry], known_ns[entry], open_price[entry], close[entry])
        if not 0.0 < mid < math.inf:
            continue
        net_long[row] = _net_return(1, mid, close[last], impact, fee)
        net_short[row] = _net_return(-1, mid, close[last], impact, fee)


def _walk(
    entry: int,
    end: int,
    deadline: int,
    known_ns: Ints,
    open_price: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    mid: float,
    target: float,
    stop: float,
    impact: float,
    fee: float,
) -> tuple[int, int, float, int, float]:
    # The bar that settled both sides (-1: none in these bars), then outcome and exit mid of the long and of the short.
    bought = _cost_basis(1, _fill_price(1, mid, impact), fee)
    sold = _cost_basis(-1, _fill_price(-1, mid, impact), fee)
    long = short = 0
    long_exit = short_exit = np.nan
    bar = entry
    while bar < end and known_ns[bar] <= deadline:
        o, h, l, c = open_price[bar], high[bar], low[bar], close[bar]  # noqa: E741
        if not math.isfinite(o + h + l + c):
            return -1, 0, np.nan, 0, np.nan
        if long == 0:
            long, long_exit = _bracket_exit(1, bought - stop, bought + target, o, h, l, bar == entry)
        if short == 0:
            short, short_exit = _bracket_exit(-1, sold + stop, sold - target, o, h, l, bar == entry)
        if long != 0 and short != 0:
            return bar, long, long_exit, short, short_exit
        bar += 1
    if known_ns[end - 1] < deadline:
        return -1, 0, np.nan, 0, np.nan
    if long == 0:
        long_exit = close[bar - 1]
    if short == 0:
        short_exit = close[bar - 1]
    return bar - 1, long, long_exit, short, short_exit


_walk_compiled = _compiled(_walk)


def _barrier(
    ends: Ints,
    open_ns: Ints,
    known_ns: Ints,
    open_price: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    scale: Floats,
    horizon_ns: int,
    latency_ns: int,
    take_profit: float,
    stop_loss: float,
    impact: float,
    fee: float,
    resolved_ns: Ints,
    label: Classes,
    gross: Floats,
    net_long: Floats,
    net_short: Floats,
) -> None:
    for row in range(len(ends)):
        deadline = known_ns[row] + horizon_ns
        resolved_ns[row] = deadline
        end = ends[row]
        arrives = known_ns[row] + latency_ns
        entry = row + 1
        while entry < end and known_ns[entry] <= arrives:
            entry += 1
        if entry >= end or known_ns[entry] > deadline:
            continue
        if not (0.0 < scale[row] < math.inf and 0.0 < close[row] < math.inf):
            continue
        mid = _fill_mid(arrives, open_ns[entry], known_ns[entry], open_price[entry], close[entry])
        if not 0.0 < mid < math.inf:
            continue
        target, stop = scale[row] * take_profit, scale[row] * stop_loss
        last, long, long_exit, short, short_exit = _walk_compiled(
            entry, end, deadline, known_ns, open_price, high, low, close, mid, target, stop, impact, fee
        )
        if last < 0:
            continue
        if long != 0 and short != 0:
            resolved_ns[row] = known_ns[last]
        label[row] = 1 + (1 if long > 0 else 0) - (1 if short > 0 else 0)
        gross[row] = close[last] / close[row] - 1.0
        net_long[row] = _net_return(1, mid, long_exit, impact, fee)
        net_short[row] = _net_return(-1, mid, short_exit, impact, fee)


_horizon_compiled = _compiled(_horizon)
_barrier_compiled = _compiled(_barrier)


def _cached(rules: str) -> tuple[Any, Any]:
    # numba takes cached machine code for current if this file is unchanged. The rules come from another file: as a
    # variable of the closure their hash is part of the cache's key, so that a changed rule is never served stale.
    def horizon(*arguments: Any) -> None:
        if len(rules) > 0:
            _horizon_compiled(*arguments)

    def barrier(*arguments: Any) -> None:
        if len(rules) > 0:
            _barrier_compiled(*arguments)

    return numba.njit(horizon, nogil=True, cache=True), numba.njit(barrier, nogil=True, cache=True)


resolve_horizon, resolve_barrier = _cached(hash_file(Path(fills.__file__)))
