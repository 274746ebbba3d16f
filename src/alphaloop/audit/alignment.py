"""Which row of its input each row of an output speaks of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.outputs import Array, Output
from alphaloop.audit.tables import Table


@dataclass(frozen=True)
class Aligned:
    """Columns beside the input row (or key) that each output row speaks of.

    Attributes
    ----------
    ids : int64 (m,)
        Row of the unchanged input; negative for a key that the input does not have.
    stamps : int64 (m,)
        When that row is known, UTC nanoseconds.
    how : str
        ``position``, ``keys``, ``index``, ``values``, ``offset``, ``tail`` or ``sequence``.
    """

    columns: dict[str, Array]
    ids: NDArray[np.int64]
    stamps: NDArray[np.int64]
    how: str


def align(output: Output, given: Table, rows: NDArray[np.int64], sequence: str | None, offset: int) -> Aligned:
    """Find the input row of each output row.

    Parameters
    ----------
    output : Output
    given : Table
        What the function got.
    rows : int64 (n,)
        The row of the unchanged table that each row of `given` stands for.
    sequence, offset
        How to read an output without any key, once trials have shown it: ``offset`` (its first row is input row
        `offset`), ``tail`` (its last row is the last input row) or ``sequence`` (its rows come in order, of which input
        rows is not known).
    """
    n, m = len(given), output.length
    if m == n and _in_step(output, given):
        places = _by_index(output, given) if not output.default_index else None
        places = np.arange(n) if places is None else places
        return Aligned(output.columns, rows[places], given.known[places], "position")
    keys = _keys(output, given)
    if keys is not None and len(np.unique(keys)) == m:
        return _by_keys(output, given, rows, keys)
    if m == n:
        return Aligned(output.columns, rows, given.known, "position")
    places = _by_index(output, given)
    if places is not None:
        return Aligned(output.columns, rows[places], given.known[places], "index")
    places = _by_values(output, given)
    if places is not None:
        return Aligned(output.columns, rows[places], given.known[places], "values")
    return _without_key(output, given, rows, sequence, offset)


def _without_key(output: Output, given: Table, rows: NDArray[np.int64], sequence: str | None, offset: int) -> Aligned:
    n, m = len(given), output.length
    places = np.arange(m)
    if sequence == "offset":
        places = places + offset
    elif sequence == "tail":
        places = places + (n - m)
    if sequence in ("offset", "tail") and (places >= 0).all():
        # Rows past the end of a shortened input speak of its future, whichever rows they are.
        inside, at = places < n, np.minimum(places, n - 1)
        stamps = np.where(inside, given.known[at], np.iinfo(np.int64).max)
        return Aligned(output.columns, np.where(inside, rows[at], places + len(rows)), stamps, sequence)
    ids = np.arange(m, dtype=np.int64)
    return Aligned(output.columns, ids, ids.copy(), "sequence")


def _keys(output: Output, given: Table) -> NDArray[np.int64] | None:
    """One number for the (symbol, stamp) of each output row, None where the output does not carry them."""
    time = given.roles.time
    if time is None or time not in output.columns:
        return None
    stamps = output.columns[time]
    if stamps.dtype.kind not in "iuU":
        return None
    names = _names(output, given)
    if names is None:
        return None
    return _hashed(stamps, names if len(names) else None)


def _names(output: Output, given: Table) -> Array | None:
    """Symbols of the output's rows; empty where there is only one, None where there are several and it does not say."""
    symbol = given.roles.symbol
    if symbol is None or not len(given) or (given.codes == given.codes[0]).all():
        return np.empty(0, np.str_)
    return output.columns.get(symbol)


def _in_step(output: Output, given: Table) -> bool:
    """Whether each row of the output carries the stamp and symbol of the input row at its place, or none at all."""
    time = given.roles.time
    if time is None or time not in output.columns:
        return True
    if not np.array_equal(output.columns[time], _own_stamps(given, output.columns[time])):
        return False
    names = _names(output, given)
    return names is None or not len(names) or np.array_equal(names.astype(np.str_), given.names.astype(np.str_))


