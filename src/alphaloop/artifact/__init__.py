"""The artifact: one ONNX graph, its contract and its golden vectors in a sealed folder; who was champion, and when."""

from alphaloop.artifact.contract import Contract
from alphaloop.artifact.folder import read_artifact, write_artifact
from alphaloop.artifact.registry import Registry
from alphaloop.artifact.scorer import Scorer, ScoringQueue

__all__ = ["Contract", "Registry", "Scorer", "ScoringQueue", "read_artifact", "write_artifact"]
