"""Killed with SIGKILL at random instants, again and again, the trader resumes to the ledger of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.run import run
from alphaloop.data.bars import read_bars
from alphaloop.live.cadence import Cadence
from alphaloop.live.trader import RUN_ID, dry_run
from alphaloop.stores.contract import Event, Store
from alphaloop.stores.memory import MemoryPlace, MemoryStore
from alphaloop.stores.sqlite import open_sqlite
from alphaloop.trading.ledger import Ledger
from alphaloop.trading.money import to_nano
from alphaloop.trading.records import Fill, Reason

COMMAND = "import typer; from alphaloop.cli.trade import trade; app = typer.Typer(); app.command()(trade); app()"
PATIENCE_S = 120


@pytest.fixture(scope="module")
def folder(case: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kill")
    case.make_artifact(folder / "artifact")
    case.write_bars(folder / "bars.parquet", n_bars=700)
    return folder


def start(folder: Path, state: Path, *options: str) -> subprocess.Popen[str]:
    arguments = [str(folder / "artifact"), "--dry-run", "--replay", str(folder / "bars.parquet"), "--state", str(state)]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    result: dict[str, Any] = json.loads(out)
    return result


def ledger(events: list[Event]) -> Ledger:
    fills = [json.loads(event.body) for event in events if event.kind == "fill"]
    return Ledger.rebuilt(to_nano(10_000.0), [Fill(**fill | {"reason": Reason(fill["reason"])}) for fill in fills])


def undisturbed(folder: Path) -> tuple[dict[str, Any], list[Event]]:
    store = MemoryStore()
    outcome = dry_run(Scorer.load(folder / "artifact"), read_bars(folder / "bars.parquet"), store)
    return outcome.summary, store.events(RUN_ID)


def wait_for(state: Path, process: subprocess.Popen[str], began_ns: int) -> None:
    """Until the process has begun to write, so that a kill lands in its work and not in its imports."""
    limit = time.monotonic() + PATIENCE_S
    log = state.with_name(state.name + "-wal")
    while not log.exists() or log.stat().st_mtime_ns <= began_ns:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_killed_at_random_instants_it_resumes_to_the_same_ledger(folder: Path, tmp_path: Path) -> None:
    summary, journal = undisturbed(folder)
    generator = np.random.default_rng(int.from_bytes(os.urandom(4)))
    state = tmp_path / "state.db"
    killed = 0
    for _ in range(6):
        began_ns = time.time_ns()
        process = start(folder, state, "--checkpoint-bars", "7", "--throttle-s", "0.005")
        wait_for(state, process, began_ns)
        time.sleep(float(generator.uniform(0.0, 0.6)))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
        killed += process.returncode == -signal.SIGKILL
    result = finish(start(folder, state, "--checkpoint-bars", "7"))
    assert killed >= 3
    assert result["resumed_at"] > 0
    assert result["finished"]
    assert {name: result[name] for name in summary} == summary
    with open_sqlite(state) as store:
        assert store.events(RUN_ID) == journal
        assert ledger(store.events(RUN_ID)) == ledger(journal)
    backtest = run(Scorer.load(folder / "artifact"), read_bars(folder / "bars.parquet")).summary()
    assert backtest == summary
    assert backtest["trades"] > 20


class Died(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class MortalStore:
    """A store whose process dies just before, or just after, one of its writes."""

    def __init__(self, store: Store, death: int, after: bool) -> None:
        self._store, self._left, self._after = store, death, after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, *arguments: Any, **keywords: Any) -> None:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Died
        self._store.append(*arguments, **keywords)
        if self._left < 0:
            raise Died


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_dying_around_every_write_changes_nothing(folder: Path, after: bool) -> None:
    scorer, bars = Scorer.load(folder / "artifact"), read_bars(folder / "bars.parquet")
    summary, journal = undisturbed(folder)
    place, deaths = MemoryPlace(), 0
    cadence = Cadence(checkpoint_bars=23, checkpoint_s=1e9)
    while True:
        store = MemoryStore(place)
        try:
            # Each life is granted a few writes more than none, so that death comes at another write every time.
            outcome = dry_run(scorer, bars, MortalStore(store, 3 + deaths % 5, after), cadence=cadence)
        except Died:
            deaths += 1
            assert deaths < 500
            continue
        finally:
            store.close()
        break
    assert deaths > 10
    assert outcome.summary == summary
    with MemoryStore(place) as store:
        assert store.events(RUN_ID) == journal


def test_sigterm_stops_at_a_bar_boundary_and_the_next_start_goes_on(folder: Path, tmp_path: Path) -> None:
    summary, journal = undisturbed(folder)
    state = tmp_path / "state.db"
    began_ns = time.time_ns()
    process = start(folder, state, "--throttle-s", "0.01", "--checkpoint-bars", "100000", "--checkpoint-s", "1000")
    wait_for(state, process, began_ns)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    stopped = finish(process)
    assert not stopped["finished"]
    assert stopped["bars"] < summary["bars"]
    result = finish(start(folder, state))
    assert result["finished"]
    assert result["resumed_at"] > 0
    assert {name: result[name] for name in summary} == summary
    with open_sqlite(state) as store:
        assert store.events(RUN_ID) == journal


def test_a_finished_run_gives_its_result_again(folder: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    first, second = finish(start(folder, state)), finish(start(folder, state))
    assert first["trades_digest"] == second["trades_digest"]
    assert second["finished"]
    assert second["resumed_at"] == 700


def test_two_traders_cannot_share_a_state(folder: Path, tmp_path: Path) -> None:
    with open_sqlite(tmp_path / "state.db"):
        process = start(folder, tmp_path / "state.db")
        out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert out == ""
    assert f"in use by process {os.getpid()}" in err
    assert err.count("\n") == 1
