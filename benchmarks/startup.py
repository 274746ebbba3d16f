"""Import and start-up time: ``import alphaloop`` below 0.3 s, ``alphaloop --help`` below 0.5 s, beside their floors."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from measure import quick, spread, target, write_result

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import numpy": [sys.executable, "-c", "import numpy"],
    "import typer": [sys.executable, "-c", "import typer"],
    "import alphaloop": [sys.executable, "-c", "import alphaloop"],
    "alphaloop --help": [str(Path(sys.executable).parent / "alphaloop"), "--help"],
}
TARGETS_S = {"import alphaloop": 0.3, "alphaloop --help": 0.5}


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    rounds = 3 if quick() else 15
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    found = {name: spread(values) for name, values in taken.items()}
    targets = [target(f"{name}, seconds", found[name]["median"], below=limit) for name, limit in TARGETS_S.items()]
    write_result("startup", {"rounds": rounds, "seconds": found, "targets": targets})


if __name__ == "__main__":
    main()
