"""The phases of an audit: where to look, from the most to the least telling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from alphaloop.audit.cuts import notable_cuts
from alphaloop.audit.jobs import Scene
from alphaloop.audit.memory import share_processes
from alphaloop.audit.roles import Roles, find_roles, known_times, symbol_rows
from alphaloop.audit.search import Search, spread_out
from alphaloop.audit.stages import Stage
from alphaloop.audit.tables import Column
from alphaloop.audit.variants import VARIANTS
from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import DataError
from alphaloop.core.random import stream

LEAST_MOMENTS = 12
DENSE_ROWS = 120
VARIANT_ROWS = 80
LONGEST_HISTORY = 3000
NOTABLE_CUTS = 160
FULL_CUTS = 5
FIRST_SHARE = 0.25
FIRST_RUNS = 110
VARIANT_PARTS = 4
SHRINKING = ("gaps", "symbols out of step")
OF_SYMBOLS = ("symbols out of step", "one symbol")
LONG = ("calendar borders",)
LONG_ROWS = 200


@dataclass(frozen=True)
class Material:
    """The table under the subject, when its rows were known (UTC nanoseconds), and which rows of the file they are."""

    table: pl.DataFrame
    roles: Roles
    time: NDArray[np.int64]
    known: NDArray[np.int64]
    origin: NDArray[np.int64]

    @classmethod
    def of(cls, table: pl.DataFrame, target: str | None, timezone: str | None, stamp: str) -> Material:
        """Find parts and times.

        Raises
        ------
        DataError
            If the target is no column, or times cannot be read.
        """
        roles = find_roles(table, target)
        times = known_times(table, roles, timezone=timezone, stamp=stamp)
        return cls(table, roles, *times, np.arange(table.height, dtype=np.int64))

    @property
    def chronological(self) -> bool:
        """Whether the rows stand in the order in which they were known."""
        return bool((np.diff(self.known) >= 0).all())

    def longest_symbol(self) -> Material:
        """Keep the rows of the symbol that has most of them, in the order in which they were known."""
        rows = max(symbol_rows(self.table, self.roles), key=len)
        rows = rows[np.argsort(self.known[rows], kind="stable")]
        return Material(self.table[rows], self.roles, self.time[rows], self.known[rows], self.origin[rows])


def open_whole(search: Search, material: Material) -> tuple[Stage, int]:
    """Open the whole file; also the moments of history after which the subject has something to say.

    Raises
    ------
    DataError
        If the function fails when it is called a second time on the same table, returns nothing, or the table is too
        short to have a past and a future.
    """
    whole = search.stage(Scene())
    if whole is None:
        raise DataError("the function worked once and failed when called again on the same table; make it repeatable")
    if len(whole.moments) < LEAST_MOMENTS:
        raise DataError(
            f"the table has {len(whole.moments)} distinct times, too few to change a future; "
            f"give at least {LEAST_MOMENTS}"
        )
    if not whole.outcome.rows_out or not whole.outcome.columns:
        raise DataError("the function returned no rows for this table, so there is nothing to audit; give it more rows")
    own = passed_through(whole, material)
    search.suspects = tuple(name for name in whole.outcome.columns if name not in own)
    search.excused |= {name for name in own if name == material.roles.target}
    return whole, find_history(search, whole, material)


def investigate(search: Search, whole: Stage, material: Material, history: int) -> None:
    """Run all phases, from the most to the least telling, until done or out of time."""
    for phase in (_whole_file, _variants, _rest_of_file, _dense_elsewhere):
        if not search.settled():
            phase(search, whole, material, history)


def passed_through(stage: Stage, material: Material) -> set[str]:
    """Columns of the output that are the input's own."""
    output, found = stage.output(), set()
    inside = output.ids >= 0
    for name, values in output.columns.items():
        if name not in material.table.columns or output.how == "sequence":
            continue
        own = Column.of(pa.chunked_array([material.table[name].to_arrow()])).spelled()[output.ids[inside]]
        mine = values[inside]
        if mine.dtype.kind == own.dtype.kind == "f" or "U" not in (mine.dtype.kind + own.dtype.kind):
            same = np.array_equal(mine.astype(np.float64), own.astype(np.float64), equal_nan=True)
        else:
            same = np.array_equal(mine.astype(np.str_), own.astype(np.str_))
        if same:
            found.add(name)
    return found


