"""A tracked wallet buys: what is said, and that it is read right after that buy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alphaloop.markets.pumpfun.market import Publish, PumpMarket, Row
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.signals.messages import decode
from alphaloop.markets.pumpfun.signals.rule import rule_score
from alphaloop.markets.pumpfun.signals.vector import from_bytes

SOL = 1_000_000_000
SMART = "smart"


@pytest.fixture
def market() -> PumpMarket:
    return PumpMarket(PumpSettings(tracked_wallets=(SMART,)))


def rows(emissions, table: str) -> list[dict]:
    return [e.values for e in emissions if isinstance(e, Row) and e.table == table]


def signals(emissions) -> list:
    return [decode(e.body) for e in emissions if isinstance(e, Publish) and e.channel == "trade:signals"]


def launch(pump, market):
    chain, curve = pump.Chain(), pump.Curve()
    market.apply(chain.create("coin", "maker"))
    for wallet, amount in (("maker", SOL), ("one", SOL // 2), ("two", SOL // 4)):
        market.apply(chain.trade(curve, "coin", wallet, amount, buy=True, gap_ns=2 * SOL))
    return chain, curve


def test_only_a_large_enough_buy_of_a_tracked_wallet_is_a_signal(pump, market) -> None:
    chain, curve = launch(pump, market)
    for wallet, amount, buy, expected in (
        ("anyone", SOL, True, 0),
        (SMART, 9_999_000, True, 0),
        (SMART, 10_001_000, True, 1),
        (SMART, curve.held.get(SMART, 1_000), False, 0),
        (SMART, SOL, True, 1),
    ):
        said = market.apply(chain.trade(curve, "coin", wallet, amount, buy=buy))
        assert len(signals(said)) == len(rows(said, "signals")) == expected, (wallet, amount, buy)
    assert market.counts.signals == 2


def test_a_signal_says_what_is_true_right_after_the_buy(pump, market) -> None:
    chain, curve = launch(pump, market)
    market.apply(chain.trade(curve, "coin", "one", curve.held["one"] // 2, buy=False, gap_ns=4 * SOL))
    buy = chain.trade(curve, "coin", SMART, 2 * SOL, buy=True, gap_ns=10 * SOL)
    said = market.apply(buy)
    (message,), (row,) = signals(said), rows(said, "signals")
    values = dict(zip(SIGNAL.names, message.vector.astype(float).tolist(), strict=True))
    assert values["signal_sol"] == 2.0
    assert values["signal_supply_pct"] == pytest.approx(buy.token_amount / 1e15, rel=1e-6)
    assert values["buy_rank"] == 4.0, "three wallets bought before"
    assert values["token_age_s"] == pytest.approx(20.0)
    assert values["entry_price"] == pytest.approx(buy.price, rel=1e-6)
    assert values["curve_progress"] == pytest.approx(1 - curve.real_token / 793_100_000_000_000, rel=1e-5)
    assert values["tracked_buyers_60s"] == 1.0
    assert (values["buys_60s"], values["sells_60s"], values["unique_buyers"]) == (4.0, 1.0, 4.0)
    assert values["virtual_sol"] == pytest.approx(curve.virtual_sol / SOL, rel=1e-6)
    assert values["lifecycle_state"] == 0.0
    assert values["size_vs_wallet_median"] == pytest.approx(1.0), "its only buy is its median"
    assert values["creator_tokens"] == 1.0
    assert math.isnan(values["hit_rate_2x_6h"])
    assert message.price == buy.price
    assert (message.known_ns, message.event_ns) == (buy.known_ns, buy.event_ns)
    assert (message.wallet, message.creator, message.symbol) == (SMART, "maker", "COIN")
    assert (message.signature, message.log_index) == buy.key
    assert (message.feature_set, message.feature_set_hash) == (SIGNAL.name, SIGNAL.hash)
    assert np.array_equal(from_bytes(row["features"]), message.vector, equal_nan=True)
    assert row["signal_id"] == message.signal_id
    assert row["rule_score"] == message.rule_score
    assert row["message"]["data"]["features"] == message.features
    assert row["wallet_score_at_entry"] == message.alpha_score


def test_a_follower_and_a_crowded_coin_score_less(pump) -> None:
    quick = {
        "copying": {"every_s": 60, "min_copies": 3},
        "graph": {"min_entries": 1},
        "alpha": {"every_s": 60, "tokens": 3},
        "wallets": {"judged_from_buys": 3},
    }
    market = PumpMarket(PumpSettings(tracked_wallets=(SMART, "shadow"), intelligence=quick))
    chain = pump.Chain()
    for number in range(8):
        curve, mint = pump.Curve(), f"coin{number}"
        market.apply(chain.create(mint, "maker"))
        market.apply(chain.trade(curve, mint, f"crowd{number}", 20 * SOL, buy=True))
        led = market.apply(chain.trade(curve, mint, SMART, SOL, buy=True, gap_ns=20 * SOL))
        copied = market.apply(chain.trade(curve, mint, "shadow", 4 * SOL, buy=True, gap_ns=SOL))
    lead, follower = signals(led)[-1], signals(copied)[-1]
    assert (lead.follower_weight, follower.follower_weight) == (1.0, 0.25), "an exact copier"
    assert lead.crowding_penalty == 0.0, "1 of 21 SOL"
    assert follower.crowding_penalty == 0.0, "5 of 25 SOL"
    assert follower.rule_score == pytest.approx(0.25 * whole_score(market, follower))
    assert lead.rule_score == pytest.approx(whole_score(market, lead))
    crowded = signals(market.apply(chain.trade(curve, mint, SMART, 25 * SOL, buy=True, gap_ns=SOL)))[-1]
    assert crowded.crowding_penalty == pytest.approx(0.5), "30 of 50 SOL are the tracked wallets'"
    assert crowded.rule_score == pytest.approx(0.5 * whole_score(market, crowded))


def whole_score(market, message) -> float:
    values = dict(zip(SIGNAL.names, message.vector.astype(float).tolist(), strict=True))
    names = ("alpha_score", "velocity", "buy_rank", "lifecycle_state", "creator_risk_score")
    inputs = [values[name] for name in names]
    assert values["rule_score"] == np.float32(message.rule_score)
    return rule_score(market.settings.rule, *inputs, follower_weight=1.0, crowding_penalty=0.0)


def test_ids_name_the_event_and_the_feature_set(pump) -> None:
    ids = []
    for _ in range(2):
        market = PumpMarket(PumpSettings(tracked_wallets=(SMART,)))
        chain, curve = launch(pump, market)
        for _ in range(3):
            said = market.apply(chain.trade(curve, "coin", SMART, SOL, buy=True))
            ids.append(signals(said)[0].signal_id)
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3
    assert all(len(identity) == 32 and int(identity, 16) >= 0 for identity in ids)


def test_what_models_say_goes_into_the_message_and_moves_no_feature(pump) -> None:
    class Models:
        def signal(self, vector):
            return {"reach_2x_1h": float(np.float32(0.625)), "is_dead_soon": 0.25}

        def genesis(self, vector):
            return {}

    told = []
    for scorers in (None, Models()):
        market = PumpMarket(PumpSettings(tracked_wallets=(SMART,)), scorers)
        chain, curve = launch(pump, market)
        told += signals(market.apply(chain.trade(curve, "coin", SMART, SOL, buy=True)))
    assert told[0].scores == {}
    assert told[1].scores == {"reach_2x_1h": 0.625, "is_dead_soon": 0.25}
    assert told[0].features == told[1].features
    assert told[0].signal_id == told[1].signal_id


def test_every_column_of_a_row_is_declared(pump) -> None:
    from alphaloop.markets.pumpfun.schema import TABLES

    columns = {table.name: {column.name: column for column in table.columns} for table in TABLES}
    market = PumpMarket(PumpSettings(tracked_wallets=pump.TRACKED))
    seen: dict[str, int] = {}
    for event in pump.market_events(6_000, seed=3, mean_gap_s=6.0):
        for emission in market.apply(event):
            if isinstance(emission, Row):
                seen[emission.table] = seen.get(emission.table, 0) + 1
                declared = columns[emission.table]
                unknown = emission.values.keys() - declared.keys()
                assert not unknown, (emission.table, unknown)
                needed = {name for name, column in declared.items() if not column.nullable}
                given = {name for name, value in emission.values.items() if value is not None}
                assert needed <= given, (emission.table, needed - given)
    assert {"signals", "genesis_observations", "anti_signals", "signal_outcomes", "candles_1m"} <= seen.keys()
    assert {"token_lifecycle", "bundles", "regime_snapshots"} <= seen.keys()
    assert {"wallets", "wallet_features", "wallet_pnl", "creators"} <= seen.keys()
