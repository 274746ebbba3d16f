"""Stopping politely: a signal asks, and the loop ends at the next bar boundary."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_S = 0.2


class Stop:
    """A request to stop, which cannot be taken back.

    Attributes
    ----------
    by : str
        Who asked first: ``keyboard`` (Ctrl-C), ``signal`` (a supervisor, or the machine going down), or what `ask` was
        given; empty until then.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self.by = ""

    def ask(self, by: str = "") -> None:
        """Ask to stop."""
        self.by = self.by or by
        self._event.set()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until somebody asks."""
        self._event.wait(seconds)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a `Stop` that SIGTERM and the first Ctrl-C ask; a second one acts as before.

    Only the main thread may receive signals; in any other the `Stop` is there and nobody asks it.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.ask("keyboard" if number == signal.SIGINT else "signal")
        signal.signal(number, before[signal.Signals(number)])

    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def event_of(stop: Stop) -> AsyncIterator[asyncio.Event]:
    """Yield an event of the running loop that is set soon after somebody asks to stop."""
    event = asyncio.Event()

    async def look() -> None:
        while not stop.asked:
            await asyncio.sleep(LOOK_S)
        event.set()

    looking = asyncio.create_task(look())
    try:
        yield event
    finally:
        looking.cancel()
