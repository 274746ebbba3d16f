"""``alphaloop backtest`` and ``alphaloop trade``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say
from alphaloop.core.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from alphaloop.artifact.scorer import Scorer
    from alphaloop.data.bars import Bars
    from alphaloop.trading.plan import Plan

Artifact = Annotated[
    str, typer.Argument(metavar="ARTIFACT", help="An artifact's folder, or an id or name of the registry.")
]
Registry = Annotated[Path, typer.Option("--registry", help="Folder of the registry, for an artifact given by name.")]
Timezone = Annotated[str | None, typer.Option(help="Zone of times that name none, such as UTC or America/New_York.")]
Stamp = Annotated[str, typer.Option(help="What a bar's time names: its open or its close.")]
Symbol = Annotated[str | None, typer.Option(help="Name where the file has no symbol column; else the one to keep.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the plan: trading.policy.threshold=0.6. Repeatable."),
]
DEFAULT_REGISTRY = Path("models")


def backtest(
    artifact: Artifact,
    data: Annotated[Path, typer.Option("--data", help="Bars: Parquet, CSV, CSV.gz or Feather.")],
    timezone: Timezone = None,
    stamp: Stamp = "open",
    symbol: Symbol = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the trades to a .csv or .parquet file.")] = None,
    assignments: Assignments = None,
    registry: Registry = DEFAULT_REGISTRY,
    as_json: JsonFlag = False,
) -> None:
    """Trade a model over a history, net of costs."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.backtest.run import run

        require_writable(out)
        scorer = load(artifact, registry)
        bars = read(data, timezone, stamp, symbol)
        result = run(scorer, bars, planned(scorer, assignments), progress)
        if out is not None:
            write_table(result.table(), out)
        share = warn_in_sample(scorer, bars)
        facts = {"artifact": scorer.id, "in_sample_share": share, "out": None if out is None else str(out)}
        emit({**result.summary(), **facts}, as_json, show)


def trade(
    artifact: Artifact,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Trade on paper. The only way in this release.")] = False,
    replay: Annotated[Path | None, typer.Option("--replay", help="Bars to live through in order.")] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="SQLite file for journal and state; without it nothing is kept.")
    ] = None,
    timezone: Timezone = None,
    stamp: Stamp = "open",
    symbol: Symbol = None,
    assignments: Assignments = None,
    registry: Registry = DEFAULT_REGISTRY,
    checkpoint_bars: Annotated[int, typer.Option(min=1, help="Bar times between checkpoints, at most.")] = 1000,
    checkpoint_s: Annotated[float, typer.Option(min=0.001, help="Seconds between checkpoints, at most.")] = 5.0,
    throttle_s: Annotated[float, typer.Option(min=0.0, help="Pause after each bar time, in seconds.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Run the trader as it runs live, on paper over a recording; stop it, kill it, and give the same command again."""
    with exit_codes(), progress_bar(as_json) as progress:
        from alphaloop.live.cadence import Cadence
        from alphaloop.live.shutdown import stop_on_signals
        from alphaloop.live.trader import dry_run as live_through
        from alphaloop.stores.memory import MemoryStore
        from alphaloop.stores.sqlite import open_sqlite
        from alphaloop.trading.setup import Setup

        if not dry_run or replay is None:
            raise InputError(
                "trading bars with money is not part of this release; give --dry-run --replay FILE to trade on paper"
            )
        cadence = Cadence(checkpoint_bars=checkpoint_bars, checkpoint_s=checkpoint_s, throttle_s=throttle_s)
        scorer = load(artifact, registry)
        plan = planned(scorer, assignments)
        bars = read(replay, timezone, stamp, symbol)
        # Before the state is opened, so that input which cannot be traded leaves no file behind.
        Setup.for_bars(scorer.contract, bars, plan)
        with MemoryStore() if state is None else open_sqlite(state) as store, stop_on_signals() as stop:
            outcome = live_through(scorer, bars, store, plan=plan, cadence=cadence, stop=stop, progress=progress)
        if not outcome.finished:
            note("stopped at a bar boundary; the same command goes on from here" if state else "stopped")
        result = {
            **outcome.summary,
            "artifact": scorer.id,
            "in_sample_share": warn_in_sample(scorer, bars),
            "state": None if state is None else str(state),
            "finished": outcome.finished,
            "resumed_at": outcome.resumed_at,
        }
        emit(result, as_json, show)


def load(artifact: str, registry: Path) -> Scorer:
    """Open an artifact, verified, from its folder or from the registry."""
    from alphaloop.artifact import registry as registries
    from alphaloop.artifact.scorer import Scorer

    # What looks like a path is one, also when it leads nowhere: the error should speak of the folder.
    if Path(artifact).exists() or "/" in artifact:
        return Scorer.load(Path(artifact))
    return registries.Registry(registry).load(artifact)


def read(file: Path, timezone: str | None, stamp: str, symbol: str | None) -> Bars:
    """Read the bars of `file`."""
    from alphaloop.data.bars import parse_stamp, read_bars

    return read_bars(file, timezone=timezone, stamp=parse_stamp(stamp), symbol=symbol)


def planned(scorer: Scorer, assignments: Sequence[str] | None) -> Plan:
    """Give the artifact's plan with the changes of the command line."""
    from alphaloop.trading.overrides import overridden
    from alphaloop.trading.plan import Plan

    plan = Plan.parse(scorer.contract.trading, f"trading plan of artifact {scorer.contract.name!r}")
    return overridden(plan, assignments or ())


def warn_in_sample(scorer: Scorer, bars: Bars) -> float:
    """Say how much of the file the model was made from; results over it mean nothing."""
    from alphaloop.trading.setup import in_sample_share

    share = in_sample_share(scorer.contract, bars.frame["known_ns"])
    if share > 0:
        note(
            f"warning: {share:.0%} of these bars lie in the time that the model was trained, tuned or calibrated on; "
            "over them a result looks better than it is, also where the file is another"
        )
    return share


def require_writable(out: Path | None) -> None:
    """Refuse a result file of an unknown kind before the work is done."""
    if out is not None and out.suffix not in {".csv", ".parquet"}:
        raise InputError(
            f"--out {out}: cannot write {out.suffix or 'a file without an ending'!r}; use .csv or .parquet"
        )


def write_table(table: pl.DataFrame, out: Path) -> None:
    """Write trades, whole or not at all."""
    from alphaloop.core.files import atomic_path

    with atomic_path(out) as temporary:
        if out.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def show(result: Mapping[str, Any]) -> None:
    """Print the figures for people."""
    say(f"trades        {result['trades']}  {_counts(result['exit_reasons'])}")
    say(f"net return    {result['net_return']:+.2%}   final equity {result['final_equity']:,.2f}")
    say(f"max drawdown  {result['max_drawdown']:.2%}")
    for name in ("win_rate", "profit_factor", "sharpe", "exposure"):
        value = result[name]
        say(f"{name.replace('_', ' '):<13} {'undefined' if value is None else f'{value:.3f}'}")
    say(f"fees          {result['fees']:,.2f}")
    say(f"bars          {result['bars']:,}  {result['first']} to {result['last']}")
    if result["skipped"]:
        say(f"not entered   {_counts(result['skipped'])}")
    say(f"digest        {result['trades_digest']}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
