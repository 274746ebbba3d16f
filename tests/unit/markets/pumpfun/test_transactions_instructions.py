"""Kinds of coins and what is refused; orders and their limits; the choice of instructions."""

from __future__ import annotations

import hashlib

import pytest
from solders.pubkey import Pubkey

from alphaloop.core.errors import DataError, InputError, RefusedError
from alphaloop.markets.pumpfun.curve.accounts import CURVE_MARK, USDC, WRAPPED_SOL, Global
from alphaloop.markets.pumpfun.curve.completion import buy_tokens_through
from alphaloop.markets.pumpfun.curve.quotes import (
    BUY_ZERO,
    COMPLETE,
    SELL_ZERO,
    QuoteError,
    buy_exact_in,
    buy_tokens,
    sell,
)
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY, Reserves
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import legacy, v2, v3
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties, UnknownKindError, parties, read_coin
from alphaloop.markets.pumpfun.transactions.failures import read_failure
from alphaloop.markets.pumpfun.transactions.instructions import generation_for, possible, trade_instruction
from alphaloop.markets.pumpfun.transactions.orders import Buy, BuyExactIn, Sell, buy_at, sell_at, spend_at
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, to_bytes

MINT = at.key("8zz8eLTvPU2Ajx6UnbaqcKgxy9VXiY3sMKbD5AKVmXcm")
CREATOR = at.key("2pDi6vsNu3VVZ3mgmdPA7jFpWhLdvfPgqkm92zQbUXWg")
USER, FEE, BUYBACK = (Pubkey.from_bytes(bytes([n]) * 32) for n in (1, 2, 3))
WHO = Parties(USER, FEE, BUYBACK)
PLAIN = Coin(MINT, at.TOKEN_2022, CREATOR)


def account(creator=str(CREATOR), quote=ZERO_KEY, flags=(0, 0), holder=0, complete=0, depth=0, length=166) -> bytes:
    """A bonding-curve account; flags are mayhem and cashback."""
    data = CURVE_MARK + b"".join(
        n.to_bytes(8, "little") for n in (*[START.virtual_token, START.virtual_sol], 1, 0, SUPPLY)
    )
    data += bytes([complete]) + to_bytes(creator) + bytes(flags) + to_bytes(quote) + bytes(8) + bytes([0, holder])
    return (data + bytes(16) + bytes([depth])).ljust(length, b"\0")


def read(**chosen) -> Coin:
    program = chosen.pop("program", str(at.TOKEN_2022))
    return read_coin(str(MINT), program, account(**chosen))[0]


def test_fixed_addresses_are_what_their_seeds_give():
    assert at.derived(at.PUMP, b"global") == at.GLOBAL
    assert at.derived(at.PUMP, b"mint-authority") == at.MINT_AUTHORITY
    assert at.derived(at.PUMP, b"__event_authority") == at.EVENT_AUTHORITY
    assert at.derived(at.PUMP, b"global_volume_accumulator") == at.GLOBAL_VOLUME
    assert at.derived(at.PUMP, b"quote-control") == at.QUOTE_CONTROL
    assert at.derived(at.FEES, b"fee_config", bytes(at.PUMP)) == at.FEE_CONFIG


def test_holder_rewards_are_derived_from_the_documented_seed():
    assert at.holder_rewards(MINT) == at.derived(at.PUMP, b"holder-rewards", bytes(MINT))
    assert at.holder_rewards(MINT) != at.holder_rewards(CREATOR)


def test_a_pool_is_where_a_real_migration_went():
    mint = at.key("ELJFma9JzJfLWbc2fBSXPMAExayXoTr2LUNJLbPpump")
    assert str(at.pool(mint)) == "GnpU6c7H9CbPrbb9cUkQMxgz6DZV41h8XbU4pLh4C27e"
    assert str(at.bonding_curve(mint)) == "6ZBq94SFaKU4nCuwJJsfj1whTuwQct1wdNc3QMbuXNU3"


def test_a_key_that_is_none_is_said():
    with pytest.raises(DataError, match="not 32"):
        at.key("abc")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        (legacy, ("buy", "buy_exact_sol_in", "sell")),
        (v2, ("buy_v2", "buy_exact_quote_in_v2", "sell_v2")),
        (v3, ("buy_v3", "buy_exact_quote_in_v3", "sell_v3")),
    ],
)
def test_marks_are_hashes_of_names(module, names):
    expected = [hashlib.sha256(f"global:{name}".encode()).digest()[:8] for name in names]
    assert expected == [module.BUY, module.BUY_EXACT_IN, module.SELL]


def test_marks_are_the_published_ones():
    assert v2.BUY_EXACT_IN.hex() == "c2ab1c46684d5b2f"
    assert v3.BUY_EXACT_IN.hex() == "e1f7501ed5b38488"


