"""What a file allowed and what it did not: the lines of a replay's report."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from alphaloop.core.files import write_text


@dataclass
class FileReading:
    """One file of a replay.

    Attributes
    ----------
    kind : str
        What was recognised in it.
    rows : int
        Rows, documents or records that were read.
    allowed, not_allowed : list of str
        What came of it, with numbers; and what it cannot give, with the reason.
    windows : list of dict
        First minutes of launches, as far as the file tells them.
    """

    file: str
    kind: str
    rows: int = 0
    allowed: list[str] = field(default_factory=list)
    not_allowed: list[str] = field(default_factory=list)
    windows: list[dict[str, Any]] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """Give it as plain data, for JSON."""
        return asdict(self)


def write_reading(path: Path, result: Mapping[str, Any]) -> None:
    """Write the report of a replay as JSON, or as one HTML page that loads nothing; the name's ending decides."""
    if path.suffix == ".json":
        write_text(path, json.dumps(result, indent=2) + "\n")
    else:
        write_text(path, _page(result))


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2024 }
h2 { font-size: 1.05rem; margin: 2rem 0 .3rem } .kind { color: #60646c; font-weight: 400 }
li.not { color: #8a4b00 } table { border-collapse: collapse; font-size: 13px; margin: .5rem 0 }
td, th { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #e4e4e9 } th { color: #60646c }
td:first-child, th:first-child { text-align: left; font-family: ui-monospace, monospace }
@media (prefers-color-scheme: dark) { body { background: #111113; color: #edeef0 } li.not { color: #ffb86a } }
"""
SHOWN_WINDOWS = 50


def _page(result: Mapping[str, Any]) -> str:
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Replay</title>",
        f"<style>{STYLE}</style><h1>What the recorded files allow</h1>",
        f"<p>{result['events']:,} events, {result['signals']:,} signals, {result['stored_rows']:,} rows stored in "
        f"{result['seconds']:,.1f} s.</p>",
        _table([{"table": name, "rows": count} for name, count in result["tables"].items()]),
    ]
    for file in result["files"]:
        parts.append(
            f"<h2>{html.escape(file['file'])} <span class='kind'>{html.escape(file['kind'])}, "
            f"{file['rows']:,} rows</span></h2><ul>"
        )
        parts += [f"<li>{html.escape(line)}</li>" for line in file["allowed"]]
        parts += [f"<li class='not'>Not: {html.escape(line)}</li>" for line in file["not_allowed"]]
        parts.append("</ul>")
        parts.append(_table(file["windows"][:SHOWN_WINDOWS]))
        if len(file["windows"]) > SHOWN_WINDOWS:
            parts.append(f"<p>{len(file['windows']) - SHOWN_WINDOWS:,} more windows are in the JSON report.</p>")
    return "".join(parts) + "</html>\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    lines = ("".join(f"<td>{html.escape(_shown(value))}</td>" for value in row.values()) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _shown(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
