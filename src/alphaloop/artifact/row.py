"""One row at a time, again and again: the graph reads from one place and writes to another, bound once.

A call of `Scorer.score` makes and checks an input and an output each time; where a decision waits for several models of
the same row, they read it from one buffer. The graph and its numbers are the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alphaloop.artifact.scorer import INPUT, OUTPUT, Scorer
from alphaloop.artifact.session import bind
from alphaloop.core.errors import ModelCompatibilityError


def row_buffer(features: int) -> NDArray[np.float32]:
    """A buffer of shape (1, `features`) that scorers can be bound to."""
    return np.full((1, features), np.nan, np.float32)


class RowScorer:
    """A scorer bound to a buffer that others fill; belongs to one thread.

    Parameters
    ----------
    scorer : Scorer
    row : float32 array of shape (1, F)
        C-contiguous, from `row_buffer`; may be shared by scorers of the same features.

    Attributes
    ----------
    probabilities : float32 array of shape (1, C)
        What the last call gave; the next one overwrites it.

    Raises
    ------
    ModelCompatibilityError
        If `row` has another type, width or layout.
    """

    def __init__(self, scorer: Scorer, row: NDArray[np.float32]) -> None:
        scorer.require_rows(row)
        if len(row) != 1 or not row.flags.c_contiguous:
            raise ModelCompatibilityError(
                f"a buffer of shape {row.shape} holds no single contiguous row; make it with row_buffer()"
            )
        self.scorer = scorer
        self.row = row
        self.probabilities = np.zeros((1, len(scorer.contract.classes)), np.float32)
        self._run = bind(scorer.session, {INPUT: row}, {OUTPUT: self.probabilities})

    def __call__(self) -> NDArray[np.float32]:
        """Score what is in the buffer; gives `probabilities`."""
        self._run()
        return self.probabilities
