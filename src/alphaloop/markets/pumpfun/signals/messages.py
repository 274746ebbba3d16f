"""Messages on the bus: ``{"type", "v", "data"}`` in JSON, with camel-case keys inside ``data``.

A message carries every feature that a model needs, so a trader scores it without asking a store. A missing number is
``null``, for JSON has no NaN; a float32 feature comes back to the bit. Readers refuse a version they do not know.
Times are integers of nanoseconds, beyond what a JavaScript number holds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.signals.coin import CoinState

VERSION: Final = 1
Number: TypeAlias = float | None


class Message(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """What all messages share: the token they speak of and when it was known."""

    token_mint: str
    known_ns: int


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
    scores: dict[str, float] = {}
    coin: CoinState | None = None

    @property
    def vector(self) -> NDArray[np.float32]:
        """The features as a model takes them, NaN where missing."""
        return np.array([math.nan if value is None else value for value in self.features], np.float32)


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


class TokenState(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """Live state of a curve after its newest event; amounts are lamports and base units, `price` is SOL per token."""

    last_trade_ns: int
    created_ns: int
    creator: str
    price: float
    peak_price: float
    virtual_sol: int
    virtual_token: int
    real_sol: int
    real_token: int
    progress: Number
    market_cap_sol: Number
    complete: bool
    mayhem: bool
    trades: int
    unique_buyers: int
    buys_60s: int
    sells_60s: int
    buys_300s: int
    sells_300s: int
    sol_net_60s: float
    coin: CoinState | None = None


class Graduation(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """A curve is sold out, having raised `raised_sol`; `symbol` is empty where the token is older than a day."""

    event_ns: int
    symbol: str
    creator: str
    raised_sol: Number


class Regime(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """State of the market; `token_mint` is empty."""

    code: int
    name: str
    confidence: Number = None


class Crowding(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """How much of a curve's SOL tracked wallets hold."""

    ratio: Number
    penalty: Number


class Heartbeat(Message, frozen=True, gc=False, kw_only=True, rename="camel"):
    """The collector lives; `token_mint` is empty.

    Attributes
    ----------
    known_ns : int
        Everything that follows from what was known up to then is published.
    pending : int
        Transactions and events that came and are not worked off.
    last_event_age_s : float or None
        Since the newest event that the books have; None if there never was one.
    listening : bool
        Whether every stream from the chain is joined. If not, silence says nothing about the market.
    """

    token_mint: str = ""
    pending: int
    last_event_age_s: Number = None
    listening: bool


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


class _Envelope(msgspec.Struct, frozen=True):
    type: str
    v: int
    data: msgspec.Raw


_NAMES: Final = {kind: name for name, kind in TYPES.items()}
_HEADS: Final = {kind: f'{{"type":"{name}","v":{VERSION},"data":'.encode() for name, kind in TYPES.items()}
_encoder: Final = msgspec.json.Encoder()
_envelopes: Final = msgspec.json.Decoder(_Envelope)


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
    DataError
        If it is no message, of an unknown type, or of another version than this reader's.
    """
    try:
        envelope = _envelopes.decode(body)
    except msgspec.MsgspecError as error:
        raise DataError(
            f"message is not readable: {error}; got {bytes(body[:60])!r}, check who publishes here"
        ) from None
    if envelope.v != VERSION:
        raise DataError(
            f"message of type {envelope.type!r} has version {envelope.v}, this reader knows {VERSION}; "
            "run the same version of alphaloop on both sides"
        )
    if envelope.type not in TYPES:
        raise DataError(f"message has unknown type {envelope.type!r}; known are: {', '.join(TYPES)}")
    try:
        return msgspec.json.decode(envelope.data, type=TYPES[envelope.type])
    except msgspec.MsgspecError as error:
        raise DataError(f"message of type {envelope.type!r} is damaged: {error}; drop it") from None


def number(value: float) -> Number:
    """A float for a message: None where it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None


def numbers(values: Iterable[float]) -> list[Number]:
    """Features for a message: None where missing."""
    return [value if math.isfinite(value) else None for value in map(float, values)]
