"""Once round the loop on a simulated chain: three days of launches to signals, outcomes, models and reports."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alphaloop.core.errors import InputError
from alphaloop.core.progress import Progress
from alphaloop.markets.catalog import recipe
from alphaloop.markets.pumpfun.learning.recipe import PumpRecipe
from alphaloop.markets.pumpfun.pipeline import run_training
from alphaloop.markets.pumpfun.services.replay import replay_into
from alphaloop.markets.pumpfun.services.settings import CollectSettings
from alphaloop.markets.pumpfun.simulator.chain import simulate
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.training.recipe import load_recipe

SIZE = 1_500
"""Launches a day, a twentieth of the real chain's, where nothing else is asked for."""
FEWEST = 500
TRIALS = 6
DAYS: Final = 3.0
MODELS: Final = ("reach_2x_1h", "genesis_2x_1h")
TERMS: Final = ("dataset.synthetic=true", "split.fractions=[0.55, 0.15, 0.10, 0.20]")
"""Three days are few: a larger share of them for the test, so that its scores have intervals."""


def run_demo(
    out: Path, *, size: int, trials: int, seed: int, note: Callable[[str], None], progress: Progress
) -> dict[str, Any]:
    """Simulate a chain, collect from it, and train a model on signals and one on launches."""
    recording, database = out / "recording", out / "pumpfun.db"
    _clear(out, recording, database)
    note(f"simulating {DAYS:g} days of {size:,} launches, seed {seed}, in the chain's own bytes")
    simulation = SimulationSettings(days=DAYS, launches_per_day=size, seed=seed)
    simulated = simulate(simulation, recording, progress)
    note("collecting: books, signals, launches, exit warnings, outcomes")
    url = f"sqlite:///{database}"
    collected = replay_into(recording, url, CollectSettings(), out / "collected.html", progress)
    trained = {}
    for name in MODELS:
        note(f"training {name}: audit, tune, fit, calibrate, export behind the parity gate, report")
        settings = load_recipe(recipe(f"pumpfun/{name}"), [f"tuning.trials={trials}", *TERMS], lambda _: PumpRecipe)
        run = run_training(settings, url, out=out / name, registry=out / "models", progress=progress)
        trained[name] = run.summary()
    return {
        "synthetic": True,
        "recording": str(recording),
        "database": url,
        "simulation": {
            "days": DAYS,
            "records": simulated.records,
            "launches": simulated.launches,
            "graduations": simulated.graduations,
        },
        "collected": {key: collected[key] for key in ("events", "signals", "tables", "seconds")},
        "training": trained,
        "report": trained[MODELS[0]]["report"],
    }


def _clear(out: Path, recording: Path, database: Path) -> None:
    """Remove what an earlier demo left, and nothing that is not one's."""
    if out.exists() and any(out.iterdir()) and not recording.is_dir():
        raise InputError(f"--out {out} holds other things than a demo of this market; give a new folder")
    for folder in (recording, *(out / name for name in MODELS), out / "models"):
        shutil.rmtree(folder, ignore_errors=True)
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def tell(result: Mapping[str, Any]) -> Iterator[str]:
    """Say in lines for people what `run_demo` returned."""
    simulated, collected = result["simulation"], result["collected"]
    yield "The chain is SIMULATED and its skill is planted: this shows that the loop works, not that trading pays."
    yield ""
    launched = f"{simulated['launches']:,} launches, {simulated['graduations']} graduated"
    yield f"simulated  {simulated['records']:,} events, {launched}"
    rows = collected["tables"]
    yield (
        f"collected  {collected['signals']:,} signals, {rows.get('genesis_observations', 0):,} launch windows, "
        f"{rows.get('anti_signals', 0):,} exit warnings, {rows.get('signal_outcomes', 0):,} outcomes"
    )
    for name, training in result["training"].items():
        test = training["test"]
        (low, high), parity = test["pr_auc"]["interval"], training["parity"]
        span = "interval not measured" if low is None else f"[{low:.3f}, {high:.3f}]"
        yield ""
        yield name
        yield (
            f"  pr_auc   {test['pr_auc']['value']:.3f}  {span}, "
            f"base rate {test['base_rate']['value']:.3f}, {training['rows']['test']:,} test rows"
        )
        yield f"  audit    {'clean' if training['audit']['clean'] else 'FINDINGS'}"
        yield f"  parity   {parity['rows']:,} rows, {parity['flipped']} flipped decisions"
        yield f"  {training['verdict']}"
        yield f"  report   {training['report']}"
