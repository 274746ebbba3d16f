"""The compiled walk from the roots of trees to their leaves, several trees at a time.

Where a row goes in a tree is not known before it is there, so one walk alone waits for memory at every step. Sixteen
walks that take their steps in turn wait together. No step branches: a node says how far away its left child is, the
right one lies behind it, and a leaf is its own left child for ever.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

TOGETHER: Final = 16

# Unsigned: numba looks whether a signed index is negative, at every step.
_ONE, _SIXTEEN = np.uint64(1), np.uint64(TOGETHER)


@njit(cache=True, error_model="numpy")
def walk(nodes, leaves, roots, depths, order, ends, bases, rows, cells, at, found, sums):
    """Write to `sums` (K, n) what K ensembles sum to on `rows` (n, F).

    `nodes`, `leaves`, `roots`, `depths` are the ensembles' own, one after the other; `order` has the trees by depth,
    `ends` (K,) the tree behind the last one of each; `cells` (2 F,), `at` (TOGETHER,) and `found` (T,) are for notes.
    """
    width = rows.shape[1]
    trees = np.uint64(len(roots))
    for row in range(rows.shape[0]):
        for column in range(width):
            value = rows[row, column]
            cells[column] = value
            # Second halves are read where a missing value goes left: it is below every threshold there.
            cells[width + column] = -np.inf if np.isnan(value) else value
        for start in range(np.uint64(0), trees, _SIXTEEN):
            several = min(_SIXTEEN, trees - start)
            for k in range(several):
                at[k] = roots[order[start + k]]
            for _ in range(depths[order[start + several - _ONE]]):
                for k in range(several):
                    node = nodes[at[k]]
                    right = not (cells[np.uint64(node.feature)] <= node.threshold)
                    at[k] = at[k] + np.uint64(node.left) + np.uint64(right)
            for k in range(several):
                found[order[start + k]] = leaves[at[k]]
        # Of each ensemble one after the other in float32, the base last, as onnxruntime adds them.
        tree = np.uint64(0)
        for ensemble in range(len(ends)):
            total = np.float32(0.0)
            while tree < ends[ensemble]:
                total += found[tree]
                tree += _ONE
            sums[ensemble, row] = total + bases[ensemble]
