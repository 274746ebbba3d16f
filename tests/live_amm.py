"""The pools' program on the chain of `live_chain`, and what its sales need besides: wrapped SOL, made and undone.

The list of a sale's accounts is written down once more here; ``!`` marks one that must be writable, ``$`` the one that
must also sign. What the program does to reserves is the constant product with charges beside, each rounded up.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import pool_addresses as pool_at
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.wire.borsh import write_fields
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY
from alphaloop.markets.pumpfun.wire.layouts import AMM_SELL
from live_accounts import BUYBACK_BPS, BUYBACK_RECIPIENTS, FEE_RECIPIENTS, MAYHEM_RECIPIENTS, POOL_FEES
from live_programs import Done, Meta, Place
from live_programs import instruction as other_instruction
from live_state import Coin, custom, token_address

SELL = bytes.fromhex("33e685a4017f83ad")
OPEN_VOLUME = bytes.fromhex("5e06ca73ff60e8b7")
ROLES = (
    "pool! user$ settings mint quote user_tokens! user_wrapped! base_vault! quote_vault! fee_recipient fee_wrapped! "
    "token_program quote_program system ata_program event_authority amm creator_wrapped! creator_vault fee_config fees "
    "{cashback}{creator}buyback buyback_wrapped!"
)
WRONG = {"fee_recipient": 6013, "buyback": 6053, "base_vault": 6014, "quote_vault": 6015, "pool_v2": 6062}


def instruction(place: Place, program: str, data: bytes, metas: list[Meta]) -> Done:
    """Carry out one instruction of any program that is known."""
    if program == str(at.AMM):
        return _open_volume(place, metas) if data[:8] == OPEN_VOLUME else _sell(place, data, metas)
    if program == str(at.TOKEN) and data == b"\x09":
        return _close(place, metas)
    return other_instruction(place, program, data, metas)


def _close(place: Place, metas: list[Meta]) -> Done:
    account, target, owner = metas[:3]
    held = place.state.holding(account.address)
    if held is None or held.owner != owner.address or not owner.signs:
        raise custom(4)
    place.state.close_account(account.address, target.address)
    return Done([], 3_000, [])


def _open_volume(place: Place, metas: list[Meta]) -> Done:
    payer, user, volume = (meta.address for meta in metas[:3])
    if volume != str(pool_at.pool_user_volume(at.key(user))):
        raise custom(2006)
    if place.state.get("volume", volume):
        raise custom(0)
    place.state.move(payer, volume, rent(137), "rent of the volume account")
    place.state.put("volume", volume, True)
    return Done([], 10_000, [])


def _sell(place: Place, data: bytes, metas: list[Meta]) -> Done:
    if data[:8] != SELL or len(data) != 24:
        raise custom(101)
    amount, least = struct.unpack("<QQ", data[8:])
    state = place.state
    coin = state.coin(metas[3].address) if len(metas) > 20 else None
    if coin is None or coin.pool is None:
        raise custom(3012)
    named = _check(place, coin, metas)
    base, quote = coin.pool
    gross = amount * quote // (base + amount)
    fees = POOL_FEES.for_coin(has_creator=coin.creator != ZERO_KEY, cashback=coin.cashback)
    parts = (fees.lp_bps, fees.protocol_bps, fees.creator_bps, fees.cashback_bps)
    lp, protocol, creator, cashback = (-(-gross * bps // 10_000) for bps in parts)
    total = gross - lp - protocol - creator - cashback
    if amount == 0:
        raise custom(6001)
    if gross == 0 or total < 0:
        raise custom(6002)
    if total < least:
        raise custom(6004)
    held = state.holding(named["user_tokens"])
    if held is None or held.amount < amount:
        raise custom(1)
    if state.holding(named["creator_wrapped"]) is None:
        state.open_account(named["user"], named["creator_vault"], str(at.QUOTE_SOL), str(at.TOKEN))
    state.add_tokens(named["user_tokens"], -amount)
    state.add_tokens(named["base_vault"], amount)
    vault, buyback = named["quote_vault"], protocol * BUYBACK_BPS // 10_000
    for target, lamports, reason in (
        ("user_wrapped", total, "price"),
        ("fee_wrapped", protocol - buyback, "protocol fee"),
        ("buyback_wrapped", buyback, "buy-back fee"),
        ("creator_wrapped", creator, "creator fee"),
        ("cashback_wrapped", cashback, "cashback"),
    ):
        if lamports:
            state.move_wrapped(vault, named[target], lamports, reason)
    state.put("coin", coin.mint, replace(coin, pool=(base + amount, quote - gross + lp)))
    event = _event(place, coin, named, amount, least, gross, total, lp, protocol, creator, cashback)
    return Done([event], 101_000, ["Program log: Instruction: Sell"])


def _check(place: Place, coin: Coin, metas: list[Meta]) -> dict[str, str]:
    cashback = "cashback_wrapped! user_volume! " if coin.cashback else ""
    creator = "pool_v2 " if coin.creator != ZERO_KEY else ""
    roles = ROLES.format(cashback=cashback, creator=creator).split()
    if len(metas) < len(roles):
        raise custom(6044)
    named = {role.rstrip("!$"): meta.address for role, meta in zip(roles, metas, strict=False)}
    expected = _expected(coin, named)
    for role, meta in zip(roles, metas, strict=False):
        name = role.rstrip("!$")
        right = expected[name]
        if meta.address not in right if isinstance(right, tuple) else meta.address != right:
            raise custom(WRONG.get(name, 2006))
        if role.endswith(("!", "$")) and not meta.writable:
            raise custom(2000)
        if role.endswith("$") and not meta.signs:
            raise custom(3010)
    for name in ("user_tokens", "user_wrapped", "fee_wrapped", "buyback_wrapped", *cashback.split()[:1]):
        if place.state.holding(named[name.rstrip("!")]) is None:
            raise custom(3012)
    if coin.cashback and not place.state.get("volume", named["user_volume"]):
        raise custom(6060)
    return named


def _expected(coin: Coin, named: dict[str, str]) -> dict[str, Any]:
    mint, user = at.key(coin.mint), at.key(named["user"])
    pool, volume = at.pool(mint), pool_at.pool_user_volume(user)
    vault = pool_at.coin_creator_vault(at.key(coin.creator))

    def wrapped(owner: object) -> str:
        return token_address(str(owner), str(at.QUOTE_SOL), str(at.TOKEN))

    return {
        "pool": str(pool),
        "user": named["user"],
        "settings": str(pool_at.AMM_SETTINGS),
        "mint": coin.mint,
        "quote": str(at.QUOTE_SOL),
        "user_tokens": token_address(named["user"], coin.mint, coin.token_program),
        "user_wrapped": wrapped(user),
        "base_vault": token_address(str(pool), coin.mint, coin.token_program),
        "quote_vault": wrapped(pool),
        "fee_recipient": MAYHEM_RECIPIENTS if coin.mayhem else FEE_RECIPIENTS,
        "fee_wrapped": wrapped(named["fee_recipient"]),
        "token_program": coin.token_program,
        "quote_program": str(at.TOKEN),
        "system": ZERO_KEY,
        "ata_program": str(at.ATA_PROGRAM),
        "event_authority": str(pool_at.AMM_EVENT_AUTHORITY),
        "amm": str(at.AMM),
        "creator_wrapped": wrapped(vault),
        "creator_vault": str(vault),
        "fee_config": str(pool_at.AMM_FEE_CONFIG),
        "fees": str(at.FEES),
        "cashback_wrapped": wrapped(volume),
        "user_volume": str(volume),
        "pool_v2": str(pool_at.pool_v2(mint)),
        "buyback": BUYBACK_RECIPIENTS,
        "buyback_wrapped": wrapped(named["buyback"]),
    }


def _event(
    place: Place, coin: Coin, named: dict[str, str], amount: int, least: int, gross: int, total: int, lp: int,
    protocol: int, creator: int, cashback: int,
) -> bytes:  # fmt: skip
    assert coin.pool is not None
    empty: dict[str, Any] = {"key": ZERO_KEY, "string": "", "shares": [], "bool": False}
    values: dict[str, Any] = {name: empty.get(kind, 0) for name, kind in AMM_SELL.fields}
    values |= {
        "timestamp": place.ns // NS_PER_S,
        "base_amount_in": amount,
        "min_quote_amount_out": least,
        "pool_base_token_reserves": coin.pool[0],
        "pool_quote_token_reserves": coin.pool[1],
        "quote_amount_out": gross,
        "lp_fee_basis_points": POOL_FEES.lp_bps,
        "lp_fee": lp,
        "protocol_fee_basis_points": POOL_FEES.protocol_bps,
        "protocol_fee": protocol,
        "quote_amount_out_without_lp_fee": gross - lp,
        "user_quote_amount_out": total,
        "pool": named["pool"],
        "user": named["user"],
        "coin_creator": coin.creator,
        "coin_creator_fee": creator,
        "cashback": cashback,
    }
    return write_fields(AMM_SELL, values)
