"""Sealed parts of a recording: Parquet files that are whole or not there, named by the first and last time they hold.

A segment is ``FIRST-LAST.parquet``, both `known_ns` in 19 digits, so that the names sort by time and a reader opens
only what it needs. Columns: `known_ns`, `slot`, `signature`, `log_index`, `event` (name, empty for an unknown one) and
`data` (the bytes of the record as the chain logged it).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from alphaloop.core.errors import DataError
from alphaloop.core.files import atomic_path
from alphaloop.markets.pumpfun.wire.commands import TRACKING
from alphaloop.markets.pumpfun.wire.layouts import DISCRIMINATOR_BYTES, LAYOUTS
from alphaloop.markets.pumpfun.wire.records import Record

SCHEMA: Final = pa.schema(
    [
        ("known_ns", pa.int64()),
        ("slot", pa.int64()),
        ("signature", pa.string()),
        ("log_index", pa.int32()),
        ("event", pa.dictionary(pa.int8(), pa.string())),
        ("data", pa.binary()),
    ]
)
_NAME: Final = re.compile(r"(\d{19})-(\d{19})\.parquet")
_BATCH_ROWS: Final = 1 << 14
_EVENTS: Final = {layout.discriminator: layout.event for layout in (*LAYOUTS.values(), TRACKING)}


class Segment(NamedTuple):
    """One file of a recording; it holds every record known from `first_ns` to `last_ns`, both included."""

    first_ns: int
    last_ns: int
    path: Path


def write_segment(folder: Path, records: Sequence[Record]) -> Segment:
    """Write records, in order of `known_ns`, as one segment of `folder`, whole or not at all.

    Raises
    ------
    DataError
        If there are none, or their times do not strictly increase.
    """
    times = [record.known_ns for record in records]
    wrong = next((i for i in range(1, len(times)) if times[i] <= times[i - 1]), None)
    if not times or wrong is not None:
        got = "none" if wrong is None else f"{times[wrong]} after {times[wrong - 1]}"
        raise DataError(f"{folder}: a segment needs records with increasing known_ns, got {got}; sort them by time")
    segment = Segment(times[0], times[-1], folder / f"{times[0]:019d}-{times[-1]:019d}.parquet")
    events = [_EVENTS.get(record.data[:DISCRIMINATOR_BYTES], "") for record in records]
    table = pa.table(
        [
            pa.array(times, pa.int64()),
            pa.array([record.slot for record in records], pa.int64()),
            pa.array([record.signature for record in records], pa.string()),
            pa.array([record.log_index for record in records], pa.int32()),
            pa.array(events, pa.string()).dictionary_encode().cast(SCHEMA.field("event").type),
            pa.array([record.data for record in records], pa.binary()),
        ],
        schema=SCHEMA,
    )
    with atomic_path(segment.path) as temporary:
        pq.write_table(table, temporary, compression="zstd", row_group_size=_BATCH_ROWS)
    return segment


def list_segments(folder: Path) -> list[Segment]:
    """List the segments of a recording in order of time.

    Raises
    ------
    DataError
        If two of them overlap in time: they are not of one recording.
    """
    found = sorted(
        Segment(int(name[1]), int(name[2]), path)
        for path in folder.glob("*.parquet")
        if (name := _NAME.fullmatch(path.name))
    )
    for before, after in pairwise(found):
        if after.first_ns <= before.last_ns:
            raise DataError(
                f"{folder}: {before.path.name} and {after.path.name} overlap in time; keep one recording in a folder"
            )
    return found


def count_rows(segment: Segment) -> int:
    """Records in a segment, as its header says.

    Raises
    ------
    DataError
        If the file is not a segment, or is damaged.
    """
    try:
        return int(pq.read_metadata(segment.path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{segment.path} cannot be read as a segment ({error}); restore it from a copy") from None


def remove_unfinished(folder: Path) -> None:
    """Remove what a crash left of a segment that was being written; only the one who records may call this."""
    for path in folder.glob(".*.parquet"):
        path.unlink(missing_ok=True)


def read_segment(segment: Segment, first_ns: int | None = None, last_ns: int | None = None) -> Iterator[Record]:
    """Yield the records of a segment known from `first_ns` to `last_ns`, both included, in order; None: no bound.

    Raises
    ------
    DataError
        If the file is not a segment, or is damaged.
    """
    try:
        with pq.ParquetFile(segment.path) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=["known_ns", "slot", "signature", "log_index", "data"]):
                times, slots, signatures, indices, data = (column.to_pylist() for column in batch.columns)
                begin = 0 if first_ns is None else bisect_left(times, first_ns)
                end = len(times) if last_ns is None else bisect_right(times, last_ns)
                for i in range(begin, end):
                    yield Record(signatures[i], indices[i], slots[i], times[i], data[i])
                if end < len(times):
                    return
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(f"{segment.path} cannot be read as a segment ({error}); restore it from a copy") from None
