"""Transactions of the chain of `live_chain`: from bytes to instructions, and from there to what nodes tell of them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from solders.transaction import VersionedTransaction

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.coins import Coin as Kind
from alphaloop.markets.pumpfun.transactions.coins import Parties
from alphaloop.markets.pumpfun.transactions.costs import rent
from alphaloop.markets.pumpfun.transactions.instructions import generation_for, trade_instruction
from alphaloop.markets.pumpfun.transactions.orders import Order
from alphaloop.markets.pumpfun.transactions.tips import TIP_ACCOUNTS
from alphaloop.markets.pumpfun.wire.keys import encode_base58
from alphaloop.markets.pumpfun.wire.layouts import SELF_CALL
from live_accounts import BUYBACK_RECIPIENTS, FEE_RECIPIENTS, MAYHEM_RECIPIENTS
from live_amm import instruction
from live_programs import Meta, Place
from live_state import LEADERS, Coin, Failure, State

COMPUTE = "ComputeBudget111111111111111111111111111111"
MAX_BYTES = 1_232
SIGNATURE_FEE = 5_000


class Step(NamedTuple):
    """One outer instruction."""

    program: str
    data: bytes
    metas: list[Meta]


@dataclass(frozen=True)
class Parsed:
    """A transaction taken apart; `wire` is empty for somebody else's, which never was in bytes."""

    signature: str
    wire: bytes
    keys: tuple[str, ...]
    writable: tuple[bool, ...]
    header: dict[str, int]
    blockhash: str
    steps: tuple[Step, ...]
    signed: bool = True

    @property
    def payer(self) -> str:
        return self.keys[0]

    @property
    def limit(self) -> int:
        found = self._compute(2)
        return int.from_bytes(found[1:5], "little") if found else 200_000 * len(self.steps)

    @property
    def fee(self) -> int:
        """Lamports to the network, landed or failed."""
        return SIGNATURE_FEE - (-self.limit * self.unit_price // 1_000_000)

    @property
    def unit_price(self) -> int:
        """Micro-lamports for a compute unit."""
        return int.from_bytes(self._compute(3)[1:9], "little")

    @property
    def tips(self) -> int:
        """Lamports to tip accounts by outer transfers."""
        return sum(
            int.from_bytes(step.data[4:12], "little")
            for step in self.steps
            if step.program == str(at.SYSTEM) and len(step.metas) > 1 and step.metas[1].address in TIP_ACCOUNTS
        )

    def writes(self, address: str) -> bool:
        """Whether the transaction locks an account for writing."""
        return any(key == address and writes for key, writes in zip(self.keys, self.writable, strict=True))

    def _compute(self, kind: int) -> bytes:
        return next((step.data for step in self.steps if step.program == COMPUTE and step.data[0] == kind), b"")

    @staticmethod
    def native(number: int, coin: Coin, wallet: str, order: Order) -> Parsed:
        """Somebody else's trade, with the accounts of the coin's own instruction."""
        mint, creator = at.key(coin.mint), at.key(coin.creator)
        kind = Kind(mint, at.key(coin.token_program), creator, coin.mayhem, coin.cashback, coin.holder_reward)
        recipients = MAYHEM_RECIPIENTS if coin.mayhem else FEE_RECIPIENTS
        parties = Parties(at.key(wallet), at.key(recipients[number % 8]), at.key(BUYBACK_RECIPIENTS[number % 8]))
        made = trade_instruction(order, kind, parties, generation_for(kind))
        metas = [Meta(str(one.pubkey), one.is_signer, one.is_writable) for one in made.accounts]
        keys = tuple(dict.fromkeys([wallet, *(meta.address for meta in metas), str(made.program_id)]))
        digest = hashlib.sha512(f"native {number}".encode()).digest()
        header = {"numRequiredSignatures": 1, "numReadonlySignedAccounts": 0, "numReadonlyUnsignedAccounts": 0}
        step = Step(str(made.program_id), bytes(made.data), metas)
        return Parsed(encode_base58(digest), b"", keys, (True,) * len(keys), header, "", (step,))


def parse(wire: bytes) -> Parsed:
    """Take signed bytes apart.

    Raises
    ------
    ValueError
        If they are too long, or no transaction.
    """
    if len(wire) > MAX_BYTES:
        raise ValueError(f"transaction too large: {len(wire)} bytes (max: {MAX_BYTES})")
    found = VersionedTransaction.from_bytes(wire)
    message = found.message
    head, keys = message.header, [str(key) for key in message.account_keys]
    signers = head.num_required_signatures
    writable = [
        i < signers - head.num_readonly_signed_accounts
        if i < signers
        else i < len(keys) - head.num_readonly_unsigned_accounts
        for i in range(len(keys))
    ]
    steps = tuple(
        Step(
            keys[one.program_id_index],
            bytes(one.data),
            [Meta(keys[i], i < signers, writable[i]) for i in bytes(one.accounts)],
        )
        for one in message.instructions
    )
    header = {
        "numRequiredSignatures": signers,
        "numReadonlySignedAccounts": head.num_readonly_signed_accounts,
        "numReadonlyUnsignedAccounts": head.num_readonly_unsigned_accounts,
    }
    return Parsed(
        str(found.signatures[0]),
        wire,
        tuple(keys),
        tuple(writable),
        header,
        str(message.recent_blockhash),
        steps,
        all(found.verify_with_results()),
    )


@dataclass
class Entry:
    """A transaction in a block, and what came of it."""

    parsed: Parsed
    slot: int
    height: int
    block_time_s: int
    err: Any = None
    fee: int = 0
    units: int = 0
    logs: list[str] = field(default_factory=list)
    inner: list[dict[str, Any]] = field(default_factory=list)
    pre: list[int] = field(default_factory=list)
    post: list[int] = field(default_factory=list)
    pre_tokens: list[dict[str, Any]] = field(default_factory=list)
    post_tokens: list[dict[str, Any]] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    @property
    def signature(self) -> str:
        return self.parsed.signature

    @property
    def keys(self) -> tuple[str, ...]:
        return self.parsed.keys

    def answer(self) -> dict[str, Any]:
        """As ``getTransaction`` with encoding json."""
        keys = self.parsed.keys
        places = {key: place for place, key in enumerate(keys)}
        instructions = [
            {
                "programIdIndex": places[step.program],
                "accounts": [places[meta.address] for meta in step.metas],
                "data": encode_base58(step.data),
                "stackHeight": 1,
            }
            for step in self.parsed.steps
        ]
        return {
            "slot": self.slot,
            "blockTime": self.block_time_s,
            "meta": {
                "err": self.err,
                "status": {"Ok": None} if self.err is None else {"Err": self.err},
                "fee": self.fee,
                "preBalances": self.pre,
                "postBalances": self.post,
                "preTokenBalances": self.pre_tokens,
                "postTokenBalances": self.post_tokens,
                "innerInstructions": self.inner,
                "logMessages": self.logs,
                "loadedAddresses": {"writable": [], "readonly": []},
                "rewards": [],
                "computeUnitsConsumed": self.units,
            },
            "transaction": {
                "signatures": [self.signature],
                "message": {
                    "accountKeys": list(keys),
                    "header": self.parsed.header,
                    "recentBlockhash": self.parsed.blockhash,
                    "instructions": instructions,
                    "addressTableLookups": [],
                },
            },
            "version": 0,
        }


def execute(place: Place, parsed: Parsed, *, slot: int, height: int, forced: Any = None) -> Entry:
    """Carry out a transaction: all of it, or nothing but its fee. `forced` makes it fail with that error."""
    state = place.state
    entry = Entry(parsed, slot, height, place.ns // NS_PER_S, fee=parsed.fee if parsed.wire else 0)
    entry.pre, entry.pre_tokens = _balances(state, parsed)
    state.move(parsed.payer, LEADERS, entry.fee, "network fee")
    mark = state.mark()
    before = {key: state.lamports(key) for key in parsed.keys}
    entry.err = forced
    for number, step in enumerate(parsed.steps):
        if entry.err is not None:
            break
        entry.err = _run(place, entry, number, step)
    if entry.err is None:
        entry.err = _rent_error(state, parsed, before)
    if entry.err is not None:
        state.back(mark)
        entry.events.clear()
    entry.post, entry.post_tokens = _balances(state, parsed)
    return entry


def _run(place: Place, entry: Entry, number: int, step: Step) -> Any:
    entry.logs.append(f"Program {step.program} invoke [1]")
    try:
        done = instruction(place, step.program, step.data, step.metas)
    except Failure as failed:
        code = failed.error["Custom"] if isinstance(failed.error, dict) else None
        reason = failed.error if code is None else f"custom program error: {code:#x}"
        entry.logs.append(f"Program {step.program} failed: {reason}")
        return {"InstructionError": [number, failed.error]}
    entry.units += done.units
    if entry.parsed.wire and entry.units > entry.parsed.limit:
        entry.logs.append(f"Program {step.program} failed: exceeded CUs meter at BPF instruction")
        return {"InstructionError": [number, "ProgramFailedToComplete"]}
    entry.logs += done.lines
    for event in done.events:
        entry.logs.append("Program data: " + base64.b64encode(event).decode())
    entry.logs.append(f"Program {step.program} success")
    if done.events:
        program = entry.parsed.keys.index(step.program)
        calls = [
            {"programIdIndex": program, "accounts": [], "data": encode_base58(SELF_CALL + event), "stackHeight": 2}
            for event in done.events
        ]
        entry.inner.append({"index": number, "instructions": calls})
        entry.events += done.events
    return None


def _rent_error(state: State, parsed: Parsed, before: dict[str, int]) -> Any:
    """No account may be left with less than its rent, unless it had less before and got no poorer."""
    if not parsed.wire:
        return None
    for place, key in enumerate(parsed.keys):
        left = state.lamports(key)
        if parsed.writable[place] and 0 < left < rent(0) and left < before[key]:
            return {"InsufficientFundsForRent": {"account_index": place}}
        if parsed.writable[place] and before[key] == 0 and 0 < left < rent(0):
            return {"InsufficientFundsForRent": {"account_index": place}}
    return None


def _balances(state: State, parsed: Parsed) -> tuple[list[int], list[dict[str, Any]]]:
    tokens = []
    for place, key in enumerate(parsed.keys):
        held = state.holding(key)
        if held is None:
            continue
        amount = {"amount": str(held.amount), "decimals": 6, "uiAmount": held.amount / 1e6}
        amount["uiAmountString"] = f"{held.amount / 1e6:g}"
        program = state.program_of(held.mint)
        told = {"accountIndex": place, "mint": held.mint, "owner": held.owner, "programId": program}
        tokens.append(told | {"uiTokenAmount": amount})
    return [state.lamports(key) for key in parsed.keys], tokens
