"""Two positions that must survive a killed process, and are written too often for a file of their own each time."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

_FORM = struct.Struct("<qqI")


class Marks:
    """How far the market's timers have run, and how far messages were published.

    Written in place, without forcing it to disk: the kernel keeps it when the process is killed. After a power failure
    an older mark may come back; then messages are published a second time, with the same ids, and timers fire again for
    rows that are there already.

    Attributes
    ----------
    advanced_ns : int
        No record known before this time may be written any more.
    published_ns : int
        Everything that follows from events known up to this time was published.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.advanced_ns, self.published_ns = self._read()

    def advance(self, now_ns: int) -> None:
        """Note that the timers have run up to `now_ns`."""
        self.advanced_ns = max(self.advanced_ns, now_ns)
        self._write()

    def publish(self, known_ns: int) -> None:
        """Note that everything up to `known_ns` was published."""
        self.published_ns = max(self.published_ns, known_ns)
        self._write()

    def close(self) -> None:
        """Let go of the file; more than once is harmless."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _read(self) -> tuple[int, int]:
        content = os.pread(self._handle, _FORM.size, 0)
        if len(content) < _FORM.size:
            return 0, 0
        advanced_ns, published_ns, checksum = _FORM.unpack(content)
        if zlib.crc32(content[:16]) != checksum:
            return 0, 0
        return advanced_ns, published_ns

    def _write(self) -> None:
        content = _FORM.pack(self.advanced_ns, self.published_ns, 0)[:16]
        os.pwrite(self._handle, content + struct.pack("<I", zlib.crc32(content)), 0)
