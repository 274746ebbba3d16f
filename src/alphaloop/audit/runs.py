"""A run inside the forked child: build the scene, change it, call the subject, match rows, compare."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.alignment import Aligned, align
from alphaloop.audit.compare import Exactness, compare, past
from alphaloop.audit.jobs import FOREVER, Change, Job, Outcome, Scene
from alphaloop.audit.mutations import mutate
from alphaloop.audit.outputs import Output
from alphaloop.audit.tables import Table
from alphaloop.audit.variants import vary
from alphaloop.core.clock import stopwatch
from alphaloop.core.random import stream


class Subject(Protocol):
    """Something that turns a table into an output."""

    def call(self, table: Table, flavour: str) -> Output:
        """Run it once."""
        ...


def run(job: Job, subject: Subject, table: Table) -> Outcome:
    """Do one job; whatever the subject raises goes up."""
    scene = build_scene(table, job.scene)
    given, rows = (scene, np.arange(len(scene))) if job.change is None else changed(scene, job.change)
    if not len(given):
        return Outcome("empty")
    began = stopwatch()
    output = subject.call(given, job.flavour)
    seconds = stopwatch() - began
    aligned = align(output, given, rows, job.sequence, job.offset)
    if job.save is not None:
        store(Path(job.save), aligned, scene)
    found = {}
    if job.base is not None and job.change is not None:
        base = load(Path(job.base)).aligned
        mine, theirs = _comparable(base, aligned, job)
        exactness = Exactness(job.relative, job.absolute)
        same_rows = len(given) == len(scene) and job.within is None
        found = compare(base, aligned, mine, theirs, exactness, same_rows=same_rows)
    return Outcome("ok", "", seconds, len(given), output.length, aligned.how, tuple(output.columns), found)


def build_scene(table: Table, scene: Scene) -> Table:
    """Take the scene's rows out of the file, in its variant; `origin` still names rows of the file."""
    last = scene.last or len(table)
    if (scene.first, last) != (0, len(table)):
        table = table.take(np.sort(table.order()[scene.first : last]))
    if scene.variant is not None:
        table = vary(table, scene.variant, stream(scene.seed, "variant", scene.variant))
    return table


def changed(table: Table, change: Change) -> tuple[Table, NDArray[np.int64]]:
    """Apply a change; also the row of `table` that each row of the result stands for."""
    rng = stream(change.seed, "change", change.kind)
    mask = (table.known >= change.from_ns) | (table.known < change.until_ns)
    rows = np.arange(len(table))
    if change.kind == "truncated":
        rows = np.flatnonzero(~mask)
    given = mutate(table, change.kind, mask, rng)
    if table.roles.target is not None and change.from_ns < FOREVER:
        given = _hide_target(given, change.from_ns, rng)
    return given, rows


def _hide_target(table: Table, from_ns: int, rng: np.random.Generator) -> Table:
    """Change targets from the last row of the past on, because a row does not know its own."""
    name = table.roles.target
    earlier = table.known[table.known < from_ns]
    if name is None or not len(earlier):
        return table
    late = np.flatnonzero(table.known >= earlier.max())
    column = table.columns[name]
    if column.values is None:
        order = np.arange(len(table))
        order[late] = rng.integers(0, len(table), len(late))
        return replace(table, columns={**table.columns, name: column.take(order)})
    values = table.numbers(name)
    choices = np.unique(values[np.isfinite(values)])
    if len(choices) > 20:
        values[late] = values[late] + 3.0 * np.std(choices) * (1.0 + rng.random(len(late)))
    elif len(choices) > 1:
        # Another class than the true one, whatever the true one is.
        at = np.searchsorted(choices, np.nan_to_num(values[late], nan=choices[0]))
        values[late] = choices[(at + rng.integers(1, len(choices), len(late))) % len(choices)]
    return table.put(**{name: values})


def _comparable(base: Aligned, other: Aligned, job: Job) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    change = job.change
    assert change is not None
    since = max(job.since_ns, change.until_ns)
    before = min(change.from_ns, min(job.to_ns, FOREVER - 1) + 1)
    mine, theirs = (past(part, since, before, job.limit) for part in (base, other))
    if job.within is not None:
        mine &= base.columns[job.within] < change.from_ns
    return mine, theirs


def store(folder: Path, aligned: Aligned, scene: Table) -> None:
    """Write an output, and the times and origins of its scene, as one file that can be mapped."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [aligned.ids, aligned.stamps, scene.known, scene.time, scene.origin, *aligned.columns.values()]
    index, at = [], 0
    with (folder / "arrays.bin").open("wb") as sink:
        for values in parts:
            raw = np.ascontiguousarray(values)
            sink.write(raw.tobytes())
            sink.write(bytes(-raw.nbytes % 64))
            index.append([raw.dtype.str, len(raw), at])
            at += raw.nbytes + -raw.nbytes % 64
    names = {"columns": list(aligned.columns), "how": aligned.how, "arrays": index}
    (folder / "names.json").write_text(json.dumps(names))


@dataclass(frozen=True)
class Stored:
    """An output that `store` wrote, with the times and origins of its scene."""

    aligned: Aligned
    known: NDArray[np.int64]
    time: NDArray[np.int64]
    origin: NDArray[np.int64]


def load(folder: Path) -> Stored:
    """Map what `store` wrote."""
    names: dict[str, Any] = json.loads((folder / "names.json").read_text())
    path = folder / "arrays.bin"
    raw = np.memmap(path, np.uint8, mode="r") if path.stat().st_size else np.empty(0, np.uint8)
    arrays = [raw[at : at + n * np.dtype(kind).itemsize].view(kind) for kind, n, at in names["arrays"]]
    ids, stamps, known, time, origin, *columns = (np.asarray(values) for values in arrays)
    aligned = Aligned(dict(zip(names["columns"], columns, strict=True)), ids, stamps, names["how"])
    return Stored(aligned, known, time, origin)
