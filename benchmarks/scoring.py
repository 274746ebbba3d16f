"""One row through the artifact beside a bare onnxruntime call of its graph, and a queue of rows beside single rows.

``python benchmarks/scoring.py [--quick]``. The graph is what training exports: calibrated LightGBM on 59 features. Rows
change from call to call; a row that stays the same would measure the branch predictor.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from alphaloop.artifact import Contract, Scorer, ScoringQueue, write_artifact
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.session import open_session
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.training.calibrate import fit_calibration
from alphaloop.training.export import to_onnx
from measure import interleaved, latencies, quick, ratio, spread, target, write_result

FEATURES = 59
TRAINING_ROWS = 5_000 if quick() else 40_000
TREES = 30 if quick() else 300
CALLS = 500 if quick() else 5_000
ROUNDS = 3 if quick() else 15
QUEUED = 100


def graph(random: np.random.Generator) -> bytes:
    """A calibrated LightGBM of `TREES` trees with 63 leaves, as training would export it."""
    X = random.normal(size=(TRAINING_ROWS, FEATURES)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + X[:, 2] + random.normal(size=len(X)) > 0).astype(np.int8)
    task = Task(("DOWN", "UP"), (-1, 1), tuple(f"f{i}" for i in range(FEATURES)))
    model = LightGBM(task, LightGBMParameters(rounds=TREES, num_leaves=63, early_stopping_rounds=0))
    model.fit(X, y)
    return to_onnx(model, fit_calibration("platt", model.raw(X), y, task.classes), FEATURES)


def artifact(folder: Path, onnx_bytes: bytes, rows: np.ndarray) -> Scorer:
    """The graph sealed with a contract, and opened as a trader opens it."""
    probabilities = open_session(onnx_bytes).run(["probabilities"], {"features": rows})[0]
    contract = Contract(
        id="benchmark",
        name="benchmark",
        market="bars",
        created_ns=0,
        task="binary",
        classes=("DOWN", "UP"),
        sides=(-1, 1),
        features=[{"name": f"f{i}"} for i in range(FEATURES)],
        feature_graph={},
        feature_set_hash="0" * 64,
        label={"name": "horizon", "hash": "0" * 64, "horizon_s": 60},
        dataset={"fingerprint": "0" * 64},
        recipe={"name": "benchmark", "hash": "0" * 64},
        warm_up_rows=0,
        estimator="lightgbm",
        golden=Golden.of(rows, probabilities),
    )
    write_artifact(folder, contract, onnx_bytes)
    return Scorer.load(folder)


def main() -> None:
    random = np.random.default_rng(0)
    onnx_bytes = graph(random)
    rows = random.normal(size=(CALLS, FEATURES)).astype(np.float32)
    rows[random.random(rows.shape) < 0.01] = np.nan
    bare = open_session(onnx_bytes)
    with tempfile.TemporaryDirectory() as folder:
        scorer = artifact(Path(folder) / "artifact", onnx_bytes, rows[:64])
    names = ["probabilities"]

    def through_the_artifact() -> None:
        for i in range(CALLS):
            scorer.score(rows[i : i + 1])

    def bare_runtime() -> None:
        for i in range(CALLS):
            bare.run(names, {"features": rows[i : i + 1]})

    def queued() -> None:
        queue = ScoringQueue(scorer, QUEUED)
        for i in range(CALLS):
            queue.add(i, rows[i])
            if len(queue) == QUEUED:
                queue.flush()

    taken = interleaved({"artifact": through_the_artifact, "bare": bare_runtime, "queue": queued}, ROUNDS)
    overhead, saved = ratio(taken, "artifact", "bare"), ratio(taken, "artifact", "queue")
    one = latencies(lambda i: scorer.score(rows[i % CALLS : i % CALLS + 1]), CALLS, 100)
    write_result(
        "scoring",
        {
            "trees": TREES,
            "graph_bytes": len(onnx_bytes),
            "calls": CALLS,
            "us_a_row": {name: spread([1e6 * s / CALLS for s in seconds], 2) for name, seconds in taken.items()},
            "one_row": one,
            "artifact_over_bare": overhead,
            "single_rows_over_queue_of_100": saved,
            "targets": [
                target("one row through the artifact over a bare run", overhead["median"], below=1.3),
                target("single rows over a queue of 100 rows", saved["median"], at_least=1.0),
            ],
        },
        ("alphaloop", "numpy", "onnxruntime", "lightgbm"),
    )


if __name__ == "__main__":
    main()
