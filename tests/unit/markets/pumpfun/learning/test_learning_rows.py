"""From stored tables to rows and parts: exactly what was stored, and no token in two parts."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError, RecipeError
from alphaloop.dataset.intervals import meets
from alphaloop.markets.catalog import find_recipe, recipe_kind, recipes
from alphaloop.markets.pumpfun.learning.dataset import read_rows
from alphaloop.markets.pumpfun.learning.economics import STAKE, trade_test_signals
from alphaloop.markets.pumpfun.learning.inspection import shared_tokens
from alphaloop.markets.pumpfun.learning.recipe import PumpRecipe
from alphaloop.markets.pumpfun.learning.split import split_signals, unseen_creators
from alphaloop.markets.pumpfun.learning.stored import open_stored, shown
from alphaloop.markets.pumpfun.outcomes.targets import TARGETS, Reach
from alphaloop.training.recipe import load_recipe

RECIPE = PumpRecipe(name="it")
REACH = {"kind": "reach", "multiple": 2, "horizon_s": 600}


def read(url, recipe=RECIPE):
    with open_stored(url) as stored:
        return read_rows(stored, recipe)


@pytest.fixture(scope="module")
def rows(database):
    return read(database)


def test_features_are_the_stored_ones_to_the_bit(rows, made):
    place = {row["signal_id"]: number for number, row in enumerate(made.signals)}
    order = [place[signal_id] for signal_id in rows.signal_ids]
    assert rows.dataset.X.dtype == np.float32
    np.testing.assert_array_equal(rows.dataset.X.view(np.uint32), made.X[order].view(np.uint32))
    np.testing.assert_array_equal(rows.dataset.y, made.hit[order].astype(np.int8))
    np.testing.assert_array_equal(rows.dataset.decided_ns, made.known[order])
    assert (rows.dataset.resolved_ns == rows.dataset.decided_ns + 3_600 * NS_PER_S).all()
    mints = [rows.dataset.symbols[code] for code in rows.dataset.symbol]
    assert mints == [made.signals[number]["mint"] for number in order]
    assert list(rows.creators) == [made.signals[number]["creator"] for number in order]


def test_returns_are_the_target_or_the_end(rows, made):
    hit = rows.dataset.y == 1
    assert (rows.dataset.net_long[hit] == 1.0).all()
    assert set(rows.dataset.net_long[~hit].round(6)) == {-0.7, -0.2}


@pytest.mark.parametrize("style", ["single", "parts"])
def test_a_folder_of_parquet_gives_the_same_rows(rows, made, tmp_path, style):
    tables = {
        "signals": pl.DataFrame([{k: v for k, v in row.items() if k != "message"} for row in made.signals]),
        "signal_outcomes": pl.DataFrame([o.to_row() for o in made.outcomes], infer_schema_length=None),
    }
    for name, table in tables.items():
        if style == "single":
            table.write_parquet(tmp_path / f"{name}.parquet")
            continue
        (tmp_path / name).mkdir()
        table[1::2].write_parquet(tmp_path / name / "a.parquet")
        table[::2].write_parquet(tmp_path / name / "b.parquet")
    again = read(str(tmp_path))
    assert again.dataset.fingerprint == rows.dataset.fingerprint
    assert again.signal_ids == rows.signal_ids


def test_what_is_no_row_is_counted(maker, tmp_path):
    made = maker.rows(120)
    ids = [row["signal_id"] for row in made.signals]
    made.signals[0]["feature_set_hash"] = "0" * 64
    lost = {ids[1]: "the recording ends at 2026", ids[2]: "not everything was seen from a to b: lost"}
    outcomes = [outcome for outcome in made.outcomes if outcome.signal_id not in {*lost, ids[3]}]
    for signal_id, reason in lost.items():
        cut = maker.outcomes(signal_id, "signal", maker.begin_ns, 3.0, 1.0, observed=False, reason=reason)
        outcomes += [replace_least(outcome) for outcome in cut]
    url = f"sqlite:///{tmp_path / 'x.db'}"
    maker.store(url, SimpleNamespace(signals=made.signals, outcomes=outcomes))
    found = read(url)
    assert len(found.dataset) == 116
    assert found.left_out == {
        "the recording ends": 1,
        "not everything was seen": 1,
        "made with another feature set": 1,
        "no outcome is stored yet": 1,
    }


def test_launches_that_no_model_is_asked_about_are_counted_and_told(maker, tmp_path):
    made = maker.rows(120, kind="genesis")
    for place in range(30):
        made.signals[place]["reason"] = "aborted" if place else "evicted"
    url = f"sqlite:///{tmp_path / 'x.db'}"
    maker.store(url, made, "genesis")
    launches = PumpRecipe(name="it", features={"set": "pumpfun-genesis"})
    found = read(url, launches)
    assert len(found.dataset) == 90
    assert found.left_out == {"windows that ended aborted": 29, "windows that ended evicted": 1}
    (said,) = found.cautions.values()
    assert said.startswith("30 launch windows are stored and are no rows (29 aborted, 1 evicted)")
    every = {"windows": ["complete", "aborted", "evicted"]}
    assert read(url, PumpRecipe(name="it", features={"set": "pumpfun-genesis"}, dataset=every)).cautions == {}


def test_tokens_that_graduated_out_of_sight_are_counted_and_told(maker, tmp_path):
    """What they reached before counts as a hit; that they did not reach it cannot be known."""
    made = maker.rows(120)
    ids = [row["signal_id"] for row in made.signals]
    multiples = {ids[0]: 3.0, ids[1]: 3.0, ids[2]: 1.1, ids[3]: 1.2, ids[4]: 1.3}
    outcomes = [outcome for outcome in made.outcomes if outcome.signal_id not in multiples]
    for signal_id, reached in multiples.items():
        unseen = {"observed": False, "reason": "graduated at 2026: its pool was not recorded"}
        outcomes += maker.outcomes(signal_id, "signal", maker.begin_ns, reached, 1.0, **unseen)
    url = f"sqlite:///{tmp_path / 'x.db'}"
    maker.store(url, SimpleNamespace(signals=made.signals, outcomes=outcomes))
    found = read(url)
    assert found.left_out == {"graduated": 3}
    assert found.out_of_sight == 2
    (said,) = found.cautions.values()
    assert said.startswith(
        "5 signals are on tokens that graduated and whose pool's prices were not recorded: 2 are rows"
    )
    assert "3 are left out" in said


def replace_least(outcome):
    from msgspec.structs import replace

    return replace(outcome, least_raw=None, least_tradable=None)


def test_periods_and_newest_rows(database, rows):
    decided = rows.dataset.decided_ns
    period = {"first_ns": int(decided[100]), "last_ns": int(decided[199])}
    assert len(read(database, PumpRecipe(name="it", dataset=period)).dataset) == 100
    newest = read(database, PumpRecipe(name="it", dataset={"max_rows": 50}))
    np.testing.assert_array_equal(newest.dataset.decided_ns, decided[-50:])


def test_parts_share_no_token_and_no_interval(rows):
    dataset = rows.dataset
    split = split_signals(dataset, (0.6, 0.15, 0.1, 0.15))
    parts = list(split.parts().values())
    for number, earlier in enumerate(parts):
        for later in parts[number + 1 :]:
            assert not set(dataset.symbol[earlier]) & set(dataset.symbol[later])
            assert dataset.decided_ns[earlier].max() < dataset.decided_ns[later].min()
            assert not meets(dataset.decided_ns, dataset.resolved_ns, earlier, later).any()
    everything = np.concatenate([*parts, split.purged])
    assert sorted(everything.tolist()) == list(range(len(dataset)))
    assert shared_tokens(dataset, split) == ()


def test_the_earlier_part_gives_way(rows):
    """A token with signals on both sides of a border stays in the later part, whole."""
    dataset = rows.dataset
    split = split_signals(dataset, (0.6, 0.15, 0.1, 0.15))
    begins = dataset.decided_ns[split.test].min()
    assert len(split.test) == int((dataset.decided_ns >= begins).sum())
    tested = np.isin(dataset.symbol, dataset.symbol[split.test])
    before = tested & (dataset.decided_ns < begins)
    assert set(np.flatnonzero(before)) <= set(split.purged.tolist())


def test_the_audit_sees_a_shared_token(rows):
    from dataclasses import replace

    dataset = rows.dataset
    split = split_signals(dataset, (0.6, 0.15, 0.1, 0.15))
    moved = dataset.symbol.copy()
    moved[split.train[0]] = moved[split.test[0]]
    found = shared_tokens(replace(dataset, symbol=moved), split)
    assert [finding.kind for finding in found] == ["shared_rows"]
    assert "in train and test" in found[0].evidence


def test_unseen_creators_are_new_and_known(rows):
    split = split_signals(rows.dataset, (0.6, 0.15, 0.1, 0.15))
    places = unseen_creators(rows.creators, split)
    others = np.concatenate([split.train, split.validation, split.calibration])
    learned = {rows.creators[place] for place in others}
    assert 0 < len(places) < len(split.test)
    assert not {rows.creators[place] for place in places} & learned
    blank = ["" for _ in rows.creators]
    assert len(unseen_creators(blank, split)) == 0


def test_trades_of_one_token_wait_for_each_other(rows):
    test = rows.dataset.take(np.arange(400))
    ledger = trade_test_signals(test, np.ones(400), 0.5)
    for code in np.unique(test.symbol[ledger.rows]):
        own = np.sort(ledger.rows[test.symbol[ledger.rows] == code])
        assert (test.decided_ns[own[1:]] >= test.resolved_ns[own[:-1]]).all()
    assert ledger.equity[-1] == pytest.approx(1.0 + STAKE * test.net_long[ledger.rows].sum())
    assert len(trade_test_signals(test, np.zeros(400), 0.5).rows) == 0
    assert trade_test_signals(test, np.zeros(400), 0.5).summary["net_return"] == 0.0


def test_every_target_has_its_two_recipes():
    found = {name.partition("/")[2]: name for name in recipes() if name.startswith("pumpfun/")}
    names = {"genesis_" + name.removeprefix("reach_") for name in TARGETS} | set(TARGETS)
    assert set(found) == names
    for name in names:
        recipe = load_recipe(find_recipe(name), (), recipe_kind)
        assert recipe.name == name
        assert recipe.kind == ("genesis" if name.startswith("genesis_") else "signal")
        key = name if not name.startswith("genesis_") else next(
            target for target in TARGETS if target.removeprefix("reach_") == name.removeprefix("genesis_")
        )  # fmt: skip
        assert recipe.label == TARGETS[key]
        assert recipe.tuning.trials > 0


def test_bad_places_and_keys_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        open_stored(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(DataError, match="neither a database nor a folder"):
        open_stored(str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"no signal_outcomes\.parquet"):
        read(str(tmp_path))
    with pytest.raises(RecipeError, match="unknown key"):
        PumpRecipe.parse({"name": "x", "label": {**REACH, "horizon_bars": 3}}, "x.toml")
    assert shown("postgresql://user:secret@host:5432/signals?x=1") == "postgresql:signals"


def test_nothing_to_learn_from_says_why(maker, tmp_path):
    url = f"sqlite:///{tmp_path / 'x.db'}"
    made = maker.rows(30)
    maker.store(url, made)
    with pytest.raises(DataError, match=r"no outcome is stored yet: 30"):
        read(url, PumpRecipe(name="it", label=Reach(multiple=2.0, horizon_s=7_200)))
    with pytest.raises(DataError, match="no genesis can be learned from"):
        read(url, PumpRecipe(name="it", features={"set": "pumpfun-genesis"}))
    with pytest.raises(DataError, match="one class cannot be learned"):
        read(url, PumpRecipe(name="it", label=Reach(multiple=50.0, horizon_s=600)))
