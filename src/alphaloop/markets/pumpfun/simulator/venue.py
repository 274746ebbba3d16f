"""Where a coin trades: on its curve, then in its pool; the same questions to both."""

from __future__ import annotations

import math

from alphaloop.markets.pumpfun.curve.completion import Pool, pool_after
from alphaloop.markets.pumpfun.curve.fees import FREE, TODAY, Fees
from alphaloop.markets.pumpfun.curve.quotes import Quote, buy_exact_in, buy_tokens, sell
from alphaloop.markets.pumpfun.curve.reserves import START, Reserves

POOL_FEE_BPS = 30
DUST = 1_000
"""Lamports below which a buy is not worth its signature."""


class CurveVenue:
    """A coin on its curve, exact to the lamport."""

    def __init__(self, *, cashback: bool) -> None:
        self.reserves: Reserves = START
        self.fees: Fees = TODAY.for_coin(cashback=cashback)

    @property
    def depth(self) -> int:
        """Lamports on the priced side: a trade moves the price by its share of this."""
        return self.reserves.virtual_sol

    @property
    def stock(self) -> int:
        """Base units on the other side."""
        return self.reserves.virtual_token

    def buy(self, lamports: int) -> Quote:
        """Buy for a budget, to the end of the curve at most."""
        quote = buy_exact_in(self.reserves, lamports, self.fees, partial_fill=True)
        self.reserves = quote.after
        return quote

    def sell(self, tokens: int) -> Quote:
        """Sell tokens that were bought here."""
        quote = sell(self.reserves, tokens, self.fees)
        self.reserves = quote.after
        return quote

    def agent_trade(self, lamports: int, tokens: int) -> Quote:
        """Trade as a mayhem coin's agent does: free of charge; buys for `lamports`, or else sells `tokens`."""
        quote = buy_exact_in(self.reserves, lamports, FREE) if lamports else sell(self.reserves, tokens, FREE)
        self.reserves = quote.after
        return quote

    def drift(self, share: float) -> None:
        """Move the virtual SOL outside trades, as the program does to mayhem coins."""
        held = self.reserves
        moved = int(held.virtual_sol * (1 + share))
        self.reserves = Reserves(held.virtual_token, moved, held.real_token, held.real_sol)

    def budget_for_rise(self, rise: float) -> int:
        """Lamports, charges included, that lift the log price by `rise`."""
        net = self.reserves.virtual_sol * math.expm1(rise / 2)
        return int(net * (1 + self.fees.total_bps / 10_000)) + 2

    def cost_of_rest(self) -> int:
        """Lamports, charges included, that complete the curve."""
        return buy_tokens(self.reserves, self.reserves.real_token, self.fees).total


class PoolVenue:
    """A coin in its pool; charges are taken beside the reserves."""

    def __init__(self, completed: Reserves) -> None:
        self.pool: Pool = pool_after(completed)

    @property
    def depth(self) -> int:
        """Lamports on the priced side."""
        return self.pool.quote

    @property
    def stock(self) -> int:
        """Base units on the other side."""
        return self.pool.base

    def buy(self, lamports: int) -> tuple[int, int]:
        """Buy for a budget: tokens and lamports that changed sides."""
        net = lamports * 10_000 // (10_000 + POOL_FEE_BPS)
        tokens = self.pool.base * net // (self.pool.quote + net)
        self.pool = Pool(self.pool.base - tokens, self.pool.quote + net)
        return tokens, net

    def sell(self, tokens: int) -> tuple[int, int]:
        """Sell tokens: tokens and lamports that changed sides."""
        net = self.pool.quote * tokens // (self.pool.base + tokens)
        self.pool = Pool(self.pool.base + tokens, self.pool.quote - net)
        return tokens, net

    def budget_for_rise(self, rise: float) -> int:
        """Lamports, charges included, that lift the log price by `rise`."""
        return int(self.pool.quote * math.expm1(rise / 2) * (1 + POOL_FEE_BPS / 10_000)) + 2
