"""What the trader asks a node, each question with its answer checked; nodes are chosen by the pool of endpoints.

Every question is asked at commitment `confirmed`. One that gets no usable answer in time raises `ChainAwayError`, whose
text never holds a URL: URLs hold keys.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from alphaloop.core.errors import AwayError
from alphaloop.markets.pumpfun.ingest.rpc import ChainError
from alphaloop.markets.pumpfun.live.answers import (
    Account,
    Blockhash,
    EncodedAccount,
    Height,
    KeyedAccount,
    Landing,
    PriorityFee,
    Status,
    Statuses,
    TokenAccount,
    Told,
)
from alphaloop.markets.pumpfun.transactions.addresses import TOKEN, TOKEN_2022
from alphaloop.markets.pumpfun.transactions.envelope import Lifetime
from alphaloop.markets.pumpfun.wire.keys import KEY_BYTES, to_text

CONFIRMED: Final = {"commitment": "confirmed"}
MOST_STATUSES: Final = 256
MOST_ACCOUNTS: Final = 100
MOST_PRIORITY_KEYS: Final = 128
TOKEN_FIELDS: Final = 72
"""Bytes of a token account that say its mint, its owner and its amount."""

T = TypeVar("T")


class ChainAwayError(AwayError):
    """No node answered usably; the same question may be answered later."""


class Caller(Protocol):
    """Whoever carries a JSON-RPC request to a node and gives its ``result``."""

    async def call(self, method: str, params: list[Any]) -> Any:
        """Ask.

        Raises
        ------
        ChainError
            If no endpoint answered, or the request itself is refused.
        """
        ...


class ChainRpc:
    """The questions of a trader.

    Parameters
    ----------
    caller : Caller
    timeout_s : float
        For one question, whatever the caller tries.
    """

    def __init__(self, caller: Caller, timeout_s: float = 4.0) -> None:
        self._caller = caller
        self._timeout_s = timeout_s

    async def latest_blockhash(self) -> Lifetime:
        """A blockhash, and the height of the last block in which a transaction with it can land."""
        told = await self._ask("getLatestBlockhash", [CONFIRMED], Told)
        found = _read("getLatestBlockhash", lambda: msgspec.convert(told.value, Blockhash))
        return Lifetime(found.blockhash, found.last_valid)

    async def block_height(self) -> int:
        """Height of the newest block that is confirmed."""
        return await self._ask("getBlockHeight", [CONFIRMED], int)

    async def height(self) -> Height:
        """Slot and height of the newest block that is confirmed, told by one node in one answer."""
        return await self._ask("getEpochInfo", [CONFIRMED], Height)

    async def statuses(self, signatures: Sequence[str], *, search: bool = False) -> Statuses:
        """What is known of transactions.

        Parameters
        ----------
        signatures : sequence of str
            Any number; they are asked in groups of 256.
        search : bool
            Look through the whole history, and not only through what nodes have at hand of the last minutes.
        """
        values: list[Status | None] = []
        slots: list[int] = []
        for start in range(0, len(signatures), MOST_STATUSES):
            part = list(signatures[start : start + MOST_STATUSES])
            told = await self._ask("getSignatureStatuses", [part, {"searchTransactionHistory": search}], Told)
            found = _values("getSignatureStatuses", told.value, Status, len(part))
            slots.append(told.context.slot)
            values += found
        return Statuses(min(slots, default=0), values)

    async def transaction(self, signature: str) -> dict[str, Any] | None:
        """A confirmed transaction in json, or None if the node has none."""
        options = {**CONFIRMED, "encoding": "json", "maxSupportedTransactionVersion": 0}
        return await self._ask("getTransaction", [signature, options], dict[str, Any] | None)  # type: ignore[arg-type]

    async def accounts(self, addresses: Sequence[str]) -> list[Account | None]:
        """Accounts in the order asked for, None where there is none; those of one group are of one moment."""
        found: list[Account | None] = []
        for start in range(0, len(addresses), MOST_ACCOUNTS):
            part = list(addresses[start : start + MOST_ACCOUNTS])
            told = await self._ask("getMultipleAccounts", [part, {**CONFIRMED, "encoding": "base64"}], Told)
            read = _values("getMultipleAccounts", told.value, EncodedAccount, len(part))
            found += _read("getMultipleAccounts", lambda read=read: [one and one.opened() for one in read])  # type: ignore[misc]
        return found

    async def balance(self, address: str) -> int:
        """Lamports of an account."""
        told = await self._ask("getBalance", [address, CONFIRMED], Told)
        return _read("getBalance", lambda: msgspec.convert(told.value, int))

    async def token_accounts(self, owner: str) -> list[TokenAccount]:
        """All token accounts of a wallet, of both token programs."""
        found: list[TokenAccount] = []
        for program in (str(TOKEN), str(TOKEN_2022)):
            only = {**CONFIRMED, "encoding": "base64", "dataSlice": {"offset": 0, "length": TOKEN_FIELDS}}
            told = await self._ask("getTokenAccountsByOwner", [owner, {"programId": program}, only], Told)
            keyed = _read("getTokenAccountsByOwner", lambda told=told: msgspec.convert(told.value, list[KeyedAccount]))  # type: ignore[misc]
            found += [_token_account(one, program) for one in keyed]
        return found

    async def signatures_for(
        self, address: str, *, limit: int = 1000, before: str = "", until: str = ""
    ) -> list[Landing]:
        """An address's confirmed transactions, newest first, failed ones too; older than `before`, down to `until`."""
        options: dict[str, Any] = {**CONFIRMED, "limit": limit}
        options |= {"before": before} if before else {}
        options |= {"until": until} if until else {}
        return await self._ask("getSignaturesForAddress", [address, options], list[Landing])

    async def send(self, wire: bytes) -> str:
        """Hand signed bytes to a node, which forwards them once and checks nothing; gives the signature."""
        options = {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}
        return await self._ask("sendTransaction", [base64.b64encode(wire).decode(), options], str)

    async def simulate(self, wire: bytes) -> dict[str, Any]:
        """What a transaction would do now, its signature and its blockhash aside: err, logs, unitsConsumed."""
        options = {**CONFIRMED, "encoding": "base64", "sigVerify": False, "replaceRecentBlockhash": True}
        told = await self._ask("simulateTransaction", [base64.b64encode(wire).decode(), options], Told)
        return _read("simulateTransaction", lambda: msgspec.convert(told.value, dict[str, Any]))

    async def priority_fees(self, writable: Sequence[str]) -> list[int]:
        """Least micro-lamports a unit that landed with these accounts locked, by slot of the last minute."""
        keys = list(writable[:MOST_PRIORITY_KEYS])
        found = await self._ask("getRecentPrioritizationFees", [keys], list[PriorityFee])
        return [one.fee for one in found]

    async def _ask(self, method: str, params: list[Any], kind: type[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._caller.call(method, params)
        except TimeoutError:
            raise ChainAwayError(f"{method}: no node answered within {self._timeout_s:g} s; try again") from None
        except ChainError as away:
            raise ChainAwayError(str(away)) from None
        return _read(method, lambda: msgspec.convert(result, kind))


def _read(method: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (msgspec.ValidationError, ValueError) as wrong:
        raise ChainAwayError(f"{method}: the node's answer is of no known form ({wrong}); try again") from None


def _values(method: str, told: Any, kind: type[T], count: int) -> list[T | None]:
    found = _read(method, lambda: msgspec.convert(told, list[kind | None]))  # type: ignore[valid-type]
    if len(found) != count:
        raise ChainAwayError(f"{method}: the node answered {len(found)} of {count} questions; try again")
    return found


def _token_account(one: KeyedAccount, program: str) -> TokenAccount:
    account = _read("getTokenAccountsByOwner", one.account.opened)
    if len(account.data) < TOKEN_FIELDS:
        raise ChainAwayError(f"getTokenAccountsByOwner: an account of {len(account.data)} bytes; try again")
    amount = int.from_bytes(account.data[2 * KEY_BYTES : TOKEN_FIELDS], "little")
    return TokenAccount(one.pubkey, to_text(account.data[:KEY_BYTES]), amount, program)
