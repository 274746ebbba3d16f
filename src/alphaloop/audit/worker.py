"""The pristine process: it has loaded the subject and never called it, and forks one child for each run.

Started as ``python -m alphaloop.audit.worker WORKSPACE``. It reads one JSON job a line and answers one JSON outcome a
line. Whatever a run leaves behind (caches, globals, default arguments, open files, random states) dies with its child.

polars keeps a pool of threads from its first query on, and a fork would inherit the pool without its threads; so
nothing here runs polars before the fork. Where the user's module did so while it was imported (``fresh`` in the
greeting), the worker is started again and every child imports the module for itself (``late`` in the set-up).
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Serve jobs until the input ends."""
    jobs, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    from alphaloop.core.errors import AlphaloopError

    workspace = Path(sys.argv[1])
    try:
        subject, table, greeting = _prepare(workspace)
    except AlphaloopError as error:
        _answer(answers, {"error": str(error), "type": type(error).__name__})
        return
    _answer(answers, greeting)
    from alphaloop.audit.jobs import Job

    for line in jobs:
        batch = [Job.from_dict(values) for values in json.loads(line)]
        if greeting["fresh"]:
            outcomes: list[dict[str, Any]] = []
            _guarded(batch, subject, table, outcomes.append)
            _answer(answers, outcomes)
            return
        _answer(answers, _served(batch, subject, table))


def _answer(answers: Any, message: Any) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _prepare(workspace: Path) -> tuple[Any, Any, dict[str, Any]]:
    # Everything a child needs is imported here, once, so that no child imports it again.
    import polars  # noqa: F401
    import pyarrow as pa

    import alphaloop.audit.runs  # noqa: F401
    from alphaloop.audit.adapters import LateSubject, load_subject
    from alphaloop.audit.roles import Roles
    from alphaloop.audit.tables import Table

    setup = json.loads((workspace / "setup.json").read_text())
    options = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.memory_map(str(workspace / "table.arrow")) as source:
        arrow = pa.ipc.open_file(source, options=options).read_all()
    time, known = np.load(workspace / "time.npy"), np.load(workspace / "known.npy")
    table = Table.of(arrow, Roles.from_dict(setup["roles"]), time, known, np.load(workspace / "origin.npy"))
    before = set(sys.modules)
    for name in setup["preload"]:
        with suppress(Exception):
            importlib.import_module(name)
    late = setup["late"]
    subject, description = (LateSubject(setup["subject"]), {}) if late else load_subject(setup["subject"])
    description["libraries"] = _libraries(before, setup["subject"])
    _warm(table)
    gc.collect()
    gc.freeze()
    return subject, table, {**description, "fresh": _polars_was_used()}


def _warm(table: Any) -> None:
    """Do once what every child does before it calls the subject, so that no child pays for doing it first."""
    from alphaloop.audit.jobs import Change, Scene
    from alphaloop.audit.runs import build_scene, changed

    scene = build_scene(table, Scene(0, min(len(table), 40)))
    middle = int(np.median(scene.known))
    for kind in ("noise", "truncated", "permuted"):
        changed(scene, Change(kind, from_ns=middle))[0].arrow()


def _libraries(before: set[str], source: dict[str, Any]) -> list[str]:
    """Modules that loading the subject brought, without those beside the subject's own file."""
    own = str(Path(source.get("place", "/")).parent) if source.get("is_file") else None
    found = []
    for name in [name for name in sys.modules if name not in before]:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and (own is None or "site-packages" in file or not file.startswith(own)):
            found.append(name)
    return found


def _polars_was_used() -> bool:
    threads = Path("/proc/self/task")
    if not threads.is_dir():
        return True
    names = [(thread / "comm").read_text().strip() for thread in threads.iterdir()]
    return any(name.startswith(("polars-0", "tokio", "async-exec")) for name in names)


