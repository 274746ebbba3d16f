"""``alphaloop pumpfun serve``: the API over what is stored, without a collector in the process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphaloop.cli.collect import log_to_standard_error, serve_beside
from alphaloop.cli.output import JsonFlag, emit, exit_codes, note


def serve(
    db: Annotated[
        str,
        typer.Option(
            "--db",
            envvar="DATABASE_URL",
            help="sqlite:///FILE or postgresql://..., as a collector or a replay left it.",
        ),
    ],
    data: Annotated[Path, typer.Option("--data", help="Folder for serve-token and serve-address.")] = Path("pumpfun"),
    bus: Annotated[
        str, typer.Option("--bus", envvar="REDIS_URL", help="Redis of the collector whose feed is passed on.")
    ] = "memory://",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 for any that is free.")] = 8788,
    as_json: JsonFlag = False,
) -> None:
    """Serve the API of a database, on loopback, with a token; without the collector's Redis its feed is silent."""
    with exit_codes():
        import asyncio

        from alphaloop.bus.address import open_bus
        from alphaloop.core.errors import InputError
        from alphaloop.live.shutdown import event_of, stop_on_signals
        from alphaloop.markets.pumpfun.services.assembly import open_database

        file = Path(db.removeprefix("sqlite:///"))
        if db.startswith("sqlite:///") and not file.is_file():
            raise InputError(f"--db {db}: there is no such file; collect or replay into it first")
        log_to_standard_error(as_json)
        beside = serve_beside(data, port, token_file="serve-token", address_file="serve-address")  # noqa: S106

        async def run() -> None:
            async with open_bus(bus) as opened, event_of(stop) as end:
                await beside(records, opened, end)

        with open_database(db) as records, stop_on_signals() as stop:
            asyncio.run(run())
        emit({"ok": True}, as_json, lambda _: note("stopped"))
