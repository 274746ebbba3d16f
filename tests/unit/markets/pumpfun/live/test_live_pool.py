"""After graduation: the pool is read, sold in, and booked, for every kind of coin, to the lamport."""

from __future__ import annotations

import asyncio

import pytest

from alphaloop.markets.pumpfun.live.marks import price_of
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.trading.portfolio.records import Drafted, Failed, Landed, Refused
from live_case import ME, SOL, small
from live_orders import Road, buy, sale

KINDS = [{}, {"token_program": str(at.TOKEN)}, {"mayhem": True}, {"cashback": True}, {"holder_reward": True}]


def graduated(kind: dict, **chosen) -> tuple[Road, str, int]:
    """A road on which the wallet holds a coin whose curve somebody else has completed and that has migrated."""
    chain = small()
    mint = chain.launch(**kind)
    road = asyncio.run(Road(chain, **chosen).ready())
    bought = road.venue.prepare(buy(chain, mint), road.clock.ns)
    asyncio.run(road.venue.submit(bought.signature))
    road.advance(1)
    chain.finish(mint)
    road.advance(1)
    assert chain.coin(mint).complete
    chain.migrate(mint)
    road.advance(4)
    chain.audit()
    return road, mint, chain.held(ME, mint)


def prove(road: Road, drafted: Drafted):
    return asyncio.run(road.venue.prove({drafted.signature: drafted.last_valid}))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_held_is_sold_in_the_pool_and_nothing_is_left_behind(kind):
    road, mint, held = graduated(kind)
    chain = road.chain
    context = asyncio.run(road.venue.refresh(mint, chain.context(mint)))
    base, quote = chain.coin(mint).pool
    assert price_of(context) == quote / base
    order = sale(chain, mint, held, venue="pool", context=context)
    drafted = road.venue.prepare(order, road.clock.ns)
    assert isinstance(drafted, Drafted), drafted
    before = chain.lamports(ME)
    asyncio.run(road.venue.submit(drafted.signature))
    road.advance(3)
    assert isinstance(prove(road, drafted)[0], Landed), chain.dropped
    fill = asyncio.run(road.venue.fill(drafted.signature, mint, "sell"))
    assert (fill.quantity, fill.traded, fill.remaining) == (held, drafted.expected, 0)
    assert fill.cash == chain.lamports(ME) - before
    assert fill.cash == fill.traded - drafted.network - drafted.tip - fill.details["rent"]
    assert fill.details["venue"] == "pool"
    assert 0 <= fill.details["rent"] + drafted.network + drafted.tip <= drafted.most
    assert chain.lamports(str(at.quote_account(at.key(ME)))) == 0, "no wrapped SOL is left"
    assert asyncio.run(road.venue.holdings()) == {}
    chain.audit()
    found = asyncio.run(road.venue.found(mint, [], 0))
    assert [(one.side, one.cash) for one in found][-1] == ("sell", fill.cash)


def test_a_price_that_fell_in_the_pool_is_told_with_the_pools_own_code():
    road, mint, held = graduated({}, use_engine=False, use_rpc="always")
    chain = road.chain
    context = asyncio.run(road.venue.refresh(mint, chain.context(mint)))
    first, second = (
        road.venue.prepare(
            sale(chain, mint, held // 2, venue="pool", context=context, slippage_bps=0, order_id=f"t1.sell.{n}"),
            road.clock.ns,
        )
        for n in (1, 2)
    )
    for drafted in (first, second):
        asyncio.run(road.venue.submit(drafted.signature))
    road.advance(3)
    assert isinstance(prove(road, first)[0], Landed)
    (failed,) = prove(road, second)
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.remedy) == ("ExceededSlippage (6004) in pool_trade", "requote")
    assert failed.cost == second.network
    chain.audit()


def test_the_last_order_on_the_curve_leads_to_the_pool():
    """The curve completes under a sale: refused, told to use the pool, read again, sold."""
    road, mint, held = graduated({})
    stale = road.venue.prepare(sale(road.chain, mint, held), road.clock.ns)
    assert isinstance(stale, Refused)
    assert stale.remedy == "use_pool"
    unread = road.venue.prepare(sale(road.chain, mint, held, venue="pool"), road.clock.ns)
    assert (type(unread), unread.remedy) == (Refused, "refresh")
    context = asyncio.run(road.venue.refresh(mint, road.chain.context(mint)))
    assert isinstance(
        road.venue.prepare(sale(road.chain, mint, held, venue="pool", context=context), road.clock.ns), Drafted
    )
    assert road.chain.lamports(ME) < 10 * SOL
