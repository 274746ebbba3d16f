"""The leak premium: how much better a model looks when its training rows may know the test.

The same test rows are scored by the same kind of model, trained once on rows that were over before the test began and
once on rows that a careless split would let in. The difference is what purge and time order are worth on this data; it
is not an edge. How to train and score is the caller's: this module only chooses rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.progress import Progress, silent
from alphaloop.core.random import stream
from alphaloop.dataset.intervals import Rows, Times, check_intervals, purge, require_rows

HELD_OUT_SHARE = 1 / 3
ADVICE = "give more data or another test period"

Score = Callable[[Rows, Rows], float]


@dataclass(frozen=True)
class Variant:
    """One way to choose training rows for a test.

    Attributes
    ----------
    name, description : str
        What it is, for the report.
    reference : str
        Name of the honest variant of the same test rows; its own name if it is that.
    train, test : int64 arrays
        Rows, ascending.
    """

    name: str
    description: str
    reference: str
    train: Rows
    test: Rows


@dataclass(frozen=True)
class Premium:
    """What a variant scored, and by how much that flatters."""

    name: str
    description: str
    reference: str
    train_rows: int
    test_rows: int
    value: float
    premium: float

    def to_dict(self) -> dict[str, str | int | float]:
        """Plain data for the report."""
        return dict(self.__dict__)


def time_variants(
    decided_ns: Times, resolved_ns: Times, test: Rows, embargo_s: float = 0.0, seed: int = 0
) -> tuple[Variant, ...]:
    """Training rows for a test period: honest, without purge, and drawn at random.

    Parameters
    ----------
    decided_ns, resolved_ns : int64 arrays of shape (n,)
        Label intervals ``(decided_ns, resolved_ns]`` of all rows.
    test : int64 array
        Rows of the test period, the last of the data. Half of them, drawn at random, are scored by every variant; the
        other half are what a shuffled split would have put among the training rows.
    embargo_s : float, default 0
        Embargo of the honest variant.
    seed : int
        Seed of both draws.

    Returns
    -------
    tuple of Variant
        "honest" (before the test, purged), "no purge" (before the test) and "random rows" (as many as the honest, from
        all that are not scored).

    Raises
    ------
    DataError
        If no row is left to train or test on.
    """
    check_intervals(decided_ns, resolved_ns)
    scored = _sample(test, len(test) // 2, stream(seed, "premium", "scored"))
    require_rows({"scored": scored}, ADVICE)
    history = np.flatnonzero(decided_ns < decided_ns[test].min())
    honest = purge(history, test, decided_ns, resolved_ns, embargo_s)
    require_rows({"honest": honest, "scored": scored}, ADVICE)
    anywhere = np.setdiff1d(np.arange(len(decided_ns)), scored)
    shuffled = _sample(anywhere, len(honest), stream(seed, "premium", "random"))
    return (
        Variant("honest", "rows before the test whose labels were over by then", "honest", honest, scored),
        Variant("no purge", "all rows before the test, labels reaching into it included", "honest", history, scored),
        Variant("random rows", "a shuffled split: rows between the test rows", "honest", shuffled, scored),
    )


def symbol_variants(
    decided_ns: Times,
    resolved_ns: Times,
    symbol: NDArray[np.int32],
    test: Rows,
    held_out: Sequence[int] | None = None,
    embargo_s: float = 0.0,
    seed: int = 0,
) -> tuple[Variant, ...]:
    """Training rows for symbols that are never trained on: from before the test period, and from the same weeks.

    Parameters
    ----------
    decided_ns, resolved_ns, symbol : arrays of shape (n,)
        Label intervals and symbol codes of all rows.
    test : int64 array
        Rows of the test period of all symbols.
    held_out : sequence of int, optional
        Codes of the unseen symbols; a third of those in the test, drawn at random, if left out.
    embargo_s, seed
        As for `time_variants`.

    Returns
    -------
    tuple of Variant
        "unseen symbols, earlier weeks" and "unseen symbols, same weeks", with equally many training rows; empty if the
        test has a single symbol.

    Raises
    ------
    DataError
        If no row is left to train or test on.
    """
    check_intervals(decided_ns, resolved_ns)
    present = np.unique(symbol[test])
    if len(present) < 2:
        return ()
    if held_out is None:
        number = max(1, round(HELD_OUT_SHARE * len(present)))
        held_out = stream(seed, "premium", "symbols").choice(present, number, replace=False).tolist()
    unseen = np.isin(symbol, held_out)
    scored = test[unseen[test]]
    require_rows({"scored": scored}, ADVICE)
    begins = decided_ns[test].min()
    earlier = purge(np.flatnonzero(~unseen & (decided_ns < begins)), scored, decided_ns, resolved_ns, embargo_s)
    same = np.flatnonzero(~unseen & (decided_ns >= begins) & (decided_ns <= decided_ns[scored].max()))
    require_rows({"earlier weeks": earlier, "same weeks": same, "scored": scored}, ADVICE)
    drawn = stream(seed, "premium", "weeks")
    same = _sample(same, min(len(same), len(earlier)), drawn)
    mixed = np.sort(np.concatenate([same, _sample(earlier, len(earlier) - len(same), drawn)]))
    names = "unseen symbols, earlier weeks", "unseen symbols, same weeks"
    return (
        Variant(names[0], "other symbols, before the test", names[0], earlier, scored),
        Variant(names[1], "other symbols, as many rows, those of the test weeks among them", names[0], mixed, scored),
    )


def leak_premium(variants: Sequence[Variant], score: Score, progress: Progress = silent) -> tuple[Premium, ...]:
    """Score every variant.

    Parameters
    ----------
    variants : sequence of Variant
        Each reference before those that refer to it.
    score : callable
        Given training rows and test rows, trains from nothing and returns the score of the test rows, higher is better.
    progress : Progress
        Told after each variant.

    Returns
    -------
    tuple of Premium
        In the order of `variants`; the premium is the value less that of the reference, 0 for the reference itself.
    """
    values: dict[str, float] = {}
    found = []
    for done, variant in enumerate(variants, start=1):
        value = values[variant.name] = float(score(variant.train, variant.test))
        sizes = len(variant.train), len(variant.test)
        premium = value - values[variant.reference]
        found.append(Premium(variant.name, variant.description, variant.reference, *sizes, value, premium))
        progress("leak premium", done, len(variants))
    return tuple(found)


def _sample(rows: Rows, number: int, random: np.random.Generator) -> Rows:
    return np.sort(random.choice(rows, number, replace=False))
