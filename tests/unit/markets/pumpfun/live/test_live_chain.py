"""The model of the chain itself: it must refuse what the chain refuses, and lose no lamport."""

from __future__ import annotations

import pytest

from alphaloop.markets.pumpfun.curve.accounts import read_curve, read_fee_table, read_global
from alphaloop.markets.pumpfun.curve.fees import TODAY
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, buy_tokens, sell
from alphaloop.markets.pumpfun.curve.reserves import START, Reserves
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import costs
from alphaloop.markets.pumpfun.transactions.coins import read_coin
from alphaloop.markets.pumpfun.transactions.envelope import COMPUTE_UNITS
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Sell
from alphaloop.markets.pumpfun.wire.decode import decode
from alphaloop.markets.pumpfun.wire.transactions import scan_transaction
from live_case import ME, SOL, TIP, bytes_of, seal, small
from live_chain import AnswerLost, Fate, Refusal

KINDS = [
    ({"token_program": str(at.TOKEN)}, "legacy"),
    ({}, "legacy"),
    ({}, "v2"),
    ({}, "v3"),
    ({"cashback": True}, "legacy"),
    ({"cashback": True}, "v2"),
    ({"mayhem": True}, "v2"),
    ({"mayhem": True}, "v3"),
    ({"holder_reward": True}, "v2"),
    ({"account_bytes": 151}, "legacy"),
]


@pytest.mark.parametrize(("kind", "generation"), KINDS)
def test_a_round_trip_moves_exactly_what_the_curve_says(kind, generation):
    chain = small()
    mint = chain.launch(**kind)
    quote = buy_exact_in(START, SOL, chain.coin(mint).fees())
    chain.submit(seal(chain, mint, BuyExactIn(SOL, quote.token_amount), generation).wire, "engine")
    (entry,) = chain.advance()
    assert entry.err is None
    assert chain.held(ME, mint) == quote.token_amount
    assert chain.coin(mint).reserves == quote.after
    fee = costs.network_fee(COMPUTE_UNITS[generation], 100_000)
    token_account = costs.rent(165 if kind.get("token_program") else 170)
    vault = 0 if kind.get("cashback") or generation == "v3" else costs.rent(0)
    growth = costs.rent(166) - costs.rent(kind.get("account_bytes", 166))
    rents = token_account + costs.USER_VOLUME_RENT + vault + growth
    assert 10 * SOL - chain.lamports(ME) == quote.total + fee + TIP + rents
    chain.audit()
    back = sell(quote.after, quote.token_amount, chain.coin(mint).fees())
    before = chain.lamports(ME)
    chain.submit(seal(chain, mint, Sell(quote.token_amount, back.total), generation).wire, "engine")
    (entry,) = chain.advance()
    assert entry.err is None
    assert chain.lamports(ME) - before == back.total - fee - TIP
    assert chain.held(ME, mint) == 0
    chain.audit()


def test_its_accounts_are_those_that_the_decoders_read():
    chain = small()
    mint = chain.launch(reserves=START.bought(10**13, 10**9))
    curve = read_curve(bytes_of(chain, chain.coin(mint).curve))
    assert curve.reserves == START.bought(10**13, 10**9)
    assert curve.creator == chain.coin(mint).creator
    assert read_fee_table(bytes_of(chain, at.FEE_CONFIG)).fees(10**10) == TODAY
    assert len(read_global(bytes_of(chain, at.GLOBAL)).buyback_fee_recipients) == 8
    assert chain.account(mint)["owner"] == str(at.TOKEN_2022)


def test_its_transactions_are_those_that_the_scanner_reads():
    chain = small()
    mint = chain.launch()
    signature = chain.submit(seal(chain, mint, BuyExactIn(SOL, 1)).wire)
    chain.advance()
    assert chain.transaction(signature) is None
    chain.advance(2)
    scan = scan_transaction(chain.transaction(signature), 5)
    (trade,) = [decode(record) for record in scan.records]
    assert (trade.wallet, trade.mint, trade.is_buy, trade.signature) == (ME, mint, True, signature)
    assert trade.wallet_sol == buy_exact_in(START, SOL).total
    assert trade.virtual_sol == chain.coin(mint).reserves.virtual_sol


