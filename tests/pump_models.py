"""Models of Pump.fun's signals, trained in a second on the signals of a simulated market, as artifacts of this release.

They are LightGBM and Platt, exported as the factory exports; only tuning, audit and report are left out.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.folder import write_artifact
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.session import open_session
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import Event
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.wire.decode import decode
from alphaloop.markets.pumpfun.wire.records import Record
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.calibrate import Platt
from alphaloop.training.export import to_onnx

Rows = NDArray[np.float32]
CLASSES = ("MISS", "HIT")
TABLES = {SIGNAL.name: "signals", GENESIS.name: "genesis_observations"}
SETS = {SIGNAL.name: SIGNAL, GENESIS.name: GENESIS}


def _tiny() -> ModuleType:
    place = Path(__file__).parent / "compat" / "make_artifact.py"
    spec = importlib.util.spec_from_file_location("tiny_artifact", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(records: Sequence[Record], settings: PumpSettings) -> dict[str, Rows]:
    """Features (n, F) of what a market makes of `records`, by the name of the feature set."""
    market, found = PumpMarket(settings), {name: list[bytes]() for name in TABLES}
    for record in records:
        event = decode(record)
        if isinstance(event, Event):
            for row in market.apply(event):
                for name, table in TABLES.items():
                    if isinstance(row, Row) and row.table == table:
                        found[name].append(row.values["features"])
    return {name: np.frombuffer(b"".join(rows), "<f4").reshape(len(rows), -1) for name, rows in found.items()}


def train(X: Rows, seed: int) -> tuple[LightGBM, Platt, Task]:
    """Fit to a planted truth: which rows are hits follows from the four features that vary most, and from chance."""
    chance = np.random.default_rng(seed)
    ranks = np.argsort(np.argsort(np.nan_to_num(X, nan=-1.0), axis=0), axis=0) / max(len(X), 1)
    varied = np.argsort([-len(np.unique(column)) for column in X.T])[:8]
    score = ranks[:, chance.permutation(varied)[:4]] @ np.array([1.0, -0.8, 0.6, 0.5])
    y = (score + chance.normal(0, 0.2, len(X)) > np.median(score)).astype(np.int8)
    task = Task(CLASSES, (0, 1), tuple(f"f{place}" for place in range(X.shape[1])))
    parameters = LightGBMParameters(rounds=60, learning_rate=0.15, num_leaves=7, min_child_samples=10, num_threads=1)
    model = LightGBM(task, parameters)
    model.fit(X[::2].copy(), y[::2].copy(), seed=seed)
    held = model.raw(X[1::2].copy())
    return model, Platt.fit(held.reshape(-1, 1), (y[1::2] == 1).reshape(-1, 1)), task


def make_artifact(folder: Path, name: str, feature_set: str, X: Rows, *, created_ns: int, seed: int = 1) -> str:
    """Train on rows `X` (n, F) of a feature set, write the artifact to `folder`, and give its id."""
    features = SETS[feature_set]
    model, platt, _ = train(X, seed)
    graph = to_onnx(model, platt, X.shape[1])
    golden = np.ascontiguousarray(X[:: max(1, len(X) // 8)])
    probabilities = open_session(graph).run(["probabilities"], {"features": golden})[0]
    changes: dict[str, Any] = {
        "id": f"{name}-{created_ns}",
        "name": name,
        "market": "pumpfun",
        "created_ns": created_ns,
        "classes": CLASSES,
        "sides": (0, 1),
        "features": [{"name": f.name, "family": f.family, "unit": f.unit} for f in features.features],
        "feature_graph": {"kind": "events", **features.to_dict()},
        "context_graph": None,
        "feature_set_hash": features.hash,
        "warm_up_rows": 0,
        "estimator": "lightgbm",
        "calibration": platt.to_dict(),
        "golden": Golden.of(golden, probabilities),
    }
    return write_artifact(folder, _tiny().contract(_tiny().graph(), **changes), graph, stem=name)
