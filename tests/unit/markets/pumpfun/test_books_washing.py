"""Wash trading: reversals in a row of nearly the same size."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.books.washing import WashBook, WashSettings
from alphaloop.markets.pumpfun.events import Trade

S = 1_000_000_000


class Tape:
    """Trades with the amounts that a test wants; reserves do not matter here."""

    def __init__(self, **limits):
        self.book, self.known_ns = WashBook(WashSettings(**limits)), 1_750_000_000 * S

    def __call__(self, wallet, tokens, *, buy, gap_s=1.0, mint="coin", **fields):
        self.known_ns += round(gap_s * S)
        self.book.update(
            Trade(
                signature=str(self.known_ns),
                log_index=0,
                slot=1,
                event_ns=self.known_ns,
                known_ns=self.known_ns,
                mint=mint,
                wallet=wallet,
                is_buy=buy,
                sol_amount=tokens,
                token_amount=tokens,
                virtual_sol=30 * S,
                virtual_token=10**15,
                real_sol=S,
                real_token=10**14,
                **fields,
            )
        )
        return self.book.share(mint)


def test_one_flip_is_free_and_what_follows_is_washing():
    tape = Tape()
    assert tape("a", 100, buy=True) == 0.0
    assert tape("a", 100, buy=False) == 0.0
    assert tape("a", 100, buy=True) == 1 / 3
    assert tape("a", 100, buy=False) == 2 / 4
    assert tape("b", 400, buy=True) == 200 / 800


def test_reversals_of_another_size_break_the_row():
    tape = Tape()
    for tokens, buy in ((100, True), (80, False), (101, True), (79, False)):
        share = tape("a", tokens, buy=buy)
    assert share == 0.0, "80 of 101 is less than 0.8"
    tape = Tape()
    for tokens, buy in ((100, True), (80, False), (100, True)):
        share = tape("a", tokens, buy=buy)
    assert share == 100 / 280


def test_the_same_direction_breaks_the_row():
    tape = Tape()
    for buy in (True, False, False, True):
        share = tape("a", 100, buy=buy)
    assert share == 0.0


@pytest.mark.parametrize(("gap_s", "share"), [(120.0, 1 / 3), (120.000000001, 0.0)])
def test_reversals_far_apart_do_not_count(gap_s, share):
    tape = Tape()
    tape("a", 100, buy=True)
    tape("a", 100, buy=False, gap_s=gap_s)
    assert tape("a", 100, buy=True, gap_s=gap_s) == share


def test_wallets_and_coins_are_told_apart():
    tape = Tape()
    tape("a", 100, buy=True)
    tape("b", 100, buy=False)
    tape("a", 100, buy=False, mint="other")
    assert tape("a", 100, buy=True) == 0.0


def test_only_two_spans_of_newest_trades_are_kept():
    tape = Tape()
    for _ in range(50):
        tape("a", 100, buy=True, gap_s=60)
    tape("a", 100, buy=True, gap_s=1_000)
    assert sum(len(legs) for legs in (tape.book.state.young, tape.book.state.old)) == 1


def test_volumes_are_kept_for_a_day_without_a_trade():
    tape = Tape()
    for buy in (True, False, True):
        tape("a", 100, buy=buy)
    last_ns = tape.known_ns
    tape.book.run(last_ns + 86_340 * S)
    assert tape.book.share("coin") == 1 / 3
    tape.book.run(last_ns + 86_460 * S)
    assert math.isnan(tape.book.share("coin"))
    assert tape("a", 100, buy=True, gap_s=90_000) == 0.0


def test_a_trade_keeps_the_volumes():
    tape = Tape()
    tape("a", 100, buy=True)
    tape("a", 100, buy=True, gap_s=80_000)
    tape.book.run(tape.known_ns + 80_000 * S)
    assert tape.book.share("coin") == 0.0


def test_no_volume_is_missing():
    tape = Tape()
    assert math.isnan(tape.book.share("coin"))
    assert math.isnan(tape("a", 0, buy=True))
    assert math.isnan(tape("a", 100, buy=True, mint="foreign", quote_mint="USDC"))


def test_a_day_shorter_than_two_spans_is_refused():
    with pytest.raises(RecipeError, match=r"longer than twice gap_s = 120\.0"):
        WashSettings.parse({"forget_after_s": 240}, "settings.toml")
