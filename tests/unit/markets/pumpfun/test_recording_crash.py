"""A crash at any call, a full disk, a kill -9: nothing that was synced is lost, nothing is there twice."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from alphaloop.core.errors import StateError
from alphaloop.markets.pumpfun.recording.replay import read_records
from alphaloop.markets.pumpfun.recording.segments import list_segments, pq
from alphaloop.markets.pumpfun.recording.wal import Wal, log_files
from alphaloop.markets.pumpfun.wire.decode import Record

CALLS = ("pwrite", "fsync", "open", "ftruncate")


class Crash(BaseException):
    """The process is gone."""


def some(first: int, end: int) -> list[Record]:
    return [Record(f"sig{n}", n % 4, n, 1_000 + n, b"payload" + bytes([n % 256]) * 40) for n in range(first, end)]


class Machine:
    """Counts the calls that change the disk, and dies at one of them: before it, in the middle, or after it."""

    def __init__(self, at: int, when: str) -> None:
        self.at, self.when, self.calls, self.dead = at, when, 0, False
        self.handles: list[int] = []

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self.dead:
                raise Crash
            self.calls += 1
            if self.calls != self.at:
                return self.note(call, call(*args, **kwargs))
            self.dead = True
            if self.when == "middle" and call is PWRITE:
                call(args[0], bytes(args[1])[: len(args[1]) // 2], args[2])
            elif self.when == "after":
                self.note(call, call(*args, **kwargs))
            raise Crash

        return wrapped

    def note(self, call: Callable[..., Any], result: Any) -> Any:
        if call is OPEN:
            self.handles.append(result)
        return result

    def close(self, handle: int) -> None:
        if handle in self.handles:
            self.handles.remove(handle)
        CLOSE(handle)


PWRITE, OPEN, CLOSE = os.pwrite, os.open, os.close


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, at: int, when: str) -> Iterator[Machine]:
    machine = Machine(at, when)
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, machine.wrap(getattr(os, name)))
        patch.setattr(os, "close", machine.close)
        patch.setattr(Path, "replace", machine.wrap(Path.replace))
        patch.setattr(Path, "unlink", machine.wrap(Path.unlink))
        patch.setattr(tempfile, "mkstemp", machine.wrap(tempfile.mkstemp))
        patch.setattr(pq, "write_table", machine.wrap(pq.write_table))
        with suppress(Crash):
            yield machine
    for handle in machine.handles:  # the kernel would close them
        os.close(handle)


def work(folder: Path, synced: list[int]) -> None:
    """Append batches of three, sync each, seal now and then; `synced` says how many records must survive."""
    wal = Wal(folder)
    start = wal.last_ns - 999 if wal.last_ns >= 0 else 0
    for number in range(start, start + 12, 3):
        wal.append(some(number, number + 3))
        wal.sync()
        synced.append(number + 3)
        if number % 2:
            wal.seal()


@pytest.mark.parametrize("when", ["before", "middle", "after"])
def test_a_crash_at_any_call_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    at, finished = 0, False
    while not finished:
        at += 1
        folder = tmp_path / str(at)
        synced: list[int] = [0]
        with dying(monkeypatch, at, when) as machine:
            work(folder, synced)
        finished = not machine.dead
        synced.append(_check(folder, synced[-1]))
        with dying(monkeypatch, 1 + at % 9, when) as again:  # and once more, in what takes the recording over
            work(folder, synced)
        assert again.dead
        after = _check(folder, synced[-1])
        with Wal(folder) as wal:
            wal.append(some(after, after + 1))
            wal.seal()
        assert list(read_records(folder)) == some(0, after + 1)
        assert len(log_files(folder)) == 1
        assert not [path for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock"]
    assert at > 30, "the work is made of many calls"


def _check(folder: Path, synced: int) -> int:
    found = list(read_records(folder)) if folder.is_dir() else []
    assert len(found) in range(synced, synced + 4), "what was synced, and at most the batch in hand"
    assert found == some(0, len(found))
    return len(found)


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: the kernel writes what fits and refuses the rest, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    with Wal(tmp_path) as wal:
        wal.append(some(0, 10))
        wal.sync()
        [log] = log_files(tmp_path)
        size = log.stat().st_size
        wal.append(some(10, 30))
        for _ in range(3):
            with full_disk(size + 100), pytest.raises(StateError, match=r"File too large.*20 records wait in memory"):
                wal.sync()
            assert log.stat().st_size == size, "no half-written frame is left"
            assert list(read_records(tmp_path)) == some(0, 10)
        wal.append(some(30, 31))
        assert wal.sync() == 21
        with full_disk(200), pytest.raises(StateError, match="no segment could be written"):
            wal.seal()
        assert list_segments(tmp_path) == []
        assert [path.suffix for path in tmp_path.iterdir() if path.name != ".lock"] == [".wal", ".wal"]
        assert list(read_records(tmp_path)) == some(0, 31)
        wal.append(some(31, 40))
        segments = wal.seal()
        assert [(s.first_ns, s.last_ns) for s in segments] == [(1_000, 1_030), (1_031, 1_039)]
        assert list(read_records(tmp_path)) == some(0, 40)
    assert list(read_records(tmp_path)) == some(0, 40)


def test_what_a_failed_attempt_left_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _size: int) -> None:
        raise OSError

    with Wal(tmp_path) as wal:
        wal.append(some(0, 10))
        wal.sync()
        [log] = log_files(tmp_path)
        size = log.stat().st_size
        wal.append(some(10, 30))
        with monkeypatch.context() as patch, full_disk(size + 100):
            patch.setattr(os, "ftruncate", refuse)
            with pytest.raises(StateError):
                wal.sync()
        assert log.stat().st_size == size + 100, "half a frame, which no reader counts"
        assert list(read_records(tmp_path)) == some(0, 10)
        wal.sync()
        assert list(read_records(tmp_path)) == some(0, 30)


def test_a_disk_that_is_full_at_the_end_keeps_what_was_synced(tmp_path: Path) -> None:
    wal = Wal(tmp_path)
    wal.append(some(0, 10))
    wal.sync()
    wal.append(some(10, 20))
    with full_disk(log_files(tmp_path)[0].stat().st_size), pytest.raises(StateError):
        wal.close()
    with Wal(tmp_path) as again:
        assert again.unsealed == 10
    assert list(read_records(tmp_path)) == some(0, 10)


RECORDER = """
import sys
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.wire.decode import Record

wal = Wal(sys.argv[1])
number = wal.last_ns - 999 if wal.last_ns >= 0 else 0
while True:
    numbers = range(number, number + 7)
    wal.append([Record(f"sig{n}", n % 4, n, 1000 + n, b"payload" + bytes([n % 256]) * 40) for n in numbers])
    wal.sync()
    number += 7
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    if number % 5 == 0:
        wal.seal()
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    synced = 0
    for told in (1, 2, 11, 60):
        child = subprocess.Popen([sys.executable, "-c", RECORDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(told):
            synced = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        synced = max([synced, *(int(line) for line in rest if line)])
        found = list(read_records(tmp_path))
        assert synced <= len(found) <= synced + 7
        assert found == some(0, len(found))
    assert list_segments(tmp_path)
