"""The command line as scripts use it: a process, its exit code, one JSON object on standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PATIENCE_S = 600


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Command = Callable[..., Answer]


@pytest.fixture(scope="session")
def alphaloop() -> Command:
    """Run ``alphaloop ARGUMENTS`` in a folder, with warnings as errors only where they are ours to mend."""

    def run(*arguments: object, cwd: Path | None = None) -> Answer:
        command = [str(Path(sys.executable).parent / "alphaloop"), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S, env=os.environ | {"NO_COLOR": "1"}
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run
