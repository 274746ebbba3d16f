"""Numbers of the running trader for Prometheus, read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from alphaloop.core.clock import NS_PER_S, Clock
from alphaloop.markets.pumpfun.live.summary import standing
from alphaloop.markets.pumpfun.live.trader import Trader

PREFIX = "alphaloop_live_"
GAUGES = {
    "balance_sol": "Balance of the wallet as booked, SOL.",
    "free_sol": "Balance without what orders under way may take, SOL.",
    "equity_sol": "Balance and what is held at the newest prices, SOL.",
    "phase": "Phase of the free balance; 0 allows no entry.",
    "open_positions": "Positions open or opening.",
    "unproved_orders": "Orders submitted and not proved.",
    "losses_in_a_row": "Losses since the last win.",
    "total_pnl_sol": "Net of all closed trades, SOL.",
}


class TraderCollector(Collector):
    """Reads a trader's numbers at each scrape."""

    def __init__(self, trader: Trader, clock: Clock, stops: Callable[[], dict[str, int]]) -> None:
        self._trader, self._clock, self._stops = trader, clock, stops

    def collect(self) -> Iterator[Any]:
        """Give every metric."""
        now_ns = self._clock.now_ns()
        trader = self._trader
        found = standing(trader.core.engine, now_ns)
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(PREFIX + name, text, value=float(found[name]))
        yield GaugeMetricFamily(
            PREFIX + "entries_blocked", "1 while a breaker forbids entries.", value=float(found["entries"] == "blocked")
        )
        yield GaugeMetricFamily(
            PREFIX + "heard_age_seconds",
            "Seconds since the bus last said anything.",
            value=(now_ns - trader.heard_ns) / NS_PER_S if trader.heard_ns else float("nan"),
        )
        for name, since_ns in (("store", trader.store_away_ns), ("chain", trader.chain_away_ns)):
            text = f"Seconds that the {name} has been away; 0 if it is there."
            away_s = (now_ns - since_ns) / NS_PER_S if since_ns else 0.0
            yield GaugeMetricFamily(f"{PREFIX}{name}_away_seconds", text, value=away_s)
        yield CounterMetricFamily(PREFIX + "trades", "Closed trades.", value=float(found["total_trades"]))
        yield CounterMetricFamily(PREFIX + "decisions", "Signals decided on.", value=float(trader.core.decisions))
        stopped = CounterMetricFamily(PREFIX + "stopped", "Signals that did not enter, by reason.", labels=["reason"])
        for reason, count in sorted(self._stops().items()):
            stopped.add_metric([reason], float(count))
        yield stopped
        text = "Messages of the bus, by what became of them."
        taken = CounterMetricFamily(PREFIX + "messages", text, labels=["kind"])
        for kind, count in sorted(trader.intake.counts.items()):
            taken.add_metric([kind], float(count))
        yield taken


def registry_of(collector: TraderCollector) -> CollectorRegistry:
    """A registry with this collector alone."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(registry)
