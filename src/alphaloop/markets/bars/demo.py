"""Once round the loop on a synthetic market of minute bars; no network, a minute or two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from alphaloop.artifact.registry import Registry
from alphaloop.artifact.scorer import Scorer
from alphaloop.backtest.run import run as backtest
from alphaloop.core.errors import PromotionError
from alphaloop.core.files import atomic_path
from alphaloop.core.progress import Progress
from alphaloop.data.bars import Bars, read_bars
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.live.trader import dry_run
from alphaloop.markets.bars.pipeline import run_training
from alphaloop.markets.catalog import recipe
from alphaloop.stores.sqlite import open_sqlite
from alphaloop.training.recipe import load_recipe

SIZE = 30_000
"""Minute bars of each of the three symbols, where nothing else is asked for."""
FEWEST = 12_000
TRIALS = 8
HISTORY_SHARE = 0.85
SIGNAL = 0.4
"""Stronger than the synthetic market's default, so that a short history is enough to tell it from luck."""


def run_demo(
    out: Path, *, size: int, trials: int, seed: int, note: Callable[[str], None], progress: Progress
) -> dict[str, Any]:
    """Draw a market, audit, train, report, register, and trade the unseen rest twice."""
    note(f"drawing a synthetic market: 3 symbols x {size:,} minute bars, seed {seed}")
    market, seen = synthetic_bars(size, seed=seed, signal=SIGNAL), int(HISTORY_SHARE * size)
    history = write_bars(market, 0, seen, out / "synthetic_history.parquet")
    note("auditing the features, tuning, training, exporting, reporting")
    settings = load_recipe(recipe("bars/direction"), [f"tuning.trials={trials}"])
    training = run_training(
        settings, history, out=out / "run", registry=out / "models", audit_s=20.0, progress=progress
    ).summary()
    shelf = Registry(out / "models")
    try:
        promoted, objection = shelf.promote(training["id"]).state == "champion", None
    except PromotionError as error:
        promoted, objection = False, str(error)
    note("trading the unseen rest of the market: once as a backtest, once as a dry run with a journal")
    scorer = Scorer.load(training["artifact"])
    # The trader needs the warm-up before its first decision: those bars are seen again and never traded.
    start = seen - scorer.contract.warm_up_rows
    unseen = write_bars(market, start, size, out / "synthetic_unseen.parquet")
    later = read_bars(unseen)
    tested = backtest(scorer, later, progress=progress).summary()
    state = out / "dry-run.db"
    state.unlink(missing_ok=True)
    with open_sqlite(state) as store:
        lived = dry_run(scorer, later, store, progress=progress).summary
    return {
        "synthetic": True,
        "data": {"history": str(history), "unseen": str(unseen)},
        "training": training,
        "promoted": promoted,
        "objection": objection,
        "backtest": tested,
        "dry_run": lived,
        "same_trades": tested["trades_digest"] == lived["trades_digest"],
        "report": training["report"],
    }


def write_bars(market: Bars, first: int, last: int, path: Path) -> Path:
    """Write the bars ``[first, last)`` of each symbol to a file as users have them."""
    place = pl.int_range(pl.len()).over("symbol")
    part = market.frame.filter((place >= first) & (place < last)).drop("known_ns")
    with atomic_path(path) as temporary:
        part.rename({"open_ns": "time"}).write_parquet(temporary)
    return path


def tell(result: Mapping[str, Any]) -> Iterator[str]:
    """Say in lines for people what `run_demo` returned."""
    training, tested = result["training"], result["backtest"]
    test = training["test"]
    yield "The market is SYNTHETIC and its signal is planted: this shows that the loop works, not that trading pays."
    yield ""
    yield f"audit      {'clean' if training['audit']['clean'] else 'FINDINGS'}, {training['audit']['seconds']:.0f} s"
    for name in ("pr_auc", "base_rate", "roc_auc", "ece"):
        low, high = test[name]["interval"]
        yield f"{name:<10} {test[name]['value']:.3f}  [{low:.3f}, {high:.3f}] on test rows"
    yield f"parity     {training['parity']['rows']:,} rows, {training['parity']['flipped']} flipped decisions"
    yield f"promoted   {'yes' if result['promoted'] else 'no: ' + str(result['objection'])}"
    yield (
        f"backtest   {tested['trades']} trades, net {tested['net_return']:+.2%}, drawdown {tested['max_drawdown']:.2%}"
    )
    yield f"dry run    {'the same trades to the last bit' if result['same_trades'] else 'OTHER TRADES: a defect'}"
    yield ""
    yield (training["verdict"])
    yield f"report     {result['report']}"
