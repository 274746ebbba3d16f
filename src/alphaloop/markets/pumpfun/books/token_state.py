"""What is known of one token: its curve, its buyers, and its trades of the last minutes."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.markets.pumpfun.curve.reserves import START, SUPPLY
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN, Create, Trade
from alphaloop.markets.pumpfun.wire.layouts import SPL_2022_PROGRAM, SPL_PROGRAM

SHORT_NS: Final = 60 * NS_PER_S
LONG_NS: Final = 300 * NS_PER_S
_TRIM: Final = 32
PROGRAMS: Final = ("", SPL_PROGRAM, SPL_2022_PROGRAM)
"""Token programs that coins belong to; a token keeps the place in here, for a week's tokens are many."""

Mark: TypeAlias = tuple[int, bool, int, str, int, float]
"""A trade in the window: known_ns, is_buy, lamports, wallet; distinct buyers and price (SOL per token) before it."""


class Flow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a token's trades were in the windows ``(now - 60 s, now]`` and ``(now - 300 s, now]``.

    Parameters
    ----------
    buys_60s, sells_60s, buys_300s, sells_300s : int
        Number of trades.
    net_60s : int
        Lamports of buys minus lamports of sells, fees excluded.
    new_buyers_60s : int
        Wallets whose first buy of this token lies in the window.
    price_60s_ago : float
        SOL per token just before the first trade in the window; the present price if there is none.
    """

    buys_60s: int
    sells_60s: int
    net_60s: int
    buys_300s: int
    sells_300s: int
    new_buyers_60s: int
    price_60s_ago: float


class TokenState(msgspec.Struct, array_like=True, gc=False):
    """One token.

    Attributes
    ----------
    mint, creator : str
        `creator` is the newest that an event named; empty if none did.
    first_ns, created_ns, last_ns, completed_ns : int
        Known time of the first event seen, the creation, the newest trade and the completion; 0 where there was none.
    from_birth : bool
        Whether the creation was the first event seen, so that no buyer is missing.
    program : int
        Place in `PROGRAMS` of the token program that the creation named; 0 if it was not seen, or named none.
    mayhem, cashback, holder_reward : bool
        Kind of the coin, from its creation; a trade that was charged otherwise corrects the first two.
    newer : str
        What of its kind is not known here, in words; empty if nothing.
    supply, for_sale : int
        Base units in existence, and for sale on the curve at birth.
    virtual_sol, virtual_token, real_sol, real_token : int
        Reserves after the newest event: lamports and base units.
    price, peak_price : float
        SOL per token, now and at its highest after any trade.
    trades : int
        Number of trades seen.
    buyers : dict of int
        Rank of each wallet's first buy, 1 for the first buyer.
    window : list of Mark
        Trades of the last 300 s and some older ones that are not trimmed yet, oldest first.
    long_from, short_from : int
        Where in `window` the last 300 s and the last 60 s before the newest trade begin.
    buys_60s, sells_60s, net_60s, buys_300s, sells_300s : int
        Totals over those parts of the window.
    """

    mint: str
    first_ns: int
    creator: str = ""
    created_ns: int = 0
    last_ns: int = 0
    completed_ns: int = 0
    from_birth: bool = False
    mayhem: bool = False
    supply: int = SUPPLY
    for_sale: int = START.real_token
    virtual_sol: int = START.virtual_sol
    virtual_token: int = START.virtual_token
    real_sol: int = START.real_sol
    real_token: int = START.real_token
    price: float = START.price
    peak_price: float = START.price
    trades: int = 0
    buyers: dict[str, int] = {}
    window: list[Mark] = []
    long_from: int = 0
    short_from: int = 0
    buys_60s: int = 0
    sells_60s: int = 0
    net_60s: int = 0
    buys_300s: int = 0
    sells_300s: int = 0
    program: int = 0
    cashback: bool = False
    holder_reward: bool = False
    newer: str = ""

    def born(self, event: Create) -> None:
        """Take in what the creation says of the coin's kind."""
        self.creator, self.mayhem, self.cashback = event.creator, event.mayhem, event.cashback_coin
        self.holder_reward, self.newer = event.holder_reward, event.newer
        self.program = PROGRAMS.index(event.token_program) if event.token_program in PROGRAMS else 0
        if event.token_program and not self.program:
            self.newer = f"token program {event.token_program}"

    def take(self, trade: Trade) -> None:
        """Take in the token's next trade."""
        known_ns, wallet, is_buy, lamports = trade.known_ns, trade.wallet, trade.is_buy, trade.sol_amount
        buyers, window = self.buyers, self.window
        if window and window[self.long_from][0] <= known_ns - SHORT_NS:
            self.slide(known_ns)
        window.append((known_ns, is_buy, lamports, wallet, len(buyers), self.price))
        if is_buy:
            if wallet not in buyers:
                buyers[wallet] = len(buyers) + 1
            self.buys_60s += 1
            self.buys_300s += 1
            self.net_60s += lamports
        else:
            self.sells_60s += 1
            self.sells_300s += 1
            self.net_60s -= lamports
        self.virtual_sol = virtual_sol = trade.virtual_sol
        self.virtual_token = virtual_token = trade.virtual_token
        self.real_sol, self.real_token = trade.real_sol, trade.real_token
        self.price = price = (virtual_sol / LAMPORTS_PER_SOL) / (virtual_token / UNITS_PER_TOKEN)
        if price > self.peak_price:
            self.peak_price = price
        self.last_ns = known_ns
        self.trades += 1
        if trade.creator:
            self.creator = trade.creator
        if trade.mayhem:
            self.mayhem = True
        if trade.cashback:
            self.cashback = True
        elif self.cashback and trade.creator_fee:
            self.cashback = False

    def slide(self, now_ns: int) -> None:
        """Let the trades go that are no longer inside the windows ending at `now_ns`."""
        window, at = self.window, self.short_from
        if at < len(window) and window[at][0] <= now_ns - SHORT_NS:
            self.short_from, buys, sells, net = _leaving(window, at, now_ns - SHORT_NS)
            self.buys_60s -= buys
            self.sells_60s -= sells
            self.net_60s -= net
        at = self.long_from
        if at == len(window) or window[at][0] > now_ns - LONG_NS:
            return
        at, buys, sells, _ = _leaving(window, at, now_ns - LONG_NS)
        self.buys_300s -= buys
        self.sells_300s -= sells
        if at > _TRIM and 2 * at > len(window):
            del window[:at]
            self.short_from -= at
            at = 0
        self.long_from = at

    def flow(self, now_ns: int) -> Flow:
        """Read the windows that end at `now_ns`, which is not before the newest trade; changes nothing."""
        window, at, oldest = self.window, self.short_from, self.long_from
        buys = sells = net = old_buys = old_sells = 0
        if at < len(window) and window[at][0] <= now_ns - SHORT_NS:
            at, buys, sells, net = _leaving(window, at, now_ns - SHORT_NS)
        if oldest < len(window) and window[oldest][0] <= now_ns - LONG_NS:
            _, old_buys, old_sells, _ = _leaving(window, oldest, now_ns - LONG_NS)
        known, price = (window[at][4], window[at][5]) if at < len(window) else (len(self.buyers), self.price)
        return Flow(
            self.buys_60s - buys,
            self.sells_60s - sells,
            self.net_60s - net,
            self.buys_300s - old_buys,
            self.sells_300s - old_sells,
            len(self.buyers) - known,
            price,
        )

    def since(self, cut_ns: int) -> list[Mark]:
        """List the trades known after `cut_ns`, oldest first; `cut_ns` is at most 300 s before the newest trade."""
        start = self.short_from if cut_ns >= self.last_ns - SHORT_NS else self.long_from
        at, _, _, _ = _leaving(self.window, start, cut_ns)
        return self.window[at:]

    def without_window(self, now_ns: int) -> TokenState:
        """Drop a window that `now_ns` has left behind, so that nothing but lasting facts remains."""
        self.slide(now_ns)
        self.window, self.long_from, self.short_from = [], 0, 0
        return self

    @property
    def newest_ns(self) -> int:
        """Known time of the newest event."""
        return max(self.first_ns, self.created_ns, self.last_ns, self.completed_ns)

    @property
    def progress(self) -> float:
        """Share of the tokens for sale that are sold, 0 to 1; 1 once the curve is complete."""
        if self.completed_ns:
            return 1.0
        share = 1.0 - self.real_token / self.for_sale
        return share if 0.0 <= share <= 1.0 else min(1.0, max(0.0, share))

    @property
    def market_cap_sol(self) -> float:
        """SOL that the whole supply is worth at the present price."""
        return self.price * (self.supply / UNITS_PER_TOKEN)


def _leaving(window: list[Mark], start: int, cut_ns: int) -> tuple[int, int, int, int]:
    """Find the first trade known after `cut_ns`, and total up buys, sells and net lamports from `start` to it."""
    at, end = start, len(window)
    buys = sells = net = 0
    while at < end:
        mark = window[at]
        if mark[0] > cut_ns:
            break
        if mark[1]:
            buys += 1
            net += mark[2]
        else:
            sells += 1
            net -= mark[2]
        at += 1
    return at, buys, sells, net
