"""What the trader tells people who ask: plain data, amounts in SOL, times as they are stored and as text."""

from __future__ import annotations

from typing import Any

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.live.batch import TOKEN_UNITS, sol_per_token
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.entry import phase_of
from alphaloop.trading.portfolio.trades import Trade


def sol(lamports: int) -> float:
    """Lamports as SOL."""
    return lamports / LAMPORTS_PER_SOL


def standing(engine: PortfolioEngine, now_ns: int) -> dict[str, Any]:
    """The account, its breakers and how much is under way."""
    state = engine.state
    account, breakers = state.account, state.panel.state
    name, says = state.panel.reason(now_ns, state.unproved_orders)
    day = breakers.day_equity
    return {
        "balance_sol": sol(account.balance),
        "free_sol": sol(state.free),
        "equity_sol": sol(state.equity),
        "day_start_equity_sol": sol(day),
        "day_drawdown": (day - state.equity) / day if day > 0 else None,
        "phase": phase_of(engine.settings.phases, state.free),
        "open_positions": state.open_positions,
        "unproved_orders": state.unproved_orders,
        "entries": "blocked" if name else "allowed",
        "blocked_by": name,
        "blocked_detail": says,
        "halted": breakers.halted,
        "entries_stopped": breakers.stopped,
        "losses_in_a_row": breakers.losses,
        "paused_until": iso(breakers.paused_until_ns) if breakers.paused_until_ns > now_ns else None,
        "cool_downs": sum(until_ns > now_ns for until_ns in state.cool_until_ns.values()),
        "total_pnl_sol": sol(account.total_pnl),
        "total_trades": account.total_trades,
        "win_rate": account.win_rate,
        "current_streak": account.current_streak,
    }


def position(trade: Trade, now_ns: int) -> dict[str, Any]:
    """One trade that is not over."""
    multiple = trade.last / trade.entry_price if trade.entry_price else None
    return {
        "trade_id": trade.trade_id,
        "token_mint": trade.asset,
        "strategy": trade.strategy,
        "status": str(trade.state),
        "size_sol": sol(trade.budget),
        "spent_sol": sol(trade.spent),
        "tokens": trade.quantity / TOKEN_UNITS,
        "entry_price": sol_per_token(trade.entry_price) or None,
        "price": sol_per_token(trade.last) or None,
        "multiple": multiple,
        "peak_multiple": trade.peak / trade.entry_price if trade.entry_price else None,
        "value_sol": sol(int(trade.quantity * trade.last)),
        "price_age_s": (now_ns - trade.last_ns) / NS_PER_S if trade.last_ns else None,
        "held_s": (now_ns - trade.entered_ns) / NS_PER_S if trade.entered_ns else None,
        "venue": trade.venue,
        "exit_wanted": trade.exit_wanted or None,
        "exit_tries": trade.tries,
        "transactions_under_way": len(trade.unproved()),
    }
