"""The addresses that a sale in a coin's pool names besides those that its trades on the curve name too.

The pools' program has its own settings, fees, events, creators' vaults and volume accounts; their seeds are spelled
much like the curve's, and are not the same.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.transactions.addresses import AMM, CACHED, PUMP, derived, key

AMM_SETTINGS: Final = key("ADyA8hdefvWN2dbGGWFotbzWxrAvLW83WG6QCVXvJKqw")
AMM_EVENT_AUTHORITY: Final = key("GS4CU59F31iL7aR2Q8zVS8DRrcRnXX1yjQ66TqNVQnaR")
AMM_FEE_CONFIG: Final = key("5PHirr8joyTMp9JMm6nW7hNDVyEYdkzDqazxPD7RaTjx")


@lru_cache(CACHED)
def pool_authority(mint: Pubkey) -> Pubkey:
    """The creator of the one pool that a coin migrates to; pools of anybody else have other creators."""
    return derived(PUMP, b"pool-authority", bytes(mint))


@lru_cache(CACHED)
def pool_v2(mint: Pubkey) -> Pubkey:
    """An address that a sale names; no account needs to be there."""
    return derived(AMM, b"pool-v2", bytes(mint))


@lru_cache(CACHED)
def coin_creator_vault(creator: Pubkey) -> Pubkey:
    """The owner of the token accounts where a pool's `coin_creator` is paid; the creator may change."""
    return derived(AMM, b"creator_vault", bytes(creator))


@lru_cache(CACHED)
def pool_user_volume(user: Pubkey) -> Pubkey:
    """The account that counts a wallet's volume in pools and owns the token account of its cashback."""
    return derived(AMM, b"user_volume_accumulator", bytes(user))
