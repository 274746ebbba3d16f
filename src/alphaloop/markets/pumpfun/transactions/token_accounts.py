"""Token accounts made before a trade and closed after it, by the network's own programs."""

from __future__ import annotations

from typing import Final

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.layout import pays, reads, writes

CREATE_IDEMPOTENT: Final = b"\1"
CLOSE_ACCOUNT: Final = b"\x09"


def create(payer: Pubkey, owner: Pubkey, mint: Pubkey, token_program: Pubkey) -> Instruction:
    """Make the associated token account of `owner`, paid by `payer`, or do nothing if it is there."""
    accounts = [
        pays(payer),
        writes(at.token_account(owner, mint, token_program)),
        reads(owner),
        reads(mint),
        reads(at.SYSTEM),
        reads(token_program),
    ]
    return Instruction(at.ATA_PROGRAM, CREATE_IDEMPOTENT, accounts)


def create_wrapped(payer: Pubkey, owner: Pubkey) -> Instruction:
    """Make the wrapped-SOL account of `owner`, paid by `payer`, or do nothing if it is there."""
    return create(payer, owner, at.QUOTE_SOL, at.TOKEN)


def unwrap(owner: Pubkey) -> Instruction:
    """Close the wrapped-SOL account of `owner`: all that is in it, and its rent, is the wallet's plain SOL after it."""
    signs = AccountMeta(owner, is_signer=True, is_writable=False)
    return Instruction(at.TOKEN, CLOSE_ACCOUNT, [writes(at.quote_account(owner)), writes(owner), signs])
