"""Whether two outputs say the same about the past, bit by bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.alignment import Aligned
from alphaloop.audit.findings import ALL_ROWS
from alphaloop.audit.outputs import Array
from alphaloop.audit.spelling import NOTHING

LEAST_FELT = 1e-9


@dataclass(frozen=True)
class Difference:
    """Where and by how much one column of the past changed.

    Attributes
    ----------
    rows : tuple of int
        Ids of the changed rows: the first and the last known that feel more than rounding, and the most changed one.
    count : int
    before, after : str, float, int, bool or None
        The values at the most changed row.
    size : float
        Largest change in units of the column's tolerance scale; infinite where text or the presence of rows changed.
    """

    rows: tuple[int, int, int]
    count: int
    before: Any
    after: Any
    size: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for the pipe between processes."""
        return asdict(self)


@dataclass(frozen=True)
class Exactness:
    """How exact a column must be: differences up to `relative` x its own size + `absolute` are rounding or noise."""

    relative: float = 0.0
    absolute: dict[str, float] | None = None

    def of(self, name: str) -> float:
        """Absolute allowance of one column."""
        return (self.absolute or {}).get(name, 0.0)


def compare(
    base: Aligned,
    other: Aligned,
    mine: NDArray[np.bool_],
    theirs: NDArray[np.bool_],
    exactness: Exactness,
    *,
    same_rows: bool,
) -> dict[str, Difference]:
    """Differences by column.

    Parameters
    ----------
    base, other : Aligned
        What the function said of the true table and of the changed one.
    mine, theirs : bool
        Rows of each that must be the same.
    exactness : Exactness
    same_rows : bool
        Whether both must have the same rows, too.
    """
    ids, at, bt = np.intersect1d(base.ids[mine], other.ids[theirs], assume_unique=True, return_indices=True)
    left, right = np.flatnonzero(mine)[at], np.flatnonzero(theirs)[bt]
    order = np.argsort(base.stamps[left], kind="stable")
    ids, left, right = ids[order], left[order], right[order]
    found: dict[str, Difference] = {}
    if same_rows and (len(ids) != mine.sum() or len(ids) != theirs.sum()):
        found[ALL_ROWS] = _selection(base, other, mine, theirs)
    if not len(ids):
        return found
    for name, values in base.columns.items():
        if name in other.columns:
            difference = differ(values[left], other.columns[name][right], ids, exactness, name)
        else:
            difference = _gone(values[left], ids)
        if difference is not None:
            found[name] = difference
    for name in other.columns.keys() - base.columns.keys():
        difference = _gone(other.columns[name][right], ids)
        if difference is not None:
            found[name] = difference
    return found


def past(aligned: Aligned, since_ns: int, before_ns: int, limit: int | None) -> NDArray[np.bool_]:
    """Rows known in ``[since_ns, before_ns)``; the first `limit` rows of an output that is matched by order only."""
    if aligned.how == "sequence":
        return np.arange(len(aligned.ids)) < (len(aligned.ids) if limit is None else limit)
    return (aligned.stamps >= since_ns) & (aligned.stamps < before_ns)


def _selection(base: Aligned, other: Aligned, mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> Difference:
    lost = np.setdiff1d(base.ids[mine], other.ids[theirs])
    new = np.setdiff1d(other.ids[theirs], base.ids[mine])
    rows = lost if len(lost) else new
    words = ("row present", "row absent") if len(lost) else ("row absent", "row present")
    return Difference((int(rows[0]), int(rows[-1]), int(rows[0])), len(lost) + len(new), *words, float("inf"))


def differ(a: Array, b: Array, ids: NDArray[np.int64], exactness: Exactness, name: str) -> Difference | None:
    """Difference of two columns row by row; None where they are the same."""
    if a.dtype.kind == "U" or b.dtype.kind == "U":
        changed = a.astype(np.str_) != b.astype(np.str_)
        size = np.where(changed, np.inf, 0.0)
    else:
        if a.dtype == b.dtype and a.tobytes() == b.tobytes():
            return None
        if a.dtype != b.dtype:
            a, b = a.astype(np.float64), b.astype(np.float64)
        changed, size = _numbers_differ(a, b, exactness.relative, exactness.of(name))
    rows = np.flatnonzero(changed)
    if not len(rows):
        return None
    worst = rows[np.argmax(size[rows])]
    felt = _felt(rows, size, a)
    return Difference(
        (int(ids[felt[0]]), int(ids[felt[-1]]), int(ids[worst])),
        len(rows),
        plain(a[worst]),
        plain(b[worst]),
        float(size[worst]),
    )


def _felt(rows: NDArray[np.int64], size: Array, a: Array) -> NDArray[np.int64]:
    """Keep the changed rows that feel more than the rounding of what the others feel; all of them if none does."""
    if a.dtype.kind == "U":
        return rows
    finite = size[rows][np.isfinite(size[rows])]
    usual = np.abs(a[rows].astype(np.float64))
    usual = usual[np.isfinite(usual)]
    least = LEAST_FELT * max(float(finite.max(initial=0.0)), float(np.median(usual)) if len(usual) else 0.0)
    felt = rows[size[rows] >= least]
    return felt if len(felt) else rows


def _numbers_differ(a: Array, b: Array, relative: float, absolute: float) -> tuple[NDArray[np.bool_], Array]:
    if a.dtype.kind != "f":
        changed = a != b
        if absolute == 0.0:
            return changed, np.where(changed, np.inf, 0.0)
        a, b = a.astype(np.float64), b.astype(np.float64)
    changed = (a != b) & ~(np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.abs(a.astype(np.float64) - b)
        gap[changed & ~np.isfinite(gap)] = np.inf
        gap[~changed] = 0.0
        if relative == 0.0 and absolute == 0.0:
            return changed, gap
        finite = np.abs(a[np.isfinite(a)])
        usual = float(np.median(finite)) if len(finite) else 0.0
        allowed = relative * np.maximum(np.maximum(np.abs(a), np.abs(b)), usual) + absolute
        allowed[~np.isfinite(allowed)] = 0.0
        return gap > allowed, gap


def _gone(values: Array, ids: NDArray[np.int64]) -> Difference | None:
    """Judge a column that one output lacks; one that says nothing or zero everywhere is as good as absent."""
    says = values != NOTHING if values.dtype.kind == "U" else (values != 0) & ~np.isnan(values.astype(np.float64))
    rows = np.flatnonzero(says)
    if not len(rows):
        return None
    return Difference(
        (int(ids[rows[0]]), int(ids[rows[-1]]), int(ids[rows[0]])),
        len(rows),
        plain(values[rows[0]]),
        None,
        float("inf"),
    )


def plain(value: Any) -> Any:
    """Turn a numpy scalar into a JSON value; NaN and the mark of missing text become None, infinities text."""
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        number = float(value)
        return None if np.isnan(number) else number if np.isfinite(number) else str(number)
    return None if value == NOTHING else str(value)
