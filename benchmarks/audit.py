"""The audit of the 59 bars features on 100,000 bars, and how much was tried in that time.

``python benchmarks/audit.py [--quick]``. Beside the wall clock stand the seconds
of processor that the audit and its workers took, and the number of runs whose past was compared.
"""

from __future__ import annotations

import resource
import time

from alphaloop.audit import audit_feature_set
from alphaloop.data.synthetic import synthetic_bars
from alphaloop.markets.bars.features import BARS
from measure import quick, target, write_result

BARS_COUNT = 5_000 if quick() else 100_000
BUDGET_S = 10.0 if quick() else 55.0
LIMIT_S = 60.0


def processor_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    bars = synthetic_bars(BARS_COUNT, symbols=("SYN-A",), seed=1)
    BARS.compute(bars.frame.head(1_000))
    worked, began = processor_s(), time.perf_counter()
    result = audit_feature_set(BARS, bars, seconds=BUDGET_S)
    seconds = time.perf_counter() - began
    found = {
        "bars": bars.frame.height,
        "features": len(BARS),
        "seconds": round(seconds, 2),
        "processor_seconds": round(processor_s() - worked, 2),
        "clean": result.clean,
        "runs_compared": sum(result.checks.values()),
        "checks": result.checks,
        "notes": list(result.notes),
        "targets": [target("audit of 59 features on 100,000 bars, seconds", round(seconds, 2), below=LIMIT_S)],
    }
    write_result("audit", found)


if __name__ == "__main__":
    main()
