"""What is planted is there, and one switch takes all of it away."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.recording.replay import read_events
from alphaloop.markets.pumpfun.simulator.chain import Chain, simulate
from alphaloop.markets.pumpfun.simulator.population import people
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.simulator.truth import TokenTruth
from alphaloop.markets.pumpfun.wire.decode import decode


def run(skill: float, days: float = 1.0) -> tuple[list[TokenTruth], list[Trade]]:
    tokens: list[TokenTruth] = []
    chain = Chain(SimulationSettings.small(days=days, seed=11, skill=skill))
    trades = [event for record in chain.records(tokens.append) if isinstance(event := decode(record), Trade)]
    return tokens, trades


@pytest.fixture(scope="module")
def planted():
    return run(1.0)


@pytest.fixture(scope="module")
def even():
    return run(0.0, days=1.5)


def shares_of_good(tokens, trades):
    """Share of buys in good coins: of the skilled, and of those who buy every kind."""
    kinds = {wallet.address: wallet.kind for wallet in people(11, 1_500).wallets}
    good = {token.mint: token.quality > 1.2 for token in tokens}
    bought = [(kinds.get(trade.wallet), good[trade.mint]) for trade in trades if trade.is_buy]
    return {kind: np.mean([is_good for k, is_good in bought if k == kind]) for kind in ("skilled", "sprayer")}


def test_good_coins_go_further_and_skilled_wallets_find_them(planted):
    tokens, trades = planted
    peaks = {good: np.mean([t.peak >= 2 for t in tokens if (t.quality > 1.6) is good]) for good in (True, False)}
    assert peaks[True] > 5 * peaks[False]
    shares = shares_of_good(tokens, trades)
    assert shares["skilled"] > 3 * shares["sprayer"]


def test_ruggers_do_worse_than_builders_and_bundle_more(planted):
    tokens, _ = planted
    by_kind = {kind: [t for t in tokens if t.creator_kind == kind] for kind in ("rugger", "builder", "newcomer")}
    assert all(len(found) > 100 for found in by_kind.values())
    assert np.mean([t.quality for t in by_kind["rugger"]]) < np.mean([t.quality for t in by_kind["builder"]]) - 0.8
    assert np.mean([t.bundled for t in by_kind["rugger"]]) > 5 * np.mean([t.bundled for t in by_kind["builder"]])


def test_without_skill_every_coin_has_the_same_chance(even):
    tokens, trades = even
    assert len({token.hazard for token in tokens}) == 1
    shares = shares_of_good(tokens, trades)
    assert 0.5 < shares["skilled"] / shares["sprayer"] < 2.0
    noticed = [token for token in tokens if token.trades > 5]
    quality, peak = (np.array([getattr(t, name) for t in noticed]) for name in ("quality", "peak"))
    ranks = [np.argsort(np.argsort(values)) for values in (quality, peak)]
    assert abs(np.corrcoef(*ranks)[0, 1]) < 3 / np.sqrt(len(noticed))


def test_without_skill_the_past_of_a_coin_does_not_tell_its_future(even):
    """The chance to double does not depend on age, price, crowd or creator, at the first buy of a known wallet."""
    tokens, trades = even
    known = {wallet.address for wallet in people(11, 1_500).wallets if wallet.kind in ("sprayer", "sniper")}
    truth = {token.mint: token for token in tokens}
    by_mint: dict[str, list[Trade]] = {}
    for trade in trades:
        by_mint.setdefault(trade.mint, []).append(trade)
    rows = []
    for mint, history in by_mint.items():
        at = next((i for i, trade in enumerate(history) if trade.is_buy and trade.wallet in known), None)
        if at is not None:
            doubles = max(trade.price for trade in history[at:]) >= 2 * history[at].price
            age_ns = history[at].known_ns - truth[mint].created_ns
            rows.append((doubles, age_ns, history[at].price, at, truth[mint].creator_kind == "rugger"))
    doubles, *past = np.array(rows, float).T
    for told in past:
        high = told > np.median(told)
        spread = np.sqrt(doubles.mean() * (1 - doubles.mean()) * (1 / high.sum() + 1 / (~high).sum()))
        assert abs(doubles[high].mean() - doubles[~high].mean()) < 3 * spread
    # With hazard h per unit of log price and a share s sold, a doubling has probability 2 ** -(h / (1 - s)).
    how = SimulationSettings.small().behaviour
    expected = 2 ** -(how.even_hazard / (1 - how.profit_taking))
    assert abs(doubles.mean() - expected) < 3 * np.sqrt(expected * (1 - expected) / len(doubles))


def test_bots_and_crowds_are_all_there(planted):
    tokens, trades = planted
    kinds = {wallet.address: wallet.kind for wallet in people(11, 1_500).wallets}
    counted = Counter(kinds.get(trade.wallet, "passer-by") for trade in trades)
    assert set(counted) == {"skilled", "sniper", "sprayer", "copier", "washer", "retail", "sybil", "passer-by"}
    assert any(token.mayhem for token in tokens)
    assert any(token.cashback for token in tokens)
    assert {token.regime for token in tokens} <= {"bear", "normal", "euphoria"}


def test_a_recording_is_written_with_its_truth(tmp_path):
    settings = SimulationSettings.small(days=0.1, seed=3)
    done = simulate(settings, tmp_path / "run")
    assert done.records == sum(1 for _ in Chain(settings).records())
    events = list(read_events(tmp_path / "run"))
    assert len(events) == done.records
    tokens = pl.read_parquet(tmp_path / "run" / "truth" / "tokens.parquet")
    assert tokens.height == done.launches
    wallets = pl.read_parquet(tmp_path / "run" / "truth" / "wallets.parquet")
    assert set(wallets.columns) == {"wallet", "kind", "skill", "group"}
    assert pl.read_parquet(tmp_path / "run" / "truth" / "creators.parquet").height > 50
    with pytest.raises(DataError, match="empty folder"):
        simulate(settings, tmp_path / "run")


def test_a_simulation_without_a_folder_only_counts():
    done = simulate(SimulationSettings.small(days=0.02), None)
    assert done.segments == 0
    assert done.launches > 0
