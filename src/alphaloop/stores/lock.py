"""One process per state file: an advisory lock that the kernel releases when the process dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from alphaloop.core.errors import InputError
from alphaloop.stores.checks import in_use


class ProcessLock:
    """Holds ``FILE.lock`` beside a state file until `release`.

    Raises
    ------
    InputError
        If another holder has it, or the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(
                f"{path}: the state cannot be opened ({error.strerror}); give a folder to write to"
            ) from None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip()
            os.close(self._handle)
            raise in_use(str(path), f"process {holder}" if holder else "another process") from None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others in; more than once is harmless. The file stays: removing it would let two processes in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
