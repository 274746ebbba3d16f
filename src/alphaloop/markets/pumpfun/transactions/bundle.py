"""Transactions that land together or not at all, and the requests that a block engine takes; nothing is sent here.

A bundle's id is known before it is sent, and is its idempotency key. It is a receipt only: that a bundle landed is
proved by the chain, never by the engine's answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.transactions.envelope import Envelope, EnvelopeError

MAX_TRANSACTIONS: Final = 5
MAX_IDS: Final = 5
ENCODING: Final = {"encoding": "base64"}
"""Always said: the engine's default is another one, and deprecated."""

REGIONS: Final = (
    "mainnet",
    "amsterdam.mainnet",
    "dublin.mainnet",
    "frankfurt.mainnet",
    "london.mainnet",
    "ny.mainnet",
    "slc.mainnet",
    "singapore.mainnet",
    "tokyo.mainnet",
    "testnet",
    "dallas.testnet",
    "ny.testnet",
)
"""Prefixes of the engine's servers; the first is routed to the nearest."""

TIP_FLOOR_URL: Final = "https://bundles.jito.wtf/api/v1/bundles/tip_floor"


class EngineRequest(msgspec.Struct, frozen=True):
    """A JSON-RPC request of POST.

    Parameters
    ----------
    method, path : str
        What is asked, and where under the server's URL.
    body : bytes
        JSON. Not shown when printed: it may hold signed transactions.
    """

    method: str
    path: str
    body: bytes

    def __repr__(self) -> str:
        return f"EngineRequest({self.method}, {self.path}, {len(self.body)} bytes)"


class Bundle(msgspec.Struct, frozen=True):
    """One to five signed transactions in their order.

    Raises
    ------
    EnvelopeError
        If there are none or too many, one comes twice, or none of them pays a tip.
    """

    envelopes: tuple[Envelope, ...]

    def __post_init__(self) -> None:
        count = len(self.envelopes)
        if not 1 <= count <= MAX_TRANSACTIONS:
            raise EnvelopeError(f"a bundle of {count} transactions is not taken; give 1 to {MAX_TRANSACTIONS}")
        if len(set(self.signatures)) < count:
            raise EnvelopeError(f"a bundle of {count} transactions holds one of them twice; give each once")
        if all(envelope.terms.tip is None for envelope in self.envelopes):
            raise EnvelopeError("a bundle that pays 0 tips is not taken; give one of its transactions a tip")

    @property
    def signatures(self) -> tuple[str, ...]:
        """The first signature of each transaction."""
        return tuple(envelope.signature for envelope in self.envelopes)

    @property
    def id(self) -> str:
        """What the engine will call it."""
        return bundle_id(self.signatures)

    def __repr__(self) -> str:
        return f"Bundle({self.id}, {len(self.envelopes)} transactions)"


def bundle_id(signatures: Sequence[str]) -> str:
    """SHA-256, in lower-case hex, of the base58 first signatures joined by commas."""
    return hashlib.sha256(",".join(signatures).encode()).hexdigest()


def engine_url(region: str) -> str:
    """Where the block engine of a region answers.

    Raises
    ------
    InputError
        If there is no such region.
    """
    if region not in REGIONS:
        raise InputError(f"block engine region {region!r} is unknown; choose one of: {', '.join(REGIONS)}")
    return f"https://{region}.block-engine.jito.wtf"


def send_bundle(bundle: Bundle, request_id: int = 1) -> EngineRequest:
    """Submit a bundle; the answer is its id."""
    transactions = [envelope.encoded for envelope in bundle.envelopes]
    return _request("sendBundle", "/api/v1/bundles", [transactions, ENCODING], request_id)


def send_transaction(envelope: Envelope, request_id: int = 1, *, bundle_only: bool = True) -> EngineRequest:
    """Submit one transaction, with `bundle_only` as a bundle of one; the answer is its signature."""
    path = "/api/v1/transactions" + ("?bundleOnly=true" if bundle_only else "")
    return _request("sendTransaction", path, [envelope.encoded, ENCODING], request_id)


def bundle_statuses(ids: Sequence[str], request_id: int = 1) -> EngineRequest:
    """Ask which of at most five bundles landed, by their ids."""
    return _request("getBundleStatuses", "/api/v1/getBundleStatuses", [_ids(ids)], request_id)


def inflight_statuses(ids: Sequence[str], request_id: int = 1) -> EngineRequest:
    """Ask what became of at most five bundles of the last five minutes."""
    return _request("getInflightBundleStatuses", "/api/v1/getInflightBundleStatuses", [_ids(ids)], request_id)


def tip_accounts(request_id: int = 1) -> EngineRequest:
    """Ask for the accounts that may be tipped."""
    return _request("getTipAccounts", "/api/v1/getTipAccounts", [], request_id)


def _ids(ids: Sequence[str]) -> list[str]:
    if not 1 <= len(ids) <= MAX_IDS:
        raise InputError(f"{len(ids)} bundles cannot be asked for at once; give 1 to {MAX_IDS} ids")
    return list(ids)


def _request(method: str, path: str, params: list[Any], request_id: int) -> EngineRequest:
    asked = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return EngineRequest(method, path, msgspec.json.encode(asked))
