"""How every command talks: text for people, one JSON object for machines, one sentence for an error.

Standard output carries the result and nothing else; progress, notes and errors go to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from alphaloop.core.clock import stopwatch
from alphaloop.core.errors import AlphaloopError
from alphaloop.core.progress import Progress, silent

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else there.")]

BAR_AFTER_S = 2.0


def say(text: str = "") -> None:
    """Print a line of the result on standard output."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """Print a line beside the result, on standard error."""
    sys.stderr.write(text + "\n")


def emit(result: Mapping[str, Any], as_json: bool, show: Callable[[Mapping[str, Any]], None]) -> None:
    """Print `result` as one JSON object, or let `show` print it for people."""
    if as_json:
        say(json.dumps(result, indent=None, allow_nan=False))
    else:
        show(result)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn alphaloop's errors into one sentence on standard error and their exit code; all else is a defect (1)."""
    try:
        yield
    except AlphaloopError as error:
        _leave(f"error: {error}", error.exit_code)
    except (KeyboardInterrupt, BrokenPipeError):
        _leave("stopped", 130)
    except (typer.Exit, typer.Abort, SystemExit):
        raise
    except Exception as error:
        if os.environ.get("ALPHALOOP_TRACEBACK"):
            traceback.print_exc()
        _leave(
            f"defect: {type(error).__name__}: {error}; this is ours, not yours: "
            "run again with ALPHALOOP_TRACEBACK=1 and report what it prints",
            1,
        )


def _leave(sentence: str, code: int) -> NoReturn:
    note(" ".join(sentence.split()))
    raise typer.Exit(code) from None


@contextmanager
def progress_bar(as_json: bool = False) -> Iterator[Progress]:
    """Yield a `Progress` that draws bars on standard error once the work has taken two seconds; silent for machines."""
    if as_json or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = RichProgress(*columns, console=Console(stderr=True), transient=True)
    began = stopwatch()
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stopwatch() - began < BAR_AFTER_S:
            return
        if not tasks:
            bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total or None)
        bars.update(tasks[stage], completed=done, total=total or None)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()
