"""What kind of coin a trade is about: everything that decides its accounts and its instruction.

The rules are those of October 2026, and the program is changed often. A coin that does not fit them is refused when its
kind is told, before anything is built from it: an instruction with guessed accounts fails on the chain at best.
"""

from __future__ import annotations

from typing import Final

import msgspec
from solders.pubkey import Pubkey

from alphaloop.core.errors import RefusedError
from alphaloop.markets.pumpfun.curve.accounts import BondingCurve, Global, read_curve
from alphaloop.markets.pumpfun.curve.quotes import COMPLETE, QuoteError
from alphaloop.markets.pumpfun.transactions.addresses import (
    TOKEN,
    TOKEN_2022,
    holder_rewards,
    key,
)
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY

KNOWN_BYTES: Final = 166
"""Length of a bonding-curve account whose every field is known; what follows is padding, and zero."""


class UnknownKindError(RefusedError):
    """A coin of a kind whose trades are not known: no instruction is built for it."""


class Coin(msgspec.Struct, frozen=True):
    """A coin priced in SOL, and what its trades depend on.

    Parameters
    ----------
    mint : Pubkey
        The coin's mint.
    token_program : Pubkey
        The owner of the mint's account.
    creator : Pubkey
        The curve's present creator, not the launch's.
    mayhem : bool
        An agent trades the coin: other fee recipients, reserves that move outside trades.
    cashback : bool
        The creator's fee goes back to the traders.
    holder_reward : bool
        The creator's fee goes to the holders.
    newer : str
        What the account holds that these rules do not know, in words; empty if nothing. Such a coin is not bought, but
        one that is held can still be sold: the instructions of before an upgrade have kept working.

    Raises
    ------
    UnknownKindError
        If the token program is unknown, or kinds come together that exclude each other.
    """

    mint: Pubkey
    token_program: Pubkey
    creator: Pubkey
    mayhem: bool = False
    cashback: bool = False
    holder_reward: bool = False
    newer: str = ""

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise UnknownKindError(f"coin {self.mint} {fault}; leave it alone until its rules are known")

    def _fault(self) -> str:
        if self.token_program not in (TOKEN, TOKEN_2022):
            return f"belongs to the unknown token program {self.token_program}"
        if self.token_program == TOKEN and (self.mayhem or self.cashback or self.holder_reward):
            return "is of a kind that only Token-2022 coins have, but belongs to the older token program"
        if self.cashback and self.holder_reward:
            return "promises its creator fee to traders and to holders at once"
        if self.holder_reward != (self.creator == holder_rewards(self.mint)):
            return f"has creator {self.creator} and holder_reward {self.holder_reward}, which exclude each other"
        return ""


class Parties(msgspec.Struct, frozen=True):
    """Who takes part in a trade besides the coin: the wallet, and the two that are paid fees.

    Parameters
    ----------
    user, fee_recipient, buyback_recipient : Pubkey
        The recipients are from the program's global account, see `parties`.
    """

    user: Pubkey
    fee_recipient: Pubkey
    buyback_recipient: Pubkey


def coin_of(mint: str, token_program: str, curve: BondingCurve, *, newer: str = "") -> Coin:
    """The kind of the coin behind a curve.

    Raises
    ------
    QuoteError
        With code `COMPLETE`, if the curve is complete: the coin trades in its pool.
    UnknownKindError
        If the coin is not priced in SOL, or as `Coin` says.
    """
    if curve.complete:
        raise QuoteError(COMPLETE, f"the curve of {mint} is complete; trade in the coin's pool")
    if curve.quote_kind != "sol":
        raise UnknownKindError(f"coin {mint} is priced in {curve.quote_mint}, not in SOL; trade coins priced in SOL")
    if curve.depth:
        newer = newer or f"depth {curve.depth}"
    return Coin(
        mint=key(mint),
        token_program=key(token_program),
        creator=key(curve.creator),
        mayhem=curve.is_mayhem_mode,
        cashback=curve.is_cashback_coin,
        holder_reward=curve.is_holder_reward,
        newer=newer,
    )


def read_coin(mint: str, token_program: str, account: bytes) -> tuple[Coin, BondingCurve]:
    """Decode a bonding-curve account: the coin for its instructions, the curve for its quotes.

    Raises
    ------
    DataError
        If the account is no bonding curve.
    QuoteError, UnknownKindError
        As `coin_of` does.
    """
    curve = read_curve(account)
    unknown = len(account[KNOWN_BYTES:].rstrip(b"\0"))
    newer = f"{unknown} bytes behind the last known field" if unknown else ""
    return coin_of(mint, token_program, curve, newer=newer), curve


def parties(user: Pubkey, coin: Coin, settings: Global, lot: int) -> Parties:
    """Choose the fee recipients of a trade.

    Any recipient of the right list will do; spreading trades over them keeps accounts from being fought for.

    Parameters
    ----------
    settings : Global
        The program's global account, read on the chain: the lists change.
    lot : int
        Chooses from the lists; the same number gives the same recipients.

    Raises
    ------
    UnknownKindError
        If the account names no recipient for this kind of coin.
    """
    normal = settings.mayhem_fee_recipients if coin.mayhem else settings.fee_recipients
    return Parties(
        user=user,
        fee_recipient=drawn(normal, lot, "reserved fee" if coin.mayhem else "fee"),
        buyback_recipient=drawn(settings.buyback_fee_recipients, lot // max(len(normal), 1), "buy-back fee"),
    )


def drawn(recipients: tuple[str, ...], lot: int, kind: str) -> Pubkey:
    """The recipient that the number `lot` chooses of those that are named.

    Raises
    ------
    UnknownKindError
        If none is named.
    """
    named = [recipient for recipient in recipients if recipient != ZERO_KEY]
    if not named:
        raise UnknownKindError(f"the global account names 0 {kind} recipients; read it again before trading")
    return key(named[lot % len(named)])
