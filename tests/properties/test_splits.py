"""No training label interval meets a test interval, whatever the lengths; and nothing is lost without a reason."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import meets
from alphaloop.dataset.splits import by_symbol, chronological, combinatorial_purged, walk_forward

S = 10**9


@st.composite
def intervals(draw):
    """Decision times with ties and gaps, labels from an instant to a third of the span, two to four symbols."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 120))
    span = draw(st.sampled_from([10, 100, 1000]))
    longest = draw(st.sampled_from([1, 5, max(2, span // 3)]))
    decided = random.integers(0, span, n) * S
    if draw(st.booleans()):
        decided = np.sort(decided)
    resolved = decided + random.integers(1, longest + 1, n) * S
    if draw(st.booleans()):
        resolved[random.integers(0, n)] += span // 2 * S
    return decided, resolved, random.integers(0, draw(st.integers(2, 4)), n).astype(np.int32)


embargoes = st.sampled_from([0.0, 0.5, 1.0, 7.0])


def brute(decided, resolved, row, others, embargo_s=0.0):
    """Whether the interval of `row` meets that of any of `others`, widened; a question asked pair by pair."""
    wide = round(embargo_s * S)
    return any(decided[row] < resolved[o] + wide and decided[o] - wide < resolved[row] for o in others)


def attempt(make):
    """The split, or nothing if it says that a part would be empty, with the sizes of all."""
    try:
        return make()
    except DataError as error:
        assert "the split leaves no row in" in str(error)  # noqa: PT017
        assert "train" in str(error)  # noqa: PT017
        return None


@settings(max_examples=200, deadline=None)
@given(rows=intervals(), embargo_s=embargoes, data=st.data())
def test_the_fast_overlap_is_the_slow_one(rows, embargo_s, data):
    decided, resolved, _ = rows
    left = np.array(data.draw(st.lists(st.integers(0, len(decided) - 1), max_size=20)), np.int64)
    right = np.array(data.draw(st.lists(st.integers(0, len(decided) - 1), max_size=20)), np.int64)
    expected = [brute(decided, resolved, row, right, embargo_s) for row in left]
    assert meets(decided, resolved, left, right, embargo_s).tolist() == expected


@settings(max_examples=200, deadline=None)
@given(rows=intervals(), embargo_s=embargoes)
def test_chronological(rows, embargo_s):
    decided, resolved, _ = rows
    split = attempt(lambda: chronological(decided, resolved, (0.5, 0.2, 0.1, 0.2), embargo_s))
    assume(split is not None)
    parts = list(split.parts().values())
    check_partition([*parts, split.purged], len(decided))
    for place, part in enumerate(parts):
        later = np.concatenate([*parts[place + 1 :], np.zeros(0, np.int64)]).astype(np.int64)
        assert len(part)
        for row in part:
            assert not brute(decided, resolved, row, later, embargo_s)
        if len(later):
            assert decided[part].max() < decided[later].min()
    # Nothing of the test is ever purged, and what is purged would have met a later part.
    kept = np.concatenate(parts)
    for row in split.purged:
        assert brute(decided, resolved, row, kept[decided[kept] > decided[row]], embargo_s)
    assert decided[split.purged].max(initial=-1) < decided[split.test].min()


@settings(max_examples=120, deadline=None)
@given(rows=intervals(), embargo_s=embargoes, folds=st.integers(1, 4), first=st.integers(1, 3), expanding=st.booleans())
def test_walk_forward(rows, embargo_s, folds, first, expanding):
    decided, resolved, _ = rows
    made = attempt(lambda: walk_forward(decided, resolved, folds, embargo_s, expanding, first))
    assume(made is not None)
    assert len(made) == folds
    for fold in made:
        check_fold(fold, decided, resolved, embargo_s)
        candidates = np.concatenate([fold.train, fold.purged])
        assert decided[candidates].max() < decided[fold.test].min()
        before = decided < decided[fold.test].min()
        if expanding:
            assert len(candidates) == before.sum()
        else:
            assert not np.any(before & (decided > decided[candidates].max()))
    tested = np.concatenate([fold.test for fold in made])
    assert len(np.unique(tested)) == len(tested)


@settings(max_examples=60, deadline=None)
@given(rows=intervals(), embargo_s=embargoes, groups=st.integers(2, 5), data=st.data())
def test_combinatorial_purged(rows, embargo_s, groups, data):
    decided, resolved, _ = rows
    chosen = data.draw(st.integers(1, groups - 1))
    made = attempt(lambda: combinatorial_purged(decided, resolved, groups, chosen, embargo_s))
    assume(made is not None)
    assert len(made) == len({fold.groups for fold in made}) == math.comb(groups, chosen)
    for fold in made:
        check_fold(fold, decided, resolved, embargo_s)
        check_partition([fold.train, fold.test, fold.purged], len(decided))
    times_tested = np.bincount(np.concatenate([fold.test for fold in made]), minlength=len(decided))
    assert set(times_tested) == {math.comb(groups - 1, chosen - 1)}


def check_fold(fold, decided, resolved, embargo_s):
    assert len(fold.train)
    assert len(fold.test)
    for row in fold.train:
        assert not brute(decided, resolved, row, fold.test, embargo_s)
    for row in fold.purged:
        assert brute(decided, resolved, row, fold.test, embargo_s)


def check_partition(parts, n):
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(n))
    for part in parts:
        assert np.all(np.diff(part) > 0)


@settings(max_examples=150, deadline=None)
@given(rows=intervals(), embargo_s=embargoes)
def test_by_symbol_keeps_the_time_order_too(rows, embargo_s):
    decided, resolved, symbol = rows
    assume(len(np.unique(symbol)) > 1)
    held = [int(symbol[0])]
    split = attempt(lambda: by_symbol(decided, resolved, symbol, held, (0.5, 0.2, 0.1, 0.2), embargo_s))
    assume(split is not None)
    earlier = np.concatenate([split.train, split.validation, split.calibration])
    assert not np.isin(symbol[earlier], held).any()
    assert np.isin(symbol[split.test], held).all()
    assert decided[earlier].max() < decided[split.test].min()
    for row in earlier:
        assert not brute(decided, resolved, row, split.test, embargo_s)
    for part, later in ((split.train, split.validation), (split.validation, split.calibration)):
        assert decided[part].max() < decided[later].min()
        assert not any(brute(decided, resolved, row, later, embargo_s) for row in part)
    # Only what purge, embargo and time order ask for is lost.
    plain = attempt(lambda: chronological(decided, resolved, (0.5, 0.2, 0.1, 0.2)))
    used = np.concatenate([earlier, split.test, split.purged])
    lost = np.setdiff1d(np.arange(len(decided)), used)
    if plain is not None:
        in_test = decided >= decided[plain.test].min()
        assert np.array_equal(np.isin(symbol[lost], held), ~in_test[lost])


@settings(max_examples=60, deadline=None)
@given(rows=intervals())
def test_without_time_order_every_other_row_is_used(rows):
    decided, resolved, symbol = rows
    assume(len(np.unique(symbol)) > 1)
    held = [int(symbol[0])]
    split = attempt(lambda: by_symbol(decided, resolved, symbol, held, keep_time_order=False))
    assume(split is not None)
    others = np.sort(np.concatenate([split.train, split.validation, split.calibration]))
    assert np.array_equal(others, np.flatnonzero(symbol != held[0]))
