"""Money is traded only if somebody asked for it, and nothing speaks against it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alphaloop.core.errors import InputError, RecipeError
from alphaloop.markets.pumpfun.live.modes import account_name, chosen_mode, summary_lines
from alphaloop.markets.pumpfun.live.replay import live_through
from alphaloop.markets.pumpfun.live.reports import REPLAYS, accounts
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.live.settings import LiveSettings
from alphaloop.markets.pumpfun.live.store import RecordsLiveStore
from alphaloop.stores.records import open_records

KEY = Path("wallet.json")


@pytest.mark.parametrize(
    ("money", "key", "said", "mode"),
    [
        (False, None, None, "dry"),
        (False, KEY, None, "dry"),
        (False, None, "true", "dry"),
        (False, None, "", "dry"),
        (True, KEY, None, "live"),
        (True, KEY, "false", "live"),
        (False, KEY, "0", "live"),
    ],
)
def test_what_a_start_means(money: bool, key: Path | None, said: str | None, mode: str) -> None:
    assert chosen_mode(money, key, {} if said is None else {"LIVE_DRY_RUN": said}) == mode


@pytest.mark.parametrize(
    ("money", "key", "said", "sentence"),
    [
        (True, KEY, "true", "take one of them back"),
        (True, None, None, "needs the wallet's key file"),
        (False, None, "false", "needs the wallet's key file"),
        (True, KEY, "maybe", "set it to true or false"),
    ],
)
def test_what_a_start_refuses(money: bool, key: Path | None, said: str | None, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        chosen_mode(money, key, {} if said is None else {"LIVE_DRY_RUN": said})


def test_a_summary_says_what_is_at_stake() -> None:
    lines = list(summary_lines("live", "wallet", 10**9, LiveSettings()))
    assert lines[0] == "REAL MONEY, account wallet"
    assert "balance 1.000000 SOL, of which 0.080000 is never spent" in lines
    assert sum(line.startswith("strategy ") for line in lines) == 6
    assert account_name("dry", "wallet") == "dry:wallet"
    assert account_name("live", "wallet") == "wallet"


def write(folder: Path, text: str) -> Path:
    path = folder / "live.toml"
    path.write_text(text)
    return path


def test_a_standard_strategy_may_say_only_what_it_changes(tmp_path: Path) -> None:
    path = write(
        tmp_path, "[portfolio.strategies.reach_2x_1h]\nscore_threshold = 0.85\n[portfolio.breakers]\nmax_unproved = 2"
    )
    portfolio = LiveSettings.read(path).portfolio
    assert list(portfolio.strategies) == ["reach_2x_1h"]
    assert portfolio.strategies["reach_2x_1h"].score_threshold == 0.85
    assert portfolio.strategies["reach_2x_1h"].take_profit == 2.0
    assert portfolio.breakers.max_unproved == 2
    assert portfolio.breakers.daily_drawdown == 0.30


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[portfolio.strategies.reach_2x_1h]\nscore_treshold = 0.8", "did you mean 'score_threshold'"),
        ("[portfolio.strategies.mine]\nsource = 'signal'", "portfolio.strategies.mine"),
        ("[portfolio.sizing]\nkeep = 1", "could halt the account"),
        ("[portfolio]\nphases = []", "one or more phases"),
        ("[reconcile]\nadopt = 'nobody'", "toml: reconcile.adopt is 'nobody', which is no strategy"),
        ("[pace]\nexit_poll_s = 30", "pace.exit_poll_s"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        LiveSettings.read(write(tmp_path, text))


def test_a_trail_that_is_armed_from_the_entry_hides_the_stop() -> None:
    """As the how-to says: 15 % below the peak always comes before 0.4."""
    standard = LiveSettings().portfolio.strategies["reach_2x_1h"]
    assert standard.trail_arm == 1.3
    assert 1.0 * (1.0 - standard.trail_width) > standard.stop_loss


def test_a_recording_without_events_is_said_and_takes_nothing_away(tmp_path: Path) -> None:
    for name in ("recording", "models"):
        (tmp_path / name).mkdir()
    place = f"sqlite:///{tmp_path / 'live.db'}"
    with open_records(place) as records:
        store = RecordsLiveStore(records, REPLAYS, "replay")
        asyncio.run(store.load(1))
        store.close()
    with pytest.raises(InputError, match="holds no events"):
        live_through(tmp_path / "recording", place, tmp_path / "models", LiveSettings(), lambda *_: None)
    with open_records(place) as records:
        records.migrate(SCHEMA)
        assert [row["account"] for row in accounts(records)] == [REPLAYS]
