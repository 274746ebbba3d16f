"""A copy of this process as it is at one moment, made by the operating system in milliseconds, that does one thing.

What the copy sees stands still, while the process goes on: memory is shared until one of them writes to it. A fork has
one thread and inherits everything else, so what it does here is little and of few kinds: it computes, writes a file,
and ends without any clean-up. Why that is safe beside other threads:

- It takes no lock that another thread may have held: Python's own are renewed in a fork, the memory allocator's are
  renewed by the C library, and it neither logs, nor imports, nor calls a library with threads of its own.
- It dies with the process that made it: the kernel kills it then, whatever it is doing. And it closes what it
  inherited at once. A lock on a recording, in particular, must not outlive the collector in it.
- Signals stay blocked in it, so that none is answered twice.
- Should it hang all the same it is killed when `patience_s` is over, and whoever started it is told.

The kernel is asked to take it first when memory runs out, and to let the process itself go first on the processor.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import StateError

CAN_FORK: Final = sys.platform == "linux"
LOOK_S: Final = 0.02
NICE: Final = 5
_LONGEST_REASON: Final = 1_000
_SIGNAL_AT_PARENTS_DEATH: Final = 1
_PRCTL: Final = ctypes.CDLL(None, use_errno=True).prctl if CAN_FORK else None


class Child:
    """A fork that runs `task`; made where it stands, by the thread that owns what `task` reads.

    It lives no longer than that thread.

    Raises
    ------
    OSError
        If the system does not allow a fork now.
    """

    def __init__(self, task: Callable[[], None]) -> None:
        self._reading, writing = os.pipe()
        self._status: int | None = None
        maker = os.getpid()
        # A signal between the fork and the child's first line would be answered by both.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with warnings.catch_warnings():
                # Newer interpreters warn of a fork beside threads; see the module.
                warnings.simplefilter("ignore", DeprecationWarning)
                self.pid = os.fork()
            if self.pid == 0:
                _live(task, writing, maker)
        except OSError:
            os.close(self._reading)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(writing)

    async def ended(self, patience_s: float) -> None:
        """Wait until it has ended well; it is killed if it takes longer, or if whoever waits gives up.

        Raises
        ------
        StateError
            If it failed, was killed, or took too long.
        """
        began = stopwatch()
        try:
            while not self._is_over():
                if stopwatch() - began > patience_s:
                    raise StateError(
                        f"the forked process {self.pid} was not done after {patience_s:g} s and was killed; "
                        "see whether the disk is slow"
                    )
                await asyncio.sleep(LOOK_S)
            reason = os.read(self._reading, _LONGEST_REASON).decode(errors="replace")
        finally:
            self._remove()
        if self._status != 0:
            told = reason or (f"signal {-self._status}" if self._status and self._status < 0 else "no reason given")
            raise StateError(f"the forked process {self.pid} failed ({told}); mend that, it is tried again")

    def _is_over(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status is not None

    def _remove(self) -> None:
        if not self._is_over():
            os.kill(self.pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._reading)


def _live(task: Callable[[], None], writing: int, maker: int) -> NoReturn:
    status = 1
    try:
        _die_with(maker)
        gc.disable()
        _let_go(writing)
        task()
        status = 0
    except BaseException as error:  # nothing may leave this function: the parent's code is around it
        with suppress(BaseException):
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:_LONGEST_REASON])
    finally:
        os._exit(status)


def _die_with(maker: int) -> None:
    if _PRCTL is not None and _PRCTL(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel does not end a fork with its maker")
    if os.getppid() != maker:  # it died before the kernel was asked
        os._exit(1)


def _let_go(kept: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):
        os.dup2(nothing, handle)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept:
            with suppress(OSError):
                os.close(int(name))
    with suppress(OSError):
        os.nice(NICE)
    with suppress(OSError):
        handle = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(handle, b"1000")
        os.close(handle)
