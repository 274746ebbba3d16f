"""Two pristine workers that run jobs side by side, from the side that asks."""

from __future__ import annotations

import json
import os
import queue
import select
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from alphaloop.audit.jobs import Job, Outcome
from alphaloop.audit.roles import Roles
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import DataError, InputError, UnknownNameError

START_S = 120.0
ONE_THREAD = (
    "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)  # fmt: skip


class Pool:
    """Workers over one table and one subject; use it in a ``with`` block.

    Parameters
    ----------
    table : polars.DataFrame
    roles : Roles
    time_ns, known_ns : int64 (n,)
    subject : dict
        What `alphaloop.audit.adapters.load_subject` takes.
    origin : int64 (n,) or None
        Row of the file that each row is; by default they are the file's rows.
    workers : int

    Raises
    ------
    UnknownNameError
        If the subject cannot be loaded.
    """

    def __init__(
        self,
        table: pl.DataFrame,
        roles: Roles,
        time_ns: NDArray[np.int64],
        known_ns: NDArray[np.int64],
        subject: dict[str, Any],
        origin: NDArray[np.int64] | None = None,
        workers: int = 2,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="alphaloop-audit-"))
        self._workers: list[_Worker] = []
        self._names = 0
        try:
            arrow = table.to_arrow(compat_level=pl.CompatLevel.oldest())
            with pa.OSFile(str(self.folder / "table.arrow"), "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as out:
                out.write_table(arrow)
            np.save(self.folder / "time.npy", time_ns)
            np.save(self.folder / "known.npy", known_ns)
            np.save(self.folder / "origin.npy", np.arange(table.height) if origin is None else origin)
            self._setup: dict[str, Any] = {"roles": roles.to_dict(), "subject": subject, "preload": [], "late": False}
            self._write_setup()
            self._workers = [_Worker(self.folder, compiled=subject["kind"] == "function") for _ in range(workers)]
            self.description = next(iter([worker.greet() for worker in self._workers]))
            if self.description["fresh"]:
                self._setup["late"] = True
                self.preload(self.description["libraries"])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and remove the workspace."""
        for worker in self._workers:
            worker.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def preload(self, modules: Iterable[str]) -> None:
        """Start the workers again with modules that a run imported, so that no run has to import them again."""
        self._setup["preload"] = [*self._setup["preload"], *modules]
        self._write_setup()
        for worker in self._workers:
            worker.restart()

    def _write_setup(self) -> None:
        (self.folder / "setup.json").write_text(json.dumps(self._setup))

    def path(self, name: str) -> str:
        """Name a new folder of the workspace for an output."""
        self._names += 1
        return str(self.folder / f"{name}_{self._names}")

    def run(self, job: Job) -> Outcome:
        """Do one job."""
        return next(iter(self.map([job])))[1]

    def map(self, jobs: Iterable[Job], batch: int = 1) -> Iterator[tuple[Job, Outcome]]:
        """Do jobs side by side and yield each as it ends; jobs not begun when the caller stops are never begun.

        Each job has a pristine process of its own, unless a `batch` of them shares one.
        """
        pending: queue.SimpleQueue[tuple[list[Job], list[Outcome] | BaseException] | None] = queue.SimpleQueue()
        source, lock, stop = iter(jobs), threading.Lock(), threading.Event()

        def serve(worker: _Worker) -> None:
            while not stop.is_set():
                with lock:
                    part = list(islice(source, batch))
                if not part:
                    break
                try:
                    pending.put((part, worker.do(part)))
                except BaseException as error:
                    pending.put((part, error))
                    break
            pending.put(None)

        threads = [threading.Thread(target=serve, args=(worker,), daemon=True) for worker in self._workers]
        for thread in threads:
            thread.start()
        running = len(threads)
        try:
            while running:
                got = pending.get()
                if got is None:
                    running -= 1
                elif isinstance(got[1], BaseException):
                    raise got[1]
                else:
                    yield from zip(got[0], got[1], strict=True)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


class _Worker:
    """One worker process and the pipes to it; started again when it has to be."""

    def __init__(self, folder: Path, *, compiled: bool) -> None:
        self._folder, self._compiled = folder, compiled
        self._fresh = False
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **dict.fromkeys(ONE_THREAD, "1"),
            "PYTHONHASHSEED": "0",
            "PYTHONWARNINGS": "ignore",
        }
        if self._compiled:
            environment["NUMBA_CACHE_DIR"] = str(self._folder / "numba")
        command = [sys.executable, "-m", "alphaloop.audit.worker", str(self._folder)]
        return subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )

    def greet(self) -> dict[str, Any]:
        """Wait until the subject is loaded."""
        said = self._line(START_S)
        if said is None:
            code = self._process.poll()
            how = f"took longer than {START_S:.0f} s" if code is None else f"ended Python with exit code {code}"
            raise UnknownNameError(f"importing the file {how}; make it a module that can be imported")
        if "error" in said:
            kind = {"DataError": DataError, "UnknownNameError": UnknownNameError}.get(said["type"], InputError)
            raise kind(said["error"])
        self._fresh = said["fresh"]
        greeting: dict[str, Any] = said
        return greeting

    def do(self, batch: list[Job]) -> list[Outcome]:
        """Send jobs for one process and wait for their outcomes."""
        if self._process.poll() is not None:
            self.restart()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([job.to_dict() for job in batch]).encode() + b"\n")
        self._process.stdin.flush()
        said = self._line((1 + len(batch)) * max(job.timeout_s for job in batch) + 30.0)
        if said is None:
            self.end()
            self.restart()
            return [Outcome("crashed", "the process ended") for _ in batch]
        if self._fresh:
            self._process.wait(timeout=30.0)
        return [Outcome.from_dict(values) for values in said]

    def restart(self) -> None:
        self.end()
        self._process = self._start()
        self.greet()

    def _line(self, timeout_s: float) -> Any:  # whatever the line says
        assert self._process.stdout is not None
        end, text = stopwatch() + timeout_s, b""
        descriptor = self._process.stdout.fileno()
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([descriptor], [], [], max(0.0, end - stopwatch()))
            part = os.read(descriptor, 1 << 16) if ready else b""
            if not part:
                return None
            text += part
        return json.loads(text)

    def end(self) -> None:
        """Close the pipes and wait for the process to go."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
