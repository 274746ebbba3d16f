"""Engine and venue wired together: one bar time after the other, the same for backtest, dry run and live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alphaloop.trading.engine import Engine
from alphaloop.trading.plan import Plan
from alphaloop.trading.records import BarRow, Fill, Intent, Report, Signal, Trade
from alphaloop.trading.venue import PaperVenue

Entry = Intent | Report | Trade


class Session:
    """A trader's day: what the venue did, what that is worth, what is wanted next.

    Attributes
    ----------
    active : mapping with symbols as keys
        Symbols whose bars `step` needs; bars of others change nothing and may be left out.
    log : list
        Every intent, report and trade in the order in which it came about. A journal takes entries away as it writes
        them.
    trades : list of Trade
        Closed trades in order.
    """

    def __init__(self, plan: Plan, keep_points: bool = True) -> None:
        self.plan = plan
        self.engine = Engine(plan, keep_points)
        self.venue = PaperVenue(plan.costs, limit_targets=plan.exits.target_order == "limit")
        self.active = self.venue.working
        self.log: list[Entry] = []
        self.trades: list[Trade] = []

    @property
    def wake_ns(self) -> int:
        """Next known time at which `step` is due even without a bar or a signal."""
        return self.engine.wake_ns

    def step(self, now_ns: int, bars: Sequence[BarRow], signals: Sequence[Signal]) -> list[Intent]:
        """Everything that is known at one bar time.

        Parameters
        ----------
        now_ns : int
            The bars' known_ns; times go up from call to call.
        bars : sequence of bar rows
            Closed bars of the active symbols, sorted by symbol.
        signals : sequence of Signal
            Opinions of the model on any symbols.

        Returns
        -------
        list of Intent
            What is wanted now. They are in `log` already, but not at the venue: whoever keeps a journal writes it first
            and then calls `dispatch`.
        """
        engine, active = self.engine, self.active
        intents: list[Intent] = []
        touched = False
        for bar in bars:
            if bar[0] in active:
                touched = True
                for report in self.venue.on_bar(bar):
                    self._take(report)
                amend = engine.on_bar(bar)
                if amend is not None:
                    intents.append(amend)
        if touched:
            engine.mark(now_ns)
        if now_ns >= engine.wake_ns:
            intents.extend(engine.on_timer(now_ns))
        if signals:
            intents.extend(engine.on_signals(now_ns, signals))
        if intents:
            self.log.extend(intents)
        return intents

    def glance(self, bar: BarRow) -> bool:
        """Take in the bar of an active symbol if all that it can do is move the account's value.

        What `step` does at most bar times, with nothing that it does at the others: for a driver in a hurry.

        Parameters
        ----------
        bar : bar row
            The only bar of an active symbol at its time, at which no signal was given and `wake_ns` was not reached.

        Returns
        -------
        bool
            False if nothing was done because `step` has to see the bar.
        """
        work = self.active[bar[0]]
        return work.quiet_above < bar[5] and bar[4] < work.quiet_below and self.engine.value(bar)

    def dispatch(self, intents: Sequence[Intent]) -> None:
        """Send to the venue what `step` wanted."""
        for intent in intents:
            self.venue.submit(intent)

    def finish(self, now_ns: int) -> None:
        """No more bars: drop waiting entries and close open positions at their last close, with reason end_of_data."""
        for symbol in sorted(self.active):
            report = self.venue.close(symbol, self.engine.positions[symbol].last, now_ns)
            if report is not None:
                self._take(report)
        self.engine.mark(now_ns)

    def _take(self, report: Report) -> None:
        self.log.append(report)
        trade = self.engine.on_report(report)
        if trade is not None:
            self.log.append(trade)
            self.trades.append(trade)

    @property
    def fills(self) -> list[Fill]:
        """Fills that are still in the log."""
        return [entry for entry in self.log if isinstance(entry, Fill)]

    def state(self) -> dict[str, Any]:
        """Engine and venue, ready for JSON; trades and log are the journal's."""
        return {"engine": self.engine.state(), "venue": self.venue.state()}

    def restore(self, state: dict[str, Any], trades: Sequence[Trade]) -> None:
        """Take over what `state` gave, and the trades closed until then."""
        self.engine.restore(state["engine"])
        self.venue.restore(state["venue"])
        self.trades = list(trades)
