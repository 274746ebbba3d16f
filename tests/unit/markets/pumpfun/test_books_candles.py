"""One-minute candles, closed by the clock or by the next minute's first trade."""

from __future__ import annotations

import pytest

from alphaloop.markets.pumpfun.books.candles import MINUTE_NS, Candle, CandleBook

S = 1_000_000_000
START_NS = 1_750_000_020 * S  # a whole minute


@pytest.fixture
def minute(pump):
    """A book that saw a buy, a dearer buy and a sell of one coin in the minute from `START_NS` on."""
    chain, curve, book = pump.Chain(START_NS - 1), pump.Curve(), CandleBook()
    made = [
        chain.trade(curve, "coin", "a", S, buy=True, gap_ns=1),
        chain.trade(curve, "coin", "b", 2 * S, buy=True),
        chain.trade(curve, "coin", "a", curve.held["a"] * 2, buy=False),
    ]
    for event in made:
        book.update(event)
    return book, chain, curve, made


def test_a_minute(minute):
    book, _, _, made = minute
    prices = [trade.price for trade in made]
    candle = Candle(
        mint="coin",
        start_ns=START_NS,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[2],
        sol=sum(trade.sol_amount for trade in made),
        tokens=sum(trade.token_amount for trade in made),
        buys=2,
        sells=1,
    )
    assert book.forming("coin") == candle
    assert book.closed() == []
    book.run(START_NS + MINUTE_NS)
    assert book.closed() == [candle]
    assert book.closed() == []
    assert book.forming("coin") is None


def test_the_clock_closes_only_minutes_that_are_over(minute):
    book, _, _, _ = minute
    book.run(START_NS + MINUTE_NS - 1)
    assert book.closed() == []


def test_an_event_at_the_end_of_a_minute_belongs_to_the_next(minute):
    book, chain, curve, made = minute
    book.update(chain.trade(curve, "coin", "c", S, buy=True, gap_ns=START_NS + MINUTE_NS - chain.known_ns))
    (closed,) = book.closed()
    assert closed.buys + closed.sells == len(made)
    assert book.forming("coin").start_ns == START_NS + MINUTE_NS


def test_candles_not_yet_collected_survive_a_restart(minute):
    book, _, _, _ = minute
    book.run(START_NS + MINUTE_NS)
    other = CandleBook()
    other.restore(book.save())
    assert other.closed() == book.closed() != []


def test_what_is_no_trade_in_sol_makes_no_candle(pump):
    chain, curve, book = pump.Chain(), pump.Curve(), CandleBook()
    for event in (chain.create("coin", "a"), chain.trade(curve, "coin", "a", S, buy=True, quote_mint="USDC")):
        book.update(event)
    assert book.forming("coin") is None
