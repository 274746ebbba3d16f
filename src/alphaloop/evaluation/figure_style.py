"""How every figure looks: colours that read on light and dark, with any colour vision; the page adds ink and grid."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

MODEL = "#3f7fd9"
SECOND = "#d9822b"
MUTED = "#8c95a4"
GOOD = "#1f9d87"
BAD = "#d1495b"
SERIES = (MODEL, SECOND, "#8b6fc9", GOOD)

LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}

Figure = dict[str, Any]


def figure(traces: Sequence[Any], *, x: str = "", y: str = "", height: int = 340, **layout: object) -> Figure:
    """Build a figure as plain data: `traces` in the house layout, with axis titles `x` and `y`, `height` in pixels."""
    base: dict[str, Any] = {
        "template": None,
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 34, "b": 46},
        "legend": LEGEND,
        "hovermode": "closest",
        "dragmode": False,
        "bargap": 0.12,
        "xaxis": {"title": {"text": x}, "zeroline": False, "automargin": True, "fixedrange": True},
        "yaxis": {"title": {"text": y}, "zeroline": False, "automargin": True, "fixedrange": True},
    }
    for name, value in layout.items():
        known = base.get(name)
        base[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
    return plain(go.Figure(data=list(traces), layout=base))


def plain(drawn: go.Figure) -> Figure:
    """Turn a plotly figure into plain data, arrays packed."""
    content: Figure = json.loads(drawn.to_json())
    content["layout"].pop("template", None)
    return content


def label(text: str) -> str:
    """Escape text for a figure: plotly reads a little HTML in its labels, and names come from users."""
    return html.escape(text, quote=False)


def tint(colour: str, alpha: float) -> str:
    """Make a colour of this module transparent."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
