"""The venue of real money over the chain of the tests: every road, every fault, and the ledger at the end."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.live.block_engine import EngineRefusedError
from alphaloop.markets.pumpfun.live.coin_context import curve_market
from alphaloop.markets.pumpfun.live.refusals import Meaning, Refusal
from alphaloop.trading.portfolio.records import Dead, Drafted, Failed, Filled, Landed, Sent, Unsent
from live_case import ME, SOL, small
from live_chain import Chain, Fate, Faults
from live_orders import Road, buy, sale
from live_state import name_key


def ready(chain: Chain | None = None, **chosen) -> Road:
    return asyncio.run(Road(chain or small(), **chosen).ready())


def placed(road: Road, order) -> Drafted:
    drafted = road.venue.prepare(order, road.clock.ns)
    assert isinstance(drafted, Drafted), drafted
    return drafted


def submitted(road: Road, order) -> Drafted:
    drafted = placed(road, order)
    assert isinstance(asyncio.run(road.venue.submit(drafted.signature)), Sent)
    return drafted


def prove(road: Road, *drafted: Drafted):
    return asyncio.run(road.venue.prove({one.signature: one.last_valid for one in drafted}))


def test_a_round_trip_is_told_as_the_ledger_has_it():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    start = chain.lamports(ME)
    bought = submitted(road, buy(chain, mint))
    assert prove(road, bought) == []
    road.advance(3)
    assert prove(road, bought) == [
        Landed(at_ns=road.clock.ns, signature=bought.signature, slot=chain.landed(bought.signature).slot)
    ]
    fill = asyncio.run(road.venue.fill(bought.signature, mint, "buy"))
    assert isinstance(fill, Filled)
    assert (fill.quantity, fill.remaining) == (bought.expected, chain.held(ME, mint))
    assert asyncio.run(road.venue.balance()) == start + fill.cash
    assert asyncio.run(road.venue.holdings()) == {mint: fill.quantity}
    context = asyncio.run(road.venue.refresh(mint, {"virtual_sol": 1}))
    assert context == chain.context(mint) | {"known_ns": road.clock.ns}
    sold = submitted(road, sale(chain, mint, fill.quantity))
    road.advance(3)
    prove(road, sold)
    fill = asyncio.run(road.venue.fill(sold.signature, mint, "sell"))
    assert fill.remaining == 0
    assert asyncio.run(road.venue.balance()) == chain.lamports(ME)
    assert asyncio.run(road.venue.holdings()) == {}
    chain.audit()


def test_the_same_bytes_may_go_out_as_often_as_anybody_likes():
    road = ready(use_rpc="always")
    chain, mint = road.chain, road.chain.launch()
    bought = placed(road, buy(chain, mint))
    for _ in range(5):
        told = asyncio.run(road.venue.submit(bought.signature))
        assert told.via == "memory+rpc"
    road.advance(3)
    assert asyncio.run(road.venue.submit(bought.signature)).via == "memory+rpc"
    road.advance(3)
    assert chain.held(ME, mint) == bought.expected
    assert len([entry for entry in chain.entries() if ME in entry.keys]) == 1


@pytest.mark.parametrize(
    ("use_rpc", "engine_away", "rpc_away", "via"),
    [
        ("never", 0, 0, "memory"),
        ("never", 1, 0, None),
        ("fallback", 0, 0, "memory"),
        ("fallback", 1, 0, "rpc"),
        ("fallback", 1, 1, None),
        ("always", 0, 0, "memory+rpc"),
        ("always", 1, 0, "rpc"),
        ("always", 0, 1, "memory"),
        ("always", 1, 1, None),
    ],
)
def test_the_roads_by_setting(use_rpc, engine_away, rpc_away, via):
    road = ready(use_rpc=use_rpc)
    bought = placed(road, buy(road.chain, road.chain.launch()))
    road.engine.away, road.wire.away = engine_away, rpc_away
    told = asyncio.run(road.venue.submit(bought.signature))
    if via is None:
        assert isinstance(told, Unsent)
        assert "rests" in told.reason
    else:
        assert told == Sent(at_ns=road.clock.ns, signature=bought.signature, via=via)
    road.advance(3)
    assert bool(prove(road, bought)) == (via is not None)


def test_without_the_engine_everything_goes_by_a_node():
    road = ready(use_engine=False, use_rpc="fallback")
    assert submitted(road, buy(road.chain, road.chain.launch()))
    assert road.venue.counts == {"rpc_taken": 1}


def test_a_tip_account_that_is_none_any_more_is_told_and_a_node_takes_the_bytes():
    road = ready()
    chain = road.chain
    road.facts.put("tip_accounts", (name_key("once a tip account"),), road.clock.ns)
    chain.fund(name_key("once a tip account"), SOL)
    bought = placed(road, buy(chain, chain.launch()))
    assert asyncio.run(road.venue.submit(bought.signature)).via == "rpc"
    assert road.venue.counts == {"engine_stale_tip": 1, "rpc_taken": 1}


def test_what_was_thrown_away_or_died_with_its_process_is_not_submitted():
    road = ready()
    bought, other = (placed(road, buy(road.chain, road.chain.launch(), order_id=f"t{n}.buy.1")) for n in (1, 2))
    road.venue.discard(bought.signature)
    road.venue.discard("unknown")
    told = asyncio.run(road.venue.submit(bought.signature))
    assert isinstance(told, Unsent)
    assert "bytes are gone" in told.reason
    assert isinstance(asyncio.run(road.another().submit(other.signature)), Unsent)
    assert road.chain.submissions == []


@pytest.mark.parametrize("way", ["never", "always"])
def test_a_price_that_ran_away_costs_nothing_by_the_engine_and_its_fee_by_a_node(way):
    road = ready(use_rpc=way, use_engine=way == "never")
    chain, mint = road.chain, road.chain.launch()
    start = chain.lamports(ME)
    bought = submitted(road, buy(chain, mint, slippage_bps=100))
    chain.trade(mint, lamports=20 * SOL)
    road.advance(3)
    if way == "always":
        (failed,) = prove(road, bought)
        assert isinstance(failed, Failed)
        assert (failed.remedy, failed.cost) == ("requote", bought.network)
        assert "BuySlippageBelowMinTokensOut (6042) in trade" in failed.reason
        assert chain.lamports(ME) == start - failed.cost
    else:
        road.advance(170)
        assert prove(road, bought) == [Dead(at_ns=road.clock.ns, signature=bought.signature)]
        assert chain.lamports(ME) == start


def test_a_sale_after_graduation_is_told_to_use_the_pool():
    road = ready(use_engine=False, use_rpc="always")
    chain = road.chain
    mint = chain.launch()
    bought = submitted(road, buy(chain, mint))
    road.advance(3)
    prove(road, bought)
    sold = submitted(road, sale(chain, mint, bought.expected))
    chain.finish(mint)
    road.advance(3)
    (failed,) = prove(road, sold)
    assert (failed.remedy, failed.cost) == ("use_pool", sold.network)
    context = asyncio.run(road.venue.refresh(mint, sale(chain, mint, 1).context))
    assert context["complete"]
    assert "has no pool yet" in context["pool"]["reason"]
    refused = road.venue.prepare(sale(chain, mint, bought.expected, venue="pool", context=context), road.clock.ns)
    assert refused.remedy in ("refresh", "wait")


def test_bytes_go_out_again_until_something_is_known_of_them():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    chain.script(Fate("drop"), Fate("drop"))
    bought = submitted(road, buy(chain, mint))
    assert chain.submissions == [(bought.signature, "engine", "ok")]
    for _ in range(5):
        road.clock.ns += NS_PER_S
        asyncio.run(road.venue.resend())
    assert len(chain.submissions) == 3
    road.advance(3)
    assert isinstance(prove(road, bought)[0], Landed)
    road.clock.ns += NS_PER_S
    asyncio.run(road.venue.resend())
    assert len(chain.submissions) == 3


def test_a_buy_goes_out_again_for_a_shorter_time_than_a_sale():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    chain.grant(ME, mint, 10**12)
    chain.advance(3)
    chain.script(*[Fate("never")] * 2)
    bought, sold = submitted(road, buy(chain, mint)), submitted(road, sale(chain, mint, 10**12))
    for _ in range(40):
        road.clock.ns += NS_PER_S
        asyncio.run(road.venue.resend())
    times = [sum(signature == one.signature for signature, _, _ in chain.submissions) for one in (bought, sold)]
    assert times == [4, 21]


def test_an_answer_that_is_lost_is_no_loss():
    road = ready(use_rpc="never")
    chain, mint = road.chain, road.chain.launch()
    chain.script(Fate(answer="lost"))
    bought = placed(road, buy(chain, mint))
    assert isinstance(asyncio.run(road.venue.submit(bought.signature)), Unsent)
    road.advance(3)
    assert isinstance(prove(road, bought)[0], Landed)


def test_what_a_fork_took_back_goes_out_again():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    road.advance(3)
    bought = submitted(road, buy(chain, mint))
    road.advance(3)
    assert isinstance(prove(road, bought)[0], Landed)
    chain.fork(3, again=False)
    road.advance(6)
    asyncio.run(road.venue.check())
    assert road.gone == [bought.signature]
    assert chain.held(ME, mint) == 0
    asyncio.run(road.venue.resend())
    road.advance(3)
    assert chain.held(ME, mint) == bought.expected
    road.advance(40)
    prove(road, bought)
    asyncio.run(road.venue.check())
    assert road.venue.outbox.parcels == {}


def test_what_failed_before_a_fork_does_not_go_out_again():
    """Something else may have followed it since."""
    road = ready(use_engine=False, use_rpc="always")
    chain, mint = road.chain, road.chain.launch()
    road.advance(3)
    chain.script(Fate("fail", error={"InstructionError": [2, {"Custom": 6042}]}))
    bought = submitted(road, buy(chain, mint))
    road.advance(3)
    assert isinstance(prove(road, bought)[0], Failed)
    chain.fork(3, again=False)
    road.advance(6)
    asyncio.run(road.venue.check())
    assert road.gone == [bought.signature]
    handed = len(chain.submissions)
    for _ in range(3):
        road.clock.ns += NS_PER_S
        asyncio.run(road.venue.resend())
    assert len(chain.submissions) == handed
    assert chain.held(ME, mint) == 0


def test_a_sale_that_closed_its_trade_goes_out_again_where_a_fork_took_it_back():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    bought = submitted(road, buy(chain, mint))
    road.advance(3)
    sold = submitted(road, sale(chain, mint, bought.expected))
    road.advance(3)
    assert isinstance(prove(road, sold)[0], Landed)
    road.venue.heed(lambda signature: False)  # its trade is over
    road.venue.discard(sold.signature)
    chain.fork(3, again=False)
    road.advance(6)
    asyncio.run(road.venue.check())
    asyncio.run(road.venue.resend())
    road.advance(3)
    assert chain.held(ME, mint) == 0


def test_what_is_not_wanted_any_more_does_not_go_out_again():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    chain.script(*[Fate("never")] * 2)
    bought, other = (submitted(road, buy(chain, mint, order_id=f"t{number}.buy.1")) for number in (1, 2))
    road.venue.heed(lambda signature: signature == other.signature)
    road.clock.ns += 2 * NS_PER_S
    asyncio.run(road.venue.resend())
    again = [signature for signature, _, _ in chain.submissions[2:]]
    assert bought.signature not in again
    assert again == [other.signature]


def test_a_purchase_that_would_fail_is_not_given_to_a_node_and_a_sale_is():
    road = ready(use_rpc="fallback")
    chain, mint = road.chain, road.chain.launch()
    chain.grant(ME, mint, 10**12)
    chain.advance(3)

    async def simulated(bundle):
        raise EngineRefusedError("memory", Refusal(Meaning.WOULD_FAIL, "it would fail"))

    road.engine.submit = simulated
    bought, sold = placed(road, buy(chain, mint)), placed(road, sale(chain, mint, 10**12))
    assert isinstance(asyncio.run(road.venue.submit(bought.signature)), Unsent)
    assert asyncio.run(road.venue.submit(sold.signature)).via == "rpc"


def test_a_landing_that_is_final_leaves_nothing_behind():
    road = ready()
    bought = submitted(road, buy(road.chain, road.chain.launch()))
    road.advance(3)
    prove(road, bought)
    assert bought.signature in road.venue.outbox.parcels
    road.advance(40)
    asyncio.run(road.venue.check())
    assert road.venue.outbox.parcels == {}
    assert road.venue.prover.unfinal == {}


def test_the_wallets_own_history_is_found_without_any_row():
    road = ready()
    chain, mint, other = road.chain, road.chain.launch(), road.chain.launch()
    fills = []
    for number, part in enumerate((1, 2, 3)):
        asyncio.run(road.keeper.refresh("blockhash"))
        bought = submitted(road, buy(chain, mint, SOL // part, order_id=f"t{number}.buy.1"))
        submitted(road, buy(chain, other, SOL // part, order_id=f"t{number}0.buy.1"))
        chain.trade(mint, lamports=SOL)
        road.advance(3)
        fills.append(asyncio.run(road.venue.fill(bought.signature, mint, "buy")))
        road.advance(200)
    asyncio.run(road.keeper.refresh("blockhash"))
    chain.script(Fate("fail", error={"InstructionError": [3, {"Custom": 6002}]}))
    submitted(road, buy(chain, mint, order_id="t9.buy.1"))
    road.advance(3)
    found = asyncio.run(road.venue.found(mint, [fills[1].signature], 0))
    assert [one.signature for one in found] == [fills[0].signature, fills[2].signature]
    assert [one.cash for one in found] == [fills[0].cash, fills[2].cash]
    since = fills[2].details["block_ns"]
    late = asyncio.run(road.venue.found(mint, [], since))
    assert [one.signature for one in late] == [fills[2].signature]


def test_the_wallets_own_failures_are_found_without_any_row():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    bought = submitted(road, buy(chain, mint))
    road.advance(3)
    asyncio.run(road.keeper.refresh("blockhash"))
    before = chain.lamports(ME)
    chain.script(Fate("fail", error={"InstructionError": [3, {"Custom": 6003}]}))
    again = submitted(road, buy(chain, mint, order_id="t9.buy.1"))
    road.advance(3)
    assert bought.signature != again.signature
    (failure,) = asyncio.run(road.venue.failures(lambda signature: False, 0))
    assert (failure.signature, failure.asset, failure.cost) == (again.signature, mint, before - chain.lamports(ME))
    assert asyncio.run(road.venue.failures(lambda signature: signature == again.signature, 0)) == []
    road.advance(200)
    assert asyncio.run(road.venue.failures(lambda signature: False, chain.ns)) == []


def test_a_fill_that_is_not_there_yet_is_none_and_one_of_the_other_side_is_asked_for_again():
    road = ready()
    chain, mint = road.chain, road.chain.launch()
    bought = submitted(road, buy(chain, mint))
    assert asyncio.run(road.venue.fill(bought.signature, mint, "buy")) is None
    road.advance(3)
    with pytest.raises(AwayError, match="was to sell and is told as a buy"):
        asyncio.run(road.venue.fill(bought.signature, mint, "sell"))


def test_a_refreshed_context_is_what_orders_are_made_from():
    road = ready()
    chain = road.chain
    for kind in ({}, {"mayhem": True}, {"cashback": True}, {"holder_reward": True}):
        mint = chain.launch(reserves=START.bought(10**13, 10**9), **kind)
        road.advance(3)
        context = asyncio.run(road.venue.refresh(mint, {}))
        market = curve_market(mint, context)
        assert market.reserves == chain.coin(mint).reserves
        assert isinstance(placed(road, buy(chain, mint, context=context)), Drafted)
        assert msgspec.json.decode(msgspec.json.encode(context)) == context
    with pytest.raises(AwayError, match="no curve"):
        asyncio.run(road.venue.refresh(name_key("nobody's mint"), {}))


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 40))])
def test_a_storm_loses_no_lamport(seed):
    """Random orders under all faults: what the venue told, added up, is what the wallet lost and holds."""
    chain = Chain(
        random.Random(seed),
        faults=Faults(drop=0.2, never=0.1, fail=0.1, late=0.5, latest=60, lost=0.1, refuse=0.1, shuffle=0.3),
    )
    chain.fund(ME, 20 * SOL)
    mints = [chain.launch(f"{seed} {n}") for n in range(3)]
    chain.advance(3)
    start, dice = chain.lamports(ME), random.Random(1000 + seed)
    road = ready(chain, use_rpc=("never", "fallback", "always")[seed % 3], dead_margin=0)
    open_, cash, held = {}, 0, dict.fromkeys(mints, 0)
    for number in range(120):
        mint = dice.choice(mints)
        asyncio.run(road.keeper.refresh("blockhash"))
        if number < 60:
            side = "sell" if held[mint] and dice.random() < 0.4 else "buy"
            order = (
                buy(chain, mint, SOL // 20, order_id=f"t{number}.buy.1")
                if side == "buy"
                else sale(chain, mint, held[mint], order_id=f"t{number}.sell.1", slippage_bps=3_000)
            )
            drafted = placed(road, order)
            asyncio.run(road.venue.submit(drafted.signature))
            open_[drafted.signature] = (drafted, mint, side)
        if dice.random() < 0.3:
            chain.trade(mint, lamports=dice.randrange(SOL))
        asyncio.run(road.venue.resend())
        road.advance(dice.randrange(1, 5) if number < 100 else 12)
        for proof in asyncio.run(road.venue.prove({name: one[0].last_valid for name, one in open_.items()})):
            drafted, mint, side = open_.pop(proof.signature)
            if isinstance(proof, Failed):
                cash -= proof.cost
            elif isinstance(proof, Landed):
                fill = asyncio.run(road.venue.fill(proof.signature, mint, side))
                cash += fill.cash
                held[mint] += fill.quantity if side == "buy" else -fill.quantity
    assert open_ == {}
    assert chain.lamports(ME) == start + cash
    assert {mint: chain.held(ME, mint) for mint in mints} == held
    landed = [entry for entry in chain.entries() if entry.keys[0] == ME]
    assert len(landed) > 10
    chain.audit()
