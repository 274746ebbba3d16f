"""``alphaloop live``: the trader, and everything that people ask of it while it runs and afterwards."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli import live_pages as pages
from alphaloop.cli.collect import log_to_standard_error
from alphaloop.cli.live_dashboard import dashboard
from alphaloop.cli.live_options import HERE, REDIS, Account, BusUrl, Data, Db, records_of
from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

LONGEST_SPAN_S = 36_500 * 86_400.0

app = typer.Typer(help="Trade signals as they come: on paper unless told otherwise.", no_args_is_help=False)
app.command()(dashboard)


@app.callback(invoke_without_command=True)
def live(
    context: typer.Context,
    settings: Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")] = None,
    models: Annotated[Path, typer.Option("--models", help="Registry or folder of models that score.")] = Path("models"),
    data: Data = HERE,
    db: Db = None,
    collected: Annotated[
        str | None, typer.Option("--collected", help="The collector's database, for warnings; default: that of --db.")
    ] = None,
    bus: BusUrl = REDIS,
    endpoints: Annotated[
        Path | None,
        typer.Option("--endpoints", help="TOML file; without it RPC_WS_URLS, RPC_HTTP_URLS and RPC_KEYS say them."),
    ] = None,
    money: Annotated[
        bool, typer.Option("--money", help="Trade with real money; needs a key file, and LIVE_DRY_RUN not set to true.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option("--key", help="Key file of the wallet, readable by its owner alone (chmod 600).")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="A recording of the collector: live through it as fast as it goes.")
    ] = None,
    clear_halt: Annotated[bool, typer.Option("--clear-halt", help="Lift a halt of the account at the start.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="Serve /livez, /readyz and /metrics on loopback.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Trade signals as they come: on paper unless told otherwise; stop, kill and start it at will."""
    if context.invoked_subcommand is not None:
        return
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.core.extras import require
        from alphaloop.live.shutdown import stop_on_signals

        require("solana", "solders", "aiohttp", "aiohttp_socks")
        from alphaloop.markets.pumpfun.live.assembly import LivePlaces, trade
        from alphaloop.markets.pumpfun.live.modes import chosen_mode
        from alphaloop.markets.pumpfun.live.settings import LiveSettings

        log_to_standard_error(as_json)
        chosen = LiveSettings() if settings is None else LiveSettings.read(settings)
        mode = chosen_mode(money, key, os.environ)
        database = db or f"sqlite:///{data / 'live.db'}"
        places = LivePlaces(data, database, collected or database, bus, models, endpoints, key)
        if replay is not None:
            from alphaloop.markets.pumpfun.live.replay import live_through

            emit(live_through(replay, database, models, chosen, progress), as_json, pages.show_run)
            return
        beside = None
        if port is not None:
            require("web", "fastapi", "uvicorn")
            require("live", "prometheus_client")
            from alphaloop.cli.live_health import health_beside

            beside = health_beside(port, lambda url: note(f"serving {url}"))
        with stop_on_signals() as stop:
            result = trade(places, chosen, mode, stop, clear_halt=clear_halt, beside=beside, tell=note)
        left = len(result["positions"])
        note("stopped; the same command goes on from here" + (f", with {left} positions unwatched" if left else ""))
        emit(result, as_json, pages.show_run)


