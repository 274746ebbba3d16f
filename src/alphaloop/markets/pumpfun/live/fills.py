"""What a landed transaction did to the wallet: read from its own events and from the balances before and after it.

Quantity and traded money are those of the wallet's own trade events, on the curve, beyond it (the part of a completing
buy that continues into the pool to come) and in the pool. Cash is the change of the wallet's lamports, everything
included. What cash holds besides is told apart: network fee, tip, and rent, which is whatever remains.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import AwayError, DataError
from alphaloop.markets.pumpfun.events import PostCompleteBuy, Trade
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from alphaloop.markets.pumpfun.wire.decode import Record, decode, fields
from alphaloop.markets.pumpfun.wire.envelopes import open_envelope
from alphaloop.markets.pumpfun.wire.layouts import AMM_BUY, AMM_SELL, DISCRIMINATOR_BYTES
from alphaloop.markets.pumpfun.wire.transactions import scan_transaction
from alphaloop.trading.portfolio.records import Filled

_POOL_BUY: Final = AMM_BUY.discriminator
_POOL_SALE: Final = AMM_SELL.discriminator


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One trade event of the wallet: base units and lamports, charges included, that changed hands."""

    is_buy: bool
    tokens: int
    lamports: int
    fee: int
    creator_fee: int
    venue: str


class Movement(msgspec.Struct, frozen=True):
    """What a transaction did to a wallet in one coin.

    Attributes
    ----------
    legs : tuple of Leg
        Its trades, in order.
    cash : int
        Change of the wallet's lamports.
    network, tip : int
        Paid for landing.
    token_change, remaining : int
        Of the wallet's token balance, and what it is afterwards; `remaining` is -1 if the node did not say.
    """

    signature: str
    slot: int
    block_ns: int
    legs: tuple[Leg, ...]
    cash: int
    network: int
    tip: int
    token_change: int
    remaining: int

    @property
    def tokens(self) -> int:
        """Base units that came to the wallet by trades; below 0 if they left it."""
        return sum(leg.tokens if leg.is_buy else -leg.tokens for leg in self.legs)

    @property
    def lamports(self) -> int:
        """Money that came to the wallet by trades, charges included and costs of landing not; below 0 for buys."""
        return sum(-leg.lamports if leg.is_buy else leg.lamports for leg in self.legs)

    @property
    def rent(self) -> int:
        """Lamports that went into accounts; below 0 if more came back."""
        return self.lamports - self.cash - self.network - self.tip


def read_movement(
    answer: Mapping[str, Any], wallet: str, mint: str, tip_accounts: Collection[str] = TIP_ACCOUNTS
) -> Movement | None:
    """Read a ``getTransaction`` answer; None if it failed, or holds no trade of the wallet in the coin.

    Raises
    ------
    AwayError
        If it is not whole: another node may have it so.
    """
    try:
        scan = scan_transaction(answer, 0)
        # A failed transaction has no records.
        legs = tuple(leg for record in scan.records if (leg := _leg(record, wallet, mint)) is not None)
        if scan.incomplete:
            raise DataError("its logs are cut and its inner calls not told")
        if not legs:
            return None
        result = answer.get("result", answer)
        meta, keys = result["meta"], open_envelope(answer).keys
        before, after = meta["preBalances"], meta["postBalances"]
        place = keys.index(wallet)
        tips = (after[i] - before[i] for i, key in enumerate(keys) if key in tip_accounts)
        held, remaining = (_tokens(meta.get(name), wallet, mint) for name in ("preTokenBalances", "postTokenBalances"))
        return Movement(
            signature=scan.signature,
            slot=scan.slot,
            block_ns=(scan.block_time_s or 0) * NS_PER_S,
            legs=legs,
            cash=int(after[place]) - int(before[place]),
            network=int(meta["fee"]) if place == 0 else 0,
            tip=sum(paid for paid in tips if paid > 0),
            token_change=0 if remaining < 0 else remaining - max(held, 0),
            remaining=remaining,
        )
    except (DataError, KeyError, IndexError, TypeError, ValueError) as wrong:
        raise AwayError(f"a node's transaction cannot be read ({wrong}); ask again") from None


def filled(movement: Movement, asset: str, now_ns: int) -> Filled | None:
    """Make a movement into a fill; None if it left the wallet with as many base units as before."""
    tokens = movement.tokens
    if tokens == 0:
        return None
    details: dict[str, Any] = {
        "venue": movement.legs[-1].venue,
        "fee": sum(leg.fee for leg in movement.legs),
        "creator_fee": sum(leg.creator_fee for leg in movement.legs),
        "network": movement.network,
        "tip": movement.tip,
        "rent": movement.rent,
        "slot": movement.slot,
        "block_ns": movement.block_ns,
    }
    if movement.remaining >= 0 and movement.token_change != tokens:
        # Tokens came or went besides the trade; the holding is what the wallet says.
        details["token_change"] = movement.token_change
    return Filled(
        at_ns=now_ns,
        signature=movement.signature,
        quantity=abs(tokens),
        cash=movement.cash,
        traded=abs(movement.lamports),
        remaining=movement.remaining,
        filled_ns=movement.block_ns,
        asset=asset,
        side="buy" if tokens > 0 else "sell",
        details=details,
    )


def _leg(record: Record, wallet: str, mint: str) -> Leg | None:
    kind = record.data[:DISCRIMINATOR_BYTES]
    if kind in (_POOL_BUY, _POOL_SALE):
        return _pool_leg(record.data, wallet, mint)
    event = decode(record)
    if isinstance(event, Trade) and (event.wallet, event.mint) == (wallet, mint):
        creator = event.creator_fee + event.cashback
        paid = max(event.wallet_sol, 0)  # dust that is worth less than its charges pays out nothing
        return Leg(event.is_buy, event.token_amount, paid, event.fee, creator, "curve")
    if isinstance(event, PostCompleteBuy) and (event.wallet, event.mint) == (wallet, mint):
        paid = event.sol_amount + event.fee + event.creator_fee
        return Leg(True, event.token_amount, paid, event.fee, event.creator_fee, "curve")
    return None


def _pool_leg(data: bytes, wallet: str, mint: str) -> Leg | None:
    """A trade in the pool that the coin migrated to; its event names the pool, and not the coin."""
    found = fields(data).fields
    if found["user"] != wallet or found["pool"] != str(at.pool(at.key(mint))):
        return None
    is_buy = data[:DISCRIMINATOR_BYTES] == _POOL_BUY
    tokens = found["base_amount_out"] if is_buy else found["base_amount_in"]
    paid = found["user_quote_amount_in"] if is_buy else found["user_quote_amount_out"]
    creator = found.get("coin_creator_fee", 0) + found.get("cashback", 0)
    return Leg(is_buy, tokens, paid, found["lp_fee"] + found["protocol_fee"], creator, "pool")


def _tokens(balances: Any, wallet: str, mint: str) -> int:
    """Base units that the wallet holds of the coin; -1 if the node does not say."""
    if balances is None:
        return -1
    mine = [one for one in balances if one["mint"] == mint and one.get("owner") == wallet]
    return sum(int(one["uiTokenAmount"]["amount"]) for one in mine)
