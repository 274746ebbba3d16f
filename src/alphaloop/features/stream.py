"""Features of rows as they come: push a chunk, get its rows; save and restore at any row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from alphaloop.core.clock import iso
from alphaloop.core.errors import DataError, FeatureError, ModelCompatibilityError
from alphaloop.features.kernels.order import out_of_order
from alphaloop.features.runner import Runner
from alphaloop.features.sets import FeatureSet
from alphaloop.features.state import NEVER

MAGIC = b"alphaloop feature state\n"
LAYOUT = 1
"""Raised whenever a kernel lays out its state in another way."""

NO_SERIES = np.zeros(0, np.int64)


class FeatureStream:
    """A feature set with a memory.

    Rows may come in any chunks and with any number of symbols interleaved: the same rows give the same bits. Rows of
    one symbol must be strictly later from one to the next. Where the set looks at other symbols, a chunk is put in
    order of time with the referenced symbols first, and their rows must not come after rows of that or a later time.

    Parameters
    ----------
    features : FeatureSet
        What to compute.
    symbols : sequence of str
        The first series, with ids 0, 1, ...; further symbols get the next ids when they first appear.
    dtype : numpy.float32 or numpy.float64
        Type of the features; the computation is in float64 in either case.
    """

    def __init__(self, features: FeatureSet, symbols: Sequence[str] = (), dtype: DTypeLike = np.float32) -> None:
        self.features = features
        self.dtype = feature_dtype(dtype)
        names = list(dict.fromkeys([*symbols, *features.references]))
        self._ids = {symbol: i for i, symbol in enumerate(names)}
        self._runner = Runner(features.program, len(names))
        self._references = [self._ids[symbol] for symbol in features.references]
        self._runner.refer(self._references)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the series, in the order of their ids."""
        return tuple(self._ids)

    def push(
        self,
        columns: Mapping[str, ArrayLike],
        known_ns: ArrayLike,
        symbols: Sequence[str] | NDArray[np.int64] | str | None = None,
    ) -> NDArray[Any]:
        """Feed rows and get their features.

        Parameters
        ----------
        columns : mapping of str to arrays (n,)
            At least the set's `inputs`.
        known_ns : int64 array (n,)
            When each row was known, UTC nanoseconds.
        symbols : sequence of str, int64 array of ids (n,), or one str for all rows
            May be left out where the stream has one symbol.

        Returns
        -------
        array (n, features)
            In the order of the rows given; NaN where not warm.

        Raises
        ------
        DataError
            If a column is missing or of another length, or a row is not later than the one before it in its series.
            Nothing is remembered of a chunk that is refused.
        """
        times = np.ascontiguousarray(known_ns, np.int64)
        inputs = self._inputs(columns, len(times))
        series = self._series(symbols, len(times))
        out = np.empty((len(self.features), len(times)), self.dtype)
        if self._references:
            self._push_ordered(inputs, times, series, out)
        else:
            self._check(times, series)
            self._runner.feed(inputs, times, series, out)
        return out.reshape(1, -1) if len(times) == 1 else np.ascontiguousarray(out.T)

    def save(self) -> bytes:
        """Everything that is remembered; `restore` goes on from it to the same bits."""
        state = self._runner.state
        body = state.newest_ns.astype("<i8").tobytes() + state.kept.astype("<i8").tobytes()
        header = {
            "layout": LAYOUT,
            "feature_set": self.features.hash,
            "symbols": list(self.symbols),
            "slots": state.slots,
            "dtype": self.dtype.name,
            "sha256": sha256(body).hexdigest(),
        }
        return MAGIC + json.dumps(header).encode() + b"\n" + body

    @classmethod
    def restore(cls, features: FeatureSet, saved: bytes) -> FeatureStream:
        """The stream that was saved.

        Raises
        ------
        ModelCompatibilityError
            If `saved` is of another feature set or another version, or is damaged.
        """
        header, body = _opened(saved)
        if header["layout"] != LAYOUT or header["feature_set"] != features.hash:
            raise ModelCompatibilityError(
                f"feature state is of set {header['feature_set'][:12]} layout {header['layout']}, wanted is set "
                f"{features.hash[:12]} layout {LAYOUT}; restore it with its own set or warm up a new stream"
            )
        stream = cls(features, header["symbols"], header["dtype"])
        numbers = np.frombuffer(body, "<i8").astype(np.int64)
        count = len(header["symbols"])
        try:
            stream._runner.state.load(numbers[count:], numbers[:count].copy(), header["slots"])
        except ValueError as error:
            raise ModelCompatibilityError(f"feature state is damaged: {error}; warm up a new stream") from None
        return stream

    def _inputs(self, columns: Mapping[str, ArrayLike], n: int) -> list[NDArray[Any]]:
        found = []
        for name in self.features.inputs:
            if name not in columns:
                raise DataError(f"rows have no column {name!r}, which {self.features.name!r} needs; add it to the rows")
            column = np.asarray(columns[name])
            if column.shape != (n,):
                raise DataError(f"column {name!r} has shape {column.shape} beside {n} times; give one value a row")
            found.append(column)
        return found

    def _series(self, symbols: Sequence[str] | NDArray[np.int64] | str | None, n: int) -> NDArray[np.int64] | int:
        if symbols is None:
            if len(self._ids) > 1:
                raise DataError(f"the stream has {len(self._ids)} symbols; say which one each row is of")
            return self._id("") if not self._ids else 0
        if isinstance(symbols, str):
            return self._id(symbols)
        if isinstance(symbols, np.ndarray) and symbols.dtype.kind in "iu":
            ids = symbols.astype(np.int64, copy=False)
            if len(ids) and not (ids.min() >= 0 and ids.max() < len(self._ids)):
                raise DataError(f"series ids run from {ids.min()} to {ids.max()}, known are 0 to {len(self._ids) - 1}")
        else:
            ids = np.array([self._id(symbol) for symbol in symbols], np.int64)
        if ids.shape != (n,):
            raise DataError(f"{len(ids)} symbols beside {n} known times; give one symbol a row")
        return int(ids[0]) if n == 1 else ids

    def _id(self, symbol: str) -> int:
        """Id of a symbol, which gets the next one if it is new."""
        if symbol not in self._ids:
            self._ids[str(symbol)] = len(self._ids)
            self._runner.state.extend(len(self._ids))
        return self._ids[symbol]

    def _check(self, times: NDArray[np.int64], series: NDArray[np.int64] | int) -> None:
        """Refuse rows that are not strictly later from one to the next of their series; else remember the newest."""
        newest = self._runner.state.newest_ns
        one = isinstance(series, int)
        row = out_of_order(times, NO_SERIES if one else series, series if one else -1, newest)
        if row >= 0:
            place = series if isinstance(series, int) else int(series[row])
            same = times[:row] if isinstance(series, int) else times[:row][series[:row] == place]
            before = int(same[-1]) if len(same) else int(newest[place])
            raise DataError(
                f"symbol {self.symbols[place]!r}: row {row} is known at {iso(int(times[row]))}, "
                f"not after {iso(before)} of the row before it; push each row once, in order of time"
            )

    def _push_ordered(
        self, inputs: list[NDArray[Any]], times: NDArray[np.int64], series: NDArray[np.int64] | int, out: NDArray[Any]
    ) -> None:
        """Push rows of a set that looks at other symbols: by time, referenced symbols first."""
        ids = np.full(len(times), series) if isinstance(series, int) else series
        rank = np.full(len(self._ids), len(self._references))
        rank[self._references] = np.arange(len(self._references))
        order = np.lexsort((rank[ids], times))
        ids, ordered = ids[order], times[order]
        self._refuse_late(ordered, ids, rank)
        self._check(ordered, ids)
        self._runner.feed(inputs, times, ids, out, index=order, target=order)

    def _refuse_late(self, times: NDArray[np.int64], ids: NDArray[np.int64], rank: NDArray[np.int64]) -> None:
        """Refuse a row of a referenced symbol that others should have seen already."""
        newest = self._runner.state.newest_ns
        for place in self._references:
            mine = times[ids == place]
            later = rank > rank[place]
            if len(mine) and later.any() and mine[0] <= (seen := int(newest[later].max())) and seen != NEVER:
                symbol, when = self.symbols[place], iso(int(mine[0]))
                raise DataError(
                    f"symbol {symbol!r}: a row known at {when} came after rows of {iso(seen)} "
                    "that look at it; push the rows of a moment together, or referenced symbols first"
                )


def feature_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """float32 or float64.

    Raises
    ------
    FeatureError
        If `dtype` is another type.
    """
    wanted = np.dtype(dtype)
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise FeatureError(f"features are float32 or float64, not {wanted.name}; choose one of these two")
    return wanted


def _opened(saved: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and body of a saved state, if it is whole."""
    if saved.startswith(MAGIC):
        line, _, body = saved[len(MAGIC) :].partition(b"\n")
        try:
            header = json.loads(line)
        except ValueError:
            header = None
        if isinstance(header, dict) and header.get("sha256") == sha256(body).hexdigest():
            return header, body
    raise ModelCompatibilityError(f"feature state of {len(saved)} bytes is damaged; warm up a new stream from history")
