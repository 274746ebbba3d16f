"""``alphaloop collect``: from the chain, or from a recording of it, to signals and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

IDLE_S = 2.0


def collect(
    replay: Annotated[
        Path | None,
        typer.Option("--replay", help="A recording, or files of events, curves or instructions, instead of the chain."),
    ] = None,
    data: Annotated[Path, typer.Option("--data", help="Folder of the recording and of what must survive.")] = Path(
        "pumpfun"
    ),
    db: Annotated[
        str | None, typer.Option("--db", help="sqlite:///FILE or postgresql://...; default: DATA/pumpfun.db.")
    ] = None,
    bus: Annotated[str, typer.Option("--bus", help="memory:// or redis://HOST:PORT/DB.")] = "memory://",
    models: Annotated[Path | None, typer.Option("--models", help="Registry or folder of models that score.")] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option("--endpoints", help="TOML file; without it RPC_WS_URLS, RPC_HTTP_URLS and RPC_KEYS say them."),
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")] = None,
    pumpswap: Annotated[
        bool, typer.Option("--pumpswap/--no-pumpswap", help="Follow PumpSwap too, for coins that have graduated.")
    ] = False,
    duration: Annotated[float | None, typer.Option("--duration", min=0.1, help="Stop after so many seconds.")] = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help=f"Stop when nothing has come for {IDLE_S:g} s and all is worked off.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="With --replay: write what each file allowed, as .html or .json.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Record what happens on Pump.fun, and turn it into signals, outcomes and scores; stop, kill, start it at will."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.core.errors import InputError
        from alphaloop.core.extras import require

        require("solana", "httpx", "websockets")
        log_to_standard_error(as_json)
        from alphaloop.live.shutdown import stop_on_signals
        from alphaloop.markets.pumpfun.services.assembly import Places, collect
        from alphaloop.markets.pumpfun.services.collect import Limits
        from alphaloop.markets.pumpfun.services.settings import CollectSettings
        from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM

        chosen = CollectSettings() if settings is None else CollectSettings.read(settings)
        if pumpswap and AMM_PROGRAM not in chosen.stream.programs:
            stream = chosen.stream.model_copy(update={"programs": (*chosen.stream.programs, AMM_PROGRAM)})
            chosen = chosen.model_copy(update={"stream": stream})
        if report is not None and (replay is None or report.suffix not in (".html", ".json")):
            raise InputError(f"--report {report}: give it with --replay, and a name that ends in .html or .json")
        database = db or f"sqlite:///{data / 'pumpfun.db'}"
        if replay is not None:
            from alphaloop.markets.pumpfun.services.replay import replay_into

            result = replay_into(replay, database, chosen, report, progress)
            emit(result, as_json, show_replay)
            return
        places = Places(data, database, bus, models, endpoints)
        limits = Limits(duration, IDLE_S if until_idle else None)
        with stop_on_signals() as stop:
            result = collect(places, chosen, limits, lambda: stop.asked)
        note("stopped; the same command goes on from here")
        emit(result, as_json, show)


def log_to_standard_error(as_json: bool) -> None:
    """Send structured logs to standard error: for people where they read along, one JSON object a line elsewhere."""
    import logging
    import sys

    import structlog

    readable = sys.stderr.isatty() and not as_json
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer() if readable else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def show(result: Mapping[str, Any]) -> None:
    """Print what a run of the collector came to, for people."""
    intake, market = result["intake"], result["market"]
    say(f"ran for       {result['seconds']:,.1f} s")
    say(
        f"transactions  {intake['transactions']:,}, {intake['duplicates']:,} seen before, {intake['filled']:,} from gaps"
    )
    say(
        f"events        {market['events']:,} new and {market['replayed']:,} from the recording; {market['damaged']} refused"
    )
    say(f"signals       {result['signals']:,}")
    say(f"rows stored   {result['stored_rows']:,}, {result['waiting_rows']:,} wait")
    for endpoint in result["endpoints"]:
        state = "healthy" if endpoint["healthy"] else f"rests ({endpoint['last_error']})"
        say(f"endpoint      {endpoint['endpoint']}: {state}, {endpoint['units_left']:,} units left")


def show_replay(result: Mapping[str, Any]) -> None:
    """Print what a replay came to, for people."""
    for file in result["files"]:
        say(f"{file['file']}: {file['kind']}, {file['rows']:,} rows")
        for line in file["allowed"]:
            say(f"  gives     {line}")
        for line in file["not_allowed"]:
            say(f"  not       {line}")
    say(f"events {result['events']:,}, signals {result['signals']:,}, rows stored {result['stored_rows']:,}")
