"""Which programs a recording follows: one may be added, none may be dropped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from alphaloop.core.errors import InputError, StateError
from alphaloop.core.files import write_text
from alphaloop.markets.pumpfun.wire.layouts import AMM_PROGRAM

FILE = "programs.json"


def keep_programs(folder: Path, programs: Sequence[str]) -> None:
    """Write down what the recording in `folder` follows from now on.

    A pool that is not followed any more is silent, like one whose coin is dead, and what is followed under it would be
    labelled so. One that is followed from now on gives itself away: see `alphaloop.markets.pumpfun.outcomes.peaks`.

    Raises
    ------
    InputError
        If a program was followed until now and is not any more.
    StateError
        If the file cannot be understood.
    """
    path = folder / FILE
    known = _read(path) if path.is_file() else []
    dropped = next((program for program in known if program not in programs), None)
    if dropped is not None:
        option = "--pumpswap" if dropped == AMM_PROGRAM else f"{dropped} among stream.programs"
        raise InputError(
            f"{folder} follows the program {dropped} and without it its coins would look dead; "
            f"give {option} again, or another folder"
        )
    if known != list(programs):
        write_text(path, json.dumps(list(programs)) + "\n")


def _read(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise StateError(f"{path}: the list of programs cannot be read; remove it if all of them are still followed")
    return [str(program) for program in found]
