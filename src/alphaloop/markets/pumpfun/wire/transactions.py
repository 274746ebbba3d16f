"""The transaction channel: a ``getTransaction`` answer to event records, for logs that were cut and gaps to be filled.

Each event is in a transaction twice: as a log line, and as a call of the program to itself among the inner
instructions, which no node cuts. A record must have one key whichever way it came, so `log_index` is the position of
the log line wherever there is one: the self-calls are matched with the log's records by their bytes, in order. Events
behind the cut have no line anywhere; theirs is `BEYOND_LOG` plus their ordinal among all events of the transaction,
which every node tells alike and no line can have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from alphaloop.markets.pumpfun.wire import logs
from alphaloop.markets.pumpfun.wire.envelopes import Envelope, open_envelope
from alphaloop.markets.pumpfun.wire.keys import decode_base58
from alphaloop.markets.pumpfun.wire.layouts import AMM_DISCRIMINATORS, AMM_PROGRAM, PUMP_PROGRAM, SELF_CALL
from alphaloop.markets.pumpfun.wire.records import Record

#: First `log_index` of events that no log line shows; nodes cut logs at 10,000 bytes, so no line has it.
BEYOND_LOG: Final = 1 << 20


class Scan(NamedTuple):
    """What one transaction holds, whichever channel it was read from.

    Attributes
    ----------
    records : list of Record
        In the order of execution; the k-th has ``known_ns + k``. Empty if the transaction failed.
    block_time_s : int or None
        The block's clock, seconds since the epoch, if the node said it.
    failed : bool
        The transaction had no effect.
    incomplete : bool
        Its logs were cut, or not kept, and the inner calls that would tell the rest are not there.
    recovered : int
        Records that only the inner calls show.
    foreign : int
        Lines of other programs that begin like our events.
    """

    signature: str
    slot: int
    block_time_s: int | None
    records: list[Record]
    failed: bool
    incomplete: bool
    recovered: int
    foreign: int


def records_of_transaction(answer: Mapping[str, Any], known_ns: int) -> list[Record]:
    """Give the event records of a ``getTransaction`` answer; see `scan_transaction`."""
    return scan_transaction(answer, known_ns).records


def scan_transaction(answer: Mapping[str, Any], known_ns: int) -> Scan:
    """Read a ``getTransaction`` answer, the whole message or its ``result``, in base64, json or jsonParsed.

    Raises
    ------
    DataError
        If it holds no transaction, or one without its outcome (``meta``).
    """
    envelope = open_envelope(answer)
    signature, slot, meta = envelope.signature, envelope.slot, envelope.meta
    if meta.err is not None:
        return Scan(signature, slot, envelope.block_time_s, [], True, False, 0, 0)
    seen = logs.records(meta.logs or [], signature=signature, slot=slot, known_ns=known_ns)
    cut = seen.truncated or seen.damaged > 0 or meta.logs is None
    found = _merge(seen.records, list(_self_calls(envelope)), signature, slot) if cut else seen.records
    incomplete = cut and meta.inner is None
    numbered = [msgspec.structs.replace(record, known_ns=known_ns + k) for k, record in enumerate(found)]
    recovered = len(found) - len(seen.records)
    return Scan(signature, slot, envelope.block_time_s, numbered, False, incomplete, recovered, seen.foreign)


def _merge(logged: Sequence[Record], called: Sequence[bytes], signature: str, slot: int) -> list[Record]:
    found: list[Record] = []
    taken = 0
    for ordinal, data in enumerate(called):
        line = next((i for i in range(taken, len(logged)) if logged[i].data == data), None)
        if line is None:
            found.append(Record(signature, BEYOND_LOG + ordinal, slot, 0, data))
        else:
            found.extend(logged[taken : line + 1])
            taken = line + 1
    return [*found, *logged[taken:]]


def _self_calls(envelope: Envelope) -> Iterator[bytes]:
    """Yield the bytes of each event in order; only the program itself can sign such a call, whoever ran it."""
    for group in sorted(envelope.meta.inner or [], key=lambda group: group.index):
        for instruction in group.instructions:
            program = instruction.program
            if not program and instruction.program_index is not None and instruction.program_index < len(envelope.keys):
                program = envelope.keys[instruction.program_index]
            if program not in (PUMP_PROGRAM, AMM_PROGRAM) or instruction.data is None:
                continue
            data = decode_base58(instruction.data)
            kind = data[len(SELF_CALL) : 2 * len(SELF_CALL)]
            if data.startswith(SELF_CALL) and (program == PUMP_PROGRAM or kind in AMM_DISCRIMINATORS):
                yield data[len(SELF_CALL) :]
