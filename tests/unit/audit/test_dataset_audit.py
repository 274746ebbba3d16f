"""The audit of rows, splits and fits: planted sharing is found, an honest split is clean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alphaloop.audit.dataset import audit_dataset, together
from alphaloop.audit.findings import AuditResult
from alphaloop.audit.fitting import check_fit, check_shuffled
from alphaloop.audit.partition import check_parts, check_target_copies
from alphaloop.dataset.parts import Split
from alphaloop.dataset.splits import chronological
from alphaloop.dataset.table import Dataset

N, F, STEP, HORIZON = 3_000, 4, 60_000_000_000, 15


def make(seed: int = 0) -> tuple[Dataset, Split]:
    rng = np.random.default_rng(seed)
    decided = np.arange(N, dtype=np.int64) * STEP
    gross = rng.normal(0, 1e-3, N)
    dataset = Dataset(
        symbol=np.zeros(N, np.int32),
        symbols=("A",),
        decided_ns=decided,
        resolved_ns=decided + rng.integers(1, HORIZON + 1, N) * STEP,
        X=rng.normal(size=(N, F)).astype(np.float32),
        y=(gross > 0).astype(np.int8),
        gross=gross,
        net_long=gross - 1e-4,
        net_short=-gross - 1e-4,
        feature_names=("a", "b", "c", "d"),
        families=("x",) * F,
        classes=("DOWN", "UP"),
        sides=(-1, 1),
    )
    return dataset, chronological(dataset.decided_ns, dataset.resolved_ns)


def nearest(X: NDArray[Any], y: NDArray[Any], scored: NDArray[Any]) -> NDArray[np.float64]:
    """One nearest neighbour: a learner that knows every training row by heart."""
    thinned = slice(None, None, 3)
    distances = ((scored[:, None, :] - X[thinned][None, :, :]) ** 2).sum(axis=2)
    return y[thinned][distances.argmin(axis=1)].astype(np.float64)


def standardise(rows: NDArray[np.int64] | None) -> Any:
    def fit(X: NDArray[np.float32], y: NDArray[np.int8]) -> NDArray[np.float32]:
        seen = X if rows is None else X[rows]
        return np.nan_to_num((X - np.nanmean(seen, axis=0)) / np.nanstd(seen, axis=0))

    return fit


def kinds(findings: tuple[Any, ...]) -> set[str]:
    return {finding.kind for finding in findings}


def test_an_honest_split_is_clean() -> None:
    dataset, split = make()
    fits = {"scaler": standardise(split.train)}
    result = audit_dataset(dataset, split, fits=fits, fit_and_rank=nearest)
    assert result.findings == ()
    assert result.checks["shuffled labels"] == 3


def test_labels_that_meet_are_found_and_say_how_far() -> None:
    dataset, split = make()
    careless = replace(split, train=np.arange(split.validation[0]))
    (finding,) = check_parts(dataset, careless)
    assert finding.kind == "shared_intervals"
    assert 0 < finding.reach_s <= HORIZON * 60
    brute = [
        row
        for row in careless.train[-100:]
        if any(
            dataset.decided_ns[row] < dataset.resolved_ns[other]
            and dataset.decided_ns[other] < dataset.resolved_ns[row]
            for other in split.validation[:50]
        )
    ]
    assert finding.first_row == brute[0]


def test_a_row_in_two_parts_is_found() -> None:
    dataset, split = make()
    shared = replace(split, test=np.concatenate([split.test, split.train[:1]]))
    assert "shared_rows" in kinds(check_parts(dataset, shared))


def test_repeated_rows_are_found() -> None:
    dataset, split = make()
    X = dataset.X.copy()
    X[split.test[:60]] = X[split.train[:60]]
    found = check_parts(replace(dataset, X=X), split)
    assert kinds(found) == {"shared_rows"}
    assert "equal a training row" in found[0].evidence


@pytest.mark.parametrize("rows", [None, "all but the test"])
def test_a_scaler_that_saw_more_is_found(rows: str | None) -> None:
    dataset, split = make()
    seen = None if rows is None else np.concatenate([split.train, split.validation])
    (finding,) = check_fit(standardise(seen), dataset.X, dataset.y, split.train, what="scaler")
    assert (finding.kind, finding.column) == ("fit_outside_training", "scaler")
    assert check_fit(standardise(split.train), dataset.X, dataset.y, split.train, what="scaler") == ()


def test_a_selector_that_saw_all_labels_is_found() -> None:
    dataset, split = make()

    def selector(rows: NDArray[np.int64]) -> Any:
        def fit(X: NDArray[np.float32], y: NDArray[np.int8]) -> bytes:
            filled = np.nan_to_num(X[rows])
            scores = np.abs((filled * (y[rows][:, None] - y[rows].mean())).sum(axis=0))
            return scores.tobytes()

        return fit

    everything = np.arange(N)
    assert check_fit(selector(everything), dataset.X, dataset.y, split.train, what="selector") != ()
    assert check_fit(selector(split.train), dataset.X, dataset.y, split.train, what="selector") == ()


def test_shuffled_labels_betray_rows_known_by_heart() -> None:
    dataset, split = make()
    X = dataset.X.copy()
    X[split.test] = X[split.train[::3][: len(split.test)]]
    (finding,) = check_shuffled(nearest, X, dataset.y, split.train, split.test)
    assert finding.kind == "shuffled_labels"
    assert check_shuffled(nearest, dataset.X, dataset.y, split.train, split.test) == ()


@pytest.mark.parametrize("copy", ["return", "class"])
def test_a_copy_of_the_target_is_found(copy: str) -> None:
    dataset, split = make()
    X = dataset.X.copy()
    noise = np.random.default_rng(1).normal(size=N)
    X[:, 2] = dataset.gross * 3 + 1e-6 * noise if copy == "return" else dataset.y + 0.1 * noise
    found = check_target_copies(replace(dataset, X=X), split.train)
    assert [(finding.kind, finding.column) for finding in found] == [("target_copy", "c")]


def test_audits_add_up() -> None:
    one = AuditResult("one", (), {"a": 1, "b": 2}, 1.0, ("first",))
    two = AuditResult("two", (), {"b": 3}, 2.0)
    both = together("both", one, two)
    assert (both.checks, both.seconds, both.notes, both.clean) == ({"a": 1, "b": 5}, 3.0, ("first",), True)
