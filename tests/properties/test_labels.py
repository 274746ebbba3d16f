"""Labels against a slow oracle written from the words of the specification, and the promise of their intervals."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaloop.core.costs import Costs
from alphaloop.labels import Barrier, Horizon

STEP = 60 * 10**9
RETURNS = ("gross", "net_long", "net_short")


@st.composite
def markets(draw):
    """Bars of one to three symbols on a coarse price grid, so that levels are often hit exactly, with gaps."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    gap = draw(st.sampled_from([0.0, 0.2]))
    frames = []
    for symbol in "ABC"[: draw(st.integers(1, 3))]:
        n = draw(st.integers(1, 40))
        minutes = np.flatnonzero(random.random(2 * n) >= gap)[:n]
        n = len(minutes)
        close = 100 + np.cumsum(random.integers(-4, 5, n)) * 0.25
        opened = close - random.integers(-4, 5, n) * 0.25
        frames.append(
            pl.DataFrame(
                {
                    "symbol": pl.Series([symbol] * n, dtype=pl.String),
                    "open_ns": minutes * STEP,
                    "known_ns": (minutes + 1) * STEP,
                    "open": opened,
                    "high": np.maximum(opened, close) + random.integers(0, 4, n) * 0.25,
                    "low": np.minimum(opened, close) - random.integers(0, 4, n) * 0.25,
                    "close": close,
                    "atr": np.where(random.random(n) < 0.05, np.nan, random.choice([0.5, 1.0], n)),
                }
            )
        )
    return pl.concat(frames)


costs = st.builds(
    Costs,
    fee_bps=st.sampled_from([0.0, 5.0]),
    spread_bps=st.sampled_from([0.0, 4.0]),
    slippage_bps=st.sampled_from([0.0, 1.0]),
    latency_s=st.sampled_from([0.0, 1.0, 30.0, 60.0, 90.0, 300.0]),
)
horizons = st.builds(
    Horizon, horizon_s=st.sampled_from([60.0, 90.0, 300.0, 900.0]), min_return=st.sampled_from([0.0, 0.005])
)
barriers = st.builds(
    Barrier,
    horizon_s=st.sampled_from([60.0, 300.0, 900.0]),
    take_profit_atr=st.sampled_from([0.5, 1.0, 2.0]),
    stop_loss_atr=st.sampled_from([0.5, 1.0, 3.0]),
)


def oracle(label, frame, paid):
    """Row by row, in plain Python, with no code of the package but the settings."""
    rows = frame.to_dicts()
    return [
        _answer(label, rows[i], [r for r in rows if r["symbol"] == rows[i]["symbol"]], paid) for i in range(len(rows))
    ]


def _answer(label, now, bars, paid):
    decided = now["known_ns"]
    deadline = decided + round(label.horizon_s * 1e9)
    arrives = decided + round(paid.latency_s * 1e9)
    inside = [bar for bar in bars if decided < bar["known_ns"] <= deadline]
    reached = bars[-1]["known_ns"] >= deadline
    enterable = [bar for bar in inside if bar["known_ns"] > arrives]
    if isinstance(label, Horizon):
        if not inside or not reached:
            return None
        change = inside[-1]["close"] / now["close"] - 1
        result = {"resolved_ns": deadline, "label": int(change > label.min_return), "gross": change}
        leave = inside[-1]["close"]
        exits = (leave, leave) if enterable else None
    else:
        if not enterable or not now["atr"] > 0:
            return None
        sides = [_side(side, label, now["atr"], enterable, arrives, paid) for side in (1, -1)]
        if any(at is None for _, _, at in sides) and not reached:
            return None
        last = max(deadline if at is None else at for _, _, at in sides)
        won = [outcome == "win" for outcome, _, _ in sides]
        answer = 1 if won[0] == won[1] else (2 if won[0] else 0)
        close = next(bar["close"] for bar in reversed(inside) if bar["known_ns"] <= last)
        result = {"resolved_ns": last, "label": answer, "gross": close / now["close"] - 1}
        exits = tuple(inside[-1]["close"] if at is None else price for _, price, at in sides)
    if exits:
        mid = _entry(enterable[0], arrives)
        result["net_long"] = _long(mid, exits[0], paid)
        result["net_short"] = _short(mid, exits[1], paid)
    return result


def _entry(bar, arrives):
    passed = max(0.0, (arrives - bar["open_ns"]) / STEP)
    return bar["open"] + (bar["close"] - bar["open"]) * passed


def _long(mid, leave, paid):
    bought = mid * (1 + paid.impact)
    sold = leave * (1 - paid.impact)
    return (sold - sold * paid.fee - bought - bought * paid.fee) / bought


