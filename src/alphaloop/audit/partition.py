"""What the parts of a dataset share that they should not: keys, intervals, rows; and columns that are the target."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.findings import Finding
from alphaloop.core.clock import NS_PER_S, iso
from alphaloop.dataset.parts import Split
from alphaloop.dataset.table import Dataset

SHARED_SHARE = 0.01
SAME = 0.999
SURE = 0.995
LEAST_ROWS = 200


def check_parts(dataset: Dataset, split: Split) -> tuple[Finding, ...]:
    """Find keys, label intervals and rows that two parts of a split share.

    Returns
    -------
    tuple of Finding
        ``shared_rows`` where a symbol and time stand in two parts, or more than one per cent of a part's rows equal a
        training row in every feature; ``shared_intervals`` where the label of one part meets that of another.
    """
    return tuple(_shared(dataset, split))


def check_target_copies(dataset: Dataset, rows: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Find features that are the target: correlated above 0.999 with the return, or separating a class almost surely.

    Parameters
    ----------
    rows
        Rows to look at; training rows, because nothing here may be chosen on others.
    """
    part = dataset.take(rows)
    return tuple(
        Finding("target_copy", name, int(rows[0]), 0.0, evidence)
        for column, name in enumerate(dataset.feature_names)
        if (evidence := _copy(part, part.X[:, column].astype(np.float64)))
    )


def _shared(dataset: Dataset, split: Split) -> Iterator[Finding]:
    for (earlier, a), (later, b) in combinations(split.parts().items(), 2):
        names = f"{earlier} and {later}"
        keys = np.intersect1d(a, b)
        if len(keys):
            yield _rows(dataset, int(keys[0]), f"row is in {names}, with {len(keys) - 1} others; use each row once")
        meets = _meeting(dataset, a, b)
        if len(meets):
            reach = (dataset.resolved_ns[meets] - dataset.decided_ns[b].min()).max() / NS_PER_S
            evidence = (
                f"{len(meets)} labels of {earlier} meet a label of {later}, the first decided at "
                f"{iso(int(dataset.decided_ns[meets[0]]))}; purge by label interval"
            )
            yield Finding("shared_intervals", "(labels)", int(meets[0]), max(float(reach), 0.0), evidence)
    yield from _repeated(dataset, split)


def _rows(dataset: Dataset, row: int, evidence: str) -> Finding:
    when = iso(int(dataset.decided_ns[row]))
    return Finding(
        "shared_rows", "(rows)", row, 0.0, f"{dataset.symbols[dataset.symbol[row]]} {when}: {evidence}", when
    )


def _meeting(dataset: Dataset, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of `a` whose interval ``(decided, resolved]`` meets that of any row of `b`."""
    order = b[np.argsort(dataset.decided_ns[b], kind="stable")]
    starts, furthest = dataset.decided_ns[order], np.maximum.accumulate(dataset.resolved_ns[order])
    before = np.searchsorted(starts, dataset.resolved_ns[a], side="left")
    reached = np.where(before > 0, furthest[np.maximum(before, 1) - 1], np.iinfo(np.int64).min)
    return a[reached > dataset.decided_ns[a]]


def _repeated(dataset: Dataset, split: Split) -> Iterator[Finding]:
    known = _keys(dataset.X[split.train])
    for name, rows in split.parts().items():
        if name == "train":
            continue
        again = rows[np.isin(_keys(dataset.X[rows]), known)]
        if len(again) > SHARED_SHARE * len(rows):
            share = len(again) / len(rows)
            yield _rows(dataset, int(again[0]), f"{share:.1%} of the {name} rows equal a training row in every feature")


def _keys(X: NDArray[np.float32]) -> NDArray[np.uint64]:
    """One 64-bit key per row; equal rows have equal keys, and different ones all but surely different keys."""
    bits = np.ascontiguousarray(X).view(np.uint32).astype(np.uint64)
    weights = np.random.default_rng(20_240_501).integers(1, 2**63, X.shape[1], dtype=np.uint64) | np.uint64(1)
    mixed = (bits ^ (bits >> np.uint64(15))) * weights
    return np.asarray((mixed ^ (mixed >> np.uint64(31))).sum(axis=1), np.uint64)


def _copy(part: Dataset, values: NDArray[np.float64]) -> str | None:
    known = np.isfinite(values) & np.isfinite(part.gross)
    if known.sum() < LEAST_ROWS or values[known].std() == 0.0 or part.gross[known].std() == 0.0:
        return None
    correlation = float(np.corrcoef(values[known], part.gross[known])[0, 1])
    if abs(correlation) > SAME:
        return f"its correlation with the return of the label is {correlation:.5f}"
    ranks = np.argsort(np.argsort(values[known], kind="stable"), kind="stable") + 1.0
    for index, name in enumerate(part.classes):
        hits = part.y[known] == index
        ones, zeros = int(hits.sum()), int((~hits).sum())
        if min(ones, zeros) < LEAST_ROWS // 10:
            continue
        area = (ranks[hits].sum() - ones * (ones + 1) / 2.0) / (ones * zeros)
        if max(area, 1.0 - area) > SURE:
            return f"alone it tells class {name} from the rest with a ROC-AUC of {area:.4f}"
    return None
