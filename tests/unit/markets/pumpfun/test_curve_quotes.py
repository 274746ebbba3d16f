"""Quotes against published and real trades, to the lamport and base unit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alphaloop.markets.pumpfun.curve.completion import buy_exact_in_through, buy_tokens_through, completion_cost
from alphaloop.markets.pumpfun.curve.fees import FREE, TODAY, Fees, buyback_part
from alphaloop.markets.pumpfun.curve.quotes import (
    QuoteError,
    buy_exact_in,
    buy_limit,
    buy_tokens,
    sell,
    sell_limit,
)
from alphaloop.markets.pumpfun.curve.reserves import POOL_TOKENS, START, SUPPLY, TOKENS_FOR_SALE, Reserves


def at(token: int, sol: int) -> Reserves:
    """A curve known by its virtual reserves only."""
    return Reserves(token, sol, token - (START.virtual_token - START.real_token), sol - START.virtual_sol)


def test_buying_tokens_on_a_fresh_coin():
    quote = buy_tokens(START, 1_000_000_000_000)
    assert (quote.sol_amount, quote.fee, quote.creator_fee, quote.total) == (27_985_075, 265_859, 83_956, 28_334_890)
    assert quote.after == Reserves(1_072_000_000_000_000, 30_027_985_075, 792_100_000_000_000, 27_985_075)


def test_a_round_trip_for_one_sol_loses_both_fees_and_the_roundings():
    spent = buy_exact_in(START, 1_000_000_000)
    assert (spent.sol_amount, spent.fee, spent.creator_fee) == (987_654_320, 9_382_717, 2_962_963)
    assert spent.token_amount == 34_199_203_120_618
    same = buy_tokens(START, spent.token_amount)
    assert (same.sol_amount, same.total) == (987_654_319, 999_999_999)
    assert (spent.after.virtual_token, spent.after.virtual_sol) == (1_038_800_796_879_382, 30_987_654_320)
    back = sell(spent.after, spent.token_amount)
    assert (back.sol_amount, back.total) == (987_654_319, 975_308_639)
    assert 1_000_000_000 - back.total == 24_691_361


def test_trades_that_the_chain_carried_out():
    first = buy_tokens(START, 3_520_371_073_923)
    assert (first.sol_amount, first.fee, first.creator_fee) == (98_750_018, 938_126, 296_251)
    assert buyback_part(first.fee) == 469_063
    assert buy_tokens(at(1_004_272_769_359_248, 32_053_044_742), 37_809_162_736_217).sol_amount == 1_253_951_806
    assert sell(at(899_319_782_120_301, 35_793_720_152), 605_426_095_720).sol_amount == 24_080_281
    cashback_coin = TODAY.for_coin(cashback=True)
    dust = sell(at(815_317_175_312_473, 39_481_567_492), 12_550_942, cashback_coin)
    assert (dust.sol_amount, dust.fee, dust.creator_fee, dust.cashback) == (607, 6, 0, 2)


def test_a_budget_under_other_fees():
    quote = buy_exact_in(START, 2_002, Fees(5, 0))
    assert (quote.sol_amount, quote.fee, quote.token_amount) == (2_000, 1, 71_497_561)


def test_the_whole_curve_in_one_trade():
    quote = buy_tokens(START, TOKENS_FOR_SALE)
    assert (quote.sol_amount, quote.total) == (85_005_359_057, 86_067_926_047)
    assert quote.after.complete
    assert quote.after.progress == 1.0
    assert completion_cost(START) == quote.total


def test_market_value_from_birth_to_completion():
    assert START.market_cap() == 27_958_993_476
    assert buy_tokens(START, TOKENS_FOR_SALE).after.market_cap() == 410_880_168_120
    assert START.progress == 0.0
    assert START.price == pytest.approx(30 / 1.073e9)


def test_a_buy_past_the_end_continues_in_the_pool_to_come():
    quote = buy_tokens_through(START, 800_000_000_000_000, Fees(100, 50), held=SUPPLY, migration_fee=0)
    assert quote.pool is not None
    assert (quote.total, quote.curve.total, quote.pool.total) == (89_257_114_606, 86_280_439_444, 2_976_675_162)
    assert quote.token_amount == 800_000_000_000_000


def test_a_completing_buy_as_the_program_logs_it():
    before = Reserves(340_000_000_000_000, 94_676_470_589, 60_100_000_000_000, 64_676_470_589)
    quote = buy_tokens_through(before, 65_100_000_000_000, held=POOL_TOKENS + before.real_token)
    assert (quote.curve.token_amount, quote.curve.sol_amount) == (60_100_000_000_000, 20_328_888_469)
    assert (quote.curve.fee, quote.curve.creator_fee) == (193_124_441, 60_986_666)
    part = quote.pool
    assert part is not None
    assert (part.token_amount, part.sol_amount) == (5_000_000_000_000, 2_104_763_722)
    assert (part.fee, part.creator_fee) == (19_995_256, 6_314_292)
    assert (part.before.base, part.before.quote) == (206_900_000_000_000, 84_990_359_057)
    assert (part.after.base, part.after.quote) == (201_900_000_000_000, 87_095_122_779)


def test_a_budget_past_the_end_buys_from_the_pool_with_what_the_curve_leaves():
    quote = buy_exact_in_through(START, 90_000_000_000, held=SUPPLY)
    assert quote.curve == buy_tokens(START, TOKENS_FOR_SALE)
    part = quote.pool
    assert part is not None
    net = part.sol_amount
    assert part.token_amount == (net - 1) * part.before.base // (part.before.quote + net - 1)
    assert 0 <= 90_000_000_000 - quote.total <= 3


@pytest.mark.parametrize("extra", [0, 1])
def test_a_budget_that_the_curve_uses_up_reaches_no_pool(extra):
    quote = buy_exact_in_through(START, completion_cost(START) + extra, held=SUPPLY)
    assert quote.pool is None
    assert quote.total <= completion_cost(START) + extra


def test_a_buy_below_the_end_reaches_no_pool():
    quote = buy_tokens_through(START, 1_000_000_000_000, held=SUPPLY)
    assert quote.pool is None
    assert quote.total == 28_334_890


def test_a_mayhem_coin_does_not_continue_and_its_agent_pays_no_fee():
    with pytest.raises(QuoteError) as refused:
        buy_tokens_through(START, TOKENS_FOR_SALE + 1, held=SUPPLY, mayhem=True)
    assert refused.value.code == 6021
    with pytest.raises(QuoteError):
        buy_exact_in_through(START, 90_000_000_000, held=SUPPLY, mayhem=True)
    drifted = Reserves(900_000_000_000_000, 41_000_000_000, 600_000_000_000_000, 5_000_000_000)
    agent = buy_tokens(drifted, 1_000_000_000_000, FREE)
    assert agent.total == agent.sol_amount == 1_000_000_000_000 * 41_000_000_000 // 899_000_000_000_000 + 1


def test_what_the_program_refuses_is_refused_with_its_own_code():
    done = buy_tokens(START, TOKENS_FOR_SALE).after
    codes = []
    for refused in (
        lambda: buy_tokens(START, 0),
        lambda: buy_tokens(START, TOKENS_FOR_SALE + 1),
        lambda: buy_exact_in(START, 90_000_000_000),
        lambda: buy_exact_in(START, 2),
        lambda: sell(START, 0),
        lambda: buy_tokens(done, 1),
        lambda: sell(done, 1),
    ):
        with pytest.raises(QuoteError) as caught:
            refused()
        codes.append(caught.value.code)
    assert codes == [6020, 6021, 6021, 6020, 6022, 6005, 6005]


def test_a_partial_fill_takes_what_is_left():
    assert buy_tokens(START, 900_000_000_000_000, partial_fill=True) == buy_tokens(START, TOKENS_FOR_SALE)
    assert buy_exact_in(START, 90_000_000_000, partial_fill=True) == buy_tokens(START, TOKENS_FOR_SALE)


def test_limits_round_towards_the_trade():
    assert buy_limit(28_334_890, 500) == 29_751_635
    assert buy_limit(1, 1) == 2
    assert sell_limit(975_308_639, 500) == 926_543_207
    assert sell_limit(1, 1) == 0


@pytest.mark.real
def test_quotes_of_the_official_library(real_data: Path):
    quotes = json.loads((real_data / "pumpfun-vectors" / "sdk_vectors_dev.json").read_text())["quotes"]
    checked = 0
    for case in quotes:
        state = case["state"]
        reserves = Reserves(
            *(int(state[f"{kind}_{side}_reserves"]) for kind in ("virtual", "real") for side in ("token", "quote"))
        )
        fees = TODAY.for_coin(has_creator=not state["creator_is_default"])
        for tokens, cost in case["cost_for_tokens"]:
            assert buy_tokens(reserves, int(tokens), fees, partial_fill=True).total == int(cost)
            checked += 1
        for tokens, paid in case["sol_for_tokens_sold"]:
            assert sell(reserves, int(tokens), fees).total == int(paid)
            checked += 1
        for lamports, tokens in case["sdk_tokens_for_sol"]:
            net = (int(lamports) - 1) * 10_000 // (10_000 + fees.total_bps)
            shortcut = net * reserves.virtual_token // (reserves.virtual_sol + net)
            assert min(shortcut, reserves.real_token) == int(tokens)
            checked += 1
    assert checked == 42


@pytest.mark.real
def test_budgets_by_the_program_rule(real_data: Path):
    for case in json.loads((real_data / "pumpfun-vectors" / "exact_in_dev.json").read_text()):
        reserves = Reserves(
            case["virtual_token_reserves"], case["virtual_quote_reserves"], case["real_token_reserves"], 0
        )
        fees = Fees(case["protocol_bps"], case["creator_bps"])
        if "error" in case:
            with pytest.raises(QuoteError, match=case["error"]):
                buy_exact_in(reserves, case["spendable"], fees)
            continue
        quote = buy_exact_in(reserves, case["spendable"], fees)
        assert quote.token_amount == case["tokens"]
        assert (quote.sol_amount, quote.fee, quote.creator_fee) == (case["net"], case["fee"], case["creator_fee"])


@pytest.mark.real
def test_instructions_of_the_description_hold_on_a_fresh_coin(real_data: Path):
    for case in json.loads((real_data / "pumpfun-vectors" / "doc_vectors_dev.json").read_text())["vectors"]:
        amount, limit = int(case["amount"]), int(case["limit"])
        if case["kind"] == "buy_exact_sol_in":
            assert buy_exact_in(START, amount).token_amount >= limit
        elif case["kind"] == "buy_v3":
            assert buy_tokens_through(START, amount, held=SUPPLY).total <= limit
        else:
            assert sell(buy_tokens(START, amount).after, amount).total >= limit


@pytest.mark.real
def test_recorded_trades_follow_the_curve(real_data: Path):
    checked = 0
    for path in sorted((real_data / "pumpfun-logs").glob("*.json")):
        for event in json.loads(path.read_text())["expected_events"]:
            fields = event["fields"]
            if event["event"] != "TradeEvent" or not fields["sol_amount"]:
                continue
            sign = 1 if fields["is_buy"] else -1
            before = Reserves(
                fields["virtual_token_reserves"] + sign * fields["token_amount"],
                fields["virtual_sol_reserves"] - sign * fields["sol_amount"],
                fields["real_token_reserves"] + sign * fields["token_amount"],
                fields["real_sol_reserves"] - sign * fields["sol_amount"],
            )
            creator, cashback = fields.get("creator_fee_basis_points", 0), fields.get("cashback_fee_basis_points", 0)
            fees = Fees(fields.get("fee_basis_points", 0), creator, cashback)
            trade = (buy_tokens if fields["is_buy"] else sell)(before, fields["token_amount"], fees)
            if fields.get("mayhem_mode"):
                # Its virtual reserves moved outside trades: carrying them back over the trade must not give its price.
                assert trade.sol_amount != fields["sol_amount"]
            else:
                assert trade.sol_amount == fields["sol_amount"]
                assert (trade.fee, trade.creator_fee) == (fields.get("fee", 0), fields.get("creator_fee", 0))
                assert trade.cashback == fields.get("cashback", 0)
            checked += 1
    assert checked == 7
