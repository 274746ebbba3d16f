"""What the dashboard makes of a database and of a trader's answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.core.errors import BusAwayError, InputError, StoreAwayError
from alphaloop.evaluation.reliability import wilson
from alphaloop.markets.pumpfun.events import LAMPORTS_PER_SOL
from alphaloop.markets.pumpfun.live.dashboard import view as dashboard
from alphaloop.markets.pumpfun.live.dashboard.routes import DashboardPages, age, moment, multiple, percent, short, sol
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.live.standard import standard_portfolio
from alphaloop.markets.pumpfun.live.summary import position, standing
from alphaloop.stores.records import Records, open_records
from alphaloop.trading.portfolio.engine import PortfolioEngine
from alphaloop.trading.portfolio.trades import Trade
from alphaloop.web.browser import browser_app
from alphaloop.web.settings import WebSettings

HERE, TOKEN = "http://127.0.0.1", "a-token-for-this-test-only"
SCRIPT = "<script>alert(1)</script>"
NOW_NS = 1_700_000_000 * NS_PER_S


def account(
    records: Records, name: str = "dry:paper", updated_ns: int = NOW_NS, wins: int = 0, losses: int = 0
) -> None:
    row = {
        "account": name, "mode": "dry", "current_balance": 1.5, "total_pnl": -0.25, "total_trades": wins + losses,
        "total_wins": wins, "total_losses": losses, "current_streak": 0, "win_rate": None, "is_active": True,
        "halted": False, "entries_stopped": False, "balance_lamports": LAMPORTS_PER_SOL // 4, "epoch": 1,
        "updated_ns": updated_ns, "stopped_by": None, "record": b"{}",
    }  # fmt: skip
    records.add("live_portfolio", [row])


def trade(records: Records, number: int, net: float | None, name: str = "dry:paper", **changes: Any) -> None:
    row = {
        "account": name, "trade_id": f"t{number}", "signal_id": f"s{number}", "token_mint": f"mint{number}",
        "strategy": "reach_2x_1h", "status": "open" if net is None else "closed", "exit_reason": None, "score": 0.9,
        "entry_price": 1.0, "exit_price": None, "position_size_sol": 0.1, "net_pnl": net, "decided_time": NOW_NS,
        "entry_time": None, "exit_time": None, "tokens": 1, "spent_lamports": 1, "received_lamports": 0,
        "entry_signature": None, "exit_signature": None, "reason": None, "is_over": net is not None,
        "updated_ns": NOW_NS + number, "record": json.dumps({"attempts": []}).encode(),
    }  # fmt: skip
    records.add("live_trades", [row | changes])


def decision(records: Records, number: int, name: str = "dry:paper") -> None:
    row = {
        "account": name, "signal_id": f"s{number}", "at_ns": NOW_NS - number * NS_PER_S, "token_mint": "mint",
        "source": "signal", "strategy": None, "stopped_by": "slot", "trade_id": None, "record": b"{}",
    }  # fmt: skip
    records.add("live_decisions", [row])


class Silent:
    """A trader that is asked and says nothing."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.error = error or InputError("nobody answers")

    async def __call__(self, name: str, command: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append((name, command, dict(arguments)))
        raise self.error


class Talking:
    """A trader that answers with an engine's standing and one position without a price."""

    def __init__(self, **changes: Any) -> None:
        engine = PortfolioEngine(standard_portfolio())
        engine.state.account.balance = LAMPORTS_PER_SOL // 2
        self.changes = changes
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._status = {
            **standing(engine, NOW_NS), "heard_age_s": 1.0, "store_away": False, "chain_away": False,
            "models": {"models": {"a": {"id": "x"}}, "missing": [], "refused": {}, "left_whole": {}},
        }  # fmt: skip
        self._trade = Trade(
            trade_id="t1",
            signal_id="s1",
            asset="mint",
            source="signal",
            context={},
            strategy="reach_2x_1h",
            score=0.9,
            budget=1,
            decided_ns=NOW_NS,
        )

    async def __call__(self, name: str, command: str, arguments: Mapping[str, str]) -> dict[str, Any]:
        self.asked.append((name, command, dict(arguments)))
        return {"status": self._status | self.changes, "positions": {"positions": [position(self._trade, NOW_NS)]}}.get(
            command, {}
        )


@pytest.fixture
def records() -> Any:
    with open_records("memory://") as opened:
        opened.migrate(SCHEMA)
        yield opened


def view_of(records: Records, ask: Any = None, wanted: str | None = None) -> dashboard.View:
    return dashboard.View(records, ask or Silent(), SteppedClock(NOW_NS), wanted)


def get(view: dashboard.View, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = browser_app(DashboardPages(view), WebSettings(token=TOKEN), SteppedClock(NOW_NS))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers={"Origin": HERE}) as client:
            await client.post("/login", data={"token": TOKEN})
            return await client.get(path)

    return asyncio.run(ask())


def test_without_an_account_it_says_so(records: Records) -> None:
    page = get(view_of(records), "/")
    assert page.status_code == 400
    assert "has traded in this database; known are: none yet" in page.text
    assert 'http-equiv="refresh"' in page.text  # it will be there in a moment
    assert 'http-equiv="refresh"' not in get(view_of(records), "/trades").text


def test_a_silent_trader_leaves_what_is_stored(records: Records) -> None:
    account(records, wins=1, losses=3)
    trade(records, 1, None)
    trade(records, 2, -0.5)
    page = get(view_of(records, Silent(BusAwayError("the bus is away"))), "/").text
    assert "The trader tells nothing: the bus is away" in page
    assert "0.250000" in page  # not what orders under way leave free of it
    assert "If it does not run, nobody watches" in page
    assert "1 of 4 won, 25.0%" in page
    assert "mint1" in page
    assert "/sell/" not in page  # nobody would hear it
    assert "Stop entries" not in page


def test_names_of_coins_are_text(records: Records) -> None:
    account(records)
    trade(records, 1, -0.1, token_mint=SCRIPT, strategy=SCRIPT, reason=SCRIPT, signal_id=SCRIPT)
    for path in ("/", "/trades", f"/signals?find={SCRIPT}", f"/sell/{SCRIPT}", "/signals?last=%3Cscript%3E"):
        assert "<script" not in get(view_of(records), path).text


def test_the_curve_ends_at_the_sum_and_takes_the_newest(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "CURVE_TRADES", 3)
    account(records)
    for number, net in enumerate([5.0, 0.5, -0.25, 1.0]):
        trade(records, number, net)
    trade(records, 9, None)
    curve = asyncio.run(view_of(records).overview())["stored"]["curve"]
    assert (curve["trades"], curve["net_sol"], curve["low"], curve["high"]) == (3, 1.25, 0.0, 1.25)
    heights = [float(point.split(",")[1]) for point in curve["points"].split()]
    assert heights == [120.0, 72.0, 96.0, 0.0]  # 0, 0.5, 0.25, 1.25 of 1.25, downwards from the top


def test_signals_are_counted_within_the_span(records: Records) -> None:
    account(records)
    for age_s in (1, 899, 901, 3_599, 3_601):
        decision(records, age_s)
    counts = [asyncio.run(view_of(records).signals(span))["counts"]["signals"] for span in ("15m", "1h", "6h")]
    assert counts == [2, 4, 5]


def test_what_is_shown_and_asked_for_is_of_one_account(records: Records) -> None:
    account(records, "dry:old", NOW_NS)
    trader = Silent()
    view = view_of(records, trader)
    asyncio.run(view.overview())
    account(records, "live", NOW_NS + 1)  # another one, written later
    with pytest.raises(InputError, match="nobody answers"):
        asyncio.run(view.command("force_exit", {"asset": "mint"}))
    assert {name for name, *_ in trader.asked} == {"dry:old"}
    assert asyncio.run(view.overview())["stored"]["balance_sol"] == 0.25
    page = get(view_of(records), "/")
    assert "say which by --account: live, dry:old" in page.text
    assert "REAL MONEY" in get(view_of(records, wanted="live"), "/").text


class Away:
    """A database that is away."""

    def select(self, *_words: Any, **_options: Any) -> Any:
        raise StoreAwayError("no connection")


def test_without_its_database_a_trader_is_seen_and_steered() -> None:
    trader = Talking()
    view = view_of(Away(), trader, "dry:paper")  # type: ignore[arg-type]
    page = get(view, "/").text
    assert "The database is away: no connection" in page
    assert "0.500000" in page
    assert "/sell/mint" in page
    asyncio.run(view.command("force_exit", {"asset": "mint"}))
    assert trader.asked[-1] == ("dry:paper", "force_exit", {"asset": "mint"})
    assert get(view_of(Away()), "/").status_code == 503  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"halted": True, "blocked_by": "min_balance", "blocked_detail": "too little"}, "Lift halt and pause"),
        ({"paused_until": "2026-11-29T17:38:18Z"}, "Lift halt and pause"),
        ({"entries_stopped": True, "blocked_by": "kill_switch"}, "Resume entries"),
        ({"day_drawdown": None}, "<b>-</b>"),
        ({"day_drawdown": 1e-9}, "<b>+0.00 %</b>"),
        ({"day_drawdown": 0.125}, "<b>-12.50 %</b>"),
        ({"store_away": True}, "database away"),
        ({"heard_age_s": None}, "bus heard - ago"),
        (
            {"models": {"models": {}, "missing": ["reach_2x_1h"], "refused": {}, "left_whole": {}}},
            "no model reach_2x_1h",
        ),
        (
            {"models": {"models": {}, "missing": [], "refused": {"a": SCRIPT}, "left_whole": {}}},
            "refused a: &lt;script",
        ),
    ],
)
def test_every_state_of_a_trader_can_be_shown(records: Records, changes: dict[str, Any], shown: str) -> None:
    account(records)
    page = get(view_of(records, Talking(**changes)), "/").text
    assert shown in page
    assert "tells nothing" not in page


