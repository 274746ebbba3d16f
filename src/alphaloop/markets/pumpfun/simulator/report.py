"""The comparison as one page of HTML that needs nothing else."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Final

from alphaloop.core.files import write_text
from alphaloop.markets.pumpfun.simulator.comparison import QUANTILES, SOURCES, UNKNOWN, Comparison, Row

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #dde3ea }
th:first-child, td:first-child { text-align: left }
tr.market td { color: #4a5a70; border-bottom: 2px solid #c5cfda }
.far { color: #a03a00; font-weight: 600 }
.near { color: #1f6b3a }
.words { color: #4a5a70 }
@media (prefers-color-scheme: dark) {
  body { background: #12171d; color: #e3e8ee }
  th, td { border-color: #2a333e }
  tr.market td, .words { color: #9fb0c3 }
  .far { color: #ff9a66 }
  .near { color: #7fd09a }
}
"""


def write_report(comparison: Comparison, path: Path) -> None:
    """Write the comparison to `path`: plain values if it ends in ``.json``, else the page."""
    if path.suffix == ".json":
        write_text(path, json.dumps(comparison.to_dict(), indent=2, allow_nan=False) + "\n")
    else:
        write_text(path, page(comparison))


def page(comparison: Comparison, title: str = "Simulated launches beside recorded ones") -> str:
    """Write the report.

    Each source has its table, the real row above the market's, after the words that say how it was collected.
    """
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{comparison.launches:,} launches and {comparison.trades:,} trades in {comparison.hours:.1f} hours, seen "
        "as each collector would have seen them. The distance is Kolmogorov and Smirnov's; one law would stay below "
        "<em>chance</em> 19 times of 20.</p>",
    ]
    for source in SOURCES.values():
        rows = [row for row in comparison.rows if row.source == source.name]
        parts.append(f"<h2>{escape(source.name)}</h2>")
        parts.append(f"<p>{escape(source.what)} (<code>{escape(source.file)}</code>).</p>")
        parts.append(
            f'<p class="words">Selection: {escape(source.bias)}. Silent about: {escape(source.silent_about)}.</p>'
        )
        if rows:
            parts.append(_table(rows))
    parts.append("<h2>The whole market</h2>")
    parts.append(_summary(comparison))
    parts.append("<h2>What the recorded sets cannot tell</h2>")
    parts.append("<ul>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in UNKNOWN) + "</ul>")
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"


def _table(rows: list[Row]) -> str:
    heads = "".join(f"<th>{round(100 * q)} %</th>" for q in QUANTILES)
    body = []
    for row in rows:
        body.append(
            f"<tr><td>{escape(row.statistic)}</td><td>recorded</td><td>{row.real_n:,}</td><td>{_number(row.real_mean)}</td>"
            f"{_cells(row.real_quantiles)}<td>{_distance(row)}</td></tr>"
        )
        body.append(
            f'<tr class="market"><td></td><td>market</td><td>{row.market_n:,}</td><td>{_number(row.market_mean)}</td>'
            f"{_cells(row.market_quantiles)}<td></td></tr>"
        )
    return (
        f"<table><tr><th>statistic</th><th>of</th><th>n</th><th>mean</th>{heads}<th>distance (chance)</th></tr>"
        f"{''.join(body)}</table>{_remarks(rows)}"
    )


def _remarks(rows: list[Row]) -> str:
    said = [f"<li><code>{escape(row.statistic)}</code>: {escape(row.why)}.</li>" for row in rows if row.why]
    return f"<p>Beyond chance, and why it was left so:</p><ul>{''.join(said)}</ul>" if said else ""


def _summary(comparison: Comparison) -> str:
    names = ("n", "mean", *(f"q{round(100 * q):02d}" for q in QUANTILES))
    heads = "".join(f"<th>{name.replace('q', '')}{' %' if name.startswith('q') else ''}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(statistic)}</td>{''.join(f'<td>{_number(values[name])}</td>' for name in names)}</tr>"
        for statistic, values in comparison.market.items()
    )
    return f"<table><tr><th>statistic</th>{heads}</tr>{body}</table>"


def _cells(values: tuple[float, ...]) -> str:
    return "".join(f"<td>{_number(value)}</td>" for value in values)


def _distance(row: Row) -> str:
    if row.distance is None or row.chance is None:
        return "–"
    kind = "near" if row.distance <= row.chance else "far"
    return f'<span class="{kind}">{row.distance:.2f}</span> ({row.chance:.2f})'


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
