"""The programs of the chain of `live_chain`: what each instruction of a transaction does, to the lamport.

The lists of accounts are written down once more here, from the published interface and not from the code under test:
``!`` marks an account that must be writable, ``$`` the one that must also sign.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, NamedTuple

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.completion import buy_exact_in_through, buy_tokens_through
from alphaloop.markets.pumpfun.curve.fees import Fees
from alphaloop.markets.pumpfun.curve.quotes import Quote, QuoteError, buy_exact_in, buy_tokens, sell
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.wire.borsh import write_fields
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY
from alphaloop.markets.pumpfun.wire.layouts import COMPLETE, POST_COMPLETE_BUY, TRADE
from live_accounts import BUYBACK_BPS, BUYBACK_RECIPIENTS, FEE_RECIPIENTS, MAYHEM_RECIPIENTS
from live_state import Coin, Failure, State, custom, token_address

TRADERS = "global fee_recipient! mint curve! curve_tokens! user_tokens! user$ system "
LEGACY_BUY = (
    TRADERS + "token_program creator_vault! event_authority pump global_volume user_volume! fee_config fees "
    "curve_v2 buyback!"
)
LEGACY_SELL = TRADERS + "creator_vault! token_program event_authority pump fee_config fees {volume}curve_v2 buyback!"
V2 = (
    "global mint quote token_program quote_program ata_program fee_recipient! fee_recipient_quote! buyback! "
    "buyback_quote! curve! curve_tokens! curve_quote! user$ user_tokens! user_quote! creator_vault! "
    "creator_vault_quote! sharing_config {volume}user_volume! user_volume_quote! fee_config fees system "
    "event_authority pump"
)
V3 = (
    "global mint quote token_program quote_program curve! curve_tokens! curve_quote! user$ user_tokens! user_quote! "
    "user_volume! fee_config buyback! system event_authority pump"
)
WRONG = {"creator_vault": 2006, "fee_recipient": 6000, "buyback": 6057, "curve_v2": 6074}


class Kind(NamedTuple):
    """A trade instruction: its name, its accounts, and the compute units that it needs."""

    name: str
    roles: str
    side: str
    exact_in: bool
    units: int
    log_name: str


KINDS = {
    bytes.fromhex("66063d1201daebea"): Kind("buy", LEGACY_BUY, "buy", False, 72_000, "Buy"),
    bytes.fromhex("38fc74089edfcd5f"): Kind("buy_exact_sol_in", LEGACY_BUY, "buy", True, 72_000, "BuyExactSolIn"),
    bytes.fromhex("33e685a4017f83ad"): Kind("sell", LEGACY_SELL, "sell", False, 60_000, "Sell"),
    bytes.fromhex("b817ee6167c5d33d"): Kind("buy", V2, "buy", False, 94_000, "BuyV2"),
    bytes.fromhex("c2ab1c46684d5b2f"): Kind("buy_exact_sol_in", V2, "buy", True, 94_000, "BuyExactQuoteInV2"),
    bytes.fromhex("5df6823ce7e940b2"): Kind("sell", V2, "sell", False, 90_000, "SellV2"),
    bytes.fromhex("07051dc4f5176550"): Kind("buy_v3", V3, "buy", False, 45_000, "BuyV3"),
    bytes.fromhex("e1f7501ed5b38488"): Kind("buy_exact_quote_in_v3", V3, "buy", True, 45_000, "BuyExactQuoteInV3"),
    bytes.fromhex("1c92de7726c469d5"): Kind("sell_v3", V3, "sell", False, 45_000, "SellV3"),
}


class Meta(NamedTuple):
    """An account as an instruction names it."""

    address: str
    signs: bool
    writable: bool


class Place(NamedTuple):
    """Where a trade happens."""

    state: State
    fees: Fees
    ns: int


class Done(NamedTuple):
    """What an instruction leaves in the logs."""

    events: list[bytes]
    units: int
    lines: list[str]


def trade(place: Place, data: bytes, metas: list[Meta]) -> Done:
    """Carry out an instruction of the Pump program."""
    kind = KINDS.get(data[:8])
    if kind is None or len(data) < 24:
        raise custom(101)
    amount, limit = struct.unpack_from("<QQ", data, 8)
    options = data[24:]
    legacy_buy = kind.roles is LEGACY_BUY
    partial = any(options[1:2] if legacy_buy else options[:1])
    if len(options) > (2 if legacy_buy else 1) or (kind.side == "sell" and options):
        raise custom(102)
    mint = metas[2 if kind.roles.startswith(TRADERS) else 1].address if len(metas) > 2 else ""
    coin = place.state.coin(mint)
    if coin is None:
        raise custom(3012)
    named = check_accounts(place, kind, coin, metas)
    if kind.roles is V3 and coin.cashback:
        raise custom(6094)
    if coin.complete:
        raise custom(6005)
    try:
        if kind.side == "sell":
            events = _sell(place, kind, coin, named, amount, limit)
        else:
            events = _buy(place, kind, coin, named, amount, limit, partial)
    except QuoteError as error:
        raise custom(error.code) from None
    return Done(events, kind.units, [f"Program log: Instruction: {kind.log_name}"])


def check_accounts(place: Place, kind: Kind, coin: Coin, metas: list[Meta]) -> dict[str, str]:
    """Hold each account against what it must be; gives the accounts by role."""
    volume = {LEGACY_SELL: "user_volume! " if coin.cashback else "", V2: "global_volume " if kind.side == "buy" else ""}
    roles = kind.roles.format(volume=volume.get(kind.roles, "")).split()
    if len(metas) < len(roles):
        raise custom(6062 if len(metas) == len(roles) - 1 else 3005)
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
    if place.state.holding(named["user_tokens"]) is None:
        raise custom(3012)
    return named


def _expected(coin: Coin, named: dict[str, str]) -> dict[str, Any]:
    user, mint, curve = named["user"], at.key(coin.mint), at.bonding_curve(at.key(coin.mint))
    vault, volume = at.creator_vault(at.key(coin.creator)), at.user_volume(at.key(user))

    def quote(owner: str) -> str:
        return token_address(owner, str(at.QUOTE_SOL), str(at.TOKEN))

    return {
        "global": str(at.GLOBAL),
        "mint": coin.mint,
        "curve": str(curve),
        "curve_tokens": token_address(str(curve), coin.mint, coin.token_program),
        "curve_quote": quote(str(curve)),
        "user": user,
        "user_tokens": token_address(user, coin.mint, coin.token_program),
        "user_quote": quote(user),
        "system": ZERO_KEY,
        "token_program": coin.token_program,
        "quote_program": str(at.TOKEN),
        "ata_program": str(at.ATA_PROGRAM),
        "quote": str(at.QUOTE_SOL),
        "fee_recipient": MAYHEM_RECIPIENTS if coin.mayhem else FEE_RECIPIENTS,
        "fee_recipient_quote": quote(named.get("fee_recipient", ZERO_KEY)),
        "buyback": BUYBACK_RECIPIENTS,
        "buyback_quote": quote(named["buyback"]),
        "creator_vault": str(vault),
        "creator_vault_quote": quote(str(vault)),
        "sharing_config": str(at.sharing_config(mint)),
        "global_volume": str(at.GLOBAL_VOLUME),
        "user_volume": str(volume),
        "user_volume_quote": quote(str(volume)),
        "fee_config": str(at.FEE_CONFIG),
        "fees": str(at.FEES),
        "event_authority": str(at.EVENT_AUTHORITY),
        "pump": str(at.PUMP),
        "curve_v2": str(at.bonding_curve_v2(mint)),
    }


def _buy(
    place: Place, kind: Kind, coin: Coin, named: dict[str, str], amount: int, limit: int, partial: bool
) -> list[bytes]:
    fees, state, through = coin.fees(place.fees), place.state, None
    if kind.roles is V3:
        held = state.holding(named["curve_tokens"])
        maker = buy_exact_in_through if kind.exact_in else buy_tokens_through
        through = maker(coin.reserves, amount, fees, held=held.amount if held else 0, mayhem=coin.mayhem)
        quote, tokens, total = through.curve, through.token_amount, through.total
    else:
        plain = buy_exact_in if kind.exact_in else buy_tokens
        quote = plain(coin.reserves, amount, fees, partial_fill=partial)
        tokens, total = quote.token_amount, quote.total
    if kind.exact_in and tokens < limit:
        raise custom(6042)
    if not kind.exact_in and total > limit:
        raise custom(6002)
    _open_accounts(place, kind, coin, named)
    _pay(place, kind, coin, named, quote, named["user"])
    part = through.pool if through else None
    after = replace(
        state.coin(coin.mint) or coin,
        reserves=quote.after,
        complete=quote.after.complete,
        after_base=part.token_amount if part else 0,
        after_quote=part.sol_amount if part else 0,
    )
    state.move(named["user"], coin.curve, quote.sol_amount, "price", custom(6041))
    events = [_trade_event(place, kind, coin, named, quote, is_buy=True)]
    if after.complete:
        events.append(_complete_event(place, coin, named["user"]))
    if part:
        state.move(named["user"], coin.curve, part.total, "price beyond the curve", custom(6041))
        after = replace(
            after, protocol_fees=after.protocol_fees + part.fee, creator_fee=after.creator_fee + part.creator_fee
        )
        events.append(_beyond_event(place, coin, named["user"], part))
    state.add_tokens(named["curve_tokens"], -tokens)
    state.add_tokens(named["user_tokens"], tokens)
    state.put("coin", coin.mint, after)
    return events


def _sell(place: Place, kind: Kind, coin: Coin, named: dict[str, str], amount: int, limit: int) -> list[bytes]:
    state = place.state
    quote = sell(coin.reserves, amount, coin.fees(place.fees))
    held = state.holding(named["user_tokens"])
    if held is None or held.amount < amount:
        raise custom(6023)
    if quote.total < limit:
        raise custom(6003)
    if quote.sol_amount > coin.reserves.real_sol:
        raise custom(6003)
    _open_accounts(place, kind, coin, named)
    state.add_tokens(named["user_tokens"], -amount)
    state.add_tokens(named["curve_tokens"], amount)
    state.move(coin.curve, named["user"], quote.sol_amount, "price")
    _pay(place, kind, coin, named, quote, named["user"])
    state.put("coin", coin.mint, replace(state.coin(coin.mint) or coin, reserves=quote.after))
    return [_trade_event(place, kind, coin, named, quote, is_buy=False)]


def _open_accounts(place: Place, kind: Kind, coin: Coin, named: dict[str, str]) -> None:
    """Make what is missing at the wallet's cost: its volume account, the creator's vault, the curve's growth."""
    state, user = place.state, named["user"]
    volume = named.get("user_volume")
    if volume and not state.get("volume", volume):
        state.move(user, volume, rent(137), "rent of the volume account", custom(6040))
        state.put("volume", volume, True)
    vault = named.get("creator_vault")
    if vault and coin.creator != ZERO_KEY and not coin.cashback:
        state.move(user, vault, max(0, rent(0) - state.lamports(vault)), "rent of the creator's vault", custom(6040))
    if coin.account_bytes < 166:
        state.move(user, coin.curve, rent(166) - rent(coin.account_bytes), "rent of the curve's growth", custom(6040))
        state.put("coin", coin.mint, replace(coin, account_bytes=166))