def test_kinds_are_read_from_the_curve():
    assert read() == PLAIN
    assert read(quote=WRAPPED_SOL) == PLAIN
    assert read(program=str(at.TOKEN)) == Coin(MINT, at.TOKEN, CREATOR)
    assert read(flags=(1, 0)).mayhem
    assert read(flags=(0, 1)).cashback
    assert read(creator=str(at.holder_rewards(MINT)), holder=1).holder_reward
    assert read(length=49 + 34) == PLAIN


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"program": str(at.AMM)}, "unknown token program"),
        ({"quote": USDC}, "not in SOL"),
        ({"quote": str(MINT)}, "not in SOL"),
        ({"flags": (1, 0), "program": str(at.TOKEN)}, "older token program"),
        ({"flags": (0, 1), "program": str(at.TOKEN)}, "older token program"),
        ({"flags": (0, 1), "holder": 1, "creator": str(at.holder_rewards(MINT))}, "at once"),
        ({"holder": 1}, "exclude each other"),
        ({"creator": str(at.holder_rewards(MINT))}, "exclude each other"),
    ],
)
def test_an_unknown_kind_is_refused(chosen, said):
    with pytest.raises(UnknownKindError, match=said):
        read(**chosen)


def test_a_complete_curve_sends_to_the_pool():
    with pytest.raises(QuoteError, match="pool") as caught:
        read(complete=1)
    assert caught.value.code == COMPLETE


@pytest.mark.parametrize("data", [account() + b"\0\0\1", account(depth=1)])
def test_what_a_newer_account_holds_is_not_bought_but_can_be_sold(data):
    coin, _ = read_coin(str(MINT), str(at.TOKEN_2022), data)
    assert coin.newer
    for order in (Buy(1, 1), BuyExactIn(1, 1)):
        with pytest.raises(UnknownKindError, match="holds"):
            trade_instruction(order, coin, WHO, "v2")
    assert len(trade_instruction(Sell(1, 0), coin, WHO, "v2").accounts) == 26


def test_padding_is_nothing_new():
    assert not read_coin(str(MINT), str(at.TOKEN_2022), account(length=256))[0].newer


def test_recipients_come_from_the_list_of_the_kind():
    names = [[str(Pubkey.from_bytes(bytes([16 * kind + n]) * 32)) for n in range(8)] for kind in (1, 2, 3)]
    settings = Global(tuple(names[0]), tuple(names[1]), (ZERO_KEY, *names[2][1:]), START, SUPPLY, 95, 5, 0, 5000, 0)
    mayhem = Coin(MINT, at.TOKEN_2022, CREATOR, mayhem=True)
    drawn = [parties(USER, PLAIN, settings, lot) for lot in range(64)]
    assert {str(p.fee_recipient) for p in drawn} == set(names[0])
    assert {str(p.buyback_recipient) for p in drawn} == set(names[2][1:])
    assert {str(parties(USER, mayhem, settings, lot).fee_recipient) for lot in range(8)} == set(names[1])
    nobody = Global((ZERO_KEY,) * 8, (), (), START, SUPPLY, 95, 5, 0, 5000, 0)
    for coin in (PLAIN, mayhem):
        with pytest.raises(UnknownKindError, match="names 0"):
            parties(USER, coin, nobody, 0)


def test_the_kind_chooses_the_generation():
    cashback = Coin(MINT, at.TOKEN_2022, CREATOR, cashback=True)
    mayhem = Coin(MINT, at.TOKEN_2022, CREATOR, mayhem=True)
    rewards = Coin(MINT, at.TOKEN_2022, at.holder_rewards(MINT), holder_reward=True)
    assert [generation_for(c) for c in (PLAIN, mayhem, rewards, cashback)] == ["legacy", "v2", "v2", "v2"]
    assert [generation_for(c, "v3") for c in (PLAIN, mayhem, rewards, cashback)] == ["v3", "v3", "v3", "v2"]
    assert [generation_for(c, "legacy") for c in (PLAIN, cashback)] == ["legacy", "legacy"]
    assert "v3" not in possible(cashback)
    for order in (Buy(1, 1), BuyExactIn(1, 1), Sell(1, 1)):
        with pytest.raises(UnknownKindError, match="6094"):
            trade_instruction(order, cashback, WHO, "v3")


@pytest.mark.parametrize("cashback", [False, True])
def test_accounts_of_the_first_generation_by_kind(cashback):
    coin = Coin(MINT, at.TOKEN_2022, CREATOR, cashback=cashback)
    sale = trade_instruction(Sell(1, 1), coin, WHO, "legacy").accounts
    assert len(sale) == 16 + cashback
    assert (at.user_volume(USER) in [a.pubkey for a in sale]) is cashback
    assert at.GLOBAL_VOLUME not in [a.pubkey for a in sale]
    assert len(trade_instruction(Buy(1, 1), coin, WHO, "legacy").accounts) == 18


