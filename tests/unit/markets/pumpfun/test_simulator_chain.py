"""The simulated chain: the same bytes for the same seed, and nothing that the real program would refuse."""

from __future__ import annotations

from itertools import pairwise

import pytest

from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import START, Reserves
from alphaloop.markets.pumpfun.events import AmmTrade, Complete, Create, Migration, Trade
from alphaloop.markets.pumpfun.simulator.chain import Chain, events
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.decode import decode

SMALL = SimulationSettings.small(days=0.25, seed=5)


@pytest.fixture(scope="module")
def records():
    return list(events(SMALL))


@pytest.fixture(scope="module")
def decoded(records):
    return [decode(record) for record in records]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(records):
    assert list(events(SMALL)) == records
    other = next(iter(events(SMALL.model_copy(update={"seed": 6}))))
    assert other.data != records[0].data


def test_a_longer_run_begins_like_a_shorter_one(records):
    longer = Chain(SMALL.model_copy(update={"days": 0.5})).records()
    cut = SMALL.start_ns + int(0.24 * 86_400e9)
    for record, again in zip(records, longer, strict=False):
        if record.known_ns > cut:
            break
        assert record == again


def test_known_times_strictly_increase_and_follow_the_block(records, decoded):
    assert all(a.known_ns < b.known_ns and a.slot <= b.slot for a, b in pairwise(records))
    assert all(0 < event.known_ns - event.event_ns < 6e9 for event in decoded)
    keys = {(record.signature, record.log_index) for record in records}
    assert len(keys) == len(records)


def test_every_kind_of_event_is_there(decoded):
    kinds = {type(event) for event in decoded}
    assert {Create, Trade} <= kinds
    done = {event.mint for event in decoded if isinstance(event, Complete)}
    assert {event.mint for event in decoded if isinstance(event, Migration)} <= done
    pools = {event.pool for event in decoded if isinstance(event, Migration)}
    assert {event.pool for event in decoded if isinstance(event, AmmTrade)} <= pools


def test_reserves_carry_on_from_trade_to_trade_exactly(decoded):
    held: dict[str, Reserves] = {}
    completed: set[str] = set()
    for event in decoded:
        if isinstance(event, Create):
            held[event.mint] = START
        elif isinstance(event, Complete):
            completed.add(event.mint)
        elif isinstance(event, Trade):
            assert event.mint not in completed
            before = held[event.mint]
            change = (event.token_amount, event.sol_amount)
            after = before.bought(*change) if event.is_buy else before.sold(*change)
            found = Reserves(event.virtual_token, event.virtual_sol, event.real_token, event.real_sol)
            if not event.mayhem:
                assert after == found
                assert event.cashback == 0 or event.creator_fee == 0
            held[event.mint] = found


def test_charges_and_amounts_are_those_of_the_curve(decoded):
    held: dict[str, Reserves] = {}
    checked = 0
    for event in decoded:
        if not isinstance(event, Trade) or event.mayhem or event.cashback:
            continue
        before = held.get(event.mint, START)
        if event.is_buy and event.real_token:
            quote = buy_exact_in(before, event.wallet_sol)
            assert abs(quote.token_amount - event.token_amount) <= quote.token_amount * 1e-6 + 2
            checked += 1
        elif not event.is_buy:
            quote = sell(before, event.token_amount)
            assert (quote.sol_amount, quote.fee, quote.creator_fee) == (
                event.sol_amount,
                event.fee,
                event.creator_fee,
            )
            checked += 1
        held[event.mint] = Reserves(event.virtual_token, event.virtual_sol, event.real_token, event.real_sol)
    assert checked > 1_000


def test_nobody_sells_what_they_do_not_have(decoded):
    balance: dict[tuple[str, str], int] = {}
    mint_of = {event.pool: event.mint for event in decoded if isinstance(event, Migration)}
    for event in decoded:
        if isinstance(event, Trade | AmmTrade):
            key = (event.wallet, event.mint or mint_of[event.pool])
            balance[key] = balance.get(key, 0) + (event.token_amount if event.is_buy else -event.token_amount)
            assert balance[key] >= 0
