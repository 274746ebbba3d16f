"""From a message's bytes to a decision: decoding, four models of 500 trees, six checks, beside the four models alone.

``python benchmarks/live_decide.py [--quick]``. The floor is what onnxruntime takes for the same four graphs on the same
rows, called one after the other. Rows change from call to call, and every signal is another one. The engine has an open
account whose strategies ask all four models. Wall time and the processor's time of the thread are both kept: on a
machine that others use, the second says what the first cannot.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alphaloop.artifact import Contract, write_artifact
from alphaloop.artifact.golden import Golden
from alphaloop.artifact.session import open_session
from alphaloop.markets.pumpfun.live.intake import Intake
from alphaloop.markets.pumpfun.live.models import InlineModels
from alphaloop.markets.pumpfun.live.settings import IntakeSettings
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.messages import SignalMessage, decode, encode, numbers
from alphaloop.models.boosted_trees import LightGBM, LightGBMParameters
from alphaloop.models.estimator import Task
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import Decision
from alphaloop.trading.portfolio.settings import PortfolioSettings
from alphaloop.training.calibrate import fit_calibration
from alphaloop.training.export import to_onnx
from measure import interleaved, latencies, quick, ratio, spread, target, write_result

TREES, LEAVES = (20, 15) if quick() else (500, 63)
TRAINING_ROWS = 4_000 if quick() else 40_000
CALLS = 300 if quick() else 3_000
ROUNDS = 3 if quick() else 9
WARM = 50
NAMES = ("reach_2x_1h", "reach_3x_30m", "reach_2x_10m", "is_dead_soon")
NOW = 1_790_812_800 * 10**9
CHANNEL = "trade:signals"


def rows_of(random: np.random.Generator, count: int) -> np.ndarray:
    X = random.lognormal(0, 1.5, (count, len(SIGNAL))).astype(np.float32)
    X[random.random(X.shape) < 0.05] = np.nan
    return X


def seal(folder: Path, name: str, seed: int, trees: int = TREES, leaves: int = LEAVES) -> bytes:
    """Train a calibrated model, seal it as an artifact, and give its graph."""
    random = np.random.default_rng(seed)
    X = rows_of(random, TRAINING_ROWS)
    known = np.nan_to_num(np.log(X))
    y = (known[:, seed] * known[:, 40] + known[:, 7] + random.normal(size=len(X)) > 0).astype(np.int8)
    task = Task(("MISS", "HIT"), (0, 1), SIGNAL.names)
    model = LightGBM(task, LightGBMParameters(rounds=trees, num_leaves=leaves, early_stopping_rounds=0))
    model.fit(X, y)
    graph = to_onnx(model, fit_calibration("platt", model.raw(X), y, task.classes), len(SIGNAL))
    golden = X[:64].copy()
    contract = Contract(
        id=name,
        name=name,
        market="pumpfun",
        created_ns=1,
        task="binary",
        classes=task.classes,
        sides=(0, 1),
        features=[{"name": f.name, "family": f.family, "unit": f.unit} for f in SIGNAL.features],
        feature_graph={"kind": "events", **SIGNAL.to_dict()},
        feature_set_hash=SIGNAL.hash,
        label={"name": name, "hash": "0" * 64, "horizon_s": 60},
        dataset={"fingerprint": "0" * 64},
        recipe={"name": name, "hash": "0" * 64},
        warm_up_rows=0,
        estimator="lightgbm",
        golden=Golden.of(golden, open_session(graph).run(["probabilities"], {"features": golden})[0]),
    )
    write_artifact(folder / name, contract, graph, stem=name)
    return graph


def portfolio() -> PortfolioSettings:
    """The standard strategies on signals, each with the veto of the fourth model."""
    standard = standard_portfolio().model_dump(mode="json")
    wanted = {"dead_model": NAMES[3], "dead_threshold": 0.3}
    kept = {name: each | wanted for name, each in standard["strategies"].items() if each["source"] == "signal"}
    return PortfolioSettings.parse(standard | {"strategies": kept}, "benchmark")


def messages(rows: np.ndarray) -> list[bytes]:
    """Signals as the collector would publish them."""
    kinds = dict.fromkeys(("complete", "mayhem", "cashback", "holder_reward"), False)
    amounts = {"virtual_sol": 31 * 10**9, "virtual_token": 10**15, "real_sol": 10**9, "real_token": 7 * 10**14}
    coin = CoinState(creator="C" * 44, token_program="T" * 44, supply=10**15, **amounts, **kinds)
    return [
        encode(
            SignalMessage(
                signal_id=f"{number:032x}",
                token_mint=f"{number:044d}",
                known_ns=NOW,
                event_ns=NOW,
                price=3.1e-8,
                creator="C" * 44,
                symbol="PEPE",
                feature_set=SIGNAL.name,
                feature_set_hash=SIGNAL.hash,
                features=numbers(row),
                wallet="W" * 44,
                signature="S" * 88,
                log_index=1,
                sol_amount=10**9,
                token_amount=10**12,
                coin=coin,
            )
        )
        for number, row in enumerate(rows)
    ]


def ways(folder: Path, graphs: list[bytes], rows: np.ndarray) -> dict[str, Callable[[int], Any]]:
    """What is measured, each as a call with the number of a row; the models' folder must still be there."""
    bodies, settings = messages(rows), portfolio()
    models = InlineModels(folder, settings)
    models.reload()
    assert set(models.report()["models"]) == set(NAMES), models.report()
    bare = [open_session(graph) for graph in graphs]
    names, taking, engine = ["probabilities"], Intake(IntakeSettings(), models), PortfolioEngine(settings)

    def floor(number: int) -> list[float]:
        row = {"features": rows[number : number + 1]}
        return [session.run(names, row)[0][0, 1] for session in bare]

    def decide(number: int) -> Any:
        nonlocal taking, engine
        if number == 0:
            # Another pass over the same signals: nobody may remember the last one.
            taking, engine = Intake(IntakeSettings(), models), PortfolioEngine(settings)
            engine.state.account.balance = 20 * 10**9
        told = taking.take(CHANNEL, bodies[number], NOW)
        assert told is not None, taking.counts
        (decision, *_) = engine.apply(told)
        assert isinstance(decision, Decision)
        return decision

    return {
        "four models, bare": floor,
        "four models, bound": lambda number: models.score("signal", rows[number]),
        "decoding": lambda number: decode(bodies[number]),
        "message to decision": decide,
    }