def test_a_trader_that_is_slow_is_not_waited_for(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "PATIENCE_S", 0.05)
    account(records)

    async def never(*_words: Any) -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    assert "it does not answer within 0.05 s" in get(view_of(records, never), "/").text


@given(st.integers(0, 500), st.integers(1, 500))
def test_shares_have_the_interval_of_the_reports(hits: int, more: int) -> None:
    count = hits + more
    found = dashboard.share(hits, count)
    low, high = wilson(np.array([float(hits)]), np.array([count]))
    assert found is not None
    assert (found["low"], found["high"]) == pytest.approx((float(low[0]), float(high[0])), abs=1e-6)
    assert dashboard.share(0, 0) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_a_line_stays_in_its_box(values: list[float]) -> None:
    drawn = dashboard.polyline(values)
    points = [tuple(map(float, point.split(","))) for point in drawn["points"].split()]
    assert len(points) == len(values)
    assert all(0 <= x <= 600 and 0 <= y <= 120 for x, y in points)
    assert 0 <= drawn["zero"] <= 120


def test_figures_are_written_to_be_read() -> None:
    assert [sol(None), sol(0.1), sol(1234.5)] == ["-", "0.100000", "1,234.500000"]
    assert [percent(None), percent(0.25), multiple(None), multiple(1.5)] == ["-", "25.0%", "-", "1.500x"]
    assert [age(each) for each in (None, 5.4, 119.0, 121.0, 7_300.0)] == ["-", "5 s", "119 s", "2 min", "2.0 h"]
    assert [short(each) for each in (None, "reach", "A" * 44)] == ["-", "reach", "AAAAAA…AAAA"]
    assert [moment(each) for each in (None, "2026-11-29T17:38:18.223975515Z")] == ["-", "2026-11-29 17:38:18"]


@pytest.mark.parametrize("letters", ["\U0010ffff", "\ud7ff", "☃"])
def test_what_is_no_id_of_a_signal_is_refused(records: Records, letters: str) -> None:
    account(records)
    page = get(view_of(records), f"/signals?find={quote(letters)}")
    assert page.status_code == 400
    assert "is no id of a signal" in page.text