@pytest.mark.parametrize(
    ("order", "generation", "code"),
    [
        (Buy(10**13, 1), "legacy", 6002),
        (BuyExactIn(SOL, 10**15), "v2", 6042),
        (BuyExactIn(SOL, 10**15), "v3", 6042),
        (Sell(10**10, 0), "legacy", 3012),
        (Buy(794 * 10**12, 100 * SOL), "v2", 6021),
    ],
)
def test_what_the_program_refuses_costs_the_network_fee_by_rpc_and_nothing_by_the_engine(order, generation, code):
    chain = small()
    mint = chain.launch()
    envelope = seal(chain, mint, order, generation)
    chain.submit(envelope.wire, "engine")
    assert chain.advance(5) == []
    assert chain.lamports(ME) == 10 * SOL
    assert str(code) in chain.dropped[envelope.signature]
    chain.submit(envelope.wire, "rpc")
    (entry,) = chain.advance()
    assert entry.err == {"InstructionError": [envelope.parts.index("trade"), {"Custom": code}]}
    assert chain.lamports(ME) == 10 * SOL - envelope.terms.fee
    assert entry.events == []
    chain.audit()


def test_a_complete_curve_and_a_cashback_coin_in_v3_are_refused():
    chain = small()
    done = chain.launch(reserves=Reserves(279_900_000_000_000, 115_005_359_057, 0, 85_005_359_057))
    coin = read_coin(chain.launch(), str(at.TOKEN_2022), bytes_of(chain, chain.coin(chain.launch("x")).curve))[0]
    assert coin.token_program == at.TOKEN_2022
    assert chain.coin(done).complete
    chain.migrate(done)
    assert chain.coin(done).pool == (206_900_000_000_000, 84_990_359_056)
    chain.audit()


def test_the_end_of_a_curve_in_the_third_generation():
    chain = small()
    chain.fund(ME, 100 * SOL)
    mint = chain.launch()
    chain.submit(seal(chain, mint, BuyExactIn(90 * SOL, 1), "v3").wire)
    (entry,) = chain.advance()
    chain.advance(2)
    kinds = [
        type(decode(record)).__name__ for record in scan_transaction(chain.transaction(entry.signature), 1).records
    ]
    assert kinds == ["Trade", "Complete", "PostCompleteBuy"]
    assert chain.coin(mint).complete
    chain.audit()


def test_changed_bytes_and_wrong_accounts_do_nothing():
    chain = small()
    mint = chain.launch()
    envelope = seal(chain, mint, Buy(10**13, SOL))
    chain.submit(envelope.wire[:-2] + b"\1" + envelope.wire[-1:])
    assert chain.advance(3) == []
    assert list(chain.dropped.values()) == ["signature"]
    with pytest.raises(Refusal, match="decoded"):
        chain.submit(envelope.wire[:-5])
    other = seal(chain, chain.launch("other"), Buy(10**13, SOL))
    assert other.signature != envelope.signature


def test_a_transaction_lands_once_until_its_blockhash_is_old():
    chain = small()
    mint = chain.launch()
    envelope = seal(chain, mint, BuyExactIn(SOL, 1))
    for _ in range(3):
        chain.submit(envelope.wire)
    assert len(chain.advance(5)) == 1
    with pytest.raises(Refusal, match="already processed"):
        chain.submit(envelope.wire, "engine")
    late = seal(chain, mint, BuyExactIn(SOL, 2))
    last = late.lifetime.last_valid_block_height
    chain.advance(last - chain.head.height - 1)
    chain.submit(late.wire)
    assert [entry.height for entry in chain.advance(1)] == [last]
    later = seal(chain, mint, BuyExactIn(SOL, 3))
    chain.advance(later.lifetime.last_valid_block_height - chain.head.height)
    chain.submit(later.wire)
    assert chain.advance(3) == []
    assert chain.dropped[later.signature] == "expired"


