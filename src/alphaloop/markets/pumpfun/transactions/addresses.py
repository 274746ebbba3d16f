"""Every address that a trade names, derived from the mint, the creator and the wallet.

Derived addresses are a pure function of seeds; nothing here asks a server. An address is found by trial, some
microseconds each, and the same mints and wallets come again and again, so the answers are kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.curve.accounts import WRAPPED_SOL
from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, to_bytes
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM, PUMP_PROGRAM, SPL_2022_PROGRAM, SPL_PROGRAM

CACHED: Final = 1 << 14


def key(text: str) -> Pubkey:
    """The key that base58 `text` spells.

    Raises
    ------
    DataError
        If it is not the text of 32 bytes.
    """
    try:
        return Pubkey.from_string(text)
    except ValueError:
        # Slower, but it says what is wrong.
        return Pubkey.from_bytes(to_bytes(text))


PUMP: Final = key(PUMP_PROGRAM)
AMM: Final = key(AMM_PROGRAM)
FEES: Final = key("pfeeUxB6jkeY1Hxd7CsFCAjcbHA9rWtchMGdZ6VojVZ")
SYSTEM: Final = key(ZERO_KEY)
ZERO: Final = SYSTEM
"""The zero key means "none" where a key is optional, and is the system program where a program is named."""
TOKEN: Final = key(SPL_PROGRAM)
TOKEN_2022: Final = key(SPL_2022_PROGRAM)
ATA_PROGRAM: Final = key("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
QUOTE_SOL: Final = key(WRAPPED_SOL)

GLOBAL: Final = key("4wTV1YmiEkRvAtNtsSGPtUrqRYQMe5SKy2uB4Jjaxnjf")
EVENT_AUTHORITY: Final = key("Ce6TQqeHC9p8KetsN6JsjHK7UTZk7nasjjnr7XxXp9F1")
GLOBAL_VOLUME: Final = key("Hq2wp8uJ9jCPsYgNHex8RtqdvMPfVGoYwjvF1ATiwn2Y")
FEE_CONFIG: Final = key("8Wf5TiAheLUqBrKXeYg2JtAFFMWtKdG2BSFgqUcPVwTt")
QUOTE_CONTROL: Final = key("6z6GDdfb2AjR9ZhJmAUQ5cipJCVxQvLJhB2H8mCwTFBP")
MINT_AUTHORITY: Final = key("TSLvdd1pWpHVjahSpsvCXUbgwsL3JAcvokwaKt1eokM")


def derived(program: Pubkey, *seeds: bytes) -> Pubkey:
    """The program's address for these seeds, with the highest bump that is off the curve."""
    return Pubkey.find_program_address(list(seeds), program)[0]


@lru_cache(CACHED)
def bonding_curve(mint: Pubkey) -> Pubkey:
    """The account that holds a coin's reserves."""
    return derived(PUMP, b"bonding-curve", bytes(mint))


@lru_cache(CACHED)
def bonding_curve_v2(mint: Pubkey) -> Pubkey:
    """An address that the legacy instructions name; no account needs to be there."""
    return derived(PUMP, b"bonding-curve-v2", bytes(mint))


@lru_cache(CACHED)
def creator_vault(creator: Pubkey) -> Pubkey:
    """Where the fees of a curve's `creator` are collected; the creator may change, so read the curve first."""
    return derived(PUMP, b"creator-vault", bytes(creator))


@lru_cache(CACHED)
def user_volume(user: Pubkey) -> Pubkey:
    """The account that counts a wallet's volume and keeps its cashback; its first trade creates it."""
    return derived(PUMP, b"user_volume_accumulator", bytes(user))


@lru_cache(CACHED)
def sharing_config(mint: Pubkey) -> Pubkey:
    """Where the fees program keeps how a coin's creator fee is shared."""
    return derived(FEES, b"sharing-config", bytes(mint))


@lru_cache(CACHED)
def holder_rewards(mint: Pubkey) -> Pubkey:
    """The `creator` of a coin whose creator fee goes to its holders."""
    return derived(PUMP, b"holder-rewards", bytes(mint))


@lru_cache(CACHED)
def pool(mint: Pubkey, quote_mint: Pubkey = QUOTE_SOL) -> Pubkey:
    """The pool that a coin migrates to when its curve is complete."""
    authority = derived(PUMP, b"pool-authority", bytes(mint))
    return derived(AMM, b"pool", bytes(2), bytes(authority), bytes(mint), bytes(quote_mint))


@lru_cache(CACHED)
def token_account(owner: Pubkey, mint: Pubkey, token_program: Pubkey) -> Pubkey:
    """The associated token account of `owner`.

    The token program is a part of it: it is the owner of the mint's account and is to be read, never assumed.
    """
    return derived(ATA_PROGRAM, bytes(owner), bytes(token_program), bytes(mint))


def quote_account(owner: Pubkey) -> Pubkey:
    """The wrapped-SOL account of `owner`; a coin priced in SOL names it, and it need not exist."""
    return token_account(owner, QUOTE_SOL, TOKEN)
