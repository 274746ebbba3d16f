"""The fields of the event records, in order, as the programs serialise them (Borsh, little-endian, no padding).

A program upgrade appends fields and never moves one, so a record of any age is a prefix of the newest layout, cut at a
field's end; one longer than the newest layout known here comes from a later upgrade. `Layout.oldest` counts the fields
that every record has had since the event exists.

Source: the published interface of the Pump program (October 2026) and of PumpSwap, with the fields that its published
notes of July to October 2026 append to trades in pools; their places are those in real records of sales.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

PUMP_PROGRAM: Final = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
AMM_PROGRAM: Final = "pAMMBay6oceH9fJKBRHGP5D4bD4sWpmSwMn52FMfXEA"
SPL_PROGRAM: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
SPL_2022_PROGRAM: Final = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
WRAPPED_SOL: Final = "So11111111111111111111111111111111111111112"
#: First bytes of the instruction by which a program calls itself only to leave an event in the transaction.
SELF_CALL: Final = bytes.fromhex("e445a52e51cb9a1d")
DISCRIMINATOR_BYTES: Final = 8


class Layout(NamedTuple):
    """Name of an event, its fields as (name, kind) in order, and how many of them the oldest records have.

    Kinds: ``key`` (32 bytes), ``u8``, ``u64``, ``i64``, ``i128``, ``bool``, ``string`` (u32 length, UTF-8) and
    ``shares`` (u32 count, then a key and a u16 of basis points each).
    """

    event: str
    fields: tuple[tuple[str, str], ...]
    oldest: int

    @property
    def discriminator(self) -> bytes:
        """The 8 bytes that a record of this event begins with."""
        return discriminator(self.event)


def discriminator(event: str) -> bytes:
    """First 8 bytes of SHA-256(``event:NAME``), the rule of the Anchor framework."""
    return hashlib.sha256(f"event:{event}".encode()).digest()[:DISCRIMINATOR_BYTES]


def _layout(event: str, oldest: str, later: str = "") -> Layout:
    def parse(text: str) -> tuple[tuple[str, str], ...]:
        pairs = [field.split(":") for field in text.split()]
        return tuple((name, kind) for name, kind in pairs)

    always = parse(oldest)
    return Layout(event, always + parse(later), len(always))


TRADE: Final = _layout(
    "TradeEvent",
    "mint:key sol_amount:u64 token_amount:u64 is_buy:bool user:key timestamp:i64 virtual_sol_reserves:u64 "
    "virtual_token_reserves:u64 real_sol_reserves:u64 real_token_reserves:u64",
    "fee_recipient:key fee_basis_points:u64 fee:u64 creator:key creator_fee_basis_points:u64 creator_fee:u64 "
    "track_volume:bool total_unclaimed_tokens:u64 total_claimed_tokens:u64 current_sol_volume:u64 "
    "last_update_timestamp:i64 ix_name:string mayhem_mode:bool cashback_fee_basis_points:u64 cashback:u64 "
    "buyback_fee_basis_points:u64 buyback_fee:u64 shareholders:shares quote_mint:key quote_amount:u64 "
    "virtual_quote_reserves:u64 real_quote_reserves:u64 holder_rewards_bps:u64 holder_rewards:u64 "
    "creator_fee_unclaimed:u64",
)
CREATE: Final = _layout(
    "CreateEvent",
    "name:string symbol:string uri:string mint:key bonding_curve:key user:key",
    "creator:key timestamp:i64 virtual_token_reserves:u64 virtual_sol_reserves:u64 real_token_reserves:u64 "
    "token_total_supply:u64 token_program:key is_mayhem_mode:bool is_cashback_enabled:bool quote_mint:key "
    "virtual_quote_reserves:u64 creator_fee_bps:u64 is_holder_reward:bool depth:u8",
)
COMPLETE: Final = _layout("CompleteEvent", "user:key mint:key bonding_curve:key timestamp:i64", "quote_mint:key")
MIGRATION: Final = _layout(
    "CompletePumpAmmMigrationEvent",
    "user:key mint:key mint_amount:u64 sol_amount:u64 pool_migration_fee:u64 bonding_curve:key timestamp:i64 pool:key",
    "quote_mint:key",
)
POST_COMPLETE_BUY: Final = _layout(
    "PostCompleteBuyEvent",
    "user:key mint:key bonding_curve:key quote_mint:key timestamp:i64 base_out:u64 quote_in:u64 fee_basis_points:u64 "
    "fee:u64 creator_fee_basis_points:u64 creator_fee:u64 buyback_fee:u64 pool_base_reserves_before:u64 "
    "pool_quote_reserves_before:u64 pool_base_reserves_after:u64 pool_quote_reserves_after:u64",
)
AMM_BUY: Final = _layout(
    "BuyEvent",
    "timestamp:i64 base_amount_out:u64 max_quote_amount_in:u64 user_base_token_reserves:u64 "
    "user_quote_token_reserves:u64 pool_base_token_reserves:u64 pool_quote_token_reserves:u64 quote_amount_in:u64 "
    "lp_fee_basis_points:u64 lp_fee:u64 protocol_fee_basis_points:u64 protocol_fee:u64 "
    "quote_amount_in_with_lp_fee:u64 user_quote_amount_in:u64 pool:key user:key user_base_token_account:key "
    "user_quote_token_account:key protocol_fee_recipient:key protocol_fee_recipient_token_account:key",
    "coin_creator:key coin_creator_fee_basis_points:u64 coin_creator_fee:u64 track_volume:bool "
    "total_unclaimed_tokens:u64 total_claimed_tokens:u64 current_sol_volume:u64 last_update_timestamp:i64 "
    "min_base_amount_out:u64 ix_name:string cashback_fee_basis_points:u64 cashback:u64 buyback_fee_basis_points:u64 "
    "buyback_fee:u64 "
    "virtual_quote_reserves:i128 can_boost:bool base_supply:u64 holder_rewards_bps:u64 holder_rewards:u64 "
    "creator_fee_unclaimed:u64",
)
AMM_SELL: Final = _layout(
    "SellEvent",
    "timestamp:i64 base_amount_in:u64 min_quote_amount_out:u64 user_base_token_reserves:u64 "
    "user_quote_token_reserves:u64 pool_base_token_reserves:u64 pool_quote_token_reserves:u64 quote_amount_out:u64 "
    "lp_fee_basis_points:u64 lp_fee:u64 protocol_fee_basis_points:u64 protocol_fee:u64 "
    "quote_amount_out_without_lp_fee:u64 user_quote_amount_out:u64 pool:key user:key user_base_token_account:key "
    "user_quote_token_account:key protocol_fee_recipient:key protocol_fee_recipient_token_account:key",
    "coin_creator:key coin_creator_fee_basis_points:u64 coin_creator_fee:u64 cashback_fee_basis_points:u64 "
    "cashback:u64 buyback_fee_basis_points:u64 buyback_fee:u64 "
    "virtual_quote_reserves:i128 can_boost:bool base_supply:u64 holder_rewards_bps:u64 holder_rewards:u64 "
    "creator_fee_unclaimed:u64",
)

#: Events of the Pump program that change what is known about a coin but become no typed event.
OTHERS: Final = (
    _layout("ExtendAccountEvent", "account:key user:key current_size:u64 new_size:u64 timestamp:i64"),
    _layout("SetCreatorEvent", "timestamp:i64 mint:key bonding_curve:key creator:key"),
    _layout("SetMetaplexCreatorEvent", "timestamp:i64 mint:key bonding_curve:key metadata:key creator:key"),
    _layout(
        "AdminSetCreatorEvent",
        "timestamp:i64 admin_set_creator_authority:key mint:key bonding_curve:key old_creator:key new_creator:key",
    ),
    _layout(
        "MigrateBondingCurveCreatorEvent",
        "timestamp:i64 mint:key bonding_curve:key sharing_config:key old_creator:key new_creator:key",
    ),
    _layout(
        "UpdateMayhemVirtualParamsEvent",
        "timestamp:i64 mint:key virtual_token_reserves:u64 virtual_sol_reserves:u64 new_virtual_token_reserves:u64 "
        "new_virtual_sol_reserves:u64 real_token_reserves:u64 real_sol_reserves:u64",
    ),
    _layout("CollectCreatorFeeEvent", "timestamp:i64 creator:key creator_fee:u64", "quote_mint:key"),
    # Its fields are not published: the name is known, all bytes are extra.
    _layout("SweepBondingCurveFeeEvent", ""),
)

#: Events that become typed events, of both programs, by the bytes that their records begin with.
TYPED: Final = {
    layout.discriminator: layout
    for layout in (TRADE, CREATE, COMPLETE, MIGRATION, POST_COMPLETE_BUY, AMM_BUY, AMM_SELL)
}
LAYOUTS: Final = TYPED | {layout.discriminator: layout for layout in OTHERS}
AMM_DISCRIMINATORS: Final = frozenset((AMM_BUY.discriminator, AMM_SELL.discriminator))
