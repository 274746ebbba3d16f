"""The dry run's venue: the same transactions, and fills by the same rule at a modelled moment."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from solders.keypair import Keypair

from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.curve.completion import MIGRATION_FEE
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import POOL_TOKENS, START, Reserves
from alphaloop.markets.pumpfun.live.execution import ExecutionSettings
from alphaloop.markets.pumpfun.live.facts import ChainFacts
from alphaloop.markets.pumpfun.live.paper_facts import PROGRAM, SLOT_NS
from alphaloop.markets.pumpfun.live.paper_market import PaperMarkets
from alphaloop.markets.pumpfun.live.paper_venue import PaperVenue
from alphaloop.markets.pumpfun.transactions import costs
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.trading.portfolio.records import Dead, Drafted, Failed, Landed, Refused, Sent, Unsent
from live_case import SOL, WALLET, small
from live_chain import Chain
from live_orders import Road, buy, sale

BALANCE = 5 * SOL
START_NS = 1_790_000_010 * NS_PER_S
KEY = Keypair.from_seed(b"p" * 32)


def paper(place=None, start_ns=START_NS, **chosen) -> PaperVenue:
    settings = ExecutionSettings(**{"paper": {"balance": BALANCE, "latency_s": 1.0, "jitter_s": 0.5}, **chosen})
    return PaperVenue(Signer(KEY), ChainFacts(), None, SteppedClock(start_ns), settings, place)


def market(**kind) -> tuple[Chain, str]:
    chain = small()
    return chain, chain.launch("paper", **kind)


def wait(venue: PaperVenue, seconds: float) -> None:
    venue.clock.ns += round(seconds * NS_PER_S)


def submitted(venue: PaperVenue, order) -> Drafted:
    drafted = venue.prepare(order, venue.clock.now_ns())
    assert isinstance(drafted, Drafted), drafted
    assert asyncio.run(venue.submit(drafted.signature)) == Sent(
        at_ns=venue.clock.now_ns(), signature=drafted.signature, via="paper"
    )
    return drafted


def prove(venue: PaperVenue, *drafted: Drafted):
    return asyncio.run(venue.prove({one.signature: one.last_valid for one in drafted}))


def with_reserves(context: dict, reserves: Reserves) -> dict:
    return context | {
        "virtual_sol": reserves.virtual_sol,
        "virtual_token": reserves.virtual_token,
        "real_sol": reserves.real_sol,
        "real_token": reserves.real_token,
    }


def test_paper_and_money_are_made_into_the_same_bytes_and_filled_alike():
    """The same order, facts and wallet on both; nobody else trades, so that both meet the same reserves."""
    chain, mint = market()
    road = asyncio.run(Road(chain).ready())
    twin = PaperVenue(Signer(WALLET), road.facts, road.rpc, road.clock, road.settings)
    twin.book.balance = chain.lamports(str(WALLET.pubkey()))
    for number in range(3):
        held = chain.held(str(WALLET.pubkey()), mint)
        order = sale(chain, mint, held) if number == 1 else buy(chain, mint, SOL // 2, order_id=f"t{number}.buy.1")
        told = [venue.prepare(order, road.clock.ns) for venue in (road.venue, twin)]
        assert told[0] == told[1]
        for venue in (road.venue, twin):
            asyncio.run(venue.submit(told[0].signature))
        road.advance(4)
        twin.know(mint, order.context, road.clock.ns)
        last_valid = {told[0].signature: told[0].last_valid}
        landed = [asyncio.run(venue.prove(last_valid)) for venue in (road.venue, twin)]
        assert [type(proofs[0]) for proofs in landed] == [Landed, Landed]
        real, made_up = (asyncio.run(venue.fill(told[0].signature, mint, order.side)) for venue in (road.venue, twin))
        rent = real.details["rent"] - made_up.details["rent"]
        assert rent == (costs.CREATOR_VAULT_RENT if number == 0 else 0), "the creator's vault is taken to be there"
        # The chain tells whole seconds, and by its own clock.
        assert abs(real.filled_ns - made_up.filled_ns) < 2 * NS_PER_S
        same = {"cash": made_up.cash - rent, "filled_ns": real.filled_ns, "details": {}}
        assert msgspec.structs.replace(real, details={}) == msgspec.structs.replace(made_up, **same)
        for name in ("venue", "fee", "creator_fee", "network", "tip"):
            assert real.details[name] == made_up.details[name]
        assert asyncio.run(twin.holdings()) == asyncio.run(road.venue.holdings())
        twin.book.balance -= rent
        assert asyncio.run(twin.balance()) == asyncio.run(road.venue.balance())


def test_a_trade_meets_the_reserves_that_are_known_when_it_lands():
    chain, mint = market()
    venue = paper()
    order = buy(chain, mint, slippage_bps=5_000)
    bought = submitted(venue, order)
    moved = [START.bought(10**12 * n, 10**8 * n) for n in (1, 2, 3)]
    times = [venue.clock.ns + round(s * NS_PER_S) for s in (0.4, 0.99, 1.6)]
    for reserves, at_ns in zip(moved, times, strict=True):
        venue.know(mint, with_reserves(order.context, reserves), at_ns)
    wait(venue, 0.999)
    assert prove(venue, bought) == []
    wait(venue, 0.6)
    (landed,) = prove(venue, bought)
    lands_ns = venue.book.done[bought.signature].movement.block_ns
    assert 1.0 <= (lands_ns - START_NS) / NS_PER_S <= 1.5
    assert landed == Landed(at_ns=venue.clock.ns, signature=bought.signature, slot=lands_ns // SLOT_NS)
    fill = asyncio.run(venue.fill(bought.signature, mint, "buy"))
    quote = buy_exact_in(moved[1], SOL)
    assert (fill.quantity, fill.traded) == (quote.token_amount, quote.total)
    rent = costs.TOKEN_2022_ACCOUNT_RENT + costs.USER_VOLUME_RENT
    assert fill.cash == -(quote.total + bought.network + bought.tip + rent)
    assert asyncio.run(venue.balance()) == BALANCE + fill.cash
    assert asyncio.run(venue.holdings()) == {mint: quote.token_amount}
    venue.know(mint, with_reserves(order.context, moved[2]), venue.clock.ns)
    sold = submitted(venue, sale(chain, mint, fill.quantity, slippage_bps=5_000))
    wait(venue, 2)
    assert isinstance(prove(venue, sold)[0], Landed)
    fill = asyncio.run(venue.fill(sold.signature, mint, "sell"))
    assert fill.traded == sell(moved[2], fill.quantity).total
    assert fill.cash == fill.traded - sold.network - sold.tip
    assert (fill.remaining, asyncio.run(venue.holdings())) == (0, {})


@pytest.mark.parametrize("road", ["engine", "node"])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_slippage_fails_as_on_the_chain(road, side):
    chain, mint = market()
    venue = paper(use_rpc="fallback" if road == "engine" else "always")
    venue.book.held[mint] = 10**13
    order = buy(chain, mint) if side == "buy" else sale(chain, mint, 10**13)
    told = submitted(venue, order)
    moved = START.bought(10**14, 10**10) if side == "buy" else START.sold(10**14, 3 * 10**9)
    venue.know(mint, with_reserves(order.context, moved), venue.clock.ns + 1)
    wait(venue, 2)
    if road == "node":
        (failed,) = prove(venue, told)
        code = 6042 if side == "buy" else 6003
        assert isinstance(failed, Failed)
        assert f"({code}) in trade" in failed.reason
        assert (failed.remedy, failed.cost) == ("requote", told.network)
        assert asyncio.run(venue.balance()) == BALANCE - told.network
    else:
        assert prove(venue, told) == []
        wait(venue, (150 + venue.settings.dead_margin) * 0.4 - 2.4)
        assert prove(venue, told) == []
        wait(venue, 0.8)
        assert prove(venue, told) == [Dead(at_ns=venue.clock.ns, signature=told.signature)]
        assert asyncio.run(venue.balance()) == BALANCE
    assert asyncio.run(venue.fill(told.signature, mint, side)) is None
    assert asyncio.run(venue.holdings()) == {mint: 10**13}


@pytest.mark.parametrize(
    ("change", "code", "remedy"),
    [
        ({"complete": True}, 6005, "use_pool"),
        ({"real_token": 0}, 6005, "use_pool"),
        ({"token_program": ""}, 0, "give_up"),
    ],
)
def test_other_failures_have_the_chains_codes(change, code, remedy):
    chain, mint = market()
    venue = paper(use_rpc="always")
    venue.book.held[mint] = 10**12
    order = sale(chain, mint, 10**12)
    told = submitted(venue, order)
    venue.know(mint, order.context | change, venue.clock.ns + 1)
    wait(venue, 2)
    (failed,) = prove(venue, told)
    assert (failed.remedy, f"({code})" in failed.reason or f" {code}" in failed.reason) == (remedy, True)


def test_what_is_not_there_cannot_be_spent_or_sold():
    chain, mint = market()
    venue = paper(use_rpc="always")
    sold = submitted(venue, sale(chain, mint, 10**12))
    bought = submitted(venue, buy(chain, mint, BALANCE))
    wait(venue, 2)
    told = {proof.signature: proof for proof in prove(venue, sold, bought)}
    assert told[sold.signature].remedy == "check_holding"
    assert told[bought.signature].remedy == "fund"


def test_two_sales_of_one_holding_come_true_once():
    chain, mint = market()
    venue = paper(use_rpc="always")
    venue.book.held[mint] = 10**12
    sold = [submitted(venue, sale(chain, mint, 10**12, order_id=f"t1.sell.{n}", tip_factor=n)) for n in (1, 2)]
    wait(venue, 2)
    kinds = sorted(type(proof).__name__ for proof in prove(venue, *sold))
    assert kinds == ["Failed", "Landed"]
    assert asyncio.run(venue.holdings()) == {}


def test_the_same_clock_and_states_give_the_same_history():
    def history():
        chain, mint = market()
        venue, told = paper(), []
        for number in range(12):
            order = buy(chain, mint, SOL // 20, order_id=f"t{number}.buy.1")
            order = msgspec.structs.replace(
                order, context=with_reserves(order.context, START.bought(10**11 * number, 10**7 * number))
            )
            told.append(submitted(venue, order))
            wait(venue, 0.3)
            told += prove(venue, *(one for one in told if isinstance(one, Drafted)))
        return told, msgspec.json.encode(venue.book)

    assert history() == history()


def test_submitting_twice_does_nothing_twice_and_thrown_away_bytes_are_gone():
    chain, mint = market()
    venue = paper()
    bought = submitted(venue, buy(chain, mint))
    pending = dict(venue.book.pending)
    wait(venue, 0.5)
    assert isinstance(asyncio.run(venue.submit(bought.signature)), Sent)
    assert venue.book.pending == pending
    venue.discard(bought.signature)
    other = venue.prepare(buy(chain, mint, order_id="t2.buy.1"), venue.clock.ns)
    venue.discard(other.signature)
    assert isinstance(asyncio.run(venue.submit(other.signature)), Unsent)
    wait(venue, 2)
    assert len(prove(venue, bought)) == 1
    assert isinstance(asyncio.run(venue.submit(bought.signature)), Sent)
    assert asyncio.run(venue.holdings())[mint] == bought.expected


def test_a_kill_loses_nothing_that_was_submitted(tmp_path):
    chain, mint = market()
    place = tmp_path / "paper.json"
    venue = paper(place)
    bought = submitted(venue, buy(chain, mint))
    never = venue.prepare(buy(chain, mint, order_id="t2.buy.1"), venue.clock.ns)
    again = paper(place, START_NS + 2 * NS_PER_S)
    assert isinstance(asyncio.run(again.submit(never.signature)), Unsent)
    (landed,) = prove(again, bought, never)
    assert isinstance(landed, Landed)
    assert asyncio.run(again.holdings()) == {mint: bought.expected}
    third = paper(place, START_NS + 90 * NS_PER_S)
    assert asyncio.run(third.balance()) == asyncio.run(again.balance()) < BALANCE
    fills = asyncio.run(third.found(mint, [], 0))
    assert [fill.signature for fill in fills] == [bought.signature]
    assert asyncio.run(third.found(mint, [bought.signature], 0)) == []
    assert asyncio.run(third.found("another", [], 0)) == []
    assert prove(third, never) == [Dead(at_ns=third.clock.ns, signature=never.signature)]


def test_a_file_that_is_no_book_is_refused(tmp_path):
    place = tmp_path / "paper.json"
    place.write_text('{"balance": "much"}')
    with pytest.raises(InputError, match="move it away"):
        paper(place)


@pytest.mark.parametrize("told", [{}, {"pool": {"base": 10**14, "quote": 60 * SOL}}])
def test_after_graduation_it_sells_in_the_pool(told):
    chain, mint = market()
    venue = paper(use_rpc="always")
    venue.book.held[mint] = 10**12
    done = Reserves(279_900_000_000_000, 115_005_359_057, 0, 85_005_359_057)
    order = sale(chain, mint, 10**12)
    context = with_reserves(order.context, done) | {"complete": True} | told
    order = msgspec.structs.replace(order, context=context)
    if not told:
        refused = venue.prepare(order, venue.clock.ns)
        assert isinstance(refused, Refused)
        assert refused.remedy == "use_pool"
        order = msgspec.structs.replace(order, venue="pool")
    venue.know(mint, context, venue.clock.ns)
    context = asyncio.run(venue.refresh(mint, order.context))
    # Where its pool is known it is sold there at once, whatever the trade thinks so far.
    sold = submitted(venue, msgspec.structs.replace(order, context=context))
    assert sold.venue == "pool"
    wait(venue, 2)
    assert isinstance(prove(venue, sold)[0], Landed)
    fill = asyncio.run(venue.fill(sold.signature, mint, "sell"))
    pool = told.get("pool", {"base": POOL_TOKENS, "quote": 85_005_359_057 - MIGRATION_FEE})
    gross = 10**12 * pool["quote"] // (pool["base"] + 10**12)
    charges = sum(-(-gross * bps // 10_000) for bps in (20, 5, 5))
    assert fill.traded == sold.expected == gross - charges
    assert fill.details["venue"] == "pool"
    refused = venue.prepare(buy(chain, mint, venue="pool", context=context), venue.clock.ns)
    assert refused.remedy == "give_up"


def test_states_may_come_in_any_order_and_old_ones_are_forgotten():
    markets = PaperMarkets()
    for known_ns in (30, 10, 20):
        markets.know("a", {"known": known_ns}, known_ns)
    assert [markets.at("a", at)["known"] for at in (9, 10, 19, 20, 31)] == [10, 10, 10, 20, 30]
    assert markets.newest("a") == {"known": 30}
    assert markets.at("b", 5) is None
    markets.know("a", {}, 99)
    assert markets.newest("a") == {"known": 30}
    for number in range(100):
        markets.know("a", {"known": number}, 100 + number)
    assert markets.at("a", 10)["known"] == 36


def test_the_program_of_record_is_whole():
    keys = {*PROGRAM.settings.fee_recipients, *PROGRAM.settings.mayhem_fee_recipients}
    keys |= set(PROGRAM.settings.buyback_fee_recipients)
    assert len(keys) == 24
