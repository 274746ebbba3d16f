"""What nodes answer, as records."""

from __future__ import annotations

import base64
from typing import Any

import msgspec


class Height(msgspec.Struct, frozen=True):
    """A block that is confirmed: its slot and its height."""

    slot: int = msgspec.field(name="absoluteSlot")
    height: int = msgspec.field(name="blockHeight")


class Status(msgspec.Struct, frozen=True):
    """What a node knows of a transaction that it has seen in a block.

    Attributes
    ----------
    commitment : str
        ``processed`` (may vanish), ``confirmed`` or ``finalized``.
    """

    slot: int
    err: Any = None
    confirmation: str | None = msgspec.field(name="confirmationStatus", default=None)
    confirmations: int | None = None

    @property
    def commitment(self) -> str:
        """How sure it is; nodes of old do not say the word, and say no count once it is final."""
        return self.confirmation or ("finalized" if self.confirmations is None else "processed")


class Statuses(msgspec.Struct, frozen=True):
    """Statuses in the order asked for, None where unknown; `slot` is the newest that the answering node had seen."""

    slot: int
    values: list[Status | None]


class Account(msgspec.Struct, frozen=True):
    """An account's content."""

    data: bytes
    owner: str
    lamports: int


class TokenAccount(msgspec.Struct, frozen=True):
    """A token account of a wallet; `amount` in base units."""

    address: str
    mint: str
    amount: int
    program: str


class Landing(msgspec.Struct, frozen=True):
    """A transaction in an address's history."""

    signature: str
    slot: int
    err: Any = None
    block_time_s: int | None = msgspec.field(name="blockTime", default=None)


class Context(msgspec.Struct, frozen=True):
    """Where the answering node was."""

    slot: int


class Told(msgspec.Struct, frozen=True):
    """An answer with its context."""

    context: Context
    value: Any


class Blockhash(msgspec.Struct, frozen=True):
    """A blockhash, and the last block height at which a transaction with it can land."""

    blockhash: str
    last_valid: int = msgspec.field(name="lastValidBlockHeight")


class EncodedAccount(msgspec.Struct, frozen=True):
    """An account in base64."""

    data: tuple[str, str]
    owner: str
    lamports: int

    def opened(self) -> Account:
        """The account with its bytes."""
        return Account(base64.b64decode(self.data[0], validate=True), self.owner, self.lamports)


class KeyedAccount(msgspec.Struct, frozen=True):
    """An account with its address."""

    pubkey: str
    account: EncodedAccount


class PriorityFee(msgspec.Struct, frozen=True):
    """The least that landed in one slot, micro-lamports a unit."""

    fee: int = msgspec.field(name="prioritizationFee")
