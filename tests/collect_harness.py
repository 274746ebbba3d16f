"""The collector as a process of its own, on a clock that runs faster than the wall's: a minute's window takes a second.

Run as a script with one JSON argument: ``data``, ``db``, ``bus``, ``origin_ns`` (of the clock), ``wall_ns`` (when it
began), ``speed``, ``settings``, ``models`` (a folder, or null), ``endpoints`` (a TOML file). The wallets in
``commands`` are tracked and untracked by hand at random, again and again; what was answered is forced to disk in
``answered`` beside the data.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FastClock:
    """`speed` seconds pass in one."""

    origin_ns: int
    wall_ns: int
    speed: float

    def now_ns(self) -> int:
        return self.origin_ns + int((time.time_ns() - self.wall_ns) * self.speed)


async def command(bus: Any, wallets: list[str], answered: Path) -> None:
    from alphaloop.core.errors import AwayError
    from alphaloop.markets.pumpfun.commands import ask_to_track

    with answered.open("a") as file:
        while True:
            wallet, tracked = random.choice(wallets), random.random() < 0.6
            try:
                known_ns = await ask_to_track(bus, wallet, tracked, patience_s=0.5)
            except AwayError:  # it restores
                await asyncio.sleep(0.02)
                continue
            file.write(json.dumps([known_ns, wallet, tracked]) + "\n")
            file.flush()
            os.fsync(file.fileno())
            await asyncio.sleep(0.02)


def main() -> None:
    from alphaloop.cli.collect import log_to_standard_error
    from alphaloop.live.shutdown import stop_on_signals
    from alphaloop.markets.pumpfun.services.assembly import Places, collect
    from alphaloop.markets.pumpfun.services.collect import Limits
    from alphaloop.markets.pumpfun.services.settings import CollectSettings

    log_to_standard_error(as_json=True)
    given = json.loads(sys.argv[1])
    clock = FastClock(given["origin_ns"], given["wall_ns"], given["speed"])
    models = None if given.get("models") is None else Path(given["models"])
    places = Places(Path(given["data"]), given["db"], given["bus"], models, Path(given["endpoints"]))
    settings = CollectSettings.parse(given["settings"], "test")

    async def beside(_records: Any, bus: Any, end: asyncio.Event) -> None:
        commanding = asyncio.create_task(command(bus, given["commands"], places.data / "answered"))
        try:
            await end.wait()
        finally:
            commanding.cancel()
            await asyncio.gather(commanding, return_exceptions=True)

    with stop_on_signals() as stop:
        others = {"beside": beside} if given.get("commands") else {}
        result = collect(places, settings, Limits(), lambda: stop.asked, clock, **others)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
