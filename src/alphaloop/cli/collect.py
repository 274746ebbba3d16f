"""``alphaloop collect``: from the chain, or from a recording of it, to signals and outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

if TYPE_CHECKING:
    import asyncio

    from alphaloop.bus.contract import Bus
    from alphaloop.markets.pumpfun.services.assembly import Beside
    from alphaloop.markets.pumpfun.services.settings import CollectSettings
    from alphaloop.stores.records import Records

IDLE_S = 2.0
LEAST_TOKEN = 16
API_TOKEN = "api-token"  # noqa: S105 - the name of a file
API_ADDRESS = "api-address"
CHAIN_ONLY = {
    "bus": "a replay publishes nothing",
    "endpoints": "a replay asks nobody",
    "archive": "a replay moves nothing away",
    "api": "serve what it stored with alphaloop pumpfun serve",
    "api_port": "serve what it stored with alphaloop pumpfun serve",
    "duration": "a replay ends with its recording",
    "until_idle": "a replay ends with its recording",
}
"""Options of the command line that mean nothing to a replay, and why."""


def collect(
    context: typer.Context,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", help="A recording, or files of events, curves or instructions, instead of the chain."),
    ] = None,
    data: Annotated[Path, typer.Option("--data", help="Folder of the recording and of what must survive.")] = Path(
        "pumpfun"
    ),
    db: Annotated[
        str | None,
        typer.Option(
            "--db", envvar="DATABASE_URL", help="sqlite:///FILE or postgresql://...; default: DATA/pumpfun.db."
        ),
    ] = None,
    bus: Annotated[
        str, typer.Option("--bus", envvar="REDIS_URL", help="memory:// or redis://HOST:PORT/DB.")
    ] = "memory://",
    models: Annotated[Path | None, typer.Option("--models", help="Registry or folder of models that score.")] = None,
    endpoints: Annotated[
        Path | None,
        typer.Option("--endpoints", help="TOML file; without it RPC_WS_URLS, RPC_HTTP_URLS and RPC_KEYS say them."),
    ] = None,
    archive: Annotated[
        str | None, typer.Option("--archive", help="Where trades older than 60 days go: folder or URL. Default: DATA.")
    ] = None,
    settings: Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")] = None,
    pumpswap: Annotated[
        bool, typer.Option("--pumpswap/--no-pumpswap", help="Follow PumpSwap too, for coins that have graduated.")
    ] = False,
    api: Annotated[
        bool, typer.Option("--api", help="Serve the API in this process, on loopback, with a token.")
    ] = False,
    api_port: Annotated[int, typer.Option("--api-port", min=0, max=65_535, help="0 for any that is free.")] = 8787,
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

        if report is not None and (replay is None or report.suffix not in (".html", ".json")):
            raise InputError(f"--report {report}: give it with --replay, and a name that ends in .html or .json")
        if replay is not None:
            refuse_for_replay(context)
        log_to_standard_error(as_json)
        chosen = choose(settings, pumpswap, archive, data)
        database = db or f"sqlite:///{data / 'pumpfun.db'}"
        if replay is not None:
            from alphaloop.markets.pumpfun.services.assembly import models_of
            from alphaloop.markets.pumpfun.services.replay import replay_into

            scoring = None if models is None else models_of(models)
            emit(replay_into(replay, database, chosen, report, progress, scoring), as_json, show_replay)
            return
        from alphaloop.core.extras import require

        require("solana", "aiohttp", "aiohttp_socks", "websockets", "python_socks")
        from alphaloop.live.shutdown import stop_on_signals
        from alphaloop.markets.pumpfun.services.assembly import Places
        from alphaloop.markets.pumpfun.services.assembly import collect as collect_from_chain
        from alphaloop.markets.pumpfun.services.collect import Limits

        places = Places(data, database, bus, models, endpoints)
        limits = Limits(duration, IDLE_S if until_idle else None)
        beside = serve_beside(data, api_port) if api else None
        with stop_on_signals() as stop:
            result = collect_from_chain(places, chosen, limits, lambda: stop.asked, beside=beside)
        note("stopped; the same command goes on from here")
        emit(result, as_json, show)


def refuse_for_replay(context: typer.Context) -> None:
    """Refuse what the command line asks of the chain's collector only; the environment may be set for that one."""
    from alphaloop.core.errors import InputError

    for name, why in CHAIN_ONLY.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(f"--{name.replace('_', '-')} with --replay: {why}; leave it out")


def choose(file: Path | None, pumpswap: bool, archive: str | None, data: Path) -> CollectSettings:
    """Give the settings of a file, with what the command line says on top."""
    from alphaloop.markets.pumpfun.services.settings import CollectSettings
    from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM

    chosen = CollectSettings() if file is None else CollectSettings.read(file)
    if pumpswap and AMM_PROGRAM not in chosen.stream.programs:
        stream = chosen.stream.model_copy(update={"programs": (*chosen.stream.programs, AMM_PROGRAM)})
        chosen = chosen.model_copy(update={"stream": stream})
    if archive is not None or "archive" not in chosen.model_fields_set:
        kept = chosen.archive.model_copy(update={"url": archive or str(data / "archive")})
        chosen = chosen.model_copy(update={"archive": kept})
    return chosen


def serve_beside(data: Path, port: int, *, token_file: str = API_TOKEN, address_file: str = API_ADDRESS) -> Beside:
    """Give what serves the API inside the collector.

    The token is that of ``ALPHALOOP_API_TOKEN``, or a new one that only the owner of ``DATA/api-token`` can read. The
    address is written to ``DATA/api-address``, for the commands that ask a running collector.

    Parameters
    ----------
    token_file, address_file : str
        Other names in that folder.
    """
    import os

    from pydantic import SecretStr

    from alphaloop.core.errors import InputError
    from alphaloop.core.extras import require
    from alphaloop.core.files import write_text

    require("web", "fastapi", "uvicorn")
    from alphaloop.markets.pumpfun.api import PumpPart
    from alphaloop.web.app import create_app
    from alphaloop.web.server import serve
    from alphaloop.web.settings import WebSettings

    given = os.environ.get("ALPHALOOP_API_TOKEN")
    if given is not None and len(given) < LEAST_TOKEN:
        raise InputError(f"ALPHALOOP_API_TOKEN has {len(given)} characters; give {LEAST_TOKEN} or more, or none")
    settings = WebSettings(port=port) if given is None else WebSettings(port=port, token=SecretStr(given))

    async def beside(records: Records, bus: Bus, end: asyncio.Event) -> None:
        if given is None:
            keep_token(data / token_file, settings.token.get_secret_value())
        app = create_app([PumpPart(records, bus)], settings)
        await serve(app, settings, end, ready)

    def ready(url: str) -> None:
        write_text(data / address_file, url + "\n")
        note(f"serving {url}")

    return beside


def keep_token(path: Path, token: str) -> None:
    """Write a token where nobody but its owner can read it."""
    import os

    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(token + "\n")
    path.chmod(0o600)
    note(f"the API's token is in {path}")


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
        # Looked up at each line: whoever runs commands in one process may have put another stream in its place.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def show(result: Mapping[str, Any]) -> None:
    """Print what a run of the collector came to, for people."""
    intake, market = result["intake"], result["market"]
    say(f"ran for       {result['seconds']:,.1f} s")
    say(f"transactions  {intake['transactions']:,}, {intake['duplicates']:,} known, {intake['filled']:,} from gaps")
    say(f"events        {market['events']:,}, {market['replayed']:,} from the recording; {market['damaged']:,} refused")
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
    if result["scores"]:
        say(f"scores {result['scores']:,}")
