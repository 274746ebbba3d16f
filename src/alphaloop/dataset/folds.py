"""Many splits into train and test: walk-forward and combinatorial."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import Rows, Times, check_intervals, purge, require_rows, time_groups


@dataclass(frozen=True)
class Fold:
    """Rows to train on, rows to test on, and the groups of time that the latter come from."""

    train: Rows
    test: Rows
    groups: tuple[int, ...]
    purged: Rows


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
