"""The lists beside the figures: reach of the probabilities, the study, the backtest, the audit."""

from __future__ import annotations

from typing import Any, Final

from alphaloop.evaluation.collapse import spread
from alphaloop.evaluation.readings import Readings, plain_name, trade_mean
from alphaloop.evaluation.records import pairs, pretty_json
from alphaloop.evaluation.report_input import ReportInput
from alphaloop.evaluation.wording import ABSENT, between, count, decimal, duration, percent, scalar, signed_percent

SHARES: Final = ("net_return", "max_drawdown", "win_rate", "exposure")


def spread_lists(readings: Readings) -> list[tuple[str, list[tuple[str, str]], str]]:
    """List, for each target, how far its probabilities reach, and in which ways they have collapsed."""
    rows = []
    for target in readings.targets:
        found = spread(target.y, target.p)
        items = [
            ("different probabilities", f"{found.distinct:,} in {target.p.size:,} rows"),
            ("range", f"{decimal(found.lowest)} to {decimal(found.highest)}"),
            ("standard deviation", decimal(found.deviation, 4)),
            ("of the outcome's variance", percent(found.explained, 2)),
            ("bins that miss their interval", f"{target.reliability.off} of {target.reliability.count.size}"),
            ("mean promise minus outcome", decimal(target.reliability.lean, 4)),
        ]
        rows.append((target.name, items, "; ".join(each.evidence for each in target.collapse)))
    return rows


def tuning_note(given: ReportInput) -> str:
    """Say how many trials finished."""
    done = sum(trial.value is not None for trial in given.trials)
    return f"{count(done, 'trial')} finished, {len(given.trials) - done:,} pruned or failed, scored on validation rows."


def backtest_list(given: ReportInput) -> list[tuple[str, str]]:
    """List the figures of the backtest; empty where there was none."""
    backtest = given.backtest
    if backtest is None:
        return []
    shown = [
        (label, percent(backtest.summary[key], 2)) if (key := label.replace(" ", "_")) in SHARES else (label, text)
        for label, text in pairs(backtest.summary)
    ]
    mean = trade_mean(backtest)
    if mean is not None:
        ends = f"{signed_percent(mean.low, 3)} to {signed_percent(mean.high, 3)}" if mean.measured else between(mean)
        shown.append(("mean net return of a trade", f"{signed_percent(mean.value, 3)} ({ends})"))
    return shown


def audit_block(given: ReportInput) -> dict[str, Any] | None:
    """Gather what the audit tried and found; None where it was not run."""
    if given.audit is None:
        return None
    checks = given.audit.get("checks")
    items = pairs(given.audit, skip=("clean",))
    if isinstance(checks, dict):
        items += [(f"checks: {plain_name(name)}", scalar(number)) for name, number in checks.items()]
    return {
        "clean": bool(given.audit.get("clean")),
        "findings": [_finding(found) for found in given.audit.get("findings", ())],
        "pairs": items,
        "certificate": pretty_json(given.audit.get("certificate") or given.audit),
    }


def _finding(found: dict[str, Any]) -> dict[str, str]:
    reach = found.get("reach_s")
    return {
        "column": str(found.get("column", "")),
        "kind": plain_name(str(found.get("kind", ""))),
        "first_row": scalar(found.get("first_row")),
        "reach": ABSENT if reach is None else duration(float(reach)),
        "evidence": str(found.get("evidence", "")),
    }
