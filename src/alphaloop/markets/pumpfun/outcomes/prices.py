"""Where the price of a token comes from, before and after its curve is complete."""

from __future__ import annotations

from typing import Final

import msgspec

from alphaloop.markets.pumpfun.curve.fees import Fees, charge
from alphaloop.markets.pumpfun.curve.quotes import sale_proceeds
from alphaloop.markets.pumpfun.curve.reserves import Reserves
from alphaloop.markets.pumpfun.events import (
    LAMPORTS_PER_SOL,
    UNITS_PER_TOKEN,
    AmmTrade,
    Create,
    Migration,
    PostCompleteBuy,
    Trade,
)

CURVE: Final = 0
COMPLETE: Final = 1
POOL: Final = 2
MOST: Final = 2**64 - 1
"""The program keeps a pool's lamports, lent ones included, up to this; a record that says more is cut to it."""


class Market(msgspec.Struct):
    """The reserves of one token where it trades now.

    Attributes
    ----------
    token, sol : int
        The two factors of the constant product: the curve's virtual reserves, or the pool's, lent lamports included.
    real_token, real_sol : int
        Of the curve.
    phase : int
        `CURVE`, `COMPLETE` (sold out, nothing can be sold until the liquidity has moved) or `POOL`.
    seen_ns, traded_ns : int
        Known time of the last event, and of the last one that shows that the token is alive.
    complete_ns : int
        When the curve was complete; 0 before.
    pool_seen : bool
        Whether a trade of the pool was ever seen. Without one the recording may not carry that program's trades at all,
        and silence proves nothing.
    fresh : bool
        Whether the reserves are the present ones: not so after a gap, until the next event.
    mayhem : bool
        Whether reserves move outside trades too, so that their product is no constant.
    followed : list of str
        Signals that follow the token, in the order of their decisions.
    """

    token: int = 0
    sol: int = 0
    real_token: int = 0
    real_sol: int = 0
    phase: int = CURVE
    seen_ns: int = 0
    traded_ns: int = 0
    complete_ns: int = 0
    pool: str = ""
    pool_seen: bool = False
    fresh: bool = True
    mayhem: bool = False
    followed: list[str] = []

    @property
    def price(self) -> float:
        """SOL per token, by the same arithmetic as `Trade.price`."""
        return (self.sol / LAMPORTS_PER_SOL) / (self.token / UNITS_PER_TOKEN)

    @property
    def curve(self) -> Reserves:
        """The curve's reserves."""
        return Reserves(self.token, self.sol, self.real_token, self.real_sol)

    def sale(self, tokens: int, fees: Fees, pool_fee_bps: int) -> int | None:
        """Lamports received for `tokens` base units, fees paid; None where nothing can be sold.

        The reserves are the recorded ones. They do not hold the buy that this sale would end, so that its effect on
        the price is paid twice: the proceeds are a lower bound for a trader whom nobody copies.
        """
        if self.phase == CURVE:
            if not self.real_token or tokens <= 0:
                return None
            return sale_proceeds(self.token, self.sol, tokens, fees)
        if self.phase == COMPLETE:
            return None
        gross = tokens * self.sol // (self.token + tokens)
        return max(gross - charge(gross, pool_fee_bps), 0)

    def created(self, event: Create) -> None:
        """Take in the birth of the token."""
        self.token, self.sol = event.virtual_token, event.virtual_sol
        self.real_token, self.real_sol = event.real_token, 0
        self.mayhem = event.mayhem

    def traded(self, event: Trade) -> None:
        """Take in a trade on the curve."""
        self.token, self.sol = event.virtual_token, event.virtual_sol
        self.real_token, self.real_sol = event.real_token, event.real_sol
        self.mayhem = event.mayhem

    def bought_ahead(self, event: PostCompleteBuy) -> None:
        """Take in the part of the completing buy that was filled from the pool to come."""
        self.token, self.sol = event.pool_base_after, event.pool_quote_after

    def migrated(self, event: Migration) -> None:
        """Take in the opening of the pool: the lamports that the event tells include those that are lent to it."""
        self.phase, self.pool = POOL, event.pool
        self.token, self.sol = event.token_amount, event.sol_amount

    def swapped(self, event: AmmTrade) -> None:
        """Take in a trade in the pool: the reserves before it, moved by its amounts."""
        sign = 1 if event.is_buy else -1
        self.phase, self.pool_seen = POOL, True
        self.token = max(event.pool_base_before - sign * event.token_amount, 1)
        self.sol = min(max(event.priced_before + sign * event.sol_amount, 1), MOST)
