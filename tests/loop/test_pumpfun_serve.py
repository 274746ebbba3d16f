"""Without a chain: a replay scores what it stored, and the API is served over it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

import pump_models
from alphaloop.markets.pumpfun.events import Trade
from alphaloop.markets.pumpfun.recording.wal import Wal
from alphaloop.markets.pumpfun.services.assembly import open_database
from alphaloop.markets.pumpfun.settings import PumpSettings
from alphaloop.markets.pumpfun.signals.catalogue import SIGNAL
from alphaloop.markets.pumpfun.simulator.chain import events as simulated
from alphaloop.markets.pumpfun.simulator.settings import SimulationSettings
from alphaloop.markets.pumpfun.wire.decode import decode

ALPHALOOP = Path(sys.executable).parent / "alphaloop"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(a) for a in (ALPHALOOP, *arguments)], capture_output=True, text=True, timeout=300)


def test_a_replay_scores_and_what_it_stored_is_served(tmp_path: Path) -> None:
    records = list(islice(simulated(SimulationSettings.small()), 4_500))
    trades = [event for record in records if isinstance(event := decode(record), Trade)]
    busiest = sorted({t.wallet for t in trades}, key=lambda w: -sum(t.wallet == w for t in trades))[:6]
    with Wal(tmp_path / "recording") as wal:
        wal.append(records)
        wal.sync()
    rows = pump_models.rows_of(records, PumpSettings(tracked_wallets=tuple(busiest)))[SIGNAL.name]
    pump_models.make_artifact(tmp_path / "models" / "a", "reach_2x_1h", SIGNAL.name, rows, created_ns=1)
    (tmp_path / "settings.toml").write_text(f"[market]\ntracked_wallets = {json.dumps(busiest)}\n")
    database = f"sqlite:///{tmp_path / 'x.db'}"
    replay = ("collect", "--replay", tmp_path / "recording", "--db", database, "--settings", tmp_path / "settings.toml")
    scored = json.loads(run(*replay, "--models", tmp_path / "models", "--json").stdout)
    assert scored["scores"] == scored["signals"] == len(rows) > 30
    with open_database(database) as stored:
        told = {row["signal_id"]: row["message"]["data"]["scores"] for row in stored.select("signals")}
        kept = {row["signal_id"]: row["probability"] for row in stored.select("ml_scores")}
    assert {one: {"reach_2x_1h": probability} for one, probability in kept.items()} == told, "to the bit"
    again = json.loads(run(*replay, "--models", tmp_path / "models", "--json").stdout)
    assert again["scores"] == 0, "scored once"
    ask(tmp_path, database)


def ask(folder: Path, database: str) -> None:
    served = subprocess.Popen(
        [ALPHALOOP, "pumpfun", "serve", "--db", database, "--data", folder / "api", "--port", "0"],
        stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name not in ("ALPHALOOP_API_TOKEN", "REDIS_URL")},
    )
    try:
        address = folder / "api" / "serve-address"
        for _ in range(600):
            if address.is_file():
                break
            time.sleep(0.1)
        token_file = folder / "api" / "serve-token"
        assert token_file.stat().st_mode & 0o077 == 0
        url, token = address.read_text().strip(), token_file.read_text().strip()
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(trust_env=False) as client:
            assert client.get(f"{url}/signals").status_code == 401
            got: Any = client.get(
                f"{url}/signals", params={"min_score": 0.5}, headers={"Authorization": f"Bearer {token}"}
            )
        assert got.status_code == 200
        assert got.json()["items"]
        assert all(item["scores"]["reach_2x_1h"] >= 0.5 for item in got.json()["items"])
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0
    finally:
        served.kill()
        served.communicate()


def test_a_database_that_is_not_there_is_not_served(tmp_path: Path) -> None:
    found = run("pumpfun", "serve", "--db", f"sqlite:///{tmp_path / 'none.db'}")
    assert found.returncode == 2
    assert "there is no such file" in found.stderr
    assert not (tmp_path / "none.db").exists()
