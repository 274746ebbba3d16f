"""The market's state from time to time, so that a restart replays minutes and not months."""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

from alphaloop.core.errors import StateError
from alphaloop.core.files import sync_folder

log = structlog.get_logger("alphaloop.pumpfun.snapshots")

MAGIC = b"alS\x01"
_LENGTH = struct.Struct("<I")
_HEADER_BYTES = 256
_NAME = re.compile(r"market-(\d{19})\.state")


class Snapshot(NamedTuple):
    """A state and the place in the recording that it belongs to.

    Attributes
    ----------
    position_ns
        `known_ns` of the last event in it.
    identity
        Hash of the settings that made it.
    """

    position_ns: int
    identity: str
    state: bytes


class Snapshots:
    """The newest few snapshots of a folder.

    A file is ``magic, u32 length, JSON header, state``, written whole or not at all, its header with the checksum of
    the state: one that a failing disk changed is noticed, and an older one is taken. It is written in two steps,
    `fill` and `publish`, for the first takes long and may be done by another process.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self._folder = folder
        self._keep = keep

    def begin(self, position_ns: int) -> Path:
        """Give the path of a file to be filled; what was begun before and not published is removed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("market-*.unfinished"):
            old.unlink(missing_ok=True)
        return self._folder / f"market-{position_ns:019d}.unfinished"

    @staticmethod
    def fill(path: Path, position_ns: int, identity: str, pieces: Iterable[bytes]) -> None:
        """Write a state, given in pieces, and force it to disk."""
        size = checksum = 0
        with path.open("wb") as file:
            file.write(_head(position_ns, identity, 0, 0))
            for piece in pieces:
                file.write(piece)
                size, checksum = size + len(piece), zlib.crc32(piece, checksum)
            file.seek(0)
            file.write(_head(position_ns, identity, size, checksum))
            file.flush()
            os.fsync(file.fileno())

    def publish(self, path: Path) -> Path:
        """Let a filled file count, and remove the oldest snapshots beyond `keep`."""
        target = path.with_suffix(".state")
        path.replace(target)
        sync_folder(self._folder)
        for old in self._files()[self._keep :]:
            old.unlink(missing_ok=True)
        return target

    def newest(self, identity: str, not_after_ns: int) -> Snapshot | None:
        """Give the newest sound snapshot that these settings made and that the recording reaches, if there is one."""
        for path in self._files():
            try:
                found = _read(path)
            except (StateError, OSError) as error:
                log.warning("snapshot_unusable", file=path.name, reason=str(error))
                continue
            if found.identity != identity:
                log.warning("snapshot_unusable", file=path.name, reason="made with other settings")
            elif found.position_ns > not_after_ns:
                log.warning("snapshot_unusable", file=path.name, reason="the recording ends before it")
            else:
                return found
        return None

    def _files(self) -> list[Path]:
        found = [path for path in self._folder.glob("market-*.state") if _NAME.fullmatch(path.name)]
        return sorted(found, reverse=True)


def _head(position_ns: int, identity: str, size: int, checksum: int) -> bytes:
    header = {"position_ns": position_ns, "identity": identity, "bytes": size, "crc32": checksum}
    # Of one length whatever it says, so that it can be written again when the state is.
    head = json.dumps(header).encode().ljust(_HEADER_BYTES)
    return MAGIC + _LENGTH.pack(len(head)) + head


def _read(path: Path) -> Snapshot:
    content = path.read_bytes()
    at = len(MAGIC) + _LENGTH.size
    if content[: len(MAGIC)] != MAGIC or len(content) < at:
        raise StateError(f"{path}: this is no snapshot; remove it")
    length = _LENGTH.unpack_from(content, len(MAGIC))[0]
    try:
        header = json.loads(content[at : at + length])
        state = content[at + length :]
        if len(state) != header["bytes"] or zlib.crc32(state) != header["crc32"]:
            raise StateError(f"{path}: the snapshot's content does not fit its checksum; remove it")
        return Snapshot(int(header["position_ns"]), str(header["identity"]), state)
    except (ValueError, KeyError, TypeError):
        raise StateError(f"{path}: the snapshot's header is damaged; remove it") from None
