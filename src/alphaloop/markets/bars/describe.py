"""Write ``docs/reference/features.md`` from the feature set itself: ``python -m alphaloop.markets.bars.describe``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from alphaloop.core.files import write_text
from alphaloop.features import Expr, Feature
from alphaloop.markets.bars.features import BARS, CONTEXT
from alphaloop.markets.bars.indicators import PARTS

PAGE = Path("docs/reference/features.md")
STEPS = {"1m": 60, "15m": 900}

INTRODUCTION = f"""# The bars feature set

Generated from `alphaloop.markets.bars.features` by `make reference`.

`bars` is {len(BARS)} features of a bar of open, high, low, close and volume. Each is known when the bar closes and
computed from that bar and earlier ones of the same symbol. Each is a ratio, a log return or bounded: none is in price
units, none reads an account or a calendar. Models are bound to names, order, units and formulas by the hash
`{BARS.hash[:16]}...`.

- Windows are rows (`20`) or time (`"1h"`, the half-open interval `(t - 1h, t]` of known time).
- `higher("4h", x)` is `x` over bars of four hours (UTC), closed ones only. Where the file's own step is as long or
  longer, it is `x` over the file's bars.
- NaN means not known: not warm yet, an input missing, a ratio whose denominator is zero (a flat window, a bar without
  height, a window without volume). Without a volume column the volume family is NaN and nothing else changes.
- Warm-up is the number of rows of a series that are NaN at its start, at most; of the whole set
  {", ".join(f"{BARS.warm_up(seconds):,} at {step}" for step, seconds in STEPS.items())}.
- Units: `ratio` has no unit, `share` is from 0 to 1, `sign` is -1, 0 or 1, `flag` is 0 or 1, `cycle` is from -1 to 1.
- On files of a day or longer per bar the session family is constant: every bar closes at the same hour.
"""


def page() -> str:
    """Return the whole reference page as Markdown."""
    return "\n".join([INTRODUCTION, *_families(), *_parts(), *_context()])


def _families() -> Iterator[str]:
    for family, members in groupby(BARS.features, lambda feature: feature.family):
        yield f"## {family}\n"
        yield from _table(list(members))


def _table(features: list[Feature]) -> Iterator[str]:
    warm_ups = " | ".join(f"warm-up at {step}" for step in STEPS)
    yield f"| name | family | unit | {warm_ups} | formula | meaning |"
    yield "| --- | --- | --- |" + " ---: |" * len(STEPS) + " --- | --- |"
    for feature in features:
        rows = " | ".join(f"{feature.warm_up(seconds):,}" for seconds in STEPS.values())
        head = f"`{feature.name}` | {feature.family} | {feature.unit} | {rows}"
        yield f"| {head} | `{_formula(feature.expr)}` | {feature.description} |"
    yield ""


def _formula(expr: Expr) -> str:
    text = repr(expr)
    for name, part in PARTS.items():
        text = text.replace(repr(part), name)
    return text.replace("|", "\\|")


def _parts() -> Iterator[str]:
    yield "## Parts of the formulas above\n"
    yield from (f"- `{name}` is `{part!r}`" for name, part in PARTS.items())
    yield ""


def _context() -> Iterator[str]:
    yield "## Context\n"
    yield f"`{CONTEXT.name}` is what labels and brackets scale by, in price units and never an input of a model.\n"
    yield from _table(list(CONTEXT.features))


def main() -> None:
    """Write the page."""
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
