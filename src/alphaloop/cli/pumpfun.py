"""``alphaloop pumpfun``: what happened on Pump.fun, from the chain's own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, say

app = typer.Typer(no_args_is_help=True)


@app.command()
def decode(
    file: Annotated[
        Path, typer.Argument(help="JSON or JSON lines: logs notifications, getTransaction answers, records of either.")
    ],
    as_json: JsonFlag = False,
) -> None:
    """Decode every event of the Pump program in a file, in order, each field by the chain's name."""
    with exit_codes():
        from alphaloop.markets.pumpfun.wire.listing import list_events

        emit({"ok": True, "file": str(file), **list_events(file)}, as_json, _show_events)


def _show_events(result: Mapping[str, Any]) -> None:
    for event in result["events"] + result["amm_events"]:
        say(f"{event['event']}  log {event['log_index']}  {event['signature'] or 'no signature'}")
        for name, value in event["fields"].items():
            say(f"  {name:<28} {value}")
        if event["extra"]:
            say(f"  {'extra (newer layout)':<28} {event['extra']}")
    counts = f"{len(result['events'])} events, {len(result['amm_events'])} of pools"
    note(f"{counts} in {result['transactions']} transactions, {result['failed']} of them failed")
    for signature in result["truncated"]:
        note(f"logs of {signature} were cut: later events are missing; decode its getTransaction answer")
