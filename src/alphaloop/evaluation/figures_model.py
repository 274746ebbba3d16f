"""Figures of the model: what it looks at, and how it was tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from alphaloop.evaluation.figure_style import GOOD, MODEL, MUTED, Figure, figure, label, tint
from alphaloop.evaluation.report_input import Trial

TOP_FEATURES = 20


def family_figure(importance: Mapping[str, float], families: Mapping[str, str]) -> Figure:
    """Draw importance by family, the largest on top, as shares of the whole."""
    sums: dict[str, float] = {}
    for feature, share in importance.items():
        family = families.get(feature, "other")
        sums[family] = sums.get(family, 0.0) + share
    return _bars(sums, len(sums), MODEL)


def feature_figure(importance: Mapping[str, float]) -> Figure:
    """Draw the features with the highest importance, the largest on top, as shares of the whole."""
    return _bars(importance, TOP_FEATURES, GOOD)


def tuning_figure(trials: Sequence[Trial]) -> Figure:
    """Score of each finished trial and the best so far; pruned and failed trials have no score and no point."""
    done = sorted((trial for trial in trials if trial.value is not None), key=lambda trial: trial.number)
    numbers = [trial.number for trial in done]
    values = [float(trial.value) for trial in done if trial.value is not None]
    points = go.Scatter(
        x=numbers,
        y=values,
        mode="markers",
        name="trial",
        marker={"color": tint(MODEL, 0.75), "size": 8},
        hovertemplate="trial %{x}: %{y:.4f}<extra></extra>",
    )
    best = go.Scatter(
        x=numbers,
        y=np.maximum.accumulate(values) if values else [],
        mode="lines",
        name="best so far",
        line={"color": MUTED, "width": 1.5, "shape": "hv"},
        hoverinfo="skip",
    )
    return figure([best, points], x="trial", y="validation PR-AUC", height=300)


def _bars(values: Mapping[str, float], most: int, colour: str) -> Figure:
    total = sum(values.values()) or 1.0
    top = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:most][::-1]
    shares = [value / total for _, value in top]
    bars = go.Bar(
        x=shares,
        y=[label(name) for name, _ in top],
        orientation="h",
        marker_color=tint(colour, 0.85),
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    height = max(200, 70 + 22 * len(top))
    return figure(
        [bars],
        x="share of importance",
        height=height,
        xaxis={"tickformat": ".0%", "rangemode": "tozero"},
        yaxis={"type": "category", "dtick": 1},
        margin={"l": 16, "r": 16, "t": 10, "b": 46},
    )
