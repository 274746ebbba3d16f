"""Stored signals with a planted truth: what decides the outcome is known, and it is a feature."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.stores.records import open_records

BEGIN_NS = 1_760_000_000 * NS_PER_S
HORIZONS_S = (600, 1_800, 3_600, 14_400, 86_400)


def identity(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def outcomes_of(signal_id, kind, known_ns, peak, final, *, died_s=None, observed=True, entered=True, reason=""):
    """Outcomes at every horizon of a token that peaks at once and ends at `final`, in multiples of the cost."""
    found = []
    for horizon_s in HORIZONS_S:
        died = died_s is not None and died_s <= horizon_s
        found.append(
            Outcome(
                signal_id=signal_id,
                kind=kind,
                horizon_s=horizon_s,
                price=3e-8,
                entry_price=3.1e-8 if entered else None,
                entry_known_ns=known_ns + NS_PER_S if entered else None,
                raw_multiple=peak * 1.05 if observed else None,
                tradable_multiple=peak if observed and entered else None,
                least_raw=peak * 1.05,
                least_tradable=peak if entered else None,
                final_price=3e-8 * final if observed else None,
                final_multiple=final if observed and entered else None,
                peak_ns=known_ns + 60 * NS_PER_S if observed else None,
                died_ns=known_ns + died_s * NS_PER_S if died else None,
                graduated=False,
                resolved_ns=known_ns + horizon_s * NS_PER_S,
                observed=observed,
                reason=reason if not observed or not entered else "",
            )
        )
    return found


def make_rows(n=3_000, *, kind="signal", seed=5, strength=2.5, tokens=1_200, creators=400, days=3.0, peak=2.6):
    """Rows of the signal table and of the outcome table; feature 0 and 3 decide, with noise, what peaks, at `peak`."""
    features = SIGNAL if kind == "signal" else GENESIS
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(features))).astype(np.float32)
    logit = strength * (X[:, 0] + 0.6 * X[:, 3]) - 2.4
    hit = rng.random(n) < 1.0 / (1.0 + np.exp(-logit))
    X[rng.random(X.shape) < 0.05] = np.nan
    known = BEGIN_NS + np.sort(rng.choice(int(days * 86_400), n, replace=False)).astype(np.int64) * NS_PER_S
    signals, outcomes = [], []
    for place in range(n):
        # A token lives for a while: its signals are neighbours in time.
        token = place * tokens // n
        maker = token % creators if token % 3 else creators + token
        mint, creator = f"SYN{token:05d}", f"creator{maker}"
        signal_id = identity(kind, place)
        now = int(known[place])
        row = {
            "signal_id": signal_id,
            "mint": mint,
            "creator": creator,
            "known_ns": now,
            "feature_set_hash": features.hash,
            "features": X[place].astype("<f4").tobytes(),
        }
        if kind == "signal":
            row |= {
                "kind": "signal",
                "wallet": f"w{place % 50}",
                "event_ns": now,
                "feature_set": features.name,
                "rule_score": 1.0,
                "price": 3e-8,
                "buy_signature": f"s{place}",
                "log_index": 0,
                "wallet_score_at_entry": 50.0,
                "message": {},
            }
        else:
            row |= {"created_ns": now - 60 * NS_PER_S, "emitted": False, "reason": "complete"}
        signals.append(row)
        dead = not hit[place] and place % 3 == 0
        highest, final = (peak, 1.4) if hit[place] else (1.02, 0.3 if dead else 0.8)
        outcomes += outcomes_of(signal_id, kind, now, highest, final)
    return SimpleNamespace(signals=signals, outcomes=outcomes, X=X, hit=hit, known=known, features=features)


def store_rows(url, made, kind="signal"):
    """Write made rows into a database."""
    with open_records(url) as records:
        records.migrate(SCHEMA)
        records.add("signals" if kind == "signal" else "genesis_observations", made.signals)
        records.add("signal_outcomes", [outcome.to_row() for outcome in made.outcomes])


@pytest.fixture(scope="session")
def made():
    """Three thousand signals of three days."""
    return make_rows()


@pytest.fixture(scope="session")
def database(made, tmp_path_factory) -> str:
    """URL of a database with the signals."""
    url = f"sqlite:///{tmp_path_factory.mktemp('stored') / 'signals.db'}"
    store_rows(url, made)
    return url


@pytest.fixture(scope="session")
def maker() -> SimpleNamespace:
    """Functions that make stored rows."""
    return SimpleNamespace(rows=make_rows, store=store_rows, outcomes=outcomes_of, identity=identity, begin_ns=BEGIN_NS)


@pytest.fixture(scope="session")
def calibration_case():
    """The module ``tests/calibration_case.py``: what a stated probability is held to."""
    path = next(folder for folder in Path(__file__).parents if folder.name == "tests") / "calibration_case.py"
    spec = importlib.util.spec_from_file_location("calibration_case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def trained(database, tmp_path_factory):
    """A training run of ``reach_2x_1h`` without a study, and its registry."""
    from alphaloop.markets.catalog import find_recipe, recipe_kind, trainer
    from alphaloop.training.recipe import load_recipe

    folder: Path = tmp_path_factory.mktemp("run")
    small = ["tuning.trials=0", "evaluation.resamples=50", "estimator.parameters.rounds=120", "dataset.synthetic=true"]
    recipe = load_recipe(find_recipe("reach_2x_1h"), small, recipe_kind)
    run = trainer("pumpfun")(
        recipe, database, out=folder / "out", registry=folder / "models", audit_s=5.0, progress=lambda *_: None
    )
    return SimpleNamespace(run=run, recipe=recipe, folder=folder, registry=folder / "models")
