"""Launches under watch: when they end, how they are marked, and that each is stored."""

from __future__ import annotations

import pytest

from alphaloop.markets.pumpfun.market import Publish, PumpMarket, Row
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS
from alphaloop.markets.pumpfun.signals.messages import GenesisMessage, decode
from alphaloop.markets.pumpfun.signals.vector import from_bytes

SOL = 1_000_000_000
S = 1_000_000_000


class Models:
    """Says the same of every launch."""

    def __init__(self, **scores: float) -> None:
        self.scores, self.asked = scores, []

    def signal(self, vector):
        return {}

    def genesis(self, vector):
        self.asked.append(vector.copy())
        return self.scores


def rows(emissions) -> list[dict]:
    return [e.values for e in emissions if isinstance(e, Row) and e.table == "genesis_observations"]


def told(emissions) -> list[GenesisMessage]:
    found = [decode(e.body) for e in emissions if isinstance(e, Publish) and e.channel == "trade:signals"]
    return [message for message in found if isinstance(message, GenesisMessage)]


def lively(pump, market, buyers: int = 4):
    """A launch with a buyer each second after creation."""
    chain, curve = pump.Chain(), pump.Curve()
    create = chain.create("coin", "maker")
    market.apply(create)
    for i in range(buyers):
        market.apply(chain.trade(curve, "coin", f"buyer{i}", SOL, buy=True))
    return chain, curve, create


def test_a_window_is_the_minute_after_creation_and_its_end_is_not_in_it(pump) -> None:
    for late_ns, expected in ((-2, 5), (0, 4)):
        market = PumpMarket()
        chain, curve, create = lively(pump, market)
        end = create.known_ns + 60 * S
        assert rows(market.advance(end + min(late_ns, -1))) == []
        said = market.apply(chain.trade(curve, "coin", "late", SOL, buy=True, gap_ns=end + late_ns - chain.known_ns))
        if late_ns < 0:
            assert rows(said) == []
            said = market.advance(end)
        (row,) = rows(said)
        values = dict(zip(GENESIS.names, from_bytes(row["features"]).tolist(), strict=True))
        assert values["n_buys"] == expected
        assert (row["created_ns"], row["known_ns"]) == (create.known_ns, end)
        assert (row["reason"], row["emitted"], row["mint"], row["creator"]) == ("complete", True, "coin", "maker")
        (message,) = told(said)
        assert message.signal_id == row["signal_id"]
        assert message.window_s == 60.0
        assert not message.early
        assert market.genesis.watched == 0


def test_a_dead_launch_is_marked_watched_to_its_end_and_stored(pump) -> None:
    market = PumpMarket()
    _, _, create = lively(pump, market, buyers=2)
    said = market.advance(create.known_ns + 59 * S)
    assert rows(said) == []
    assert market.genesis.watched == 1
    (row,) = rows(said := market.advance(create.known_ns + 60 * S))
    assert (row["reason"], row["emitted"]) == ("aborted", False)
    assert told(said) == []
    assert market.shelf.peaks.following == 1, "its outcome is followed: it is a training row"


@pytest.mark.parametrize(("buyers", "amount", "reason"), [(3, SOL, "complete"), (3, SOL // 1_000, "aborted")])
def test_three_buyers_that_move_the_price_are_life(pump, buyers, amount, reason) -> None:
    market, chain, curve = PumpMarket(), pump.Chain(), pump.Curve()
    create = chain.create("coin", "maker")
    market.apply(create)
    for i in range(buyers):
        market.apply(chain.trade(curve, "coin", f"buyer{i}", amount, buy=True))
    (row,) = rows(market.advance(create.known_ns + 60 * S))
    assert row["reason"] == reason


@pytest.mark.parametrize(
    ("scores", "emitted"), [({"reach_2x_1h": 0.9}, True), ({"reach_2x_1h": 0.89, "is_dead_soon": 1.0}, False)]
)
def test_a_model_decides_what_is_told(pump, scores, emitted) -> None:
    market = PumpMarket(scorers=Models(**scores))
    _, _, create = lively(pump, market)
    said = market.advance(create.known_ns + 60 * S)
    (row,) = rows(said)
    assert row["emitted"] is emitted
    assert row["reason"] == "complete"
    assert [message.scores for message in told(said)] == ([scores] if emitted else [])


def test_exceptional_conviction_is_told_after_half_a_minute_and_once(pump) -> None:
    models = Models(reach_2x_1h=0.98)
    market = PumpMarket(scorers=models)
    _, _, create = lively(pump, market)
    said = market.advance(create.known_ns + 30 * S)
    (early,), (message,) = rows(said), told(said)
    assert (early["reason"], early["emitted"], early["known_ns"]) == ("early", True, create.known_ns + 30 * S)
    assert message.early
    assert message.genesis_score == 0.98
    said = market.advance(create.known_ns + 60 * S)
    (whole,) = rows(said)
    assert told(said) == []
    assert (whole["reason"], whole["emitted"]) == ("complete", True)
    assert whole["signal_id"] != early["signal_id"]
    assert len(models.asked) == 1


def test_beyond_the_limit_the_oldest_is_evicted_and_stored_as_such(pump) -> None:
    market = PumpMarket(PumpSettings.parse({"genesis": {"max_windows": 3}}, "test"))
    chain = pump.Chain()
    said = [e for i in range(5) for e in market.apply(chain.create(f"coin{i}", "maker", S))]
    assert [(row["mint"], row["reason"]) for row in rows(said)] == [("coin0", "evicted"), ("coin1", "evicted")]
    assert market.genesis.evicted == 2
    assert market.genesis.watched == 3
    assert market.shelf.peaks.following == 0, "an evicted window is no training row"
    ended = rows(market.advance(chain.known_ns + 60 * S))
    assert [(row["mint"], row["reason"]) for row in ended] == [(f"coin{i}", "aborted") for i in (2, 3, 4)]


def test_foreign_coins_and_second_creations_open_no_window(pump) -> None:
    market, chain = PumpMarket(), pump.Chain()
    market.apply(chain.create("usd", "maker", quote_mint="USDC"))
    assert market.genesis.watched == 0
    assert market.counts.foreign == 1
    market.apply(chain.create("coin", "maker"))
    market.apply(chain.create("coin", "maker"))
    assert market.genesis.watched == 1
    assert len(rows(market.advance(chain.known_ns + 60 * S))) == 1


def test_unscored_launches_can_be_kept_quiet(pump) -> None:
    market = PumpMarket(PumpSettings.parse({"genesis": {"emit_unscored": False}}, "test"))
    _, _, create = lively(pump, market)
    said = market.advance(create.known_ns + 60 * S)
    assert told(said) == []
    assert rows(said)[0]["emitted"] is False
