"""Messages on the bus: ``{"type", "v", "data"}`` in JSON, with camel-case keys inside ``data``.

A message carries every feature that a model needs, so a trader scores it without asking a store. A missing number is
``null``, for JSON has no NaN; a float32 feature comes back to the bit. Readers refuse a version they do not know.
Times are integers of nanoseconds, beyond what a JavaScript number holds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL
from alphaloop.markets.pumpfun.signals.coin import CoinState
from alphaloop.markets.pumpfun.signals.states import (
    Crowding,
    Graduation,
    Heartbeat,
    Message,
    Number,
    Regime,
    TokenState,
)

__all__ = [
    "TYPES",
    "VERSION",
    "AntiSignalMessage",
    "AnyMessage",
    "Crowding",
    "Fault",
    "GenesisMessage",
    "Graduation",
    "Heartbeat",
    "Message",
    "Number",
    "Regime",
    "Scorable",
    "SignalMessage",
    "TokenState",
    "UnreadableError",
    "decode",
    "encode",
    "envelope",
    "number",
    "numbers",
]

VERSION: Final = 1
Fault: TypeAlias = Literal["malformed", "unknown_type", "unknown_version"]


class Scorable(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A message with all the features of a set, in its order.

    Attributes
    ----------
    signal_id : str
        32 hex digits; the same event gives the same id in every replay.
    event_ns : int
        Block time of the event it speaks of; `known_ns` is when its features were taken.
    price : float
        SOL per token at `known_ns`.
    features : list of float or None
    scores : dict
        Calibrated probability by target, where a model was at hand.
    coin : CoinState or None
        What an order needs; None in messages of before there was such a part.
    """

    signal_id: str
    event_ns: int
    price: float
    creator: str
    symbol: str
    feature_set: str
    feature_set_hash: str
    features: list[Number]
    scores: dict[str, float] = msgspec.field(default_factory=dict)
    coin: CoinState | None = None

    @property
    def vector(self) -> NDArray[np.float32]:
        """The features as a model takes them, NaN where missing and infinite where one is no float32."""
        with np.errstate(over="ignore"):
            return np.array(self.features, np.float32)


class SignalMessage(Scorable, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A tracked wallet bought; amounts are lamports and base units, without fees.

    Attributes
    ----------
    rule_score : float or None
        Of the rule, 0 to 100; the weight and the penalty below are in it.
    follower_weight : float or None
        Weight of the wallet's signals in (0, 1], 1 unless it follows others; None in messages of before there was one.
    crowding_penalty : float or None
        Share of the score that the coin's crowding has taken.
    """

    wallet: str
    signature: str
    log_index: int
    sol_amount: int
    token_amount: int
    action: str = "buy"
    alpha_score: Number = None
    buy_rank: Number = None
    velocity: Number = None
    risk_score: Number = None
    bundle_confidence: Number = None
    lifecycle_state: Number = None
    creator_risk: Number = None
    rule_score: Number = None
    follower_weight: Number = None
    crowding_penalty: Number = None


class GenesisMessage(Scorable, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A launch was watched for `window_s` seconds; `early` if that is not the whole window."""

    name: str
    created_ns: int
    window_s: float
    early: bool = False
    genesis_score: Number = None


class AntiSignalMessage(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A token turned bad; whoever holds it should leave.

    Attributes
    ----------
    triggers : list of str
        Names of the triggers that are true.
    reasons : list of str
        The same for people, with numbers.
    severity : int
        How many there are.
    """

    anti_id: str
    triggers: list[str]
    reasons: list[str]
    severity: int


AnyMessage: TypeAlias = (
    SignalMessage | GenesisMessage | AntiSignalMessage | TokenState | Graduation | Regime | Crowding | Heartbeat
)
TYPES: Final[dict[str, type[Message]]] = {
    "signal": SignalMessage,
    "genesis_signal": GenesisMessage,
    "anti_signal": AntiSignalMessage,
    "token": TokenState,
    "graduation": Graduation,
    "regime": Regime,
    "crowding": Crowding,
    "heartbeat": Heartbeat,
}


class UnreadableError(DataError):
    """What came is no message that this release knows.

    Attributes
    ----------
    fault : {"malformed", "unknown_type", "unknown_version"}
    """

    def __init__(self, fault: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.fault: Fault = fault


class _Envelope(msgspec.Struct, frozen=True):
    type: str
    v: int
    data: msgspec.Raw


_NAMES: Final = {kind: name for name, kind in TYPES.items()}
_HEADS: Final = {kind: f'{{"type":"{name}","v":{VERSION},"data":'.encode() for name, kind in TYPES.items()}
_WIDTHS: Final = {features.hash: len(features.names) for features in (SIGNAL, GENESIS)}
_encoder: Final = msgspec.json.Encoder()
_envelopes: Final = msgspec.json.Decoder(_Envelope)
_decoders: Final = {name: msgspec.json.Decoder(kind) for name, kind in TYPES.items()}
_HEADED: Final = tuple((head, _decoders[_NAMES[kind]]) for kind, head in _HEADS.items())
# Text that is no UTF-8 has an error of its own; what is nested without end has another.
_FAULTS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def encode(message: Message) -> bytes:
    """One message as JSON."""
    return _HEADS[type(message)] + _encoder.encode(message) + b"}"


def envelope(message: Message) -> dict[str, Any]:
    """One message as plain data, for a JSON column."""
    return {"type": _NAMES[type(message)], "v": VERSION, "data": msgspec.to_builtins(message)}


def decode(body: bytes) -> Any:
    """The message in `body`: one of `TYPES`.

    Raises
    ------
    UnreadableError
        If it is no message, of an unknown type, of another version than this reader's, or has another number of
        features than its feature set.
    """
    message = _as_encoded(body)
    if message is None:
        message = _as_any_json(body)
    if isinstance(message, Scorable):
        width = _WIDTHS.get(message.feature_set_hash)
        if width is not None and len(message.features) != width:
            found = f"{len(message.features)} features, its set has {width}"
            raise UnreadableError("malformed", f"message of type {_NAMES[type(message)]!r} has {found}; drop it")
    return message


def _as_encoded(body: bytes) -> Any:
    """The message if its bytes are laid out as `encode` does it, else None: half the work of reading any JSON."""
    for head, decoder in _HEADED:
        if body.startswith(head) and body.endswith(b"}"):
            try:
                return decoder.decode(memoryview(body)[len(head) : -1])
            except _FAULTS:
                return None  # perhaps there is something behind the data
    return None


def _as_any_json(body: bytes) -> Any:
    try:
        envelope = _envelopes.decode(body)
    except _FAULTS as error:
        raise UnreadableError(
            "malformed", f"message is not readable: {error}; got {bytes(body[:60])!r}, check who publishes here"
        ) from None
    if envelope.v != VERSION:
        raise UnreadableError(
            "unknown_version",
            f"message of type {envelope.type!r} has version {envelope.v}, this reader knows {VERSION}; "
            "run the same version of alphaloop on both sides",
        )
    decoder = _decoders.get(envelope.type)
    if decoder is None:
        raise UnreadableError(
            "unknown_type", f"message has unknown type {envelope.type!r}; known are: {', '.join(TYPES)}"
        )
    try:
        return decoder.decode(envelope.data)
    except _FAULTS as error:
        raise UnreadableError("malformed", f"message of type {envelope.type!r} is damaged: {error}; drop it") from None


def number(value: float) -> Number:
    """A float for a message: None where it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[Number]:
    """Features for a message: None where missing."""
    return [value if math.isfinite(value) else None for value in map(float, values)]
