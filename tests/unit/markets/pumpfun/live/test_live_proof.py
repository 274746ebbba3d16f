"""What is proved of transactions, and what is not."""

from __future__ import annotations

import asyncio

import pytest

from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.live.proof import Prover
from alphaloop.markets.pumpfun.live.remedies import ENGINE_REMEDIES, parts_of
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions.envelope import Envelope
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn
from alphaloop.trading.portfolio.records import Dead, Failed, Landed
from live_case import ME, SOL, seal, small
from live_chain import Chain, Fate
from live_node import Node, Wire

MARGIN = 8


def prover(chain: Chain, *lags: int, gone: list[str] | None = None) -> Prover:
    nodes = [Node(chain, lag) for lag in lags or (0,)]
    said = gone if gone is not None else []
    return Prover(ChainRpc(Wire(nodes)), ME, SteppedClock(5), dead_margin=MARGIN, rolled_back=said.append)


def ask(found: Prover, *envelopes: Envelope) -> list:
    last_valid = {one.signature: one.lifetime.last_valid_block_height for one in envelopes}
    return asyncio.run(found.prove(last_valid))


def test_landed_is_told_once_confirmed_and_not_before():
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain)
    assert ask(found, envelope) == []
    chain.submit(envelope.wire)
    told = []
    for _ in range(3):
        chain.advance()
        told.append(ask(found, envelope))
    slot = chain.landed(envelope.signature).slot
    assert told == [[], [], [Landed(at_ns=5, signature=envelope.signature, slot=slot)]]


@pytest.mark.parametrize("parts_known", [True, False])
def test_failed_tells_the_reason_the_remedy_and_the_cost(parts_known):
    chain = small()
    envelope, found = seal(chain, chain.launch(), Buy(10**13, 1), price=250_000), prover(chain)
    chain.submit(envelope.wire)
    chain.advance(3)
    (failed,) = ask(found, envelope)
    assert failed == Failed(
        at_ns=5,
        signature=envelope.signature,
        reason="TooMuchSolRequired (6002) in trade",
        remedy="requote",
        cost=5_000 + 35_000,
    )
    assert parts_of(chain.transaction(envelope.signature)) == envelope.parts


def test_every_remedy_of_the_chain_has_a_word_of_the_engine():
    assert set(ENGINE_REMEDIES.values()) <= {
        "requote", "use_pool", "refresh", "check_holding", "fund", "give_up", "wait",
    }  # fmt: skip


def test_a_failure_without_its_transaction_waits_for_it():
    chain = small()
    envelope = seal(chain, chain.launch(), Buy(10**13, 1))
    chain.submit(envelope.wire)
    chain.advance(3)
    nodes = [Node(chain, forgets=True), Node(chain, forgets=True)]
    found = Prover(ChainRpc(Wire(nodes)), ME, SteppedClock(5))
    assert ask(found, envelope) == []
    for node in nodes:
        node.forgets = False
    assert isinstance(ask(found, envelope)[0], Failed)


def test_a_failure_that_nobody_can_read_holds_up_no_other_proof():
    chain = small()
    bad, good = seal(chain, chain.launch(), Buy(10**13, 1)), seal(chain, chain.launch("other"), BuyExactIn(SOL, 1))
    for envelope in (bad, good):
        chain.submit(envelope.wire)
    chain.advance(3)
    found, read = prover(chain), ChainRpc.transaction

    async def cut(rpc, signature):
        answer = await read(rpc, signature)
        return None if answer is None else {**answer, "meta": None}

    last_valid = {one.signature: one.lifetime.last_valid_block_height for one in (bad, good)}
    found.rpc.transaction = cut.__get__(found.rpc)
    (landed,) = asyncio.run(found.prove(last_valid))
    assert landed.signature == good.signature
    found.rpc.transaction = read.__get__(found.rpc)
    assert {type(one) for one in asyncio.run(found.prove(last_valid))} == {Failed, Landed}


def test_dead_only_beyond_the_last_block_and_its_margin():
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain)
    last = envelope.lifetime.last_valid_block_height
    chain.advance(last + MARGIN - chain.block_height())
    assert chain.block_height() == last + MARGIN
    assert ask(found, envelope) == []
    chain.advance()
    assert ask(found, envelope) == [Dead(at_ns=5, signature=envelope.signature)]


def test_what_lands_in_its_last_block_is_landed():
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain)
    chain.script(Fate(blocks=envelope.lifetime.last_valid_block_height - chain.head.height - 1))
    chain.submit(envelope.wire)
    chain.advance(160)
    assert chain.landed(envelope.signature).height == envelope.lifetime.last_valid_block_height
    assert isinstance(ask(found, envelope)[0], Landed)


def test_what_landed_long_ago_is_found_in_the_whole_history():
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain)
    chain.submit(envelope.wire)
    chain.advance(400)
    assert chain.statuses([envelope.signature], search=False) == [None]
    assert isinstance(ask(found, envelope)[0], Landed)


@pytest.mark.parametrize("lags", [(0, 300), (300, 0), (0, 300, 0), (300, 0, 0)])
def test_a_node_that_is_behind_calls_nothing_dead(lags):
    """One node tells the height, another, which has not seen the landing yet, the statuses."""
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain, *lags)
    chain.submit(envelope.wire)
    chain.advance(200)
    for _ in range(8):
        for proof in ask(found, envelope):
            assert isinstance(proof, Landed)


def test_a_road_that_is_closed_proves_nothing():
    chain = small()
    envelope = seal(chain, chain.launch(), BuyExactIn(SOL, 1))
    found = Prover(ChainRpc(Wire([Node(chain)], away=1)), ME, SteppedClock(5))
    with pytest.raises(AwayError, match="no endpoint answered"):
        ask(found, envelope)


def test_a_landing_that_a_fork_takes_back_is_told_until_it_is_final():
    chain, gone = small(), []
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain, gone=gone)
    chain.submit(envelope.wire)
    chain.advance(3)
    assert isinstance(ask(found, envelope)[0], Landed)
    assert asyncio.run(found.recheck()) == []
    chain.fork(4, again=False)
    chain.advance(2)
    assert asyncio.run(found.recheck()) == [], "the height has not passed the landing yet"
    chain.advance(5)
    assert asyncio.run(found.recheck()) == gone == [envelope.signature]
    assert found.rollbacks == 1
    assert asyncio.run(found.recheck()) == []


def test_a_landing_that_comes_out_differently_after_a_fork_is_told():
    chain, gone = small(), []
    mint = chain.launch()
    chain.advance(3)
    envelope, found = seal(chain, mint, Buy(10**13, SOL)), prover(chain, gone=gone)
    chain.submit(envelope.wire)
    chain.advance(3)
    assert isinstance(ask(found, envelope)[0], Landed)
    chain.fork(3)
    chain.trade(mint, lamports=40 * SOL)
    chain.advance(4)
    assert chain.landed(envelope.signature).err is not None
    assert asyncio.run(found.recheck()) == gone == [envelope.signature]


def test_what_is_final_is_looked_at_no_more():
    chain = small()
    envelope, found = seal(chain, chain.launch(), BuyExactIn(SOL, 1)), prover(chain)
    chain.submit(envelope.wire)
    chain.advance(3)
    ask(found, envelope)
    assert envelope.signature in found.unfinal
    chain.advance(40)
    asyncio.run(found.recheck())
    assert found.unfinal == {}
