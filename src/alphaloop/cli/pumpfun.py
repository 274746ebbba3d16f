"""``alphaloop pumpfun``: what happened on Pump.fun, from the chain's own bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli import serving, tracking
from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

app = typer.Typer(no_args_is_help=True)
app.command()(tracking.track)
app.command()(tracking.untrack)
app.command()(serving.serve)


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


@app.command()
def simulate(
    out: Annotated[Path, typer.Option(help="Empty or new folder for the recording and its truth.")],
    days: Annotated[float, typer.Option(min=0.001, max=400, help="Simulated days.")] = 1.0,
    launches: Annotated[int, typer.Option(min=100, max=200_000, help="Launches a day.")] = 30_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    skill: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Strength of all that is planted; 0: nothing can be predicted.")
    ] = 1.0,
    as_json: JsonFlag = False,
) -> None:
    """Simulate a market of launches and write it as a recording, in the chain's own bytes."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.markets.pumpfun.simulator.chain import simulate as run
        from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings

        settings = SimulationSettings(days=days, launches_per_day=launches, seed=seed, skill=skill)
        done = run(settings, out, progress)
        result = {"ok": True, "out": str(out), "truth": str(out / "truth"), "settings_hash": settings.hash}
        counts = {name: getattr(done, name) for name in ("records", "launches", "graduations", "segments")}
        emit(result | counts | {"seconds": round(done.seconds, 3)}, as_json, _show_simulation)


@app.command()
def compare(
    recording: Annotated[Path, typer.Argument(help="A recording: of the collector, or simulated.")],
    data: Annotated[Path, typer.Option(help="Folder of the recorded sets, with pumpfun/ and memecoin/ in it.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the report: .html or .json.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare how launches go in a recording with recorded sets, each seen as its collector saw it."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.core.errors import DataError
        from alphaloop.markets.pumpfun.simulator.comparison import compare as put_beside
        from alphaloop.markets.pumpfun.simulator.report import write_report
        from alphaloop.markets.pumpfun.simulator.statistics import read_market

        if out is not None and out.suffix not in (".html", ".json"):
            raise DataError(f"--out {out} is neither .html nor .json; name the file so")
        progress("reading the recording", 0, 0)
        found = put_beside(read_market(recording), data)
        if out is not None:
            write_report(found, out)
        emit({"ok": True, "out": str(out) if out else None, **found.to_dict()}, as_json, _show_comparison)


def _show_simulation(result: Mapping[str, Any]) -> None:
    say(f"wrote {result['records']:,} records in {result['segments']} segments to {result['out']}")
    say(f"{result['launches']:,} launches, {result['graduations']:,} of them graduated; {result['seconds']:.1f} s")
    note(f"what was planted is in {result['truth']}: wallets, creators and tokens")


def _show_comparison(result: Mapping[str, Any]) -> None:
    say(f"{result['launches']:,} launches, {result['trades']:,} trades, {result['hours']:.1f} hours")
    say(f"{'source':<16} {'statistic':<18} {'recorded':>9} {'here':>9}   {'medians':>9} {'':>9}   distance (chance)")
    middle = result["quantiles"].index(0.5)
    for row in result["rows"]:
        means = f"{_number(row['real_mean'])} {_number(row['market_mean'])}"
        medians = f"{_number(row['real_quantiles'][middle])} {_number(row['market_quantiles'][middle])}"
        judged = "" if row["distance"] is None else f"{row['distance']:.2f} ({row['chance']:.2f})"
        say(f"{row['source']:<16} {row['statistic']:<18} {means}   {medians}   {judged}")
    for row in (row for row in result["rows"] if row["why"]):
        note(f"{row['source']}, {row['statistic']}, is beyond chance: {row['why']}")
    for sentence in result["unknown"]:
        note(sentence)


def _number(value: float | None) -> str:
    return f"{'-':>9}" if value is None else f"{value:>9.3g}"


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
