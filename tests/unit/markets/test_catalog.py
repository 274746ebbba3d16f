"""Markets are found, not named."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphaloop import markets
from alphaloop.core.errors import UnknownNameError
from alphaloop.markets import catalog
from alphaloop.markets.bars.features import BARS, CONTEXT


def test_finds_the_sets_of_the_bars_market() -> None:
    assert {"bars", "bars_context"} <= set(catalog.feature_sets())
    assert catalog.feature_set("bars") is BARS
    assert catalog.find_feature_set("bars_context") is CONTEXT


def test_every_declared_name_is_the_name_of_its_set() -> None:
    for name in catalog.feature_sets():
        assert catalog.feature_set(name).name == name


def test_names_the_nearest_set() -> None:
    with pytest.raises(UnknownNameError, match=r"no feature set is called 'bras'; did you mean 'bars'\?"):
        catalog.feature_set("bras")


def test_reads_a_users_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from alphaloop.features import close, ema\nslow = ema(close, 50) / close\n")
    assert catalog.find_feature_set(str(file)).names == ("slow",)
    assert catalog.find_feature_set(f"{file}:slow").names == ("slow",)


def test_without_a_market_nothing_else_notices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(markets, "__path__", [str(tmp_path)])
    assert catalog.market_names() == catalog.feature_sets() == []
    assert catalog.recipes() == {}
    with pytest.raises(UnknownNameError, match="'bars'"):
        catalog.feature_set("bars")


def test_a_market_may_offer_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "quiet_market").mkdir()
    (tmp_path / "quiet_market" / "__init__.py").write_text('"""Quiet."""\n')
    monkeypatch.setattr(markets, "__path__", [*markets.__path__, str(tmp_path)])
    assert "quiet_market" in catalog.market_names()
    assert "bars" in catalog.feature_sets()


def test_finds_recipes_by_short_and_by_full_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"bars/direction": Path("a.toml"), "bars/both": Path("b.toml"), "tokens/both": Path("c.toml")}
    monkeypatch.setattr(catalog, "recipes", lambda: found)
    assert catalog.recipe("direction") == catalog.recipe("bars/direction") == Path("a.toml")
    assert catalog.recipe("tokens/both") == Path("c.toml")
    with pytest.raises(UnknownNameError, match="several markets; choose one of: bars/both, tokens/both"):
        catalog.recipe("both")
    with pytest.raises(UnknownNameError, match="did you mean 'bars/direction'"):
        catalog.recipe("bars/directoin")


def test_shipped_recipes_are_files() -> None:
    for name, path in catalog.recipes().items():
        assert path.is_file()
        assert name.endswith(path.stem)
