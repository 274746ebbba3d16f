"""The log channel: the lines of one transaction to the event records in them.

Event names repeat across programs, so a ``Program data`` line counts only if the program that runs at that line is the
Pump program (or PumpSwap, for its trades). Which one runs follows from the ``invoke [depth]``, ``success`` and
``failed`` lines before it; what a program says itself begins with ``Program log:`` and is never read as structure.

Tens of lines surround each event, and making a Python string of every one would take longer than all the rest. So the
JSON array of the lines is searched as bytes: as long as no backslash is in it, each quote is an end of a line. The last
``invoke [d]`` before an event and the `c` calls that ended since leave depth ``d - c`` running: the program of the last
``invoke [d - c]``.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

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

_PUMP: Final = PUMP_PROGRAM.encode()
_AMM: Final = AMM_PROGRAM.encode()
_PROGRAM: Final = b"Program "
_INVOKE: Final = b" invoke ["
_DATA_LINE: Final = f'"{DATA}'.encode()
_TRUNCATED_LINE: Final = f'"{TRUNCATED}"'.encode()
# A line that begins so was written by a program and may say anything, even what looks like the runtime's own lines.
_SPOKEN: Final = (b"Program log: ", b"Program return: ", b"Program data: ")
# What would need a backslash in JSON. No line that matters has it, so any other character may stand for it.
_UNESCAPED: Final = {ord(character): " " for character in '"\\'} | dict.fromkeys(range(32), " ")


class LogScan(NamedTuple):
    """What the logs of one transaction hold.

    Attributes
    ----------
    records : list of Record
        In the order of the lines; the k-th has ``known_ns + k``.
    truncated : bool
        The node cut the logs: later events must be read from the transaction itself.
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
    return search(msgspec.json.encode(logs), signature=signature, slot=slot, known_ns=known_ns, err=err)


def search(array: bytes, *, signature: str, slot: int, known_ns: int, err: Any = None) -> LogScan:
    """Find the event records as `records` does, in the JSON array of the lines as the node sent it."""
    if err is not None:
        return LogScan([], False, 0, 0)
    if b"\\" in array:
        lines = msgspec.json.decode(array, type=list[str])
        array = msgspec.json.encode([line.translate(_UNESCAPED) for line in lines])
    cut = array.find(_TRUNCATED_LINE)
    if cut >= 0:  # a node still logs short lines behind the cut, but no longer says who runs
        array = array[:cut]
    found: list[Record] = []
    foreign = damaged = quotes = counted = 0
    at = array.find(_DATA_LINE)
    while at >= 0:
        end = array.find(b'"', at + 1)
        data = _payload(array[at + len(_DATA_LINE) : end])
        kind = data[:DISCRIMINATOR_BYTES]
        program = _running(array, at)
        if program == _PUMP or (program == _AMM and kind in AMM_DISCRIMINATORS):
            quotes += array.count(b'"', counted, at)
            counted = at
            if len(kind) == DISCRIMINATOR_BYTES:
                found.append(Record(signature, quotes // 2, slot, known_ns + len(found), data))
            else:
                damaged += 1
        elif kind in LAYOUTS:
            foreign += 1
        at = array.find(_DATA_LINE, end)
    return LogScan(found, cut >= 0, foreign, damaged)


def payload(line: str) -> bytes:
    """Bytes of a ``Program data`` line; empty if they are not base64, or are several slices, which no event is."""
    return _payload(line.removeprefix(DATA).encode())


def _payload(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError):
        return b""


def _running(array: bytes, at: int) -> bytes:
    """Return the program that runs at a line; empty if none does."""
    program, depth, end = _last_invoke(array, at, _INVOKE)
    ended = 0
    for line in array[end:at].split(b'"')[2::2]:
        if (line.endswith(b" success") or b" failed: " in line) and not line.startswith(_SPOKEN):
            ended += 1
    if ended and depth > ended:
        return _last_invoke(array, end, b'%b%d]"' % (_INVOKE, depth - ended))[0]
    return b"" if ended else program


def _last_invoke(array: bytes, before: int, mark: bytes) -> tuple[bytes, int, int]:
    """Program, depth and end of the last invoke line with `mark` before a place; empty, 0 and 0 if there is none."""
    found = array.rfind(mark, 0, before)
    while found >= 0:
        begin = array.rfind(b'"', 0, found) + 1
        program, end = array[begin + len(_PROGRAM) : found], array.find(b'"', found)
        depth = array[found + len(_INVOKE) : end - 1]
        if program.isalnum() and depth.isdigit() and array.startswith(_PROGRAM, begin):
            return program, int(depth), end
        found = array.rfind(mark, 0, begin)
    return b"", 0, 0
