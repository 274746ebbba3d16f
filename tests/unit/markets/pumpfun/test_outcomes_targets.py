"""Targets as functions of outcomes: hit, miss, or not known."""

from __future__ import annotations

import math

import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import RecipeError
from alphaloop.markets.pumpfun.outcomes.records import Outcome
from alphaloop.markets.pumpfun.outcomes.targets import TARGETS, DeadSoon, Reach

DECIDED_NS = 1_760_000_000 * NS_PER_S
REACH = Reach(multiple=2.0, horizon_s=600)


def outcome(horizon_s=600, **changes):
    values = {
        "signal_id": "s",
        "kind": "signal",
        "horizon_s": horizon_s,
        "price": 1e-8,
        "entry_price": 1.1e-8,
        "entry_known_ns": DECIDED_NS + NS_PER_S,
        "raw_multiple": 2.2,
        "tradable_multiple": 1.9,
        "least_raw": 2.2,
        "least_tradable": 1.9,
        "final_price": 0.8e-8,
        "final_multiple": 0.7,
        "peak_ns": DECIDED_NS + 5,
        "died_ns": None,
        "graduated": False,
        "resolved_ns": DECIDED_NS + horizon_s * NS_PER_S,
        "observed": True,
        "reason": "",
    }
    return Outcome(**(values | changes))


def unseen(reason="graduated at 2026, and no trade of the pool was recorded", horizon_s=600, **changes):
    missing = dict.fromkeys(("raw_multiple", "tradable_multiple", "final_price", "final_multiple", "peak_ns"))
    return outcome(horizon_s, observed=False, reason=reason, **(missing | changes))


def cut(horizon_s=600):
    return unseen("the recording ends at 2026", horizon_s, least_raw=None, least_tradable=None)


def test_the_four_targets_have_their_horizons():
    assert {name: target.horizons_s for name, target in TARGETS.items()} == {
        "reach_2x_10m": (600,),
        "reach_3x_30m": (1800,),
        "reach_2x_1h": (3600,),
        "is_dead_soon": (1800, 3600),
    }
    assert [TARGETS[name].multiple for name in ("reach_2x_10m", "reach_3x_30m", "reach_2x_1h")] == [2.0, 3.0, 2.0]


def test_only_what_a_trader_could_have_had_counts():
    assert REACH.answer({600: outcome()}).hit is False
    raw = REACH.model_copy(update={"measure": "raw"})
    assert raw.answer({600: outcome()}).hit is True


def test_the_target_itself_is_reached():
    assert REACH.answer({600: outcome(tradable_multiple=2.0, least_tradable=2.0)}).hit is True


def test_a_hit_is_sold_at_the_target_and_a_miss_at_the_end():
    hit = REACH.answer({600: outcome(tradable_multiple=9.0, least_tradable=9.0, least_raw=9.4)})
    assert (hit.net, hit.gross) == (1.0, 1.0)
    miss = REACH.answer({600: outcome(least_raw=1.5)})
    assert miss.net == pytest.approx(-0.3)
    assert miss.gross == pytest.approx(-0.2)
    assert miss.resolved_ns == DECIDED_NS + 600 * NS_PER_S


def test_out_of_sight_a_hit_is_known_and_a_miss_is_not():
    assert REACH.answer({600: unseen(least_tradable=2.5)}).hit is True
    lost = REACH.answer({600: unseen(least_tradable=1.2)})
    assert lost.hit is None
    assert math.isnan(lost.net)
    assert lost.reason == "graduated"


def test_what_a_gap_or_the_end_cuts_is_not_known_either_way():
    for target in (REACH, DeadSoon(horizon_s=600, silent_within_s=600)):
        answer = target.answer({600: cut()})
        assert answer.hit is None
        assert answer.reason == "the recording ends"


def test_without_an_entry_there_is_no_answer():
    none = outcome(
        entry_price=None, tradable_multiple=None, least_tradable=None, reason="no entry: the curve was complete"
    )
    for target in (REACH, REACH.model_copy(update={"measure": "raw"}), DeadSoon(horizon_s=600)):
        answer = target.answer({600: none})
        assert answer.hit is None
        assert answer.reason == "no entry: the curve was complete"


def test_an_outcome_that_is_not_there_yet_is_no_answer():
    assert REACH.answer({}).hit is None
    assert DeadSoon().answer({1800: outcome(1800)}).hit is None


def dead(late=None, early=None):
    low = {"raw_multiple": 1.05, "tradable_multiple": 1.0, "least_raw": 1.05, "least_tradable": 1.0}
    return DeadSoon().answer(
        {3600: outcome(3600, **(low | (late or {}))), 1800: outcome(1800, **(low | (early or {})))}
    )


def test_dead_is_no_upside_and_a_low_end():
    assert dead({"final_multiple": 0.49}).hit is True
    assert dead({"final_multiple": 0.5}).hit is False
    assert dead({"final_multiple": 0.1, "least_tradable": 1.1}).hit is False


def test_dead_is_no_upside_and_silence():
    silent = {"died_ns": DECIDED_NS + 400 * NS_PER_S}
    assert dead({"final_multiple": 0.9, **silent}, silent).hit is True
    assert dead({"final_multiple": 0.9, **silent}).hit is False, "the silence came after half an hour"
    assert dead({"final_multiple": 0.9, "least_tradable": 2.0, **silent}, silent).hit is False


def test_a_veto_is_worth_the_loss_it_avoids():
    answer = dead({"final_multiple": 0.4})
    assert answer.net == pytest.approx(-0.6)
    assert DeadSoon.sides == (0, -1)


def test_dead_needs_the_whole_hour():
    low = {"least_raw": 1.0, "least_tradable": 1.0}
    assert DeadSoon().answer({3600: unseen(horizon_s=3600, **low)}).hit is None
    rose = DeadSoon().answer({3600: unseen(horizon_s=3600)})
    assert rose.hit is False


def test_settings_are_checked_and_hashed():
    with pytest.raises(RecipeError, match="multiple"):
        Reach.parse({"multiple": 1.0, "horizon_s": 600}, "it")
    assert REACH.hash != REACH.model_copy(update={"measure": "raw"}).hash


def test_an_answer_reads_its_own_horizons_alone():
    """Whoever adds a horizon to what is followed must not change what is learned."""
    hit, miss = outcome(horizon_s=600, least_raw=2.2, least_tradable=2.2), outcome(horizon_s=3_600, least_tradable=1.2)
    for target in (REACH, Reach(multiple=2.0, horizon_s=3_600)):
        both = target.answer({600: hit, 3_600: miss})
        alone = {600: hit, 3_600: miss}[target.horizon_s]
        assert both == target.answer({target.horizon_s: alone})
        assert both.hit is (target.horizon_s == 600)
        assert target.answer({86_400: hit}).hit is None
