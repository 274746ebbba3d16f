"""The whole road on the simulated market: what was planted is found, and nothing where nothing was planted."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from alphaloop.markets.catalog import find_recipe, recipe_kind
from alphaloop.markets.pumpfun.emissions import Row
from alphaloop.markets.pumpfun.events import Event
from alphaloop.markets.pumpfun.market import PumpMarket
from alphaloop.markets.pumpfun.pipeline import run_training
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.simulator.chain import events
from alphaloop.markets.pumpfun.simulator.population import people
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.decode import decode
from alphaloop.training.recipe import load_recipe

pytestmark = pytest.mark.slow

TABLES = ("signals", "genesis_observations", "signal_outcomes")
EIGHT = (
    "reach_2x_10m",
    "reach_3x_30m",
    "reach_2x_1h",
    "is_dead_soon",
    "genesis_2x_10m",
    "genesis_3x_30m",
    "genesis_2x_1h",
    "genesis_is_dead_soon",
)
LEAST_AT_SEVEN = {"reach": 100, "genesis": 20}
"""Test signals that must be given 0.7 or more."""
PLAIN = ["tuning.trials=0", "dataset.synthetic=true", "evaluation.resamples=300"]


def collect(folder: Path, settings: SimulationSettings, *, by_hand: bool = False) -> Path:
    """Feed a simulated chain to the market and write what it would have stored.

    With `by_hand`, the wallets that have the planted skill are tracked from the start. Without any skill hardly a
    wallet is discovered, and a model of a few dozen signals is at chance for want of rows: the same wallets must buy.
    """
    tracked = people(settings.seed, settings.launches_per_day).skilled if by_hand else ()
    market = PumpMarket(PumpSettings(tracked_wallets=tuple(wallet.address for wallet in tracked)))
    rows: dict[str, list[dict[str, object]]] = {table: [] for table in TABLES}
    for record in events(settings):
        event = decode(record)
        if isinstance(event, Event):
            for emission in market.apply(event):
                if isinstance(emission, Row) and emission.table in rows:
                    rows[emission.table].append({k: v for k, v in emission.values.items() if k != "message"})
    market.shelf.peaks.end(market.known_ns)
    rows["signal_outcomes"] += [outcome.to_row() for outcome in market.shelf.peaks.drain()]
    folder.mkdir(parents=True)
    for table, found in rows.items():
        pl.DataFrame(found, infer_schema_length=None).write_parquet(folder / f"{table}.parquet")
    return folder


def train(name: str, data: Path, *terms: str):
    recipe = load_recipe(find_recipe(name), [*PLAIN, *terms], recipe_kind)
    return run_training(recipe, data, out=data / "runs" / name, registry=data / "models")


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Eight days of a small market with everything planted."""
    return collect(tmp_path_factory.mktemp("planted") / "tables", SimulationSettings.small(days=8.0))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Four days of 4,000 launches: 107 creators that build, where the small market has 40."""
    settings = SimulationSettings(days=4.0, launches_per_day=4_000)
    return collect(tmp_path_factory.mktemp("large") / "tables", settings)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """Six days of the same market with every planted link cut."""
    settings = SimulationSettings.small(days=6.0, skill=0.0)
    return collect(tmp_path_factory.mktemp("empty") / "tables", settings, by_hand=True)


@pytest.mark.parametrize("name", ["reach_2x_1h", "reach_3x_30m", "reach_2x_10m", "genesis_2x_1h"])
def test_what_was_planted_is_found(planted, name):
    run = train(name, planted)
    test = run.trained.scores["test"]
    assert test["pr_auc"]["value"] >= 3.0 * test["base_rate"]["value"]
    assert test["pr_auc"]["interval"][0] > test["base_rate"]["value"]
    assert run.contract.audit["clean"], run.contract.audit["findings"]


@pytest.mark.parametrize("name", EIGHT)
def test_a_stated_probability_is_the_share_that_comes(large, name, calibration_case):
    """On signals that came after everything learned from, at each level that the model states, creators drawn whole.

    What no model of this market can show is a narrow interval high up: the 129 to 260 signals that a reach model gives
    0.7 or more are of seven or eight creators. `is_dead_soon` gives that to 20 signals, and is hardly better than its
    base rate at all: its promises hold because they stay near it. With probabilities that are too sure or not sure
    enough the same terms fail.
    """
    run = train(name, large)
    assert calibration_case.holds(run.above), run.above
    test = run.trained.scores["test"]
    if "dead" not in name:
        assert test["pr_auc"]["value"] >= 3.0 * test["base_rate"]["value"]
        assert any(each.level == 0.7 and each.count >= LEAST_AT_SEVEN[name.partition("_")[0]] for each in run.above)
    p = run.trained.probabilities["test"][:, 1]
    bent = [calibration_case.levels_of(name, large, calibration_case.bent(p, slope)) for slope in (0.33, 3.0)]
    assert not all(calibration_case.holds(above) for above in bent)


@pytest.mark.parametrize("name", ["reach_2x_1h", "reach_2x_10m", "reach_3x_30m"])
def test_without_skill_nothing_is_found(empty, name):
    """PR-AUC is the base rate, within its interval and within a third of it.

    ROC-AUC may lie a little above a half: how deep a curve is, and how fast, tells of costs and deadlines. Launch
    models are not asked: that holders have left already shows in the first minute without any skill.
    """
    test = train(name, empty, "split.fractions=[0.45, 0.1, 0.1, 0.35]").trained.scores["test"]
    base = test["base_rate"]["value"]
    low, high = test["pr_auc"]["interval"]
    assert low < base < high
    assert test["pr_auc"]["value"] < 4 / 3 * base
    assert test["roc_auc"]["value"] < 0.6
