"""``alphaloop collect`` and ``alphaloop live`` side by side, as in the guide: one database, one Redis, one model."""

from __future__ import annotations

import asyncio
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import collect_case as case
import live_command as live
from alphaloop.bus.address import open_bus
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.live.schema import SCHEMA
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.messages import GenesisMessage, SignalMessage, decode
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings

makers, chain_node = live.pump_models, case.chain_node
PIECE = 25


def signal_rows() -> Any:
    """Features of the signals of another hour of such a market."""
    records = list(islice(simulated(SimulationSettings(days=1.0, launches_per_day=9_000, seed=12)), 4_000))
    wallets = [event.wallet for event in map(case.decode, records) if isinstance(event, Trade)]
    tracked = tuple(wallet for wallet, _ in case.Counter(wallets).most_common(60))
    return makers.rows_of(records, PumpSettings(tracked_wallets=tracked))["pumpfun-signal"]


@pytest.mark.slow
def test_signals_flow_from_the_collector_to_the_trader(tmp_path: Path, redis_url: str, postgres_place: str) -> None:
    folder = live.Folder(tmp_path)
    makers.make_artifact(folder.models / "first", live.MODEL, "pumpfun-signal", signal_rows(), created_ns=1)
    strategy = {"score_threshold": 0.5, "max_hold_s": 4.0, "dead_threshold": 0.0}
    folder.settings.write_text(
        live.collect_command.toml(
            {
                "portfolio": {
                    "strategies": {live.MODEL: strategy},
                    "sizing": {"liquidity_fraction": 0.5},
                    "breakers": {"cool_down_s": 1.0, "max_consecutive_losses": 0, "daily_drawdown": 0.9},
                },
                "execution": {"paper": {"latency_s": 0.2, "jitter_s": 0.1}},
            }
        )
    )
    chain, busiest = case.simulated_chain(), case.busiest_wallets()
    heard: dict[str, SignalMessage] = {}

    async def listen(messages: Any) -> None:
        async for message in messages:
            if isinstance(one := decode(message.body), SignalMessage):
                heard[one.signal_id] = one
            else:
                assert isinstance(one, GenesisMessage) or one.token_mint

    async def test() -> None:
        node = chain_node.ChainNode()
        ends = {"name": "node", "ws_url": node.ws_url, "http_url": node.http_url, "key": "k", "requests_per_s": 5_000}
        environment = {"REDIS_URL": redis_url, "DATABASE_URL": postgres_place}
        async with node, live.collect_command.Collectors() as collectors, live.Traders() as traders:
            ends |= {"ws_url": node.ws_url, "http_url": node.http_url}
            file = live.collect_command.endpoint_file(tmp_path / "keys.toml", ends)
            options = ("--models", folder.models)
            collecting = collectors.start(
                tmp_path / "data", case.settings_of(busiest), *options, endpoints=file, environment=environment
            )
            collector, trader = await asyncio.gather(collecting, traders.begin(folder, postgres_place, redis_url))
            await trader.is_trading()
            await node.subscribed(timeout_s=120)
            async with open_bus(redis_url) as bus, bus.subscribe("trade:signals", capacity=10**6) as messages:
                listening = asyncio.create_task(listen(messages))
                for first in range(0, len(chain), PIECE):
                    await node.add(*chain[first : first + PIECE])
                    await asyncio.sleep(0.1)
                with open_database(postgres_place) as records:
                    records.migrate(SCHEMA)

                    def is_all_decided() -> bool:
                        count = records.count("live_decisions")
                        return len(heard) > 20 and count == len(heard) == records.count("signals")

                    await live.until(is_all_decided, 60.0)
                    decided = {row["signal_id"]: json.loads(row["record"]) for row in records.select("live_decisions")}
                listening.cancel()
            # Whoever scores comes to the same bits: the collector into the message, the trader from its features.
            assert {name: one["scores"] for name, one in decided.items()} == {
                name: message.scores for name, message in heard.items()
            }
            await trader.until("trade_closed")
            result = await trader.stop()
            assert result["messages"]["signal"] == len(heard)
            assert result["messages"]["mark"] > 0
            assert result["messages"]["heartbeat"] > 0
            assert not set(result["messages"]) & {"malformed", "unknown_type", "unknown_version", "other_features"}
            await collector.stop()

    case.run(test, 300)
