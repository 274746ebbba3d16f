"""A training run that never happened, plausible in every part: what the report is tested on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from alphaloop.evaluation.report_input import (
    Backtest,
    Outcomes,
    Premium,
    ReportInput,
    SplitWindow,
    Thresholds,
    Trial,
)
from alphaloop.evaluation.scores import score

MINUTE = 60 * 10**9
START = 1_717_200_000 * 10**9
HORIZON_S = 900.0
FAMILIES = ("momentum", "volatility", "volume", "trend", "calendar", "range", "order flow", "higher time frame")


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def outcomes(rows=6_000, strength=0.35, seed=1):
    rng = np.random.default_rng(seed)
    signal = np.convolve(rng.normal(size=rows + 14), np.ones(15) / np.sqrt(15), "valid")
    y = (rng.random(rows) < sigmoid(strength * signal)).astype(np.int8)
    up = sigmoid(strength * signal + rng.normal(0.0, 0.08, rows))
    weak = sigmoid(0.25 * strength * signal + rng.normal(0.0, 0.3, rows))
    decided = START + np.arange(rows) * MINUTE
    prior = np.full(rows, 0.5)
    both = [np.column_stack((1.0 - p, p)) for p in (up, weak, prior)]
    return Outcomes(y, both[0], decided, {"one_feature": both[1], "prior": both[2]})


def scored(test, p, resamples=200):
    found = score(test.y, p, decided_ns=test.decided_ns, horizon_s=HORIZON_S, seed=3, resamples=resamples)
    return {name: each.to_dict() for name, each in found.items()}


def backtest(test, seed=2):
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0013, 0.006, 180)
    at = np.sort(rng.choice(len(test.y), returns.size, replace=False))
    steps = np.zeros(len(test.y))
    steps[at] = returns
    equity = 10_000.0 * np.cumprod(1.0 + steps)
    hold = 10_000.0 * np.cumprod(1.0 + rng.normal(0.0, 0.0011, len(test.y)))
    fall = float((1.0 - equity / np.maximum.accumulate(equity)).max())
    summary = {
        "trades": returns.size,
        "net_return": float(equity[-1] / equity[0] - 1.0),
        "max_drawdown": fall,
        "win_rate": float((returns > 0).mean()),
        "profit_factor": 1.42,
        "sharpe": 2.1,
        "exposure": 0.31,
        "fees": 412.5,
        "initial_cash": 10_000.0,
        "trades_digest": "9f2c" * 16,
    }
    exits = {
        "take_profit": (81, float(returns[returns > 0].sum())),
        "stop_loss": (64, float(returns[returns < 0].sum())),
        "horizon": (29, 0.011),
        "breaker": (6, -0.008),
    }
    return Backtest(summary, test.decided_ns, equity, returns, exits, {"buy and hold": hold})


def thresholds():
    value = np.linspace(0.5, 0.72, 120)
    trades = (4_000 * np.exp(-18 * (value - 0.5))).astype(np.int64) + 1
    net = trades * (-0.0009 + 0.016 * (value - 0.5)) + 0.08 * np.sin(40 * value)
    best = int(np.argmax(net))
    chosen = {"value": value[best], "net_value": net[best], "trades": int(trades[best]), "tradable": True}
    return Thresholds(value, net, trades, {**chosen, "chosen_on": "validation"})


def splits():
    day = 1_440 * MINUTE
    lengths = {"train": 60, "validation": 14, "calibration": 8, "test": 12}
    windows, at = [], START - 90 * day
    for name, days in lengths.items():
        windows.append(SplitWindow(name, days * 1_440, at, at + days * day, at + days * day + 15 * MINUTE))
        at += days * day + day // 4
    return windows


def premium():
    rows = [
        ("honest", "rows before the test whose labels were over by then", 0.531, 0.0),
        ("no purge", "all rows before the test, labels reaching into it included", 0.534, 0.003),
        ("random rows", "a shuffled split: rows between the test rows", 0.624, 0.093),
    ]
    keys = ("name", "description", "value", "premium")
    extra = {"reference": "honest", "train_rows": 86_400, "test_rows": 8_640}
    return Premium("PR-AUC", [dict(zip(keys, row, strict=True)) | extra for row in rows])


def importance():
    rng = np.random.default_rng(5)
    shares = rng.exponential(size=59)
    names = [f"{FAMILIES[i % len(FAMILIES)].replace(' ', '_')}_{i}" for i in range(59)]
    families = {name: FAMILIES[i % len(FAMILIES)] for i, name in enumerate(names)}
    return dict(zip(names, (shares / shares.sum()).tolist(), strict=True)), families


def contract():
    return {
        "format_version": 1,
        "id": "direction-2024-09-01",
        "name": "direction",
        "market": "bars",
        "task": "binary",
        "classes": ["DOWN", "UP"],
        "warm_up_rows": 1_500,
        "estimator": "lightgbm",
        "best_parameters": {"num_leaves": 41, "learning_rate": 0.034, "lambda_l2": 1.7, "rounds": 212},
        "calibration": {"method": "platt", "platt_a": -0.94, "platt_b": 0.012},
        "feature_graph": {"nodes": [{"op": "ema", "n": n} for n in range(2_000)]},
    }


def plausible(rows=6_000, strength=0.35, **changes):
    test, validation = outcomes(rows, strength), outcomes(rows, strength, seed=7)
    shares, families = importance()
    rng = np.random.default_rng(9)
    trials = [
        Trial(n, float(0.53 + 0.02 * (1 - np.exp(-n / 9)) + rng.normal(0, 0.004)) if n % 4 else None, "complete")
        for n in range(40)
    ]
    given = ReportInput(
        name="direction",
        market="bars",
        created_ns=START + 100 * 1_440 * MINUTE,
        classes=("DOWN", "UP"),
        sides=(-1, 1),
        horizon_s=HORIZON_S,
        scores={"test": scored(test, test.p), "validation": scored(validation, validation.p)},
        baselines={name: scored(test, p) for name, p in test.baselines.items()},
        test=test,
        importance=shares,
        families=families,
        thresholds=thresholds(),
        backtest=backtest(test),
        premium=premium(),
        trials=trials,
        splits=splits(),
        audit={
            "subject": "bars",
            "clean": True,
            "findings": [],
            "checks": {"noise": 24, "missing": 24, "scaled": 24, "permuted": 24, "truncated": 24, "stream": 12},
            "seconds": 41.2,
            "certificate": {"code_sha256": "ab" * 32, "data_sha256": "cd" * 32},
        },
        parity={"rows": 12_000, "max_abs_diff": 5.96e-8, "flipped": 0, "leaves_equal": True},
        contract=contract(),
        facts={"Data": "SYN-A.parquet", "Estimator": "lightgbm", "Features": "bars, 59"},
        synthetic=True,
        seed=3,
    )
    return replace(given, **changes)
