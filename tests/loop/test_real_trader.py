"""Backtest and dry run over recorded markets: the same trades to the last bit, also across a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.run import run
from alphaloop.data.bars import Bars, read_bars
from alphaloop.live.cadence import Cadence
from alphaloop.live.shutdown import Stop
from alphaloop.live.trader import dry_run
from alphaloop.stores.sqlite import open_sqlite

BARS = 3000
FILES = ("crypto_1m/binance_futures_BTCUSDT_1m.parquet", "fx_gold/XAUUSD_M15_2023_2024.parquet")


class Soon(Stop):
    """Asks itself to stop half way."""

    def __init__(self) -> None:
        super().__init__()
        self._left = BARS // 2

    @property
    def asked(self) -> bool:
        self._left -= 1
        return self._left <= 0


def recorded(file: Path) -> Bars:
    bars = read_bars(file, timezone="UTC")
    return replace(bars, frame=bars.frame.filter(pl.col("symbol") == bars.symbols[0]).head(BARS))


@pytest.mark.real
@pytest.mark.parametrize("name", FILES)
def test_backtest_and_dry_run_agree(real_data: Path, case: ModuleType, tmp_path: Path, name: str) -> None:
    file = real_data / name
    if not file.exists():
        pytest.skip(f"no recording {name} among the market data")
    bars = recorded(file)
    timeout = {"timeout_s": 20.0 * bars.step_ns / 1e9}
    case.make_artifact(tmp_path / "artifact", case.PLAN | {"exits": case.PLAN["exits"] | timeout})
    scorer = Scorer.load(tmp_path / "artifact")
    expected = run(scorer, bars).summary()
    assert expected["trades"] > 20
    with open_sqlite(tmp_path / "state.db") as store:
        assert not dry_run(scorer, bars, store, cadence=Cadence(checkpoint_bars=200), stop=Soon()).finished
    with open_sqlite(tmp_path / "state.db") as store:
        outcome = dry_run(scorer, bars, store)
    assert (outcome.finished, outcome.resumed_at) == (True, BARS // 2)
    assert outcome.summary == expected
