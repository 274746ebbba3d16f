"""The collector as a process of its own, on a clock that runs faster than the wall's: a minute's window takes a second.

Run as a script with one JSON argument: ``data``, ``db``, ``bus``, ``origin_ns`` (of the clock), ``wall_ns`` (when it
began), ``speed``, ``settings``; endpoints come from the environment.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FastClock:
    """`speed` seconds pass in one."""

    origin_ns: int
    wall_ns: int
    speed: float

    def now_ns(self) -> int:
        return self.origin_ns + int((time.time_ns() - self.wall_ns) * self.speed)


def main() -> None:
    from alphaloop.cli.collect import log_to_standard_error
    from alphaloop.live.shutdown import stop_on_signals
    from alphaloop.markets.pumpfun.services.assembly import Places, collect
    from alphaloop.markets.pumpfun.services.collect import Limits
    from alphaloop.markets.pumpfun.services.settings import CollectSettings

    log_to_standard_error(as_json=True)
    given = json.loads(sys.argv[1])
    clock = FastClock(given["origin_ns"], given["wall_ns"], given["speed"])
    places = Places(Path(given["data"]), given["db"], given["bus"])
    settings = CollectSettings.parse(given["settings"], "test")
    with stop_on_signals() as stop:
        result = collect(places, settings, Limits(), lambda: stop.asked, clock)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
