import json
import re
from dataclasses import replace

import numpy as np
import pytest

from alphaloop.evaluation.report import write_report
from alphaloop.evaluation.report_input import Outcomes, ReportInput, Trial

SECTIONS = ("conclusion", "scores", "calibration", "model", "money", "proof", "data", "contract", "limits")
FIGURES = (
    "precision_recall",
    "roc",
    "lift",
    "histogram_0",
    "reliability",
    "families",
    "features",
    "tuning",
    "threshold",
    "equity",
    "exits",
)
EVIL = "<script>alert('x')</script><a href=\"https://example.org/\">y</a>"


def without_plotly(page):
    """The page without plotly's own bundle, which is the longest script by far."""
    scripts = re.findall(r"<script>.*?</script>", page, flags=re.S)
    return page.replace(max(scripts, key=len), "")


def figures(page):
    found = re.findall(r'<script type="application/json" id="figure-(\w+)">(.*?)</script>', page, flags=re.S)
    return {name: json.loads(text) for name, text in found}


@pytest.fixture(scope="module")
def given(plausible):
    return plausible.plausible(rows=2_500)


@pytest.fixture(scope="module")
def page(given, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, given)
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_what_the_rows_do_not_show_is_told_with_the_verdict(given, tmp_path):
    said = "7 signals are on tokens that were lost from sight."
    conclusion = write_report(tmp_path / "report.html", replace(given, cautions={"Survivors": said}))
    assert conclusion.sentences[-1].topic == "Survivors"
    assert conclusion.sentences[-1].tone == "caution"
    begin, _, rest = (tmp_path / "report.html").read_text().partition('<section id="conclusion">')
    assert said in rest.partition('<section id="scores">')[0]
    assert said not in begin


def test_every_section_and_figure_is_there(page):
    for section in SECTIONS:
        assert f'<section id="{section}">' in page
        assert f'href="#{section}"' in page
    assert set(figures(page)) == set(FIGURES)
    assert all(figure["data"] for figure in figures(page).values())
    assert "not measured." not in without_plotly(page)


def test_numbers_stand_beside_base_rate_interval_and_baselines(page, given):
    text = without_plotly(page)
    test = given.scores["test"]["pr_auc"]
    assert f"{test['value']:.3f}" in text
    assert f"{test['interval'][0]:.3f} to {test['interval'][1]:.3f}" in text
    assert f"base rate {given.scores['test']['base_rate']['value']:.3f}" in text
    for name in ("one feature", "prior", "model on validation", "minus one feature", "random rows", "12,000"):
        assert name in text


def test_the_page_loads_nothing_from_anywhere(page):
    text = without_plotly(page)
    assert not re.search(r"(?:src|href|action|data|poster|srcset)\s*=\s*[\"']?\s*(?:https?:|//)", text)
    assert not re.search(r"@import|url\(|<link|<iframe|<img|<object|fetch\(|XMLHttpRequest", text)
    assert "default-src 'none'" in text
    assert "connect-src" not in text
    assert len(page.encode()) < 7_000_000


def test_what_others_wrote_is_escaped(given, tmp_path):
    finding = {"kind": "lookahead", "column": EVIL, "first_row": 3, "reach_s": 60.0, "evidence": EVIL}
    evil = replace(
        given,
        name=EVIL,
        classes=("DOWN", EVIL),
        baselines={EVIL: given.baselines["prior"]},
        difference={"pr_auc": {"value": 0.1, "interval": [0.05, 0.15]}},
        importance={EVIL: 1.0},
        families={EVIL: EVIL},
        audit={"clean": False, "findings": [finding]},
        contract={"name": EVIL, "nested": {"key": [EVIL]}},
        facts={EVIL: EVIL},
        splits=[replace(given.splits[0], name=EVIL)],
        backtest=replace(given.backtest, exits={EVIL: (3, 0.1)}, comparisons={EVIL: given.backtest.equity}),
        trials=[Trial(0, 0.5, EVIL)],
    )
    write_report(tmp_path / "evil.html", evil)
    text = without_plotly((tmp_path / "evil.html").read_text(encoding="utf-8"))
    assert "<script>alert" not in text
    assert 'href="https://example.org' not in text
    for figure in figures(text).values():
        assert "<script" not in json.dumps(figure)
        assert "<a href" not in json.dumps(figure)
    assert "&lt;script&gt;alert" in text
    assert "Do not use: the audit has 1 finding" in text


def test_what_was_not_measured_says_so_and_is_never_zero(tmp_path):
    bare = ReportInput("bare", "bars", 0, ("DOWN", "UP"), (-1, 1), 900.0)
    conclusion = write_report(tmp_path / "bare.html", bare)
    text = without_plotly((tmp_path / "bare.html").read_text(encoding="utf-8"))
    assert conclusion.verdict.kind == "unscored"
    assert figures(text) == {}
    for part in ("Scores", "Curves", "Reliability", "Importance", "Tuning", "Threshold", "Backtest", "Audit", "Parity"):
        assert f"<strong>{part}: not measured.</strong>" in text
    tiles = re.findall(r'<div class="value absent">(.*?)</div>', text)
    assert tiles == ["not measured"] * 8
    assert not re.search(r">\s*[+−]?0(\.0+)?( %)?\s*<", text)


def test_several_traded_classes_are_drawn_each(plausible, given, tmp_path):
    rng = np.random.default_rng(0)
    margins = rng.normal(size=(1_500, 3))
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    y = np.array([rng.choice(3, p=row) for row in p]).astype(np.int8)
    test = Outcomes(y, p, np.arange(1_500) * plausible.MINUTE, {"prior": np.full((1_500, 3), 1 / 3)})
    classes, sides = ("SELL", "HOLD", "BUY"), (-1, 0, 1)
    three = replace(given, classes=classes, sides=sides, test=test, baselines={"prior": given.baselines["prior"]})
    write_report(tmp_path / "three.html", three)
    found = figures((tmp_path / "three.html").read_text(encoding="utf-8"))
    assert {"histogram_0", "histogram_1"} <= set(found)
    names = {trace.get("name") for trace in found["precision_recall"]["data"]}
    assert {"model, SELL", "model, BUY", "prior, SELL", "base rate BUY"} <= names


def test_an_edge_that_is_not_there_is_not_claimed(plausible, tmp_path):
    given = plausible.plausible(rows=2_500, strength=0.0)
    conclusion = write_report(tmp_path / "none.html", given)
    assert conclusion.verdict.kind in {"no_edge", "worse"}
    assert "edge beyond the best baseline" in (tmp_path / "none.html").read_text(encoding="utf-8")


def test_the_same_input_gives_the_same_page(given, page, tmp_path):
    write_report(tmp_path / "again.html", given)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_a_test_with_one_outcome_or_no_trade_still_has_a_page(given, tmp_path):
    one = replace(given.test, y=np.ones_like(given.test.y))
    idle = replace(
        given.backtest,
        summary={"trades": 0, "net_return": 0.0, "max_drawdown": 0.0, "win_rate": None},
        trade_returns=np.array([]),
        exits={},
    )
    conclusion = write_report(tmp_path / "odd.html", replace(given, test=one, difference={}, backtest=idle))
    text = (tmp_path / "odd.html").read_text(encoding="utf-8")
    assert "The backtest made no trade." in text
    assert "Curves: not measured." in text
    assert conclusion.verdict.kind == "unproven"
