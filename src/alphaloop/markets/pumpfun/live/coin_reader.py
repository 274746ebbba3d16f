"""Reads a coin's accounts: its curve and its mint, and its pool once the curve is complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solders.pubkey import Pubkey

from alphaloop.core.errors import AwayError, DataError
from alphaloop.markets.pumpfun.curve.accounts import read_curve
from alphaloop.markets.pumpfun.live.answers import Account
from alphaloop.markets.pumpfun.live.coin_context import curve_part, pool_part
from alphaloop.markets.pumpfun.live.rpc import ChainRpc
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import KNOWN_BYTES, UnknownKindError
from alphaloop.markets.pumpfun.transactions.pool_accounts import NoPoolError, pool_reads, read_pool_state
from alphaloop.markets.pumpfun.transactions.pool_addresses import pool_user_volume


async def read_context(
    rpc: ChainRpc, wallet: Pubkey, asset: str, context: Mapping[str, Any], now_ns: int
) -> dict[str, Any]:
    """Everything about a coin's market, as of now.

    Parameters
    ----------
    context : mapping
        What was known before; entries that no account tells are kept.

    Raises
    ------
    AwayError
        If the chain does not answer, or the node has no such coin.
    """
    mint = at.key(asset)
    curve, minted = await rpc.accounts([str(at.bonding_curve(mint)), asset])
    if curve is None or minted is None:
        raise AwayError(f"the node has no curve of coin {asset}; ask again")
    try:
        read = read_curve(curve.data)
    except DataError as wrong:
        raise AwayError(f"the curve of coin {asset} cannot be read ({wrong}); ask again") from None
    unknown = len(curve.data[KNOWN_BYTES:].rstrip(b"\0"))
    newer = f"{unknown} bytes behind the last known field" if unknown else ""
    found = {**context, **curve_part(read, minted.owner, newer, now_ns)}
    found.pop("pool", None)
    if read.complete:
        found |= await _pool(rpc, wallet, mint, at.key(minted.owner))
    return found


async def _pool(rpc: ChainRpc, wallet: Pubkey, mint: Pubkey, token_program: Pubkey) -> dict[str, Any]:
    """The pool's part; nothing while the liquidity has not moved, or if the pool is none that can be sold in."""
    asked = [*map(str, pool_reads(mint, token_program)), str(pool_user_volume(wallet))]
    *accounts, volume = await rpc.accounts(asked)
    try:
        state = read_pool_state(mint, token_program, _data(accounts))
    except (NoPoolError, UnknownKindError) as unsold:
        return {"pool": {"reason": str(unsold)}}
    except DataError as wrong:
        raise AwayError(f"the pool of coin {mint} cannot be read ({wrong}); ask again") from None
    return {"pool": pool_part(state, volume_account_missing=volume is None)}


def _data(accounts: Sequence[Account | None]) -> list[bytes | None]:
    return [None if account is None else account.data for account in accounts]
