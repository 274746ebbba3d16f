"""Parts in the order of time that share no token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alphaloop.dataset.intervals import require_rows
from alphaloop.dataset.parts import ADVICE, Split, chronological
from alphaloop.dataset.table import Dataset

Rows = NDArray[np.int64]


def split_signals(dataset: Dataset, fractions: Sequence[float], embargo_s: float = 0.0) -> Split:
    """Cut signals by decision time, purge them by label interval, and let no token be in two parts.

    Signals of one token share its fate: whoever has learned from the first knows the second. Where a token has signals
    in two parts, the later part keeps its own and the earlier part gives way, as it does with intervals: so the test is
    the market as it came, old tokens included, and does not depend on what was learned from before it.

    Raises
    ------
    DataError
        If a part has no row.
    """
    split = chronological(dataset.decided_ns, dataset.resolved_ns, fractions, embargo_s)
    parts = split.parts()
    later: Rows = np.zeros(0, np.int64)
    kept: dict[str, Rows] = {}
    for name in reversed(parts):
        rows = parts[name]
        kept[name] = rows[~np.isin(dataset.symbol[rows], dataset.symbol[later])]
        later = np.concatenate([later, kept[name]])
    require_rows(kept, ADVICE)
    return Split(**kept, purged=np.setdiff1d(np.arange(len(dataset)), later))


def unseen_creators(creators: Sequence[str], split: Split) -> Rows:
    """Rows of the test whose creator is known and made no token of any other part."""
    learned = np.concatenate([split.train, split.validation, split.calibration])
    seen = {creators[place] for place in learned.tolist()} | {""}
    return np.array([place for place in split.test.tolist() if creators[place] not in seen], np.int64)
