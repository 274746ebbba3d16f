"""``alphaloop demo``: the whole loop on a synthetic market, no network, a couple of minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphaloop.cli.output import JsonFlag, emit, exit_codes, note, progress_bar, say


def demo(
    market: Annotated[str, typer.Argument(metavar="[MARKET]", help="Which market goes round: pumpfun or bars.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder of everything the demo makes.")] = Path("demo"),
    size: Annotated[
        int | None, typer.Option("--size", help="Launches a day (pumpfun), or minute bars of each symbol (bars).")
    ] = None,
    trials: Annotated[int | None, typer.Option("--trials", min=0, help="Trials of each study.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the market.")] = 7,
    as_json: JsonFlag = False,
) -> None:
    """Run the whole loop on a SYNTHETIC market: data, features, labels, audit, training, report."""
    with exit_codes():
        from alphaloop.core.errors import InputError
        from alphaloop.core.extras import require

        require("learn", "lightgbm", "optuna", "onnx", "sklearn", "plotly", "jinja2")
        from alphaloop.markets.catalog import demo as demo_of

        chosen = demo_of(market)
        wanted = chosen.SIZE if size is None else size
        if wanted < chosen.FEWEST:
            raise InputError(f"--size {wanted} is too small to learn from; give at least {chosen.FEWEST}")
        rounds = chosen.TRIALS if trials is None else trials
        with progress_bar(as_json) as progress:
            result = chosen.run_demo(out, size=wanted, trials=rounds, seed=seed, note=note, progress=progress)
        emit(result, as_json, lambda found: say("\n".join(chosen.tell(found))))
