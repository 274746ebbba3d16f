"""What a node would say about a transaction: the other side of `logs` and `transactions`.

The simulator, and a chain of one's own in a test, describe what ran as a tree of `Call`; from it come the log lines,
the WebSocket notification and the ``getTransaction`` answer, with the same events in both channels as on the chain.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from alphaloop.markets.pumpfun.wire.keys import ZERO_KEY, encode_base58
from alphaloop.markets.pumpfun.wire.layouts import PUMP_PROGRAM, SELF_CALL
from alphaloop.markets.pumpfun.wire.logs import DATA, TRUNCATED

#: Bytes of logs that a node keeps of one transaction.
LOG_LIMIT_BYTES: Final = 10_000
SYSTEM_PROGRAM: Final = ZERO_KEY
BUDGET_PROGRAM: Final = "ComputeBudget111111111111111111111111111111"
#: Parts of the node itself: what they consume is not logged.
NATIVE_PROGRAMS: Final = (SYSTEM_PROGRAM, BUDGET_PROGRAM)


class Call(NamedTuple):
    """A program that ran, and what it did in order: an event (bytes), a line that it logged (text), another call."""

    program: str
    steps: tuple[bytes | str | Call, ...] = ()


def buy_or_sell(*events: bytes) -> Call:
    """Call the Pump program once with `events`, as an ordinary trade does."""
    return Call(PUMP_PROGRAM, ("Instruction: Buy", *events))


def log_lines(calls: Sequence[Call], depth: int = 1) -> list[str]:
    """Lines that a node logs while `calls` run, each event followed by the program's call to itself."""
    lines: list[str] = []
    for call in calls:
        lines.append(f"Program {call.program} invoke [{depth}]")
        for step in call.steps:
            if isinstance(step, str):
                lines.append(f"Program log: {step}")
            elif isinstance(step, bytes):
                lines.append(DATA + base64.b64encode(step).decode())
                lines += log_lines([Call(call.program)], depth + 1)
            else:
                lines += log_lines([step], depth + 1)
        if call.program not in NATIVE_PROGRAMS:
            lines.append(f"Program {call.program} consumed 50000 of 200000 compute units")
        lines.append(f"Program {call.program} success")
    return lines


def cut(lines: Sequence[str], limit_bytes: int = LOG_LIMIT_BYTES) -> list[str]:
    """Leave out what a node leaves out: each line that would reach the limit, with one note in place of the first."""
    kept: list[str] = []
    size, noted = 0, False
    for line in lines:
        if size + len(line) < limit_bytes:
            kept.append(line)
            size += len(line)
        elif not noted:
            kept.append(TRUNCATED)
            noted = True
    return kept


def notification(signature: str, slot: int, lines: Sequence[str], err: Any = None, subscription: int = 1) -> bytes:
    """Give the JSON of a ``logsNotification``."""
    value = {"signature": signature, "err": err, "logs": list(lines)}
    result = {"context": {"slot": slot}, "value": value}
    params = {"result": result, "subscription": subscription}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "logsNotification", "params": params})


def transaction(
    signature: str,
    slot: int,
    calls: Sequence[Call],
    *,
    block_time_s: int | None = None,
    err: Any = None,
    lines: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Give the ``result`` of ``getTransaction`` in encoding ``json``; `lines` are those of `calls` if not given."""
    keys = list(dict.fromkeys(_programs(calls)))
    inner = [{"index": index, "instructions": list(_instructions(call, keys, 2))} for index, call in enumerate(calls)]
    return {
        "slot": slot,
        "blockTime": block_time_s,
        "version": "legacy",
        "transaction": {
            "signatures": [signature],
            "message": {
                "accountKeys": keys,
                "instructions": [{"programIdIndex": keys.index(c.program), "accounts": [], "data": ""} for c in calls],
            },
        },
        "meta": {
            "err": err,
            "logMessages": cut(log_lines(calls)) if lines is None else list(lines),
            "innerInstructions": [group for group in inner if group["instructions"]],
            "loadedAddresses": {"writable": [], "readonly": []},
        },
    }


def _programs(calls: Sequence[Call]) -> Iterator[str]:
    for call in calls:
        yield call.program
        yield from _programs([step for step in call.steps if isinstance(step, Call)])


def _instructions(call: Call, keys: list[str], height: int) -> Iterator[dict[str, Any]]:
    for step in call.steps:
        if isinstance(step, bytes):
            data, program, below = encode_base58(SELF_CALL + step), call.program, None
        elif isinstance(step, Call):
            data, program, below = "", step.program, step
        else:
            continue
        yield {"programIdIndex": keys.index(program), "accounts": [], "data": data, "stackHeight": height}
        if below:
            yield from _instructions(below, keys, height + 1)