def _pay(place: Place, kind: Kind, coin: Coin, named: dict[str, str], quote: Quote, payer: str) -> None:
    state, short = place.state, custom(6041)
    buyback = quote.fee * BUYBACK_BPS // 10_000
    # Dust that is worth less than its charges pays out nothing, and is charged no more than it is worth.
    charges = [buyback, quote.fee - buyback, quote.creator_fee, quote.cashback]
    if quote.total == 0:
        charges = _within(charges, quote.sol_amount)
    state.move(payer, named["buyback"], charges[0], "buy-back fee", short)
    if kind.roles is V3:
        state.move(payer, coin.curve, charges[1] + charges[2], "fees left on the curve", short)
        kept = state.coin(coin.mint) or coin
        changed = replace(
            kept, protocol_fees=kept.protocol_fees + charges[1], creator_fee=kept.creator_fee + charges[2]
        )
        state.put("coin", coin.mint, changed)
        return
    state.move(payer, named["fee_recipient"], charges[1], "protocol fee", short)
    state.move(payer, named["creator_vault"], charges[2], "creator fee", short)
    if charges[3]:
        state.move(payer, str(at.user_volume(at.key(named["user"]))), charges[3], "cashback", short)


def _within(charges: list[int], left: int) -> list[int]:
    paid = []
    for charge in charges:
        paid.append(min(charge, left))
        left -= paid[-1]
    return paid


