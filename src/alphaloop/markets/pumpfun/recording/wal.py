"""The write-ahead log of a recording: what arrived is on disk before anything acts on it.

Records wait in memory until `Wal.sync` writes them as one frame and forces it to disk, so one fsync serves all that
arrived meanwhile.

`Wal.seal` begins a new log file, writes what the old one holds as a Parquet segment under a temporary name, renames
it, and only then removes the old file. Whatever step a crash falls on, a record is in a log, in a segment, or in both;
and as `known_ns` strictly increases, whatever a log holds up to the last sealed time is known to be a copy.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from alphaloop.core.errors import InputError, StateError
from alphaloop.core.files import sync_folder
from alphaloop.markets.pumpfun.recording.frames import frame, read_log
from alphaloop.markets.pumpfun.recording.segments import Segment, list_segments, remove_unfinished, write_segment
from alphaloop.markets.pumpfun.wire.records import Record

_NAME: Final = re.compile(r"log-(\d{8})\.wal")


def log_files(folder: Path) -> list[Path]:
    """List the log files of a recording in order; the last is the one being written."""
    return sorted(path for path in folder.glob("log-*.wal") if _NAME.fullmatch(path.name))


class Wal:
    """The log of one recording, open for this process alone.

    One thread may append and sync while another seals.

    Parameters
    ----------
    folder : Path
        Of the recording; made if absent. What an earlier process left is taken over: a torn frame is dropped, log files
        that it was sealing are sealed, and the last one is continued.

    Raises
    ------
    InputError
        If another process writes this recording, or the folder cannot be written.
    DataError
        If a file of the recording is damaged.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._process_lock = _lock(self.folder)
        self._writing = threading.Lock()
        self._sealing = threading.Lock()
        self._waiting: list[Record] = []
        self._handle, self._size, self._logged, self._last_ns = -1, 0, 0, -1
        try:
            self._take_over()
        except BaseException:
            os.close(self._process_lock)
            raise

    @property
    def last_ns(self) -> int:
        """The greatest `known_ns` appended so far; -1 before the first."""
        return self._last_ns

    @property
    def unsealed(self) -> int:
        """Records that no segment has yet, those in memory included."""
        return self._logged + len(self._waiting)

    def append(self, records: Sequence[Record]) -> None:
        """Take in records; they are on disk when `sync` has returned.

        Raises
        ------
        StateError
            If `known_ns` does not strictly increase; then none of them is taken in.
        """
        with self._writing:
            last = self._last_ns
            for record in records:
                if record.known_ns <= last:
                    raise StateError(
                        f"{self.folder}: a record known at {record.known_ns} came after one known at {last}; "
                        "give each record a later known_ns"
                    )
                last = record.known_ns
            self._waiting.extend(records)
            self._last_ns = last

    def sync(self) -> int:
        """Force everything appended to disk, in one write; gives the number of records that were waiting.

        Raises
        ------
        StateError
            If the disk is full or fails. What was synced before is untouched, what waits goes on waiting, and the next
            call tries again.
        """
        with self._writing:
            return self._sync()

    def seal(self) -> list[Segment]:
        """Turn everything appended into segments: one, none if there was nothing, more after a seal that failed.

        Raises
        ------
        StateError
            If the disk is full or fails; the logs keep everything, and the next call tries again.
        """
        with self._sealing:
            with self._writing:
                self._sync()
                if self._logged:
                    self._begin_log()
            return self._seal_finished()

    def close(self) -> None:
        """Sync and let go of the recording; more than once is harmless."""
        with self._sealing, self._writing:
            if self._handle < 0:
                return
            try:
                self._sync()
            finally:
                os.close(self._handle)
                os.close(self._process_lock)
                self._handle = -1

    def __enter__(self) -> Wal:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _take_over(self) -> None:
        remove_unfinished(self.folder)
        files = log_files(self.folder)
        self._path = files[-1] if files else self.folder / "log-00000001.wal"
        self._seal_finished()
        segments = list_segments(self.folder)
        sealed_ns = segments[-1].last_ns if segments else -1
        self._last_ns = sealed_ns
        if files:
            content = read_log(self._path)
            self._size, self._logged = content.size, sum(r.known_ns > sealed_ns for r in content.records)
            self._last_ns = max([sealed_ns, *(r.known_ns for r in content.records[-1:])])
        self._handle = self._open(self._path)
        os.ftruncate(self._handle, self._size)

    def _sync(self) -> int:
        if not self._waiting:
            return 0
        content = memoryview(frame(self._waiting))
        try:
            written = 0
            while written < len(content):
                # Behind the last good frame, not at the file's end: what a failed attempt left is written over.
                written += os.pwrite(self._handle, content[written:], self._size + written)
            os.fsync(self._handle)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise StateError(
                f"{self._path} cannot be written ({error.strerror}), {len(self._waiting)} records wait in memory; "
                "free space on its disk, then sync again"
            ) from error
        count = len(self._waiting)
        self._size += len(content)
        self._logged += count
        self._waiting = []
        return count

    def _begin_log(self) -> None:
        number = int(self._path.stem.removeprefix("log-")) + 1
        path = self.folder / f"log-{number:08d}.wal"
        try:
            handle = self._open(path)
        except OSError as error:
            raise self._unsealed(error) from error
        os.close(self._handle)
        self._path, self._handle, self._size, self._logged = path, handle, 0, 0

    def _seal_finished(self) -> list[Segment]:
        made = []
        for path in log_files(self.folder):
            if path == self._path:
                break
            segments = list_segments(self.folder)
            sealed_ns = segments[-1].last_ns if segments else -1
            records = [record for record in read_log(path).records if record.known_ns > sealed_ns]
            try:
                if records:
                    made.append(write_segment(self.folder, records))
                path.unlink()
                sync_folder(self.folder)
            except OSError as error:
                raise self._unsealed(error) from error
        return made

    def _unsealed(self, error: OSError) -> StateError:
        return StateError(
            f"{self.folder}: no segment could be written ({error.strerror}), the log keeps its records; "
            "free space on its disk, then seal again"
        )

    def _open(self, path: Path) -> int:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        sync_folder(self.folder)
        return handle


def _lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}); give a folder to record into") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise InputError(
            f"{folder} is being recorded by {f'process {holder}' if holder else 'another process'}; stop it, or give "
            "another folder"
        ) from None
    with suppress(OSError):  # a full disk shall not keep anybody from starting
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
