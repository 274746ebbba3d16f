"""A graph that answers with leaves: made from the very bytes that will be released."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphaloop.models.graph import OUTPUT
from alphaloop.models.tree_arrays import LEAF

TREES = "TreeEnsembleRegressor"


def leaf_graph(onnx_bytes: bytes) -> bytes:
    """Make the graph whose output (N, T) is the leaf of each row in each tree, from one of ours that holds trees.

    All nodes in front of the trees, and the structure of the trees, stay; the leaf values become leaf indices, each
    tree gets an output of its own, and what follows is cut off. A leaf's index is its node id less the number of the
    tree's splits, which is how `TreeArrays` numbers nodes.

    Raises
    ------
    ValueError
        If the graph holds no tree ensemble.
    """
    import onnx
    from onnx import helper

    model = onnx.load_from_string(onnx_bytes)
    position = next((i for i, node in enumerate(model.graph.node) if node.op_type == TREES), None)
    if position is None:
        raise ValueError("the graph holds no tree ensemble")
    kept = list(model.graph.node)[: position + 1]
    old = {attribute.name: helper.get_attribute_value(attribute) for attribute in kept[-1].attribute}
    kept[-1] = helper.make_node(TREES, list(kept[-1].input), [OUTPUT], domain=kept[-1].domain, **_leaf_targets(old))
    graph = helper.make_graph(
        kept,
        "leaves",
        list(model.graph.input),
        [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["N", None])],
        list(model.graph.initializer),
    )
    leaves = helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    return bytes(leaves.SerializeToString())


def _leaf_targets(old: dict[str, Any]) -> dict[str, Any]:
    trees = np.asarray(old["nodes_treeids"], np.int64)
    nodes = np.asarray(old["nodes_nodeids"], np.int64)
    leaf = np.array([mode.decode() == LEAF for mode in old["nodes_modes"]])
    splits = np.bincount(trees[~leaf], minlength=int(trees.max()) + 1)
    structure = {key: value for key, value in old.items() if key.startswith("nodes_")}
    return structure | {
        "n_targets": int(trees.max()) + 1,
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "target_treeids": trees[leaf].tolist(),
        "target_nodeids": nodes[leaf].tolist(),
        "target_ids": trees[leaf].tolist(),
        "target_weights": (nodes[leaf] - splits[trees[leaf]]).astype(np.float32).tolist(),
    }
