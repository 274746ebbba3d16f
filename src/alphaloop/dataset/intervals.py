"""Label intervals: which meet, and what must leave the training rows so that none do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import DataError

Rows = NDArray[np.int64]
Times = NDArray[np.int64]


def check_intervals(decided_ns: Times, resolved_ns: Times) -> None:
    """Raise `DataError` unless the arrays are two of one length and no label is resolved before it is decided."""
    if decided_ns.shape != resolved_ns.shape or decided_ns.ndim != 1:
        raise DataError(
            f"decided_ns has shape {decided_ns.shape}, resolved_ns {resolved_ns.shape}; give one of each per row"
        )
    wrong = np.flatnonzero(resolved_ns < decided_ns)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"row {row} is resolved at {resolved_ns[row]}, before it is decided at {decided_ns[row]}; correct the label"
        )


def meets(decided_ns: Times, resolved_ns: Times, rows: Rows, others: Rows, embargo_s: float = 0.0) -> NDArray[np.bool_]:
    """Whether the interval of each of `rows` comes too near to that of any of `others`.

    Two intervals ``(d, r]`` meet if ``d < r'`` and ``d' < r``. With an embargo they must lie at least `embargo_s`
    apart: each of the others counts as ``(d' - embargo, r' + embargo]``.

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Intervals of all rows.
    rows, others : int64 arrays
        Positions in them.
    embargo_s : float, default 0
        Distance to keep, in seconds.

    Returns
    -------
    bool array, one per row of `rows`
        Found in ``O((rows + others) log others)``: of the others that begin before a row ends, does the one that ends
        last end after the row begins?
    """
    if not len(others):
        return np.zeros(len(rows), np.bool_)
    embargo = to_ns(embargo_s)
    order = others[np.argsort(decided_ns[others], kind="stable")]
    begins = decided_ns[order] - embargo
    ends = np.maximum.accumulate(resolved_ns[order] + embargo)
    before = np.searchsorted(begins, resolved_ns[rows], side="left")
    latest = np.where(before > 0, ends[np.maximum(before - 1, 0)], np.iinfo(np.int64).min)
    found: NDArray[np.bool_] = latest > decided_ns[rows]
    return found


def purge(rows: Rows, others: Rows, decided_ns: Times, resolved_ns: Times, embargo_s: float = 0.0) -> Rows:
    """Leave of `rows` those whose label interval keeps `embargo_s` away from every interval of `others`."""
    return rows[~meets(decided_ns, resolved_ns, rows, others, embargo_s)]


def time_groups(decided_ns: Times, borders: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Group of each row when the rows, ordered by decision, are cut at these shares of their number.

    A border that falls among rows of one time moves to the first of them.
    """
    ordered = np.sort(decided_ns)
    places = [min(round(float(border) * len(ordered)), len(ordered) - 1) for border in borders]
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.searchsorted(ordered[places], decided_ns, side="right").astype(np.int64)


def require_rows(parts: dict[str, Any], advice: str) -> None:
    """Raise `DataError` with the size of every part if one of them is empty."""
    empty = [name for name, rows in parts.items() if not len(rows)]
    if empty:
        sizes = ", ".join(f"{name} {len(rows)}" for name, rows in parts.items())
        raise DataError(f"the split leaves no row in {empty[0]} (rows: {sizes}); {advice}")
