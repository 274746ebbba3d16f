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

GOOD_HAZARD = 1.0


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
    return run(0.0, days=0.6)


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
    """At any buy while attention lasts, what is still to come is the same whatever came before."""
    tokens, trades = even
    faded = {token.mint: token.created_ns + token.faded_s * 1e9 for token in tokens}
    created = {token.mint: token.created_ns for token in tokens}
    by_mint: dict[str, list[Trade]] = {}
    for trade in trades:
        by_mint.setdefault(trade.mint, []).append(trade)
    ages, reached, mints = [], [], []
    for mint, history in by_mint.items():
        peaks = np.maximum.accumulate([trade.price for trade in reversed(history)])[::-1]
        for trade, peak in zip(history, peaks, strict=True):
            if trade.is_buy and trade.event_ns < faded[mint] - 1e9 and len(history) > 3:
                ages.append(trade.known_ns - created[mint])
                reached.append(peak >= 1.3 * trade.price)
                mints.append(mint)
    young = np.array(ages) < np.median(ages)
    rates = np.mean(np.array(reached)[young]), np.mean(np.array(reached)[~young])
    assert 0.6 < rates[0] / rates[1] < 1.67
    assert len(set(mints)) > 100


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
