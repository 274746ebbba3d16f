"""Splits by time, by folds and by symbol, all purged by label interval.

Every function takes the intervals of the rows, ``(decided_ns, resolved_ns]``, and returns positions, ascending. Rows
that are decided at the same time always stay on one side of a border: it never divides the symbols of one moment.
"""

from alphaloop.dataset.folds import Fold, combinatorial_purged, walk_forward
from alphaloop.dataset.intervals import meets, purge
from alphaloop.dataset.parts import FRACTIONS, PARTS, Split, by_symbol, chronological

__all__ = [
    "FRACTIONS",
    "PARTS",
    "Fold",
    "Split",
    "by_symbol",
    "chronological",
    "combinatorial_purged",
    "meets",
    "purge",
    "walk_forward",
]
