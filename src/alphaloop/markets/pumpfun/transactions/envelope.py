"""A trade as one signed transaction: compute budget, token account, the trade, and the tip as its last instruction.

The tip is inside the trade's own transaction, so that a trade that fails pays none, and no replayed block can part the
two. The message is compiled and signed here; nothing is sent. Its bytes are final: whoever has them can submit them,
and submitting them twice does nothing twice.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from alphaloop.core.errors import InputError, RefusedError
from alphaloop.markets.pumpfun.transactions import token_accounts
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.costs import network_fee
from alphaloop.markets.pumpfun.transactions.instructions import Generation, trade_instruction
from alphaloop.markets.pumpfun.transactions.orders import U64_LIMIT, Order, Sell
from alphaloop.markets.pumpfun.transactions.signer import Signer
from alphaloop.markets.pumpfun.transactions.tips import Tip
from alphaloop.markets.pumpfun.wire.keys import to_bytes

MAX_BYTES: Final = 1_232
"""The longest transaction that a packet of the network holds."""

MAX_COMPUTE_UNITS: Final = 1_400_000
COMPUTE_UNITS: Final[dict[Generation, int]] = {"legacy": 140_000, "v2": 230_000, "v3": 120_000}
"""Limits with room: the most that was seen of the trade itself (72,000, 94,000, and 45,000 by report), a token account
and the tip. A limit that is too high costs its share of the priority fee only."""

Part = Literal[
    "compute_limit",
    "compute_price",
    "token_account",
    "trade",
    "pool_growth",
    "volume_account",
    "cashback_account",
    "wrapped_account",
    "pool_trade",
    "unwrap",
    "tip",
]
"""What an instruction is for. A trade in a pool has a name of its own: its program's errors mean other things."""

Step = tuple[Part, Instruction]


class EnvelopeError(RefusedError):
    """A transaction that the network would not take."""


class Terms(msgspec.Struct, frozen=True):
    """What is offered for landing.

    Parameters
    ----------
    compute_units : int
        The limit; beyond it the transaction fails.
    unit_price : int
        Micro-lamports for each unit of the limit.
    tip : Tip or None
        None if the transaction does not go through a block engine.

    Raises
    ------
    InputError
        If a number is out of the network's range.
    """

    compute_units: int
    unit_price: int
    tip: Tip | None = None

    def __post_init__(self) -> None:
        if not 0 < self.compute_units <= MAX_COMPUTE_UNITS:
            raise InputError(f"{self.compute_units} compute units cannot be asked for; give 1 to {MAX_COMPUTE_UNITS}")
        if not 0 <= self.unit_price < U64_LIMIT:
            raise InputError(f"a price of {self.unit_price} micro-lamports a unit does not fit 64 bits; change it")

    @property
    def fee(self) -> int:
        """Lamports to the network, paid in any case; the tip is not in it."""
        return network_fee(self.compute_units, self.unit_price)


class Lifetime(msgspec.Struct, frozen=True):
    """How long a transaction may land: until the block height is beyond `last_valid_block_height`."""

    blockhash: str
    last_valid_block_height: int


class Draft(msgspec.Struct, frozen=True):
    """A compiled message, and what each of its instructions is for."""

    message: MessageV0
    parts: tuple[Part, ...]
    lifetime: Lifetime
    terms: Terms


class Envelope(msgspec.Struct, frozen=True):
    """A signed transaction.

    Parameters
    ----------
    signature : str
        Its name on the chain, known before it is sent.
    wire : bytes
        What is submitted. Not shown when printed: whoever has it can submit it.
    parts : tuple of str
        What each instruction is for; an error of the chain names an instruction by its place.
    lifetime : Lifetime
        When it can no longer land.
    terms : Terms
        What was offered.
    """

    signature: str
    wire: bytes
    parts: tuple[Part, ...]
    lifetime: Lifetime
    terms: Terms

    @property
    def encoded(self) -> str:
        """The wire bytes in base64, as RPC and block engine take them."""
        return base64.b64encode(self.wire).decode()

    def __repr__(self) -> str:
        return f"Envelope({self.signature}, {len(self.wire)} bytes, {'+'.join(self.parts)})"


def draft(
    order: Order, coin: Coin, parties: Parties, *, generation: Generation, terms: Terms, lifetime: Lifetime
) -> Draft:
    """Compile a trade into one message; a buy makes the wallet's token account, if it is missing, in the same step.

    Raises
    ------
    RefusedError
        As `trade_instruction` does.
    InputError
        If the blockhash is no hash.
    """
    steps: list[Step] = []
    if not isinstance(order, Sell):
        steps.append(("token_account", create_token_account(coin, parties)))
    steps.append(("trade", trade_instruction(order, coin, parties, generation)))
    return enclose(steps, parties.user, terms=terms, lifetime=lifetime)


def enclose(steps: Sequence[Step], payer: Pubkey, *, terms: Terms, lifetime: Lifetime) -> Draft:
    """Compile steps into one message, with the compute budget before them and the tip as the last instruction.

    Raises
    ------
    InputError
        If the blockhash is no hash.
    """
    budget: list[Step] = [
        ("compute_limit", set_compute_unit_limit(terms.compute_units)),
        ("compute_price", set_compute_unit_price(terms.unit_price)),
    ]
    tips: list[Step] = [] if terms.tip is None else [("tip", terms.tip.instruction(payer))]
    whole = [*budget, *steps, *tips]
    recent = Hash.from_bytes(to_bytes(lifetime.blockhash))
    message = MessageV0.try_compile(payer, [instruction for _, instruction in whole], [], recent)
    return Draft(message, tuple(part for part, _ in whole), lifetime, terms)


def sign(made: Draft, signer: Signer) -> Envelope:
    """Sign a message with the wallet that pays for it.

    Raises
    ------
    EnvelopeError
        If the message is another wallet's, or longer than `MAX_BYTES` with its signature.
    """
    payer = made.message.account_keys[0]
    if payer != signer.public:
        raise EnvelopeError(f"{payer} pays for the transaction, not {signer.public}; draft it for the signer")
    signature = signer.sign(made.message)
    wire = bytes(VersionedTransaction.populate(made.message, [signature]))
    if len(wire) > MAX_BYTES:
        raise EnvelopeError(f"the transaction has {len(wire)} bytes, more than {MAX_BYTES}; use another generation")
    return Envelope(str(signature), wire, made.parts, made.lifetime, made.terms)


def create_token_account(coin: Coin, parties: Parties) -> Instruction:
    """Make the wallet's associated token account, or do nothing if it is there."""
    return token_accounts.create(parties.user, parties.user, coin.mint, coin.token_program)
