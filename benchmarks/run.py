"""Run every benchmark of this folder, one after the other, each in a process of its own; arguments are passed on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"run.py", "measure.py", "live_stage.py"}


def main() -> int:
    failed = []
    for script in sorted(path for path in HERE.glob("*.py") if path.name not in NOT_BENCHMARKS):
        print(f"== {script.stem}", flush=True)
        if subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=False).returncode:
            failed.append(script.stem)
    if failed:
        print(f"did not finish: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
