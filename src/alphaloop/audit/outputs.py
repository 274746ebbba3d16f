"""What a function returned, as plain arrays, and which row of its input each row of it speaks of."""
# functions return whatever they like

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.audit.tables import Table

Array = NDArray[Any]
NOTHING = "\x00missing"
DAY_NS = 86_400 * 10**9


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


def text(values: list[Any]) -> Array:
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


@dataclass(frozen=True)
class Aligned:
    """Columns beside the input row (or key) that each output row speaks of.

    Attributes
    ----------
    ids : int64 (m,)
        Row of the unchanged input; negative for a key that the input does not have.
    stamps : int64 (m,)
        When that row is known, UTC nanoseconds.
    how : str
        ``position``, ``keys``, ``index``, ``values``, ``offset``, ``tail`` or ``sequence``.
    """

    columns: dict[str, Array]
    ids: NDArray[np.int64]
    stamps: NDArray[np.int64]
    how: str


def align(output: Output, given: Table, rows: NDArray[np.int64], sequence: str | None, offset: int) -> Aligned:
    """Find the input row of each output row.

    Parameters
    ----------
    output : Output
    given : Table
        What the function got.
    rows : int64 (n,)
        The row of the unchanged table that each row of `given` stands for.
    sequence, offset
        How to read an output without any key, once trials have shown it: ``offset`` (its first row is input row
        `offset`), ``tail`` (its last row is the last input row) or ``sequence`` (its rows come in order, of which input
        rows is not known).
    """
    n, m = len(given), output.length
    if m == n and _in_step(output, given):
        places = _by_index(output, given) if not output.default_index else None
        places = np.arange(n) if places is None else places
        return Aligned(output.columns, rows[places], given.known[places], "position")
    keys = _keys(output, given)
    if keys is not None and len(np.unique(keys)) == m:
        return _by_keys(output, given, rows, keys)
    if m == n:
        return Aligned(output.columns, rows, given.known, "position")
    places = _by_index(output, given)
    if places is not None:
        return Aligned(output.columns, rows[places], given.known[places], "index")
    places = _by_values(output, given)
    if places is not None:
        return Aligned(output.columns, rows[places], given.known[places], "values")
    return _without_key(output, given, rows, sequence, offset)


def _without_key(output: Output, given: Table, rows: NDArray[np.int64], sequence: str | None, offset: int) -> Aligned:
    n, m = len(given), output.length
    places = np.arange(m)
    if sequence == "offset":
        places = places + offset
    elif sequence == "tail":
        places = places + (n - m)
    inside = (places >= 0) & (places < n)
    if sequence in ("offset", "tail") and inside.all():
        return Aligned(output.columns, rows[places], given.known[places], sequence)
    ids = np.arange(m, dtype=np.int64)
    return Aligned(output.columns, ids, ids.copy(), "sequence")


def _keys(output: Output, given: Table) -> NDArray[np.int64] | None:
    """One number for the (symbol, stamp) of each output row, None where the output does not carry them."""
    time = given.roles.time
    if time is None or time not in output.columns:
        return None
    stamps = output.columns[time]
    if stamps.dtype.kind not in "iuU":
        return None
    names = _names(output, given)
    if names is None:
        return None
    return _hashed(stamps, names if len(names) else None)


def _names(output: Output, given: Table) -> Array | None:
    """Symbols of the output's rows; empty where there is only one, None where there are several and it does not say."""
    symbol = given.roles.symbol
    if symbol is None or not len(given) or (given.codes == given.codes[0]).all():
        return np.empty(0, np.str_)
    return output.columns.get(symbol)


def _in_step(output: Output, given: Table) -> bool:
    """Whether each row of the output carries the stamp and symbol of the input row at its place, or none at all."""
    time = given.roles.time
    if time is None or time not in output.columns:
        return True
    if not np.array_equal(output.columns[time], given.columns[time].spelled()):
        return False
    names = _names(output, given)
    return names is None or not len(names) or np.array_equal(names.astype(np.str_), given.names.astype(np.str_))


