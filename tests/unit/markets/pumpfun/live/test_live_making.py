"""Orders made into transactions: what is asked for, what is offered, and what is refused."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.fees import flat
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import START, Reserves
from alphaloop.markets.pumpfun.live.execution import TipSettings
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.pool_accounts import PoolSettings
from alphaloop.trading.portfolio.records import Drafted, Refused
from live_case import ME, SOL, WALLET, small
from live_execution import parse
from live_orders import Road, buy, sale

DONE = Reserves(279_900_000_000_000, 115_005_359_057, 0, 85_005_359_057)


def ready(chain=None, **chosen) -> Road:
    return asyncio.run(Road(chain or small(), **chosen).ready())


def wire_of(road: Road, drafted: Drafted):
    return parse(road.venue.outbox.parcels[drafted.signature].envelope.wire)


@pytest.mark.parametrize(
    ("kind", "preference", "generation"),
    [
        ({"token_program": str(at.TOKEN)}, "auto", "legacy"),
        ({}, "auto", "legacy"),
        ({}, "v3", "v3"),
        ({"cashback": True}, "auto", "v2"),
        ({"cashback": True}, "v3", "v2"),
        ({"mayhem": True}, "auto", "v2"),
        ({"holder_reward": True}, "auto", "v2"),
        ({"holder_reward": True}, "legacy", "legacy"),
    ],
)
def test_every_kind_of_coin_is_bought_for_exactly_the_budget_and_sold(kind, preference, generation):
    chain = small()
    mint = chain.launch(**kind)
    road = ready(chain, generation=preference)
    order = buy(chain, mint, SOL // 3)
    drafted = road.venue.prepare(order, road.clock.ns)
    assert isinstance(drafted, Drafted), drafted
    quote = buy_exact_in(START, SOL // 3, chain.coin(mint).fees())
    assert drafted.expected == quote.token_amount
    assert drafted.details["limit"] == quote.token_amount * 9_000 // 10_000
    assert drafted.details["generation"] == generation
    assert drafted.last_valid == chain.latest_blockhash()[1]
    before = chain.lamports(ME)
    assert asyncio.run(road.venue.submit(drafted.signature)).via == "memory"
    road.advance(3)
    assert chain.held(ME, mint) == quote.token_amount
    spent = before - chain.lamports(ME)
    assert spent <= drafted.most
    assert spent - drafted.tip - drafted.network >= quote.total
    order = sale(chain, mint, quote.token_amount)
    drafted = road.venue.prepare(order, road.clock.ns)
    received = sell(quote.after, quote.token_amount, chain.coin(mint).fees())
    assert (drafted.expected, drafted.least) == (received.total, received.total * 9_000 // 10_000)
    asyncio.run(road.venue.submit(drafted.signature))
    road.advance(3)
    assert chain.held(ME, mint) == 0
    chain.audit()


def test_offers_follow_the_floor_the_factor_and_the_limits():
    chain = small()
    mint = chain.launch()
    road = ready(chain, tip=TipSettings(percentile="p75", least=20_000, most=300_000))
    told = []
    for number, (factor, p75) in enumerate([(1.0, 50_000), (4.0, 50_000), (8.0, 50_000), (1.0, 100), (4.0, 100)]):
        road.facts.put("tip_floor", msgspec.structs.replace(road.engine.floor, p75=p75), road.clock.ns)
        order = sale(chain, mint, 10**13, order_id=f"t1.sell.{number}", tip_factor=factor)
        drafted = road.venue.prepare(order, road.clock.ns)
        parsed = wire_of(road, drafted)
        assert parsed.tips == drafted.tip
        assert parsed.fee == drafted.network
        told.append((drafted.tip, parsed.unit_price))
    assert [tip for tip, _ in told] == [50_000, 200_000, 300_000, 20_000, 80_000]
    assert [price for _, price in told] == [20_000, 80_000, 160_000, 20_000, 80_000]


def test_a_sale_tips_no_more_than_its_share_of_what_it_brings():
    chain = small()
    mint = chain.launch()
    road = ready(chain, tip=TipSettings(least=20_000, most=5_000_000, most_share=0.25))
    road.facts.put("tip_floor", msgspec.structs.replace(road.engine.floor, p75=4_000_000), road.clock.ns)
    little, less, much = (
        road.venue.prepare(sale(chain, mint, quantity), road.clock.ns) for quantity in (10**10, 10**5, 10**13)
    )
    assert 20_000 < little.tip == little.expected // 4 < 4_000_000
    assert less.tip == 20_000 > less.expected
    assert much.tip == 4_000_000
    bought = road.venue.prepare(buy(chain, mint, 10**6), road.clock.ns)
    assert bought.tip == 4_000_000


def test_a_sale_is_made_with_a_blockhash_that_is_too_old_for_a_purchase():
    chain = small()
    mint = chain.launch()
    road = ready(chain)
    known_ns = road.clock.ns
    for age_s, bought, sold in ((20, Drafted, Drafted), (21, Refused, Drafted), (45, Refused, Drafted)):
        for name in ("program", "tip_floor", "tip_accounts"):
            road.facts.put(name, road.facts._kept[name].value, known_ns + age_s * NS_PER_S)
        now_ns = known_ns + age_s * NS_PER_S
        assert isinstance(road.venue.prepare(buy(chain, mint, order_id=f"t{age_s}.buy.1"), now_ns), bought)
        assert isinstance(road.venue.prepare(sale(chain, mint, 10**12, order_id=f"t{age_s}.sell.1"), now_ns), sold)
    late = road.venue.prepare(sale(chain, mint, 10**12, order_id="t2.sell.1"), known_ns + 45 * NS_PER_S + 1)
    assert isinstance(late, Refused)


def test_without_the_engine_there_is_no_tip():
    chain = small()
    road = ready(chain, use_engine=False, use_rpc="always")
    drafted = road.venue.prepare(buy(chain, chain.launch()), road.clock.ns)
    assert drafted.tip == 0
    assert wire_of(road, drafted).tips == 0


def test_orders_are_spread_over_recipients_and_the_same_order_is_the_same_transaction():
    chain = small()
    mint = chain.launch()
    one, two = (ready(chain).venue.prepare(buy(chain, mint), chain.ns) for _ in range(2))
    assert one == two
    recipients, tipped = set(), set()
    road = ready(chain)
    for number in range(60):
        drafted = road.venue.prepare(buy(chain, mint, order_id=f"t{number}.buy.1"), road.clock.ns)
        tipped.add(drafted.details["tip_account"])
        recipients.add(wire_of(road, drafted).steps[3].metas[1].address)
    assert len(recipients) == len(tipped) == 8


def test_two_orders_are_never_one_transaction():
    chain = small()
    mint = chain.launch()
    road = ready(chain)
    order = sale(chain, mint, 5)
    drafted = [road.venue.prepare(order, road.clock.ns) for _ in range(5)]
    assert len({one.signature for one in drafted}) == 5
    assert [one.tip - drafted[0].tip for one in drafted] == [0, 1, 2, 3, 4]
    road.venue.discard(drafted[0].signature)
    assert road.venue.prepare(order, road.clock.ns).signature not in {one.signature for one in drafted}


@pytest.mark.parametrize(
    ("side", "changes", "remedy", "reason"),
    [
        ("buy", {"complete": True}, "use_pool", "complete"),
        ("sell", {"complete": True}, "use_pool", "complete"),
        ("sell", {"real_token": 0}, "use_pool", "complete"),
        ("buy", {"token_program": ""}, "refresh", "token_program .* not known"),
        ("sell", {"creator": ""}, "refresh", "creator .* not known"),
        ("buy", {"token_program": str(at.AMM)}, "give_up", "unknown token program"),
        ("sell", {"token_program": str(at.AMM)}, "refresh", "unknown token program"),
        ("buy", {"newer": "9 bytes"}, "give_up", "9 bytes"),
        ("buy", {"quote_mint": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"}, "give_up", "not in SOL"),
        ("buy", {"real_token": 1_000}, "give_up", "are left"),
    ],
)
def test_what_is_not_known_or_not_possible_is_refused_with_what_helps(side, changes, remedy, reason):
    chain = small()
    mint = chain.launch()
    road = ready(chain)
    order = buy(chain, mint) if side == "buy" else sale(chain, mint, 10**9)
    order = msgspec.structs.replace(order, context=order.context | changes)
    refused = road.venue.prepare(order, road.clock.ns)
    assert isinstance(refused, Refused), refused
    assert refused.remedy == remedy
    assert re.search(reason, refused.reason), refused.reason
    assert road.venue.outbox.parcels == {}


def test_a_coin_with_something_unknown_is_still_sold():
    chain = small()
    mint = chain.launch()
    road = ready(chain)
    order = sale(chain, mint, 10**9)
    order = msgspec.structs.replace(order, context=order.context | {"newer": "9 bytes"})
    assert isinstance(road.venue.prepare(order, road.clock.ns), Drafted)


def test_old_facts_stop_buys_at_once_and_sales_only_without_a_blockhash():
    chain = small()
    mint = chain.launch()
    road = ready(chain)
    orders = {"buy": buy(chain, mint), "sell": sale(chain, mint, 10**9)}

    def told(at_ns):
        return {side: type(road.venue.prepare(order, at_ns)).__name__ for side, order in orders.items()}

    begin = road.clock.ns
    assert told(begin) == {"buy": "Drafted", "sell": "Drafted"}
    late = begin + 301 * NS_PER_S
    assert told(late) == {"buy": "Refused", "sell": "Refused"}
    road.facts.put("blockhash", road.facts._kept["blockhash"].value, late)
    assert told(late) == {"buy": "Refused", "sell": "Drafted"}
    refused = road.venue.prepare(orders["buy"], late)
    assert refused.remedy == "wait"
    assert "tip_floor is 301.0 s old" in refused.reason


def test_a_sale_that_takes_anything_asks_for_nothing():
    chain = small()
    road = ready(chain)
    drafted = road.venue.prepare(sale(chain, chain.launch(), 10**12, slippage_bps=10_000), road.clock.ns)
    assert (drafted.least, drafted.details["limit"]) == (0, 0)
    assert drafted.expected > 0


def test_a_pool_that_is_not_known_is_read_and_nothing_is_bought_there():
    chain = small()
    mint = chain.launch(reserves=DONE)
    road = ready(chain)
    road.facts.put("program", with_pools(road), road.clock.ns)
    refused = road.venue.prepare(sale(chain, mint, 5, venue="pool"), road.clock.ns)
    assert refused.remedy == "refresh"
    assert "pool" in refused.reason
    refused = road.venue.prepare(buy(chain, mint, venue="pool"), road.clock.ns)
    assert refused.remedy == "give_up"


def with_pools(road: Road):
    program = road.facts.program(road.clock.ns)
    names = program.settings.fee_recipients
    settings = PoolSettings(names, names, program.settings.buyback_fee_recipients, False, False)
    return msgspec.structs.replace(program, pool_settings=settings, pool_fees=flat())


def test_no_secret_is_printed():
    road = ready()
    drafted = road.venue.prepare(buy(road.chain, road.chain.launch()), road.clock.ns)
    parcel = road.venue.outbox.parcels[drafted.signature]
    secret = str(WALLET)
    assert secret not in f"{road.venue!r}{parcel!r}{drafted!r}"
    assert parcel.envelope.encoded not in f"{road.venue!r}{parcel!r}{drafted!r}"
