"""All 59 features in one hand-written numba loop: what the kernel would be if it knew only this feature set.

One pass over a symbol's rows; averages live in local variables, windows read the input arrays themselves. It
assumes finite input without gaps in the columns and cannot be stopped and resumed, which the kernel must not and can.
One thread, or one symbol per thread at a time.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

NS = 1_000_000_000
HOUR, DAY, WEEK = 3600 * NS, 86_400 * NS, 604_800 * NS
NAN = np.nan
FRAMES_NS = np.array([1800 * NS, HOUR, 4 * HOUR, DAY])
FAST, SLOW, STRENGTH = np.array([5, 5, 5, 2]), np.array([20, 20, 20, 5]), np.array([14, 14, 14, 5])
# Per frame: open, high, low, close of the bar being built, fast and slow average, rise and fall, the close before.
HIGH, LOW, CLOSE, E_FAST, E_SLOW, UP, DOWN, BEFORE, TREND, RSI, EMA, DAY_LOW, DAY_HIGH = range(13)


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _div(a, b):
    return a / b if b != 0.0 else np.nan


@njit(cache=True, nogil=True, inline="always")
def _sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@njit(cache=True, nogil=True, inline="always")
def _wilder(y, x, n, seen):
    """The average after `x`, the `seen`-th value: a plain mean of the first n."""
    return y + (x - y) / seen if seen <= n else y + (x - y) / n


@njit(cache=True, nogil=True, inline="always")
def _push_low(x, i, queue, head, tail, mask):
    while tail > head and x[queue[(tail - 1) & mask]] >= x[i]:
        tail -= 1
    queue[tail & mask] = i
    return tail + 1


@njit(cache=True, nogil=True, inline="always")
def _push_high(x, i, queue, head, tail, mask):
    while tail > head and x[queue[(tail - 1) & mask]] <= x[i]:
        tail -= 1
    queue[tail & mask] = i
    return tail + 1


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _close_bar(s, count, fast, slow, strength):
    """Take the finished bar of one frame into its averages and show them; `count` bars came before."""
    c = s[CLOSE]
    if count == 0:
        s[E_FAST] = c
        s[E_SLOW] = c
    else:
        s[E_FAST] += (c - s[E_FAST]) * (2.0 / (fast + 1.0))
        s[E_SLOW] += (c - s[E_SLOW]) * (2.0 / (slow + 1.0))
        change = c - s[BEFORE]
        s[UP] = _wilder(s[UP], max(change, 0.0), strength, count)
        s[DOWN] = _wilder(s[DOWN], max(-change, 0.0), strength, count)
    s[BEFORE] = c
    if count + 1 >= slow:
        s[TREND] = (s[E_FAST] - s[E_SLOW]) / c
        s[EMA] = s[E_SLOW]
    if count >= strength:
        s[RSI] = _div(s[UP], s[UP] + s[DOWN])
    s[DAY_LOW] = s[LOW]
    s[DAY_HIGH] = s[HIGH]


@njit(cache=True, nogil=True, error_model="numpy")
def one_symbol(t, o, h, l, c, v, out):  # noqa: E741
    """Write the 59 features of one symbol's rows into ``out`` (59, n), float32 or float64."""
    n = c.shape[0]
    lr, rsi, bought, paid = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    e20s = np.empty(n)
    capacity = 1
    while capacity < min(n, 2048) + 1:
        capacity *= 2
    day_low, day_high, top = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(64, np.int64)
    lh = lt = hh = ht = th = tt = 0
    frames = np.full((4, 13), np.nan)
    counts = np.zeros(4, np.int64)
    buckets = np.full(4, np.iinfo(np.int64).min)
    frames[:, UP] = 0.0
    frames[:, DOWN] = 0.0
    e12 = e26 = e20 = e50 = e200 = c[0]
    signal = 0.0
    up = down = a14 = a50 = plus = minus = adx = 0.0
    tilts = 0
    level = c[0]
    s1 = s2 = r1 = r2 = q1 = q2 = v20 = v5 = b20 = p20 = hour_sum = 0.0
    hour_begin = 0
    run = 0.0
    for i in range(n):
        ci, oi, hi, li, vi, ti = c[i], o[i], h[i], l[i], v[i], t[i]
        # --- averages of close
        if i > 0:
            e12 += (ci - e12) * (2.0 / 13.0)
            e26 += (ci - e26) * (2.0 / 27.0)
            e20 += (ci - e20) * (2.0 / 21.0)
            e50 += (ci - e50) * (2.0 / 51.0)
            e200 += (ci - e200) * (2.0 / 201.0)
        e20s[i] = e20
        line = e12 - e26
        if i == 25:
            signal = line
        elif i > 25:
            signal += (line - signal) * 0.2
        # --- moves against the row before
        if i > 0:
            before = c[i - 1]
            change = ci - before
            rise, fall = hi - h[i - 1], l[i - 1] - li
            lr[i] = math.log(ci / before)
            tr = max(hi - li, max(abs(hi - before), abs(li - before)))
            up = _wilder(up, max(change, 0.0), 14, i)
            down = _wilder(down, max(-change, 0.0), 14, i)
            a14 = _wilder(a14, tr, 14, i)
            a50 = _wilder(a50, tr, 50, i)
            plus = _wilder(plus, rise if rise > max(fall, 0.0) else 0.0, 14, i)
            minus = _wilder(minus, fall if fall > max(rise, 0.0) else 0.0, 14, i)
            direction = _sign(change)
            run = run + direction if direction * run > 0.0 else direction
        else:
            lr[i] = np.nan
        rsi[i] = _div(up, up + down) if i >= 14 else np.nan
        tilt = _div(plus - minus, plus + minus) if i >= 14 else np.nan
        if tilt == tilt:
            tilts += 1
            adx = _wilder(adx, abs(tilt), 14, tilts)
        # --- sums over 20 rows, begun again now and then so that rounding does not pile up
        bought[i] = (2.0 * ci - hi - li) / (hi - li) * vi if hi > li else 0.0
        paid[i] = (hi + li + ci) / 3.0 * vi
        if i & 1023 == 0:
            level = ci
            s1 = s2 = r1 = r2 = q1 = q2 = v20 = v5 = b20 = p20 = 0.0
            for j in range(max(i - 99, 0), i + 1):
                if j > 0:
                    q1 += lr[j]
                    q2 += lr[j] * lr[j]
                if j > i - 20:
                    d = c[j] - level
                    s1 += d
                    s2 += d * d
                    v20 += v[j]
                    b20 += bought[j]
                    p20 += paid[j]
                    if j > 0:
                        r1 += lr[j]
                        r2 += lr[j] * lr[j]
                if j > i - 5:
                    v5 += v[j]
        else:
            d = ci - level
            s1 += d
            s2 += d * d
            v20 += vi
            v5 += vi
            b20 += bought[i]
            p20 += paid[i]
            r1 += lr[i]
            r2 += lr[i] * lr[i]
            q1 += lr[i]
            q2 += lr[i] * lr[i]
            if i >= 5:
                v5 -= v[i - 5]
            if i >= 20:
                d = c[i - 20] - level
                s1 -= d
                s2 -= d * d
                v20 -= v[i - 20]
                b20 -= bought[i - 20]
                p20 -= paid[i - 20]
                if i > 20:
                    r1 -= lr[i - 20]
                    r2 -= lr[i - 20] * lr[i - 20]
                if i > 100:
                    q1 -= lr[i - 100]
                    q2 -= lr[i - 100] * lr[i - 100]
        middle = level + s1 / 20.0
        dev = math.sqrt(max(s2 - s1 * s1 / 20.0, 0.0) / 19.0)
        vol = math.sqrt(max(r2 - r1 * r1 / 20.0, 0.0) / 19.0)
        vol100 = math.sqrt(max(q2 - q1 * q1 / 100.0, 0.0) / 99.0)
        # --- extremes
        lt = _push_low(l, i, day_low, lh, lt, capacity - 1)
        while t[day_low[lh & (capacity - 1)]] <= ti - DAY:
            lh += 1
        ht = _push_high(h, i, day_high, hh, ht, capacity - 1)
        while t[day_high[hh & (capacity - 1)]] <= ti - DAY:
            hh += 1
        tt = _push_high(h, i, top, th, tt, 63)
        if top[th & 63] <= i - 50:
            th += 1
        bottom14 = top14 = ci
        rsi_bottom = rsi_top = rsi[i]
        if i >= 13:
            for j in range(i - 13, i):
                bottom14 = min(bottom14, c[j])
                top14 = max(top14, c[j])
        rsi_known = i >= 27
        if rsi_known:
            for j in range(i - 13, i):
                rsi_known = rsi_known and rsi[j] == rsi[j]
                rsi_bottom = min(rsi_bottom, rsi[j])
                rsi_top = max(rsi_top, rsi[j])
        # --- the last hour
        if i > 0:
            hour_sum += lr[i]
        while t[hour_begin] <= ti - HOUR:
            if hour_begin > 0:
                hour_sum -= lr[hour_begin]
            hour_begin += 1
        # --- higher frames: a bar that ended before this row is shown on this row
        for f in range(4):
            every = FRAMES_NS[f]
            s = frames[f]
            bucket = (ti - 1) // every
            if bucket != buckets[f]:
                if buckets[f] != np.iinfo(np.int64).min:
                    _close_bar(s, counts[f], FAST[f], SLOW[f], STRENGTH[f])
                    counts[f] += 1
                buckets[f] = bucket
                s[HIGH] = hi
                s[LOW] = li
            else:
                s[HIGH] = max(s[HIGH], hi)
                s[LOW] = min(s[LOW], li)
            s[CLOSE] = ci
            if ti == (bucket + 1) * every:
                _close_bar(s, counts[f], FAST[f], SLOW[f], STRENGTH[f])
                counts[f] += 1
                buckets[f] = np.iinfo(np.int64).min
        # --- the row
        out[0, i] = (ci - (middle + 2.0 * dev)) / ci if i >= 19 else NAN
        out[1, i] = (ci - (middle - 2.0 * dev)) / ci if i >= 19 else NAN
        out[2, i] = 4.0 * dev / middle if i >= 19 else NAN
        out[3, i] = _div(ci - (middle - 2.0 * dev), 4.0 * dev) if i >= 19 else NAN
        out[4, i] = (ci - e20) / ci if i >= 19 else NAN
        out[5, i] = (ci - e50) / ci if i >= 49 else NAN
        out[6, i] = (ci - e200) / ci if i >= 199 else NAN
        side, cross = _sign(e20 - e50), _sign(e50 - e200)
        out[7, i] = (side if side * cross > 0.0 else 0.0) if i >= 199 else NAN
        out[8, i] = cross if i >= 199 else NAN
        out[9, i] = e20 / e20s[i - 5] - 1.0 if i >= 24 else NAN
        out[10, i] = line / ci if i >= 25 else NAN
        out[11, i] = signal / ci if i >= 33 else NAN
        out[12, i] = (line - signal) / ci if i >= 33 else NAN
        out[13, i] = adx if tilts >= 14 and tilt == tilt else NAN
        out[14, i] = tilt
        out[15, i] = rsi[i]
        out[16, i] = rsi[i] - rsi[i - 5] if i >= 19 else NAN
        gap = _div(rsi[i] - rsi_bottom, rsi_top - rsi_bottom) - _div(ci - bottom14, top14 - bottom14)
        out[17, i] = gap if rsi_known else NAN
        out[18, i] = lr[i]
        out[19, i] = math.log(ci / c[i - 5]) if i >= 5 else NAN
        out[20, i] = math.log(ci / c[i - 10]) if i >= 10 else NAN
        out[21, i] = ci / c[i - 14] - 1.0 if i >= 14 else NAN
        out[22, i] = hour_sum if ti - t[0] >= HOUR else NAN
        out[23, i] = ci / oi - 1.0
        low24, high24 = l[day_low[lh & (capacity - 1)]], h[day_high[hh & (capacity - 1)]]
        out[24, i] = _div(ci - low24, high24 - low24) if ti - t[0] >= DAY else NAN
        out[25, i] = _div(ci - frames[3, DAY_LOW], frames[3, DAY_HIGH] - frames[3, DAY_LOW])
        out[26, i] = ci / h[top[th & 63]] - 1.0 if i >= 49 else NAN
        out[27, i] = a14 / ci if i >= 14 else NAN
        out[28, i] = _div(a14, a50) if i >= 50 else NAN
        out[29, i] = vol if i >= 20 else NAN
        out[30, i] = _div(vol, vol100) if i >= 100 else NAN
        out[31, i] = hi / li - 1.0
        out[32, i] = _div(vi * 20.0, v20) if i >= 19 else NAN
        out[33, i] = _div(v5 * 4.0, v20) - 1.0 if i >= 19 else NAN
        out[34, i] = _div(b20, v20) if i >= 19 else NAN
        out[35, i] = (ci - _div(p20, v20)) / ci if i >= 19 else NAN
        out[36, i] = _div(ci - oi, a14) if i >= 14 else NAN
        out[37, i] = _div(hi - max(oi, ci), hi - li)
        out[38, i] = _div(min(oi, ci) - li, hi - li)
        out[39, i] = min(max(run, -10.0), 10.0) if i >= 1 else NAN
        of_day, of_week = ti % DAY, (ti - 4 * DAY) % WEEK
        turn, slow_turn = of_day * (2.0 * math.pi / DAY), of_week * (2.0 * math.pi / WEEK)
        out[40, i] = math.sin(turn)
        out[41, i] = math.cos(turn)
        out[42, i] = math.sin(slow_turn)
        out[43, i] = math.cos(slow_turn)
        out[44, i] = 1.0 if of_day < 9 * HOUR else 0.0
        out[45, i] = 1.0 if 7 * HOUR <= of_day < 16 * HOUR else 0.0
        out[46, i] = 1.0 if 12 * HOUR <= of_day < 21 * HOUR else 0.0
        for f in range(4):
            out[47 + 3 * f, i] = frames[f, TREND]
            out[48 + 3 * f, i] = frames[f, RSI]
            out[49 + 3 * f, i] = (ci - frames[f, EMA]) / ci


def compute(columns: tuple[np.ndarray, ...], starts: np.ndarray, threads: int = 1, dtype=np.float32) -> np.ndarray:
    """Features (59, n) of rows sorted by symbol; `starts` are the first row of each symbol and the end."""
    out = np.empty((59, len(columns[0])), dtype)

    def run(symbol: int) -> None:
        part = slice(starts[symbol], starts[symbol + 1])
        one_symbol(*(column[part] for column in columns), out[:, part])

    symbols = range(len(starts) - 1)
    if threads == 1:
        for symbol in symbols:
            run(symbol)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, symbols))
    return out
