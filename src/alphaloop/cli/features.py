"""``alphaloop features``: list the feature sets there are, show one, compute one over a file of bars."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say
from alphaloop.core.clock import NS_PER_S, stopwatch
from alphaloop.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from alphaloop.data.bars import Bars
    from alphaloop.features import FeatureSet
    from alphaloop.markets.event_sets import EventSet

app = typer.Typer(no_args_is_help=True)

SetArgument = Annotated[str, typer.Argument(metavar="NAME", help="A feature set's name, FILE.py or FILE.py:OBJECT.")]


@app.command("list")
def list_sets(as_json: JsonFlag = False) -> None:
    """List the feature sets that the installed markets offer."""
    with exit_codes():
        from alphaloop.markets.catalog import named_sets
        from alphaloop.markets.event_sets import named_event_sets

        rows = []
        for name, (market, declared) in named_sets().items():
            found = declared.load()
            rows.append(
                {
                    "name": name,
                    "market": market,
                    "features": len(found),
                    "families": list(dict.fromkeys(found.families)),
                    "hash": found.hash,
                    "description": declared.description,
                }
            )
        for name, (market, events) in named_event_sets().items():
            loaded = events.load()
            rows.append(
                {
                    "name": name,
                    "market": market,
                    "features": len(loaded.features),
                    "families": list(dict.fromkeys(feature.family for feature in loaded.features)),
                    "hash": loaded.hash,
                    "description": events.description,
                }
            )
        emit({"sets": rows}, as_json, _show_list)


@app.command()
def show(
    name: SetArgument,
    step_s: Annotated[float, typer.Option(min=0.001, help="Seconds from bar to bar, for the warm-up.")] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Show the features of a set: family, unit, and warm-up in rows and formula, or of events source and missing."""
    with exit_codes():
        from alphaloop.markets.catalog import find_feature_set
        from alphaloop.markets.event_sets import named_event_sets

        if name in named_event_sets():
            emit(_event_set(named_event_sets()[name][1].load()), as_json, _show_event_set)
            return
        found = find_feature_set(name)
        features = [
            {
                "name": feature.name,
                "family": feature.family,
                "unit": feature.unit,
                "warm_up": feature.warm_up(step_s),
                "formula": repr(feature.expr),
                "description": feature.description,
            }
            for feature in found.features
        ]
        result = {
            "name": found.name,
            "hash": found.hash,
            "inputs": list(found.inputs),
            "references": list(found.references),
            "step_s": step_s,
            "warm_up": found.warm_up(step_s),
            "features": features,
        }
        emit(result, as_json, _show_set)


