"""The trader's process in foul weather: whatever happens, every lamport and every position is accounted for.

``ALPHALOOP_SOAK_S`` says for how many seconds the long ones go on (default 180), ``ALPHALOOP_SOAK_SEED`` with which
faults. The short one shows that soaks run; it is the long ones that find something.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import live_command as live
import live_soak as soak
import servers

SECONDS = float(os.environ.get("ALPHALOOP_SOAK_S", "180"))
SHORT_S = 20.0
SEED = int(os.environ.get("ALPHALOOP_SOAK_SEED", "1"))


def settings_of(market: Any) -> dict[str, Any]:
    # Blocks come eight times as fast as on the chain, and so does everything else; losses must not end the soak.
    strategy = {"score_threshold": live.THRESHOLD, "max_hold_s": soak.HOLD_S, "trail_arm": 1.1}
    breakers = {"cool_down_s": 3.0, "daily_drawdown": 0.9, "max_consecutive_losses": 0, "max_unproved": 8}
    portfolio = {
        "strategies": {live.MODEL: strategy},
        "breakers": breakers,
        "selling": {"doubt_s": 5.0},
        "sizing": {"liquidity_fraction": 0.02},
    }
    found: dict[str, Any] = live.settings_of(
        market.servers, portfolio=portfolio, pace={"silent_s": 3.0, "warnings_s": 2.0}
    )
    return found


@pytest.mark.slow
def test_minutes_of_foul_weather(tmp_path: Path, redis_server: Any, postgres_server: Any) -> None:
    with servers.schema(postgres_server.url) as place:
        weather(tmp_path, SECONDS, redis_server, place, postgres_server)


@pytest.mark.parametrize("seconds", [SHORT_S, pytest.param(SECONDS, marks=pytest.mark.slow)])
def test_foul_weather_over_a_file(tmp_path: Path, redis_server: Any, seconds: float) -> None:
    file = tmp_path / "live.db"
    with soak.opened(f"sqlite:///{file}") as records:
        assert records.count("live_trades") == 0
    weather(tmp_path, seconds, redis_server, f"sqlite:///{file}", soak.LockedFile(file))


def weather(path: Path, seconds: float, redis: Any, place: str, database: Any) -> None:
    """A soak, and the audit at its end."""
    folder = live.Folder(path)
    folder.train()

    async def test() -> None:
        # The stand-in's bus is the collector's: it is away when the trader's is.
        world = live.Market(folder, redis.url, seed=SEED, funds=40 * live.SOL)
        async with world as market, live.Traders() as all_:
            folder.write(market.servers, settings_of(market))
            run = soak.Soak(market, folder, all_, place, redis, database, SEED)
            try:
                result = await run.run(seconds)
                assert len(result["positions"]) == 2
                with soak.opened(place) as records:
                    soak.Audit(market, folder.settings, records).require_all()
                    rows = records.select("live_trades")
                    decided = records.count("live_decisions")
                print("\n".join(run.said))
                print(f"{run.lives} lives, {len(run.signals)} signals to buy, {decided} decisions")
                print(Counter(row["status"] for row in rows))
                print(Counter(row["exit_reason"] for row in rows), Counter(row["reason"] for row in rows))
                # The soak was one: it traded, lost processes, and met what it is for.
                states = [row["status"] for row in rows]
                assert run.lives > seconds / 20
                assert states.count("closed") > seconds / 45, states
            except BaseException:
                print("\n".join(run.said[-60:]))
                print(run.trader.text[-6000:])
                raise

    asyncio.run(asyncio.wait_for(test(), seconds + 300))
