"""When a position is left. Pure functions of a position, the settings and the time."""

from __future__ import annotations

from alphaloop.trading.portfolio.settings import ExitStep, Selling, Strategy
from alphaloop.trading.portfolio.trades import ExitReason, Trade


def reason_to_leave(trade: Trade, strategy: Strategy, now_ns: int) -> ExitReason | None:
    """The first rule that says so, in the order take profit, trailing stop, stop loss, time-out; warnings come before.

    Parameters
    ----------
    trade : Trade
        Holding something; `last` and `peak` are its newest and highest price since the fill.
    now_ns : int
        The time-out counts by it, also where no price has come.
    """
    entry = trade.entry_price
    if trade.last > 0.0 and entry > 0.0:
        multiple, peak = trade.last / entry, trade.peak / entry
        if multiple >= strategy.take_profit:
            return ExitReason.TAKE_PROFIT
        if strategy.trail_width and peak >= strategy.trail_arm and multiple < peak * (1.0 - strategy.trail_width):
            return ExitReason.TRAILING_STOP
        if multiple <= strategy.stop_loss:
            return ExitReason.STOP_LOSS
    if now_ns - trade.entered_ns >= strategy.max_hold_ns:
        return ExitReason.TIMEOUT
    return None


def exit_step(selling: Selling, tries: int) -> ExitStep:
    """The step of escalation of the sale after `tries` others; the last one repeats."""
    return selling.steps[min(tries, len(selling.steps) - 1)]
