"""What a stated probability is held to, and probabilities that are known to be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alphaloop.markets.catalog import find_recipe, recipe_kind
from alphaloop.markets.pumpfun.learning.calibration import Above, above_levels
from alphaloop.markets.pumpfun.learning.dataset import read_rows
from alphaloop.markets.pumpfun.learning.split import split_signals
from alphaloop.markets.pumpfun.learning.stored import open_stored
from alphaloop.training.recipe import load_recipe

Probabilities = NDArray[np.float64]


def bent(p: Probabilities, slope: float) -> Probabilities:
    """Log odds times `slope`, with the mean probability left as it was: too sure above 1, not sure enough below."""
    p = np.clip(p, 1e-6, 1.0 - 1e-6)
    odds = slope * np.log(p / (1.0 - p))
    low, high = -50.0, 50.0
    for _ in range(60):
        shift = (low + high) / 2.0
        low, high = (shift, high) if _sigmoid(odds + shift).mean() < p.mean() else (low, shift)
    return _sigmoid(odds + shift)


def levels_of(name: str, data: Path | str, p: Probabilities) -> tuple[Above, ...]:
    """What came above each level if `p` were what the model of that name had said of its test signals."""
    recipe = load_recipe(find_recipe(name), [], recipe_kind)
    with open_stored(str(data)) as stored:
        rows = read_rows(stored, recipe)
    split = split_signals(rows.dataset, recipe.split.fractions, recipe.split.embargo_s)
    return above_levels(rows.dataset.take(split.test), p, rows.creator[split.test], recipe.seed)


def holds(above: tuple[Above, ...]) -> bool:
    """Whether what was promised came, at every level that is stated but one: of seven, one may miss a 95 % interval."""
    return sum(each.kept for each in above) >= max(len(above) - 1, 1)


def _sigmoid(odds: Probabilities) -> Probabilities:
    return np.asarray(1.0 / (1.0 + np.exp(-odds)), np.float64)
