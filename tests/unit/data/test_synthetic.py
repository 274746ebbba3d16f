from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import InputError
from alphaloop.data.bars import COLUMNS, Bars
from alphaloop.data.synthetic import DEFAULT_SIGNAL, planted_score, synthetic_bars

HORIZON = 15


def returns(bars: Bars, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Planted score and return of the next `horizon` bars, where both exist."""
    frame = bars.frame.with_columns(score=pl.Series(planted_score(bars)))
    after = (pl.col("close").shift(-horizon) / pl.col("close") - 1).over("symbol")
    kept = frame.with_columns(after=after).drop_nulls()
    return kept["score"].to_numpy(), kept["after"].to_numpy()


def roc_auc(score: np.ndarray, positive: np.ndarray) -> float:
    ranks = np.empty(len(score))
    ranks[np.argsort(score)] = np.arange(1, len(score) + 1)
    ones = int(positive.sum())
    return float((ranks[positive].sum() - ones * (ones + 1) / 2) / (ones * (len(score) - ones)))


def test_bars_are_what_bars_must_be() -> None:
    bars = synthetic_bars(5_000, seed=4)
    frame = bars.frame
    assert frame.columns == list(COLUMNS)
    assert (bars.symbols, bars.step_ns, bars.source) == (("SYN-A", "SYN-B", "SYN-C"), 60 * NS_PER_S, "synthetic")
    assert frame.equals(frame.sort("symbol", "known_ns"))
    open_, high, low, close, volume = (frame[name].to_numpy() for name in COLUMNS[3:])
    assert (low > 0).all()
    assert (low <= np.minimum(open_, close)).all()
    assert (high >= np.maximum(open_, close)).all()
    assert (volume > 0).all()
    assert (frame["known_ns"] - frame["open_ns"] == bars.step_ns).all()


def test_prices_sit_on_a_grid_and_a_bar_opens_where_the_last_one_closed() -> None:
    for _, rows in synthetic_bars(3_000, seed=5).frame.group_by("symbol"):
        close, open_ = rows["close"].to_numpy(), rows["open"].to_numpy()
        tick = 10.0 ** (np.floor(np.log10(close[0])) - 5)
        assert np.allclose(close / tick, np.round(close / tick), atol=1e-4)
        assert (open_[1:] == close[:-1]).all()


def test_one_seed_is_one_market_to_the_bit() -> None:
    first, again, other = (synthetic_bars(500, seed=seed) for seed in (1, 1, 2))
    assert first.frame.equals(again.frame)
    assert first.sha256 == again.sha256 != other.sha256
    assert not first.frame.equals(other.frame)


def test_more_bars_or_symbols_change_none_of_the_others() -> None:
    few = synthetic_bars(400, symbols=("X", "Y"), seed=1).frame
    more = synthetic_bars(900, symbols=("Y", "X", "Z"), seed=1).frame
    for name in ("X", "Y"):
        assert few.filter(symbol=name).equals(more.filter(symbol=name).head(400))


@pytest.mark.parametrize(
    "options",
    [{"n_bars": 0}, {"symbols": ()}, {"symbols": ("A", "A")}, {"step_s": 0}, {"step_s": float("nan")}, {"signal": 2.0}],
)
def test_impossible_markets_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not possible; give"):
        synthetic_bars(**{"n_bars": 10, **options})


def test_the_planted_score_is_what_the_documentation_says() -> None:
    bars = synthetic_bars(3_000, seed=6)
    close, volume = pl.col("close"), pl.col("volume")
    hour = (pl.col("known_ns") // (3_600 * NS_PER_S)) % 24
    z = (close - close.rolling_mean(20)) / close.rolling_std(20, ddof=1)
    ratio = volume.rolling_mean(5) / volume.rolling_mean(20)
    score = z.tanh() * 2 / (1 + (-6 * (ratio - 1)).exp()) * pl.when((hour >= 7) & (hour < 21)).then(1.0).otherwise(-0.6)
    expected = bars.frame.select(score.over("symbol").fill_null(0.0)).to_series().to_numpy()
    assert np.abs(planted_score(bars) - expected).max() < 1e-6


def test_the_score_reads_no_future() -> None:
    bars = synthetic_bars(600, symbols=("A",), seed=7)
    head = Bars(bars.frame.head(400), bars.step_ns, "x", "y")
    assert (planted_score(bars)[:400] == planted_score(head)).all()


def test_the_next_return_is_signal_times_score_in_units_of_volatility_and_nothing_of_older_scores() -> None:
    rows = []
    bars = synthetic_bars(60_000, seed=8)
    scale = returns(synthetic_bars(60_000, seed=8, signal=0.0), 1)[1].std()
    frame = bars.frame.with_columns(score=pl.Series(planted_score(bars)))
    for _, part in frame.group_by("symbol"):
        score, close = part["score"].to_numpy(), part["close"].to_numpy()
        rows.append(np.stack([score[1:-1], score[:-2], (close[2:] / close[1:-1] - 1) / scale], axis=1))
    now, before, after = np.concatenate(rows).T
    slopes = np.linalg.lstsq(np.stack([now, before], axis=1), after, rcond=None)[0]
    assert slopes[0] == pytest.approx(DEFAULT_SIGNAL, rel=0.15)
    assert abs(slopes[1]) < 0.2 * DEFAULT_SIGNAL


def test_the_default_signal_can_be_found_and_pays() -> None:
    score, after = returns(synthetic_bars(60_000, seed=9), HORIZON)
    assert 0.63 < roc_auc(score, after > 0) < 0.69
    strongest = np.abs(score) > np.quantile(np.abs(score), 0.8)
    net = np.sign(score[strongest]) * after[strongest] - 4e-4
    assert net.mean() > 10e-4


def test_without_signal_the_market_is_a_martingale() -> None:
    bars = synthetic_bars(200_000, seed=10, signal=0.0)
    for horizon in (1, HORIZON):
        score, after = returns(bars, horizon)
        # Windows of neighbours overlap, and symbols share shocks: each n / (3 x horizon) rows count as one.
        effective = len(score) / (3 * horizon)
        assert abs(np.corrcoef(score, after)[0, 1]) < 4 / np.sqrt(effective)
        assert abs(roc_auc(score, after > 0) - 0.5) < 2.4 / np.sqrt(effective)
        assert abs(after.mean() / after.std()) < 4 / np.sqrt(effective)
    score, after = returns(bars, 1)
    assert abs(np.corrcoef(after[1:], after[:-1])[0, 1]) < 0.01


def test_it_looks_like_a_market() -> None:
    bars = synthetic_bars(100_000, symbols=("A", "B"), seed=11, signal=0.0)
    a, b = (bars.frame.filter(symbol=name) for name in ("A", "B"))
    moves = np.diff(np.log(a["close"].to_numpy()))
    other = np.diff(np.log(b["close"].to_numpy()))
    size = np.abs(moves)
    assert np.corrcoef(moves, other)[0, 1] > 0.2  # a market factor
    assert ((moves - moves.mean()) ** 4).mean() / moves.var() ** 2 > 4.0  # fat tails
    assert np.corrcoef(size[60:], size[:-60])[0, 1] > 0.05  # volatility in regimes
    assert np.corrcoef(size, a["volume"].to_numpy()[1:])[0, 1] > 0.3  # volume follows volatility
    by_hour = a.group_by((pl.col("open_ns") // (3_600 * NS_PER_S) % 24).alias("hour")).agg(pl.col("volume").mean())
    volume = dict(by_hour.iter_rows())
    assert volume[7] > volume[14] < volume[20]  # U-shaped over the day
    assert volume[14] > volume[3]
