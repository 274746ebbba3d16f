"""The decision engine of the live trader at one account with 12 strategies and 500 open positions.

Microseconds of `apply` for a signal that nobody takes, one that is stopped by a late check, one that becomes an order,
a price of a held and of another asset, and a look at the time; beside the floor that no trader can avoid: decoding the
same signal from JSON, timed in the same run.

Run with ``python benchmarks/live_engine.py [--quick]``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from alphaloop.core.clock import NS_PER_S
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.records import (
    AnyInput,
    Balance,
    Decision,
    Drafted,
    Filled,
    Mark,
    NotStored,
    Place,
    Scored,
    Sent,
    Tick,
)
from alphaloop.trading.portfolio.settings import PortfolioSettings
from measure import latencies, quick, target, write_result

STRATEGIES, POSITIONS = 12, 50 if quick() else 500
CALLS, WARM = (500, 50) if quick() else (50_000, 2_000)
TICKS, WARM_TICKS = (50, 5) if quick() else (3_000, 200)
START_NS = 1_790_000_000 * NS_PER_S
SOL = 10**9
LIMIT_US = 100.0
MODELS = [f"model_{number}" for number in range(STRATEGIES)]


def settings() -> PortfolioSettings:
    strategy = {"source": "signal", "score_threshold": 0.8, "take_profit": 2.0, "stop_loss": 0.4, "max_hold_s": 3_600.0}
    veto = {"dead_model": "dead", "dead_threshold": 0.3}
    return PortfolioSettings.parse(
        {
            "strategies": {
                name: {**strategy, **veto, "model": name, "priority": number} for number, name in enumerate(MODELS)
            },
            "phases": [{"min_balance": SOL, "max_open": 10_000, "size_fraction": 0.001}],
            "sizing": {"min_size": 1, "keep": SOL, "liquidity_fraction": 1.0},
            "breakers": {"min_balance": SOL, "max_unproved": 10_000},
        },
        "benchmark",
    )


class Bench:
    """An engine with its positions open, and inputs for it."""

    def __init__(self) -> None:
        self.engine = PortfolioEngine(settings())
        self.now_ns, self.made = START_NS, 0
        self.engine.apply(Balance(at_ns=self.now_ns, amount=100_000 * SOL))
        for number in range(POSITIONS):
            signature, order = self.enter(self.signal(f"held_{number}", 0.95))
            self.engine.apply(Sent(at_ns=self.now_ns, signature=signature))
            fill = {"quantity": order.amount, "traded": order.amount, "cash": -order.amount, "remaining": order.amount}
            self.engine.apply(Filled(at_ns=self.now_ns, signature=signature, **fill))
        assert len(self.engine.watched()) == POSITIONS
        self.engine.take_changes()

    def signal(self, asset: str, probability: float) -> Scored:
        scores = {**dict.fromkeys(MODELS, probability), "dead": 0.1}
        return Scored(
            at_ns=self.now_ns,
            signal_id=asset,
            asset=asset,
            source="signal",
            known_ns=self.now_ns,
            price=1.0,
            liquidity=1_000_000 * SOL,
            scores=scores,
            models=dict.fromkeys(MODELS, "id"),
            regime="bull",
            context={"virtual_sol": 30 * SOL, "virtual_token": 10**15, "creator": "somebody"},
        )

    def enter(self, scored: Scored) -> tuple[str, Any]:
        order = next(output.order for output in self.engine.apply(scored) if isinstance(output, Place))
        self.made += 1
        signature = f"signature_{self.made}"
        self.engine.apply(
            Drafted(
                at_ns=self.now_ns,
                order_id=order.order_id,
                signature=signature,
                last_valid=1,
                most=order.amount + 25_000,
            )
        )
        return signature, order

    def decide(self, scored: Scored, stopped_by: str) -> Callable[[int], object]:
        """The same signal over and over; it changes nothing."""
        decision = next(output for output in self.engine.apply(scored) if isinstance(output, Decision))
        assert decision.stopped_by == stopped_by
        return lambda _: self.engine.apply(scored)

    def order(self) -> Callable[[int], object]:
        """A signal that becomes an order; the trade before is given up first, in `undo`, outside of the time."""
        scored = self.signal("new", 0.95)
        return lambda _: self.engine.apply(scored)

    def undo(self) -> None:
        """Make the last order into a transaction that could not be stored, which ends its trade."""
        trade = self.engine.state.by_asset["new"]
        self.made += 1
        signature = f"signature_{self.made}"
        order_id = f"{trade.trade_id}.buy.1"
        self.engine.apply(
            Drafted(at_ns=self.now_ns, order_id=order_id, signature=signature, last_valid=1, most=trade.budget)
        )
        self.engine.apply(NotStored(at_ns=self.now_ns, signature=signature, reason="benchmark"))
        self.engine.take_changes()

    def mark(self, name: str) -> Callable[[int], object]:
        """Prices that move a little, each newer than the last."""

        def call(number: int) -> None:
            known_ns = START_NS + number + 1
            price = 1.0 + 0.1 * (number % 3)
            asset = f"{name}_{number % POSITIONS}"
            self.engine.apply(Mark(at_ns=known_ns, asset=asset, price=price, known_ns=known_ns))

        return call

    def tick(self, number: int) -> None:
        """A look at the time, a quarter of a millisecond after the last, so that no position's time is up."""
        self.engine.apply(Tick(at_ns=START_NS + NS_PER_S + number * 250_000))


