"""Compiled label kernels follow the fill rules, also those cached on disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import alphaloop

LABEL = """
import polars as pl
from alphaloop.core.costs import Costs
from alphaloop.labels import Horizon
prices = {name: [100.0, 200.0] for name in ("open", "high", "low", "close")}
minute = 60 * 10**9
frame = pl.DataFrame({"symbol": ["A", "A"], "open_ns": [0, minute], "known_ns": [minute, 2 * minute], **prices})
costs = Costs(fee_bps=0, spread_bps=0, slippage_bps=0, latency_s=0)
print(Horizon(horizon_s=60).compute(frame, minute, costs)["net_long"][0])
"""


@pytest.mark.slow
def test_a_changed_rule_is_not_served_from_the_cache(tmp_path):
    source = Path(alphaloop.__file__).parent
    package = tmp_path / "alphaloop"
    for part in ("core", "labels"):
        shutil.copytree(source / part, package / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(source / "__init__.py", package / "__init__.py")

    def label() -> float:
        made = subprocess.run(
            [sys.executable, "-c", LABEL], cwd=tmp_path, capture_output=True, text=True, check=True, env={}
        )
        return float(made.stdout)

    assert label() == label() == 0.0
    rules = package / "core" / "fills.py"
    rules.write_text(rules.read_text().replace("return open_price\n", "return open_price / 2.0\n"))
    assert label() == 1.0
