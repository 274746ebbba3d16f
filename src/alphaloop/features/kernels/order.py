"""The order of rows in time."""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def out_of_order(times, series, fixed, newest):
    """Find the first row that is not later than the one before it in its series; -1 if there is none.

    `newest` (known time of the newest row of each series) is moved on if there is none, and left as it was if there is.
    """
    after = newest.copy()
    for i in range(len(times)):
        s = series[i] if fixed < 0 else fixed
        if times[i] <= after[s]:
            return i
        after[s] = times[i]
    newest[:] = after
    return -1
