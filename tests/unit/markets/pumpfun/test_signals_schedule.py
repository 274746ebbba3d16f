"""Timers fire at their due times, in their order, whoever makes them."""

from __future__ import annotations

from alphaloop.markets.pumpfun.schedule import NEVER_NS, Periodic, Schedule, next_multiple

S = 1_000_000_000


def test_due_times_are_whole_multiples_and_ties_keep_the_order_of_the_list() -> None:
    said: list[tuple[str, int]] = []
    slow = Periodic(3, lambda now: said.append(("slow", now // S)))
    fast = Periodic(2, lambda now: said.append(("fast", now // S)))
    schedule = Schedule([slow, fast])
    assert schedule.due_ns == NEVER_NS
    for timer in (slow, fast):
        timer.start(5 * S + 1)
    assert schedule.due_ns == 6 * S
    assert schedule.fire(6 * S - 1) == 6 * S
    assert said == []
    assert schedule.fire(12 * S) == 14 * S
    assert said == [("slow", 6), ("fast", 6), ("fast", 8), ("slow", 9), ("fast", 10), ("slow", 12), ("fast", 12)]


def test_a_timer_that_a_timer_starts_fires_in_its_turn() -> None:
    said: list[str] = []

    class Once:
        due_ns = NEVER_NS

        def fire(self, due_ns: int) -> None:
            self.due_ns = NEVER_NS
            said.append(f"once {due_ns // S}")

    once = Once()

    def tick(now_ns: int) -> None:
        said.append(f"tick {now_ns // S}")
        if now_ns == 10 * S:
            once.due_ns = now_ns + S

    clock = Periodic(10, tick)
    schedule = Schedule([clock, once])
    clock.start(0)
    schedule.fire(20 * S)
    assert said == ["tick 10", "once 11", "tick 20"]


def test_the_next_multiple_is_later() -> None:
    assert next_multiple(0, 10) == 10
    assert next_multiple(9, 10) == 10
    assert next_multiple(10, 10) == 20
