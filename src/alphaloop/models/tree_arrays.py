"""LightGBM's trees as the flat arrays of an ONNX tree ensemble that takes the very same branches.

LightGBM compares float64 thresholds with float32 inputs after two rules of its own: its dense predictor takes an input
of magnitude at most 1e-35 for zero, and a split says per node what a missing value does. Both are folded into the
float32 threshold and the missing flag of each node, so that the graph needs no node in front of the trees:

- ``x <= t`` with float32 ``x`` and float64 ``t`` is ``x <= floor32(t)``, the greatest float32 not above ``t``;
- for ``t`` inside the zero band, ``x <= t`` after the rule is ``x < -1e-35`` (t < 0) or ``x <= 1e-35`` (t >= 0);
- a NaN goes left where LightGBM takes it for 0 and ``0 <= t`` (missing type None), or where the node says so (NaN);
- features trained with ``zero_as_missing`` (type Zero) turn the zero band into NaN before the trees: `zero_features`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.core.errors import ParityError

# LightGBM's kZeroThreshold is a float32 constant; as a float64 it is a little above 1e-35.
ZERO_BAND = np.float32(1e-35)
LARGEST_IN_DUMP = 1e300
LEAF, BRANCH = "LEAF", "BRANCH_LEQ"


def floor32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round each value to the greatest float32 not above it."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = values.astype(np.float32)
        below = np.nextafter(rounded, np.float32(-np.inf))
    floored: NDArray[np.float32] = np.where(rounded.astype(np.float64) > values, below, rounded)
    return floored


def snap(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Float32 thresholds that decide every float32 input as LightGBM's dense predictor decides it."""
    band = float(ZERO_BAND)
    below_band = np.nextafter(-ZERO_BAND, np.float32(-np.inf))
    negative = (thresholds >= -band) & (thresholds < 0.0)
    positive = (thresholds >= 0.0) & (thresholds <= band)
    return np.where(negative, below_band, np.where(positive, ZERO_BAND, floor32(thresholds)))


@dataclass(frozen=True)
class TreeArrays:
    """Every node of every tree, in the column form of ``TreeEnsembleRegressor``.

    Node ids of a tree count its splits first (LightGBM's ``split_index``), then its leaves: leaf ``i`` of a tree with
    ``s`` splits has id ``s + i``.

    Attributes
    ----------
    tree, node, feature, left, right
        (M,) int64; `feature`, `left` and `right` are 0 at leaves.
    threshold
        (M,) float32, snapped; 0 at leaves.
    missing_left
        (M,) bool: whether NaN goes left.
    leaf
        (M,) bool.
    weight
        (M,) float64 leaf values; 0 at splits.
    n_trees
        Number of trees.
    zero_features
        Features whose zeros are missing values.
    """

    tree: NDArray[np.int64]
    node: NDArray[np.int64]
    feature: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    threshold: NDArray[np.float32]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.bool_]
    weight: NDArray[np.float64]
    n_trees: int
    zero_features: tuple[int, ...]

    @classmethod
    def from_dump(cls, dump: dict[str, Any]) -> TreeArrays:
        """Flatten ``Booster.dump_model()``.

        Raises
        ------
        ParityError
            For what this exporter does not do exactly: categorical splits, linear leaves, averaged (random forest)
            output, one feature with two ways of missing.
        """
        if dump.get("average_output"):
            raise ParityError(
                "the booster averages its trees (boosting 'rf'), which is not exported; use 'gbdt' or 'dart'"
            )
        trees = dump["tree_info"]
        rows = [row for index, tree in enumerate(trees) for row in _nodes(index, tree)]
        columns = list(zip(*rows, strict=True))
        tree, node, feature, left, right = (np.array(column, np.int64) for column in columns[:5])
        exact = _unclipped(np.array(columns[5], np.float64))
        leaf = np.array(columns[8], bool)
        missing_left = np.array(columns[6], bool)
        as_zero = (np.array(columns[7]) == "None") & ~leaf
        return cls(
            tree=tree,
            node=node,
            feature=feature,
            left=left,
            right=right,
            threshold=np.where(leaf, np.float32(0.0), snap(exact)),
            missing_left=np.where(as_zero, exact >= 0.0, missing_left) & ~leaf,
            leaf=leaf,
            weight=np.array(columns[9], np.float64),
            n_trees=len(trees),
            zero_features=_zero_features(feature[~leaf], np.array(columns[7])[~leaf]),
        )

    def split_points(self) -> dict[int, NDArray[np.float32]]:
        """Distinct thresholds per feature, ascending."""
        split = ~self.leaf
        return {
            int(index): np.unique(self.threshold[split & (self.feature == index)])
            for index in np.unique(self.feature[split])
        }


Row = tuple[int, int, int, int, int, float, bool, str, bool, float]


def _nodes(index: int, tree: dict[str, Any]) -> Iterator[Row]:
    splits = int(tree["num_leaves"]) - 1
    waiting = [tree["tree_structure"]]
    while waiting:
        node = waiting.pop()
        if "split_index" not in node:
            yield _leaf(index, splits, node)
            continue
        if node["decision_type"] != "<=":
            raise ParityError(
                f"tree {index} splits feature {node['split_feature']} by category, which is not exported; "
                "train without categorical features"
            )
        left, right = node["left_child"], node["right_child"]
        waiting += [right, left]
        yield (
            index,
            int(node["split_index"]),
            int(node["split_feature"]),
            _identity(left, splits),
            _identity(right, splits),
            float(node["threshold"]),
            bool(node["default_left"]),
            str(node["missing_type"]),
            False,
            0.0,
        )


def _leaf(index: int, splits: int, node: dict[str, Any]) -> Row:
    if node.get("leaf_features"):
        raise ParityError(f"tree {index} has linear leaves, which are not exported; train with linear_tree off")
    return (index, _identity(node, splits), 0, 0, 0, 0.0, False, "", True, float(node["leaf_value"]))


def _identity(node: dict[str, Any], splits: int) -> int:
    return int(node["split_index"]) if "split_index" in node else splits + int(node.get("leaf_index", 0))


def _unclipped(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo what the dump does to an infinite threshold ("missing or not"), which JSON cannot say: it writes 1e300."""
    return np.where(np.abs(thresholds) >= LARGEST_IN_DUMP, np.copysign(np.inf, thresholds), thresholds)


def _zero_features(feature: NDArray[np.int64], missing: NDArray[Any]) -> tuple[int, ...]:
    zero = set(feature[missing == "Zero"].tolist())
    mixed = zero & set(feature[missing != "Zero"].tolist())
    if mixed:
        raise ParityError(
            f"feature {min(mixed)} takes zeros for missing in some trees and for numbers in others, "
            "which is not exported; train all trees on one dataset"
        )
    return tuple(sorted(zero))