def find_history(search: Search, whole: Stage, material: Material) -> int:
    """Moments after which the function has begun to speak in every column, at most `LONGEST_HISTORY`."""
    output = whole.output()
    moments, first = whole.moments, 0
    for values in output.columns.values():
        if values.dtype.kind == "U":
            continue
        says = np.flatnonzero(~np.isnan(values.astype(np.float64)))
        if len(says):
            stamps = (
                output.stamps[says]
                if output.how != "sequence"
                else material.known[np.minimum(says, len(material.known) - 1)]
            )
            first = max(first, int(np.searchsorted(moments, stamps.min())))
    # Outputs without their warm-up rows begin at once; the rows they lack are history too.
    lacking = max(0, whole.outcome.rows_in - whole.outcome.rows_out)
    history = min(max(first, lacking if lacking < len(moments) // 2 else 0), LONGEST_HISTORY, len(moments) // 2)
    while history < len(moments) // 2:
        if _works(search, material, history + 2):
            break
        history = max(2 * history, 16)
    return min(history, len(moments) // 2)


def _works(search: Search, material: Material, moments: int) -> bool:
    last = int(np.searchsorted(np.sort(material.known), np.unique(material.known)[moments - 1], side="right"))
    return search.pool.run(replace(search.template, scene=Scene(0, last))).status == "ok"


def _scene(material: Material, start: int, length: int, variant: str | None = None, seed: int = 0) -> Scene:
    """Rows of `length` moments from moment `start` on."""
    moments, known = np.unique(material.known), np.sort(material.known)
    start = max(0, min(start, len(moments) - length))
    end = min(start + length, len(moments)) - 1
    first = int(np.searchsorted(known, moments[start]))
    return Scene(first, int(np.searchsorted(known, moments[end], side="right")), variant, seed)


def _dense(search: Search, stage: Stage | None, history: int, kinds: list[str], count: int, label: str) -> None:
    """Cut a short scene at every moment after its history."""
    if stage is not None:
        search.try_cuts(stage, _turns(stage, history, kinds, count, stream(search.seed, "dense", label)), label)


def _kinds_at(kinds: list[str], at: int) -> Iterator[str]:
    """Kinds written with a plus come at every cut, of the others one at each cut in turn."""
    always = [kind[1:] for kind in kinds if kind.startswith("+")]
    turns = [kind for kind in kinds if not kind.startswith("+")]
    yield from always
    if turns:
        yield turns[at % len(turns)]


def begin(search: Search, whole: Stage, material: Material, history: int) -> None:
    """Cut the beginning of the file at every row; this much is tried however little time there is."""
    stage = search.stage(_scene(material, 0, history + DENSE_ROWS))
    if stage is not None:
        share_processes(search, stage)
    _dense(search, stage, history, ["+truncated", "+noise"], DENSE_ROWS, "every row")


def _notable_plan(search: Search, whole: Stage, material: Material, history: int) -> list[tuple[int, str]]:
    rng = stream(search.seed, "cuts")
    cuts = notable_cuts(material.table, material.roles, material.time, material.known, history, rng)[:NOTABLE_CUTS]
    kinds = search.rotation(whole)
    plan = [(cut, kind) for cut in cuts[:FULL_CUTS] for kind in dict.fromkeys(kinds)]
    for at, cut in enumerate(cuts[FULL_CUTS:]):
        plan += [(cut, "truncated"), (cut, kinds[1 + at % (len(kinds) - 1)])]
    return plan


def _whole_file(search: Search, whole: Stage, material: Material, history: int) -> None:
    plan = _notable_plan(search, whole, material, history)
    search.alone(whole, plan[: _affordable(search, whole, FIRST_SHARE)], "notable rows")


def _rest_of_file(search: Search, whole: Stage, material: Material, history: int) -> None:
    plan = _notable_plan(search, whole, material, history)
    done = _affordable(search, whole, FIRST_SHARE, began=True)
    search.alone(whole, plan[done:], "notable rows")


def _affordable(search: Search, whole: Stage, share: float, *, began: bool = False) -> int:
    """Runs on the whole file that a share of the whole budget pays for."""
    if not began:
        search.affordable = max(30, int(share * (search.deadline - stopwatch()) / max(whole.outcome.seconds, 0.02)))
    return min(search.affordable, FIRST_RUNS)


def _variants(search: Search, whole: Stage, material: Material, history: int) -> None:
    """Give every variant a few cuts before any gets many, so that no condition is left out when time is short."""
    rng = stream(search.seed, "variants")
    length = history + VARIANT_ROWS
    kinds = [kind for kind in search.rotation(whole) if kind not in ("truncated", "noise")]
    turns = [kind for other in kinds for kind in ("truncated", "noise", other)]
    several = material.roles.symbol is not None and material.table[material.roles.symbol].n_unique() > 1
    names = [name for name in VARIANTS if several or name not in OF_SYMBOLS]
    starts = {name: int(rng.integers(0, max(1, len(whole.moments) - length))) for name in names}
    plans: dict[str, list[tuple[int, str]]] = {}
    for part in range(VARIANT_PARTS):
        for name in names:
            if search.late() or search.settled():
                return
            count = LONG_ROWS if name in LONG else VARIANT_ROWS
            rows = 2 * length if name in SHRINKING else history + count
            stage = search.stage(_scene(material, starts[name], rows, name, search.seed))
            if stage is None:
                continue
            plan = plans.setdefault(name, _turns(stage, history, turns, count, rng))
            size = -(-len(plan) // VARIANT_PARTS)
            search.try_cuts(stage, plan[part * size : (part + 1) * size], name)


def _turns(stage: Stage, history: int, kinds: list[str], count: int, rng: np.random.Generator) -> list[tuple[int, str]]:
    last = len(stage.moments) - 1
    cuts = spread_out(min(history, last // 2), last, count, rng)
    return [(cut, kind) for at, cut in enumerate(cuts) for kind in _kinds_at(kinds, at)]


def _dense_elsewhere(search: Search, whole: Stage, material: Material, history: int) -> None:
    rng = stream(search.seed, "elsewhere")
    cuts = notable_cuts(material.table, material.roles, material.time, material.known, history, rng)
    length = history + DENSE_ROWS
    for at in cuts[3:24:7]:
        if search.late():
            return
        stage = search.stage(_scene(material, at - history - DENSE_ROWS // 2, length))
        _dense(search, stage, history, ["truncated", "noise", "scaled x10"], DENSE_ROWS, "every row elsewhere")