@pytest.mark.parametrize("generation", ["legacy", "v2", "v3"])
def test_a_fixed_budget_names_the_accounts_of_a_buy(generation):
    buy = trade_instruction(Buy(1, 2), PLAIN, WHO, generation)
    exact = trade_instruction(BuyExactIn(1, 2), PLAIN, WHO, generation)
    assert exact.accounts == buy.accounts
    assert bytes(exact.data)[8:] == bytes(buy.data)[8:]
    assert bytes(exact.data)[:8] != bytes(buy.data)[:8]


@pytest.mark.parametrize(
    ("generation", "maker", "options"),
    [
        ("legacy", Buy, ("01", "0101")),
        ("v2", Buy, ("", "01")),
        ("v2", BuyExactIn, ("", "01")),
        ("v3", Buy, ("00", "01")),
        ("v3", BuyExactIn, ("00", "01")),
    ],
)
def test_options_follow_the_two_numbers(generation, maker, options):
    made = [trade_instruction(maker(5, 6, partial), PLAIN, WHO, generation) for partial in (False, True)]
    assert [bytes(instruction.data)[24:].hex() for instruction in made] == list(options)


def test_a_partial_fill_that_is_not_documented_is_refused():
    with pytest.raises(RefusedError, match="not known to exist"):
        trade_instruction(BuyExactIn(5, 6, partial_fill=True), PLAIN, WHO, "legacy")


def test_limits_are_the_quotes_with_a_tolerance_rounded_for_the_trader():
    quote = buy_tokens(START, 1_000_000_000_000)
    assert buy_at(quote, 0) == Buy(1_000_000_000_000, 28_334_890)
    assert buy_at(quote, 1) == Buy(1_000_000_000_000, 28_337_724)
    spent = buy_exact_in(START, 1_000_000_000)
    assert spend_at(spent, 1_000_000_000, 500) == BuyExactIn(1_000_000_000, 34_199_203_120_618 * 95 // 100)
    back = sell(spent.after, spent.token_amount)
    assert sell_at(back, 500) == Sell(spent.token_amount, 975_308_639 * 95 // 100)
    assert sell_at(back, 10_000).min_lamports == 0
    last = Reserves(START.virtual_token - START.real_token + 5, 115_005_359_057, 5, 85_005_359_057)
    through = buy_tokens_through(last, 1_000, held=5 + SUPPLY // 5)
    assert buy_at(through, 0) == Buy(1_000, through.total)


def test_impossible_orders_are_refused():
    for maker, code in ((Buy, BUY_ZERO), (BuyExactIn, BUY_ZERO), (Sell, SELL_ZERO)):
        with pytest.raises(QuoteError) as caught:
            maker(0, 1)
        assert caught.value.code == code
        for numbers in ((1 << 64, 1), (1, 1 << 64), (1, -1)):
            with pytest.raises(InputError, match="64 bits"):
                maker(*numbers)
    quote = buy_tokens(START, 10**12)
    for bps in (-1, 10_001):
        with pytest.raises(InputError, match="slippage"):
            sell_at(quote, bps)
    with pytest.raises(InputError, match="below 0"):
        buy_at(quote, -1)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"InstructionError": [3, {"Custom": 6002}]}, ("trade", 6002, "requote")),
        ({"InstructionError": [3, {"Custom": 6005}]}, ("trade", 6005, "use_pool")),
        ({"InstructionError": [3, {"Custom": 6094}]}, ("trade", 6094, "fix_kind")),
        ({"InstructionError": [3, {"Custom": 6999}]}, ("trade", 6999, "report")),
        ({"InstructionError": [2, {"Custom": 6002}]}, ("token_account", 6002, "report")),
        ({"InstructionError": [4, {"Custom": 1}]}, ("tip", 1, "fund")),
        ({"InstructionError": [3, "ProgramFailedToComplete"]}, ("trade", None, "report")),
        ({"InstructionError": [9, {"Custom": 6002}]}, ("unknown", 6002, "report")),
        ("InsufficientFundsForFee", ("", None, "fund")),
        ({"InsufficientFundsForRent": {"account_index": 3}}, ("", None, "fund")),
        ("BlockhashNotFound", ("", None, "report")),
        (None, ("", None, "report")),
        ([1, 2], ("", None, "report")),
    ],
)
def test_failures_are_read_by_part_and_remedy(error, expected):
    found = read_failure(error, ("compute_limit", "compute_price", "token_account", "trade", "tip"))
    assert (found.part, found.code, found.remedy) == expected
