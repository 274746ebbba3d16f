"""The features that a launch's own trades tell, by hand and by another road."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alphaloop.markets.pumpfun.signals.window import opened, window_features

SOL = 1_000_000_000
S = 1_000_000_000


@pytest.fixture
def launch(pump):
    """A launch with trades at 1, 5, 12, 12.5, 29, 31, 45, 50 s."""
    chain, curve = pump.Chain(), pump.Curve()
    window = opened(chain.create("coin", "maker"), 2)
    start = window.created_ns
    steps = (
        (1.0, "maker", SOL, True),
        (5.0, "a", SOL // 2, True),
        (12.0, "b", SOL // 100, True),
        (12.5, "c", 3 * SOL, True),
        (29.0, "a", None, False),
        (31.0, "d", SOL // 4, True),
        (45.0, "b", SOL, True),
        (50.0, "c", 1_000_000_000, False),
    )
    for at, wallet, amount, buy in steps:
        amount = curve.held[wallet] if amount is None else amount
        gap = start + int(at * S) - chain.known_ns
        window.add(chain.trade(curve, "coin", wallet, amount, buy=buy, gap_ns=gap))
    return window


def test_flow(launch) -> None:
    found = window_features(launch, launch.created_ns + 60 * S)
    assert (found["n_trades"], found["n_buys"], found["n_sells"]) == (8, 6, 2)
    sizes = [1.0, 0.5, 0.01, 3.0, 0.25, 1.0]
    assert found["sol_in"] == pytest.approx(sum(sizes))
    assert found["sol_net"] == pytest.approx(found["sol_in"] - found["sol_out"])
    assert found["buy_sell_count_ratio"] == 0.75
    assert found["avg_buy_sol"] == pytest.approx(np.mean(sizes))
    assert found["median_buy_sol"] == pytest.approx(np.median(sizes))
    assert found["std_buy_sol"] == pytest.approx(np.std(sizes))
    assert found["max_buy_sol"] == 3.0
    assert found["n_buys_over_1sol"] == 1, "1 SOL is not over 1 SOL"
    assert found["pct_buys_under_0p05sol"] == pytest.approx(1 / 6)


def test_timing(launch) -> None:
    found = window_features(launch, launch.created_ns + 60 * S)
    assert found["first_buy_delay_s"] == 1.0
    assert [found[f"buys_{part}s"] for part in ("0_10", "10_30", "30_60")] == [2, 2, 2]
    assert [found[f"sol_{part}s"] for part in ("0_10", "10_30", "30_60")] == pytest.approx([1.5, 3.01, 1.25])
    assert found["acceleration"] == pytest.approx((2 - 4) / 6)
    assert found["max_gap_s"] == pytest.approx(16.5)


def test_prices(launch) -> None:
    found = window_features(launch, launch.created_ns + 60 * S)
    times = np.array([tick.at_ns / S for tick in launch.ticks])
    prices = np.array([tick.price for tick in launch.ticks])
    start = launch.start_price
    assert start == pytest.approx(30 / 1_073_000_000)
    for end in (10, 30, 60):
        assert found[f"ret_{end}s"] == pytest.approx(prices[times < end][-1] / start - 1, rel=1e-12)
    assert found["max_multiple"] == pytest.approx(prices.max() / start)
    assert found["drawdown_from_peak"] == pytest.approx(1 - prices[-1] / prices.max())
    assert found["price_slope"] == pytest.approx(np.polyfit(times / 60, np.log(prices), 1)[0])
    assert found["price_volatility"] == pytest.approx(np.std(np.diff(np.log([start, *prices]))))
    assert found["real_sol"] == pytest.approx(launch.real_sol / SOL)
    assert found["market_cap_sol"] == pytest.approx(prices[-1] * 1e9)


def test_the_price_at_ten_seconds_is_the_one_before_what_happens_then(pump) -> None:
    chain, curve = pump.Chain(), pump.Curve()
    window = opened(chain.create("coin", "maker"), 0)
    window.add(chain.trade(curve, "coin", "a", SOL, buy=True, gap_ns=10 * S - 1))
    before = window.price
    window.add(chain.trade(curve, "coin", "b", SOL, buy=True, gap_ns=1))
    found = window_features(window, window.created_ns + 10 * S)
    assert found["ret_10s"] == pytest.approx(before / window.start_price - 1, rel=1e-12)
    assert (found["buys_0_10s"], found["n_buys"]) == (1, 2)


def test_concentration(launch) -> None:
    found = window_features(launch, launch.created_ns + 60 * S)
    spent = np.array([1.0, 0.5, 1.01, 3.0, 0.25])
    shares = np.sort(spent / spent.sum())[::-1]
    assert (found["unique_buyers"], found["unique_sellers"]) == (5, 2)
    assert found["repeat_buyer_pct"] == 0.2
    assert found["top1_buyer_share"] == pytest.approx(shares[0])
    assert found["top3_buyer_share"] == pytest.approx(shares[:3].sum())
    assert found["buyer_hhi"] == pytest.approx((shares**2).sum())
    assert found["holder_retention"] == 0.8, "a sold everything, c a part"
    assert found["pct_buyers_sold"] == 0.4
    assert found["new_buyers_last_20s"] == 0, "the newest buyer came at 31 s"
    assert window_features(launch, launch.created_ns + 51 * S)["new_buyers_last_20s"] == 1, "31 s is 20 s ago"


def test_makers_metadata_and_buckets(launch) -> None:
    found = window_features(launch, launch.created_ns + 60 * S)
    assert found["dev_buy_sol"] == 1.0
    assert found["dev_supply_pct"] == pytest.approx(launch.ticks[0].tokens / 1e15)
    assert found["dev_sold"] == 0.0
    assert (found["name_len"], found["symbol_len"]) == (len("Coin coin"), 4)
    assert found["symbol_seen_24h"] == 2
    assert found["has_uri"] == 1
    assert found["same_5s_bucket_max_wallets"] == 2
    assert (found["hour_of_day"], found["day_of_week"]) == (15.0, 6.0), "2025-06-15 15:06:41 UTC was a Sunday"


def test_what_is_not_over_is_missing_and_not_zero(launch) -> None:
    found = window_features(launch, launch.created_ns + 30 * S)
    for name in ("buys_30_60s", "sol_30_60s", "acceleration", "ret_60s"):
        assert math.isnan(found[name]), name
    for name in ("buys_10_30s", "sol_10_30s", "ret_30s", "max_gap_s"):
        assert not math.isnan(found[name]), name


def test_a_launch_without_trades_has_counts_and_no_means(pump) -> None:
    window = opened(pump.Chain().create("coin", "maker", uri=""), 0)
    found = window_features(window, window.created_ns + 60 * S)
    zero = {name for name, value in found.items() if value == 0.0}
    missing = {name for name, value in found.items() if math.isnan(value)}
    assert {"n_trades", "sol_in", "buys_0_10s", "ret_60s", "unique_buyers", "dev_buy_sol", "has_uri"} <= zero
    assert {"avg_buy_sol", "first_buy_delay_s", "top1_buyer_share", "price_slope", "buyer_hhi"} <= missing
    assert found["max_gap_s"] == 60.0
    assert found["max_multiple"] == 1.0
