"""The tables of a report as plain rows: scores beside baselines, the leak premium, the splits on a line."""

from __future__ import annotations

from dataclasses import dataclass

from alphaloop.core.clock import NS_PER_S
from alphaloop.evaluation.readings import Readings, plain_name, stored_score
from alphaloop.evaluation.report_input import Plain, ReportInput
from alphaloop.evaluation.scores import Score
from alphaloop.evaluation.wording import ABSENT, between, count, decimal, duration, moment, signed

SHOWN = (("pr_auc", 3), ("roc_auc", 3), ("brier", 4), ("log_loss", 4), ("ece", 4), ("base_rate", 3))


@dataclass(frozen=True)
class Cell:
    """A number and its interval, as text."""

    value: str
    interval: str


@dataclass(frozen=True)
class Strip:
    """PR-AUC on a line shared by all rows, in percent of its width: interval, value, base rate."""

    left: float
    width: float
    value: float
    base: float | None


@dataclass(frozen=True)
class ScoreRow:
    """One row of the scores table."""

    name: str
    kind: str
    cells: tuple[Cell, ...]
    strip: Strip | None


@dataclass(frozen=True)
class Band:
    """A stretch of the splits' time line, in percent of its width."""

    name: str
    kind: str
    left: float
    width: float
    detail: str


def score_rows(given: ReportInput, readings: Readings) -> list[ScoreRow]:
    """List the model on the test first, then the baselines from best to worst, then the model on other splits."""
    named: list[tuple[str, str, Plain]] = []
    if "test" in given.scores:
        named.append(("model", "model", given.scores["test"]))
    order = sorted(given.baselines.items(), key=lambda item: -_value(item[1], "pr_auc"))
    named += [(plain_name(name), "baseline", found) for name, found in order]
    named += [(f"model on {name}", "split", found) for name, found in given.scores.items() if name != "test"]
    shared = _shared_line([found for _, _, found in named])
    return [
        ScoreRow(name, kind, tuple(_cell(found, metric, digits) for metric, digits in SHOWN), _strip(found, shared))
        for name, kind, found in named
    ]


def difference_row(readings: Readings) -> list[Cell]:
    """Model minus best baseline, in the order of the scores table; empty where it was not measured."""
    if not readings.difference:
        return []
    cells = []
    for metric, digits in SHOWN:
        found = readings.difference.get(metric)
        shown = found is not None and metric != "base_rate"
        cells.append(
            Cell(signed(found.value, digits), between(found, digits, plus=True)) if shown and found else Cell("", "")
        )
    return cells


def premium_rows(given: ReportInput) -> list[dict[str, str]]:
    """List each arrangement of training rows with its score and what it gains over the honest one."""
    rows = []
    for row in given.premium.rows if given.premium else ():
        honest = row["name"] == row["reference"]
        rows.append(
            {
                "name": str(row["name"]),
                "description": str(row.get("description", "")),
                "rows": f"{int(row['train_rows']):,} / {int(row['test_rows']):,}" if "train_rows" in row else "",
                "value": decimal(row.get("value")),
                "premium": "reference" if honest else signed(row.get("premium")),
                "kind": "honest" if honest else "leaky",
            }
        )
    return rows


def split_bands(given: ReportInput) -> list[Band]:
    """Lay the splits and the gaps between them on one line of time."""
    windows = sorted(given.splits, key=lambda window: window.first_ns)
    if not windows:
        return []
    start = windows[0].first_ns
    span = max(max(window.last_ns for window in windows) - start, 1)
    bands: list[Band] = []
    reached: int | None = None
    for window in windows:
        if reached is not None and window.first_ns > reached:
            gap = duration((window.first_ns - reached) / NS_PER_S)
            bands.append(Band("gap", "gap", *_place(reached, window.first_ns, start, span), gap))
        detail = f"{window.rows:,} rows, {moment(window.first_ns)} to {moment(window.last_ns)} UTC"
        bands.append(Band(window.name, window.name, *_place(window.first_ns, window.last_ns, start, span), detail))
        reached = window.last_ns
    return bands


def class_facts(given: ReportInput) -> dict[str, str]:
    """Say what is foretold and how far ahead, with the facts that the caller gave."""
    actions = {1: "buy", -1: "sell", 0: "stay out"}
    classes = ", ".join(
        f"{name} ({actions.get(side, '?')})" for name, side in zip(given.classes, given.sides, strict=True)
    )
    return {"Market": given.market, "Classes": classes, "Horizon": duration(given.horizon_s), **given.facts}


def _value(scores: Plain, metric: str) -> float:
    found = stored_score(scores, metric)
    return found.value if found else float("-inf")


def _cell(scores: Plain, metric: str, digits: int) -> Cell:
    found = stored_score(scores, metric)
    return Cell(decimal(found.value, digits), between(found, digits)) if found else Cell(ABSENT, "")


def _shared_line(rows: list[Plain]) -> tuple[float, float]:
    found = [score for row in rows for metric in ("pr_auc", "base_rate") if (score := stored_score(row, metric))]
    ends = [end for score in found for end in ((score.low, score.high) if score.measured else (score.value,))]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.04 * max(high - low, 1e-6)
    return low - room, high + room


def _strip(scores: Plain, shared: tuple[float, float]) -> Strip | None:
    found, base = stored_score(scores, "pr_auc"), stored_score(scores, "base_rate")
    if found is None:
        return None
    low, span = shared[0], shared[1] - shared[0]
    ends = found if found.measured else Score(found.value, found.value, found.value)
    left, right = (100.0 * (end - low) / span for end in (ends.low, ends.high))
    return Strip(
        left, right - left, 100.0 * (found.value - low) / span, 100.0 * (base.value - low) / span if base else None
    )


def _place(first: int, last: int, start: int, span: int) -> tuple[float, float]:
    return 100.0 * (first - start) / span, 100.0 * (last - first) / span


def gap_note(bands: list[Band]) -> str:
    """Say how many purge gaps there are and how long they are."""
    gaps = [band.detail for band in bands if band.kind == "gap"]
    return f"{count(len(gaps), 'gap')} between the splits: {', '.join(gaps)}" if gaps else ""