def alternating(call: Callable[[int], object], undo: Callable[[], None], calls: int, warm: int) -> dict[str, float]:
    """Like `latencies`, with something in between that is not timed."""
    taken = np.empty((2, calls), np.int64)
    for number in range(-warm, calls):
        worked, began = time.thread_time_ns(), time.perf_counter_ns()
        call(number)
        taken[:, max(number, 0)] = time.perf_counter_ns() - began, time.thread_time_ns() - worked
        undo()
    found = {}
    for prefix, row in zip(("", "processor_"), taken, strict=True):
        found |= {f"{prefix}p{q}_us": round(float(np.percentile(row, q)) / 1e3, 2) for q in (50, 90, 99)}
        found[f"{prefix}max_us"] = float(row.max()) / 1e3
    return found


def main() -> None:
    bench = Bench()
    message = msgspec.json.encode(bench.signal("other", 0.5))
    decoder = msgspec.json.Decoder(AnyInput)
    found = {
        "floor: decode the signal": latencies(lambda _: decoder.decode(message), CALLS, WARM),
        "signal that no strategy takes": latencies(
            bench.decide(bench.signal("other", 0.5), "score_threshold"), CALLS, WARM
        ),
        "signal of a held asset": latencies(bench.decide(bench.signal("held_0", 0.95), "open_position"), CALLS, WARM),
        "signal that becomes an order": alternating(bench.order(), bench.undo, CALLS // 5, WARM // 5),
        "price of a held asset": latencies(bench.mark("held"), CALLS, WARM),
        "price of another asset": latencies(bench.mark("other"), CALLS, WARM),
        "look at the time": latencies(bench.tick, TICKS, WARM_TICKS),
    }
    assert not any(trade.exit_wanted for trade in bench.engine.watched())
    floor = found["floor: decode the signal"]["processor_p50_us"]
    times = {name: round(each["processor_p50_us"] / floor, 2) for name, each in found.items()}
    targets = [
        target(f"{name}: processor p99, microseconds", found[name]["processor_p99_us"], below=LIMIT_US)
        for name in ("signal that no strategy takes", "signal of a held asset", "signal that becomes an order")
    ]
    body = {
        "strategies": STRATEGIES,
        "positions": POSITIONS,
        "latencies": found,
        "times_the_floor": times,
        "tick_us_per_position": round(found["look at the time"]["processor_p50_us"] / POSITIONS, 3),
        "targets": targets,
    }
    write_result("live_engine", body, ("alphaloop", "msgspec", "pydantic"))
    for name, each in found.items():
        print(
            f"{name:32} p50 {each['processor_p50_us']:8.2f} us  p99 {each['processor_p99_us']:8.2f} us  {times[name]} x"
        )


if __name__ == "__main__":
    main()
