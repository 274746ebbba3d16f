"""Write ``docs/reference/pumpfun-features.md``: ``python -m alphaloop.markets.pumpfun.describe``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from alphaloop.core.files import write_text
from alphaloop.markets.pumpfun.signals.catalogue import GENESIS, SIGNAL, EventFeatureSet

PAGE = Path("docs/reference/pumpfun-features.md")

INTRODUCTION = """# The Pump.fun feature sets

Generated from `alphaloop.markets.pumpfun.signals.catalogue` by `make reference`.

Both are features of events: they are read from books that have been fed with every event known by then, and with none
that came later. `alphaloop audit pumpfun-signal --data RECORDING` tries to prove the contrary.

- `share` is from 0 to 1, also where a name says `pct`; `sol` is lamports / 1e9, without fees; `flag` is 0 or 1.
- Windows are half-open `(t - w, t]` in known time.
- A missing value is NaN in a vector, `null` in a message, and is never filled. The last column says what it means.
- Models are bound to names, order, units and meanings by the hash of a set.
"""


def page() -> str:
    """Return the whole reference page as Markdown."""
    signal = "68 features of a tracked wallet's buy, read right after it."
    genesis = (
        "75 features of a launch, read 60 s after its creation was known. The window is `[created, created + 60 s)`; "
        "the early check after 30 s reads the same features of what is over by then."
    )
    return "\n".join([INTRODUCTION, *_set(SIGNAL, signal), *_set(GENESIS, genesis)])


def _set(features: EventFeatureSet, meaning: str) -> Iterator[str]:
    yield f"## {features.name}\n"
    yield f"{meaning} Version {features.version}, hash `{features.hash[:16]}...`.\n"
    for family, members in groupby(features.features, lambda feature: feature.family):
        yield f"### {family.replace('_', ' ')}\n"
        yield "| name | unit | source | missing means |"
        yield "| --- | --- | --- | --- |"
        yield from (f"| `{one.name}` | {one.unit} | {one.source} | {one.missing} |" for one in members)
        yield ""


def main() -> None:
    """Write the page."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
