"""Paper fills, each rule by hand. Bars last 60 s; the first opens at 0."""

from __future__ import annotations

import json
import math

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.costs import Costs
from alphaloop.trading.money import NANO
from alphaloop.trading.records import NEVER_NS, Amend, Drop, Order, Reason
from alphaloop.trading.venue import PaperVenue

FREE = {"fee_bps": 0.0, "spread_bps": 0.0, "slippage_bps": 0.0}
STEP = 60 * NS_PER_S


def bar(number, o, h, l, c):  # noqa: E741
    return ("A", number * STEP, (number + 1) * STEP, float(o), float(h), float(l), float(c))


def entry(side=1, stop=10.0, target=20.0, decided=0, **more):
    return Order(1, "A", side, 2 * NANO, Reason.ENTRY, decided, stop_distance=stop, target_distance=target, **more)


def leaving(side=-1, decided=STEP):
    return Order(2, "A", side, 2 * NANO, Reason.TIMEOUT, decided)


def venue(latency_s=0.0, limit_targets=False, **costs):
    return PaperVenue(Costs(**(FREE | costs), latency_s=latency_s), limit_targets)


def opened(side=1, latency_s=0.0, **more):
    made = venue(latency_s=latency_s, **more)
    made.submit(entry(side, decided=-round(latency_s * NS_PER_S)))
    (fill,) = made.on_bar(bar(0, 100, 100, 100, 100))
    assert fill.reason is Reason.ENTRY
    return made


def test_an_order_fills_at_the_open_it_waited_for():
    made = venue()
    made.submit(entry(decided=0))
    (fill,) = made.on_bar(bar(0, 100, 105, 95, 104))
    assert (fill.price, fill.quantity, fill.notional, fill.side) == (100.0, 2 * NANO, 200 * NANO, 1)
    assert (fill.event_ns, fill.known_ns) == (0, STEP)


def test_inside_a_bar_it_fills_on_the_line_from_open_to_close():
    made = venue(latency_s=15)
    made.submit(entry(decided=0))
    (fill,) = made.on_bar(bar(0, 100, 105, 95, 104))
    assert fill.price == 101.0
    assert fill.event_ns == 15 * NS_PER_S


def test_a_late_order_skips_bars_and_a_gap_fills_at_the_next_open():
    made = venue(latency_s=60)
    made.submit(entry(decided=0))
    assert list(made.on_bar(bar(0, 100, 100, 100, 100))) == []
    (fill,) = made.on_bar(bar(9, 107, 108, 106, 108))
    assert (fill.price, fill.event_ns) == (107.0, 9 * STEP)


def test_costs_are_against_the_trader_on_both_sides():
    costs = {"fee_bps": 10.0, "spread_bps": 4.0, "slippage_bps": 3.0}
    for side in (1, -1):
        made = venue(**costs)
        made.submit(entry(side))
        (fill,) = made.on_bar(bar(0, 100, 100, 100, 100))
        assert fill.price == pytest.approx(100 * (1 + side * 5e-4))
        assert fill.fee == pytest.approx(fill.notional * 1e-3)
        assert fill.fee >= fill.notional * 10 // 10_000


@pytest.mark.parametrize(
    ("side", "next_bar", "price", "reason"),
    [
        (1, (100, 119, 91, 100), None, None),
        (1, (100, 101, 90, 95), 90.0, Reason.STOP_LOSS),
        (1, (100, 120, 99, 110), 120.0, Reason.TAKE_PROFIT),
        (1, (100, 130, 80, 110), 90.0, Reason.STOP_LOSS),
        (1, (85, 86, 80, 84), 85.0, Reason.STOP_LOSS),
        (1, (125, 126, 121, 124), 120.0, Reason.TAKE_PROFIT),
        (-1, (100, 110, 99, 100), 110.0, Reason.STOP_LOSS),
        (-1, (100, 101, 80, 95), 80.0, Reason.TAKE_PROFIT),
        (-1, (115, 116, 111, 112), 115.0, Reason.STOP_LOSS),
    ],
    ids=[
        "inside",
        "stop",
        "target",
        "both",
        "gap through stop",
        "gap through target",
        "short stop",
        "short target",
        "gap",
    ],
)
def test_brackets(side, next_bar, price, reason):
    made = opened(side)
    reports = list(made.on_bar(bar(1, *next_bar)))
    if price is None:
        assert reports == []
        assert "A" in made.working
    else:
        assert [(r.price, r.reason, r.side) for r in reports] == [(price, reason, -side)]
        assert made.working == {}


def test_brackets_count_from_the_entrys_own_bar():
    made = venue()
    made.submit(entry())
    first, second = made.on_bar(bar(0, 100, 101, 90, 95))
    assert (first.reason, second.reason, second.price) == (Reason.ENTRY, Reason.STOP_LOSS, 90.0)


def test_a_gap_is_dated_at_the_open_and_a_touch_at_the_end_of_its_bar():
    assert next(iter(opened().on_bar(bar(5, 85, 86, 80, 84)))).event_ns == 5 * STEP
    assert next(iter(opened().on_bar(bar(5, 95, 96, 80, 84)))).event_ns == 6 * STEP


def test_levels_count_from_the_price_with_its_costs():
    made = venue(fee_bps=100.0)
    made.submit(entry())
    made.on_bar(bar(0, 100, 100, 100, 100))
    assert (made.working["A"].stop, made.working["A"].target) == (91.0, 121.0)


