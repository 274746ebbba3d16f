"""The root of the command tree.

Exit codes, the same for every command: 0 success, 1 a defect of ours or something
needed is away, 2 bad input, 3 findings or a gate that refused.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from alphaloop.cli import audit, collect, data, demo, features, live, models, output, pumpfun, trade, train

app = typer.Typer(
    name="alphaloop",
    help="From market history to a model that may be trusted with money, and a trader that runs on exactly that model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(name="demo")(demo.demo)
app.add_typer(data.app, name="data", help="Check market-data files and download candles.")
app.add_typer(features.app, name="features", help="List, show and compute feature sets.")
app.command(name="audit")(audit.audit)
app.command(name="train")(train.train)
app.command(name="backtest")(trade.backtest)
app.command(name="trade")(trade.trade)
app.add_typer(models.app, name="models", help="Candidates, champions, and what was live when.")
if find_spec("alphaloop.markets.pumpfun"):  # a market whose folder is gone takes its commands with it
    app.command(name="collect")(collect.collect)
    app.add_typer(live.app, name="live", help="Trade signals as they come: on paper unless told otherwise.")
    app.add_typer(pumpfun.app, name="pumpfun", help="What happened on Pump.fun, from the chain's own bytes.")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        output.say(f"alphaloop {version('alphaloop')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """From market history to a model that may be trusted with money, and a trader that runs on exactly that model."""


def main() -> None:
    """Run the command line; what is logged meanwhile goes to standard error, results to standard output."""
    import sys

    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    app()