def _served(batch: list[Any], subject: Any, table: Any) -> list[dict[str, Any]]:
    """Run a batch in one child; after a job that hangs or ends the process, another child goes on with the next."""
    answers: list[dict[str, Any]] = []
    while len(answers) < len(batch):
        answers += _forked(batch[len(answers) :], subject, table)
    return answers


def _forked(batch: list[Any], subject: Any, table: Any) -> list[dict[str, Any]]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setpgid(0, 0)
        with os.fdopen(writer, "w") as answers:
            _guarded(batch, subject, table, partial(_answer, answers))
        os._exit(0)
    os.close(writer)
    outcomes, late = _read(reader, len(batch), max(job.timeout_s for job in batch))
    if late:
        _kill(child)
    _, status = os.waitpid(child, 0)
    if late:
        outcomes.append({"status": "timeout", "message": "ran too long"})
    elif len(outcomes) < len(batch):
        outcomes.append({"status": "crashed", "message": f"ended by {_ended(status)}"})
    return outcomes


def _read(reader: int, count: int, timeout_s: float) -> tuple[list[dict[str, Any]], bool]:
    """Outcomes as they come, one a line, each within the time; whether one took longer."""
    from alphaloop.core.clock import stopwatch

    end, text, lines = stopwatch() + timeout_s, b"", 0
    with os.fdopen(reader, "rb", buffering=0) as source:
        while True:
            ready, _, _ = select.select([source], [], [], max(0.0, end - stopwatch()))
            part = source.read(1 << 16) if ready else b""
            text += part or b""
            if text.count(b"\n") > lines:
                lines, end = text.count(b"\n"), stopwatch() + timeout_s
            if not part:
                break
    found = [json.loads(line) for line in text.split(b"\n")[:lines]]
    return found, not ready and lines < count


def _kill(child: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {signal.Signals(os.WTERMSIG(status)).name}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def _guarded(batch: list[Any], subject: Any, table: Any, tell: Callable[[Any], None]) -> None:
    """Run jobs one after the other and tell the outcome of each; whatever is raised is an outcome."""
    from alphaloop.audit.jobs import Outcome
    from alphaloop.audit.runs import run

    loaded, written = set(sys.modules), _watch_files()
    with tempfile.TemporaryDirectory(prefix="audit-run-") as scratch:
        tempfile.tempdir = scratch
        for at, job in enumerate(batch, 1):
            try:
                outcome = run(job, subject, table).to_dict()
            except BaseException as error:
                text = " ".join(str(error).split())[:300]
                outcome = Outcome("raised", f"{type(error).__name__}: {text}").to_dict()
            if at == len(batch):
                kept = (scratch, str(Path(sys.argv[1])))
                outcome["wrote"] = [path for path in _sweep(written) if not path.startswith(kept)]
                outcome["imported"] = [name for name in sys.modules if name not in loaded]
            tell(outcome)
        tempfile.tempdir = None


def _watch_files() -> dict[str, bool]:
    """Note every path that is opened for writing from now on, and whether it was there before."""
    seen: dict[str, bool] = {}

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str) and len(args) > 2 and isinstance(args[2], int):
            if args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                path = os.path.abspath(args[0])
                seen.setdefault(path, os.path.lexists(path))
        elif event in ("sqlite3.connect", "os.mkdir") and isinstance(args[0], str):
            path = os.path.abspath(args[0])
            seen.setdefault(path, os.path.lexists(path))

    sys.addaudithook(hook)
    return seen


def _sweep(written: dict[str, bool]) -> list[str]:
    """Remove what the run created, so that the next run finds the disk as this one did; name what it wrote to."""
    from shutil import rmtree

    keep = (sys.argv[1], "/dev/", "/proc/", os.environ.get("NUMBA_CACHE_DIR", sys.argv[1]))
    named = []
    for path, was_there in sorted(written.items()):
        if path.startswith(keep) or "__pycache__" in path or ".cache/fontconfig" in path:
            continue
        if os.path.lexists(path):
            named.append(path)
            if not was_there:
                rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)
    return named


if __name__ == "__main__":
    main()
