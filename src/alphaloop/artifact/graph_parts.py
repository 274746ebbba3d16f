"""A graph taken apart: its trees, to be walked by compiled code, and the rest, which stays a graph.

What is not plainly one ensemble that reads the features and sums to one number is left whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.scorer import INPUT, OUTPUT

TREES: Final = "TreeEnsembleRegressor"
LEAF, BRANCH = b"LEAF", b"BRANCH_LEQ"
PLAIN: Final = {"aggregate_function": b"SUM", "post_transform": b"NONE", "n_targets": 1}
COLUMNS: Final = frozenset(
    f"nodes_{name}" for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
) | {f"target_{name}" for name in ("treeids", "nodeids", "ids", "weights")}
MORE: Final = frozenset(PLAIN) | {"base_values", "nodes_missing_value_tracks_true", "nodes_hitrates"}
LARGEST: Final = int(np.iinfo(np.uint16).max)


NODE: Final = np.dtype([("threshold", np.float32), ("feature", np.uint16), ("left", np.uint16)])
"""A node: right if not ``cell[feature] <= threshold``; `left` counts from the node itself.

`feature` is less than the F features of a row, or by so many more where a missing value goes left. In a leaf it is 2 F,
`threshold` is the leaf's weight, and `left` is 0.
"""


class NotApartError(ValueError):
    """A graph that has to stay whole, and why."""


@dataclass(frozen=True)
class Trees:
    """An ensemble that sums its leaves to one number.

    Attributes
    ----------
    nodes : array of NODE, shape (M,)
    roots, depths : int64 arrays of shape (T,)
        Where each tree begins in `nodes`, and how many steps its deepest leaf is away from there.
    base : float
        A float32, added last.
    """

    nodes: NDArray[Any]
    roots: NDArray[np.int64]
    depths: NDArray[np.int64]
    base: float


class GraphParts(NamedTuple):
    """The trees, and the graph behind them, whose input of shape (N, 1) is what they sum to."""

    trees: Trees
    rest: Any

    @property
    def versions(self) -> tuple[Any, ...]:
        """What two graphs must have in common to be joined to one."""
        return (self.rest.ir_version, *sorted((each.domain, each.version) for each in self.rest.opset_import))


def take_apart(onnx_bytes: bytes, width: int) -> GraphParts:
    """Take the trees out of a graph.

    Parameters
    ----------
    onnx_bytes : bytes
    width : int
        Features of a row.

    Raises
    ------
    NotApartError
        If the graph is another than one ensemble with something behind it.
    """
    import onnx
    from onnx import helper

    model = onnx.load_from_string(onnx_bytes)
    nodes = list(model.graph.node)
    readers = [node for node in nodes if INPUT in node.input]
    if len(readers) != 1 or readers[0].op_type != TREES:
        raise NotApartError(f"its features are read by {[node.op_type for node in readers]}, not by one {TREES}")
    trees = _trees({each.name: helper.get_attribute_value(each) for each in readers[0].attribute}, width)
    graph = helper.make_graph(
        [node for node in nodes if node is not readers[0]],
        "rest",
        [helper.make_tensor_value_info(readers[0].output[0], onnx.TensorProto.FLOAT, ["N", 1])],
        [output for output in model.graph.output if output.name == OUTPUT],
        list(model.graph.initializer),
    )
    rest = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    return GraphParts(trees, rest)


def join(rests: Sequence[Any]) -> bytes:
    """One graph of several of the same versions, whose inputs and outputs are those of each in turn."""
    from onnx import compose

    first, *others = [compose.add_prefix(rest, f"{number}.") for number, rest in enumerate(rests)]
    for other in others:
        first = compose.merge_models(first, other, io_map=[])
    return bytes(first.SerializeToString())


def _trees(attributes: dict[str, Any], width: int) -> Trees:
    if not COLUMNS <= attributes.keys() <= COLUMNS | MORE:
        raise NotApartError(f"its trees are described by {sorted(attributes)}")
    for name, plain in PLAIN.items():
        if attributes.get(name, plain) != plain:
            raise NotApartError(f"its trees have {name} {attributes[name]!r}, not {plain!r}")
    modes = np.array(attributes["nodes_modes"])
    is_leaf = modes == LEAF
    if not np.all(is_leaf | (modes == BRANCH)):
        raise NotApartError(f"its trees branch by {sorted(set(modes.tolist()))}, not by {BRANCH.decode()}")
    base = attributes.get("base_values", [])
    if len(base) > 1 or 2 * width >= LARGEST:
        raise NotApartError(f"{len(base)} base values and {width} features are more than the walk takes")
    return _Table(attributes, is_leaf, width).laid_out(width, base[0] if len(base) else 0.0)


class _Table:
    """The columns of an ensemble, its nodes numbered 0 to M - 1 throughout and the trees 0 to T - 1.

    Attributes
    ----------
    tree, left, right
        (M,) int64; children are numbers of nodes, -1 in leaves.
    """

    def __init__(self, attributes: dict[str, Any], is_leaf: NDArray[np.bool_], width: int) -> None:
        trees, self.is_leaf = np.array(attributes["nodes_treeids"], np.int64), is_leaf
        identities = np.array(attributes["nodes_nodeids"], np.int64)
        if identities.min() < 0:
            raise NotApartError("a node has a negative id")
        names, self.tree = np.unique(trees, return_inverse=True)
        self.count = len(names)
        size = int(identities.max()) + 1
        place = np.full(self.count * size, -1, np.int64)
        place[self.tree * size + identities] = np.arange(len(trees))
        if np.count_nonzero(place >= 0) != len(trees):
            raise NotApartError("two nodes of one tree have the same id")
        columns = [np.array(attributes[f"nodes_{name}nodeids"], np.int64) for name in ("true", "false")]
        known = [~is_leaf & (column >= 0) & (column < size) for column in columns]
        self.left, self.right = (
            np.where(there, place[self.tree * size + np.where(there, column, 0)], -1)
            for there, column in zip(known, columns, strict=True)
        )
        self.threshold = np.array(attributes["nodes_values"], np.float32)
        self.feature = np.array(attributes["nodes_featureids"], np.int64)
        read = self.feature[~is_leaf]
        # The walk looks at no bounds.
        if np.any((read < 0) | (read >= width)) or np.any(np.isnan(self.threshold[~is_leaf])):
            raise NotApartError(f"a split reads none of the {width} features, or compares with no number")
        missing_left = attributes.get("nodes_missing_value_tracks_true", np.zeros(len(trees)))
        self.missing_left = np.array(missing_left, bool)
        self.weight = np.zeros(len(trees), np.float32)
        hit = place[np.searchsorted(names, attributes["target_treeids"]) * size + attributes["target_nodeids"]]
        if not np.array_equal(np.sort(hit), np.flatnonzero(is_leaf)):
            raise NotApartError("not every leaf has one weight")
        self.weight[hit] = np.array(attributes["target_weights"], np.float32)
        if not np.all(np.isfinite(self.weight)):
            raise NotApartError("a leaf weighs what is no number")

    def laid_out(self, width: int, base: float) -> Trees:
        """Nodes level by level within each tree, siblings side by side."""
        sizes = np.bincount(self.tree, minlength=self.count)
        if sizes.max() > LARGEST:
            raise NotApartError(f"a tree has {sizes.max()} nodes, the walk takes {LARGEST}")
        roots = np.cumsum(sizes) - sizes
        level, slots, free = self._roots(), roots.copy(), roots + 1
        nodes = np.zeros(len(self.tree), NODE)
        nodes["feature"] = 2 * width
        depths, depth = np.zeros(self.count, np.int64), 0
        while len(level):
            depths[self.tree[level]] = depth
            nodes["threshold"][slots] = self.weight[level]
            split = ~self.is_leaf[level]
            level, slots = level[split], slots[split]
            tree = self.tree[level]
            # Which of its tree's splits on this level each is; a level is ordered by tree.
            rank = np.arange(len(level)) - np.searchsorted(tree, tree)
            children = free[tree] + 2 * rank
            nodes["threshold"][slots] = self.threshold[level]
            nodes["feature"][slots] = self.feature[level] + width * self.missing_left[level]
            nodes["left"][slots] = children - slots
            free += 2 * np.bincount(tree, minlength=self.count)
            level = np.column_stack((self.left[level], self.right[level])).ravel()
            slots = np.column_stack((children, children + 1)).ravel()
            depth += 1
        return Trees(nodes, roots, depths, base)

    def _roots(self) -> NDArray[np.int64]:
        """The one node of each tree that is nobody's child, in the order of the trees."""
        children = np.concatenate((self.left[~self.is_leaf], self.right[~self.is_leaf]))
        if np.any(children < 0):
            raise NotApartError("a split leads nowhere")
        parents = np.bincount(children, minlength=len(self.tree))
        roots = np.flatnonzero(parents == 0)
        if parents.max(initial=0) > 1 or not np.array_equal(self.tree[roots], np.arange(self.count)):
            raise NotApartError("its nodes are no trees")
        return roots
