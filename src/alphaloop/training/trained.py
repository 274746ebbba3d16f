"""What the factory hands over: a model, native and exported, and the evidence about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaloop.models.estimator import Estimator, Task
from alphaloop.training.calibrate import Calibration
from alphaloop.training.origins import HeldOut
from alphaloop.training.parity import ParityEvidence
from alphaloop.training.threshold import Threshold
from alphaloop.training.trials import Study

Scores = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Trained:
    """A proved model and everything that its contract and its report say about it.

    Attributes
    ----------
    task, estimator, calibration, threshold
        The model, native.
    calibrated_on
        Margins, classes and symbols of the rows that the calibration was fitted on.
    onnx_bytes
        The model, as it is released.
    probabilities
        (n, C) float64 per split, rows in the order of the split.
    scores
        ``{split: {metric: {"value": v, "interval": [low, high]}}}`` of the test split.
    baselines
        ``{kind: {metric: ...}}`` of the same rows; `baseline_probabilities` (n, C) are what was scored.
    best_parameters
        Parameters of the estimator as fitted.
    importance
        Share of each feature, summing to 1 (or all 0).
    class_ratio
        Share of each class in the training rows.
    study
        The trials, or None if there was no study.
    parity
        Evidence of the gate.
    reference
        Distribution of each feature over training rows.
    golden
        Rows (m, F) and what the released graph gives on them (m, C), float32.
    empty_features
        Features without one value in the training rows; the model does not use them.
    library_versions, timings
        Versions by name; seconds by stage.
    """

    task: Task
    estimator: Estimator
    calibration: Calibration
    calibrated_on: HeldOut
    threshold: Threshold
    onnx_bytes: bytes
    probabilities: dict[str, NDArray[np.float64]]
    scores: dict[str, Scores]
    baselines: dict[str, Scores]
    baseline_probabilities: dict[str, NDArray[np.float64]]
    best_parameters: dict[str, Any]
    importance: dict[str, float]
    class_ratio: dict[str, float]
    study: Study | None
    parity: ParityEvidence
    reference: dict[str, dict[str, Any]]
    golden: tuple[NDArray[np.float32], NDArray[np.float32]]
    empty_features: tuple[str, ...]
    library_versions: dict[str, str]
    timings: dict[str, float]
