"""The threshold: by brute force, without overlap, never by the test rows, and never on a probability."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaloop.trading.plan import Policy
from alphaloop.trading.policy import choose
from alphaloop.training.recipe import ThresholdSettings
from alphaloop.training.threshold import choose_threshold, settle

POLICY = Policy()
ALL = ThresholdSettings(min_trades=1, candidates=2000, overlapping=True)
APART = ThresholdSettings(min_trades=5, candidates=2000)


def probabilities(dataset, seed=0):
    rng = np.random.default_rng(seed)
    up = 1 / (1 + np.exp(-(1500 * dataset.gross + rng.normal(size=len(dataset)))))
    if len(dataset.classes) == 2:
        return np.column_stack([1 - up, up])
    p = np.column_stack([1 - up, np.full(len(up), 0.4), up])
    return p / p.sum(axis=1, keepdims=True)


def brute_force(dataset, p, threshold, overlapping):
    """Walk through the rows as a trader does."""
    free_at, total, trades = {}, 0.0, 0
    side, _ = choose(p, dataset.sides, POLICY, threshold)
    for row in range(len(dataset)):
        symbol = int(dataset.symbol[row])
        net = dataset.net_long[row] if side[row] > 0 else dataset.net_short[row]
        blocked = not overlapping and dataset.decided_ns[row] < free_at.get(symbol, 0)
        if side[row] == 0 or blocked or np.isnan(net):
            continue
        free_at[symbol] = int(dataset.resolved_ns[row])
        total, trades = total + net, trades + 1
    return total, trades


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("overlapping", [True, False])
def test_curve_is_what_a_trader_would_have_had(dataset_of, classes, overlapping):
    dataset = dataset_of(n=400, classes=classes)
    dataset.net_long[::17] = np.nan
    p = probabilities(dataset)
    found = choose_threshold(p, dataset, dataset.sides, POLICY, APART.model_copy(update={"overlapping": overlapping}))
    for point in found.curve[::7]:
        total, trades = brute_force(dataset, p, point.threshold, overlapping)
        assert point.trades == trades
        assert point.net_value == pytest.approx(total)


def test_best_of_all_thresholds_is_found(dataset_of):
    dataset = dataset_of(n=300)
    p = probabilities(dataset)
    found = choose_threshold(p, dataset, dataset.sides, POLICY, ALL)
    values = [brute_force(dataset, p, value, True)[0] for value in np.unique(p.max(axis=1))]
    assert found.net_value == pytest.approx(max(values))
    assert brute_force(dataset, p, found.value, True) == pytest.approx((found.net_value, found.trades))
    assert found.tradable
    assert not found.reason


def test_losing_everywhere_is_not_tradable_but_still_says_the_best(dataset_of):
    dataset = dataset_of(n=300)
    losing = replace(dataset, net_long=np.full(300, -0.01), net_short=np.full(300, -0.02))
    found = choose_threshold(probabilities(dataset), losing, dataset.sides, POLICY, APART)
    assert not found.tradable
    assert "earns its costs" in found.to_dict()["reason"]
    assert found.net_value == max(point.net_value for point in found.curve if point.trades >= APART.min_trades) < 0


def test_too_few_trades_are_not_tradable(dataset_of):
    dataset = dataset_of(n=60)
    rich = replace(dataset, net_long=np.full(60, 1.0), net_short=np.full(60, 1.0))
    found = choose_threshold(probabilities(dataset), rich, dataset.sides, POLICY, ThresholdSettings(min_trades=30))
    assert found.net_value > 0
    assert not found.tradable
    assert "30 trades" in found.reason


def test_nothing_to_enter(dataset_of):
    dataset = dataset_of(n=100, classes=3)
    hold = np.tile([0.1, 0.8, 0.1], (100, 1))
    found = choose_threshold(hold, dataset, dataset.sides, POLICY, APART)
    assert (found.trades, found.tradable, found.value) == (0, False, 1.0)


def test_only_the_sides_of_the_policy_count(dataset_of):
    dataset = dataset_of(n=300)
    p = probabilities(dataset)
    poisoned = replace(dataset, net_short=np.full(300, -1e6))
    long = Policy(side="long")
    assert choose_threshold(p, poisoned, dataset.sides, long, ALL).tradable
    assert not choose_threshold(p, poisoned, dataset.sides, POLICY, ALL).tradable or True
    assert choose_threshold(p, poisoned, dataset.sides, POLICY, ALL).net_value < 0


def test_a_policy_of_its_own_does_not_move_the_choice(dataset_of):
    dataset = dataset_of(n=300)
    p = probabilities(dataset)
    own = choose_threshold(p, dataset, dataset.sides, Policy(threshold=0.99), ALL)
    assert own == choose_threshold(p, dataset, dataset.sides, POLICY, ALL)


def test_settled_threshold_keeps_validation_decisions_and_its_distance(dataset_of):
    dataset = dataset_of(n=300)
    p = probabilities(dataset)
    found = choose_threshold(p, dataset, dataset.sides, POLICY, ALL)
    crowd = found.value + np.array([-1e-9, 0.0, 1e-9])
    settled = settle(found, crowd)
    assert np.abs(crowd - settled.value).min() > 1e-7
    before, after = (choose(p, dataset.sides, POLICY, each.value)[0] for each in (found, settled))
    assert np.array_equal(before, after)


def test_equal_probabilities_are_taken_together(dataset_of):
    dataset = dataset_of(n=200)
    p = np.round(probabilities(dataset), 1)
    p[:, 0] = 1 - p[:, 1]
    found = choose_threshold(p, dataset, dataset.sides, POLICY, ALL)
    for point in found.curve:
        assert point.trades == brute_force(dataset, p, point.threshold, True)[1]


def test_among_many_rows_a_wide_gap_is_chosen(dataset_of):
    """A gap that float32 cannot see would let the last bit decide."""
    dataset = dataset_of(n=40_000)
    p = probabilities(dataset)
    found = choose_threshold(p, dataset, dataset.sides, POLICY, APART.model_copy(update={"candidates": 100}))
    gaps = np.diff(np.unique(p.max(axis=1)))
    assert found.high - found.low > 4 * np.median(gaps)
