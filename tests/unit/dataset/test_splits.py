"""Splits by hand, and what they say when the data does not suffice."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.core.errors import DataError
from alphaloop.dataset import by_symbol, chronological, combinatorial_purged, walk_forward

S = 10**9
TEN = np.arange(10) * S


def test_borders_and_purge_by_hand():
    split = chronological(TEN, TEN + S, (0.4, 0.2, 0.2, 0.2))
    assert [part.tolist() for part in split.parts().values()] == [[0, 1, 2, 3], [4, 5], [6, 7], [8, 9]]
    assert split.purged.tolist() == []
    longer = chronological(TEN, TEN + 2 * S, (0.4, 0.2, 0.2, 0.2))
    assert [part.tolist() for part in longer.parts().values()] == [[0, 1, 2], [4], [6], [8, 9]]
    assert longer.purged.tolist() == [3, 5, 7]


def test_a_label_that_ends_where_the_next_part_begins_stays():
    # (3, 4] and (4, 5] share no instant.
    assert 3 in chronological(TEN, TEN + S, (0.4, 0.2, 0.2, 0.2)).train


def test_the_embargo_widens_the_purge_and_spares_the_test():
    split = chronological(TEN, TEN + S, (0.4, 0.2, 0.2, 0.2), embargo_s=1.0)
    assert [part.tolist() for part in split.parts().values()] == [[0, 1, 2], [4], [6], [8, 9]]


def test_one_long_label_is_purged_from_far():
    resolved = TEN + S
    resolved[0] = 100 * S
    split = chronological(TEN, resolved, (0.4, 0.2, 0.2, 0.2))
    assert split.train.tolist() == [1, 2, 3]
    assert split.purged.tolist() == [0]


def test_fractions_by_name_and_rows_in_any_order():
    fractions = {"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2}
    order = np.random.default_rng(0).permutation(10)
    split = chronological(TEN[order], TEN[order] + S, fractions)
    assert sorted(TEN[order][split.test] // S) == [8, 9]


def test_rows_of_one_moment_are_never_divided():
    decided = np.repeat(np.arange(10), 7) * S
    split = chronological(decided, decided + S, (0.33, 0.22, 0.21, 0.24))
    for rows in split.parts().values():
        assert len(rows) % 7 == 0


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.5), (0.5, 0.5, 0.0, 0.0), (0.5, 0.2, 0.2, 0.2), (1.2, -0.1, -0.05, -0.05), {"train": 1.0}]
)
def test_impossible_fractions(fractions):
    with pytest.raises(DataError, match="fractions"):
        chronological(TEN, TEN + S, fractions)


def test_an_empty_part_names_every_size():
    with pytest.raises(
        DataError, match=r"no row in calibration \(rows: train 2, validation 2, calibration 0, test 2\)"
    ):
        chronological(TEN, TEN + 3 * S, (0.4, 0.2, 0.2, 0.2))


def test_no_rows_at_all():
    with pytest.raises(DataError, match="no row"):
        chronological(TEN[:0], TEN[:0])


def test_a_label_resolved_before_it_was_decided():
    resolved = TEN + S
    resolved[4] = 0
    with pytest.raises(DataError, match="row 4 is resolved at 0, before it is decided"):
        chronological(TEN, resolved)
    with pytest.raises(DataError, match="shape"):
        chronological(TEN, resolved[:5])


def test_walk_forward_by_hand():
    folds = walk_forward(TEN, TEN + 2 * S, folds=4)
    assert [fold.test.tolist() for fold in folds] == [[2, 3], [4, 5], [6, 7], [8, 9]]
    assert [fold.train.tolist() for fold in folds] == [[0], [0, 1, 2], [0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]]
    rolling = walk_forward(TEN, TEN + 2 * S, folds=3, expanding=False, train_groups=2)
    assert [fold.test.tolist() for fold in rolling] == [[4, 5], [6, 7], [8, 9]]
    assert [fold.train.tolist() for fold in rolling] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]


def test_combinatorial_by_hand():
    folds = combinatorial_purged(TEN, TEN + 2 * S, groups=5, test_groups=2)
    assert [fold.groups for fold in folds][:4] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    fold = folds[1]
    assert fold.test.tolist() == [0, 1, 4, 5]
    assert fold.train.tolist() == [7, 8, 9]
    assert fold.purged.tolist() == [2, 3, 6]


@pytest.mark.parametrize(("groups", "chosen"), [(1, 1), (4, 0), (4, 4)])
def test_impossible_groups(groups, chosen):
    with pytest.raises(DataError):
        combinatorial_purged(TEN, TEN + S, groups, chosen)
    with pytest.raises(DataError, match="folds is 0"):
        walk_forward(TEN, TEN + S, folds=0)


SYMBOL = np.tile(np.array([0, 1], np.int32), 10)
TWENTY = np.repeat(TEN, 2)


def test_by_symbol_by_hand():
    split = by_symbol(TWENTY, TWENTY + S, SYMBOL, [1], (0.4, 0.2, 0.2, 0.2))
    assert split.train.tolist() == [0, 2, 4, 6]
    assert split.test.tolist() == [17, 19]
    leaking = by_symbol(TWENTY, TWENTY + S, SYMBOL, [1], (0.4, 0.2, 0.2, 0.2), keep_time_order=False)
    assert leaking.test.tolist() == split.test.tolist()
    assert TWENTY[leaking.calibration].max() == TEN[-1]


def test_impossible_symbols():
    with pytest.raises(DataError, match="code 7 has no row; choose from the 2 symbols"):
        by_symbol(TWENTY, TWENTY + S, SYMBOL, [7])
    with pytest.raises(DataError, match="no symbol is held out"):
        by_symbol(TWENTY, TWENTY + S, SYMBOL, [])
    with pytest.raises(DataError, match="every symbol is held out"):
        by_symbol(TWENTY, TWENTY + S, SYMBOL, [0, 1])
