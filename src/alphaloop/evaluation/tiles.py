"""The key numbers at the top of a report, each with its interval and with what it must be read against."""

from __future__ import annotations

from dataclasses import dataclass

from alphaloop.evaluation.readings import Readings, stored_score
from alphaloop.evaluation.report_input import ReportInput
from alphaloop.evaluation.scores import Score
from alphaloop.evaluation.verdict import Tone
from alphaloop.evaluation.wording import ABSENT, between, count, decimal, percent, scalar, signed, signed_percent


@dataclass(frozen=True)
class Tile:
    """One number: what it is, its value, its interval or range, what to read it against, and how it should strike."""

    label: str
    value: str
    interval: str = ""
    against: str = ""
    tone: Tone = "unknown"


def tiles(given: ReportInput, readings: Readings) -> list[Tile]:
    """Build the tiles in reading order; what was not measured keeps its place and says so."""
    return [
        _ranking(given, readings),
        _edge(readings),
        _roc(given),
        _brier(given, readings),
        _calibration(given, readings),
        _money(readings),
        _audit(given),
        _parity(given),
    ]


def _ranking(given: ReportInput, readings: Readings) -> Tile:
    found, rate = stored_score(given.scores.get("test"), "pr_auc"), readings.evidence.base_rate
    return _score_tile("PR-AUC, test", found, f"base rate {decimal(rate)}", rate)


def _edge(readings: Readings) -> Tile:
    found = readings.difference.get("pr_auc")
    against = (
        f"against {readings.evidence.baseline}, the best baseline" if readings.evidence.baseline else "no baseline"
    )
    if found is None:
        return Tile("PR-AUC beyond baseline", ABSENT, "", against)
    return Tile("PR-AUC beyond baseline", signed(found.value), between(found, plus=True), against, _tone(found, 0.0))


def _roc(given: ReportInput) -> Tile:
    return _score_tile("ROC-AUC, test", stored_score(given.scores.get("test"), "roc_auc"), "guessing gets 0.500", 0.5)


def _brier(given: ReportInput, readings: Readings) -> Tile:
    found = stored_score(given.scores.get("test"), "brier")
    theirs = stored_score(given.baselines.get(readings.baseline or ""), "brier")
    against = f"{readings.evidence.baseline} gets {decimal(theirs.value, 4)}" if theirs else "lower is better"
    if found is None:
        return Tile("Brier score, test", ABSENT, "", against)
    gap = readings.difference.get("brier")
    tone = _tone(Score(-gap.value, -gap.high, -gap.low), 0.0) if gap else "unknown"
    return Tile("Brier score, test", decimal(found.value, 4), between(found, 4), against, tone)


def _calibration(given: ReportInput, readings: Readings) -> Tile:
    found, e = stored_score(given.scores.get("test"), "ece"), readings.evidence
    off = "bins not measured" if e.bins_off is None else f"{e.bins_off} of {e.bins} bins miss their interval"
    if found is None:
        return Tile("Calibration error", ABSENT, "", off)
    return Tile("Calibration error", decimal(found.value, 4), between(found, 4), off)


def _money(readings: Readings) -> Tile:
    e = readings.evidence
    if e.trades is None or e.net_return is None:
        return Tile("Backtest, net of costs", ABSENT, "", "no backtest was run")
    before = "" if e.before_fees is None else f"{signed_percent(e.before_fees)} before fees"
    fall = "" if e.max_drawdown is None else f", drawdown {percent(abs(e.max_drawdown))}"
    tone: Tone = "bad" if e.net_return < 0.0 else "good" if e.trade_mean and e.trade_mean.low > 0.0 else "caution"
    return Tile(
        "Backtest, net of costs", signed_percent(e.net_return), before, f"{count(e.trades, 'trade')}{fall}", tone
    )


def _audit(given: ReportInput) -> Tile:
    if given.audit is None:
        return Tile("Audit", ABSENT, "", "look-ahead is not ruled out")
    findings = len(given.audit.get("findings", ()))
    checks = given.audit.get("checks")
    ran = sum(checks.values()) if isinstance(checks, dict) else checks
    tried = count(ran, "check") if isinstance(ran, int) else "checks not counted"
    if given.audit.get("clean"):
        return Tile("Audit", "clean", tried, "no leak could be proved", "good")
    return Tile("Audit", count(findings, "finding"), tried, "blocks promotion", "bad")


def _parity(given: ReportInput) -> Tile:
    found = given.parity or {}
    flipped, rows = found.get("flipped"), found.get("rows")
    if flipped is None or rows is None:
        return Tile("Graph equals model", ABSENT, "", "the export was not compared")
    difference = f"largest difference {scalar(found.get('max_abs_diff'))}"
    tone: Tone = "bad" if flipped else "good"
    return Tile("Graph equals model", f"{flipped:,} flipped", difference, f"on {rows:,} rows", tone)


def _score_tile(label: str, found: Score | None, against: str, chance: float | None) -> Tile:
    if found is None:
        return Tile(label, ABSENT, "", against)
    tone: Tone = "unknown" if chance is None else _tone(found, chance)
    return Tile(label, decimal(found.value), between(found), against, tone)


def _tone(found: Score, chance: float) -> Tone:
    if not found.measured:
        return "unknown"
    return "good" if found.low > chance else "bad" if found.high < chance else "caution"
