"""Everything that was recorded, in the order in which it became known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.events import Input
from alphaloop.markets.pumpfun.recording.frames import read_log
from alphaloop.markets.pumpfun.recording.segments import count_rows, list_segments, read_segment
from alphaloop.markets.pumpfun.recording.wal import log_files
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Other, decode, fields
from alphaloop.markets.pumpfun.wire.documents import read_scans
from alphaloop.markets.pumpfun.wire.records import Record


def read_records(folder: Path | str, first_ns: int | None = None, last_ns: int | None = None) -> Iterator[Record]:
    """Yield the records known from `first_ns` to `last_ns`, both included, each once, in order.

    A recording that is being written can be read; the answer is what was on disk when reading began.

    Raises
    ------
    DataError
        If the folder holds no recording, or a file of it is damaged.
    """
    place = Path(folder)
    if not place.is_dir():
        raise DataError(f"{place} is not a folder with a recording; give the folder that the collector wrote")
    # The log before the list of segments: a log that is sealed in between is then seen twice, and filtered, never lost.
    waiting = _logged(place)
    segments = list_segments(place)
    sealed_ns = segments[-1].last_ns if segments else -1
    for segment in segments:
        if (first_ns is None or segment.last_ns >= first_ns) and (last_ns is None or segment.first_ns <= last_ns):
            yield from read_segment(segment, first_ns, last_ns)
    for record in waiting:
        if last_ns is not None and record.known_ns > last_ns:
            return
        if record.known_ns > sealed_ns and (first_ns is None or record.known_ns >= first_ns):
            yield record


def read_events(
    path: Path | str, refused: Callable[[DamagedRecord], None] | None = None, *, first_ns: int | None = None
) -> Iterator[Input]:
    """Yield the typed events of a recording, commands among them, or of a file of notifications or transactions.

    A file of transactions does not say when its events became known: they are taken as known when their block was
    made, each at least a nanosecond after the one before it in the file.

    Records that are no input of any book are left out. A damaged one goes to `refused`, if given, and is left out.
    What was known before `first_ns` is left out, too.

    Raises
    ------
    DamagedRecord
        At a damaged record, if `refused` is not given.
    DataError
        If `path` cannot be read.
    """
    for record in read_records(path, first_ns) if Path(path).is_dir() else file_records(Path(path)):
        if first_ns is not None and record.known_ns < first_ns:
            continue
        try:
            event = decode(record)
        except DamagedRecord as damage:
            if refused is None:
                raise
            refused(damage)
            continue
        if event is not None and not isinstance(event, Other):
            yield event


def count_sealed(path: Path | str) -> list[tuple[int, int]]:
    """First `known_ns` of each segment of a recording and its number of records, from the segments' headers alone.

    Empty for a file, and for a recording of which nothing is sealed yet.
    """
    folder = Path(path)
    return [(each.first_ns, count_rows(each)) for each in list_segments(folder)] if folder.is_dir() else []


def file_records(path: Path) -> Iterator[Record]:
    """Yield the records in a file of notifications or transactions, in its order, known when their block was made.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    last_ns = 0
    for scan in read_scans(path):
        for record in scan.records:
            last_ns = max(last_ns + 1, _block_ns(record, scan.block_time_s))
            yield msgspec.structs.replace(record, known_ns=last_ns)


def _block_ns(record: Record, block_time_s: int | None) -> int:
    try:
        timestamp = fields(record.data).fields.get("timestamp", block_time_s)
    except DamagedRecord:  # told where it is decoded
        timestamp = block_time_s
    return 0 if timestamp is None else int(timestamp) * NS_PER_S


def _logged(folder: Path) -> list[Record]:
    found: list[Record] = []
    for path in log_files(folder):
        try:
            found += read_log(path).records
        except FileNotFoundError:  # sealed since it was listed
            continue
    return found