def _trade_event(place: Place, kind: Kind, coin: Coin, named: dict[str, str], quote: Quote, *, is_buy: bool) -> bytes:
    fees, after = coin.fees(place.fees), quote.after
    values = {
        "mint": coin.mint,
        "sol_amount": quote.sol_amount,
        "token_amount": quote.token_amount,
        "is_buy": is_buy,
        "user": named["user"],
        "timestamp": place.ns // NS_PER_S,
        "virtual_sol_reserves": after.virtual_sol,
        "virtual_token_reserves": after.virtual_token,
        "real_sol_reserves": after.real_sol,
        "real_token_reserves": after.real_token,
        "fee_recipient": named.get("fee_recipient", ZERO_KEY),
        "fee_basis_points": fees.protocol_bps,
        "fee": quote.fee,
        "creator": coin.creator,
        "creator_fee_basis_points": fees.creator_bps,
        "creator_fee": quote.creator_fee,
        "track_volume": True,
        "total_unclaimed_tokens": 0,
        "total_claimed_tokens": 0,
        "current_sol_volume": 0,
        "last_update_timestamp": 0,
        "ix_name": kind.name,
        "mayhem_mode": coin.mayhem,
        "cashback_fee_basis_points": fees.cashback_bps,
        "cashback": quote.cashback,
        "buyback_fee_basis_points": BUYBACK_BPS,
        "buyback_fee": quote.fee * BUYBACK_BPS // 10_000,
        "shareholders": [],
        "quote_mint": ZERO_KEY,
        "quote_amount": quote.sol_amount,
        "virtual_quote_reserves": after.virtual_sol,
        "real_quote_reserves": after.real_sol,
        "holder_rewards_bps": 0,
        "holder_rewards": 0,
        "creator_fee_unclaimed": 0,
    }
    return write_fields(TRADE, values)


