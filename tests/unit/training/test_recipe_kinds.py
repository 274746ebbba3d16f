"""A market may have its own kind of recipe; what the factory reads is the same for all."""

from __future__ import annotations

from typing import Literal

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.core.settings import Settings
from alphaloop.training.recipe import Procedure, Recipe, load_recipe, parse_recipe


class Question(Settings):
    kind: Literal["rain"] = "rain"
    within_s: float = 60.0


class Weather(Procedure):
    label: Question = Question()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rain.toml"
    path.write_text('name = "rain"\nmarket = "weather"\n[label]\nkind = "rain"\nwithin_s = 30.0\n')
    return path


def test_the_market_says_which_kind(file):
    asked = []

    def kind_of(market):
        asked.append(market)
        return Weather

    recipe = load_recipe(file, ["label.within_s=90"], kind_of)
    assert isinstance(recipe, Weather)
    assert asked == ["weather"]
    assert recipe.label.within_s == 90.0
    assert recipe.tuning == Recipe(name="x").tuning


def test_a_key_of_another_kind_is_unknown(file):
    with pytest.raises(RecipeError, match=r"unknown key 'label\.horizon_bars'"):
        load_recipe(file, ["label.horizon_bars=3"], lambda market: Weather)
    with pytest.raises(RecipeError, match=r"label\.kind"):
        load_recipe(file)


def test_without_a_market_it_is_a_recipe_for_bars():
    assert type(parse_recipe({"name": "a"}, "a.toml")) is Recipe
    with pytest.raises(RecipeError, match="market"):
        parse_recipe({"name": "a"}, "a.toml", Weather)
