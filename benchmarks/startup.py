"""Import and start-up time: ``import alphaloop`` below 0.3 s, ``alphaloop --help`` below 0.5 s, beside their floors."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from measure import write_result

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
    rounds = 3 if "--quick" in sys.argv else 15
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    medians = {name: round(statistics.median(values), 4) for name, values in taken.items()}
    targets = [
        {"what": name, "target": f"< {limit} s", "value": medians[name], "met": medians[name] < limit}
        for name, limit in TARGETS_S.items()
    ]
    write_result("startup", {"rounds": rounds, "median_s": medians, "targets": targets})


if __name__ == "__main__":
    main()
