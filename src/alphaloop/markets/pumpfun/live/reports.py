"""What the trader's database tells those who look back: trades, and why a signal was traded or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.core.errors import InputError
from alphaloop.markets.pumpfun.live.summary import sol
from alphaloop.stores.records import Records

TAKEN: Final = "taken"
REPLAYS: Final = "replay"
"""The account in which recordings are lived through."""
PAGE: Final = 5_000

# What each check and breaker means, for those who read why a signal was not traded.
MEANINGS: Final[dict[str, str]] = {
    "score_threshold": "the probability was below the strategy's threshold",
    "dead_probability": "the model that foretells death said that it was too likely",
    "phase": "the free balance was in a lower phase than the strategy needs",
    "slot": "as many positions were open as the phase allows",
    "open_position": "a position in the token was open or under way",
    "cool_down": "a trade of the token had closed too short a time before",
    "kill_switch": "a person had stopped entries",
    "min_balance": "the account was halted, its balance having fallen below the least",
    "daily_drawdown": "equity had fallen too far since 00:00 UTC",
    "consecutive_losses": "entries were paused after losses in a row",
    "max_unproved": "too many orders were submitted and not proved",
    "too_small": "the size came out below the smallest one",
    "no_strategy": "no strategy takes signals of this kind",
    TAKEN: "an order was made",
}


def accounts(records: Records) -> list[dict[str, Any]]:
    """Every account that has traded here, as stored."""
    return records.select("live_portfolio", order_by=["updated_ns"], descending=True)


def chosen_account(records: Records, wanted: str | None) -> dict[str, Any]:
    """The account that is meant: the named one, or the only one; that of replays only where there is no other.

    Raises
    ------
    InputError
        If there is none, or several and none is named: a command must not reach another one than is meant.
    """
    found = accounts(records)
    traded = [row for row in found if row["account"] != REPLAYS] or found
    matching = traded if wanted is None else [row for row in found if row["account"] == wanted]
    if not matching:
        known = ", ".join(row["account"] for row in found) or "none yet"
        named = "nobody" if wanted is None else f"no account {wanted!r}"
        raise InputError(f"{named} has traded in this database; known are: {known}")
    if len(matching) > 1:
        several = ", ".join(row["account"] for row in matching)
        raise InputError(f"{len(matching)} accounts have traded in this database; say which by --account: {several}")
    return matching[0]


def trades(records: Records, account: str, *, limit: int, open_only: bool = False) -> list[dict[str, Any]]:
    """Newest trades first, with amounts in SOL."""
    where: dict[str, Any] = {"account": account} | ({"is_over": False} if open_only else {})
    rows = records.select("live_trades", where, order_by=["decided_time"], descending=True, limit=limit)
    return [_trade(row) for row in rows]


def why(records: Records, account: str, signal_id: str) -> dict[str, Any]:
    """Everything that was decided on one signal, and what came of it.

    Parameters
    ----------
    signal_id : str
        Whole, or its first letters if they are enough.

    Raises
    ------
    InputError
        If nothing was decided on it, or more than one signal begins like that.
    """
    if not signal_id.isascii():
        raise InputError(f"{signal_id!r:.80} is no id of a signal; those are letters and digits")
    after_last = signal_id[:-1] + chr(ord(signal_id[-1]) + 1) if signal_id else ""
    where = {"account": account, "signal_id": [(">=", signal_id), ("<", after_last)]}
    rows = records.select("live_decisions", where, order_by=["at_ns"], limit=50) if signal_id else []
    names = sorted({row["signal_id"] for row in rows})
    if not names:
        raise InputError(f"no decision on signal {signal_id!r} is stored; was the trader running, on this database?")
    if len(names) > 1:
        raise InputError(
            f"{signal_id!r} begins {len(names)} signals, such as {names[0]} and {names[1]}; give more of it"
        )
    decisions = [json.loads(row["record"]) for row in rows]
    made = [decision["trade_id"] for decision in decisions if decision["trade_id"]]
    found = records.select("live_trades", {"account": account, "trade_id": ("in", made)}) if made else []
    return {
        "signal_id": names[0],
        "decisions": [_explained(decision) for decision in decisions],
        "trades": [_trade(row) for row in found],
    }


def why_not(records: Records, account: str, since_ns: int) -> dict[str, Any]:
    """What stopped the signals since a time, the most frequent first, with how many there were in all."""
    counts: dict[str, int] = {}
    closest: dict[str, dict[str, Any]] = {}
    for row in _decisions(records, account, since_ns):
        reason = row["stopped_by"] or TAKEN
        counts[reason] = counts.get(reason, 0) + 1
        closest[reason] = row
    total = sum(counts.values())
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "since": iso(since_ns),
        "signals": total,
        "taken": counts.get(TAKEN, 0),
        "reasons": [
            {
                "reason": reason,
                "count": count,
                "share": count / total,
                "meaning": MEANINGS.get(reason, ""),
                "latest_signal": closest[reason]["signal_id"],
            }
            for reason, count in ranked
        ],
    }


def _decisions(records: Records, account: str, since_ns: int) -> Iterable[dict[str, Any]]:
    where = {"account": account, "at_ns": (">=", since_ns)}
    after: list[Any] | None = None
    while True:
        rows = records.select(
            "live_decisions",
            where,
            order_by=["at_ns"],
            limit=PAGE,
            after=after,
            columns=["account", "signal_id", "at_ns", "stopped_by"],
        )
        yield from rows
        if len(rows) < PAGE:
            return
        after = [rows[-1]["at_ns"], rows[-1]["account"], rows[-1]["signal_id"]]


def _explained(decision: Mapping[str, Any]) -> dict[str, Any]:
    reason = decision["stopped_by"] or TAKEN
    age_s = (decision["at_ns"] - decision["known_ns"]) / NS_PER_S
    return {
        **decision,
        "at": iso(decision["at_ns"]),
        "age_s": age_s,
        "balance_sol": sol(decision["balance"]),
        "equity_sol": sol(decision["equity"]),
        "size_sol": sol(decision["size"]),
        "outcome": reason,
        "meaning": MEANINGS.get(reason, ""),
    }


def _trade(row: Mapping[str, Any]) -> dict[str, Any]:
    record = json.loads(row["record"])
    shown = {name: value for name, value in row.items() if name not in ("record", "account")}
    for name in ("decided_time", "entry_time", "exit_time"):
        shown[name] = None if row[name] is None else iso(row[name])
    multiple = row["exit_price"] / row["entry_price"] if row["exit_price"] and row["entry_price"] else None
    return {**shown, "multiple": multiple, "transactions": record["attempts"]}
