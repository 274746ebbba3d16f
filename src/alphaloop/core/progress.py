"""A seam for progress: long work reports through a callable, and only the command line draws a bar."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called as work goes on; implementations must be cheap and must never raise."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Say that `done` of `total` steps of `stage` are finished; `total` 0 means unknown."""
        ...


def silent(stage: str, done: int, total: int) -> None:
    """Report nowhere."""
