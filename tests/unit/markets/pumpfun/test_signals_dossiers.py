"""What the store is told of wallets: operators as they form and fall apart, and every declared table by somebody."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alphaloop.markets.pumpfun.market import PumpMarket, Row
from alphaloop.markets.pumpfun.schema import TABLES
from alphaloop.markets.pumpfun.settings import PumpSettings

SOL = S = 1_000_000_000
# Not by the market: events as they are, scores, what the collector says of itself, the archive's list; and by nobody
# here what the monitor writes.
ELSEWHERE = {"tokens", "trades", "ml_scores", "pipeline_stats", "archives", "model_metrics"}


@pytest.fixture(scope="module")
def dense() -> ModuleType:
    path = next(p for p in Path(__file__).resolve().parents if p.name == "tests") / "pumpfun_wallet_case.py"
    spec = importlib.util.spec_from_file_location("pumpfun_wallet_case", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def operators(emissions: list[Any]) -> dict[str, tuple[str, list[str]]]:
    rows = [e.values for e in emissions if isinstance(e, Row) and e.table == "operators"]
    assert len({row["wallet"] for row in rows}) == len(rows)
    return {row["wallet"]: (row["operator"], row["reasons"]) for row in rows}


def feed(market: PumpMarket, pump: ModuleType, chain: Any, mint: str, *wallets: str) -> None:
    """Let wallets buy one coin in one slot with one amount."""
    curve = pump.Curve()
    for wallet in wallets:
        market.apply(chain.trade(curve, mint, wallet, SOL, buy=True, gap_ns=1))


def test_operators_are_told_once_when_they_form_and_again_when_they_change(pump) -> None:
    market, chain = PumpMarket(), pump.Chain(pump.START_NS // (3_600 * S) * 3_600 * S)
    for number in range(3):
        feed(market, pump, chain, f"twin{number}", "a", "b")
    said = market.advance(chain.known_ns + 3_600 * S)
    assert operators(said) == {"a": ("a", ["twins"]), "b": ("a", ["twins"])}
    at = {e.values["known_ns"] for e in said if isinstance(e, Row) and e.table == "operators"}
    assert at == {pump.START_NS // (3_600 * S) * 3_600 * S + 3_600 * S}
    assert operators(market.advance(chain.known_ns + 7_200 * S)) == {}
    chain.known_ns += 7_200 * S
    for number in range(3):
        feed(market, pump, chain, f"more{number}", "b", "c")
    twin = PumpMarket()
    twin.restore(market.save())
    for one in (market, twin):
        # Nothing about a has changed: it is not told again.
        assert operators(one.advance(chain.known_ns + 3_600 * S)) == {"c": ("a", ["twins"])}


def test_a_house_is_told_with_its_reason(pump) -> None:
    market, chain = PumpMarket(), pump.Chain()
    for number in range(3):
        market.apply(chain.create(f"coin{number}", "dev"))
        curve = pump.Curve()
        market.apply(chain.trade(curve, f"coin{number}", "dev", 3 * SOL, buy=True, gap_ns=1))
        market.apply(chain.trade(curve, f"coin{number}", "sniper", SOL, buy=True, gap_ns=1))
        chain.known_ns += 60 * S
    told = operators(market.advance(chain.known_ns + 3_600 * S))
    assert told == {"sniper": ("dev", ["house"]), "dev": ("dev", ["house"])}


def test_a_wallet_that_is_left_alone_is_its_own_operator_for_no_reason(pump) -> None:
    settings = PumpSettings.parse({"intelligence": {"wallets": {"wallet_idle_s": 7_200}}}, "test")
    market, chain = PumpMarket(settings), pump.Chain()
    for number in range(3):
        feed(market, pump, chain, f"twin{number}", "a", "b")
    assert operators(market.advance(chain.known_ns + 3_600 * S)).keys() == {"a", "b"}
    chain.known_ns += 6_000 * S
    market.apply(chain.trade(pump.Curve(), "other", "b", SOL, buy=True))
    assert operators(market.advance(chain.known_ns + 6_000 * S)) == {"b": ("b", [])}
    assert market.shelf.intelligence.operator("b") is None


def test_the_market_writes_every_table_that_nobody_else_does(dense) -> None:
    easy = dense.QUICK.operators.model_copy(update={"same_size": 0.99, "twin_share": 0.0})
    market = PumpMarket(PumpSettings(intelligence=dense.QUICK.model_copy(update={"operators": easy})))
    columns = {table.name: {column.name for column in table.columns} for table in TABLES}
    found = set()
    for event in dense.Market(3).events(1_500):
        for row in market.apply(event):
            if isinstance(row, Row):
                found.add(row.table)
                assert row.values.keys() <= columns[row.table]
    assert found == {table.name for table in TABLES} - ELSEWHERE
