"""An append-only file of JSON lines that survives a crash at any instant.

A line counts once its newline is on disk. Each line carries the hash of the line before, so that a ledger that was
edited says so. A torn last line, left by a crash while appending, is ignored by readers and cut off by the next
appender, which alone holds the lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphaloop.core.errors import StateError
from alphaloop.core.files import sync_folder
from alphaloop.core.hashing import canonical_json

GENESIS = "0" * 64


@dataclass(frozen=True)
class Tail:
    """Where a ledger stands: whole lines, the bytes they take, and the hash that the next line must carry."""

    lines: tuple[dict[str, Any], ...]
    size: int
    previous: str


class Ledger:
    """The lines of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> tuple[dict[str, Any], ...]:
        """Every whole line, oldest first.

        Raises
        ------
        StateError
            If a line before the last is damaged, or lines were changed, removed or put in another order.
        """
        return self._read().lines

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the ledger for a read that an append depends on; waits for any other process that holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line and return when it is on disk; call it inside `locked`."""
        tail = self._read()
        content = canonical_json({**line, "previous": tail.previous}).encode() + b"\n"
        handle = os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            os.ftruncate(handle, tail.size)
            os.lseek(handle, tail.size, os.SEEK_SET)
            written = 0
            while written < len(content):
                written += os.write(handle, content[written:])
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(self.path.parent)

    def _read(self) -> Tail:
        raw = self.path.read_bytes() if self.path.exists() else b""
        pieces = raw.splitlines(keepends=True)
        lines: list[dict[str, Any]] = []
        size, previous = 0, GENESIS
        for number, piece in enumerate(pieces, start=1):
            line = _parse(piece)
            if line is None and number == len(pieces):
                break
            if line is None or line.get("previous") != previous:
                what = "cannot be read" if line is None else f"follows {line.get('previous')}, expected {previous}"
                raise StateError(
                    f"{self.path}: line {number} {what}; the ledger was changed by hand: restore it from a backup"
                )
            lines.append(line)
            size += len(piece)
            previous = hashlib.sha256(piece).hexdigest()
        return Tail(tuple(lines), size, previous)


def _parse(piece: bytes) -> dict[str, Any] | None:
    if not piece.endswith(b"\n"):
        return None
    try:
        line = json.loads(piece)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
