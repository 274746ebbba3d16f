"""From a fitted estimator and its calibration to one ONNX graph."""

from __future__ import annotations

from alphaloop.models.estimator import Estimator
from alphaloop.models.graph import INPUT, Graph
from alphaloop.training.calibrate import Calibration


def to_onnx(estimator: Estimator, calibration: Calibration, n_features: int) -> bytes:
    """Write normalisation, model and calibration as one graph: `features` (N, F) to `probabilities` (N, C), float32.

    The same model gives the same bytes. Opset 17 and ai.onnx.ml 3 are stated in the graph.

    Raises
    ------
    ParityError
        If the model has a part that cannot be exported exactly.
    """
    task = estimator.task
    graph = Graph(n_features)
    margins = estimator.emit(graph, INPUT)
    probabilities = calibration.emit(graph, margins, task.outputs)
    return graph.finish(probabilities, task.n_classes)