def _short(mid, leave, paid):
    sold = mid * (1 - paid.impact)
    bought = leave * (1 + paid.impact)
    return (sold - sold * paid.fee - bought - bought * paid.fee) / sold


def _side(side, label, atr, bars, arrives, paid):
    entry = _entry(bars[0], arrives) * (1 + side * paid.impact) * (1 + side * paid.fee)
    target = entry + side * label.take_profit_atr * atr
    stop = entry - side * label.stop_loss_atr * atr
    for place, bar in enumerate(bars):
        worst, best = (bar["low"], bar["high"]) if side > 0 else (bar["high"], bar["low"])
        if side * (worst - stop) <= 0:
            gapped = place > 0 and side * (bar["open"] - stop) < 0
            return "loss", bar["open"] if gapped else stop, bar["known_ns"]
        if side * (best - target) >= 0:
            return "win", target, bar["known_ns"]
    return "open", math.nan, None


@settings(max_examples=150, deadline=None)
@given(frame=markets(), label=horizons | barriers, paid=costs)
def test_labels_are_what_the_words_say(frame, label, paid):
    table = label.compute(frame, STEP, paid)
    assert table["decided_ns"].equals(frame["known_ns"].alias("decided_ns"))
    for row, expected in zip(table.iter_rows(named=True), oracle(label, frame, paid), strict=True):
        if expected is None:
            assert row["label"] is None
            assert [row[name] for name in RETURNS] == [None, None, None]
            continue
        assert row["label"] == expected["label"]
        assert row["resolved_ns"] == expected["resolved_ns"]
        for name in RETURNS:
            if name in expected:
                assert math.isclose(row[name], expected[name], rel_tol=1e-9, abs_tol=1e-12), name
            else:
                assert row[name] is None


@settings(max_examples=80, deadline=None)
@given(frame=markets().filter(len), label=horizons | barriers, paid=costs, data=st.data())
def test_nothing_outside_the_interval_moves_a_label(frame, label, paid, data):
    table = label.compute(frame, STEP, paid)
    row = data.draw(st.integers(0, len(frame) - 1))
    decided, resolved, symbol = table["decided_ns"][row], table["resolved_ns"][row], table["symbol"][row]
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    noise = pl.Series(random.lognormal(4, 1, len(frame)))
    answer = (pl.col("known_ns") > decided) & (pl.col("known_ns") <= resolved)
    # The deciding bar gives its close and its scale, the answering bars their prices; everything else is changed.
    own = pl.col("known_ns") == decided
    of_symbol = pl.col("symbol") == symbol
    changed = frame.with_columns(
        *(pl.when(of_symbol & answer).then(name).otherwise(noise).alias(name) for name in ("open", "high", "low")),
        pl.when(of_symbol & (answer | own)).then("close").otherwise(noise).alias("close"),
        pl.when(of_symbol & own).then("atr").otherwise(noise).alias("atr"),
    )
    again = label.compute(changed, STEP, paid)
    assert again.row(row) == table.row(row)


@settings(max_examples=80, deadline=None)
@given(frame=markets().filter(len), label=horizons | barriers, paid=costs, data=st.data())
def test_bars_before_the_decision_or_after_the_resolution_may_be_missing(frame, label, paid, data):
    table = label.compute(frame, STEP, paid)
    resolved = table.with_row_index().filter(pl.col("label").is_not_null())
    if resolved.is_empty():
        return
    row = resolved.row(data.draw(st.integers(0, len(resolved) - 1)), named=True)
    of_symbol = pl.col("symbol") == row["symbol"]
    inside = (pl.col("known_ns") >= row["decided_ns"]) & (pl.col("known_ns") <= row["resolved_ns"])
    cut = label.compute(frame.filter(of_symbol & inside), STEP, paid).row(0, named=True)
    # Bars that end in a gap do not reach the resolution: then there is no label, but never another one.
    ends = frame.filter(of_symbol & inside)["known_ns"].max() == row["resolved_ns"]
    if ends or cut["label"] is not None:
        assert cut == {name: row[name] for name in cut}
    else:
        assert cut["label"] is None


@settings(max_examples=60, deadline=None)
@given(frame=markets(), label=horizons | barriers, paid=costs)
def test_a_resolved_interval_holds_a_bar_and_keeps_to_the_horizon(frame, label, paid):
    table = label.compute(frame, STEP, paid).filter(pl.col("label").is_not_null())
    for row in table.iter_rows(named=True):
        assert row["decided_ns"] < row["resolved_ns"] <= row["decided_ns"] + label.horizon_ns
        known = frame.filter(pl.col("symbol") == row["symbol"])["known_ns"]
        assert ((known > row["decided_ns"]) & (known <= row["resolved_ns"])).any()
