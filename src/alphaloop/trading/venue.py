"""Where orders go: the contract of a venue, and its paper twin.

Paper fills follow `core.fills`, the rules that labels use too:

- An order decided at ``t`` arrives at ``t + latency`` and fills in the first bar of its symbol known after that, on the
  straight line from open to close, at the open if it waited for the bar. It pays half the spread and the slippage.
- An entry's stop and target rest at the venue from the fill on and are judged by high and low of each bar, the entry's
  own included. Both in one bar is a loss. A gap through the stop fills at the open, a gap through the target at the
  target. A stop pays spread, slippage and fee. So does a target, unless the plan rests it as a limit order: then only
  the fee.
- Until an exit order or a moved stop arrives inside a bar, the price is on that straight line; what it touches there
  fills first. A stop that arrives beyond the price fills at the price.
- Fees are charged on the notional of each fill and rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from alphaloop.core.clock import to_ns
from alphaloop.core.costs import Costs
from alphaloop.core.fills import bracket_exit, fill_mid, fill_price
from alphaloop.trading.money import fee_of, notional
from alphaloop.trading.records import Amend, BarRow, Drop, Fill, Intent, Order, Reason, Report


class Venue(Protocol):
    """A place that trades.

    One account, at most one position per symbol. Intents are accepted at once and take effect later; every effect is
    reported exactly once, in the order in which it happened. Brackets of an entry rest at the venue, so that a position
    is never without its stop, even if the trader dies.
    """

    def submit(self, intent: Intent) -> None:
        """Take an order, or a new level for a resting stop."""
        ...

    def on_bar(self, bar: BarRow) -> Sequence[Report]:
        """Report on the bar's symbol since its last bar; a paper venue fills from the bar, a real one ignores it."""
        ...


@dataclass(slots=True)
class Working:
    """What one symbol has at the venue.

    Attributes
    ----------
    entry, leave : Order or None
        Orders on their way.
    side, quantity : int
        The position; side 0 is none.
    stop, target : float
        Resting levels of the mid, infinite where there is none.
    trailed : bool
        Whether the stop was moved since the entry.
    amends : list of (int, float)
        Moved stops on their way: arrival time and level.
    quiet_above, quiet_below : float
        A bar strictly between these changes nothing; the wrong way round where every bar has to be looked at.
    """

    entry: Order | None = None
    leave: Order | None = None
    order_id: int = 0
    side: int = 0
    quantity: int = 0
    stop: float = math.nan
    target: float = math.nan
    trailed: bool = False
    amends: list[tuple[int, float]] = field(default_factory=list)
    quiet_above: float = math.inf
    quiet_below: float = -math.inf

    def settle(self) -> None:
        """Find the prices between which a bar does nothing: strictly inside the brackets, if nothing is on its way."""
        if self.entry is None and self.leave is None and not self.amends:
            self.quiet_above, self.quiet_below = sorted((self.stop, self.target))
        else:
            self.quiet_above, self.quiet_below = math.inf, -math.inf


