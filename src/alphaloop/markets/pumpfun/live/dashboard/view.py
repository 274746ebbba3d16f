"""What the pages show, as plain data: from the running trader where it answers, and from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from alphaloop.core.clock import NS_PER_S, Clock, iso
from alphaloop.core.errors import AlphaloopError, StoreAwayError
from alphaloop.markets.pumpfun.live import reports
from alphaloop.markets.pumpfun.live.modes import mode_of
from alphaloop.markets.pumpfun.live.summary import sol
from alphaloop.stores.records import Records

Ask = Callable[[str, str, Mapping[str, str]], Awaitable[dict[str, Any]]]
"""Gives the trader of an account a command with its arguments; raises an `AlphaloopError` that says why it is not
carried out."""

COMMANDS: Final = {
    "stop_entries": "Stop entries",
    "resume": "Resume entries",
    "clear_halt": "Lift halt and pause",
    "reload": "Look for new models",
    "force_exit": "Sell now",
}
"""What a person may ask for here. Ending the trader is not among it: who ends it should be where it is started."""

SPANS_S: Final = {"15m": 900, "1h": 3_600, "6h": 21_600, "24h": 86_400}
CURVE_TRADES: Final = 1_000
NEWEST_DECISIONS: Final = 50
NEWEST_TRADES: Final = 10
MOST_SHOWN: Final = 500
PATIENCE_S: Final = 2.0
"""For what the trader says of itself; a page waits no longer for a trader that is not there."""

Z: Final = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


@dataclass
class View:
    """Everything that is shown of an account.

    Parameters
    ----------
    records : Records
        The trader's database; asked from several threads.
    ask : callable
    clock : Clock
    account : str, optional
        Whose. If not given, the only one that has traded here once somebody looks; it is kept, so that what is shown
        and what is asked for are always of one account.
    """

    records: Records
    ask: Ask
    clock: Clock
    account: str | None = None

    async def overview(self) -> dict[str, Any]:
        """How the account does, what is held, what trades came to, and the newest of them.

        Of trader and database, one may be away; what it would say is None then.

        Raises
        ------
        InputError
            If no account has traded here, or several have and none was named.
        """
        name = await self._name()
        status, positions, silence = await self._heard(name)
        stored: dict[str, Any] | None = None
        away = ""
        try:
            stored = await asyncio.to_thread(self._stored, name)
        except StoreAwayError as error:
            away = str(error)
        return {
            "account": name,
            "mode": mode_of(name),
            "now": iso(self.clock.now_ns()),
            "status": status,
            "positions": positions,
            "silence": silence,
            "stored": stored,
            "away": away,
        }

    async def trades(self, limit: int) -> dict[str, Any]:
        """Newest trades first."""
        name = await self._name()
        return {"account": name, "trades": await asyncio.to_thread(reports.trades, self.records, name, limit=limit)}

    async def signals(self, span: str) -> dict[str, Any]:
        """What stopped the signals of a span of time that `SPANS_S` names, and the newest of them."""
        name = await self._name()
        since_ns = self.clock.now_ns() - SPANS_S[span] * NS_PER_S
        counts = await asyncio.to_thread(reports.why_not, self.records, name, since_ns)
        newest = await asyncio.to_thread(self._decisions, name)
        return {"account": name, "span": span, "counts": counts, "newest": newest}

    async def why(self, signal_id: str) -> dict[str, Any]:
        """Everything that was decided on one signal.

        Raises
        ------
        InputError
            If nothing was, or more than one signal begins like that.
        """
        name = await self._name()
        return {"account": name, **await asyncio.to_thread(reports.why, self.records, name, signal_id)}

    async def command(self, name: str, arguments: Mapping[str, str]) -> None:
        """Give the running trader a command; the database need not be there.

        Raises
        ------
        AlphaloopError
            If nobody answers, or it cannot be carried out.
        """
        await self.ask(await self._name(), name, arguments)

    async def _name(self) -> str:
        if self.account is None:
            self.account = str((await asyncio.to_thread(reports.chosen_account, self.records, None))["account"])
        return self.account

    async def _heard(self, account: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]], str]:
        """Status and positions as the trader tells them, or why it tells nothing."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                status = await self.ask(account, "status", {})
                positions = (await self.ask(account, "positions", {}))["positions"]
        except TimeoutError:
            return None, [], f"it does not answer within {PATIENCE_S:g} s"
        except AlphaloopError as silent:
            return None, [], str(silent)
        return status, sorted(positions, key=lambda each: -(each["value_sol"] or 0.0)), ""

    def _stored(self, account: str) -> dict[str, Any]:
        """What the database says of an account, whether its trader runs or not."""
        found: dict[str, Any] = {
            "open": reports.trades(self.records, account, limit=MOST_SHOWN, open_only=True),
            "trades": reports.trades(self.records, account, limit=NEWEST_TRADES),
            "curve": self._curve(account),
        }
        # Last, so that its sums hold every trade that is shown.
        row = reports.chosen_account(self.records, account)
        return {
            **found,
            "balance_sol": sol(row["balance_lamports"]),
            "net_sol": row["total_pnl"],
            "won": share(row["total_wins"], row["total_wins"] + row["total_losses"]),
            "stopped_by": row["stopped_by"],
        }

    def _curve(self, account: str) -> dict[str, Any]:
        """Net of the newest trades that are over, purchases that failed among them, added up in their order."""
        where = {"account": account, "is_over": True}
        rows = self.records.select(
            "live_trades",
            where,
            order_by=["updated_ns"],
            descending=True,
            limit=CURVE_TRADES,
            columns=["updated_ns", "net_pnl"],
        )
        sums, total = [0.0], 0.0
        for row in reversed(rows):
            total += row["net_pnl"] or 0.0
            sums.append(total)
        drawn = polyline(sums)
        return {"trades": len(rows), "net_sol": total, "since": iso(rows[-1]["updated_ns"]) if rows else None, **drawn}

    def _decisions(self, account: str) -> list[dict[str, Any]]:
        rows = self.records.select(
            "live_decisions",
            {"account": account},
            order_by=["at_ns"],
            descending=True,
            limit=NEWEST_DECISIONS,
            columns=["signal_id", "at_ns", "token_mint", "source", "strategy", "stopped_by"],
        )
        return [{**row, "at": iso(row["at_ns"]), "outcome": row["stopped_by"] or reports.TAKEN} for row in rows]


def share(hits: int, count: int) -> dict[str, Any] | None:
    """A share with its 95 % interval by Wilson (1927), which takes the trades for independent; None of nothing."""
    if count == 0:
        return None
    p, z = hits / count, Z
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return {"hits": hits, "count": count, "share": p, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def polyline(values: Sequence[float], width: float = 600.0, height: float = 120.0) -> dict[str, Any]:
    """Points of a line through `values`, evenly spaced, and the height at which zero lies, in a box of this size."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    span = high - low or 1.0
    step = width / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return round(height * (high - value) / span, 2)

    points = " ".join(f"{round(place * step, 2)},{y(value)}" for place, value in enumerate(values))
    return {"points": points, "zero": y(0.0), "low": low, "high": high, "width": width, "height": height}
