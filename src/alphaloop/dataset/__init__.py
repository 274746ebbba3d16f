"""Datasets: features joined to labels at decision times, and splits in which no training label meets a test label."""

from alphaloop.dataset.splits import Fold, Split, by_symbol, chronological, combinatorial_purged, walk_forward
from alphaloop.dataset.table import Dataset, join

__all__ = [
    "Dataset",
    "Fold",
    "Split",
    "by_symbol",
    "chronological",
    "combinatorial_purged",
    "join",
    "walk_forward",
]
