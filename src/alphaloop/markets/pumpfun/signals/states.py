"""Messages that say how things stand: the state of a curve, of the market, of a token's crowd, of the collector."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from alphaloop.markets.pumpfun.signals.coin import CoinState

Number: TypeAlias = float | None


class Message(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename="camel"):
    """What all messages share: the token they speak of and when it was known."""

    token_mint: str
    known_ns: int


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