def _complete_event(place: Place, coin: Coin, user: str) -> bytes:
    values = {
        "user": user,
        "mint": coin.mint,
        "bonding_curve": coin.curve,
        "timestamp": place.ns // NS_PER_S,
        "quote_mint": ZERO_KEY,
    }
    return write_fields(COMPLETE, values)


def _beyond_event(place: Place, coin: Coin, user: str, part: Any) -> bytes:
    fees = coin.fees(place.fees)
    values = {
        "user": user,
        "mint": coin.mint,
        "bonding_curve": coin.curve,
        "quote_mint": ZERO_KEY,
        "timestamp": place.ns // NS_PER_S,
        "base_out": part.token_amount,
        "quote_in": part.sol_amount,
        "fee_basis_points": fees.protocol_bps,
        "fee": part.fee,
        "creator_fee_basis_points": fees.creator_bps,
        "creator_fee": part.creator_fee,
        "buyback_fee": part.fee * BUYBACK_BPS // 10_000,
        "pool_base_reserves_before": part.before.base,
        "pool_quote_reserves_before": part.before.quote,
        "pool_base_reserves_after": part.after.base,
        "pool_quote_reserves_after": part.after.quote,
    }
    return write_fields(POST_COMPLETE_BUY, values)


def instruction(place: Place, program: str, data: bytes, metas: list[Meta]) -> Done:
    """Carry out one instruction of any program that is known."""
    if program == str(at.PUMP):
        return trade(place, data, metas)
    if program == ZERO_KEY:
        return _transfer(place, data, metas)
    if program == str(at.ATA_PROGRAM):
        return _open_token_account(place, data, metas)
    if program == "ComputeBudget111111111111111111111111111111":
        return Done([], 150, [])
    raise Failure("UnsupportedProgramId")


def _transfer(place: Place, data: bytes, metas: list[Meta]) -> Done:
    if len(data) != 12 or data[:4] != (2).to_bytes(4, "little") or len(metas) < 2:
        raise Failure("InvalidInstructionData")
    if not metas[0].signs:
        raise Failure("MissingRequiredSignature")
    if not (metas[0].writable and metas[1].writable):
        raise Failure("ReadonlyLamportChange")
    place.state.move(metas[0].address, metas[1].address, int.from_bytes(data[4:], "little"), "transfer")
    return Done([], 150, [])


def _open_token_account(place: Place, data: bytes, metas: list[Meta]) -> Done:
    if data != b"\1" or len(metas) < 6:
        raise Failure("InvalidInstructionData")
    payer, account, owner, mint, system, program = (meta.address for meta in metas[:6])
    known = mint == str(at.QUOTE_SOL) or place.state.coin(mint) is not None
    right = system == ZERO_KEY and metas[0].signs and metas[0].writable and metas[1].writable
    if not known or place.state.program_of(mint) != program or not right:
        raise Failure("IncorrectProgramId")
    if account != token_address(owner, mint, program):
        raise Failure("InvalidSeeds")
    place.state.open_account(payer, owner, mint, program)
    return Done([], 22_000, [])
