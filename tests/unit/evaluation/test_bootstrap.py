import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from alphaloop.evaluation.bootstrap import CELLS_PER_BLOCK, TimeBlocks, interval
from alphaloop.evaluation.scores import score

MINUTE = 60 * 10**9
HORIZON = 15


def overlapping(rng, rows):
    """Direction of a random walk over the next 15 minutes, and a persistent, imperfect view of it."""
    walk = np.concatenate(([0.0], np.cumsum(rng.normal(size=rows + HORIZON))))
    ahead = walk[HORIZON : HORIZON + rows] - walk[:rows]
    view = 0.25 * ahead + np.convolve(rng.normal(size=rows + HORIZON - 1), np.ones(HORIZON), "valid")
    return (ahead > 0.0).astype(np.int8), 1.0 / (1.0 + np.exp(-0.3 * view))


@pytest.mark.parametrize("rows", [50, 1_000, 20_000])
@pytest.mark.parametrize("horizon_s", [60.0, 900.0, 3_600.0])
def test_a_block_is_never_shorter_than_the_horizon(rows, horizon_s):
    decided = np.arange(rows) * MINUTE
    blocks = TimeBlocks.of(decided, horizon_s)
    assert blocks.block_ns >= horizon_s * 10**9
    for first in range(max(blocks.cells - CELLS_PER_BLOCK, 0)):
        inside = decided[(blocks.cell >= first) & (blocks.cell < first + CELLS_PER_BLOCK)]
        assert inside.max() - inside.min() + MINUTE >= min(blocks.block_ns, decided[-1]) - 2 * MINUTE * CELLS_PER_BLOCK


def test_rows_of_one_time_are_drawn_together_whatever_their_symbol():
    decided = np.tile(np.arange(2_000) * MINUTE, 3)
    blocks = TimeBlocks.of(decided, 900.0)
    for weight in blocks.weights(1, 20):
        assert (weight.reshape(3, -1) == weight[:2_000]).all()


def test_neighbours_in_time_stay_together():
    decided = np.arange(4_000) * MINUTE
    weights = np.array(list(TimeBlocks.of(decided, 900.0).weights(1, 50)))
    assert (np.diff(weights, axis=1) != 0).mean() < 0.12
    assert weights.sum(axis=1) == pytest.approx(4_000, rel=0.02)
    assert weights.mean(axis=0) == pytest.approx(1.0, abs=0.6)


def test_empty_stretches_of_time_are_no_cells():
    decided = np.concatenate((np.arange(500), 90_000 + np.arange(500))) * MINUTE
    blocks = TimeBlocks.of(decided, 60.0)
    assert set(np.unique(blocks.cell)) == set(range(blocks.cells))


def test_bootstrap_by_weights_is_explicit_resampling():
    rng = np.random.default_rng(4)
    y, p = overlapping(rng, 1_200)
    p = np.round(p, 2)
    decided = np.arange(1_200) * MINUTE
    found = score(y, p, decided_ns=decided, horizon_s=900.0, seed=8, resamples=60)
    drawn = {"pr_auc": [], "roc_auc": [], "brier": [], "base_rate": []}
    for weight in TimeBlocks.of(decided, 900.0).weights(8, 60):
        rows = np.repeat(np.arange(1_200), weight.astype(int))
        drawn["pr_auc"].append(average_precision_score(y[rows], p[rows]))
        drawn["roc_auc"].append(roc_auc_score(y[rows], p[rows]))
        drawn["brier"].append(((p - y)[rows] ** 2).mean())
        drawn["base_rate"].append(y[rows].mean())
    for name, values in drawn.items():
        expected = interval(found[name].value, np.array(values))
        assert (found[name].low, found[name].high) == pytest.approx(expected, rel=1e-12)


def test_an_interval_is_moved_onto_its_value_and_ignores_undefined_resamples():
    drawn = np.concatenate((np.linspace(0.5, 0.7, 101), [np.nan] * 5))
    low, high = interval(0.4, drawn)
    assert (low + high) / 2 == pytest.approx(0.4)
    assert high - low == pytest.approx(0.19)
    assert np.isnan(interval(0.4, np.array([0.4, np.nan, np.nan, np.nan]))).all()


def test_intervals_cover_the_truth_where_independent_rows_would_not():
    truth = 0.6081  # ROC-AUC of 400,000 rows of this world
    decided = np.arange(1_500) * MINUTE
    covered = np.zeros(2)
    for trial in range(70):
        y, p = overlapping(np.random.default_rng(trial), 1_500)
        shuffled = np.random.default_rng(1_000 + trial).permutation(decided)
        for column, times in enumerate((decided, shuffled)):
            found = score(y, p, decided_ns=times, horizon_s=900.0, seed=trial, resamples=150)["roc_auc"]
            covered[column] += found.low <= truth <= found.high
    blocks, independent = covered / 70
    assert blocks >= 0.85
    assert independent <= 0.75
