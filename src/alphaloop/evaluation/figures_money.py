"""Figures of money: the threshold, equity and drawdown, and how trades ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import cycle

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from alphaloop.core.clock import NS_PER_S
from alphaloop.evaluation.curves import thin_extremes
from alphaloop.evaluation.figure_style import (
    BAD,
    GOOD,
    LEGEND,
    MODEL,
    MUTED,
    SECOND,
    Figure,
    figure,
    label,
    plain,
    tint,
)
from alphaloop.evaluation.metrics import Floats, Ints
from alphaloop.evaluation.report_input import Backtest, Thresholds

MOST_POINTS = 1_600


def threshold_figure(thresholds: Thresholds) -> Figure:
    """Net value and number of trades over the threshold on validation rows, with the chosen one marked."""
    net = go.Scatter(
        x=thresholds.threshold,
        y=thresholds.net,
        mode="lines",
        name="net value",
        line={"color": MODEL, "width": 2.4},
        customdata=thresholds.trades,
        hovertemplate="threshold %{x:.4f}<br>net %{y:.2%}<br>%{customdata:,} trades<extra></extra>",
    )
    trades = go.Scatter(
        x=thresholds.threshold,
        y=thresholds.trades,
        mode="lines",
        name="trades",
        yaxis="y2",
        line={"color": SECOND, "width": 1.4, "dash": "dash"},
        hoverinfo="skip",
    )
    shapes = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"color": MUTED, "width": 1}}
    ]
    value = thresholds.chosen.get("value")
    if value is not None:
        mark = {"color": GOOD if thresholds.chosen.get("tradable") else BAD, "width": 1.6, "dash": "dot"}
        shapes.append({"type": "line", "yref": "paper", "x0": value, "x1": value, "y0": 0, "y1": 1, "line": mark})
    second = {
        "overlaying": "y",
        "side": "right",
        "title": {"text": "trades"},
        "showgrid": False,
        "rangemode": "tozero",
        "tickmode": "auto",
    }
    return figure(
        [trades, net],
        x="threshold",
        y="summed net return",
        yaxis={"tickformat": ".1%"},
        yaxis2={**second, "tickmode": "auto", "zeroline": False, "fixedrange": True, "automargin": True},
        margin={"l": 56, "r": 56, "t": 34, "b": 46},
        shapes=shapes,
    )


def equity_figure(backtest: Backtest) -> Figure:
    """Return since the start, net of costs, above the drawdown from the last high; every peak and trough is kept."""
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.06)
    for (name, equity), colour in zip(backtest.comparisons.items(), cycle((MUTED, SECOND))):
        line = _series(backtest.known_ns, equity / equity[0] - 1.0, label(name), colour, 1.3)
        drawn.add_trace(line, row=1, col=1)
    returns = backtest.equity / backtest.equity[0] - 1.0
    drawn.add_trace(_series(backtest.known_ns, returns, "model, net of costs", MODEL, 2.2), row=1, col=1)
    fall = backtest.equity / np.maximum.accumulate(backtest.equity) - 1.0
    area = _series(backtest.known_ns, fall, "drawdown", BAD, 1.2)
    area.update(fill="tozeroy", fillcolor=tint(BAD, 0.18), showlegend=False)
    drawn.add_trace(area, row=2, col=1)
    drawn.update_layout(
        template=None,
        height=440,
        margin={"l": 56, "r": 16, "t": 34, "b": 40},
        legend=LEGEND,
        dragmode=False,
        hovermode="x unified",
    )
    drawn.update_yaxes(tickformat=".1%", fixedrange=True, zeroline=False, automargin=True)
    drawn.update_yaxes(title_text="return", row=1, col=1)
    drawn.update_yaxes(title_text="drawdown", row=2, col=1, nticks=4)
    drawn.update_xaxes(fixedrange=True)
    return plain(drawn)


def exits_figure(exits: Mapping[str, tuple[int, float]]) -> Figure:
    """Draw the number of trades by exit reason; the colour says whether they gained or lost in sum."""
    ordered = sorted(exits.items(), key=lambda item: item[1][0])
    bars = go.Bar(
        x=[trades for _, (trades, _) in ordered],
        y=[label(reason.replace("_", " ")) for reason, _ in ordered],
        orientation="h",
        marker_color=[tint(GOOD if net > 0 else BAD, 0.85) for _, (_, net) in ordered],
        text=[f"{net:+.2%}" for _, (_, net) in ordered],
        textposition="auto",
        hovertemplate="%{y}: %{x:,} trades, net %{text}<extra></extra>",
    )
    return figure(
        [bars],
        x="trades",
        height=max(180, 80 + 34 * len(ordered)),
        yaxis={"type": "category"},
        margin={"l": 16, "r": 16, "t": 10, "b": 46},
    )


def _series(known_ns: Ints, values: Floats, name: str, colour: str, width: float) -> go.Scatter:
    kept = thin_extremes(values, MOST_POINTS)
    times = [datetime.fromtimestamp(ns / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S") for ns in known_ns[kept].tolist()]
    hover = "%{y:.2%}<extra>" + name + "</extra>"
    line = {"color": colour, "width": width}
    return go.Scatter(x=times, y=values[kept], mode="lines", name=name, line=line, hovertemplate=hover)
