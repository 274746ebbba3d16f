"""The log channel: the lines of one transaction to the event records in them.

Event names repeat across programs, so a ``Program data`` line counts only when the program that runs at that line is
the Pump program (or PumpSwap, for its trades). Which one runs is followed through the ``invoke [depth]``, ``success``
and ``failed`` lines; the depth makes it exact even if a line is missing. What a program prints itself begins with
``Program log:`` and is never read as structure.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from alphaloop.markets.pumpfun.wire.layouts import (
    AMM_DISCRIMINATORS,
    AMM_PROGRAM,
    DISCRIMINATOR_BYTES,
    LAYOUTS,
    PUMP_PROGRAM,
)
from alphaloop.markets.pumpfun.wire.records import Record

DATA: Final = "Program data: "
TRUNCATED: Final = "Log truncated"

_SPOKEN: Final = ("Program log: ", "Program return: ")
_NAME_AT: Final = len("Program ")
_OURS: Final = frozenset((PUMP_PROGRAM, AMM_PROGRAM))


class LogScan(NamedTuple):
    """What the logs of one transaction hold.

    Attributes
    ----------
    records : list of Record
        In the order of the lines; the k-th has ``known_ns + k``.
    truncated : bool
        The node cut the logs: later events are missing and must be read from the transaction itself.
    foreign : int
        Lines of other programs that begin like our events.
    damaged : int
        Lines of ours that are not base64, or too short for a discriminator.
    """

    records: list[Record]
    truncated: bool
    foreign: int
    damaged: int


def records(logs: Sequence[str], *, signature: str, slot: int, known_ns: int, err: Any = None) -> LogScan:
    """Find the event records in the logs of a transaction; a failed one (`err` is not None) did nothing: none."""
    if err is not None:
        return LogScan([], False, 0, 0)
    found: list[Record] = []
    running: list[str] = []
    truncated, foreign, damaged = False, 0, 0
    for index, line in enumerate(logs):
        if line.startswith(DATA):
            program = running[-1] if running else ""
            data = payload(line)
            kind = data[:DISCRIMINATOR_BYTES]
            if program == PUMP_PROGRAM or (program == AMM_PROGRAM and kind in AMM_DISCRIMINATORS):
                if len(kind) == DISCRIMINATOR_BYTES:
                    found.append(Record(signature, index, slot, known_ns + len(found), data))
                else:
                    damaged += 1
            elif kind in LAYOUTS:
                foreign += 1
        elif line.startswith(_SPOKEN):
            continue
        elif line.endswith("]"):
            _enter(running, line)
        elif line.endswith(" success") or " failed: " in line:
            _leave(running, line)
        elif line == TRUNCATED:
            truncated = True
    return LogScan(found, truncated, foreign, damaged)


def payload(line: str) -> bytes:
    """Bytes of a ``Program data`` line; empty if they are not base64, or are several slices, which no event is."""
    try:
        return binascii.a2b_base64(line[len(DATA) :], strict_mode=True)
    except (binascii.Error, ValueError):
        return b""


def _enter(running: list[str], line: str) -> None:
    name, invoke, depth = line[_NAME_AT:].partition(" invoke [")
    if invoke and line.startswith("Program ") and depth[:-1].isdigit():
        del running[int(depth[:-1]) - 1 :]
        running.append(name)


def _leave(running: list[str], line: str) -> None:
    name = line[_NAME_AT:].partition(" ")[0]
    if running and running[-1] == name:
        running.pop()
