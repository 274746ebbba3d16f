"""What a dry run would own, in a file that survives its process: the twin of what the chain knows of a wallet."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from alphaloop.core.errors import InputError
from alphaloop.core.files import write_bytes
from alphaloop.markets.pumpfun.live.fills import Leg, Movement
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.costs import (
    TOKEN_2022_ACCOUNT_RENT,
    TOKEN_ACCOUNT_RENT,
    USER_VOLUME_RENT,
)
from alphaloop.trading.portfolio.records import Order

MOST_DONE: Final = 2_000


class PaperOrder(msgspec.Struct, frozen=True):
    """A transaction that was handed over, and when it lands."""

    order: Order
    parts: tuple[str, ...]
    least: int
    most: int
    tip: int
    network: int
    lands_ns: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of a transaction.

    Attributes
    ----------
    movement : Movement or None
        What it did; None if it failed.
    code : int
        Of the program, where it failed.
    charged : bool
        It is on the chain as failed and cost its fee; else nobody ever sees it.
    """

    asset: str
    movement: Movement | None = None
    code: int = 0
    charged: bool = False
    parts: tuple[str, ...] = ()
    network: int = 0


class PaperBook(msgspec.Struct):
    """Money, holdings, accounts, and transactions under way and done.

    Attributes
    ----------
    held : dict of str to int
        Base units by asset.
    accounts : set of str
        Assets whose token account was paid for.
    has_volume_account : bool
        The wallet's volume account was paid for, with its first trade.
    """

    balance: int
    held: dict[str, int] = {}
    accounts: set[str] = set()
    has_volume_account: bool = False
    pending: dict[str, PaperOrder] = {}
    done: dict[str, Outcome] = {}

    def rent(self, order: Order) -> int:
        """Lamports of the accounts that a trade makes; they are paid for from now on."""
        made = 0
        if order.side == "buy" and order.asset not in self.accounts:
            older = order.context.get("token_program") == str(at.TOKEN)
            made += TOKEN_ACCOUNT_RENT if older else TOKEN_2022_ACCOUNT_RENT
            self.accounts.add(order.asset)
        if not self.has_volume_account:
            made += USER_VOLUME_RENT
            self.has_volume_account = True
        return made

    def land(self, signature: str, parcel: PaperOrder, leg: Leg, slot: int) -> None:
        """Book what a transaction did."""
        order, rent = parcel.order, self.rent(parcel.order)
        cash = (-leg.lamports if leg.is_buy else leg.lamports) - parcel.network - parcel.tip - rent
        change = leg.tokens if leg.is_buy else -leg.tokens
        remaining = self.held.get(order.asset, 0) + change
        self.balance += cash
        self.held[order.asset] = remaining
        if not remaining:
            del self.held[order.asset]
        movement = Movement(
            signature=signature,
            slot=slot,
            block_ns=parcel.lands_ns,
            legs=(leg,),
            cash=cash,
            network=parcel.network,
            tip=parcel.tip,
            token_change=change,
            remaining=remaining,
        )
        self.finish(signature, Outcome(order.asset, movement))

    def finish(self, signature: str, outcome: Outcome) -> None:
        """Note what became of a transaction; the oldest outcomes are forgotten."""
        self.pending.pop(signature, None)
        self.done[signature] = outcome
        if len(self.done) > MOST_DONE:
            del self.done[next(iter(self.done))]


def read_book(place: Path | None, balance: int) -> PaperBook:
    """The book of a file, or a new one with this balance.

    Raises
    ------
    InputError
        If the file is no such book.
    """
    if place is None or not place.is_file():
        return PaperBook(balance)
    try:
        return msgspec.json.decode(place.read_bytes(), type=PaperBook)
    except (OSError, msgspec.DecodeError) as wrong:
        raise InputError(f"{place} is no book of a dry run ({wrong}); move it away to begin anew") from None


def write_book(place: Path | None, book: PaperBook) -> None:
    """Write the book, whole or not at all."""
    if place is not None:
        write_bytes(place, msgspec.json.encode(book))
