import math
from dataclasses import fields, replace

import pytest

from alphaloop.evaluation.collapse import Collapse
from alphaloop.evaluation.conclusion import conclude
from alphaloop.evaluation.evidence import Evidence, Leak
from alphaloop.evaluation.scores import Score

GOOD = Evidence(
    pr_auc=Score(0.57, 0.55, 0.59),
    roc_auc=Score(0.58, 0.57, 0.60),
    base_rate=0.5,
    baseline="one feature",
    difference=Score(0.04, 0.02, 0.06),
    bins=10,
    bins_off=1,
    lean=0.002,
    validation_pr_auc=Score(0.58, 0.56, 0.60),
    validation_roc_auc=Score(0.59, 0.57, 0.61),
    tries=40,
    tradable=True,
    threshold_net=0.4,
    threshold_trades=200,
    trades=150,
    net_return=0.12,
    before_fees=0.2,
    max_drawdown=0.05,
    trade_mean=Score(0.001, 0.0002, 0.0018),
    benchmark="buy and hold",
    benchmark_return=0.03,
    leaks=(Leak("no purge", 0.004), Leak("random rows", 0.009)),
    premium_metric="PR-AUC",
    audit_clean=True,
    parity_rows=12_000,
    parity_flipped=0,
)
UNKNOWN = Score(0.04, math.nan, math.nan)


@pytest.mark.parametrize(
    ("changes", "kind", "tone", "words"),
    [
        ({}, "edge", "good", "made +12.00 % net of costs in this one test period"),
        ({"audit_clean": False, "audit_findings": 2}, "leak", "bad", "the audit has 2 findings"),
        ({"parity_flipped": 3}, "parity", "bad", "3 of 12,000 rows"),
        ({"pr_auc": None}, "unscored", "unknown", "Unproven"),
        ({"collapse": (Collapse("constant", "every row"),)}, "constant", "bad", "the same probability"),
        ({"difference": None}, "unproven", "unknown", "has no interval"),
        ({"difference": UNKNOWN}, "unproven", "unknown", "has no interval"),
        ({"difference": Score(-0.04, -0.06, -0.02)}, "worse", "bad", "Worse than the best baseline (one feature)"),
        ({"difference": Score(0.01, -0.01, 0.03)}, "no_edge", "bad", "No edge beyond the best baseline (one feature)"),
        ({"audit_clean": None}, "unaudited", "unknown", "has not been audited"),
        ({"tradable": False}, "untradable", "caution", "do not trade it"),
        ({"trades": None}, "no_backtest", "caution", "was not measured"),
        ({"trades": 12}, "few_trades", "caution", "12 test trades cannot show"),
        ({"net_return": -0.03}, "eaten", "caution", "the fees take more than it earns"),
        ({"net_return": -0.03, "before_fees": -0.01}, "loses", "caution", "lost money"),
        ({"trade_mean": None}, "luck_unmeasured", "caution", "was not measured"),
        ({"trade_mean": Score(0.001, -0.001, 0.003)}, "lucky", "caution", "luck alone could explain"),
        ({"synthetic": True}, "edge", "good", "The market is synthetic"),
        # What disproves a claim comes before what supports it.
        ({"audit_clean": False, "audit_findings": 1, "difference": Score(-1, -2, -0.5)}, "leak", "bad", "1 finding,"),
        ({"difference": Score(0.01, -0.01, 0.03), "tradable": False}, "no_edge", "bad", "includes zero"),
    ],
)
def test_the_verdict_is_the_first_rule_that_applies(changes, kind, tone, words):
    verdict = conclude(replace(GOOD, **changes)).verdict
    assert (verdict.kind, verdict.tone) == (kind, tone)
    assert words in verdict.text


