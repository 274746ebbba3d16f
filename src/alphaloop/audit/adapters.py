"""What the worker can audit: a user's function, a feature set, a label. Each turns a table into an output."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphaloop.audit.outputs import Output, read_output
from alphaloop.audit.subjects import Reference, as_function, find_object, flavours, load_module
from alphaloop.audit.tables import Table
from alphaloop.core.errors import UnknownNameError


@dataclass(frozen=True)
class FunctionSubject:
    """A user's function of one data frame."""

    function: Callable[[Any], Any]

    def call(self, table: Table, flavour: str) -> Output:
        """Give it a frame of its kind."""
        frame = build_frame(table, flavour)
        return read_output(self.function(frame), frame)


@dataclass
class LateSubject:
    """A subject that each child loads for itself, because loading it starts threads that no fork survives."""

    source: dict[str, Any]
    loaded: Any = None

    def call(self, table: Table, flavour: str) -> Output:
        """Load it if this child has not yet, and run it once."""
        if self.loaded is None:
            self.loaded = load_subject(self.source)[0]
        output: Output = self.loaded.call(table, flavour)
        return output


@dataclass(frozen=True)
class StreamSubject:
    """A feature set, pushed at once."""

    features: Any
    dtype: str

    def call(self, table: Table, flavour: str) -> Output:
        """Push every row in the order in which they were known."""
        order = table.order()
        stream, columns, symbols = open_stream(self.features, table, order, self.dtype)
        rows = stream.push(columns, table.known[order], symbols)
        out = np.empty_like(rows)
        out[order] = rows
        return Output({name: out[:, at] for at, name in enumerate(self.features.names)}, len(table))


@dataclass(frozen=True)
class LabelSubject:
    """A label, asked for its classes, returns and intervals."""

    label: Any
    step_ns: int
    costs: Any

    def call(self, table: Table, flavour: str) -> Output:
        """Label every bar."""
        frame = build_frame(table, "polars")
        return read_output(self.label.compute(frame, self.step_ns, self.costs), frame)


def open_stream(features: Any, table: Table, order: Any, dtype: str) -> tuple[Any, dict[str, Any], Any]:
    """Open a stream of a feature set, with its inputs and row symbols in the order given."""
    columns = {name: table.numbers(name)[order] for name in features.inputs}
    symbols, ids = [""], np.zeros(len(order), np.int64)
    if len(table.names):
        first = {
            int(code): str(table.names[row])
            for code, row in zip(*np.unique(table.codes, return_index=True), strict=True)
        }
        symbols = list(dict.fromkeys([*first.values(), *features.references]))
        place = {name: at for at, name in enumerate(symbols)}
        lookup = np.array([place[first[code]] for code in sorted(first)])
        ids = lookup[np.searchsorted(np.array(sorted(first)), table.codes[order])]
    return features.stream(symbols, dtype=np.dtype(dtype)), columns, ids


def build_frame(table: Table, flavour: str) -> Any:
    """Give a table the form a function wants; its pandas rows are numbered, or indexed by time."""
    arrow = table.arrow()
    if flavour.startswith("pandas"):
        frame = arrow.to_pandas(use_threads=False, date_as_object=False)
        if flavour == "pandas by time" and table.roles.time is not None:
            import pandas as pd

            stamps = frame.pop(table.roles.time)
            if not pd.api.types.is_datetime64_any_dtype(stamps):
                stamps = pd.Series(pd.to_datetime(table.time, utc=False))
            frame.index = pd.DatetimeIndex(stamps, name=table.roles.time)
        return frame
    import polars as pl

    made = pl.from_arrow(arrow)
    assert isinstance(made, pl.DataFrame)
    return made.lazy() if flavour == "polars lazy" else made


def load_subject(source: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Load what `source` describes; also a description for the process that asked.

    Raises
    ------
    UnknownNameError
        If a name leads nowhere or to something that cannot be audited.
    """
    if source["kind"] == "feature_set":
        return _feature_set(source), {"kind": "feature_set"}
    reference = Reference(source["place"], source["name"], source["is_file"])
    found = find_object(load_module(reference), reference)
    if source["kind"] == "label":
        _cache_compiled(None)
        return _label(found, source), {"kind": "label"}
    described = _ours(found)
    if described is not None:
        return FunctionSubject(lambda frame: frame), described
    function = as_function(found, reference)
    kinds = flavours(function)
    if kinds[0].startswith("pandas"):
        import pandas  # noqa: F401  # before the fork, so that each run finds it loaded
    _cache_compiled(sys.modules.get(getattr(function, "__module__", ""), None))
    return FunctionSubject(function), {"kind": "function", "flavours": kinds}


def _ours(found: Any) -> dict[str, Any] | None:
    """Describe a feature set, an expression or a label that a user's file holds."""
    if isinstance(found, type) or type(found).__module__.partition(".")[0] == "builtins":
        return None
    if "alphaloop.features" in sys.modules:
        from alphaloop.features import Expr, FeatureSet

        if isinstance(found, Expr | FeatureSet):
            return {"kind": "feature_set"}
    if callable(getattr(found, "compute", None)) and hasattr(found, "horizon_s") and hasattr(found, "classes"):
        return {"kind": "label"}
    return None


def _feature_set(source: dict[str, Any]) -> StreamSubject:
    from alphaloop.features import FeatureSet

    features = FeatureSet.from_dict(source["set"])
    # Kernels are compiled or read from their cache here, once, and not in every child.
    stream = features.stream(["warm"], dtype=np.dtype(source["dtype"]))
    ones = {name: np.ones(3) for name in features.inputs}
    stream.push(ones, np.arange(3, dtype=np.int64) * 60_000_000_000, ["warm"] * 3)
    return StreamSubject(features, source["dtype"])


def _label(found: Any, source: dict[str, Any]) -> LabelSubject:
    from alphaloop.core.costs import Costs

    label = found if source["settings"] is None else found(**source["settings"])
    if not callable(getattr(label, "compute", None)):
        raise UnknownNameError(f"{source['name']} is {type(label).__name__}, not a label; it has no compute()")
    return LabelSubject(label, source["step_ns"], Costs(**source["costs"]))


def _cache_compiled(module: Any) -> None:
    """Let functions compiled by numba be compiled once, and numba itself start once, and not in every child."""
    if "numba" not in sys.modules:
        return
    import numba
    from numba.core.dispatcher import Dispatcher

    numba.njit(_first)(np.ones(2))
    for value in list(vars(module).values()) if module is not None else []:
        if isinstance(value, Dispatcher):
            try:
                value.enable_caching()
            except RuntimeError:
                continue


def _first(values: Any) -> Any:
    return values[0] + 1.0
