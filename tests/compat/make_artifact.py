"""A tiny artifact, small enough to commit and to read: ``python tests/compat/make_artifact.py FOLDER``.

The artifact of each format version is made once, with the release that introduced the version, and must load in every
later one; never make a committed one again. The unit tests use the same maker for throw-away artifacts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from alphaloop.artifact.contract import Contract
from alphaloop.artifact.folder import write_artifact
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.session import open_session
from alphaloop.features import Feature, FeatureSet, atr, close, ema, rsi

WEIGHTS = np.array([0.5, -1.25, 2.0], np.float32)
BIAS = np.float32(0.125)
GOLDEN_ROWS = np.array(
    [[0, 0, 0], [1, 2, 3], [-1, 0.5, -0.25], [np.nan, 1, 1], [np.inf, 0, 0], [-np.inf, 0, 0], [1e30, 1, -1]], np.float32
)
FEATURE_SET = FeatureSet(
    "tiny",
    [
        Feature("rsi_14", rsi(close, 14), "momentum"),
        Feature("trend", close / ema(close, 20) - 1.0, "trend"),
        Feature("atr_ratio", atr(14) / close, "volatility"),
    ],
)
CONTEXT = FeatureSet("tiny_context", [Feature("atr", atr(14), "volatility", "price")])


def graph(weights: np.ndarray = WEIGHTS, bias: float = BIAS, output: str = "probabilities") -> bytes:
    """Missing as zero, weighted sum, sigmoid: every step row by row, so that a batch changes nothing."""
    constants = {"weights": np.asarray(weights, np.float32), "bias": np.array([bias], np.float32)}
    constants |= {"zero": np.zeros(1, np.float32), "one": np.ones(1, np.float32), "axis": np.array([1], np.int64)}
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["known"]),
        helper.make_node("Mul", ["known", "weights"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "axis"], ["sum"], keepdims=1),
        helper.make_node("Add", ["sum", "bias"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["up"]),
        helper.make_node("Sub", ["one", "up"], ["down"]),
        helper.make_node("Concat", ["down", "up"], [output], axis=1),
    ]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", len(weights)])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString(deterministic=True)


def contract(onnx_bytes: bytes, **changes: Any) -> Contract:
    """A contract with every proof that a promotion asks for, golden vectors scored with `onnx_bytes`."""
    probabilities = open_session(onnx_bytes).run(["probabilities"], {"features": GOLDEN_ROWS})[0]
    values = {
        "id": "tiny-1",
        "name": "tiny",
        "market": "bars",
        "created_ns": 1_700_000_000_000_000_000,
        "task": "binary",
        "classes": ("DOWN", "UP"),
        "sides": (-1, 1),
        "features": [{"name": f.name, "family": f.family, "unit": f.unit} for f in FEATURE_SET.features],
        "feature_graph": FEATURE_SET.to_dict(),
        "context_graph": CONTEXT.to_dict(),
        "feature_set_hash": FEATURE_SET.hash,
        "label": {"name": "horizon", "hash": "a" * 64, "horizon_s": 900.0, "settings": {"min_return": 0.0}},
        "dataset": {
            "fingerprint": "d" * 64,
            "files": [{"name": "bars.parquet", "sha256": "e" * 64}],
            "rows": {"train": 600, "validation": 150, "calibration": 100, "test": 150},
            "symbols": ("SYN-A",),
            "step_s": 60.0,
        },
        "recipe": {"name": "direction", "hash": "b" * 64, "settings": {"seed": 7}},
        "training_window": {"train": {"first_ns": 0, "last_ns": 1}},
        "warm_up_rows": 20,
        "estimator": "logistic",
        "calibration": {"method": "platt", "platt_a": 1.0, "platt_b": 0.0},
        "threshold": {"value": 0.55, "net_value": 0.01, "trades": 12, "tradable": True},
        "scores": {"test": {"pr_auc": {"value": 0.6, "interval": [0.5, 0.7]}}},
        "parity": {"rows": 10_000, "max_abs_diff": 0.0, "flipped": 0},
        "audit": {"clean": True, "findings": []},
        "library_versions": {"onnx": "1.17"},
        "golden": Golden.of(GOLDEN_ROWS, probabilities),
    }
    return Contract.model_validate(values | changes)


def make(folder: Path, onnx_bytes: bytes | None = None, **changes: Any) -> str:
    """Write an artifact to `folder` and return its id."""
    onnx_bytes = onnx_bytes or graph()
    return write_artifact(folder, contract(onnx_bytes, **changes), onnx_bytes)


if __name__ == "__main__":
    sys.stdout.write(make(Path(sys.argv[1])) + "\n")
