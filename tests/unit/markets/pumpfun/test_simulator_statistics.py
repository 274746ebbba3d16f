"""Launch statistics against a market small enough to count by hand, and against the recorded sets."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from alphaloop.cli.pumpfun import app
from alphaloop.core.clock import NS_PER_S
from alphaloop.core.errors import DataError
from alphaloop.markets.pumpfun.curve.quotes import buy_exact_in, sell
from alphaloop.markets.pumpfun.curve.reserves import START
from alphaloop.markets.pumpfun.events import Create, Trade
from alphaloop.markets.pumpfun.simulator.comparison import SOURCES, compare, distance
from alphaloop.markets.pumpfun.simulator.fit import Target, fit, misfit, simulated
from alphaloop.markets.pumpfun.simulator.remarks import WHY
from alphaloop.markets.pumpfun.simulator.report import page
from alphaloop.markets.pumpfun.simulator.settings import fitted
from alphaloop.markets.pumpfun.simulator.statistics import glances, market_of, minutes, watches, whole


def identity(at_s: float, mint: str) -> dict:
    at_ns = int((1_000_000 + at_s) * NS_PER_S)
    return {"signature": f"{mint}{at_s}", "log_index": 0, "slot": 0, "event_ns": at_ns, "known_ns": at_ns, "mint": mint}


def create(at_s: float, mint: str) -> Create:
    words = dict.fromkeys(("name", "symbol", "uri", "bonding_curve", "user", "creator"), "x")
    numbers = {"virtual_sol": START.virtual_sol, "virtual_token": START.virtual_token, "real_token": 1, "supply": 1}
    return Create(**identity(at_s, mint), **words, **numbers)


def trade(at_s: float, mint: str, wallet: str, quote, is_buy: bool) -> Trade:
    after = quote.after
    amounts = {"sol_amount": quote.sol_amount, "token_amount": quote.token_amount}
    reserves = {name: getattr(after, name) for name in ("virtual_sol", "virtual_token", "real_sol", "real_token")}
    return Trade(**identity(at_s, mint), wallet=wallet, is_buy=is_buy, **amounts, **reserves)


@pytest.fixture
def market():
    first = buy_exact_in(START, 10 * NS_PER_S)
    second = buy_exact_in(first.after, 5 * NS_PER_S)
    third = sell(second.after, first.token_amount)
    events = [
        create(0, "a"),
        trade(1, "a", "w1", first, True),
        create(10, "b"),
        trade(20, "a", "w2", second, True),
        trade(400, "a", "w1", third, False),
        trade(5000, "a", "w3", buy_exact_in(third.after, NS_PER_S), True),
    ]
    return market_of(events)


def test_whole_lives(market):
    found = whole(market)
    assert found["life_s"].tolist() == [5000.0, 0.0]
    assert found["dead_within_30_min"].tolist() == [0.0, 1.0]
    assert found["trades"].tolist() == [4.0, 0.0]
    assert found["buyers"].tolist() == [3.0, 0.0]
    paid = 10 * 10_000 / 10_125 + 5 * 10_000 / 10_125
    assert found["peak_multiple"].tolist() == pytest.approx([((30 + paid) / 30) ** 2, 1.0], rel=1e-6)
    assert found["gap_in_coin_s"].tolist() == [19.0, 380.0, 4600.0]
    assert found["trade_sol"][0] == pytest.approx(10 * 10_000 / 10_125)


def test_a_watch_ends_where_it_ends(market):
    found = watches(market, 300.0)
    assert found["last_change_s"].tolist() == [20.0, 0.0]
    assert found["buyers"].tolist() == [2.0, 0.0]


def test_a_glance_sees_what_had_happened_by_then(market):
    found = glances(market, ages_s=(30.0, 31.0))
    assert found["trades"].tolist() == [2.0]
    assert found["buy_share"].tolist() == [1.0]
    assert found["mean_trade_sol"][0] == pytest.approx(7.5 * 10_000 / 10_125)


def test_minutes_count_everybody(market):
    found = minutes(market, 5000.0, windows=1)
    assert found["launches_per_s"][0] * 5000 == 2
    assert found["trades_per_coin"].tolist() == [3.0]


def test_events_without_a_launch_are_refused():
    with pytest.raises(DataError, match="no launch"):
        market_of([trade(1, "a", "w", buy_exact_in(START, NS_PER_S), True)])


def test_the_distance_is_the_largest_gap_of_the_distribution_functions():
    assert distance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])) == 0.0
    assert distance(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 1.0
    assert distance(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3.0, 4.0, 5.0, 6.0])) == 0.5


@pytest.mark.real
def test_the_fitted_market_is_near_the_recorded_sets(real_data: Path):
    target = Target.read(real_data)
    near = misfit(simulated(fitted(), 700, seed=21), target)
    slow = fitted().model_copy(update={"speed": fitted().speed / 20, "hazard": 40.0, "unnoticed": 0.0})
    assert near < 0.2
    assert misfit(simulated(slow, 400, seed=21), target) > 2 * near


@pytest.mark.real
def test_a_fit_finds_its_way_back(real_data: Path):
    lost = fitted().model_copy(update={"hazard": 90.0, "unnoticed": 0.02})
    found = fit(real_data, lost, launches=60, trials=10, seed=2)
    assert found.misfit < 0.9 * found.misfit_before
    assert found.behaviour != lost


@pytest.mark.real
def test_the_report_names_every_source_and_its_bias(real_data: Path):
    found = compare(simulated(fitted(), 250, seed=4), real_data)
    text = page(found)
    for source in SOURCES.values():
        assert source.name in text
        assert source.file in text
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {row["source"] for row in plain["rows"]} == set(SOURCES) - {"older recorder"}
    named = {row["statistic"] for row in plain["rows"]}
    assert {"trades", "multiple", "mean_trade_sol", "buyers", "dead_within_5_min", "gap_in_coin_s"} <= named


@pytest.mark.real
def test_the_report_says_why_what_is_beyond_chance_was_left_so(real_data: Path):
    found = compare(simulated(fitted(), 250, seed=4), real_data)
    judged = {(row.source, row.statistic) for row in found.rows if row.distance is not None}
    assert judged == set(WHY)
    text = page(found)
    beyond = [row for row in found.rows if row.distance is not None and row.distance > row.chance]
    assert len(beyond) > 3
    for row in found.rows:
        assert row.why == (WHY[row.source, row.statistic] if row in beyond else "")
    told = [f"<li><code>{escape(row.statistic)}</code>: {escape(row.why)}.</li>" for row in beyond]
    assert re.findall(r"<li><code>.*?</li>", text) == told


@pytest.mark.real
def test_simulate_and_compare_on_the_command_line(real_data: Path, tmp_path: Path):
    runner, folder = CliRunner(), tmp_path / "run"
    made = runner.invoke(app, ["simulate", "--out", str(folder), "--days", "0.1", "--launches", "1500", "--json"])
    assert made.exit_code == 0, made.output
    answer = json.loads(made.stdout)
    assert answer["records"] > answer["launches"] > 0
    report = tmp_path / "report.html"
    command = ["compare", str(folder), "--data", str(real_data), "--out", str(report), "--json"]
    compared = runner.invoke(app, command)
    assert compared.exit_code == 0, compared.output
    assert json.loads(compared.stdout)["launches"] == answer["launches"]
    told = runner.invoke(app, command[:-1])
    assert "new pools, multiple, is beyond chance: fitted at six quantiles" in " ".join(told.output.split())
    assert "<table>" in report.read_text()
    again = runner.invoke(app, ["simulate", "--out", str(folder)])
    assert again.exit_code == 2
    wrong = runner.invoke(app, [*command[:-2], str(tmp_path / "report.pdf")])
    assert wrong.exit_code == 2
