"""One signal and the position that a trader could have had on it."""

from __future__ import annotations

import msgspec

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.markets.pumpfun.curve.quotes import COMPLETE, QuoteError, buy_exact_in
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL, UNITS_PER_TOKEN
from alphaloop.markets.pumpfun.outcomes.prices import CURVE, POOL, Market
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.outcomes.settings import OutcomeSettings


class Position(msgspec.Struct):
    """A followed signal.

    Attributes
    ----------
    high, high_ns
        Highest price since the decision, and when.
    entry_ns, tokens, cost
        The entry: when, base units, lamports with everything the round trip costs besides the curve; 0 before it, and
        `refused` says why there is none.
    best
        Highest net proceeds of a sale so far, lamports; -1 before the entry.
    exit_high
        Price at which `best` was last looked for; below it no sale can pay more.
    blind_ns, blindness
        From when on not everything was seen, and why; 0 if everything was.
    """

    signal_id: str
    kind: str
    mint: str
    decided_ns: int
    price: float
    high: float
    high_ns: int
    entry_ns: int = 0
    tokens: int = 0
    cost: int = 0
    refused: str = ""
    best: int = -1
    exit_high: float = 0.0
    died_ns: int = 0
    blind_ns: int = 0
    blindness: str = ""

    def enter(self, market: Market, due_ns: int, settings: OutcomeSettings) -> None:
        """Buy at the reserves that stand when the order arrives."""
        if not market.fresh:
            self.refused = "no entry: the reserves at that time are not known"
        elif market.phase != CURVE:
            self.refused = "no entry: the curve was complete"
        else:
            try:
                quote = buy_exact_in(market.curve, round(settings.size_sol * LAMPORTS_PER_SOL), settings.fees)
            except QuoteError as error:
                complete = error.code == COMPLETE
                self.refused = f"no entry: {'the curve was complete' if complete else 'too little was left to buy'}"
            else:
                self.entry_ns, self.tokens = due_ns, quote.token_amount
                self.cost = quote.total + round(settings.network_sol * LAMPORTS_PER_SOL)
                self.look(market, market.price, settings)

    @property
    def calm_to(self) -> float:
        """The highest price after an event that changes nothing here, where the reserves' product is a constant."""
        return self.exit_high if self.tokens and self.exit_high < self.high else self.high

    def look(self, market: Market, price: float, settings: OutcomeSettings) -> None:
        """Quote a sale of the whole entry."""
        proceeds = market.sale(self.tokens, settings.fees, settings.pool_fee_bps)
        if proceeds is not None:
            self.exit_high = price
            self.best = max(self.best, proceeds)

    def moved(self, market: Market, price: float, known_ns: int, settings: OutcomeSettings) -> None:
        """Take in the price after an event."""
        if price > self.high:
            self.high, self.high_ns = price, known_ns
        if self.tokens and (price > self.exit_high or market.mayhem):
            self.look(market, price, settings)

    def blind(self, from_ns: int, why: str) -> None:
        """Note that from now on something may have been missed."""
        if not self.blind_ns or from_ns < self.blind_ns:
            self.blind_ns, self.blindness = from_ns, why

    def outcome(self, market: Market, horizon_s: int, settings: OutcomeSettings) -> Outcome:
        """Say what came within a horizon; every event up to its end has been taken in, and none after it."""
        end_ns = self.decided_ns + horizon_s * NS_PER_S
        seen_ns, missing = self._sight(market, end_ns)
        cut = bool(self.blind_ns) and self.blind_ns < end_ns
        raw = None if cut or not market.token else self.high / self.price
        tradable = None if cut or not self.tokens else self.best / self.cost
        died_ns = self.died_ns or _silent_since(market, seen_ns, settings)
        final = None if missing or not self.tokens else self._final(market, settings)
        return Outcome(
            signal_id=self.signal_id,
            kind=self.kind,
            horizon_s=horizon_s,
            price=self.price,
            entry_price=self._entry_price(),
            entry_known_ns=self.entry_ns or None,
            raw_multiple=None if missing else raw,
            tradable_multiple=None if missing else tradable,
            least_raw=raw,
            least_tradable=tradable,
            final_price=None if missing else market.price,
            final_multiple=final,
            peak_ns=None if missing else self.high_ns,
            died_ns=died_ns or None,
            graduated=bool(market.complete_ns),
            resolved_ns=end_ns,
            observed=not missing,
            reason=missing or self.refused,
        )

    def _final(self, market: Market, settings: OutcomeSettings) -> float | None:
        proceeds = market.sale(self.tokens, settings.fees, settings.pool_fee_bps)
        return None if proceeds is None else proceeds / self.cost

    def _entry_price(self) -> float | None:
        if not self.tokens:
            return None
        return (self.cost / LAMPORTS_PER_SOL) / (self.tokens / UNITS_PER_TOKEN)

    def _sight(self, market: Market, end_ns: int) -> tuple[int, str]:
        """Until when everything was seen, and why not until `end_ns`; no reason if it was."""
        if not market.token:
            return self.decided_ns, "the token's reserves were never seen"
        seen_ns, reason = end_ns, ""
        if market.complete_ns and not market.pool_seen and market.complete_ns < seen_ns:
            where = "its pool has opened" if market.phase == POOL else "its pool has not opened"
            seen_ns = market.complete_ns
            reason = f"graduated at {iso(seen_ns)}, {where}, and no trade of the pool was recorded"
        if self.blind_ns and self.blind_ns < end_ns:
            seen_ns, reason = min(seen_ns, self.blind_ns), self.blindness
        return seen_ns, reason


def _silent_since(market: Market, seen_ns: int, settings: OutcomeSettings) -> int:
    """When the token was dead, if it was by `seen_ns`; 0 if it lived."""
    died_ns = market.traded_ns + round(settings.dead_after_s * NS_PER_S)
    return died_ns if market.traded_ns and died_ns <= seen_ns else 0
