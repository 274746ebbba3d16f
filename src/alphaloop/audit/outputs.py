"""What a function returned, as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.spelling import NOTHING, text

Array = NDArray[Any]


class UnreadableOutputError(TypeError):
    """The function returned something that is no table."""


@dataclass(frozen=True)
class Output:
    """Columns of one length; numbers stay numbers, times become nanoseconds, anything else becomes text.

    `index` is the pandas index where it means something (None for the default one), in the same spelling.
    """

    columns: dict[str, Array]
    length: int
    index: Array | None = None
    default_index: bool = True


def read_output(returned: Any, given: Any) -> Output:
    """Take apart what a function returned; `given` is the frame it got (and may have changed in place).

    Raises
    ------
    UnreadableOutputError
        If it is not a frame, a series, an array, a mapping of arrays, or a tuple of those.
    """
    if returned is None:
        returned = given
    module = type(returned).__module__.partition(".")[0]
    if module == "polars":
        return _from_polars(returned)
    if module == "pandas":
        return _from_pandas(returned)
    if module == "pyarrow":
        import polars as pl

        return _from_polars(pl.from_arrow(returned))
    if isinstance(returned, np.ndarray):
        return _from_numpy(returned)
    if isinstance(returned, Mapping) and returned:
        return _joined({str(name): read_output(part, None) for name, part in returned.items()})
    if isinstance(returned, tuple) and returned and not all(isinstance(part, int | float) for part in returned):
        parts = [part for part in returned if type(part).__module__.partition(".")[0] in ("polars", "pandas", "numpy")]
        if parts:
            return _joined({f"{at}" if len(parts) > 1 else "": read_output(p, None) for at, p in enumerate(parts)})
    if isinstance(returned, list) and returned:
        return _from_numpy(np.array([np.nan if value is None else value for value in returned]))
    raise UnreadableOutputError(f"returned {type(returned).__name__}, not a data frame, a series or an array")


def _joined(parts: dict[str, Output]) -> Output:
    columns: dict[str, Array] = {}
    for prefix, part in parts.items():
        for name, values in part.columns.items():
            label = (
                prefix if part.columns.keys() == {"value"} and prefix else name if not prefix else f"{prefix}.{name}"
            )
            columns[label] = values
    lengths = {part.length for part in parts.values()}
    if len(lengths) != 1:
        raise UnreadableOutputError(f"returned parts of different lengths ({', '.join(map(str, sorted(lengths)))})")
    first = next(iter(parts.values()))
    return Output(columns, lengths.pop(), first.index, first.default_index)


def _from_polars(returned: Any) -> Output:
    import polars as pl

    if isinstance(returned, pl.LazyFrame):
        returned = returned.collect()
    if isinstance(returned, pl.Series):
        returned = returned.to_frame(returned.name or "value")
    if not isinstance(returned, pl.DataFrame):
        raise UnreadableOutputError(f"returned polars.{type(returned).__name__}, not a data frame or a series")
    return Output({name: _polars_column(returned[name]) for name in returned.columns}, returned.height)


def _polars_column(column: Any) -> Array:
    import polars as pl

    kind = column.dtype
    if kind == pl.Boolean or kind.is_numeric():
        if kind.is_decimal():
            column = column.cast(pl.Float64)
        if column.null_count():
            column = column.cast(pl.Float64) if kind == pl.Boolean or kind.is_integer() else column.fill_null(np.nan)
        return np.asarray(column.to_numpy())
    if kind in (pl.Date, pl.Datetime, pl.Duration):
        wide = column.cast(pl.Datetime("ns")) if kind == pl.Date else column.dt.cast_time_unit("ns")
        return np.asarray(wide.to_physical().fill_null(np.iinfo(np.int64).min).to_numpy())
    if kind == pl.String:
        return np.asarray(column.fill_null(NOTHING).to_numpy()).astype(np.str_)
    return text(column.to_list())


def _from_pandas(returned: Any) -> Output:
    import pandas as pd

    if isinstance(returned, pd.Series):
        returned = returned.to_frame("value" if returned.name is None else returned.name)
    if not isinstance(returned, pd.DataFrame):
        raise UnreadableOutputError(f"returned pandas.{type(returned).__name__}, not a data frame or a series")
    index = returned.index
    default = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
    columns: dict[str, Array] = {}
    if index.nlevels > 1 or index.name is not None:
        for level in range(index.nlevels):
            columns[str(index.names[level] or f"level_{level}")] = _pandas_column(index.get_level_values(level))
    for at, label in enumerate(returned.columns):
        name = ".".join(map(str, label)) if returned.columns.nlevels > 1 else str(label)
        while name in columns and name not in map(str, index.names):
            name += "'"
        columns[name] = _pandas_column(returned.iloc[:, at])
    keys = None if index.nlevels > 1 else _pandas_column(index)
    return Output(columns, len(returned), keys, default)


def _pandas_column(column: Any) -> Array:
    import pandas as pd

    kind = column.dtype
    if isinstance(kind, pd.DatetimeTZDtype) or getattr(kind, "kind", "O") == "M":
        bare = (
            column.dt.tz_convert("UTC").dt.tz_localize(None)
            if isinstance(column, pd.Series) and getattr(kind, "tz", None) is not None
            else column.tz_convert("UTC").tz_localize(None)
            if getattr(kind, "tz", None) is not None
            else column
        )
        return np.asarray(bare.to_numpy().astype("datetime64[ns]").astype(np.int64))
    if getattr(kind, "kind", "O") == "m":
        return np.asarray(column.to_numpy().astype("timedelta64[ns]").astype(np.int64))
    if not isinstance(kind, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(kind):
        if isinstance(kind, np.dtype):
            return np.asarray(column.to_numpy())
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    return text(list(column))


def _from_numpy(array: Array) -> Output:
    if array.dtype.names:
        return Output({name: _numpy_column(array[name]) for name in array.dtype.names}, len(array))
    if array.ndim == 0 or array.ndim > 2:
        raise UnreadableOutputError(f"returned an array of {array.ndim} dimensions; one row per input row is needed")
    if array.ndim == 1:
        return Output({"value": _numpy_column(array)}, len(array))
    return Output({f"column_{at}": _numpy_column(array[:, at]) for at in range(array.shape[1])}, len(array))


def _numpy_column(array: Array) -> Array:
    if array.dtype.kind in "fiub":
        return array.astype(np.float32) if array.dtype.itemsize == 2 and array.dtype.kind == "f" else array
    if array.dtype.kind in "Mm":
        unit = "datetime64[ns]" if array.dtype.kind == "M" else "timedelta64[ns]"
        return np.asarray(array.astype(unit).astype(np.int64))
    if array.dtype.kind == "c":
        return text(list(array))
    return text(array.tolist())
