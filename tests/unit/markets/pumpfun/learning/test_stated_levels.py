"""What was stated against what came: creators are what is drawn, because their tokens share one fate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaloop.markets.catalog import find_recipe, recipe_kind
from alphaloop.markets.pumpfun.learning.calibration import above_levels, bins_of
from alphaloop.markets.pumpfun.learning.dataset import read_rows
from alphaloop.markets.pumpfun.learning.stored import open_stored
from alphaloop.training.recipe import load_recipe

ROWS, PER_TOKEN, TOKENS_OF_A_CREATOR = 2_400, 4, 15


@pytest.fixture(scope="module")
def rows(database):
    with open_stored(database) as stored:
        return read_rows(stored, load_recipe(find_recipe("reach_2x_1h"), [], recipe_kind))


@pytest.fixture(scope="module")
def market(rows):
    """40 creators of 15 tokens with 4 signals each; whether a signal hits is decided by its creator alone."""
    place = np.arange(ROWS)
    token, creator = place // PER_TOKEN, place // (PER_TOKEN * TOKENS_OF_A_CREATOR)
    test = rows.dataset.take(place)
    test = replace(test, symbol=token.astype(np.int32), symbols=tuple(f"T{each:04d}" for each in range(600)))
    return test, creator.astype(np.int64)


def levels(market, hits_of_creator, stated, group=None):
    test, creator = market
    y = np.asarray(hits_of_creator, np.int8)[creator]
    return above_levels(replace(test, y=y), np.full(ROWS, stated), creator if group is None else group, seed=3)


def test_rows_tokens_and_creators_are_counted(market):
    found = levels(market, np.arange(40) % 2, 0.55)
    assert [(each.level, each.count, each.tokens, each.creators) for each in found] == [
        (level, 2_400, 600, 40) for level in (0.1, 0.2, 0.3, 0.5)
    ]
    assert "2,400 test signals on 600 tokens of 40 creators" in found[-1].sentence("hit")
    assert found[-1].to_dict()["creators"] == 40


def test_the_interval_has_the_width_of_forty_looks(market):
    """As a share of 40 independent trials has, 2 * 1.96 * sqrt(0.25 / 40); by tokens it would be a quarter of that."""
    test, _ = market
    last = levels(market, np.arange(40) % 2, 0.55)[-1]
    assert last.high - last.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 40), rel=0.15)
    by_token = levels(market, np.arange(40) % 2, 0.55, group=test.symbol.astype(np.int64))[-1]
    assert by_token.high - by_token.low < 0.35 * (last.high - last.low)


def test_a_promise_that_luck_of_creators_explains_is_kept_and_a_wrong_one_is_not(market):
    assert levels(market, np.arange(40) % 2, 0.6)[-1].kept
    assert not levels(market, np.arange(40) % 2, 0.75)[-1].kept
    assert not levels(market, np.ones(40), 0.8)[-1].kept
    assert levels(market, np.ones(40), 0.95)[-1].kept


def test_bins_are_of_creators_too(market):
    test, creator = market
    y = (creator % 2).astype(np.int8)
    found = bins_of(replace(test, y=y), np.full(ROWS, 0.6), creator, 3)
    assert found.groups is not None
    assert found.groups.tolist() == [40]
    assert found.off == 0


def test_a_token_without_a_creator_is_one_of_its_own(rows):
    known = rows.creator
    assert len(np.unique(known)) == len(set(rows.creators))
    nameless = replace(rows, creators=tuple("" for _ in rows.creators)).creator
    tokens = len(np.unique(rows.dataset.symbol))
    assert len(np.unique(nameless)) == tokens
    assert len(np.unique(np.stack([nameless, rows.dataset.symbol]), axis=1).T) == tokens


def test_promises_are_kept_on_made_signals_and_bent_ones_are_not(trained, database, calibration_case):
    """The whole run on rows with a planted truth; then the same probabilities, made too sure or not sure enough."""
    assert len(trained.run.above) >= 4
    assert calibration_case.holds(trained.run.above), trained.run.above
    p = trained.run.trained.probabilities["test"][:, 1]
    for slope in (0.33, 3.0):
        assert not calibration_case.holds(
            calibration_case.levels_of("reach_2x_1h", database, calibration_case.bent(p, slope))
        )
