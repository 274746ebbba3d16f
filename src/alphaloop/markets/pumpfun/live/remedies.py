"""What a trader does about a transaction that the chain holds as failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions.envelope import Part
from alphaloop.markets.pumpfun.transactions.failures import Failure, Remedy
from alphaloop.markets.pumpfun.wire.keys import decode_base58

COMPUTE_BUDGET: Final = "ComputeBudget111111111111111111111111111111"
_LIMIT: Final = 2

ENGINE_REMEDIES: Final[dict[Remedy, str]] = {
    "requote": "requote",
    "use_pool": "use_pool",
    "resize": "refresh",
    "check_balance": "check_holding",
    "fund": "fund",
    "refresh_accounts": "refresh",
    "fix_kind": "refresh",
    "wait": "wait",
    "report": "give_up",
}
"""The portfolio engine's word for each remedy. What needs another amount, other accounts or another kind of coin was
built from facts that are not the chain's, so that they are read again; an entry with an unknown failure is given up,
and an exit is tried again after a pause whatever the word is."""


def engine_remedy(failure: Failure) -> str:
    """The portfolio engine's word for what helps."""
    return ENGINE_REMEDIES[failure.remedy]


def reason_of(failure: Failure) -> str:
    """A failure in a few words: its name, the program's number, and the part of the transaction."""
    code = f" ({failure.code})" if failure.code is not None else ""
    return f"{failure.name}{code}" + (f" in {failure.part}" if failure.part else "")


def parts_of(answer: Mapping[str, Any]) -> tuple[Part, ...]:
    """What each instruction of one of our own transactions is for, read from the transaction itself.

    The bytes that were sent may be gone with the process that made them; a failure still names an instruction by its
    place.

    Parameters
    ----------
    answer : mapping
        Of ``getTransaction`` in json.

    Returns
    -------
    tuple of str
        ``trade`` stands for everything that is not recognised.
    """
    message = answer["transaction"]["message"]
    keys: Sequence[str] = message["accountKeys"]
    parts: list[Part] = []
    for place, instruction in enumerate(message["instructions"]):
        accounts = [keys[number] for number in instruction["accounts"] if number < len(keys)]
        last = place == len(message["instructions"]) - 1
        parts.append(_part(keys[instruction["programIdIndex"]], decode_base58(instruction["data"]), accounts, last))
    return tuple(parts)


def _part(program: str, data: bytes, accounts: Sequence[str], last: bool) -> Part:
    if program == COMPUTE_BUDGET:
        return "compute_limit" if data[:1] == bytes([_LIMIT]) else "compute_price"
    if program == str(at.ATA_PROGRAM):
        wrapped = len(accounts) > 3 and accounts[3] == str(at.QUOTE_SOL)
        return ("wrapped_account" if accounts[0] == accounts[2] else "cashback_account") if wrapped else "token_account"
    if program == str(at.SYSTEM) and last:
        return "tip"
    if program == str(at.TOKEN):
        return "unwrap"
    return "pool_trade" if program == str(at.AMM) and len(accounts) > 10 else "trade"