class PaperVenue:
    """Fills orders from bars.

    Attributes
    ----------
    working : dict of str to Working
        Symbols that have an order or a position; bars of others need not be shown.
    """

    def __init__(self, costs: Costs, limit_targets: bool = False) -> None:
        self.working: dict[str, Working] = {}
        self._impact = costs.impact
        self._target_impact = 0.0 if limit_targets else costs.impact
        self._fee = costs.fee
        self._latency_ns = to_ns(costs.latency_s)

    def submit(self, intent: Intent) -> None:
        """Take an order, or a new level for a resting stop; what has nothing left to act on is ignored."""
        if isinstance(intent, Amend):
            work = self.working.get(intent.symbol)
            if work is not None:
                work.amends.append((intent.decided_ns + self._latency_ns, intent.stop))
                work.settle()
        elif intent.reason is Reason.ENTRY:
            self.working[intent.symbol] = Working(entry=intent)
        else:
            work = self.working[intent.symbol]
            work.leave = intent
            work.settle()

    def on_bar(self, bar: BarRow) -> Sequence[Report]:
        """Fill what the bar reaches of the orders and brackets of its symbol."""
        work = self.working[bar[0]]
        if work.quiet_above < bar[5] and bar[4] < work.quiet_below:
            return ()
        reports: list[Report] = []
        entering = work.entry is not None
        if work.entry is not None:
            report = self._enter(work, work.entry, bar)
            if report is None:
                return reports
            reports.append(report)
        if work.side:
            closing = self._leave(work, bar) or self._move(work, bar, entering)
            if closing is not None:
                reports.append(closing)
        if reports and (isinstance(reports[-1], Drop) or reports[-1].reason is not Reason.ENTRY):
            del self.working[bar[0]]
        else:
            work.settle()
        return reports

    def close(self, symbol: str, price: float, now_ns: int) -> Report | None:
        """Close a position at mid `price` now, or drop its unfilled entry, because there are no more bars."""
        work = self.working.pop(symbol, None)
        if work is None:
            return None
        if work.entry is not None:
            return Drop(work.entry.order_id, symbol, now_ns, "expired")
        return self._fill_exit(work, symbol, price, self._impact, now_ns, now_ns, Reason.END_OF_DATA, work.order_id)

    def _enter(self, work: Working, order: Order, bar: BarRow) -> Report | None:
        symbol, open_ns, known_ns, open_, _, _, close = bar
        arrives = order.decided_ns + self._latency_ns
        if arrives >= known_ns:
            return None
        happens = max(arrives, open_ns)
        if happens >= order.expires_ns:
            return Drop(order.order_id, symbol, known_ns, "expired")
        price = fill_price(order.side, fill_mid(arrives, open_ns, known_ns, open_, close), self._impact)
        work.entry, work.order_id, work.side, work.quantity = None, order.order_id, order.side, order.quantity
        work.stop, work.target = order.levels(price, self._fee)
        return self._fill(order.order_id, symbol, order.side, order.quantity, price, happens, known_ns, Reason.ENTRY)

    def _leave(self, work: Working, bar: BarRow) -> Fill | None:
        symbol, open_ns, known_ns, open_, _, _, close = bar
        order = work.leave
        if order is None or order.decided_ns + self._latency_ns >= known_ns:
            return None
        arrives = order.decided_ns + self._latency_ns
        mid = fill_mid(arrives, open_ns, known_ns, open_, close)
        first = self._touch(work, bar, max(open_, mid), min(open_, mid), False)
        if first is not None:
            return first
        happens = max(arrives, open_ns)
        return self._fill_exit(work, symbol, mid, self._impact, happens, known_ns, order.reason, order.order_id)

    def _move(self, work: Working, bar: BarRow, entering: bool) -> Fill | None:
        _, open_ns, known_ns, open_, high, low, close = bar
        while work.amends and work.amends[0][0] < known_ns:
            arrives, level = work.amends.pop(0)
            mid = fill_mid(arrives, open_ns, known_ns, open_, close)
            first = self._touch(work, bar, max(open_, mid), min(open_, mid), entering)
            if first is not None:
                return first
            work.stop = min(level, mid) if work.side > 0 else max(level, mid)
            work.trailed = True
            entering = arrives > open_ns
        return self._touch(work, bar, high, low, entering)

    def _touch(self, work: Working, bar: BarRow, high: float, low: float, entering: bool) -> Fill | None:
        outcome, mid = bracket_exit(work.side, work.stop, work.target, bar[3], high, low, entering)
        if not outcome:
            return None
        if outcome > 0:
            reason, impact = Reason.TAKE_PROFIT, self._target_impact
        else:
            reason, impact = (Reason.TRAILING_STOP if work.trailed else Reason.STOP_LOSS), self._impact
        gap = outcome < 0 and mid != work.stop
        happens = bar[1] if gap else bar[2]
        return self._fill_exit(work, bar[0], mid, impact, happens, bar[2], reason, work.order_id)

    def _fill_exit(
        self,
        work: Working,
        symbol: str,
        mid: float,
        impact: float,
        event_ns: int,
        known_ns: int,
        reason: Reason,
        order_id: int,
    ) -> Fill:
        price = fill_price(-work.side, mid, impact)
        return self._fill(order_id, symbol, -work.side, work.quantity, price, event_ns, known_ns, reason)

    def _fill(
        self,
        order_id: int,
        symbol: str,
        side: int,
        quantity: int,
        price: float,
        event_ns: int,
        known_ns: int,
        reason: Reason,
    ) -> Fill:
        amount = notional(price, quantity, paid=side > 0)
        return Fill(
            order_id, symbol, side, quantity, price, amount, fee_of(amount, self._fee), event_ns, known_ns, reason
        )

    def state(self) -> dict[str, Any]:
        """Everything that changes, ready for JSON."""
        return {symbol: _to_dict(work) for symbol, work in self.working.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.working.clear()
        self.working.update((symbol, _from_dict(work)) for symbol, work in state.items())


_LEVELS = ("stop", "target", "quiet_above", "quiet_below")


def _to_dict(work: Working) -> dict[str, Any]:
    orders = {name: order and order._asdict() for name, order in (("entry", work.entry), ("leave", work.leave))}
    return asdict(work) | orders | {name: repr(getattr(work, name)) for name in _LEVELS}


def _from_dict(state: dict[str, Any]) -> Working:
    orders = {name: _order(state[name]) for name in ("entry", "leave")}
    levels = {name: float(state[name]) for name in _LEVELS}
    amends = [(arrives, level) for arrives, level in state["amends"]]
    return Working(**state | orders | levels | {"amends": amends})


def _order(state: dict[str, Any] | None) -> Order | None:
    return None if state is None else Order(**state | {"reason": Reason(state["reason"])})
