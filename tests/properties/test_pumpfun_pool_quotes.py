"""What holds for every sale in a pool, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.curve.fees import Fees, charge
from alphaloop.markets.pumpfun.curve.quotes import QuoteError
from alphaloop.markets.pumpfun.transactions.pool_accounts import Pool
from alphaloop.markets.pumpfun.transactions.pool_quotes import NOT_IN_VAULT, PoolQuote, sell_into_pool

FEES = st.builds(Fees, st.integers(0, 300), st.integers(0, 500), st.integers(0, 100), st.integers(0, 100))
BASE, QUOTE = st.integers(10**6, 10**15), st.integers(10**6, 10**14)
TOKENS = st.integers(1, 10**15)


def pool(virtual: int = 0, waiting: int = 0) -> Pool:
    return Pool(0, "", "", "", "", "", "", False, False, virtual, 0, False, waiting, 0, 301)


def sold(base: int, quote: int, tokens: int, fees: Fees, held: Pool) -> PoolQuote | None:
    try:
        return sell_into_pool(held, base, quote, tokens, fees)
    except QuoteError:
        return None


def cost(base: int, priced: int, tokens: int, fees: Fees) -> tuple[int, int]:
    """What buying costs by the program's rule, and what of it reaches the pool's price."""
    net = -(-tokens * priced // (base - tokens))
    charges = [charge(net, bps) for bps in (fees.lp_bps, fees.protocol_bps, fees.creator_bps, fees.cashback_bps)]
    return net + sum(charges), net + charges[0]


@given(BASE, QUOTE, TOKENS, FEES, st.integers(-(10**6), 10**11))
def test_a_sale_never_takes_more_than_the_constant_product_gives(base, quote, tokens, fees, virtual):
    assume(quote + virtual > 0)
    sale = sold(base, quote, tokens, fees, pool(virtual))
    assume(sale is not None)
    assert sale.base_after * sale.quote_after >= base * (quote + virtual)
    assert sale.total <= sale.sol_amount <= tokens * (quote + virtual) / (base + tokens) * (1 + 1e-12)
    assert sale.total == sale.sol_amount - sale.lp_fee - sale.fee - sale.creator_fee - sale.cashback
    assert sale.sol_amount - sale.lp_fee <= quote


@given(BASE, QUOTE, st.integers(1, 10**15), FEES)
def test_a_round_trip_never_gains(base, quote, wanted, fees):
    tokens = min(wanted, base // 2)
    paid, reached = cost(base, quote, tokens, fees)
    back = sold(base - tokens, quote + reached, tokens, fees, pool())
    assert back is None or back.total <= paid


@given(BASE, QUOTE, TOKENS, FEES, st.integers(0, 10**13), st.integers(-(10**6), 10**11))
def test_fees_that_wait_in_the_vault_do_not_change_what_a_sale_pays(base, quote, tokens, fees, waiting, virtual):
    assume(quote + virtual > 0)
    swept = sold(base, quote, tokens, fees, pool(virtual))
    unswept = sold(base, quote + waiting, tokens, fees, pool(virtual - waiting, waiting))
    assert swept == unswept


@given(BASE, QUOTE, TOKENS, FEES)
def test_more_coins_pay_no_less_but_for_rounding(base, quote, tokens, fees):
    fewer, more = sold(base, quote, tokens, fees, pool()), sold(base, quote, 2 * tokens, fees, pool())
    assume(fewer is not None and more is not None)
    assert more.total >= fewer.total - 4


@given(BASE, QUOTE, TOKENS, st.integers(1, 10**15))
def test_lent_liquidity_prices_and_never_pays(base, quote, tokens, virtual):
    gross = tokens * (quote + virtual) // (base + tokens)
    assume(gross)
    if gross > quote:
        with pytest.raises(QuoteError) as refused:
            sell_into_pool(pool(virtual), base, quote, tokens, Fees(0, 0))
        assert refused.value.code == NOT_IN_VAULT
    else:
        assert sell_into_pool(pool(virtual), base, quote, tokens, Fees(0, 0)).total == gross