def _input_keys(given: Table, stamps: Array) -> NDArray[np.int64]:
    several = len(given.names) > 0 and not (given.codes == given.codes[0]).all()
    return _hashed(_own_stamps(given, stamps), given.names if several else None)


def _own_stamps(given: Table, stamps: Array) -> Array:
    """Stamps of the input as the output spells them: as in its column, or as nanoseconds where they were parsed."""
    assert given.roles.time is not None
    own = given.columns[given.roles.time].spelled()
    if stamps.dtype.kind not in "iu":
        return own
    return given.time if own.dtype.kind == "U" or not np.isin(stamps[:50], own).any() else own


def _hashed(stamps: Array, names: Array | None) -> NDArray[np.int64]:
    if stamps.dtype.kind == "U":
        stamps = _codes(stamps)
    keys = stamps.astype(np.int64)
    if names is not None:
        keys = keys ^ _codes(names.astype(np.str_))
    return keys


def _codes(words: Array) -> NDArray[np.int64]:
    unique, inverse = np.unique(words, return_inverse=True)
    digests = [hashlib.blake2b(str(w).encode(), digest_size=8).digest() for w in unique]
    return np.array([int.from_bytes(d, "little", signed=True) for d in digests], np.int64)[inverse.reshape(-1)]


def _by_keys(output: Output, given: Table, rows: NDArray[np.int64], keys: NDArray[np.int64]) -> Aligned:
    assert given.roles.time is not None
    stamps = output.columns[given.roles.time]
    own = _input_keys(given, stamps)
    # Several input rows may share a key (a correction of an earlier row): the first one known stands for it.
    order = np.lexsort((given.known, own))
    own_sorted = own[order]
    at = np.searchsorted(own_sorted, keys)
    at_safe = np.minimum(at, len(own_sorted) - 1)
    found = own_sorted[at_safe] == keys
    places = order[at_safe]
    ids = np.where(found, rows[places], -1 - (keys & np.int64(2**62 - 1)))
    lag = int(np.median(given.known - given.time)) if len(given) else 0
    outside = (
        _stamp_ns(stamps, given) + lag if stamps.dtype.kind in "iu" else np.full(len(keys), np.iinfo(np.int64).max)
    )
    return Aligned(output.columns, ids, np.where(found, given.known[places], outside), "keys")


def _stamp_ns(stamps: Array, given: Table) -> NDArray[np.int64]:
    """Stamps of the output in nanoseconds, through the scale on which the input's own are."""
    own = _own_stamps(given, stamps)
    if own.dtype.kind not in "iu" or not len(own):
        return stamps.astype(np.int64)
    scale = 1
    while scale < 10**9 and abs(int(own[0])) * scale * 10 <= abs(int(given.time[0])):
        scale *= 10
    return stamps.astype(np.int64) * scale


def _by_index(output: Output, given: Table) -> NDArray[np.int64] | None:
    if output.index is None or output.default_index or output.index.dtype.kind not in "iu":
        return None
    if len(np.unique(output.index)) != output.length:
        return None
    index = output.index.astype(np.int64)
    if index.min(initial=0) >= 0 and index.max(initial=-1) < len(given):
        return index
    return None


def _by_values(output: Output, given: Table) -> NDArray[np.int64] | None:
    """Input columns that the output passes through say which stretch of the input it is."""
    shared = [name for name in output.columns if name in given.columns and name in given.measures()]
    n, m = len(given), output.length
    if not shared or m > n or not m:
        return None
    offsets = np.arange(n - m + 1)
    for name in shared:
        mine, theirs = output.columns[name], given.numbers(name)
        if mine.dtype.kind not in "fiub":
            return None
        mine = mine.astype(np.float64)
        for probe in (0, m - 1, m // 2, m // 3):
            same = (theirs[offsets + probe] == mine[probe]) | (
                np.isnan(theirs[offsets + probe]) & np.isnan(mine[probe])
            )
            offsets = offsets[same]
        offsets = np.array(
            [o for o in offsets[:50] if np.array_equal(theirs[o : o + m], mine, equal_nan=True)], np.int64
        )
    return offsets[0] + np.arange(m) if len(offsets) == 1 else None