def test_fates_are_kept():
    chain = small()
    mint = chain.launch()
    made = [seal(chain, mint, BuyExactIn(SOL // 10, n)) for n in range(1, 7)]
    chain.script(
        Fate("drop"), Fate("never"), Fate(blocks=4), Fate("fail", error={"InstructionError": [3, {"Custom": 6002}]}),
        Fate(answer="lost"), Fate(answer="congested"),
    )  # fmt: skip
    for envelope in made[:4]:
        assert chain.submit(envelope.wire, "engine") == envelope.signature
    with pytest.raises(AnswerLost):
        chain.submit(made[4].wire)
    with pytest.raises(Refusal) as refused:
        chain.submit(made[5].wire)
    assert refused.value.kind == "congested"
    assert [entry.signature for entry in chain.advance(1)] == [made[3].signature, made[4].signature]
    assert chain.landed(made[3].signature).err is not None
    assert [entry.signature for entry in chain.advance(4)] == [made[2].signature]
    for envelope in made[:2]:
        chain.submit(envelope.wire)
    assert [entry.signature for entry in chain.advance(4)] == [made[0].signature]
    chain.audit()


def test_commitments_and_the_cache_of_statuses():
    chain = small()
    envelope = seal(chain, chain.launch(), BuyExactIn(SOL, 1))
    chain.submit(envelope.wire)
    told = []
    for blocks in (1, 1, 1, 30, 300):
        chain.advance(blocks)
        (status,) = chain.statuses([envelope.signature], search=False)
        told.append(status and (status["confirmationStatus"], status["confirmations"]))
    assert told == [("processed", 0), ("processed", 1), ("confirmed", 2), ("finalized", None), None]
    assert chain.statuses([envelope.signature, "unknown"])[0]["confirmationStatus"] == "finalized"
    assert chain.statuses(["unknown"]) == [None]


@pytest.mark.parametrize("again", [True, False])
def test_a_fork_takes_everything_back(again):
    chain = small()
    mint = chain.launch()
    envelope = seal(chain, mint, BuyExactIn(SOL, 1))
    chain.submit(envelope.wire)
    chain.advance(2)
    assert chain.fork(2, again=again) == [envelope.signature]
    assert (chain.held(ME, mint), chain.lamports(ME)) == (0, 10 * SOL)
    assert chain.statuses([envelope.signature]) == [None]
    chain.audit()
    landed = chain.advance(3)
    assert bool(landed) == again
    assert (chain.held(ME, mint) > 0) == again
    chain.audit()


def test_strangers_move_the_price_before_us():
    chain = small()
    mint = chain.launch()
    order = Buy(10**13, buy_tokens(START, 10**13).total)
    chain.submit(seal(chain, mint, order).wire)
    chain.trade(mint, lamports=5 * SOL)
    first, second = chain.advance()
    assert first.err is None
    assert second.err == {"InstructionError": [3, {"Custom": 6002}]}
    chain.trade(mint, tokens=10**12)
    assert chain.advance()[0].err is None
    chain.audit()


def history(seed: int) -> list[object]:
    chain = small(seed, drop=0.1, never=0.05, fail=0.1, late=0.4, lost=0.1, refuse=0.1, shuffle=0.5, skip_slot=0.1)
    mint, told = chain.launch("one"), []
    for step in range(40):
        if step % 2:
            chain.trade(mint, lamports=SOL // 10)
        envelope = seal(chain, mint, BuyExactIn(SOL // 50, 1 + step), "v2", lot=step)
        try:
            chain.submit(envelope.wire, "engine" if step % 3 else "rpc")
        except (Refusal, AnswerLost) as refused:
            told.append(str(refused))
        told += [(entry.signature, entry.slot, entry.err) for entry in chain.advance(1 + step % 3)]
        if step == 20:
            told += chain.fork(2)
    chain.audit()
    return [*told, chain.ledger, chain.dropped]


def test_one_seed_is_one_history():
    assert history(3) == history(3)
    assert history(3) != history(4)
