"""How values that are no numbers are written, so that they can be stored and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NOTHING = "\x00missing"


def text(values: list[Any]) -> NDArray[Any]:
    """Anything as text; numbers hidden in an object column stay numbers where all of them are."""
    filled = [None if _is_nothing(value) else value for value in values]
    if all(value is None or isinstance(value, int | float | np.number) for value in filled) and any(
        value is not None for value in filled
    ):
        return np.array([np.nan if value is None else float(value) for value in filled])
    return np.array([NOTHING if v is None else v if isinstance(v, str) else repr(v) for v in filled], dtype=np.str_)


def _is_nothing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value) or type(value).__name__ in ("NAType", "NaTType")
    except (TypeError, ValueError):
        return type(value).__name__ in ("NAType", "NaTType")
