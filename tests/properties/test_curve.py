"""What holds for every quote, whatever the state of the curve."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.curve.completion import buy_exact_in_through, buy_tokens_through
from alphaloop.markets.pumpfun.curve.fees import Fees
from alphaloop.markets.pumpfun.curve.quotes import QuoteError, buy_exact_in, buy_tokens, sell
from alphaloop.markets.pumpfun.curve.reserves import POOL_TOKENS, START, SUPPLY, TOKENS_FOR_SALE, Reserves

FEES = st.builds(Fees, st.integers(0, 300), st.integers(0, 300), st.integers(0, 100))
SOLD = st.integers(0, TOKENS_FOR_SALE - 1)


def after_sales(sold: int) -> Reserves:
    return buy_tokens(START, sold).after if sold else START


def product(reserves: Reserves) -> int:
    return reserves.virtual_token * reserves.virtual_sol


@given(SOLD, st.integers(1, TOKENS_FOR_SALE), FEES)
def test_a_buy_never_lowers_the_product_and_its_parts_add_up(sold, wanted, fees):
    before = after_sales(sold)
    quote = buy_tokens(before, wanted, fees, partial_fill=True)
    assert product(quote.after) >= product(before)
    assert quote.total == quote.sol_amount + quote.fee + quote.creator_fee + quote.cashback
    assert quote.after.virtual_token - quote.after.real_token == before.virtual_token - before.real_token
    assert quote.after.virtual_sol - quote.after.real_sol == before.virtual_sol - before.real_sol


@given(SOLD, st.integers(1, TOKENS_FOR_SALE), FEES)
def test_a_round_trip_never_gains(sold, wanted, fees):
    bought = buy_tokens(after_sales(sold), wanted, fees, partial_fill=True)
    assume(not bought.after.complete)
    back = sell(bought.after, bought.token_amount, fees)
    assert back.total <= back.sol_amount <= bought.sol_amount <= bought.total
    assert product(back.after) >= product(bought.after)


@given(SOLD, st.integers(1, 200_000_000_000), FEES)
def test_a_budget_is_never_exceeded_and_buys_no_less_than_it_could(sold, lamports, fees):
    before = after_sales(sold)
    try:
        quote = buy_exact_in(before, lamports, fees, partial_fill=True)
    except QuoteError:
        assert lamports < 10
        return
    assert quote.total <= lamports
    if not quote.after.complete:
        assert lamports - quote.total <= 3
        assert product(quote.after) >= product(before)
        assert buy_tokens(before, quote.token_amount, fees).sol_amount <= quote.sol_amount


@given(SOLD, st.integers(1, SUPPLY), FEES)
def test_through_the_end_is_the_curve_and_then_the_pool(sold, wanted, fees):
    before = after_sales(sold)
    assume(wanted < before.real_token + POOL_TOKENS)
    quote = buy_tokens_through(before, wanted, fees, held=before.real_token + POOL_TOKENS)
    assert quote.token_amount == wanted
    assert (quote.pool is None) == (wanted <= before.real_token)
    if quote.pool:
        assert quote.curve.after.complete
        assert quote.pool.after.base * quote.pool.after.quote >= quote.pool.before.base * quote.pool.before.quote


@given(SOLD, st.integers(3, 10**12), FEES)
def test_a_budget_through_the_end_is_never_exceeded(sold, lamports, fees):
    before = after_sales(sold)
    try:
        quote = buy_exact_in_through(before, lamports, fees, held=before.real_token + POOL_TOKENS)
    except QuoteError:
        assert lamports < 10
        return
    assert quote.total <= lamports
