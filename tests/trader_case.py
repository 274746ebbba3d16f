"""An artifact that trades often on any bars, made without training, for tests of backtest and trader."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl

from alphaloop.data.synthetic import synthetic_bars
from alphaloop.features import Feature, FeatureSet, atr, close, lag, mean, rsi, std

FEATURES = FeatureSet(
    "case",
    [
        Feature("z_20", (close - mean(close, 20)) / std(close, 20), "trend"),
        Feature("push_5", (close - lag(close, 5)) / atr(14), "momentum"),
        Feature("rsi_14", rsi(close, 14), "momentum"),
    ],
)
CONTEXT = FeatureSet("case_context", [Feature("atr", atr(14), "volatility", "price")])
WEIGHTS = np.array([-0.9, 0.4, 0.02], np.float32)
PLAN: dict[str, Any] = {
    "policy": {"threshold": 0.62, "cool_down_s": 120.0},
    "exits": {"take_profit_atr": 2.5, "stop_loss_atr": 1.5, "timeout_s": 1200.0},
    "breakers": {"daily_drawdown": 0.03, "max_consecutive_losses": 6, "pause_s": 1800.0, "max_open_positions": 2},
    "costs": {"fee_bps": 1.0, "spread_bps": 1.0, "slippage_bps": 0.5, "latency_s": 1.5},
}


def _tiny() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "tiny_artifact", Path(__file__).parent / "compat" / "make_artifact.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_artifact(folder: Path, trading: dict[str, Any] | None = None, **changes: Any) -> str:
    """Write the artifact to `folder` and return its id."""
    tiny = _tiny()
    families = [{"name": f.name, "family": f.family, "unit": f.unit} for f in FEATURES.features]
    values = {
        "name": "case",
        "features": families,
        "feature_graph": FEATURES.to_dict(),
        "context_graph": CONTEXT.to_dict(),
        "feature_set_hash": FEATURES.hash,
        "warm_up_rows": FEATURES.warm_up(60),
        "trading": PLAN if trading is None else trading,
    }
    return str(tiny.make(folder, tiny.graph(WEIGHTS, -1.0), **values | changes))


def write_bars(path: Path, n_bars: int = 1500, symbols: tuple[str, ...] = ("SYN-A", "SYN-B", "SYN-C")) -> Path:
    """Write synthetic bars, the last symbol with holes, as a file that a user would bring."""
    frame = synthetic_bars(n_bars, symbols=symbols, seed=3).frame
    number = pl.col("known_ns").rank("dense")
    frame = frame.filter((pl.col("symbol") != symbols[-1]) | (number % 97 > 40))
    time = pl.from_epoch("open_ns", time_unit="ns").dt.replace_time_zone("UTC").alias("time")
    frame.select("symbol", time, "open", "high", "low", "close", "volume").write_parquet(path)
    return path
