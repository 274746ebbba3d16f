"""What is paid for a place in a block: a transfer to one of the block engine's tip accounts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from alphaloop.core.errors import DataError, InputError
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.transactions.addresses import key
from alphaloop.markets.pumpfun.transactions.orders import U64_LIMIT

MIN_TIP: Final = 1_000
"""Lamports below which the engine does not count a transfer as a tip."""

TIP_ACCOUNTS: Final = (
    "96gYZGLnJYVFmbjzopPSU6QiEV5fGqZNyN9nmNhvrZU5",
    "HFqU5x63VTqvQss8hp11i4wVV8bD44PvwucfZ2bU7gRe",
    "Cw8CFyM9FkoMi7K7Crf6HNQqf4uEMzpKw6QNghXLvLkY",
    "ADaUMid9yfUytqMBgopwjb2DTLSokTSzL1zt6iGPaS49",
    "DfXygSm4jCyNCybVYYK6DwvWqjKee8pbDmJGcLWNDXjh",
    "ADuUkR4vqLUMWXxW9gh6D6L8pMSawimctcNZ5pGwDcEt",
    "DttWaMuVvTiduZRnguLF7jNxTgiMBZ1hyAumKUiL2KRL",
    "3AVi9Tg9Uo68tJfuvoKvqKNWKkC5wPdSSdeBnizKZ6jT",
)
"""The accounts of 2026; the engine tells the present ones, and refuses bundles that tip none of them."""


class Tip(msgspec.Struct, frozen=True):
    """A tip of `lamports` to `account`.

    Raises
    ------
    InputError
        If it is below `MIN_TIP` or does not fit 64 bits.
    """

    account: Pubkey
    lamports: int

    def __post_init__(self) -> None:
        if not MIN_TIP <= self.lamports < U64_LIMIT:
            raise InputError(f"a tip of {self.lamports} lamports does not count; give at least {MIN_TIP}")

    def instruction(self, payer: Pubkey) -> Instruction:
        """The transfer from `payer`."""
        return transfer(TransferParams(from_pubkey=payer, to_pubkey=self.account, lamports=self.lamports))


class TipFloor(msgspec.Struct, frozen=True):
    """Tips that landed lately, lamports by percentile."""

    p25: int
    p50: int
    p75: int
    p95: int
    p99: int
    ema_p50: int


def tip(lamports: int, lot: int, accounts: Sequence[str] = TIP_ACCOUNTS) -> Tip:
    """A tip to the account that the number `lot` chooses; drawing lots keeps bundles from fighting for one account.

    Raises
    ------
    InputError
        If there is no account to choose from, or the tip is too low.
    """
    if not accounts:
        raise InputError("a tip needs an account and got a list of 0; ask the block engine for its tip accounts")
    return Tip(key(accounts[lot % len(accounts)]), lamports)


def read_tip_floor(answer: Any) -> TipFloor:
    """Read the tip floor of the block engine's statistics, which are in SOL.

    Raises
    ------
    DataError
        If the answer is no list of such records, or an amount is missing, negative or no number.
    """
    newest = answer[0] if isinstance(answer, list) and answer else None
    if not isinstance(newest, dict):
        raise DataError(f"the tip floor is {str(answer)[:60]!r}, not a list of records; ask again")
    landed = {f"p{p}": _lamports(newest, f"landed_tips_{p}th_percentile") for p in (25, 50, 75, 95, 99)}
    return TipFloor(**landed, ema_p50=_lamports(newest, "ema_landed_tips_50th_percentile"))


def _lamports(record: dict[str, Any], name: str) -> int:
    amount = record.get(name)
    if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount) or amount < 0:
        raise DataError(f"the tip floor's {name} is {amount!r}, not an amount of SOL; ask again")
    return round(amount * LAMPORTS_PER_SOL)
