"""``alphaloop train``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say
from alphaloop.core.errors import RefusedError

SCORES = ("pr_auc", "base_rate", "roc_auc", "brier", "log_loss", "ece")


def train(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe by name, or a TOML file.")],
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="FILE|FOLDER|URL",
            help="What the market learns from. Bars: Parquet, CSV (also gzip) or Feather. Pump.fun: sqlite:///FILE, "
            "postgresql://..., or a folder of Parquet tables.",
        ),
    ],
    trials: Annotated[int | None, typer.Option("--trials", min=0, help="Trials of the study; 0 trains once.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key: label.horizon_s=3600. Repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results; runs/<recipe>-<hash> if absent.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of times that name none, such as UTC.")] = None,
    registry: Annotated[Path, typer.Option("--registry", help="Registry that gets the candidate.")] = Path("models"),
    audit_s: Annotated[float, typer.Option("--audit-seconds", min=1, help="Time for the audit.")] = 30.0,
    as_json: JsonFlag = False,
) -> None:
    """Train a model from a recipe: audit, tune, fit, calibrate, export behind the parity gate, report.

    Exit code 3 if the audit has findings (everything is written all the same, and the registry will not promote it), or
    if the parity gate refused the release (then there is no artifact).
    """
    with exit_codes():
        from alphaloop.core.extras import require

        require("learn", "lightgbm", "optuna", "onnx", "sklearn", "plotly", "jinja2")
        from alphaloop.markets.catalog import find_recipe, recipe_kind, trainer
        from alphaloop.training.recipe import load_recipe

        overrides = list(assignments or [])
        overrides += [_override("tuning.trials", trials)] if trials is not None else []
        overrides += [_override("dataset.timezone", timezone)] if timezone is not None else []
        settings = load_recipe(find_recipe(recipe), overrides, recipe_kind)
        with progress_bar(as_json) as progress:
            run_training = trainer(settings.market)
            run = run_training(settings, data, out=out, registry=registry, audit_s=audit_s, progress=progress)
        for sentence in run.notes:
            note(f"note: {sentence}")
        result = run.summary()
        emit(result, as_json, show)
        if not result["audit"]["clean"]:
            raise typer.Exit(RefusedError.exit_code)


def show(result: Mapping[str, Any]) -> None:
    """Print the result for people."""
    say(f"artifact   {result['artifact']}")
    say(f"report     {result['report']}")
    say("rows       " + ", ".join(f"{part} {count:,}" for part, count in result["rows"].items()))
    say("")
    say(f"{'test':<24}{'value':>9}   95 % interval")
    for name in SCORES:
        say(f"  {name:<22}{_interval(result['test'][name])}")
    for kind, scores in result["baselines"].items():
        say(f"  {'pr_auc of ' + kind:<22}{_interval(scores['pr_auc'])}")
    say("")
    parity, audit = result["parity"], result["audit"]
    largest = parity["max_abs_diff"]
    say(f"parity     {parity['rows']:,} rows, largest difference {largest:.1e}, {parity['flipped']} flipped")
    say(f"audit      {'clean' if audit['clean'] else str(len(audit['findings'])) + ' findings'}")
    if traded := result["backtest"]:
        say(f"backtest   test rows: {traded['trades']} trades, net {traded['net_return']:+.2%}")
    say("")
    say(result["verdict"])


def _override(key: str, value: object) -> str:
    return f"{key}={json.dumps(value)}"


def _interval(score: Mapping[str, Any]) -> str:
    low, high = score["interval"]
    span = "not measured" if low is None else f"[{low:.4f}, {high:.4f}]"
    return f"{score['value']:>9.4f}   {span}"
