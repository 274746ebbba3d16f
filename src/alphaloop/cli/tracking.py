"""``alphaloop pumpfun track`` and ``untrack``: whom a running collector tracks by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli.collect import API_ADDRESS, API_TOKEN
from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, say

PATIENCE_S = 15.0

WalletArgument = Annotated[str, typer.Argument(help="Address of the wallet.")]
DataOption = Annotated[
    Path,
    typer.Option("--data", help="Folder of the collector, which runs with --api; its token and address are there."),
]
BusOption = Annotated[
    str | None, typer.Option("--bus", help="redis://HOST:PORT/DB of the collector: ask over its bus, not its API.")
]


def track(
    wallet: WalletArgument, data: DataOption = Path("pumpfun"), bus: BusOption = None, as_json: JsonFlag = False
) -> None:
    """Have a running collector track a wallet by hand: its buys are signals from now on, until it is untracked.

    It is recorded as a command among the events before it is carried out, so every replay does it at the same place.
    """
    _ask(wallet, True, data, bus, as_json)


def untrack(
    wallet: WalletArgument, data: DataOption = Path("pumpfun"), bus: BusOption = None, as_json: JsonFlag = False
) -> None:
    """Have a running collector track a wallet no more, however it came to be tracked."""
    _ask(wallet, False, data, bus, as_json)


def _ask(wallet: str, tracked: bool, data: Path, bus: str | None, as_json: bool) -> None:
    with exit_codes():
        known_ns = _over_the_api(wallet, tracked, data) if bus is None else _over_the_bus(wallet, tracked, bus)
        emit({"ok": True, "wallet": wallet, "tracked": tracked, "known_ns": known_ns}, as_json, _show)


def _over_the_bus(wallet: str, tracked: bool, url: str) -> int:
    import asyncio

    from alphaloop.bus.address import open_bus
    from alphaloop.core.errors import InputError
    from alphaloop.markets.pumpfun.commands import ask_to_track

    if url.startswith("memory:"):
        raise InputError(f"--bus {url}: such a bus is inside its process; leave --bus out to ask the collector's API")

    async def ask() -> int:
        async with open_bus(url) as opened:
            return await ask_to_track(opened, wallet, tracked)

    return asyncio.run(ask())


def _over_the_api(wallet: str, tracked: bool, data: Path) -> int:
    import asyncio

    from alphaloop.core.extras import require

    require("solana", "aiohttp", "aiohttp_socks")
    from alphaloop.core.errors import AwayError, InputError
    from alphaloop.markets.pumpfun.ingest.http import Answer, Http, HttpError
    from alphaloop.markets.pumpfun.wire.commands import tracking_data

    tracking_data(wallet, tracked)
    address, token = _kept(data / API_ADDRESS), os.environ.get("ALPHALOOP_API_TOKEN") or _kept(data / API_TOKEN)

    async def ask() -> Answer:
        method, headers = "PUT" if tracked else "DELETE", {"Authorization": f"Bearer {token}"}
        async with Http(PATIENCE_S) as client:
            return await client.request(method, f"{address}/tracked/{wallet}", headers=headers)

    try:
        answer = asyncio.run(ask())
        said: dict[str, Any] = json.loads(answer.content)
    except (HttpError, ValueError) as error:
        what = error.kind if isinstance(error, HttpError) else type(error).__name__
        raise AwayError(
            f"{address}: the collector's API does not answer ({what}); see that it runs with --api"
        ) from None
    if answer.status == 503:
        raise AwayError(said["error"])
    if answer.status != 200:
        raise InputError(f"{address}: {said.get('error', answer.status)}")
    return int(said["knownNs"])


def _kept(path: Path) -> str:
    from alphaloop.core.errors import InputError

    try:
        return path.read_text().strip()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); give --data, the folder of a collector that runs with --api, "
            "or --bus, where it has a Redis"
        ) from None


def _show(result: Mapping[str, Any]) -> None:
    say(f"{result['wallet']} is {'tracked by hand' if result['tracked'] else 'tracked no more'}")
    note(f"recorded as known at {result['known_ns']}")
