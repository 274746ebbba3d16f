"""What the chain logs about one coin, in order, as bytes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.completion import MIGRATION_FEE, Pool
from alphaloop.markets.pumpfun.curve.quotes import Quote
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY
from alphaloop.markets.pumpfun.events import AmmTrade, AnyEvent, Complete, Create, Migration, Trade
from alphaloop.markets.pumpfun.simulator.launches import Launch
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.layouts import SPL_2022_PROGRAM

COIN_PROGRAM: Final = SPL_2022_PROGRAM
MIGRATOR: Final = "39azUYFWPz3VHgKCf3VChUwbpURdCHRxjWVowf5jUJjg"


class Move(msgspec.Struct, frozen=True, gc=False):
    """One record that the chain will log; `continues` if in the same transaction as the one before."""

    at_ns: int
    log_index: int
    data: bytes
    continues: bool = False


class Journal:
    """The records of one coin; `now_s`, seconds since its creation, is moved on by who writes.

    Identity and known time are given when the lives of all coins are merged.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.moves: list[Move] = []
        self.now_s = 0.0
        self.trades = 0
        self.peak = 1.0

    def create(self) -> None:
        """Log the creation."""
        launch = self.launch
        at_ns = self._at_ns()
        event = Create(
            **self._identity(at_ns),
            name=launch.name,
            symbol=launch.symbol,
            uri=f"https://ipfs.io/ipfs/{launch.bonding_curve}",
            bonding_curve=launch.bonding_curve,
            user=launch.creator.address,
            creator=launch.creator.address,
            virtual_sol=START.virtual_sol,
            virtual_token=START.virtual_token,
            real_token=START.real_token,
            supply=SUPPLY,
            token_program=COIN_PROGRAM,
            mayhem=launch.mayhem,
            cashback_coin=launch.cashback,
        )
        self._log(at_ns, 14, event)

    def trade(self, wallet: str, is_buy: bool, quote: Quote, *, with_creation: bool = False) -> None:
        """Log a trade on the curve; `with_creation` if it is in the creating transaction."""
        after, launch = quote.after, self.launch
        at_ns = self._at_ns()
        event = Trade(
            **self._identity(at_ns),
            wallet=wallet,
            is_buy=is_buy,
            sol_amount=quote.sol_amount,
            token_amount=quote.token_amount,
            virtual_sol=after.virtual_sol,
            virtual_token=after.virtual_token,
            real_sol=after.real_sol,
            real_token=after.real_token,
            fee=quote.fee,
            creator_fee=quote.creator_fee,
            cashback=quote.cashback,
            creator=launch.creator.address,
            mayhem=launch.mayhem,
        )
        self._log(at_ns, 31 if with_creation else 9, event, with_creation)
        self._count(after.price)

    def pool_trade(self, wallet: str, is_buy: bool, tokens: int, lamports: int, before: Pool, after: Pool) -> None:
        """Log a trade in the pool."""
        at_ns = self._at_ns()
        event = AmmTrade(
            **self._identity(at_ns),
            pool=self.launch.pool,
            wallet=wallet,
            is_buy=is_buy,
            token_amount=tokens,
            sol_amount=lamports,
            pool_base_before=before.base,
            pool_quote_before=before.quote,
        )
        self._log(at_ns, 7, event)
        self._count(after.price)

    def complete(self, wallet: str) -> None:
        """Log, in the transaction of the last trade, that the curve is sold out."""
        at_ns = self._at_ns()
        event = Complete(**self._identity(at_ns), user=wallet, bonding_curve=self.launch.bonding_curve)
        self._log(at_ns, 12, event, continues=True)

    def migrate(self, pool: Pool) -> None:
        """Log the migration to `pool`."""
        at_ns = self._at_ns()
        event = Migration(
            **self._identity(at_ns),
            user=MIGRATOR,
            bonding_curve=self.launch.bonding_curve,
            pool=self.launch.pool,
            token_amount=pool.base,
            sol_amount=pool.quote,
            migration_fee=MIGRATION_FEE,
        )
        self._log(at_ns, 40, event)

    def _count(self, price: float) -> None:
        self.trades += 1
        self.peak = max(self.peak, price / START.price)

    def _at_ns(self) -> int:
        return self.launch.created_ns + int(self.now_s * NS_PER_S)

    def _identity(self, at_ns: int) -> dict[str, Any]:
        block_ns = at_ns // NS_PER_S * NS_PER_S
        return {
            "signature": "",
            "log_index": 0,
            "slot": 0,
            "event_ns": block_ns,
            "known_ns": block_ns,
            "mint": self.launch.mint,
        }

    def _log(self, at_ns: int, log_index: int, event: AnyEvent, continues: bool = False) -> None:
        self.moves.append(Move(at_ns, log_index, encode(event), continues))
