"""What a bonding curve holds, and what follows from it: price, progress, market value.

A coin is sold along ``virtual_token x virtual_sol = constant``. The virtual reserves set the price; the real ones are
what can still be bought and what has been paid in. All amounts are integers: token base units (1 token = 1e6) and
lamports (1 SOL = 1e9).
"""

from __future__ import annotations

from typing import Final

import msgspec

from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN

SUPPLY: Final = 1_000_000_000_000_000
"""Base units of a coin at its birth, in the curve and beside it."""

TOKENS_FOR_SALE: Final = 793_100_000_000_000
"""Base units that the curve sells before it is complete."""

POOL_TOKENS: Final = SUPPLY - TOKENS_FOR_SALE
"""Base units that a completed curve brings to its pool."""


class Reserves(msgspec.Struct, frozen=True, gc=False):
    """The four reserves of a curve at one moment.

    Parameters
    ----------
    virtual_token, virtual_sol : int
        The two factors of the constant product, base units and lamports.
    real_token : int
        Base units that can still be bought; 0 completes the curve.
    real_sol : int
        Lamports paid in, fees excluded.
    """

    virtual_token: int
    virtual_sol: int
    real_token: int
    real_sol: int

    @property
    def price(self) -> float:
        """SOL per token."""
        return (self.virtual_sol / LAMPORTS_PER_SOL) / (self.virtual_token / UNITS_PER_TOKEN)

    @property
    def progress(self) -> float:
        """Share of the tokens for sale that are sold, 0 to 1."""
        return 1.0 - self.real_token / TOKENS_FOR_SALE

    @property
    def complete(self) -> bool:
        """Whether nothing is left to buy."""
        return self.real_token == 0

    def market_cap(self, supply: int = SUPPLY) -> int:
        """Lamports that `supply` base units are worth at the present price, rounded down.

        Fee tiers are chosen by this number. A mayhem coin's supply is the one stored in its account, not the mint's.
        """
        return self.virtual_sol * supply // self.virtual_token

    def bought(self, tokens: int, lamports: int) -> Reserves:
        """Reserves after `tokens` left the curve for `lamports`, fees excluded."""
        return Reserves(
            self.virtual_token - tokens, self.virtual_sol + lamports, self.real_token - tokens, self.real_sol + lamports
        )

    def sold(self, tokens: int, lamports: int) -> Reserves:
        """Reserves after `tokens` came back to the curve for `lamports`, fees excluded."""
        return Reserves(
            self.virtual_token + tokens, self.virtual_sol - lamports, self.real_token + tokens, self.real_sol - lamports
        )


START: Final = Reserves(
    virtual_token=1_073_000_000_000_000, virtual_sol=30_000_000_000, real_token=TOKENS_FOR_SALE, real_sol=0
)
"""A coin priced in SOL, at its birth."""
