"""The accounts of the chain of `live_chain` as nodes give them: bytes in the programs' layouts."""

from __future__ import annotations

import base64
from typing import Any

from alphaloop.markets.pumpfun.curve.accounts import CURVE_MARK, FEES_MARK, GLOBAL_MARK
from alphaloop.markets.pumpfun.curve.fees import Fees
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.transactions.pool_accounts import POOL_MARK, SETTINGS_MARK
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, to_bytes
from live_state import Coin, Holding, State, name_key

FEE_RECIPIENTS = tuple(name_key(f"fee recipient {n}") for n in range(8))
MAYHEM_RECIPIENTS = tuple(name_key(f"mayhem fee recipient {n}") for n in range(8))
BUYBACK_RECIPIENTS = tuple(name_key(f"buy-back recipient {n}") for n in range(8))
BUYBACK_BPS = 5_000
POOL_FEES = Fees(protocol_bps=5, creator_bps=5, lp_bps=20)


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _keys(keys: tuple[str, ...]) -> bytes:
    return b"".join(map(to_bytes, keys))


def curve_bytes(coin: Coin) -> bytes:
    reserves = coin.reserves
    data = b"".join(
        (
            CURVE_MARK,
            _u64(reserves.virtual_token),
            _u64(reserves.virtual_sol),
            _u64(reserves.real_token),
            _u64(reserves.real_sol),
            _u64(coin.supply),
            bytes([coin.complete]),
            to_bytes(coin.creator),
            bytes([coin.mayhem, coin.cashback]),
            to_bytes(ZERO_KEY),
            _u64(0),
            bytes([0, coin.holder_reward]),
            _u64(coin.creator_fee),
            _u64(coin.protocol_fees),
            bytes([0]),
            _u64(reserves.virtual_sol - reserves.real_sol),
            _u64(coin.after_base),
            _u64(coin.after_quote),
        )
    )
    return data[: coin.account_bytes].ljust(coin.account_bytes, b"\0")


def global_bytes() -> bytes:
    data = bytearray(1088)
    for place, content in (
        (0, GLOBAL_MARK),
        (41, to_bytes(FEE_RECIPIENTS[0])),
        (73, _u64(1_073_000_000_000_000)),
        (81, _u64(30_000_000_000)),
        (89, _u64(793_100_000_000_000)),
        (97, _u64(10**15)),
        (105, _u64(95)),
        (146, _u64(15_000_001)),
        (154, _u64(5)),
        (162, _keys(FEE_RECIPIENTS[1:])),
        (483, to_bytes(MAYHEM_RECIPIENTS[0])),
        (516, _keys(MAYHEM_RECIPIENTS[1:])),
        (741, _keys(BUYBACK_RECIPIENTS)),
        (997, _u64(BUYBACK_BPS)),
        (1005, _u64(30_000_000_000)),
    ):
        data[place : place + len(content)] = content
    return bytes(data)


def fee_bytes(fees: Fees) -> bytes:
    flat = _u64(fees.lp_bps) + _u64(fees.protocol_bps) + _u64(fees.creator_bps)
    tiers = (1).to_bytes(4, "little") + bytes(16) + flat
    return (FEES_MARK + b"\xff" + bytes(32) + flat + tiers + tiers + flat).ljust(4_097, b"\0")


def pool_bytes(coin: Coin) -> bytes:
    """A pool's account, longer than its known fields: the program writes 300 bytes."""
    mint = at.key(coin.mint)
    pool = str(at.pool(mint))
    base = str(at.token_account(at.pool(mint), mint, at.key(coin.token_program)))
    data = bytearray(300)
    for place, content in (
        (0, POOL_MARK),
        (11, bytes(pool_at.pool_authority(mint))),
        (43, to_bytes(coin.mint)),
        (75, bytes(at.QUOTE_SOL)),
        (139, to_bytes(base)),
        (171, bytes(at.quote_account(at.key(pool)))),
        (211, to_bytes(coin.creator)),
        (243, bytes([coin.mayhem, coin.cashback])),
        (270, bytes([coin.holder_reward])),
    ):
        data[place : place + len(content)] = content
    return bytes(data)


def pool_settings_bytes() -> bytes:
    data = bytearray(949)
    for place, content in (
        (0, SETTINGS_MARK),
        (57, _keys(FEE_RECIPIENTS)),
        (385, to_bytes(MAYHEM_RECIPIENTS[0])),
        (418, _keys(MAYHEM_RECIPIENTS[1:])),
        (643, _keys(BUYBACK_RECIPIENTS)),
    ):
        data[place : place + len(content)] = content
    return bytes(data)


def mint_bytes(coin: Coin) -> bytes:
    return bytes(36) + _u64(coin.supply) + bytes([6, 1]) + bytes(36)


def token_bytes(held: Holding, program: str) -> bytes:
    plain = to_bytes(held.mint) + to_bytes(held.owner) + _u64(held.amount) + bytes(36) + b"\1" + bytes(56)
    return plain if program == str(at.TOKEN) else plain + bytes([2, 7, 0, 0, 0])


def account(state: State, fees: Fees, address: str) -> dict[str, Any] | None:
    """An account as ``getMultipleAccounts`` tells it in base64, or None if it is not there."""
    lamports = state.lamports(address)
    if address == str(at.GLOBAL):
        return _told(global_bytes(), str(at.PUMP), rent(1088))
    if address == str(at.FEE_CONFIG):
        return _told(fee_bytes(fees), str(at.FEES), rent(4_097))
    if address == str(pool_at.AMM_SETTINGS):
        return _told(pool_settings_bytes(), str(at.AMM), rent(949))
    if address == str(pool_at.AMM_FEE_CONFIG):
        return _told(fee_bytes(POOL_FEES), str(at.FEES), rent(4_097))
    pooled = state.get("pool", address)
    if pooled is not None:
        return _told(pool_bytes(state.get("coin", pooled)), str(at.AMM), lamports)
    mint = state.get("curve", address)
    if mint is not None:
        return _told(curve_bytes(state.get("coin", mint)), str(at.PUMP), lamports)
    coin = state.coin(address)
    if coin is not None:
        return _told(mint_bytes(coin), coin.token_program, rent(82))
    held = state.holding(address)
    if held is not None:
        program = state.program_of(held.mint)
        return _told(token_bytes(held, program), program, lamports)
    return _told(b"", str(at.SYSTEM), lamports) if lamports else None


def _told(data: bytes, owner: str, lamports: int) -> dict[str, Any]:
    return {
        "data": [base64.b64encode(data).decode(), "base64"],
        "executable": False,
        "lamports": lamports,
        "owner": owner,
        "rentEpoch": 18_446_744_073_709_551_615,
        "space": len(data),
    }
