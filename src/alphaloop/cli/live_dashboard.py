"""``alphaloop live dashboard``: the trader in a browser."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from alphaloop.cli.collect import log_to_standard_error
from alphaloop.cli.live_options import HERE, REDIS, Account, BusUrl, Data, Db, records_of
from alphaloop.cli.output import JsonFlag, emit, exit_codes, note


def dashboard(
    data: Data = HERE,
    db: Db = None,
    bus: BusUrl = REDIS,
    account: Account = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; loopback unless told otherwise.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 for any that is free.")] = 8789,
    as_json: JsonFlag = False,
) -> None:
    """Show the trader in a browser, and pass on what a person wants of it; opened with the trader's token."""
    with exit_codes():
        import asyncio

        from alphaloop.bus.address import open_bus
        from alphaloop.core.clock import SystemClock
        from alphaloop.core.extras import require
        from alphaloop.live.shutdown import Stop, event_of, stop_on_signals
        from alphaloop.markets.pumpfun.live import control

        require("web", "fastapi", "uvicorn", "jinja2")
        from alphaloop.markets.pumpfun.live.dashboard.routes import DashboardPages
        from alphaloop.markets.pumpfun.live.dashboard.view import View
        from alphaloop.web.browser import browser_app
        from alphaloop.web.server import serve
        from alphaloop.web.settings import WebSettings

        log_to_standard_error(as_json)
        token, clock = control.read_token(data, os.environ, make=False), SystemClock()
        settings = WebSettings(host=host, port=port, token=token)

        def ready(url: str) -> None:
            place = control.TOKEN_ENV if control.TOKEN_ENV in os.environ else data / "live-token"
            note(f"serving {url.removesuffix('/api')}; the token that opens it is in {place}")

        async def run(stop: Stop) -> None:
            async with open_bus(bus) as opened, event_of(stop) as end:

                async def ask(trader: str, name: str, arguments: Mapping[str, str]) -> dict[str, Any]:
                    return await control.ask(opened, trader, token, clock, name, arguments, "dashboard")

                pages = DashboardPages(View(records, ask, clock, account))
                await serve(browser_app(pages, settings, clock), settings, end, ready)

        with records_of(data, db) as records, stop_on_signals() as stop:
            asyncio.run(run(stop))
        emit({"ok": True}, as_json, lambda _: note("stopped"))
