"""The trader's own tables. Times are UTC nanoseconds, `*_sol` and `net_pnl` are SOL, prices SOL per token.

Everything is keyed by account: the wallet's address, with the mode in front of it where no money moves. The figures for
people are floats beside the exact state, which is what a restart reads.
"""

from __future__ import annotations

from alphaloop.stores.records import ColumnSpec, CreateTable, Kind, Schema, Step, TableSpec

MARKET = "pumpfun_live"


def _columns(kind: Kind, names: str) -> tuple[ColumnSpec, ...]:
    """Declare columns of one kind; a question mark behind a name makes it nullable."""
    return tuple(ColumnSpec(name.rstrip("?"), kind, name.endswith("?")) for name in names.split())


# `status`: intent, submitted, landed, open, exit_submitted, closed or failed. `record` is the whole trade as JSON.
LIVE_TRADES = TableSpec(
    "live_trades",
    (
        *_columns("text", "account trade_id signal_id token_mint strategy status exit_reason?"),
        *_columns("float", "score entry_price? exit_price? position_size_sol net_pnl?"),
        *_columns("int", "decided_time entry_time? exit_time? tokens spent_lamports received_lamports"),
        *_columns("text", "entry_signature? exit_signature? reason?"),
        *_columns("bool", "is_over"),
        *_columns("int", "updated_ns"),
        *_columns("bytes", "record"),
    ),
    key=("account", "trade_id"),
    indexes=(("account", "is_over"), ("account", "decided_time"), ("token_mint", "decided_time")),
)

# `epoch` goes up with each process that takes the account over, and fences off the one before. `stopped_by` says who
# ended the last process, empty if nobody did: it died. `record` is the account, its breakers and cool-downs as JSON.
LIVE_PORTFOLIO = TableSpec(
    "live_portfolio",
    (
        *_columns("text", "account mode"),
        *_columns("float", "current_balance total_pnl"),
        *_columns("int", "total_trades total_wins total_losses current_streak"),
        *_columns("float", "win_rate?"),
        *_columns("bool", "is_active halted entries_stopped"),
        *_columns("int", "balance_lamports epoch updated_ns"),
        *_columns("text", "stopped_by?"),
        *_columns("bytes", "record"),
    ),
    key=("account",),
)

# Every decision, taken or not; `record` is all that it was made from, as JSON.
LIVE_DECISIONS = TableSpec(
    "live_decisions",
    (
        *_columns("text", "account signal_id"),
        *_columns("int", "at_ns"),
        *_columns("text", "token_mint source strategy? stopped_by?"),
        *_columns("text", "trade_id?"),
        *_columns("bytes", "record"),
    ),
    key=("account", "signal_id", "at_ns"),
    indexes=(("account", "at_ns"), ("signal_id",)),
)

# What the engine was told, in order: `inputs` is a JSON list of `count` inputs from number `seq` on.
LIVE_JOURNAL = TableSpec(
    "live_journal",
    (*_columns("text", "account"), *_columns("int", "epoch seq count at_ns"), *_columns("bytes", "inputs")),
    key=("account", "epoch", "seq"),
    indexes=(("account", "at_ns"),),
)

TABLES = (LIVE_TRADES, LIVE_PORTFOLIO, LIVE_DECISIONS, LIVE_JOURNAL)
SCHEMA = Schema(MARKET, (Step("0001_begin", tuple(CreateTable(table) for table in TABLES)),), TABLES)
