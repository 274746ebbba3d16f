"""An event loop whose time is virtual and whose order of ready callbacks is drawn: one seed, one history.

Nothing in it waits: when no callback is ready, time jumps to the next timer. What asyncio leaves open, in which order
tasks that are ready at one moment run, is drawn from the seed, so that different seeds try different interleavings.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import Any

from alphaloop.core.clock import NS_PER_S


class _NoSelector(selectors.BaseSelector):
    """Never has anything to read; waiting moves the loop's time instead."""

    def __init__(self) -> None:
        self.loop: SimulatedLoop | None = None

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return selectors.SelectorKey(fileobj, 0, 0, None)

    def select(self, timeout: float | None = None) -> list[Any]:
        assert self.loop is not None
        if timeout is None:
            raise RuntimeError("the simulation stands still: no task is ready and no timer is set")
        self.loop.pass_time(timeout)
        return []

    def get_map(self) -> dict[Any, Any]:
        return {}


class SimulatedLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self, chance: random.Random, start_ns: int) -> None:
        selector = _NoSelector()
        super().__init__(selector)
        selector.loop = self
        self._now_s = 0.0
        self._start_ns = start_ns
        self._chance = chance

    def time(self) -> float:
        return self._now_s

    def pass_time(self, seconds: float) -> None:
        self._now_s += max(seconds, 0.0)

    def now_ns(self) -> int:
        """Make the loop a clock."""
        return self._start_ns + round(self._now_s * NS_PER_S)

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            order = list(ready)
            self._chance.shuffle(order)
            ready.clear()
            ready.extend(order)
        super()._run_once()  # type: ignore[misc]

    # The real loop wakes itself by a socket pair; here nobody outside could.
    def _make_self_pipe(self) -> None:
        self._csock = self._ssock = None  # type: ignore[assignment]

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


def simulate(chance: random.Random, start_ns: int, main: Any) -> Any:
    """Run ``main(loop)`` to its end in virtual time."""
    loop = SimulatedLoop(chance, start_ns)
    try:
        asyncio.set_event_loop(loop)
        coroutine: Coroutine[Any, Any, Any] = main(loop)
        return loop.run_until_complete(coroutine)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
