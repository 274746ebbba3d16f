"""What an endpoint's provider allows: requests per second, and request units per month and key."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from pathlib import Path

from alphaloop.core.clock import Clock, iso
from alphaloop.core.files import write_text

WINDOW_S = 1.05
"""A little over a second: requests sent evenly reach the server unevenly, and it counts by its own clock."""


class RateLimit:
    """At most `per_s` requests in any window of `WINDOW_S` seconds, not merely on average.

    Times are seconds of a monotonic clock; they must not decrease from call to call.
    """

    def __init__(self, per_s: int) -> None:
        self._starts: deque[float] = deque(maxlen=per_s)

    def reserve(self, now: float) -> float:
        """Take the next free place and give the time, now or later, at which the request may go out."""
        start = max(now, self._earliest(now))
        self._starts.append(start)
        return start

    def wait_s(self, now: float) -> float:
        """Seconds until a request could go out, without taking the place."""
        return max(0.0, self._earliest(now) - now)

    def _earliest(self, now: float) -> float:
        if not self._starts:
            return now
        oldest = self._starts[0] + WINDOW_S if len(self._starts) == self._starts.maxlen else now
        return max(oldest, self._starts[-1])


class Budgets:
    """Request units that each key has used in the running calendar month (UTC), kept in a file across restarts.

    The file names keys by a fingerprint, never by the key. It is written by `save`, which the collector calls from time
    to time: a crash forgets the units since then, so a budget close to its end may be exceeded by that much.

    Parameters
    ----------
    path : Path, optional
        Without it nothing is kept.
    """

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        self._clock = clock
        self._path = path
        self._month = self._now()
        self._used: dict[str, int] = {}
        if path is not None and path.is_file():
            self._read(path)

    def spend(self, key: str, units: int) -> None:
        """Count `units` against a key."""
        self._turn_page()
        name = fingerprint(key)
        self._used[name] = self._used.get(name, 0) + units

    def used(self, key: str) -> int:
        """Units that a key has used this month."""
        self._turn_page()
        return self._used.get(fingerprint(key), 0)

    def save(self) -> None:
        """Write the counts down, whole or not at all."""
        if self._path is not None:
            write_text(self._path, json.dumps({"month": self._month, "used": self._used}, sort_keys=True))

    def _read(self, path: Path) -> None:
        try:
            content = json.loads(path.read_text())
            if content["month"] == self._month:
                self._used = {str(name): int(units) for name, units in content["used"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            # A count that cannot be read is worth less than a collector that runs: it starts from nothing.
            self._used = {}

    def _turn_page(self) -> None:
        month = self._now()
        if month != self._month:
            self._month, self._used = month, {}

    def _now(self) -> str:
        return iso(self._clock.now_ns())[:7]


def fingerprint(key: str) -> str:
    """Name a secret without telling it: 12 hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]
