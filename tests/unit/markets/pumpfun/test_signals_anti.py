"""Exit warnings: which triggers are true, when they are told, and when again."""

from __future__ import annotations

import pytest

from alphaloop.markets.pumpfun.market import Publish, PumpMarket, Row
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.messages import AntiSignalMessage, decode

SOL = 1_000_000_000
S = 1_000_000_000
TRACKED = ("smart1", "smart2", "smart3")


def warnings(emissions) -> list[AntiSignalMessage]:
    found = [decode(e.body) for e in emissions if isinstance(e, Publish) and e.channel == "trade:signals"]
    return [message for message in found if isinstance(message, AntiSignalMessage)]


@pytest.fixture
def scene(pump):
    """A launch that three tracked wallets bought, at a moment right after a check."""
    market = PumpMarket(PumpSettings(tracked_wallets=TRACKED))
    chain, curve = pump.Chain(pump.START_NS // (30 * S) * 30 * S), pump.Curve()
    market.apply(chain.create("coin", "maker", S))
    for wallet in ("maker", *TRACKED, "other"):
        market.apply(chain.trade(curve, "coin", wallet, SOL, buy=True))
    return market, chain, curve


def sell(market, chain, curve, wallet, part=1.0, gap_ns=S // 100):
    held = int(curve.held[wallet] * part)
    return market.apply(chain.trade(curve, "coin", wallet, held, buy=False, gap_ns=gap_ns))


def next_check(market, chain):
    chain.known_ns = (chain.known_ns // (30 * S) + 1) * 30 * S
    return market.advance(chain.known_ns)


def test_one_trigger_is_not_enough_two_are(scene) -> None:
    market, chain, curve = scene
    sell(market, chain, curve, "smart1")
    sell(market, chain, curve, "smart2")
    assert set(market.anti.triggers("coin", chain.known_ns)) == {"smart_selling"}
    assert warnings(next_check(market, chain)) == []
    sell(market, chain, curve, "smart3")
    sell(market, chain, curve, "maker", 0.6)
    said = next_check(market, chain)
    (message,) = warnings(said)
    assert message.triggers == ["creator_sold", "smart_selling"]
    assert message.severity == 2 == len(message.reasons)
    assert "60%" in message.reasons[0]
    assert message.known_ns == chain.known_ns
    (row,) = [e.values for e in said if isinstance(e, Row) and e.table == "anti_signals"]
    assert (row["anti_id"], row["severity"], row["mint"]) == (message.anti_id, 2, "coin")


def test_limits_are_exceeded_not_reached(scene) -> None:
    market, chain, curve = scene
    sell(market, chain, curve, "maker", 0.5)
    assert "creator_sold" not in market.anti.triggers("coin", chain.known_ns)
    sell(market, chain, curve, "maker", 0.01)
    assert "creator_sold" in market.anti.triggers("coin", chain.known_ns)


def test_smart_money_leaves_while_others_come(scene) -> None:
    market, chain, curve = scene
    sell(market, chain, curve, "smart1", gap_ns=61 * S)
    assert market.anti.triggers("coin", chain.known_ns) == {}
    market.apply(chain.trade(curve, "coin", "crowd", SOL // 10, buy=True))
    (said,) = market.anti.triggers("coin", chain.known_ns).values()
    assert "tracked wallets took" in said
    assert market.anti.triggers("coin", chain.known_ns + 61 * S) == {}, "the window is over"


def test_the_same_is_told_again_only_after_a_while_or_after_another_signal(scene) -> None:
    market, chain, curve = scene
    sell(market, chain, curve, "maker", 0.9)
    times = []
    for step in range(24):
        for wallet in ("smart1", "smart2"):
            sell(market, chain, curve, wallet, 0.02)
        if step == 3:
            market.apply(chain.trade(curve, "coin", "smart3", SOL, buy=True, gap_ns=1))
        times += [message.known_ns for message in warnings(next_check(market, chain))]
    first = times[0]
    assert [(at - first) // S for at in times] == [0, 90, 390, 690]


def test_a_token_without_a_recent_signal_is_let_go(scene) -> None:
    market, chain, _ = scene
    assert market.anti.watched == 1
    market.advance(chain.known_ns + 3_600 * S - 60 * S)
    assert market.anti.watched == 1
    market.advance(chain.known_ns + 3_700 * S)
    assert market.anti.watched == 0


def test_books_that_judge_are_believed(scene, monkeypatch) -> None:
    market, chain, _ = scene
    shelf = market.shelf
    monkeypatch.setattr(shelf.bundles, "confidence", lambda mint: 0.71)
    monkeypatch.setattr(shelf.washing, "share", lambda mint: 0.31)
    monkeypatch.setattr(shelf.lifecycle, "state", lambda mint: 4)
    monkeypatch.setattr(shelf.intelligence, "is_bot", lambda wallet: wallet != "other")
    monkeypatch.setattr(shelf.intelligence, "creator_risk", lambda creator: 80.1)
    names = {"bundle", "wash", "distribution", "bots", "creator_risk"}
    assert set(market.anti.triggers("coin", chain.known_ns)) == names
    nan = float("nan")
    monkeypatch.setattr(shelf.bundles, "confidence", lambda mint: nan)
    monkeypatch.setattr(shelf.washing, "share", lambda mint: nan)
    monkeypatch.setattr(shelf.intelligence, "creator_risk", lambda creator: nan)
    assert set(market.anti.triggers("coin", chain.known_ns)) == {"distribution", "bots"}, "unknown is no trigger"
