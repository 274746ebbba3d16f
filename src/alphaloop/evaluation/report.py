"""One self-contained HTML page per training run: it loads nothing, sends nothing, and escapes what others wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from alphaloop.core.files import write_text
from alphaloop.evaluation.conclusion import Conclusion, conclude
from alphaloop.evaluation.details import audit_block, backtest_list, spread_lists, tuning_note
from alphaloop.evaluation.figure_style import Figure
from alphaloop.evaluation.figures_forecast import (
    lift_figure,
    outcome_histogram_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from alphaloop.evaluation.figures_model import family_figure, feature_figure, tuning_figure
from alphaloop.evaluation.figures_money import equity_figure, exits_figure, threshold_figure
from alphaloop.evaluation.readings import Readings, plain_name, read
from alphaloop.evaluation.records import pairs, pretty_json
from alphaloop.evaluation.report_input import ReportInput
from alphaloop.evaluation.tables import class_facts, difference_row, gap_note, premium_rows, score_rows, split_bands
from alphaloop.evaluation.tiles import tiles
from alphaloop.evaluation.wording import ABSENT, moment

KNOWN_SPLITS: Final = ("gap", "train", "validation", "calibration", "test")
LIMITS: Final = (
    "One test period is one draw: the next one may differ by more than the intervals say, because they only know the "
    "regimes that occurred in it.",
    "Intervals take stretches of time longer than the label horizon for independent.",
    "The baselines are dumb on purpose; beating them is needed and not enough.",
    "The backtest fills at modelled prices: spread, slippage, fees and latency are settings, not measurements, and the "
    "market does not react to the orders.",
    "Whoever looks at this page, changes something and trains again has begun to tune on the test rows.",
)


def write_report(path: Path, given: ReportInput) -> Conclusion:
    """Write the page, whole or not at all, and return what it concludes.

    Parameters
    ----------
    path
        The HTML file; an existing one is replaced.
    given
        The training run; whatever is absent is shown as not measured.
    """
    readings = read(given)
    conclusion = conclude(readings.evidence, given.cautions)
    write_text(path, render(given, readings, conclusion))
    return conclusion


def render(given: ReportInput, readings: Readings, conclusion: Conclusion) -> str:
    """Render the page as text."""
    environment = Environment(
        loader=PackageLoader("alphaloop.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html")
    return page.render(
        css=_verbatim(environment, "report.css"),
        js=_verbatim(environment, "report.js"),
        # Markup trusts only what ships with the packages: plotly's own bundle and the two files of this folder.
        plotly=Markup(get_plotlyjs()),  # noqa: S704
        **_head(given, readings, conclusion),
        **_parts(given, readings),
    )


def _verbatim(environment: Environment, name: str) -> Markup:
    source, _, _ = environment.loader.get_source(environment, name) if environment.loader else ("", None, None)
    return Markup(source)  # noqa: S704


def _head(given: ReportInput, readings: Readings, conclusion: Conclusion) -> dict[str, Any]:
    return {
        "name": given.name,
        "created": moment(given.created_ns),
        "facts": class_facts(given),
        "synthetic": given.synthetic,
        "verdict": conclusion.verdict,
        "sentences": conclusion.sentences,
        "tiles": tiles(given, readings),
        "absent_text": ABSENT,
        "limits": LIMITS,
    }


def _parts(given: ReportInput, readings: Readings) -> dict[str, Any]:
    bands = split_bands(given)
    return {
        "figures": _figures(given, readings),
        "histograms": [f"histogram_{number}" for number in range(len(readings.targets))],
        "score_rows": score_rows(given, readings),
        "difference": difference_row(readings),
        "baseline": plain_name(readings.baseline or ""),
        "spread_rows": spread_lists(readings),
        "tuning_note": tuning_note(given),
        "best_parameters": pairs((given.contract or {}).get("best_parameters")),
        "chosen": pairs(given.thresholds.chosen) if given.thresholds else [],
        "backtest": backtest_list(given),
        "audit": audit_block(given),
        "parity": pairs(given.parity),
        "premium": premium_rows(given),
        "premium_metric": given.premium.metric if given.premium else "",
        "bands": bands,
        "known_splits": KNOWN_SPLITS,
        "gap_note": gap_note(bands),
        "contract": pretty_json(given.contract) if given.contract else None,
        "contract_pairs": pairs(given.contract, skip=("created_ns",)),
    }


def _figures(given: ReportInput, readings: Readings) -> dict[str, Figure]:
    targets, baseline = readings.targets, plain_name(readings.baseline or "baseline")
    found: dict[str, Figure] = {}
    if targets:
        found["precision_recall"] = precision_recall_figure(targets, baseline)
        found["roc"] = roc_figure(targets, baseline)
        found["lift"] = lift_figure(targets)
        found["reliability"] = reliability_figure(targets)
        found |= {f"histogram_{number}": outcome_histogram_figure(each) for number, each in enumerate(targets)}
    if any(given.importance.values()):
        found["families"] = family_figure(given.importance, given.families)
        found["features"] = feature_figure(given.importance)
    if any(trial.value is not None for trial in given.trials):
        found["tuning"] = tuning_figure(given.trials)
    if given.thresholds is not None and given.thresholds.threshold.size:
        found["threshold"] = threshold_figure(given.thresholds)
    if given.backtest is not None and given.backtest.equity.size:
        found["equity"] = equity_figure(given.backtest)
        if given.backtest.exits:
            found["exits"] = exits_figure(given.backtest.exits)
    return found
