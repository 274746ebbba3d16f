"""Feature sets: an ordered list of named expressions with one identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from alphaloop.core.clock import to_ns
from alphaloop.core.errors import FeatureError
from alphaloop.core.hashing import hash_json
from alphaloop.core.settings import nearest
from alphaloop.features import memory
from alphaloop.features.expr import Expr, walk
from alphaloop.features.formula import formula
from alphaloop.features.grammar import build

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import DTypeLike

    from alphaloop.features.program import Program
    from alphaloop.features.stream import FeatureStream

FORMAT = 1
RESERVED = ("symbol", "known_ns")


@dataclass(frozen=True, eq=False)
class Feature:
    """One column of a feature set.

    Attributes
    ----------
    name : str
        Name of the column.
    expr : Expr
        What it is.
    family : str
        The group it belongs to, such as ``"momentum"``.
    unit : str
        Its unit; ``"1"`` for a ratio.
    description : str
        What a reader should know that the formula does not say.
    """

    name: str
    expr: Expr
    family: str = "default"
    unit: str = "1"
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or self.name in RESERVED:
            raise FeatureError(
                f"a feature cannot be called {self.name!r}; choose a word other than {', '.join(RESERVED)}"
            )
        if not isinstance(self.expr, Expr):
            raise FeatureError(
                f"feature {self.name!r} is {self.expr!r}; build it from the operators of alphaloop.features"
            )

    @property
    def formula(self) -> str:
        """The expression in words."""
        return formula(self.expr)

    def warm_up(self, step_s: float) -> int:
        """Rows that are NaN before the first value, at most, with a row every `step_s` seconds."""
        return memory.warm_up(self.expr, to_ns(step_s))


class FeatureSet:
    """Features in their order, as a model sees them.

    Parameters
    ----------
    name : str
        Name of the set.
    features : sequence of Feature
        At least one; no name twice.

    Raises
    ------
    FeatureError
        If there is no feature, or a name comes twice.
    """

    def __init__(self, name: str, features: Sequence[Feature]) -> None:
        self.name = name
        self.features = tuple(features)
        if not self.features:
            raise FeatureError(f"feature set {name!r} is empty; give it at least one feature")
        twice = sorted({n for n in self.names if self.names.count(n) > 1})
        if twice:
            raise FeatureError(f"feature set {name!r} has {twice[0]!r} more than once; rename one of them")

    def __len__(self) -> int:
        return len(self.features)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FeatureSet) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"FeatureSet({self.name!r}, {len(self)} features, {self.hash[:12]})"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def families(self) -> tuple[str, ...]:
        """Family of each feature, in order."""
        return tuple(feature.family for feature in self.features)

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Columns that rows must bring, sorted."""
        return self.program.columns

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Symbols that `other` looks at, sorted."""
        nodes = walk([feature.expr for feature in self.features])
        return tuple(sorted({str(node["symbol"]) for node in nodes if node.op == "other"}))

    @cached_property
    def hash(self) -> str:
        """SHA-256 of `to_dict`: changes with any name, order, family, unit, description or formula."""
        return hash_json(self.to_dict())

    @cached_property
    def program(self) -> Program:
        """The set compiled for the machine that runs it."""
        from alphaloop.features.compiler import compile_features

        return compile_features(self)

    def warm_up(self, step_s: float) -> int:
        """Rows of a series until every feature has had its first value, at most, with a row every `step_s` seconds."""
        return max(feature.warm_up(step_s) for feature in self.features)

    def settle(self, step_s: float) -> int:
        """Rows of history after which a series that begins has the values of one that always was, to 1e-9."""
        return max(memory.settle(feature.expr, to_ns(step_s)) for feature in self.features)

    def select(self, names: Sequence[str], name: str | None = None) -> FeatureSet:
        """The set of some of the features, in the order of `names`.

        Raises
        ------
        FeatureError
            If one of `names` is not in this set.
        """
        known = dict(zip(self.names, self.features, strict=True))
        for wanted in names:
            if wanted not in known:
                raise FeatureError(f"feature set {self.name!r} has no {wanted!r}; {nearest(wanted, list(known))}")
        return FeatureSet(name or self.name, [known[wanted] for wanted in names])

    def to_dict(self) -> dict[str, Any]:
        """Everything there is to know, as plain data for JSON: the graph, each distinct expression once."""
        nodes = walk([feature.expr for feature in self.features])
        place = {node.key: i for i, node in enumerate(nodes)}
        return {
            "format": FORMAT,
            "name": self.name,
            "nodes": [
                {"op": node.op, "args": [place[arg.key] for arg in node.args], "params": dict(node.params)}
                for node in nodes
            ],
            "features": [
                {
                    "name": feature.name,
                    "node": place[feature.expr.key],
                    "family": feature.family,
                    "unit": feature.unit,
                    "description": feature.description,
                }
                for feature in self.features
            ],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FeatureSet:
        """The set that `to_dict` described.

        Raises
        ------
        FeatureError
            If `data` is of another format or was changed into something that no feature set is.
        """
        if data.get("format") != FORMAT:
            raise FeatureError(
                f"feature set data has format {data.get('format')!r}, this version reads {FORMAT}; make it again"
            )
        nodes: list[Expr] = []
        try:
            for node in data["nodes"]:
                args = [_earlier(nodes, place) for place in node["args"]]
                nodes.append(build(node["op"], args, node["params"]))
            features = [
                Feature(f["name"], _earlier(nodes, f["node"]), f["family"], f["unit"], f["description"])
                for f in data["features"]
            ]
            return cls(data["name"], features)
        except (KeyError, TypeError, AttributeError) as error:
            raise FeatureError(f"feature set data is damaged at {error}; make it again from its source") from None

    def stream(self, symbols: Sequence[str] = (), dtype: DTypeLike = np.float32) -> FeatureStream:
        """A fresh state to push rows into; `symbols` fixes the ids of the first series (0, 1, ...)."""
        from alphaloop.features.stream import FeatureStream

        return FeatureStream(self, symbols, dtype)

    def compute(self, table: pl.DataFrame, threads: int | None = None, dtype: DTypeLike = np.float32) -> pl.DataFrame:
        """Features of every row of a table, symbol by symbol, on `threads` cores.

        Parameters
        ----------
        table : polars.DataFrame
            Columns ``symbol``, ``known_ns`` and `inputs`; any order of rows, no time twice within a symbol.
        threads : int, optional
            Cores to use; all by default.
        dtype : numpy.float32 or numpy.float64
            Type of the features; the computation is in float64 in either case.

        Returns
        -------
        polars.DataFrame
            ``symbol``, ``known_ns`` and the features, in the order of `table`; NaN where not warm.

        Raises
        ------
        DataError
            If a column or a referenced symbol is missing, or a symbol has two rows of one time.
        """
        from alphaloop.features.batch import compute

        return compute(self, table, threads, dtype)


def _earlier(nodes: list[Expr], place: object) -> Expr:
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(nodes):
        raise FeatureError(f"feature set data points at node {place!r} of {len(nodes)}; make it again from its source")
    return nodes[place]
