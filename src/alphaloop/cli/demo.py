"""``alphaloop demo``: the whole loop on a synthetic market, no network, a couple of minutes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say

if TYPE_CHECKING:
    from alphaloop.core.progress import Progress
    from alphaloop.data.bars import Bars

HISTORY_SHARE = 0.85
SIGNAL = 0.4
"""Stronger than the synthetic market's default, so that a short history is enough to tell it from luck."""


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of everything the demo makes.")] = Path("demo"),
    bars: Annotated[int, typer.Option("--bars", min=12_000, help="Minute bars of each of the three symbols.")] = 30_000,
    trials: Annotated[int, typer.Option("--trials", min=0, help="Trials of the study.")] = 8,
    seed: Annotated[int, typer.Option("--seed", help="Of the market.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Run the whole loop on a SYNTHETIC market: data, audit, training, report, registry, backtest, dry run."""
    with exit_codes():
        from alphaloop.core.extras import require

        require("learn", "lightgbm", "optuna", "onnx", "sklearn", "plotly", "jinja2")
        with progress_bar(as_json) as progress:
            result = run_loop(out, bars, trials, seed, progress)
        emit(result, as_json, show)


def run_loop(out: Path, n_bars: int, trials: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Go once round the loop and return what came of it."""
    from alphaloop.artifact.registry import Registry
    from alphaloop.artifact.scorer import Scorer
    from alphaloop.backtest.run import run as backtest
    from alphaloop.core.errors import PromotionError
    from alphaloop.data.bars import read_bars
    from alphaloop.data.synthetic import synthetic_bars
    from alphaloop.live.trader import dry_run
    from alphaloop.markets.catalog import recipe, trainer
    from alphaloop.stores.sqlite import open_sqlite
    from alphaloop.training.recipe import load_recipe

    note(f"drawing a synthetic market: 3 symbols x {n_bars:,} minute bars, seed {seed}")
    market, seen = synthetic_bars(n_bars, seed=seed, signal=SIGNAL), int(HISTORY_SHARE * n_bars)
    history = write_bars(market, 0, seen, out / "synthetic_history.parquet")
    note("auditing the features, tuning, training, exporting, reporting")
    settings = load_recipe(recipe("direction"), [f"tuning.trials={trials}"])
    training = trainer(settings.market)(
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
    unseen = write_bars(market, start, n_bars, out / "synthetic_unseen.parquet")
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
    import polars as pl

    from alphaloop.core.files import atomic_path

    place = pl.int_range(pl.len()).over("symbol")
    part = market.frame.filter((place >= first) & (place < last)).drop("known_ns")
    with atomic_path(path) as temporary:
        part.rename({"open_ns": "time"}).write_parquet(temporary)
    return path


def show(result: Mapping[str, Any]) -> None:
    """Print the loop for people."""
    training, tested = result["training"], result["backtest"]
    test = training["test"]
    say("The market is SYNTHETIC and its signal is planted: this shows that the loop works, not that trading pays.")
    say("")
    say(f"audit      {'clean' if training['audit']['clean'] else 'FINDINGS'}, {training['audit']['seconds']:.0f} s")
    for name in ("pr_auc", "base_rate", "roc_auc", "ece"):
        low, high = test[name]["interval"]
        say(f"{name:<10} {test[name]['value']:.3f}  [{low:.3f}, {high:.3f}] on test rows")
    say(f"parity     {training['parity']['rows']:,} rows, {training['parity']['flipped']} flipped decisions")
    say(f"promoted   {'yes' if result['promoted'] else 'no: ' + str(result['objection'])}")
    say(f"backtest   {tested['trades']} trades, net {tested['net_return']:+.2%}, drawdown {tested['max_drawdown']:.2%}")
    say(f"dry run    {'the same trades to the last bit' if result['same_trades'] else 'OTHER TRADES: a defect'}")
    say("")
    say(training["verdict"])
    say(f"report     {result['report']}")