@app.command()
def compute(
    name: SetArgument,
    data: Annotated[Path, typer.Option(help="Bars: Parquet, CSV (also gzip) or Feather.")],
    out: Annotated[Path, typer.Option(help="Where to write: .parquet, .csv or .feather.")],
    timezone: Annotated[str | None, typer.Option(help="IANA zone of times that name none.")] = None,
    stamp: Annotated[Literal["open", "close"], typer.Option(help="What the file's time is of a bar.")] = "open",
    symbol: Annotated[str | None, typer.Option(help="Keep this symbol, or name the file's only one.")] = None,
    step_s: Annotated[float | None, typer.Option(help="Seconds from bar to bar; else found from the file.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute a set over a file: symbol, known_ns and one column per feature, one row per bar."""
    with exit_codes(), progress_bar(as_json) as progress:
        began = stopwatch()
        _check_target(out)
        from alphaloop.data.bars import read_bars
        from alphaloop.markets.catalog import find_feature_set

        found = find_feature_set(name)
        progress("reading bars", 0, 1)
        bars = read_bars(data, timezone=timezone, stamp=stamp, symbol=symbol, step_s=step_s)
        warm_up = found.warm_up(bars.step_ns / NS_PER_S)
        short = _too_short(found, bars, warm_up)
        progress("computing features", 0, 1)
        table = found.compute(bars.frame)
        progress("writing features", 0, 1)
        _write(table, out)
        result = {
            "set": found.name,
            "hash": found.hash,
            "out": str(out),
            "rows": table.height,
            "symbols": len(bars.symbols),
            "features": len(found),
            "step_s": bars.step_ns / NS_PER_S,
            "warm_up": warm_up,
            "never_warm": short,
            "seconds": round(stopwatch() - began, 3),
        }
        emit(result, as_json, _show_computed)


def _event_set(found: EventSet) -> dict[str, Any]:
    columns = ("name", "family", "unit", "source", "missing")
    features = [{column: getattr(feature, column) for column in columns} for feature in found.features]
    return {"name": found.name, "hash": found.hash, "features": features}


def _check_target(out: Path) -> None:
    if out.suffix not in (".parquet", ".csv", ".feather"):
        raise DataError(f"{out.name}: cannot write a file of type {out.suffix!r}; name it .parquet, .csv or .feather")
    if out.is_dir():
        raise DataError(f"{out}: is a folder; name a file")


def _too_short(found: FeatureSet, bars: Bars, warm_up: int) -> list[str]:
    """Symbols with no more rows than the warm-up; an error if that is all of them."""
    rows = dict(bars.frame.group_by("symbol", maintain_order=True).len().iter_rows())
    longest = max(rows, key=lambda symbol: rows[symbol])
    if rows[longest] <= warm_up:
        of = f" of {longest!r}, its longest symbol," if len(rows) > 1 else ""
        raise DataError(
            f"{bars.source}: {rows[longest]} rows{of} are too few: {found.name!r} needs more than its warm-up of "
            f"{warm_up} rows at a step of {bars.step_ns / NS_PER_S:g} s; give a longer file or a shorter feature set"
        )
    return [symbol for symbol, count in rows.items() if count <= warm_up]


def _write(table: pl.DataFrame, out: Path) -> None:
    from alphaloop.core.files import atomic_path

    with atomic_path(out) as temporary:
        if out.suffix == ".parquet":
            table.write_parquet(temporary)
        elif out.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_ipc(temporary)


def _show_list(result: Mapping[str, Any]) -> None:
    columns = ["name", "market", "features", "description", "hash"]
    _table(columns, [[s["name"], s["market"], s["features"], s["description"], s["hash"][:12]] for s in result["sets"]])


def _show_set(result: Mapping[str, Any]) -> None:
    say(f"{result['name']}  {len(result['features'])} features  hash {result['hash'][:12]}")
    say(f"reads {', '.join(result['inputs'])}; warm after {result['warm_up']:,} rows at {result['step_s']:g} s a row")
    columns = ["name", "family", "unit", "warm-up", "formula", "meaning"]
    keys = ["name", "family", "unit", "warm_up", "formula", "description"]
    _table(columns, [[feature[key] for key in keys] for feature in result["features"]])


def _show_event_set(result: Mapping[str, Any]) -> None:
    say(f"{result['name']}  {len(result['features'])} features of events  hash {result['hash'][:12]}")
    columns = ["name", "family", "unit", "source", "missing"]
    _table([*columns[:4], "missing means"], [[feature[key] for key in columns] for feature in result["features"]])


def _show_computed(result: Mapping[str, Any]) -> None:
    say(f"{result['rows']:,} rows x {result['features']} features of {result['symbols']} symbol(s) in {result['out']}")
    say(f"the first {result['warm_up']:,} rows of a symbol hold NaN where a feature is not warm yet")
    if result["never_warm"]:
        note(f"shorter than the warm-up, so never wholly warm: {', '.join(result['never_warm'])}")


def _table(columns: list[str], rows: list[list[Any]]) -> None:
    """Print rows for people; whole numbers stand to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    numeric = [all(isinstance(row[i], int) for row in rows) for i in range(len(columns))]
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = 180
    console.print(table)