def test_stops_pay_impact_and_limit_targets_do_not():
    for limit, impact in ((False, 0.01), (True, 0.0)):
        made = opened(slippage_bps=100.0, limit_targets=limit)
        target = made.working["A"].target
        assert target == pytest.approx(121.0)
        (fill,) = made.on_bar(bar(1, 100, 125, 99, 100))
        assert fill.price == target * (1.0 - impact)


def test_without_brackets_nothing_is_touched():
    made = venue()
    made.submit(entry(stop=0.0, target=0.0))
    made.on_bar(bar(0, 100, 100, 100, 100))
    assert list(made.on_bar(bar(1, 100, 1e9, 1e-9, 100))) == []


def test_an_exit_order_fills_like_any_order():
    made = opened(latency_s=15)
    made.submit(leaving(decided=STEP))
    (fill,) = made.on_bar(bar(1, 100, 112, 99, 108))
    assert (fill.order_id, fill.price, fill.reason, fill.event_ns) == (2, 102.0, Reason.TIMEOUT, STEP + 15 * NS_PER_S)


@pytest.mark.parametrize(
    ("next_bar", "price", "reason"),
    [
        ((85, 99, 84, 98), 85.0, Reason.STOP_LOSS),
        ((100, 101, 60, 60), 90.0, Reason.STOP_LOSS),
        ((100, 150, 99, 150), 120.0, Reason.TAKE_PROFIT),
        ((100, 101, 60, 100), 100.0, Reason.TIMEOUT),
    ],
    ids=["gap", "stop on the way", "target on the way", "low after the exit"],
)
def test_what_the_line_touches_before_an_exit_order_arrives_fills_first(next_bar, price, reason):
    made = opened(latency_s=30)
    made.submit(leaving(decided=STEP))
    (fill,) = made.on_bar(bar(1, *next_bar))
    assert (fill.price, fill.reason) == (price, reason)


def test_a_moved_stop_counts_from_its_arrival():
    made = opened(latency_s=30)
    made.submit(Amend("A", 99.0, STEP))
    assert list(made.on_bar(bar(1, 100, 104, 100, 104))) == []
    (fill,) = made.on_bar(bar(2, 104, 104, 98.5, 99))
    assert (fill.price, fill.reason) == (99.0, Reason.TRAILING_STOP)


def test_a_moved_stop_that_arrives_beyond_the_price_fills_at_the_price():
    made = opened(latency_s=30)
    made.submit(Amend("A", 99.0, STEP))
    (fill,) = made.on_bar(bar(1, 100, 100, 94, 94))
    assert (fill.price, fill.reason) == (97.0, Reason.TRAILING_STOP)


def test_the_old_stop_counts_until_then():
    made = opened(latency_s=30)
    made.submit(Amend("A", 99.0, STEP))
    (fill,) = made.on_bar(bar(1, 89, 100, 88, 100))
    assert (fill.price, fill.reason) == (89.0, Reason.STOP_LOSS)


def test_moved_stops_queue_when_latency_is_longer_than_a_bar():
    made = opened(latency_s=90)
    made.submit(Amend("A", 95.0, STEP))
    made.submit(Amend("A", 97.0, 2 * STEP))
    assert list(made.on_bar(bar(1, 100, 100, 98, 100))) == []
    assert list(made.on_bar(bar(2, 100, 100, 98, 100))) == []
    assert made.working["A"].stop == 95.0
    (fill,) = made.on_bar(bar(3, 100, 100, 96, 100))
    assert fill.price == 97.0


def test_an_entry_that_cannot_fill_in_time_expires():
    made = venue()
    made.submit(entry(expires_ns=5 * STEP))
    (report,) = made.on_bar(bar(5, 100, 100, 100, 100))
    assert report == Drop(1, "A", 6 * STEP, "expired")
    assert made.working == {}


def test_closing_at_the_end():
    made = opened(latency_s=0.0, slippage_bps=0.0)
    fill = made.close("A", 101.0, 7)
    assert (fill.price, fill.reason, fill.event_ns) == (101.0, Reason.END_OF_DATA, 7)
    waiting = venue()
    waiting.submit(entry())
    assert isinstance(waiting.close("A", 101.0, 7), Drop)
    assert waiting.close("A", 101.0, 7) is None


@pytest.mark.parametrize("moment", ["waiting", "open", "leaving", "amending", "no brackets"])
def test_it_goes_on_elsewhere(moment):
    made = venue(latency_s=30)
    made.submit(entry(stop=0.0, target=0.0) if moment == "no brackets" else entry())
    bars = [bar(n, 100 - n, 101 - n, 95 - 2 * n, 99 - n) for n in range(6)]
    if moment != "waiting":
        made.on_bar(bars.pop(0))
    if moment == "leaving":
        made.submit(leaving())
    if moment == "amending":
        made.submit(Amend("A", 98.0, STEP))
    other = venue(latency_s=30)
    other.restore(json.loads(json.dumps(made.state(), allow_nan=False)))
    for each in bars:
        assert ("A" in made.working) == ("A" in other.working)
        if "A" in made.working:
            assert list(made.on_bar(each)) == list(other.on_bar(each))


def test_quiet_bars_are_those_that_change_nothing():
    """The short way around a bar must agree with the long one at and beside every level."""
    for high, low in [
        (120.0, 99.0),
        (math.nextafter(120.0, 0), 99.0),
        (101.0, 90.0),
        (101.0, math.nextafter(90.0, 1e9)),
    ]:
        short, long = opened(), opened()
        long.working["A"].quiet_above = math.inf
        each = bar(1, 100, high, low, 100)
        assert list(short.on_bar(each)) == list(long.on_bar(each))


def test_times_are_far_from_never():
    assert entry().expires_ns == NEVER_NS
