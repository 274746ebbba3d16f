import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from alphaloop.core.errors import DataError
from alphaloop.evaluation.metrics import METRICS
from alphaloop.evaluation.scores import Score, compare, score, score_classes

MINUTE = 60 * 10**9


def rows(number=1_500, seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=number)
    y = (rng.random(number) < 1.0 / (1.0 + np.exp(-signal))).astype(np.int8)
    return y, 1.0 / (1.0 + np.exp(-signal)), np.arange(number) * MINUTE


def three_classes(number=2_000, seed=0):
    rng = np.random.default_rng(seed)
    margins = rng.normal(size=(number, 3)) + np.array([0.0, 1.0, 0.0])
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=row) for row in p]).astype(np.int8)
    return y, p, np.arange(number) * MINUTE


SIDES = (-1, 0, 1)
SETTINGS = {"horizon_s": 900.0, "seed": 1, "resamples": 100}


def test_every_score_lies_in_its_interval_and_is_plain_data():
    y, p, decided = rows()
    found = score(y, p, decided_ns=decided, **SETTINGS)
    assert tuple(found) == METRICS
    for name, each in found.items():
        assert each.low <= each.value <= each.high, name
        assert json.loads(json.dumps(each.to_dict(), allow_nan=False)) == {
            "value": each.value,
            "interval": [each.low, each.high],
        }
        assert Score.of(each.to_dict()) == each


def test_two_columns_are_scored_by_the_second():
    y, p, decided = rows()
    both = np.column_stack((1.0 - p, p)).astype(np.float64)
    assert score(y, both, decided_ns=decided, **SETTINGS) == score(y, p, decided_ns=decided, **SETTINGS)


def test_the_order_of_rows_does_not_matter_and_the_seed_decides():
    y, p, decided = rows()
    order = np.random.default_rng(3).permutation(y.size)
    straight = score(y, p, decided_ns=decided, **SETTINGS)
    shuffled = score(y[order], p[order], decided_ns=decided[order], **SETTINGS)
    for name in METRICS:
        assert shuffled[name].low == pytest.approx(straight[name].low, rel=1e-12)
    assert score(y, p, decided_ns=decided, **SETTINGS) == straight
    assert score(y, p, decided_ns=decided, **(SETTINGS | {"seed": 2})) != straight


def test_more_classes_give_the_mean_over_those_that_are_traded():
    y, p, decided = three_classes()
    found = score(y, p, decided_ns=decided, sides=SIDES, **SETTINGS)
    expected = np.mean([average_precision_score(y == c, p[:, c]) for c in (0, 2)])
    assert found["pr_auc"].value == pytest.approx(expected, rel=1e-12)
    assert found["roc_auc"].value == pytest.approx(np.mean([roc_auc_score(y == c, p[:, c]) for c in (0, 2)]))
    assert found["base_rate"].value == pytest.approx(np.mean([(y == c).mean() for c in (0, 2)]))


def test_each_traded_class_can_be_looked_at_alone():
    y, p, decided = three_classes()
    names = ("SELL", "HOLD", "BUY")
    found = score_classes(y, p, classes=names, sides=SIDES, decided_ns=decided, **SETTINGS)
    assert set(found) == {"SELL", "BUY"}
    assert found["BUY"]["pr_auc"].value == pytest.approx(average_precision_score(y == 2, p[:, 2]), rel=1e-12)


def test_a_better_model_differs_from_a_baseline_by_more_than_nothing():
    y, p, decided = rows(4_000)
    found = compare(y, p, np.full(p.size, y.mean()), decided_ns=decided, **SETTINGS)
    assert found["pr_auc"].low > 0.05
    assert found["brier"].high < 0.0
    alone = score(y, p, decided_ns=decided, **SETTINGS)["pr_auc"].value - y.mean()
    assert found["pr_auc"].value == pytest.approx(alone, rel=1e-12)


def test_a_model_does_not_differ_from_itself():
    y, p, decided = rows()
    assert set(compare(y, p, p, decided_ns=decided, **SETTINGS).values()) == {Score(0.0, 0.0, 0.0)}


def test_pairing_narrows_the_difference():
    y, p, decided = rows(3_000)
    near = np.clip(p + np.random.default_rng(1).normal(0.0, 0.02, p.size), 0.0, 1.0)
    paired = compare(y, p, near, decided_ns=decided, **SETTINGS)["roc_auc"]
    alone = score(y, p, decided_ns=decided, **SETTINGS)["roc_auc"]
    assert paired.high - paired.low < 0.5 * (alone.high - alone.low)


def test_too_short_a_time_gives_values_without_intervals():
    y, p, _ = rows(60)
    found = score(y, p, decided_ns=np.zeros(60, dtype=np.int64), **SETTINGS)
    assert found["pr_auc"].to_dict()["interval"] == [None, None]
    assert 0.0 < found["pr_auc"].value < 1.0


@pytest.mark.parametrize(
    ("y", "p", "sentence"),
    [
        ([], [], "0 rows"),
        ([1, 1, 1], [0.1, 0.2, 0.3], "3 rows that are all of class 1"),
        ([0, 0, 0], [0.1, 0.2, 0.3], "all other than class 1"),
        ([0, 1], [0.1, 0.2, 0.3], "2 outcomes, 3 probabilities"),
        ([0, 1, 1], [0.1, np.nan, 0.3], "got nan at row 1"),
        ([0, 1, 1], [0.1, 0.2, 1.3], "got 1.3 at row 2"),
        ([0, 1, 2], [[0.1, 0.2, 0.7]] * 3, "sides=None"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(y, p, sentence):
    times = np.arange(len(p)) * MINUTE
    with pytest.raises(DataError, match=sentence):
        score(np.array(y), np.array(p, dtype=np.float64), decided_ns=times, **SETTINGS)
