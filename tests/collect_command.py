"""``alphaloop collect`` as its users have it: a process that is given files and says things on standard error."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ALPHALOOP = Path(sys.executable).parent / "alphaloop"


def toml(values: Mapping[str, Any], *, at: str = "") -> str:
    """Write nested settings as TOML."""
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping)}
    lines = [f"{name} = {json.dumps(value)}" for name, value in plain.items()]
    for name, value in values.items():
        if isinstance(value, Mapping):
            place = f"{at}.{name}".lstrip(".")
            lines += ["", f"[{place}]", toml(value, at=place)]
    return "\n".join(lines)


def endpoint_file(path: Path, *endpoints: Mapping[str, Any]) -> Path:
    """Write endpoints as the option ``--endpoints`` reads them."""
    path.write_text("\n\n".join("[[endpoints]]\n" + toml(each) for each in endpoints))
    return path


def has(line: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether a line of the log has these values."""
    return all(name in line and line[name] == value for name, value in values.items())


class Collector:
    """One life of the process; its log is read while it is written.

    Attributes
    ----------
    log : list of dict
        What it logged so far, in order.
    said : list of str
        All lines on standard error, those that are no log included.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        folder: Path,
        settings: Mapping[str, Any],
        *options: str | Path,
        endpoints: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Collector:
        """Start it on a data folder."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.parent / f"{folder.name}-settings.toml"
        file.write_text(toml(settings))
        command = [ALPHALOOP, "collect", "--data", folder, "--settings", file, "--json", *options]
        if endpoints is not None:
            command += ["--endpoints", endpoints]
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            env=os.environ | {"NO_COLOR": "1"} | dict(environment or {}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    def events(self, event: str, after: int = 0, **values: Any) -> list[dict[str, Any]]:
        """What it logged of one kind so far, the first `after` lines of the log left out."""
        return [line for line in self.log[after:] if line["event"] == event and has(line, values)]

    async def until(
        self, event: str, *, count: int = 1, after: int = 0, timeout_s: float = 120.0, **values: Any
    ) -> dict[str, Any]:
        """Wait until it has logged an event so many times, and give the last of them."""
        limit = time.monotonic() + timeout_s
        while len(found := self.events(event, after, **values)) < count:
            left = limit - time.monotonic()
            assert left > 0, f"no {event} {values or ''} in {timeout_s:g} s; it said:\n{self.text[-3000:]}"
            assert not self._reading.done(), f"it ended; it said:\n{self.text[-3000:]}"
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
        return found[-1]

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    @property
    def resident_bytes(self) -> int:
        """Memory that it holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def stop(self, timeout_s: float = 120.0) -> dict[str, Any]:
        """Ask it to stop, and give its result."""
        self.process.send_signal(signal.SIGTERM)
        code, out = await self.end(timeout_s)
        assert code == 0, self.text[-3000:]
        found: dict[str, Any] = json.loads(out)
        return found

    async def kill(self) -> None:
        """Let it die without a word."""
        self.process.send_signal(signal.SIGKILL)
        code, _ = await self.end()
        assert code == -signal.SIGKILL, self.text[-3000:]

    async def end(self, timeout_s: float = 120.0) -> tuple[int, str]:
        """Wait for its end, and give its exit code and what it wrote on standard output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(timeout_s):
            out = await self.process.stdout.read()
            await self._reading
            return await self.process.wait(), out.decode()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            text = line.decode().rstrip()
            self.said.append(text)
            with suppress(ValueError):
                found = json.loads(text)
                if isinstance(found, dict) and "event" in found:
                    self.log.append(found)
            self._changed.set()
        self._changed.set()


class Collectors:
    """Collectors of one test; whatever happens, none is left behind."""

    def __init__(self) -> None:
        self._started: list[Collector] = []

    async def __aenter__(self) -> Collectors:
        return self

    async def __aexit__(self, *_error: object) -> None:
        for collector in self._started:
            if collector.process.returncode is None:
                collector.process.kill()
                await collector.end()

    async def start(self, *arguments: Any, **options: Any) -> Collector:
        """Start one; see `Collector.start`."""
        self._started.append(await Collector.start(*arguments, **options))
        return self._started[-1]


def files_with(folder: Path, secrets: Sequence[bytes]) -> list[tuple[str, bytes]]:
    """List the files below a folder that hold one of `secrets`, with the secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [(str(path), secret) for path in files for secret in secrets if secret in path.read_bytes()]
