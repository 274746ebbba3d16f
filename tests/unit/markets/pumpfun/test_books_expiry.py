"""When to look again at keys: never early, at most a step late, whatever the order of adding."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alphaloop.markets.pumpfun.books.expiry import STEP_NS, Expiry


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40 * STEP_NS)), max_size=60))
def test_keys_are_handed_out_once_and_in_time(steps):
    expiry, waiting, now_ns = Expiry(), {}, 0
    for number, (adds, span_ns) in enumerate(steps):
        if adds:
            expiry.add(str(number), now_ns + span_ns)
            waiting[str(number)] = now_ns + span_ns
            continue
        now_ns += span_ns
        taken = expiry.take(now_ns)
        assert len(taken) == len(set(taken))
        assert all(waiting.pop(key) <= now_ns for key in taken)
        assert all(due_ns > now_ns - STEP_NS for due_ns in waiting.values())
    assert sum(map(len, expiry.due.values())) == len(waiting)


def test_a_long_wait_does_not_delay_a_short_one():
    expiry = Expiry()
    expiry.add("late", 1_000 * STEP_NS)
    expiry.add("soon", 2 * STEP_NS)
    assert expiry.take(2 * STEP_NS) == ["soon"]
    assert expiry.take(1_000 * STEP_NS) == ["late"]
