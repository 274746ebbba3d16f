"""``alphaloop audit``: try to prove that a function, feature set or label reads the future."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alphaloop.cli import output
from alphaloop.core.errors import InputError, RefusedError

Subject = Annotated[
    str,
    typer.Argument(
        metavar="NAME_OR_FILE.py:OBJECT", help="A feature set's name, or a function, set or label in a file."
    ),
]
DataFile = Annotated[
    Path | None,
    typer.Option("--data", help="Parquet, CSV (also gzip) or Feather file, or a recording of events, to audit on."),
]


def audit(
    subject: Subject = "",
    data: DataFile = None,
    target: Annotated[str | None, typer.Option(help="Column of the file that is to be predicted.")] = None,
    seconds: Annotated[float, typer.Option(min=1.0, help="Budget of time; the notes say what did not fit.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the changed futures.")] = 0,
    certificate: Annotated[Path | None, typer.Option(help="Write the certificate to this file.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of times without one, such as UTC.")] = None,
    stamp: Annotated[str, typer.Option(help="Whether time stamps name the 'open' or the 'close' of a bar.")] = "open",
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Run the planted leaks and clean look-alikes that come with alphaloop.")
    ] = False,
    as_json: output.JsonFlag = False,
) -> None:
    """Change the future of a table, or of recorded events, in many ways and look for a changed past.

    SUBJECT is the name of a feature set, FILE.py (its expressions), or FILE.py:OBJECT where OBJECT is a function of one
    polars or pandas data frame, a feature set or a label. Features of events are audited on a recording.

    Exit code 0: clean; 3: findings; 2: bad input.
    """
    with output.exit_codes(), output.progress_bar(as_json) as progress:
        if stamp not in ("open", "close"):
            raise InputError(f"--stamp is {stamp!r}; write open or close")
        if self_test:
            from alphaloop.audit.planted.suite import run as run_suite

            table = run_suite(progress)
            output.emit(table, as_json, _show_suite)
            raise typer.Exit(0 if table["passed"] else 1)
        if not subject or data is None:
            raise InputError(
                "name what to audit and the file to audit it on: alphaloop audit FILE.py:OBJECT --data FILE"
            )
        from alphaloop.markets.event_sets import audit_event_set, named_event_sets

        if subject in named_event_sets():
            result = audit_event_set(subject, data, seconds=seconds, seed=seed, progress=progress)
        else:
            from alphaloop.audit.desk import audit_named
            from alphaloop.markets.catalog import feature_set

            result = audit_named(
                subject,
                data,
                named_set=feature_set,
                target=target,
                seconds=seconds,
                seed=seed,
                timezone=timezone,
                stamp=stamp,
                progress=progress,
            )
        if certificate is not None:
            from alphaloop.audit.certificate import write_certificate

            write_certificate(result.certificate, certificate)
        output.emit(result.to_dict(), as_json, _show)
        raise typer.Exit(0 if result.clean else RefusedError.exit_code)


def _show(result: Mapping[str, Any]) -> None:
    verdict = "clean" if result["clean"] else f"{len(result['findings'])} finding(s)"
    output.say(f"{result['subject']}: {verdict}{' ' if result['coverage'] else ''}{result['coverage']}")
    for finding in result["findings"]:
        when = f" ({finding['first_time']})" if finding["first_time"] else ""
        output.say(f"  {finding['column']}: {finding['kind']}, first at row {finding['first_row']}{when}")
        output.say(f"    {finding['evidence']}")
    tried = ", ".join(f"{name} {count}" for name, count in sorted(result["checks"].items()))
    output.say(f"checked in {result['seconds']:.1f} s: {tried}")
    for line in result["notes"]:
        output.say(f"note: {line}")


def _show_suite(table: Mapping[str, Any]) -> None:
    for row in table["cases"]:
        mark = "ok    " if row["passed"] else "MISSED" if row["leak"] else "FALSE "
        output.say(f"{mark} {'leak ' if row['leak'] else 'clean'} {row['name']:<44} {row['said']}")
    output.say(
        f"{table['found']} of {table['leaks']} leaks found, {table['false']} of {table['clean']} clean ones reported"
    )
