"""The seam to an exchange: one method that returns candles, and the exchanges that ccxt knows behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import InputError
from alphaloop.core.extras import require
from alphaloop.core.settings import nearest

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_USUAL_PAGE = 300

Candle = Sequence[float | None]


class TemporaryError(Exception):
    """The exchange did not answer, or asked for patience: trying again may help."""


class Candles(Protocol):
    """A source of historical candles.

    Attributes
    ----------
    name : of the exchange
    page : most candles that one call returns
    """

    name: str
    page: int

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        """Rows ``[open time in ms, open, high, low, close, volume]`` from `since` (ms, included) on, at most `limit`.

        Raises
        ------
        TemporaryError
            If trying again may help.
        InputError
            If it cannot.
        """
        ...


def timeframe_ns(timeframe: str) -> int:
    """Nanoseconds of a candle length such as ``1m``, ``4h`` or ``1d``.

    Raises
    ------
    InputError
        For anything else; a month (``1M``) has no fixed length.
    """
    match = re.fullmatch(r"([1-9]\d{0,3})([smhdw])", timeframe)
    if match is None:
        raise InputError(
            f"time frame {timeframe!r} is not possible; give a number and s, m, h, d or w, such as 1m or 4h"
        )
    return int(match[1]) * _UNITS_S[match[2]] * NS_PER_S


class CcxtCandles:
    """Candles of an exchange through ccxt, whose errors it sorts into temporary ones and final ones."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self.name = str(exchange.id)
        spot = (exchange.features or {}).get("spot") or {}
        self.page = int((spot.get("fetchOHLCV") or {}).get("limit") or _USUAL_PAGE)

    def fetch_ohlcv(self, symbol: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        """See `Candles`."""
        import ccxt

        self._check_timeframe(timeframe)
        try:
            rows: list[Candle] = self._exchange.fetch_ohlcv(symbol, timeframe, since=since, limit=limit)
        except (ccxt.OperationFailed, ccxt.BadResponse) as error:
            raise TemporaryError(_reason(error)) from None
        except ccxt.BadSymbol:
            known = [str(name) for name in (self._exchange.symbols or [])]
            raise InputError(f"{self.name} has no symbol {symbol!r}; {_nearest_symbol(symbol, known)}") from None
        except ccxt.BaseError as error:
            raise InputError(
                f"{self.name} refuses {symbol} {timeframe} ({_reason(error)}); check symbol, time frame and dates"
            ) from None
        if not rows:
            self._check_answer()
        return rows

    def _check_answer(self) -> None:
        """Tell "no candles" from a page of a proxy or a maintenance notice, which ccxt returns as no candles too."""
        answer = str(self._exchange.last_http_response or "").lstrip()
        if answer and answer[0] not in "[{":
            raise TemporaryError(f"an answer that is not JSON: {answer[:40]!r}")

    def _check_timeframe(self, timeframe: str) -> None:
        known = list(self._exchange.timeframes or {})
        if known and timeframe not in known:
            raise InputError(f"{self.name} has no time frame {timeframe!r}; choose one of: {', '.join(known)}")


def open_exchange(name: str) -> CcxtCandles:
    """Open an exchange by its ccxt name; its rate limit is respected.

    Raises
    ------
    InputError
        If ccxt is not installed, does not know the exchange, or the exchange has no candles.
    """
    require("exchange", "ccxt")
    import ccxt

    if name not in ccxt.exchanges:
        raise InputError(f"exchange {name!r} is not known to ccxt; {nearest(name, list(ccxt.exchanges))}")
    exchange = getattr(ccxt, name)({"enableRateLimit": True})
    if not exchange.has.get("fetchOHLCV"):
        raise InputError(f"{name} offers no historical candles through ccxt; choose another exchange")
    return CcxtCandles(exchange)


def _reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160]


def _nearest_symbol(symbol: str, known: list[str]) -> str:
    clause = nearest(symbol, known) if known else ""
    return clause if clause.startswith("did you mean") else "symbols are written like BTC/USDT"
