"""Recipes: read, overridden, and refused with the path of the key."""

from __future__ import annotations

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.training.recipe import Recipe, load_recipe, parse_override, parse_recipe

TEXT = """
name = "direction"
seed = 7

[label]
kind = "barrier"
horizon_bars = 30
take_profit_atr = 2.0
stop_loss_atr = 1.0

[estimator]
kind = "lightgbm"
parameters = { num_leaves = 15 }

[trading.policy]
side = "long"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "direction.toml"
    path.write_text(TEXT)
    return path


def test_reads_tables_and_keeps_defaults(file):
    recipe = load_recipe(file)
    assert (recipe.name, recipe.seed, recipe.label.horizon_bars) == ("direction", 7, 30)
    assert recipe.estimator.parameters == {"num_leaves": 15}
    assert recipe.calibration.method == "platt"
    assert recipe.trading == {"policy": {"side": "long"}}


def test_overrides_go_on_top(file):
    recipe = load_recipe(
        file,
        [
            "seed=9",
            "estimator.parameters.num_leaves=63",
            "calibration.method=isotonic",
            "split.fractions=[0.5, 0.2, 0.1, 0.2]",
            'features.set="my file.py:SET"',
            "tuning.trials = 5",
        ],
    )
    assert recipe.seed == 9
    assert recipe.estimator.parameters["num_leaves"] == 63
    assert recipe.calibration.method == "isotonic"
    assert recipe.split.fractions == (0.5, 0.2, 0.1, 0.2)
    assert recipe.features.set == "my file.py:SET"
    assert recipe.tuning.trials == 5


def test_hash_follows_every_setting(file):
    assert load_recipe(file).hash == load_recipe(file).hash
    assert load_recipe(file).hash != load_recipe(file, ["tuning.trials=1"]).hash


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeed=9", "unknown key 'seeed'; did you mean 'seed'"),
        ("tuning.trails=9", "unknown key 'tuning.trails'; did you mean 'trials'"),
        ("estimator.parameters.num_leafs=9", "'estimator.parameters.num_leafs'; did you mean 'num_leaves'"),
        ("estimator.parameters.learning_rate=0", "'estimator.parameters.learning_rate'.*got 0"),
        ("estimator.kind=lightgmb", "'estimator.kind'.*got 'lightgmb'"),
        ("calibration.method=beta", "'calibration.method'.*got 'beta'"),
        ("split.fractions=[0.5, 0.5, 0.1, 0.1]", "sum 1"),
        ("split.fractions=[1.0, 0.0, 0.0, 0.0]", "four positive fractions"),
        ("label.min_return=0.1", "label.min_return means nothing to a barrier label"),
        ("label.take_profit_atr=-1", "'label.take_profit_atr'.*got -1"),
        ("costs.fee_bps=nan", "'costs.fee_bps'"),
        ("seed=-1", "'seed'.*got -1"),
        ("name=", "not a TOML value"),
        ("name", "expected dotted.key=value"),
        (".x=1", "expected dotted.key=value"),
        ("split.fractions=[1, 2", "not a TOML value"),
        ("seed.x=1", "'seed' is no table"),
    ],
)
def test_wrong_overrides_are_named(file, override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(file, [override])


def test_only_trees_are_tuned(file):
    with pytest.raises(RecipeError, match=r"only estimator\.kind 'lightgbm' is tuned"):
        load_recipe(file, ["estimator.kind=logistic", "estimator.parameters={}", "tuning.trials=3"])


def test_parameters_are_those_of_the_kind(file):
    with pytest.raises(RecipeError, match=r"unknown key 'estimator\.parameters\.num_leaves'"):
        load_recipe(file, ["estimator.kind=logistic"])


def test_files_that_are_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path)
    (tmp_path / "broken.toml").write_text("name = [")
    with pytest.raises(RecipeError, match="not valid TOML"):
        load_recipe(tmp_path / "broken.toml")
    (tmp_path / "bytes.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(RecipeError, match="not UTF-8"):
        load_recipe(tmp_path / "bytes.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(RecipeError, match="'name'"):
        load_recipe(tmp_path / "empty.toml")


def test_bare_words_are_text():
    assert parse_override("a.b=bars") == (("a", "b"), "bars")
    assert parse_override("a=my/set.py:SET") == (("a",), "my/set.py:SET")
    assert parse_override("a=true") == (("a",), True)
    assert parse_override("a=2024-01-01")[1].year == 2024


def test_plain_values_make_the_same_recipe(file):
    recipe = load_recipe(file)
    assert parse_recipe(recipe.model_dump(), "again") == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