def main() -> None:
    rows = rows_of(np.random.default_rng(99), CALLS + WARM)
    with tempfile.TemporaryDirectory() as folder:
        graphs = [seal(Path(folder), name, seed) for seed, name in enumerate(NAMES)]
        calls = ways(Path(folder), graphs, rows)
    for number in range(20):
        together = [float(value) for value in calls["four models, bare"](number)]
        assert sorted(calls["four models, bound"](number).scores.values()) == sorted(together), "other numbers"

    def all_rows(call: Callable[[int], Any]) -> Callable[[], None]:
        return lambda: [call(number) for number in range(CALLS)] and None

    taken = interleaved({name: all_rows(call) for name, call in calls.items()}, ROUNDS)
    single = {name: latencies(call, CALLS, WARM) for name, call in calls.items()}
    floor, whole = "four models, bare", "message to decision"
    bound = ratio(taken, "four models, bound", floor)
    for name, numbers_ in single.items():
        print(f"{name:22s} p50 {numbers_['p50_us']:8.1f} us  p99 {numbers_['p99_us']:8.1f} us")
    write_result(
        "live_decide",
        {
            "trees": TREES,
            "leaves": LEAVES,
            "calls": CALLS,
            "us_a_message": {name: spread([1e6 * s / CALLS for s in each], 2) for name, each in taken.items()},
            "single": single,
            "decision_over_floor": ratio(taken, whole, floor),
            "bound_over_bare": bound,
            "targets": [
                target("decoding, four models and six checks, p99 ms", single[whole]["p99_us"] / 1e3, below=1.0),
                target("message to decision over four bare models", ratio(taken, whole, floor)["median"], below=2.0),
                target("bound rows over bare runs", bound["median"], below=1.0),
            ],
        },
        ("alphaloop", "lightgbm", "msgspec", "numpy", "onnxruntime"),
    )


if __name__ == "__main__":
    main()