@pytest.mark.parametrize(
    ("changes", "topic", "tone", "words"),
    [
        ({}, "Audit", "good", "could not"),
        ({"audit_clean": None}, "Audit", "unknown", "not run"),
        ({"audit_clean": False, "audit_findings": 1}, "Audit", "bad", "1 finding"),
        ({}, "Ranking", "good", "0.570 (0.550 to 0.590)"),
        ({"base_rate": 0.56}, "Ranking", "bad", "not told apart from guessing"),
        ({"base_rate": 0.7}, "Ranking", "bad", "worse than guessing"),
        ({"pr_auc": UNKNOWN}, "Ranking", "unknown", "too short"),
        ({}, "Baselines", "good", "+0.040 (+0.020 to +0.060)"),
        ({"difference": Score(0.01, -0.01, 0.03)}, "Baselines", "bad", "no edge beyond the baseline"),
        ({"difference": Score(-0.1, -0.2, -0.05)}, "Baselines", "bad", "the baseline is the better model"),
        ({"difference": UNKNOWN}, "Baselines", "unknown", "too short"),
        ({"collapse": (Collapse("few_values", "2 values"),)}, "Collapse", "bad", "2 values"),
        ({}, "Calibration", "good", "1 of 10 bins"),
        ({"bins_off": 3}, "Calibration", "caution", "Calibration is off: 3 of 10 bins"),
        ({"bins_off": None}, "Calibration", "unknown", "not measured"),
        ({"bins": 1, "bins_off": 0}, "Calibration", "good", "0 of 1 bins"),
        ({}, "Validation to test", "good", "no sign"),
        ({"roc_auc": Score(0.52, 0.5, 0.54)}, "Validation to test", "caution", "did not last"),
        ({}, "Tuning", "caution", "best of 40 trials"),
        ({"validation_pr_auc": None}, "Tuning", "caution", "flatters"),
        ({}, "Leak premium", "good", "change little"),
        ({"leaks": (Leak("random rows", 0.09),)}, "Leak premium", "caution", "looked +0.090 better"),
        ({"leaks": ()}, "Leak premium", "unknown", "not measured"),
        ({}, "Threshold", "good", "+40.00 %"),
        ({"tradable": False}, "Threshold", "bad", "No threshold with enough trades"),
        ({"tradable": None}, "Threshold", "unknown", "No threshold was chosen"),
        ({}, "Money", "good", "150 trades made +12.00 %"),
        ({"trades": 0}, "Money", "caution", "made no trade"),
        ({"trades": 9}, "Money", "caution", "fewer than 30 trades"),
        ({"net_return": -0.02}, "Money", "bad", "so fees took more than it earned"),
        ({"net_return": -0.02, "before_fees": -0.01}, "Money", "bad", "a loss, also before fees (−1.00 %)"),
        ({"net_return": -0.02, "before_fees": None}, "Money", "bad", ": a loss."),
        ({"trade_mean": None}, "Money", "caution", "was not measured"),
        ({"trade_mean": Score(0.001, -0.001, 0.003)}, "Money", "caution", "luck alone"),
        ({"trades": None}, "Money", "unknown", "No backtest"),
        ({}, "Benchmark", "good", "buy and hold made +3.00 %"),
        ({"benchmark_return": 0.5}, "Benchmark", "caution", "as good or better"),
        ({}, "Parity", "good", "0 decisions flipped on 12,000 rows"),
        ({"parity_flipped": 1}, "Parity", "bad", "1 decision flipped"),
        ({"parity_rows": None}, "Parity", "unknown", "not measured"),
    ],
)
def test_each_sentence_follows_from_its_numbers(changes, topic, tone, words):
    said = {sentence.topic: sentence for sentence in conclude(replace(GOOD, **changes)).sentences}
    assert said[topic].tone == tone
    assert words in said[topic].text


def test_topics_that_do_not_apply_are_left_out():
    topics = {sentence.topic for sentence in conclude(replace(GOOD, tries=1, benchmark=None)).sentences}
    assert not topics & {"Collapse", "Tuning", "Benchmark"}


def test_without_any_evidence_nothing_is_claimed():
    conclusion = conclude(Evidence())
    assert conclusion.verdict.kind == "unscored"
    assert {sentence.tone for sentence in conclusion.sentences} == {"unknown"}
    assert not any(character.isdigit() for sentence in conclusion.sentences for character in sentence.text)


@pytest.mark.parametrize("name", [field.name for field in fields(Evidence)])
def test_any_one_number_may_be_missing(name):
    missing = Evidence.__dataclass_fields__[name].default
    assert conclude(replace(GOOD, **{name: missing})).sentences
