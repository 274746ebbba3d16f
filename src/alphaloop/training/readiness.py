"""Whether the rows of a split can be learned from and scored."""

from __future__ import annotations

import numpy as np

from alphaloop.core.errors import DataError
from alphaloop.dataset.table import Dataset

LEAST_ROWS = {"train": 200, "validation": 50, "calibration": 20, "test": 50}


def check_parts(rows: dict[str, Dataset]) -> list[int]:
    """Refuse parts that cannot be learned from or scored; returns the features that have no value in training rows."""
    for name, part in rows.items():
        counts = part.class_counts()
        if len(part) < LEAST_ROWS[name] or min(counts.values()) == 0:
            found = ", ".join(f"{label}: {count}" for label, count in counts.items())
            raise DataError(
                f"the {name} split has {len(part)} rows ({found}), but needs {LEAST_ROWS[name]} and one of each class; "
                "bring more data, change split.fractions or choose another label"
            )
    X = rows["train"].X
    empty = [int(index) for index in np.flatnonzero(np.isnan(X[0])) if np.isnan(X[:, index]).all()]
    if len(empty) == X.shape[1]:
        raise DataError(f"all {X.shape[1]} features are missing in all {len(X)} training rows; check the feature set")
    return empty
