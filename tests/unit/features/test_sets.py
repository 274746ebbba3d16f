"""Feature sets: order, identity, data, warm-up."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from alphaloop.core.errors import FeatureError
from alphaloop.features import (
    Feature,
    FeatureSet,
    atr,
    autocorr,
    close,
    column,
    diff,
    ema,
    fft_power,
    higher,
    in_session,
    kurtosis,
    lag,
    log,
    lowest,
    mean,
    other,
    quantile,
    rsi,
    run_length,
    slope,
    std,
    total,
    volume,
    where,
    wilder,
)

EVERYTHING = FeatureSet(
    "everything",
    [
        Feature("z", (close - mean(close, 20)) / std(close, 20), "place", "1", "how far from its mean"),
        Feature("rsi", rsi(close, 14), "momentum", "points"),
        Feature("h4", higher("4h", atr(14) / close), "volatility"),
        Feature("btc", log(close / other("BTC", close, 90)), "pairs"),
        Feature("shape", slope(close, 9) + autocorr(close, 30, 2) + fft_power(close, 16, 2, 5) + kurtosis(close, 9)),
        Feature("time", where(in_session(8, 16), quantile(volume, "15m", 0.25), total(volume, "1h"))),
        Feature("rest", run_length(diff(close)) + lowest(column("funding"), 5) + wilder(volume, 3)),
    ],
)


def test_order_names_and_families() -> None:
    assert EVERYTHING.names == ("z", "rsi", "h4", "btc", "shape", "time", "rest")
    assert EVERYTHING.families[:4] == ("place", "momentum", "volatility", "pairs")
    assert EVERYTHING.inputs == ("close", "funding", "high", "low", "volume")
    assert EVERYTHING.references == ("BTC",)
    assert len(EVERYTHING) == 7


def test_data_is_json_and_leads_back_to_the_same_set() -> None:
    again = FeatureSet.from_dict(json.loads(json.dumps(EVERYTHING.to_dict())))
    assert again == EVERYTHING
    assert again.hash == EVERYTHING.hash
    assert [f.formula for f in again.features] == [f.formula for f in EVERYTHING.features]
    np.testing.assert_array_equal(again.program.code, EVERYTHING.program.code)


def test_shared_parts_are_written_once() -> None:
    nodes = EVERYTHING.to_dict()["nodes"]
    assert len({json.dumps(node) for node in nodes}) == len(nodes)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: [Feature("zz", f[0].expr, f[0].family, f[0].unit, f[0].description), *f[1:]],
        lambda f: [Feature("z", f[0].expr, "other", f[0].unit, f[0].description), *f[1:]],
        lambda f: [Feature("z", f[0].expr, f[0].family, "bps", f[0].description), *f[1:]],
        lambda f: [Feature("z", f[0].expr + 0, f[0].family, f[0].unit, f[0].description), *f[1:]],
        lambda f: [f[1], f[0], *f[2:]],
        lambda f: f[:-1],
    ],
)
def test_any_change_is_another_set(change) -> None:
    assert FeatureSet("everything", change(list(EVERYTHING.features))).hash != EVERYTHING.hash


def first(data: dict[str, Any], op: str) -> dict[str, Any]:
    return next(node for node in data["nodes"] if node["op"] == op)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.update(format=99), "has format 99"),
        (lambda d: d.pop("nodes"), "damaged at 'nodes'"),
        (lambda d: d["nodes"][2].update(op="future"), "no operator 'future'"),
        (lambda d: d["nodes"][2].update(args=[10_000]), "points at node 10000"),
        (lambda d: d["nodes"][2].update(args=[-1]), "points at node -1"),
        (lambda d: d["features"][0].update(node=True), "points at node True"),
        (lambda d: next(n for n in d["nodes"] if n["op"] == "mean")["params"].update(window=0), "window of mean"),
        (lambda d: next(n for n in d["nodes"] if n["op"] == "mean")["params"].update(size=3), "does not take"),
        (
            lambda d: next(n for n in d["nodes"] if n["op"] == "sub").update(args=[0]),
            "no operator 'sub' with 1 operands",
        ),
    ],
)
def test_damaged_data_is_refused(damage, message: str) -> None:
    data = json.loads(json.dumps(EVERYTHING.to_dict()))
    damage(data)
    with pytest.raises(FeatureError, match=message):
        FeatureSet.from_dict(data)


def test_empty_sets_and_names_given_twice_are_refused() -> None:
    with pytest.raises(FeatureError, match="is empty"):
        FeatureSet("none", [])
    with pytest.raises(FeatureError, match="has 'x' more than once"):
        FeatureSet("twice", [Feature("x", close), Feature("x", volume)])


def test_some_of_a_set() -> None:
    assert EVERYTHING.select(["h4", "z"]).names == ("h4", "z")
    with pytest.raises(FeatureError, match="did you mean 'rsi'"):
        EVERYTHING.select(["rsj"])


MINUTES = {
    "close": (close, 0),
    "lag": (lag(close, 3), 3),
    "ema": (ema(close, 12), 11),
    "wilder of difference": (rsi(close, 14), 14),
    "atr": (atr(14), 14),
    "window": (mean(close, 20), 19),
    "chain": (std(diff(close), 20), 20),
    "deeper chain": (mean(ema(lag(close, 2), 5), 10), 2 + 4 + 9),
    "widest part": (mean(close, 5) / mean(close, 50), 49),
    "time": (mean(close, "15m"), 15),
    "time between steps": (mean(close, "90s"), 2),
    "higher": (higher("1h", close), 59),
    "higher chain": (higher("1h", rsi(close, 14)), 15 * 60 - 1),
    "lag of higher": (lag(higher("1h", close), 2), 61),
    "other": (other("BTC", mean(close, 3)), 2),
    "correlation": (autocorr(close, 30, 5), 29),
}


@pytest.mark.parametrize("name", MINUTES)
def test_warm_up_is_the_number_of_rows_before_the_first_value(compute, name: str) -> None:
    expr, rows = MINUTES[name]
    features = FeatureSet("one", [Feature("x", expr)])
    assert features.warm_up(60) == rows
    if not features.references:
        rng = np.random.default_rng(0)
        start = 1_700_006_400_000_000_000
        known = start + 60_000_000_000 * np.arange(1, 2001)
        values = compute(expr, {name: rng.lognormal(0, 0.1, 2000) for name in features.inputs}, known)
        assert np.flatnonzero(~np.isnan(values))[0] == rows


def test_an_average_settles_long_after_it_is_warm() -> None:
    features = FeatureSet("one", [Feature("x", ema(close, 50))])
    assert features.warm_up(60) == 49
    rows = features.settle(60)
    rng = np.random.default_rng(0)
    x = rng.normal(100, 1, 3000)
    times = np.arange(1, 3001)
    long = features.stream(["A"], np.float64).push({"close": x}, times)[:, 0]
    late = features.stream(["A"], np.float64).push({"close": x[1000:]}, times[1000:])[:, 0]
    gap = np.abs(late - long[1000:])
    assert gap[rows - 1] < 1e-7
    assert gap[rows // 2] > 1e-7
    assert FeatureSet("one", [Feature("x", mean(close, 50))]).settle(60) == 49