def _input_keys(given: Table) -> NDArray[np.int64]:
    roles = given.roles
    assert roles.time is not None
    several = len(given.names) > 0 and not (given.codes == given.codes[0]).all()
    return _hashed(_input_column(given, roles.time), given.names if several else None)


def _input_column(given: Table, name: str) -> Array:
    return given.columns[name].spelled()


def _hashed(stamps: Array, names: Array | None) -> NDArray[np.int64]:
    if stamps.dtype.kind == "U":
        stamps = _codes(stamps)
    keys = stamps.astype(np.int64)
    if names is not None:
        keys = keys ^ _codes(names.astype(np.str_))
    return keys


def _codes(words: Array) -> NDArray[np.int64]:
    unique, inverse = np.unique(words, return_inverse=True)
    digests = [hashlib.blake2b(str(w).encode(), digest_size=8).digest() for w in unique]
    return np.array([int.from_bytes(d, "little", signed=True) for d in digests], np.int64)[inverse.reshape(-1)]


def _by_keys(output: Output, given: Table, rows: NDArray[np.int64], keys: NDArray[np.int64]) -> Aligned:
    own = _input_keys(given)
    # Several input rows may share a key (a correction of an earlier row): the first one known stands for it.
    order = np.lexsort((given.known, own))
    own_sorted = own[order]
    at = np.searchsorted(own_sorted, keys)
    at_safe = np.minimum(at, len(own_sorted) - 1)
    found = own_sorted[at_safe] == keys
    places = order[at_safe]
    ids = np.where(found, rows[places], -1 - (keys & np.int64(2**62 - 1)))
    lag = int(np.median(given.known - given.time)) if len(given) else 0
    assert given.roles.time is not None
    stamps = output.columns[given.roles.time]
    outside = (
        _stamp_ns(stamps, given) + lag if stamps.dtype.kind in "iu" else np.full(len(keys), np.iinfo(np.int64).max)
    )
    return Aligned(output.columns, ids, np.where(found, given.known[places], outside), "keys")


def _stamp_ns(stamps: Array, given: Table) -> NDArray[np.int64]:
    """Stamps of the output in nanoseconds, through the scale on which the input's own column is."""
    assert given.roles.time is not None
    own = _input_column(given, given.roles.time)
    if own.dtype.kind not in "iu" or not len(own):
        return stamps.astype(np.int64)
    scale = 1
    while scale < 10**9 and abs(int(own[0])) * scale * 10 <= abs(int(given.time[0])):
        scale *= 10
    return stamps.astype(np.int64) * scale


def _by_index(output: Output, given: Table) -> NDArray[np.int64] | None:
    if output.index is None or output.default_index or output.index.dtype.kind not in "iu":
        return None
    if len(np.unique(output.index)) != output.length:
        return None
    index = output.index.astype(np.int64)
    if index.min(initial=0) >= 0 and index.max(initial=-1) < len(given):
        return index
    return None


def _by_values(output: Output, given: Table) -> NDArray[np.int64] | None:
    """Input columns that the output passes through say which stretch of the input it is."""
    shared = [name for name in output.columns if name in given.columns and name in given.measures()]
    n, m = len(given), output.length
    if not shared or m > n or not m:
        return None
    offsets = np.arange(n - m + 1)
    for name in shared:
        mine, theirs = output.columns[name], given.numbers(name)
        if mine.dtype.kind not in "fiub":
            return None
        mine = mine.astype(np.float64)
        for probe in (0, m - 1, m // 2, m // 3):
            same = (theirs[offsets + probe] == mine[probe]) | (
                np.isnan(theirs[offsets + probe]) & np.isnan(mine[probe])
            )
            offsets = offsets[same]
        offsets = np.array(
            [o for o in offsets[:50] if np.array_equal(theirs[o : o + m], mine, equal_nan=True)], np.int64
        )
    return offsets[0] + np.arange(m) if len(offsets) == 1 else None