@app.command()
def status(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """Say how the running trader does: balance, breakers, models, what stopped signals."""
    with exit_codes():
        emit(_ask("status", {}, data, db, bus, account), as_json, pages.show_status)


@app.command()
def positions(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """List what the running trader holds, with the newest prices."""
    with exit_codes():
        emit(_ask("positions", {}, data, db, bus, account), as_json, pages.show_positions)


@app.command()
def stop(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """End the running trader; its positions stay open, and the next start goes on with them."""
    with exit_codes():
        emit(_ask("stop", {}, data, db, bus, account), as_json, pages.show_stop)


@app.command(name="stop-entries")
def stop_entries(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """Enter nothing more, over restarts too, until `resume`; exits go on."""
    with exit_codes():
        emit(_ask("stop_entries", {}, data, db, bus, account), as_json, pages.show_status)


@app.command()
def resume(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """Enter again after `stop-entries`."""
    with exit_codes():
        emit(_ask("resume", {}, data, db, bus, account), as_json, pages.show_status)


@app.command(name="clear-halt")
def clear_halt(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """Lift a halt and a pause after losses."""
    with exit_codes():
        emit(_ask("clear_halt", {}, data, db, bus, account), as_json, pages.show_status)


@app.command(name="force-exit")
def force_exit(
    mint: Annotated[str, typer.Argument(help="The token to leave.")],
    data: Data = HERE,
    db: Db = None,
    bus: BusUrl = REDIS,
    account: Account = None,
    as_json: JsonFlag = False,
) -> None:
    """Sell a position now, whatever its strategy says."""
    with exit_codes():
        emit(_ask("force_exit", {"asset": mint}, data, db, bus, account), as_json, pages.show_status)


@app.command()
def reload(
    data: Data = HERE, db: Db = None, bus: BusUrl = REDIS, account: Account = None, as_json: JsonFlag = False
) -> None:
    """Look for new models now; a bad one is refused and the one before it stays."""
    with exit_codes():
        emit(_ask("reload", {}, data, db, bus, account), as_json, lambda _: say("looking for new models"))


@app.command()
def config(
    settings: Annotated[Path | None, typer.Option("--settings", help="TOML file of settings.")] = None,
    running: Annotated[bool, typer.Option("--running", help="Ask the running trader for those it has.")] = False,
    data: Data = HERE,
    db: Db = None,
    bus: BusUrl = REDIS,
    account: Account = None,
    as_json: JsonFlag = False,
) -> None:
    """Show every setting that a start with this file would use, or that the running trader has, defaults included."""
    with exit_codes():
        from alphaloop.core.errors import InputError
        from alphaloop.markets.pumpfun.live.settings import LiveSettings

        if running:
            if settings is not None:
                raise InputError("--settings shows what a start would use, --running what the trader has; give one")
            emit(_ask("config", {}, data, db, bus, account), as_json, pages.show_config)
            return
        chosen = LiveSettings() if settings is None else LiveSettings.read(settings)
        emit(chosen.model_dump(mode="json"), as_json, pages.show_config)


@app.command()
def trades(
    data: Data = HERE,
    db: Db = None,
    account: Account = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="Newest trades at most.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """List trades from the database, newest first; the trader need not be running."""
    with exit_codes(), records_of(data, db) as records:
        from alphaloop.markets.pumpfun.live import reports

        chosen = reports.chosen_account(records, account)["account"]
        emit({"account": chosen, "trades": reports.trades(records, chosen, limit=limit)}, as_json, pages.show_trades)


@app.command()
def why(
    signal_id: Annotated[str, typer.Argument(help="A signal, whole or its first letters.")],
    data: Data = HERE,
    db: Db = None,
    account: Account = None,
    as_json: JsonFlag = False,
) -> None:
    """Explain what was decided on one signal, from what, and what came of it."""
    with exit_codes(), records_of(data, db) as records:
        from alphaloop.markets.pumpfun.live import reports

        chosen = reports.chosen_account(records, account)["account"]
        emit(reports.why(records, chosen, signal_id), as_json, pages.show_why)


@app.command(name="why-not")
def why_not(
    data: Data = HERE,
    db: Db = None,
    account: Account = None,
    last: Annotated[str, typer.Option("--last", help="How far back: 30m, 1h, 2d.")] = "1h",
    as_json: JsonFlag = False,
) -> None:
    """Count what stopped signals from being traded."""
    with exit_codes(), records_of(data, db) as records:
        from alphaloop.core.clock import SystemClock, to_ns
        from alphaloop.markets.pumpfun.live import reports

        chosen = reports.chosen_account(records, account)["account"]
        since_ns = SystemClock().now_ns() - to_ns(seconds_of(last))
        emit(reports.why_not(records, chosen, since_ns), as_json, pages.show_why_not)


def seconds_of(span: str) -> float:
    """Seconds of a span such as ``30m``.

    Raises
    ------
    InputError
        If it is none.
    """
    from alphaloop.core.errors import InputError

    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
    number, unit = span[:-1], span[-1:]
    if unit not in units or not number.isascii() or not number.replace(".", "", 1).isdigit():
        raise InputError(f"--last {span!r} is no span of time; give a number and s, m, h or d, such as 1h")
    seconds = float(number) * units[unit]
    if seconds > LONGEST_SPAN_S:
        raise InputError(
            f"--last {span!r} is longer than there are records; give {LONGEST_SPAN_S / units['d']:g}d at most"
        )
    return seconds


def _only_account(data: Path, db: str | None) -> str:
    """The one account of a database.

    Raises
    ------
    InputError
        If it has none, or several.
    StoreAwayError
        If the database is away, with how to do without it.
    """
    from alphaloop.core.errors import StoreAwayError
    from alphaloop.markets.pumpfun.live import reports

    try:
        with records_of(data, db) as records:
            return str(reports.chosen_account(records, None)["account"])
    except StoreAwayError as away:
        raise StoreAwayError(f"{away}; name the account by --account to reach its trader without it") from None


def _ask(
    name: str, arguments: Mapping[str, str], data: Path, db: str | None, bus: str, account: str | None
) -> dict[str, Any]:
    """Give a command to the running trader of an account."""
    import asyncio

    from alphaloop.bus.address import open_bus
    from alphaloop.core.clock import SystemClock
    from alphaloop.markets.pumpfun.live import control

    token = control.read_token(data, os.environ, make=False)
    chosen = account or _only_account(data, db)

    async def ask() -> dict[str, Any]:
        async with open_bus(bus) as opened:
            return await control.ask(opened, chosen, token, SystemClock(), name, arguments, getpass.getuser())

    return asyncio.run(ask())
