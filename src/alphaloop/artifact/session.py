"""One way to open and run a graph: one thread, so that a row has the same bits alone and in any batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

DEVICE: Final = "cpu"


class Node(Protocol):
    """An input or output of a graph: a size that the graph leaves open is a word or None."""

    name: str
    type: str
    shape: list[int | str | None]


class Binding(Protocol):
    """What is used of onnxruntime's binding of names to memory."""

    def bind_input(self, name: str, device: str, number: int, kind: Any, shape: tuple[int, ...], address: int) -> None:
        """Read an input from there."""
        ...

    def bind_output(self, name: str, device: str, number: int, kind: Any, shape: tuple[int, ...], address: int) -> None:
        """Write an output to there."""
        ...


class Session(Protocol):
    """What is used of onnxruntime's session, which is untyped."""

    def run(self, outputs: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Compute the named outputs."""
        ...

    def io_binding(self) -> Binding:
        """Make a binding without any names."""
        ...

    def run_with_iobinding(self, binding: Binding) -> None:
        """Compute the bound outputs from the bound inputs."""
        ...

    def get_inputs(self) -> list[Node]:
        """Describe the graph's inputs."""
        ...

    def get_outputs(self) -> list[Node]:
        """Describe the graph's outputs."""
        ...


def open_session(onnx_bytes: bytes) -> Session:
    """Open the graph in `onnx_bytes`; the runtime's own error passes through if it cannot be loaded."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    session: Session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    return session


def bind(
    session: Session, sources: Mapping[str, NDArray[np.float32]], targets: Mapping[str, NDArray[np.float32]]
) -> Callable[[], None]:
    """Bind inputs and outputs by name to C-contiguous arrays; gives the call that computes these from those."""
    binding = session.io_binding()
    for put, arrays in ((binding.bind_input, sources), (binding.bind_output, targets)):
        for name, array in arrays.items():
            put(name, DEVICE, 0, np.float32, array.shape, array.ctypes.data)
    # The binding holds addresses only: the call keeps the arrays alive.
    kept = (*sources.values(), *targets.values())
    return partial(_run_bound, session.run_with_iobinding, binding, kept)


def _run_bound(run: Callable[[Binding], None], binding: Binding, _kept: object) -> None:
    run(binding)


class GraphRunner:
    """A graph of one float32 input (N, F), called in batches or row by row."""

    def __init__(self, onnx_bytes: bytes) -> None:
        self._session = open_session(onnx_bytes)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name

    def batch(self, X: NDArray[np.float32], size: int = 4096) -> NDArray[np.float32]:
        """Last output of the graph for rows `X` (n, F), in batches of `size`."""
        parts = [self._run(X[start : start + size]) for start in range(0, len(X), size)]
        return np.concatenate(parts) if parts else self._run(X)

    def one_by_one(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows as in `batch`, each in a call of its own."""
        return self.batch(X, size=1)

    def _run(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._session.run([self._output], {self._input: np.ascontiguousarray(X)})[0]
        return found
