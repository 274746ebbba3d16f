"""A small writer of ONNX graphs: constants and nodes get their names here, and the same calls give the same bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

OPSET = 17
ML_OPSET = 3
IR_VERSION = 8
INPUT = "features"
OUTPUT = "probabilities"
ML_DOMAIN = "ai.onnx.ml"


class Graph:
    """An ONNX graph in the making: one float32 input (N, F), one float32 output (N, C)."""

    def __init__(self, n_features: int) -> None:
        self.n_features = n_features
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: NDArray[Any] | float) -> str:
        """Hold an array (floats become float32, integers int64) and return its name."""
        from onnx import numpy_helper

        array = np.asarray(values)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array.copy(order="C"), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """Append a node and return the name of its one output."""
        from onnx import helper

        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes))
        return name

    def finish(self, output: str, n_outputs: int) -> bytes:
        """Name `output`, an (N, n_outputs) tensor, as the graph's output, check the graph and return its bytes."""
        from onnx import TensorProto, checker, helper

        nodes = [*self._nodes, helper.make_node("Identity", [output], [OUTPUT], name=OUTPUT)]
        graph = helper.make_graph(
            nodes,
            "alphaloop",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", self.n_features])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", n_outputs])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML_DOMAIN, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="alphaloop", ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def row_sum(graph: Graph, values: str, axis: int, size: int) -> str:
    """Sum of the tensor `values` along `axis`, which has `size` elements and goes away.

    The last running sum instead of a reduction: onnxruntime's reductions and matrix products block their additions by
    how many rows come together, and so give a row other last bits in another batch.
    """
    running = graph.add("CumSum", values, graph.constant(np.array(axis)))
    return graph.add("Gather", running, graph.constant(np.array(size - 1)), axis=axis)


def dot(graph: Graph, rows: str, weights: NDArray[np.float32]) -> str:
    """Multiply rows (N, F) by `weights` (outputs, F); returns the name of an (N, outputs) tensor."""
    spread = graph.add("Unsqueeze", rows, graph.constant(np.array([1])))
    products = graph.add("Mul", spread, graph.constant(weights))
    return row_sum(graph, products, axis=2, size=weights.shape[1])


def constant_rows(graph: Graph, features: str, row: NDArray[np.float32]) -> str:
    """Repeat `row` (outputs,) for every row of `features`; returns the name of an (N, outputs) tensor."""
    first = graph.add("Gather", features, graph.constant(np.array([0])), axis=1)
    zero = graph.add("Mul", graph.add("Cast", graph.add("IsNaN", first), to=1), graph.constant(0.0))
    return graph.add("Add", zero, graph.constant(row.reshape(1, -1)))
