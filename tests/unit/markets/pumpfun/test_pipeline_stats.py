"""A burst is warned of, whenever it comes between two looks at what is pending."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from alphaloop.core.clock import SteppedClock
from alphaloop.markets.pumpfun.services.stats import PipelineStats


@dataclass
class Counts:
    events: int = 0


@dataclass
class Delivery:
    """Keeps the rows that it is given."""

    stored: list[dict[str, Any]] = field(default_factory=list)
    is_full: bool = False
    handed_ns: int = 0
    waiting_rows: int = 0
    stored_rows: int = 0
    dropped_messages: int = 0
    database_is_away: bool = False
    bus_is_away: bool = False

    async def put(self, batch: Any) -> None:
        self.stored += [row.values for row in batch.rows]


class Backlog:
    is_spilled = False

    def __len__(self) -> int:
        return 0


def test_a_burst_just_before_a_report_is_warned_of_once() -> None:
    intake, delivery = SimpleNamespace(pending=0, most_pending=0, counts=Counts()), Delivery()
    collector = SimpleNamespace(fed=Counts(), applied_ns=0)
    stats = PipelineStats(intake, Backlog(), collector, delivery, None, SteppedClock(7), pending_limit=10)

    async def told() -> list[str]:
        delivery.stored.clear()
        await stats.report_cycle()
        return [row["event"] for row in delivery.stored]

    async def story() -> None:
        assert await told() == ["report"]
        intake.most_pending = 40
        assert await told() == ["backlog", "report"]
        assert await told() == ["report"]

    asyncio.run(story())
