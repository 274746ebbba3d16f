"""One split into train, validation, calibration and test: by time, or by symbol and time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import Rows, Times, check_intervals, purge, require_rows, time_groups

PARTS = ("train", "validation", "calibration", "test")
FRACTIONS = (0.6, 0.15, 0.1, 0.15)
ADVICE = "give more data, a shorter horizon, a smaller embargo or other fractions"


@dataclass(frozen=True)
class Split:
    """Rows of each part, ascending; `purged` are those that belong to none because they came too near to a later part.

    `train` is learned from, `validation` stops and tunes, `calibration` maps scores to probabilities, `test` is looked
    at once.
    """

    train: Rows
    validation: Rows
    calibration: Rows
    test: Rows
    purged: Rows

    def parts(self) -> dict[str, Rows]:
        """Name the four parts, in the order of time."""
        return {name: getattr(self, name) for name in PARTS}


def chronological(
    decided_ns: Times,
    resolved_ns: Times,
    fractions: Sequence[float] | Mapping[str, float] = FRACTIONS,
    embargo_s: float = 0.0,
) -> Split:
    """Cut the rows by decision time into train, validation, calibration and test.

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Label intervals ``(decided_ns, resolved_ns]``, in any order.
    fractions : four floats, or a mapping by part name
        Share of the rows in each part, by the order of their decisions; they add up to 1.
    embargo_s : float, default 0
        Seconds that lie at least between the end of a label and the beginning of any label of a later part.

    Returns
    -------
    Split
        The earlier part gives way: its rows whose label reaches a later part are purged, so that the rows of the test
        do not depend on the embargo.

    Raises
    ------
    DataError
        If the fractions are not four positive numbers that add up to 1, or a part has no row.
    """
    check_intervals(decided_ns, resolved_ns)
    shares = _shares(fractions)
    group = time_groups(decided_ns, np.cumsum(shares)[:-1])
    parts = [np.flatnonzero(group == place) for place in range(len(PARTS))]
    return _purged(parts, decided_ns, resolved_ns, embargo_s)


def _shares(fractions: Sequence[float] | Mapping[str, float]) -> list[float]:
    if isinstance(fractions, Mapping):
        if set(fractions) != set(PARTS):
            raise DataError(f"split fractions are for {sorted(fractions)}; give one for each of {', '.join(PARTS)}")
        shares = [float(fractions[part]) for part in PARTS]
    else:
        shares = [float(share) for share in fractions]
    usable = len(shares) == len(PARTS) and all(share > 0 for share in shares)
    if not usable or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise DataError(f"split fractions {shares} are not usable; give four positive numbers that add up to 1")
    return shares


def _purged(parts: list[Rows], decided_ns: Times, resolved_ns: Times, embargo_s: float) -> Split:
    kept: list[Rows] = []
    later = np.zeros(0, np.int64)
    for rows in reversed(parts):
        clear = purge(rows, later, decided_ns, resolved_ns, embargo_s)
        kept.insert(0, clear)
        later = np.concatenate([clear, later])
    require_rows(dict(zip(PARTS, kept, strict=True)), ADVICE)
    purged = np.setdiff1d(np.concatenate(parts), later)
    train, validation, calibration, test = kept
    return Split(train, validation, calibration, test, purged)


def by_symbol(
    decided_ns: Times,
    resolved_ns: Times,
    symbol: NDArray[np.int32],
    held_out: Sequence[int],
    fractions: Sequence[float] | Mapping[str, float] = FRACTIONS,
    embargo_s: float = 0.0,
    keep_time_order: bool = True,
) -> Split:
    """Test on symbols that were never trained on, in a time that was never trained on.

    Symbols of one market move together: rows of other symbols from the weeks of the test tell the test. Therefore the
    test is the held-out symbols in the last part of the time, and the other parts are the other symbols before it.

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Label intervals ``(decided_ns, resolved_ns]``.
    symbol : int32 array of shape (n,)
        Code of each row's symbol.
    held_out : sequence of int
        Codes of the symbols to test on.
    fractions, embargo_s
        As for `chronological`.
    keep_time_order : bool, default True
        False lets the other symbols' rows of all times, cut by `fractions` without purge, into training, validation and
        calibration. It exists only to measure what that leaks; see `dataset.premium`.

    Raises
    ------
    DataError
        If no symbol is left to train on, a held-out code has no row, or a part has no row.
    """
    check_intervals(decided_ns, resolved_ns)
    held = _held_out(symbol, held_out)
    shares = _shares(fractions)
    group = time_groups(decided_ns, np.cumsum(shares)[:-1])
    last = len(PARTS) - 1
    test = np.flatnonzero(held & (group == last))
    if keep_time_order:
        parts = [np.flatnonzero(~held & (group == place)) for place in range(last)]
        return _purged([*parts, test], decided_ns, resolved_ns, embargo_s)
    others = np.flatnonzero(~held)
    inner = time_groups(decided_ns[others], np.cumsum(shares[:last])[:-1] / sum(shares[:last]))
    parts = [others[inner == place] for place in range(last)]
    require_rows(dict(zip(PARTS, [*parts, test], strict=True)), ADVICE)
    train, validation, calibration = parts
    return Split(train, validation, calibration, test, purged=np.zeros(0, np.int64))


def _held_out(symbol: NDArray[np.int32], codes: Sequence[int]) -> NDArray[np.bool_]:
    wanted = np.asarray(codes, np.int64)
    absent = wanted[~np.isin(wanted, symbol)]
    if not len(wanted) or len(absent):
        named = f"symbol code {absent[0]} has no row" if len(absent) else "no symbol is held out"
        raise DataError(f"{named}; choose from the {len(np.unique(symbol))} symbols of the data")
    held = np.isin(symbol, wanted)
    if held.all():
        raise DataError("every symbol is held out; leave at least one to train on")
    return held
