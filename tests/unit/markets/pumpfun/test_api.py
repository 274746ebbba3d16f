"""The API of this market, asked over HTTP on top of a store with known rows, and its feed from bus to line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from alphaloop.bus import MemoryBus
from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.markets.pumpfun.api import PumpPart
from alphaloop.markets.pumpfun.emissions import GRADUATIONS_CHANNEL, SIGNALS_CHANNEL
from alphaloop.markets.pumpfun.schema import SCHEMA
from alphaloop.stores.records import Records, open_records
from alphaloop.web.app import create_app
from alphaloop.web.settings import WebSettings

NOW_NS = 1_700_000_000 * NS_PER_S
TOKEN = "a-token-for-this-test-only"


def signal(n: int) -> dict[str, Any]:
    known = NOW_NS - n * 600 * NS_PER_S
    data = {"signalId": f"s{n:02d}", "tokenMint": f"mint{n % 3}", "knownNs": known, "features": [1.0, None]}
    return {
        "signal_id": f"s{n:02d}", "kind": "signal", "mint": f"mint{n % 3}", "wallet": "w", "event_ns": known,
        "known_ns": known, "feature_set": "f", "feature_set_hash": "h", "features": b"", "rule_score": 50.0 + n,
        "price": 1e-7, "buy_signature": "b", "log_index": 0, "creator": "c",
        "message": {"type": "signal", "v": 1, "data": data},
    }  # fmt: skip


def token(n: int) -> dict[str, Any]:
    names = ["name", "symbol", "uri", "bonding_curve", "user", "token_program", "quote_mint", "signature"]
    return {
        **{name: f"{name}{n}" for name in names}, "mint": f"mint{n}", "creator": "c", "slot": n, "event_ns": n,
        "known_ns": NOW_NS - n * NS_PER_S, "supply": 10**15, "mayhem": False, "cashback_coin": False,
        "completed_ns": NOW_NS if n == 2 else None,
    }  # fmt: skip


def trade(n: int, sol: float) -> dict[str, Any]:
    zero = "event_ns token_amount virtual_sol virtual_token real_sol real_token fee creator_fee cashback slot"
    return {
        **dict.fromkeys(zero.split(), 0), "signature": f"t{n}", "log_index": 0, "known_ns": NOW_NS - n, "mint": "mint0",
        "wallet": "w", "is_buy": True, "sol_amount": int(sol * 1e9), "creator": "c", "mayhem": False, "quote_mint": "",
    }  # fmt: skip


def fill(records: Records) -> None:
    records.migrate(SCHEMA)
    records.add("signals", [signal(n) for n in range(10)])
    launch = {"mint": "mint0", "creator": "c", "created_ns": 1, "feature_set_hash": "h", "features": b"", "reason": ""}
    for n, emitted in enumerate((True, False)):
        times = {"known_ns": NOW_NS - 61 * NS_PER_S - n}
        records.add("genesis_observations", [{**launch, **times, "signal_id": f"g{n}", "emitted": emitted}])
    score = {"model_id": "m1", "raw": 0.0, "scored_ns": NOW_NS}
    for n in range(10):
        row = {**score, "signal_id": f"s{n:02d}", "model": "reach_2x_1h", "probability": n / 10}
        records.add("ml_scores", [row, {**row, "model": "is_dead_soon", "probability": 0.5}])
    records.add("ml_scores", [{**score, "signal_id": "g0", "model": "reach_2x_1h", "probability": 0.95}])
    warning = {"anti_id": "a", "mint": "mint1", "severity": 2, "reasons": ["one", "two"]}
    records.add("anti_signals", [{**warning, "known_ns": NOW_NS - 30 * NS_PER_S}])
    records.add("tokens", [token(n) for n in range(3)])
    changes = [("mint0", 1, 0), ("mint0", 3, 2), ("mint0", 2, 1), ("mint2", NOW_NS - 5, 7)]
    records.add("token_lifecycle", [{"mint": m, "known_ns": at, "after": state} for m, at, state in changes])
    records.add("creators", [{"creator": "c", "known_ns": 1, "launches": 3, "graduated": 1, "risk_score": 40.0}])
    bundle = {"mint": "mint0", "start_ns": 1, "wallets": 3, "lamports": 5, "known_ns": 1}
    records.add("bundles", [{**bundle, "bundle_id": f"b{n}", "confidence": n / 4} for n in range(3)])
    records.add("trades", [trade(n, 20.0 if n in (3, 50) else 0.5) for n in range(60)])
    wallet = {"known_ns": 1, "is_active": True}
    for n, alpha in enumerate((50.0, 90.0, 50.0, None, 10.0)):
        records.add("wallets", [{**wallet, "wallet": f"w{n}", "alpha_score": alpha}])
    records.add("wallets", [{**wallet, "wallet": "left", "is_active": False, "alpha_score": 99.0}])
    records.add("wallet_features", [{"wallet": "w1", "known_ns": 1, "win_rate": 0.75}])
    regime = {"known_ns": NOW_NS, "code": 3, "confidence": 0.9}
    records.add("regime_snapshots", [{**regime, "known_ns": 1, "code": 0}, regime])
    said = {"service": "collector", "event": "pending", "stats": {"pending": 3}}
    records.add("pipeline_stats", [{**said, "known_ns": 5}, {**said, "known_ns": 4, "stats": {"pending": 9}}])


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def records(request: pytest.FixtureRequest, tmp_path: Path):
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/r.db"}.get(request.param)
    with open_records(url or request.getfixturevalue("postgres_place")) as opened:
        fill(opened)
        yield opened


Ask = Callable[..., Any]


@pytest.fixture
def ask(records: Records) -> Ask:
    return asker(records)


@pytest.fixture(scope="module")
def ask_memory():
    with open_records("memory://") as opened:
        fill(opened)
        yield asker(opened)


def asker(records: Records) -> Ask:
    app = create_app([PumpPart(records, MemoryBus(), SteppedClock(NOW_NS))], WebSettings(token=TOKEN))

    def get(path: str, expected: int = 200, **parameters: Any) -> Any:
        async def story() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://here/api", headers=headers) as client:
                return await client.get(path, params=parameters)

        answer = asyncio.run(story())
        assert answer.status_code == expected, answer.text
        return answer.json()

    return get


def walk(ask: Ask, path: str, name: Callable[[Any], str], **parameters: Any) -> list[str]:
    """All items of a list, page by page of two."""
    found: list[str] = []
    page = ask(path, limit=2, **parameters)
    while True:
        assert len(page["items"]) == 2 or page["next"] is None
        found += [name(item) for item in page["items"]]
        if page["next"] is None:
            return found
        page = ask(path, limit=2, cursor=page["next"], **parameters)


def by_id(item: Any) -> str:
    return item["data"]["signalId"]


def test_signals_newest_first(ask: Ask) -> None:
    assert walk(ask, "/signals", by_id) == [f"s{n:02d}" for n in range(10)]
    assert walk(ask, "/signals", by_id, mint="mint1") == ["s01", "s04", "s07"]
    first = ask("/signals", limit=1)["items"][0]
    assert first == {
        "type": "signal",
        "data": {**signal(0)["message"]["data"], "ruleScore": 50.0},
        "scores": {"reach_2x_1h": 0.0, "is_dead_soon": 0.5},
    }


def test_signals_by_score(ask: Ask) -> None:
    assert sorted(walk(ask, "/signals", by_id, min_score=0.7)) == ["g0", "s07", "s08", "s09"]
    assert len(walk(ask, "/signals", by_id, min_score=0.5, model="is_dead_soon")) == 10
    assert walk(ask, "/signals", by_id, min_score=0.51, model="is_dead_soon") == []
    assert walk(ask, "/signals", by_id, min_score=0.0, model="other") == []
    (launch,) = [item for item in ask("/signals", min_score=0.9)["items"] if item["type"] == "genesis_signal"]
    assert launch["data"]["tokenMint"] == "mint0"
    assert launch["scores"] == {"reach_2x_1h": 0.95}


def test_signals_of_a_token_by_score_fill_their_pages(ask: Ask) -> None:
    assert sorted(walk(ask, "/signals", by_id, min_score=0.0, mint="mint1")) == ["s01", "s04", "s07"]
    assert sorted(walk(ask, "/signals", by_id, min_score=0.9, mint="mint0")) == ["g0", "s09"]
    assert ask("/signals", min_score=0.0, mint="nobody") == {"items": [], "next": None}


def test_wallets_by_alpha(ask: Ask) -> None:
    assert walk(ask, "/wallets", lambda item: item["wallet"]) == ["w1", "w2", "w0", "w4"]
    assert walk(ask, "/wallets", lambda item: item["wallet"], min_alpha=50) == ["w1", "w2", "w0"]
    assert walk(ask, "/wallets", lambda item: item["wallet"], active=False) == ["left"]
    best = ask("/wallets")["items"][0]
    assert (best["alphaScore"], best["features"]["winRate"], best["pnl"]) == (90.0, 0.75, {})


def test_tokens_with_state_and_risk(ask: Ask) -> None:
    assert walk(ask, "/tokens", lambda item: item["mint"]) == ["mint0", "mint1", "mint2"]
    assert walk(ask, "/tokens", lambda item: item["mint"], graduated=True) == ["mint2"]
    assert walk(ask, "/tokens", lambda item: item["mint"], graduated=False) == ["mint0", "mint1"]
    assert walk(ask, "/tokens", lambda item: item["mint"], creator="nobody") == []
    one, two, three = ask("/tokens")["items"]
    assert (one["lifecycleState"], one["lifecycle"], one["bundleConfidence"]) == (2, "momentum", 0.5)
    assert (two["lifecycle"], two["bundleConfidence"], two["creatorRisk"]) == (None, None, 40.0)
    assert three["lifecycle"] == "graduated"


def test_recent_mixes_everything_newest_first(ask: Ask) -> None:
    items = ask("/live/recent", limit=7)["items"]
    assert [item["type"] for item in items] == [
        "signal", "large_trade", "graduation", "large_trade", "anti_signal", "genesis_signal", "signal"
    ]  # fmt: skip
    assert items[2]["data"] == {"tokenMint": "mint2", "knownNs": NOW_NS - 5, "symbol": "symbol2"}
    assert items[4]["data"]["reasons"] == ["one", "two"]
    assert len(ask("/live/recent")["items"]) == 15
    assert ask("/live/recent", limit=3)["items"] == items[:3]


def test_stats(ask: Ask) -> None:
    assert ask("/stats") == {
        "nowNs": NOW_NS,
        "regime": {**dict.fromkeys(ask("/stats")["regime"]), "knownNs": NOW_NS, "code": 3, "confidence": 0.9}
        | {"name": "bull_euphoria"},
        "lastHour": {"signals": 7, "genesisSignals": 1, "antiSignals": 1, "tokens": 3},
        "services": {"collector.pending": {"knownNs": 5, "pending": 3}},
    }


@pytest.mark.parametrize("cursor", ["x", "W10", "WzEsMl0", "bm8=", "WyJhIiwgMV0", "☃"])
@pytest.mark.parametrize("path", ["/signals", "/tokens", "/wallets"])
def test_foreign_cursors_are_refused(ask_memory: Ask, path: str, cursor: str) -> None:
    assert "is not one that a page of this list gave" in ask_memory(path, expected=400, cursor=cursor)["error"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/signals", {"limit": 0}),
        ("/signals", {"limit": 501}),
        ("/signals", {"min_score": 1.5}),
        ("/signals", {"min_score": "nan"}),
        ("/tokens", {"graduated": "maybe"}),
        ("/live/recent", {"limit": "all"}),
    ],
)
def test_impossible_parameters_are_refused(ask_memory: Ask, path: str, parameters: dict[str, Any]) -> None:
    assert ask_memory(path, expected=400, **parameters)["error"].startswith("parameter ")


def test_an_empty_store_has_empty_pages() -> None:
    with open_records("memory://") as records:
        records.migrate(SCHEMA)
        part = PumpPart(records, MemoryBus(), SteppedClock(NOW_NS))
        empty = {"items": [], "next": None}
        assert part._pages.signals(5, None, None, "m") == part._pages.signals(5, None, 0.1, "m") == empty
        assert part._pages.tokens(5, None, None, None) == part._pages.wallets(5, None, 0.0, True) == empty
        assert part._pages.recent(5) == []
        assert part._pages.stats()["regime"] is None


def test_the_feed_passes_messages_on_as_they_are() -> None:
    async def story() -> None:
        with open_records("memory://") as records:
            bus = MemoryBus()
            part = PumpPart(records, bus)
            async with part.feeds["/live/feed"]() as events:
                bodies = [f'{{"type":"{t}","v":1,"data":{{}}}}'.encode() for t in ("signal", "anti_signal", "other")]
                graduation = b'{"type":"graduation","v":1,"data":{"symbol":"X"}}'
                for body in (*bodies, b"no message", b"{}"):
                    await bus.publish(SIGNALS_CHANNEL, body)
                await bus.publish(GRADUATIONS_CHANNEL, graduation)
                seen = [await asyncio.wait_for(anext(events), 5) for _ in range(3)]
                assert seen == [("signal", bodies[0]), ("signal", bodies[1]), ("graduation", graduation)]

    asyncio.run(story())
