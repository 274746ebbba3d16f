"""Splits by time, by folds and by symbol, all purged by label interval.

Every function takes the intervals of the rows, ``(decided_ns, resolved_ns]``, and returns positions, ascending. Rows that
are decided at the same time always stay on one side of a border, so that symbols of one moment are never divided by it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import Rows, Times, check_intervals, purge, require_rows

PARTS = ("train", "validation", "calibration", "test")
FRACTIONS = (0.6, 0.15, 0.1, 0.15)
ADVICE = "give more data, a shorter horizon, a smaller embargo or other fractions"


@dataclass(frozen=True)
class Split:
    """Rows of each part, ascending; `purged` are those that belong to none because they came too near to a later part.

    `train` is learned from, `validation` stops and tunes, `calibration` maps scores to probabilities, `test` is looked at
    once.
    """

    train: Rows
    validation: Rows
    calibration: Rows
    test: Rows
    purged: Rows

    def parts(self) -> dict[str, Rows]:
        """Name the four parts, in the order of time."""
        return {name: getattr(self, name) for name in PARTS}


@dataclass(frozen=True)
class Fold:
    """Rows to train on, rows to test on, and the groups of time that the latter come from."""

    train: Rows
    test: Rows
    groups: tuple[int, ...]
    purged: Rows


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


def time_groups(decided_ns: Times, borders: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Group of each row when the rows, ordered by decision, are cut at these shares of their number.

    A border that falls among rows of one time moves to the first of them.
    """
    ordered = np.sort(decided_ns)
    places = [min(round(float(border) * len(ordered)), len(ordered) - 1) for border in borders]
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.searchsorted(ordered[places], decided_ns, side="right").astype(np.int64)


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
    return Split(*kept, purged=purged)


def walk_forward(
    decided_ns: Times,
    resolved_ns: Times,
    folds: int = 5,
    embargo_s: float = 0.0,
    expanding: bool = True,
    train_groups: int = 1,
) -> list[Fold]:
    """Test on one period after another, each time trained only on what lies before it.

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Label intervals ``(decided_ns, resolved_ns]``.
    folds : int, default 5
        Number of test periods. The rows are cut by time into ``folds + train_groups`` groups of about equal size.
    embargo_s : float, default 0
        Seconds between the end of a training label and the beginning of a test label.
    expanding : bool, default True
        Train on everything before the test period; if False, on the `train_groups` groups just before it.
    train_groups : int, default 1
        Groups before the first test period.

    Raises
    ------
    DataError
        If a fold has no row to train or test on.
    """
    check_intervals(decided_ns, resolved_ns)
    _require_count("folds", folds, 1)
    _require_count("train_groups", train_groups, 1)
    total = folds + train_groups
    group = time_groups(decided_ns, [place / total for place in range(1, total)])
    made = []
    for period in range(train_groups, total):
        first = 0 if expanding else period - train_groups
        candidates = np.flatnonzero((group >= first) & (group < period))
        made.append(_fold(candidates, np.flatnonzero(group == period), (period,), decided_ns, resolved_ns, embargo_s))
    return made


def combinatorial_purged(
    decided_ns: Times, resolved_ns: Times, groups: int = 6, test_groups: int = 2, embargo_s: float = 0.0
) -> list[Fold]:
    """Test on every combination of groups of time, trained on all others, purged on both sides of each test group.

    Training rows may lie after test rows: the folds tell how a score varies, not what a trader would have had.
    (M. Lopez de Prado, Advances in Financial Machine Learning, 2018, chapter 12; there the purge counts rows.)

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Label intervals ``(decided_ns, resolved_ns]``.
    groups, test_groups : int
        N groups of time of about equal size, k of which are tested at once; gives ``N! / (k! (N - k)!)`` folds.
    embargo_s : float, default 0
        Seconds between any training label and any test label, before and after.

    Raises
    ------
    DataError
        If `test_groups` is not between 1 and ``groups - 1``, or a fold has no row to train or test on.
    """
    check_intervals(decided_ns, resolved_ns)
    _require_count("groups", groups, 2)
    if not 1 <= test_groups < groups:
        raise DataError(f"test_groups is {test_groups} of {groups} groups; choose from 1 to {groups - 1}")
    group = time_groups(decided_ns, [place / groups for place in range(1, groups)])
    made = []
    for chosen in itertools.combinations(range(groups), test_groups):
        tested = np.isin(group, chosen)
        made.append(_fold(np.flatnonzero(~tested), np.flatnonzero(tested), chosen, decided_ns, resolved_ns, embargo_s))
    return made


def _fold(
    candidates: Rows, test: Rows, groups: tuple[int, ...], decided_ns: Times, resolved_ns: Times, embargo_s: float
) -> Fold:
    train = purge(candidates, test, decided_ns, resolved_ns, embargo_s)
    require_rows({"train": train, "test": test}, "give more data, fewer groups or a smaller embargo")
    return Fold(train, test, groups, np.setdiff1d(candidates, train))


def _require_count(name: str, value: int, least: int) -> None:
    if value < least:
        raise DataError(f"{name} is {value}; give at least {least}")


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
    return Split(*parts, test, purged=np.zeros(0, np.int64))


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
