"""Figures of the forecast itself: curves, reliability, scores by outcome, lift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alphaloop.evaluation.curves import Curve, precision_recall, receiver_operating
from alphaloop.evaluation.figure_style import LEGEND, MODEL, MUTED, SERIES, Figure, figure, label, plain, tint
from alphaloop.evaluation.lift import histogram_by_outcome, lift_by_decile
from alphaloop.evaluation.metrics import Floats
from alphaloop.evaluation.readings import Target

UNIT = {"range": [-0.02, 1.02]}


def precision_recall_figure(targets: Sequence[Target], baseline: str) -> Figure:
    """Precision over recall of model and best baseline, with the base rate as the line that guessing draws."""
    traces = _curves(targets, baseline, precision_recall)
    for target in targets:
        rate = float(target.y.mean())
        traces.append(_dotted([0, 1], [rate, rate], f"base rate {label(target.name)}"))
    return figure(traces, x="recall", y="precision", xaxis=UNIT, yaxis={"range": _precision_range(traces)})


def roc_figure(targets: Sequence[Target], baseline: str) -> Figure:
    """Draw true- over false-positive rate of model and best baseline, with the diagonal that guessing draws."""
    traces = [*_curves(targets, baseline, receiver_operating), _dotted([0, 1], [0, 1], "guessing")]
    return figure(traces, x="false-positive rate", y="true-positive rate", xaxis=UNIT, yaxis=UNIT)


def reliability_figure(targets: Sequence[Target]) -> Figure:
    """Observed over promised share with 95 % intervals, above the histogram of what was promised."""
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.76, 0.24], vertical_spacing=0.06)
    ends = _span(targets)
    drawn.add_trace(_dotted(ends, ends, "perfectly calibrated"), row=1, col=1)
    for target, colour in zip(targets, cycle(SERIES)):
        bins = target.reliability
        reach = {
            "array": bins.high - bins.observed,
            "arrayminus": bins.observed - bins.low,
            "thickness": 1.2,
            "width": 3,
        }
        points = go.Scatter(
            x=bins.predicted,
            y=bins.observed,
            error_y=reach,
            mode="lines+markers",
            name=label(target.name),
            line={"color": colour, "width": 2},
            marker={"size": 7},
            customdata=bins.count,
            hovertemplate="promised %{x:.3f}<br>observed %{y:.3f}<br>%{customdata:,} rows<extra></extra>",
        )
        histogram = histogram_by_outcome(target.y, target.p)
        rows = go.Bar(
            x=0.5 * (histogram.edges[1:] + histogram.edges[:-1]),
            y=histogram.came + histogram.stayed_away,
            marker_color=tint(colour, 0.55),
            showlegend=False,
            hovertemplate="%{x:.3f}: %{y:,} rows<extra></extra>",
        )
        drawn.add_trace(points, row=1, col=1)
        drawn.add_trace(rows, row=2, col=1)
    drawn.update_layout(**_stacked_layout(420))
    drawn.update_yaxes(title_text="observed share", row=1, col=1)
    drawn.update_yaxes(title_text="rows", row=2, col=1, nticks=3)
    drawn.update_xaxes(title_text="promised probability", row=2, col=1)
    drawn.update_xaxes(fixedrange=True)
    drawn.update_yaxes(fixedrange=True)
    return plain(drawn)


def outcome_histogram_figure(target: Target) -> Figure:
    """Probabilities of the rows where the event came, beside those where it did not, each as a share of its outcome."""
    found = histogram_by_outcome(target.y, target.p)
    middle = 0.5 * (found.edges[1:] + found.edges[:-1])
    sides = ((f"{target.name} came", found.came, MODEL), (f"{target.name} did not come", found.stayed_away, MUTED))
    traces = [
        go.Bar(
            x=middle,
            y=counts / max(int(counts.sum()), 1),
            name=label(name),
            marker_color=tint(colour, 0.62),
            customdata=counts,
            hovertemplate="%{x:.3f}: %{customdata:,} rows, %{y:.1%} of this outcome<extra></extra>",
        )
        for name, counts, colour in sides
    ]
    percent_axis = {"tickformat": ".0%"}
    return figure(traces, x="probability", y="share of outcome", barmode="overlay", bargap=0.02, yaxis=percent_axis)


def lift_figure(targets: Sequence[Target]) -> Figure:
    """Outcome rate by decile of the probability, as a multiple of the base rate; the highest decile comes first."""
    traces: list[Any] = []
    groups = 0
    for target, colour in zip(targets, cycle(SERIES)):
        found = lift_by_decile(target.y, target.p)
        groups = max(groups, found.lift.size)
        traces.append(
            go.Bar(
                x=np.arange(1, found.lift.size + 1),
                y=found.lift,
                name=label(target.name),
                marker_color=tint(colour, 0.85),
                customdata=np.column_stack((found.rate, found.captured, found.count)),
                hovertemplate=(
                    "lift %{y:.2f}<br>rate %{customdata[0]:.1%}<br>captured so far %{customdata[1]:.1%}"
                    "<br>%{customdata[2]:,} rows<extra></extra>"
                ),
            )
        )
    traces.append(_dotted([0.4, groups + 0.6], [1, 1], "base rate"))
    return figure(traces, x="decile of probability, highest first", y="lift over base rate", xaxis={"dtick": 1})


def _curves(targets: Sequence[Target], baseline: str, curve: Callable[[Floats, Floats], Curve]) -> list[Any]:
    traces = []
    for target, colour in zip(targets, cycle(SERIES)):
        name = f"model, {target.name}" if len(targets) > 1 else "model"
        traces.append(_line(curve(target.y, target.p), label(name), colour, 2.4, "solid"))
        if target.baseline is not None:
            name = f"{baseline}, {target.name}" if len(targets) > 1 else baseline
            traces.append(_line(curve(target.y, target.baseline), label(name), tint(colour, 0.8), 1.4, "dash"))
    return traces


def _line(curve: Curve, name: str, colour: str, width: float, dash: str) -> go.Scatter:
    line = {"color": colour, "width": width, "dash": dash}
    hover = "%{x:.3f}, %{y:.3f}<extra>" + name + "</extra>"
    return go.Scatter(x=curve.x, y=curve.y, mode="lines", name=name, line=line, hovertemplate=hover)


def _dotted(x: Sequence[float], y: Sequence[float], name: str) -> go.Scatter:
    line = {"color": MUTED, "width": 1.3, "dash": "dot"}
    return go.Scatter(x=x, y=y, mode="lines", name=name, line=line, hoverinfo="skip")


def _precision_range(traces: Sequence[Any]) -> list[float]:
    # The first few rows of a ranking swing between 0 and 1; they must not squeeze the part that has support.
    settled = [np.asarray(t.y)[np.asarray(t.x) >= 0.02] for t in traces]
    low, high = min(s.min() for s in settled if s.size), max(s.max() for s in settled if s.size)
    room = max(0.08 * (high - low), 0.02)
    return [max(float(low) - room, -0.02), min(float(high) + room, 1.02)]


def _span(targets: Sequence[Target]) -> list[float]:
    points = np.concatenate([np.concatenate((t.reliability.predicted, t.reliability.observed)) for t in targets])
    room = 0.05 * max(float(np.ptp(points)), 0.02)
    return [max(float(points.min()) - room, 0.0), min(float(points.max()) + room, 1.0)]


def _stacked_layout(height: int) -> dict[str, Any]:
    return {
        "template": None,
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 34, "b": 46},
        "legend": LEGEND,
        "dragmode": False,
        "barmode": "overlay",
        "bargap": 0.02,
    }
