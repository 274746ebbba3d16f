"""A recording: what was synced is there, once and in order, whatever happened in between."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from alphaloop.core.errors import DataError, InputError, StateError
from alphaloop.markets.pumpfun.events import Complete
from alphaloop.markets.pumpfun.recording import replay
from alphaloop.markets.pumpfun.recording.frames import MAGIC, frame, read_log
from alphaloop.markets.pumpfun.recording.replay import read_events, read_records
from alphaloop.markets.pumpfun.recording.segments import list_segments, read_segment, write_segment
from alphaloop.markets.pumpfun.recording.wal import Wal, log_files
from alphaloop.markets.pumpfun.wire import layouts
from alphaloop.markets.pumpfun.wire.decode import DamagedRecord, Record
from alphaloop.markets.pumpfun.wire.encode import encode
from alphaloop.markets.pumpfun.wire.messages import buy_or_sell, log_lines, notification, transaction

KEY = layouts.PUMP_PROGRAM
SECOND = 10**9


def complete(number: int) -> Complete:
    return Complete(
        signature=f"sig{number // 3}", log_index=number % 3, slot=number, event_ns=number * SECOND,
        known_ns=1_000 + 10 * number, mint=KEY, user=KEY, bonding_curve=KEY,
    )  # fmt: skip


def some(first: int, end: int) -> list[Record]:
    events = [complete(number) for number in range(first, end)]
    return [Record(e.signature, e.log_index, e.slot, e.known_ns, encode(e)) for e in events]


def record(folder: Path, batches: Sequence[tuple[int, int]], seals: Sequence[int] = ()) -> None:
    with Wal(folder) as wal:
        for number, (first, end) in enumerate(batches):
            wal.append(some(first, end))
            wal.sync()
            if number in seals:
                wal.seal()


def test_what_was_synced_is_read_in_order(tmp_path: Path) -> None:
    with Wal(tmp_path) as wal:
        assert (wal.last_ns, wal.unsealed, wal.sync(), wal.seal()) == (-1, 0, 0, [])
        wal.append(some(0, 3))
        assert list(read_records(tmp_path)) == []
        assert wal.sync() == 3
        wal.append(some(3, 5))
        assert (wal.unsealed, wal.last_ns) == (5, 1_040)
        assert list(read_records(tmp_path)) == some(0, 3)
        [segment] = wal.seal()
        assert (segment.first_ns, segment.last_ns) == (1_000, 1_040)
        assert segment.path.name == "0000000000000001000-0000000000000001040.parquet"
        wal.append(some(5, 6))
        wal.sync()
        assert list(read_records(tmp_path)) == some(0, 6)
        assert wal.unsealed == 1
    wal.close()
    assert list(read_records(tmp_path)) == some(0, 6)


def test_a_segment_says_what_each_record_is(tmp_path: Path) -> None:
    record(tmp_path, [(0, 4)], seals=[0])
    table = pq.read_table(list_segments(tmp_path)[0].path)
    assert table.column_names == ["known_ns", "slot", "signature", "log_index", "event", "data"]
    assert table["event"].to_pylist() == ["CompleteEvent"] * 4
    assert table["known_ns"].to_pylist() == [1_000, 1_010, 1_020, 1_030]


@pytest.mark.parametrize("seals", [(), (0,), (0, 2), (3,)])
def test_any_period_can_be_read(tmp_path: Path, seals: tuple[int, ...]) -> None:
    record(tmp_path, [(0, 3), (3, 4), (4, 9), (9, 12)], seals)
    everything = some(0, 12)
    for first in (None, 0, 1_000, 1_025, 1_030, 1_110, 1_111):
        for last in (None, 999, 1_000, 1_029, 1_030, 1_110, 5_000):
            expected = [
                r for r in everything if (first is None or r.known_ns >= first) and (last is None or r.known_ns <= last)
            ]
            assert list(read_records(tmp_path, first, last)) == expected


def test_long_segments_are_read_in_batches(tmp_path: Path) -> None:
    many = [Record("s", n, n, n, b"12345678") for n in range(40_000)]
    segment = write_segment(tmp_path, many)
    assert list(read_segment(segment)) == many
    assert list(read_segment(segment, 16_380, 16_390)) == many[16_380:16_391]
    assert list(read_segment(segment, 39_999)) == many[39_999:]


def test_times_must_increase(tmp_path: Path) -> None:
    with Wal(tmp_path) as wal:
        wal.append(some(0, 2))
        for wrong in ([some(1, 2)[0]], some(2, 4)[::-1]):
            with pytest.raises(StateError, match="give each record a later known_ns"):
                wal.append(wrong)
        wal.append(some(2, 3))
    assert list(read_records(tmp_path)) == some(0, 3)
    with Wal(tmp_path) as wal:
        wal.seal()
    with Wal(tmp_path) as wal, pytest.raises(StateError, match="came after one known at 1020"):
        wal.append(some(2, 3))
    for wrong in ([], some(0, 2)[::-1]):
        with pytest.raises(DataError, match="increasing known_ns"):
            write_segment(tmp_path / "other", wrong)


def test_the_torn_end_of_a_log_is_dropped_wherever_it_is_torn(tmp_path: Path) -> None:
    record(tmp_path / "whole", [(0, 1), (1, 3)])
    [log] = log_files(tmp_path / "whole")
    content = log.read_bytes()
    first = len(frame(some(0, 1)))
    for size in range(len(content) + 1):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / log.name).write_bytes(content[:size])
        kept = 3 if size == len(content) else 1 if size >= first else 0
        assert list(read_records(folder)) == some(0, kept)
        if size % 5 and size not in (first - 1, first, first + 1):
            continue
        with Wal(folder) as wal:
            wal.append(some(5, 6))
        assert list(read_records(folder)) == some(0, kept) + some(5, 6)


def test_garbage_behind_the_last_frame_is_dropped_and_written_over(tmp_path: Path) -> None:
    record(tmp_path, [(0, 2)])
    [log] = log_files(tmp_path)
    sound = log.read_bytes()
    for garbage in (b"\0" * 100, MAGIC, MAGIC * 20, frame(some(2, 3))[:-1] + b"?", b"\xff" * 5_000):
        log.write_bytes(sound + garbage)
        assert read_log(log) == (some(0, 2), len(sound))
    with Wal(tmp_path) as wal:
        wal.append(some(2, 3))
    assert list(read_records(tmp_path)) == some(0, 3)


def test_damage_inside_a_log_is_refused_not_read_with_a_hole(tmp_path: Path) -> None:
    record(tmp_path, [(0, 2), (2, 4), (4, 5)])
    [log] = log_files(tmp_path)
    sound = log.read_bytes()
    for place in range(0, len(sound) - len(frame(some(4, 5))), 7):
        damaged = bytearray(sound)
        damaged[place] ^= 0x55
        log.write_bytes(damaged)
        with pytest.raises(DataError, match="with sound records behind"):
            list(read_records(tmp_path))
        with pytest.raises(DataError, match="with sound records behind"):
            Wal(tmp_path)
    log.write_bytes(sound)
    with Wal(tmp_path) as wal:
        assert wal.unsealed == 5


def test_one_process_records(tmp_path: Path) -> None:
    with Wal(tmp_path), pytest.raises(InputError, match=rf"being recorded by process {os.getpid()}; stop it"):
        Wal(tmp_path)
    Wal(tmp_path).close()


def test_sealing_does_not_hold_up_what_arrives(tmp_path: Path) -> None:
    batches = [some(n, n + 5) for n in range(0, 2_000, 5)]
    seen: list[list[Record]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(list(read_records(tmp_path)))

    with Wal(tmp_path) as wal:

        def seal() -> None:
            while not stop.is_set():
                wal.seal()

        threads = [threading.Thread(target=read), threading.Thread(target=seal)]
        for thread in threads:
            thread.start()
        for batch in batches:
            wal.append(batch)
            wal.sync()
        stop.set()
        for thread in threads:
            thread.join()
    assert list(read_records(tmp_path)) == some(0, 2_000)
    everything = some(0, 2_000)
    assert all(found == everything[: len(found)] for found in seen), "a reader sees a beginning, without holes"
    assert len(list_segments(tmp_path)) > 1


def test_a_log_that_is_sealed_while_it_is_read_is_seen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Wal(tmp_path) as wal:
        for number in range(0, 6, 3):
            wal.append(some(number, number + 3))
            wal.sync()

            def listed_then_sealed(folder: Path) -> list[Path]:
                files = log_files(folder)
                wal.seal()
                return files

            monkeypatch.setattr(replay, "log_files", listed_then_sealed)
            assert list(read_records(tmp_path)) == some(0, number + 3)


def test_files_that_are_no_recording(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder with a recording"):
        list(read_records(tmp_path / "none"))
    record(tmp_path, [(0, 4)], seals=[0])
    [segment] = list_segments(tmp_path)
    content = segment.path.read_bytes()
    for damaged in (b"", content[:100], content[: len(content) // 2] + b"?" * 200 + content[len(content) // 2 + 200 :]):
        segment.path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as a segment"):
            list(read_records(tmp_path))
    segment.path.write_bytes(content)
    write_segment(tmp_path, some(2, 9))
    with pytest.raises(DataError, match="overlap in time"):
        list(read_records(tmp_path))


def test_events_of_a_recording(tmp_path: Path) -> None:
    sweep = layouts.discriminator("SweepBondingCurveFeeEvent")
    strange = [
        Record("x", 0, 1, 2_000, sweep),
        Record("y", 0, 1, 2_001, b"unknown!"),
        Record("z", 0, 1, 2_002, sweep[:3]),
    ]
    damaged = msgspec.structs.replace(some(110, 111)[0], data=some(110, 111)[0].data[:50])
    with Wal(tmp_path) as wal:
        wal.append([*some(0, 5), *strange, damaged, *some(111, 112)])
        wal.seal()
    refused: list[DamagedRecord] = []
    assert list(read_events(tmp_path, refused.append)) == [*[complete(n) for n in range(5)], complete(111)]
    assert len(refused) == 1
    with pytest.raises(DamagedRecord, match="ends inside field"):
        list(read_events(tmp_path))


def test_events_of_a_file_are_known_when_their_block_was_made(tmp_path: Path) -> None:
    first, second = complete(7), complete(5)
    lines = log_lines([buy_or_sell(encode(first), encode(second))])
    old = layouts.CREATE.discriminator + 3 * bytes(4) + 96 * b"\1"
    answer = transaction("third", 9, [buy_or_sell(old)], block_time_s=20)
    file = tmp_path / "file.jsonl"
    file.write_bytes(notification("first", 4, lines) + b"\n" + msgspec.json.encode(answer))
    found = list(read_events(file))
    assert [(e.signature, e.log_index, e.slot) for e in found] == [("first", 2, 4), ("first", 6, 4), ("third", 2, 9)]
    assert [e.known_ns for e in found] == [7 * SECOND, 7 * SECOND + 1, 20 * SECOND]
    with pytest.raises(DataError, match="does not exist"):
        list(read_events(tmp_path / "none.json"))


@pytest.mark.real
def test_recorded_files_replay(real_data: Path) -> None:
    kinds = [
        [type(event).__name__ for event in read_events(path)]
        for path in sorted((real_data / "pumpfun-logs").glob("*.json"))
    ]
    assert ["Create", "Trade"] in kinds
    assert ["Trade", "Complete", "PostCompleteBuy"] in kinds
    assert sum(map(len, kinds)) >= 12
