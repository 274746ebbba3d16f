"""One-minute candles of every token.

A candle covers ``[start, start + 60 s)`` of known time, because the clock closes a minute before the events that are
known at its end. Its prices are those after each trade, so the open is the price that the first trade made. A minute
without a trade has no candle.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.books.stateful import StatefulBook
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN, AnyEvent, Trade

MINUTE_NS: Final = 60 * NS_PER_S


class Candle(msgspec.Struct, array_like=True, gc=False):
    """One minute of one token.

    Attributes
    ----------
    mint : str
    start_ns : int
        Begin of the minute, a whole multiple of 60 s since the epoch.
    open, high, low, close : float
        SOL per token.
    sol, tokens : int
        Volume of buys and sells together: lamports without fees, base units.
    buys, sells : int
        Number of trades.
    """

    mint: str
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    sol: int
    tokens: int
    buys: int
    sells: int


class CandleBookState(msgspec.Struct, array_like=True, gc=False):
    """Candles that form, by token, and closed ones that were not collected yet."""

    forming: dict[str, Candle] = {}
    closed: list[Candle] = []


class CandleBook(StatefulBook[CandleBookState]):
    """The candle that each token is forming, and those that are closed and not yet collected.

    Memory: one candle per token that traded within the minute, and what `closed` was not yet asked for.
    """

    name: ClassVar[str] = "candles"
    form = CandleBookState
    every_s: int | None = 60

    def __init__(self) -> None:
        super().__init__()
        self.restored()

    def restored(self) -> None:
        """Take over what the state holds, for quick access."""
        self._forming = self.state.forming

    def update(self, event: AnyEvent) -> None:
        """Take in an event; only trades of coins priced in SOL count."""
        if not isinstance(event, Trade) or event.quote_mint:
            return
        mint, lamports, tokens, is_buy = event.mint, event.sol_amount, event.token_amount, event.is_buy
        start_ns = event.known_ns - event.known_ns % MINUTE_NS
        price = (event.virtual_sol / LAMPORTS_PER_SOL) / (event.virtual_token / UNITS_PER_TOKEN)
        candle = self._forming.get(mint)
        if candle is None or candle.start_ns != start_ns:
            if candle is not None:
                self.state.closed.append(self._forming.pop(mint))
            self._forming[mint] = Candle(
                mint, start_ns, price, price, price, price, lamports, tokens, int(is_buy), int(not is_buy)
            )
            return
        if price > candle.high:
            candle.high = price
        elif price < candle.low:
            candle.low = price
        candle.close = price
        candle.sol += lamports
        candle.tokens += tokens
        if is_buy:
            candle.buys += 1
        else:
            candle.sells += 1

    def run(self, now_ns: int) -> None:
        """Close the minutes that are over, in the order in which they saw their first trade."""
        still = {mint: candle for mint, candle in self._forming.items() if candle.start_ns + MINUTE_NS > now_ns}
        self.state.closed.extend(candle for mint, candle in self._forming.items() if mint not in still)
        self._forming = self.state.forming = still

    def forming(self, mint: str) -> Candle | None:
        """Give the candle that a token is forming, None between candles; read it, do not change it."""
        return self._forming.get(mint)

    def closed(self) -> list[Candle]:
        """Hand out the candles closed since the last call, each once."""
        closed, self.state.closed = self.state.closed, []
        return closed
