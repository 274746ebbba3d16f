"""The leak premium: rows chosen right, and a planted leak that shows."""

from __future__ import annotations

import numpy as np
import pytest

from alphaloop.core.errors import DataError
from alphaloop.dataset.intervals import meets
from alphaloop.dataset.premium import leak_premium, symbol_variants, time_variants

S = 10**9


def rows(n=400, symbols=6, length=20):
    decided = np.repeat(np.arange(n), symbols) * S
    return decided, decided + length * S, np.tile(np.arange(symbols, dtype=np.int32), n)


def test_time_variants_score_the_same_rows():
    decided, resolved, _ = rows()
    test = np.flatnonzero(decided >= 300 * S)
    honest, no_purge, shuffled = time_variants(decided, resolved, test, embargo_s=5)
    assert [v.name for v in (honest, no_purge, shuffled)] == ["honest", "no purge", "random rows"]
    for variant in (honest, no_purge, shuffled):
        assert np.array_equal(variant.test, honest.test)
        assert not np.intersect1d(variant.train, variant.test).size
        assert variant.reference == "honest"
    assert len(honest.test) == len(test) // 2
    assert not meets(decided, resolved, honest.train, test, 5).any()
    assert decided[honest.train].max() == (300 - 20 - 5) * S
    assert np.array_equal(no_purge.train, np.flatnonzero(decided < 300 * S))
    assert len(shuffled.train) == len(honest.train)
    assert np.intersect1d(shuffled.train, test).size


def test_symbol_variants_differ_only_in_the_weeks():
    decided, resolved, symbol = rows()
    test = np.flatnonzero(decided >= 300 * S)
    earlier, same = symbol_variants(decided, resolved, symbol, test)
    unseen = np.unique(symbol[earlier.test])
    assert len(unseen) == 2
    for variant in (earlier, same):
        assert not np.isin(symbol[variant.train], unseen).any()
        assert np.array_equal(variant.test, earlier.test)
        assert variant.reference == earlier.name
    assert decided[earlier.train].max() <= (300 - 20) * S
    assert len(same.train) == len(earlier.train)
    assert (decided[same.train] >= 300 * S).sum() == 100 * 4
    assert np.array_equal(np.unique(symbol[symbol_variants(decided, resolved, symbol, test, [5])[0].test]), [5])


def test_one_symbol_has_no_symbol_variants():
    decided, resolved, symbol = rows(symbols=1)
    assert symbol_variants(decided, resolved, symbol, np.arange(300, 400)) == ()


def test_the_draws_depend_on_the_seed_alone():
    decided, resolved, _ = rows()
    test = np.flatnonzero(decided >= 300 * S)
    once, again, other = (time_variants(decided, resolved, test, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.train, b.train) for a, b in zip(once, again, strict=True))
    assert not np.array_equal(once[2].train, other[2].train)


def test_nothing_left_to_train_on():
    decided, resolved, symbol = rows(length=1000)
    test = np.flatnonzero(decided >= 300 * S)
    with pytest.raises(DataError, match="no row in honest"):
        time_variants(decided, resolved, test)
    with pytest.raises(DataError, match="no row in earlier weeks"):
        symbol_variants(decided, resolved, symbol, test)


def test_a_model_that_remembers_its_neighbours_earns_a_premium_and_only_there():
    # The future of a random walk: no feature but the time itself, so that all skill is leak.
    random = np.random.default_rng(3)
    n, length = 3000, 50
    decided = np.arange(n) * S
    path = np.cumsum(random.normal(size=n + length))
    y = path[length:] > path[:-length]

    def score(train, test):
        nearest = train[np.abs(decided[train][None, :] - decided[test][:, None]).argmin(axis=1)]
        return float((y[nearest] == y[test]).mean())

    told = []
    variants = time_variants(decided, decided + length * S, np.arange(2400, n), seed=1)
    found = leak_premium(variants, score, lambda stage, done, total: told.append((done, total)))
    by_name = {each.name: each for each in found}
    assert by_name["honest"].premium == 0.0
    assert by_name["random rows"].premium > 0.3
    assert abs(by_name["honest"].value - 0.5) < 0.2
    assert told == [(1, 3), (2, 3), (3, 3)]
    record = by_name["random rows"].to_dict()
    assert record["train_rows"] == len(variants[2].train)
    assert record["value"] - by_name["honest"].value == record["premium"]
