"""The nodes of a tree ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alphaloop.models.graph import ML_DOMAIN, Graph
from alphaloop.models.tree_arrays import BRANCH, LEAF, ZERO_BAND, TreeArrays


def emit_trees(graph: Graph, features: str, arrays: TreeArrays, base: NDArray[np.float64]) -> str:
    """Add one ensemble that sums its leaves on top of `base` (outputs,); returns the name of an (N, outputs) tensor.

    Tree t adds to output t modulo the number of outputs, as LightGBM orders its trees.
    """
    leaf, outputs = arrays.leaf, len(base)
    return graph.add(
        "TreeEnsembleRegressor",
        _zeros_to_nan(graph, features, arrays.zero_features),
        domain=ML_DOMAIN,
        n_targets=outputs,
        aggregate_function="SUM",
        post_transform="NONE",
        base_values=base.astype(np.float32).tolist(),
        nodes_treeids=arrays.tree.tolist(),
        nodes_nodeids=arrays.node.tolist(),
        nodes_featureids=arrays.feature.tolist(),
        nodes_modes=[LEAF if is_leaf else BRANCH for is_leaf in leaf],
        nodes_values=arrays.threshold.tolist(),
        nodes_truenodeids=arrays.left.tolist(),
        nodes_falsenodeids=arrays.right.tolist(),
        nodes_missing_value_tracks_true=arrays.missing_left.astype(np.int64).tolist(),
        target_treeids=arrays.tree[leaf].tolist(),
        target_nodeids=arrays.node[leaf].tolist(),
        target_ids=(arrays.tree[leaf] % outputs).tolist(),
        target_weights=arrays.weight[leaf].astype(np.float32).tolist(),
    )


def _zeros_to_nan(graph: Graph, features: str, columns: Sequence[int]) -> str:
    """Where LightGBM was told that zeros are missing, they are: the zero band of these columns becomes NaN."""
    if not columns:
        return features
    mask = np.zeros((1, graph.n_features), np.float32)
    mask[0, list(columns)] = 1.0
    small = graph.add("LessOrEqual", graph.add("Abs", features), graph.constant(float(ZERO_BAND)))
    chosen = graph.add("And", small, graph.add("Greater", graph.constant(mask), graph.constant(0.0)))
    return graph.add("Where", chosen, graph.constant(np.nan), features)
