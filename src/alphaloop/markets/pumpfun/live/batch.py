"""What is stored together: the inputs that the engine was told, and the rows that they changed.

Rows are encoded when the batch is made, so that what happens while it is being written changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.trading.portfolio.records import AnyInput, Decision
from alphaloop.trading.portfolio.state import PortfolioState
from alphaloop.trading.portfolio.trades import Trade

TOKEN_UNITS: Final = 1_000_000
"""Base units of one token; a price in lamports per base unit times this over 1e9 is SOL per token."""

Row = dict[str, Any]

_json: Final = msgspec.json.Encoder()


class Batch(msgspec.Struct):
    """One transaction of the trader's store.

    Attributes
    ----------
    first : int
        Number of the first of `inputs` in the process's journal.
    trades : dict of str to row
        Changed trades by id; a later batch's row replaces an earlier one's.
    account : row or None
    """

    first: int
    inputs: list[AnyInput] = []
    trades: dict[str, Row] = {}
    account: Row | None = None
    decisions: list[Row] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.inputs or self.trades or self.account or self.decisions)

    def then(self, later: Batch) -> None:
        """Take in what came after; both are stored as one."""
        self.inputs += later.inputs
        self.trades.update(later.trades)
        self.account = later.account or self.account
        self.decisions += later.decisions


def encoded_inputs(inputs: Sequence[AnyInput]) -> bytes:
    """A journal's piece as JSON."""
    return _json.encode(inputs)


def decoded_inputs(piece: bytes) -> list[AnyInput]:
    """Inputs of a journal's piece."""
    return msgspec.json.decode(piece, type=list[AnyInput])


def trade_row(trade: Trade, now_ns: int) -> Row:
    """Columns of a trade, without its account."""
    over = trade.is_over
    return {
        "trade_id": trade.trade_id,
        "signal_id": trade.signal_id,
        "token_mint": trade.asset,
        "strategy": trade.strategy,
        "status": str(trade.state),
        "exit_reason": trade.exit_wanted or None,
        "score": trade.score,
        "entry_price": sol_per_token(trade.entry_price) or None,
        "exit_price": sol_per_token(trade.exit_price) or None,
        "position_size_sol": trade.budget / LAMPORTS_PER_SOL,
        "net_pnl": trade.net / LAMPORTS_PER_SOL if over else None,
        "decided_time": trade.decided_ns,
        "entry_time": trade.entered_ns or None,
        "exit_time": trade.exited_ns or None,
        "tokens": trade.quantity,
        "spent_lamports": trade.spent,
        "received_lamports": trade.received,
        "entry_signature": _signature(trade, "buy"),
        "exit_signature": _signature(trade, "sell"),
        "reason": trade.reason or None,
        "is_over": over,
        "updated_ns": now_ns,
        "record": _json.encode(trade),
    }


def account_row(state: PortfolioState, now_ns: int) -> Row:
    """Columns of the account, without its name, mode and epoch."""
    account, breakers = state.account, state.panel.state
    return {
        "current_balance": state.free / LAMPORTS_PER_SOL,
        "total_pnl": account.total_pnl / LAMPORTS_PER_SOL,
        "total_trades": account.total_trades,
        "total_wins": account.total_wins,
        "total_losses": account.total_losses,
        "current_streak": account.current_streak,
        "win_rate": account.win_rate,
        "halted": breakers.halted,
        "entries_stopped": breakers.stopped,
        "balance_lamports": account.balance,
        "updated_ns": now_ns,
        "record": _json.encode(state.save_account()),
    }


def decision_row(decision: Decision) -> Row:
    """Columns of a decision, without its account."""
    return {
        "signal_id": decision.signal_id,
        "at_ns": decision.at_ns,
        "token_mint": decision.asset,
        "source": decision.source,
        "strategy": decision.strategy or None,
        "stopped_by": decision.stopped_by or None,
        "trade_id": decision.trade_id or None,
        "record": _json.encode(decision),
    }


def sol_per_token(price: float) -> float:
    """A price in lamports per base unit as SOL per token."""
    return price * TOKEN_UNITS / LAMPORTS_PER_SOL


def lamports_per_unit(price: float) -> float:
    """A price in SOL per token as lamports per base unit."""
    return price * LAMPORTS_PER_SOL / TOKEN_UNITS


def _signature(trade: Trade, side: str) -> str | None:
    """The transaction that filled, else the newest one."""
    found = [attempt for attempt in trade.attempts if attempt.side == side]
    filled = [attempt for attempt in found if attempt.state == "filled"]
    return (filled or found)[-1].signature if found else None
