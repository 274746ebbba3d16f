"""From probabilities to sides."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.trading.plan import Policy
from alphaloop.trading.policy import choose

THREE = (-1, 0, 1)


def sides(rows, policy=None, threshold=0.5, meaning=THREE):
    return choose(np.array(rows, np.float32), meaning, policy or Policy(), threshold)[0].tolist()


def test_the_winning_class_decides():
    rows = [[0.6, 0.3, 0.1], [0.1, 0.3, 0.6], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]]
    assert sides(rows) == [-1, 1, 0, 0]


def test_confidence_is_the_probability_of_the_winner():
    _, confidence = choose(np.array([[0.25, 0.75], [0.875, 0.125]], np.float32), (-1, 1), Policy(), 0.5)
    assert confidence.tolist() == [0.75, 0.875]


def test_the_threshold_belongs_to_the_signal():
    assert sides([[0.5, 0.0, 0.5 - 1e-3]]) == [-1]
    assert sides([[0.499, 0.0, 0.2]]) == [0]


def test_the_policys_threshold_goes_before_the_artifacts():
    assert sides([[0.6, 0.2, 0.2]], Policy(threshold=0.7)) == [0]
    assert sides([[0.6, 0.2, 0.2]], Policy(threshold=0.6 - 1e-6), threshold=0.9) == [-1]


def test_without_any_threshold_nothing_is_traded():
    assert sides([[0.9, 0.1, 0.0]], threshold=None) == [0]


def test_the_gap_is_between_the_two_most_probable():
    policy = Policy(min_gap=0.25)
    assert sides([[0.5, 0.25, 0.25], [0.5, 0.375, 0.125], [0.125, 0.25, 0.625]], policy) == [-1, 0, 1]


def test_a_tie_has_no_winner():
    assert sides([[0.5, 0.0, 0.5]]) == [0]


@pytest.mark.parametrize(("side", "expected"), [("both", [-1, 1]), ("long", [0, 1]), ("short", [-1, 0])])
def test_sides_that_are_not_allowed_are_left_out(side, expected):
    assert sides([[0.9, 0.0, 0.1], [0.1, 0.0, 0.9]], Policy(side=side)) == expected


def test_a_missing_probability_gives_no_signal():
    assert sides([[np.nan, 0.1, 0.9], [np.nan] * 3]) == [0, 0]


def test_no_row_gives_no_row():
    side, confidence = choose(np.empty((0, 3), np.float32), THREE, Policy(), 0.5)
    assert len(side) == len(confidence) == 0


def test_one_row_at_a_time_gives_the_same_bits():
    P = np.random.default_rng(5).dirichlet([1, 1, 1], 500).astype(np.float32)
    side, confidence = choose(P, THREE, Policy(min_gap=0.1), 0.45)
    single = [choose(P[i : i + 1], THREE, Policy(min_gap=0.1), 0.45) for i in range(500)]
    assert side.tolist() == [s[0] for s, _ in single]
    assert confidence.tolist() == [c[0] for _, c in single]
    assert set(side.tolist()) == {-1, 0, 1}
