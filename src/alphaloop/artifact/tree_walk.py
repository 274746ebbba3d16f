"""The compiled walk from the roots of trees to their leaves, several walks at a time.

Where a row goes in a tree is not known before it is there, so one walk alone waits for memory at every step. Sixteen
walks that take their steps in turn wait together: one row in sixteen trees, or several rows in fewer, which then find
the nodes where the others have just been. No step branches: a node says how far away its left child is, the right one
lies behind it, and a leaf is its own left child for ever.

Before the walks of some trees begin, all their nodes are read once, one after the other: memory that is read in its
order comes several times as fast as memory that is read where a walk happens to go, and in a process that does other
things between two decisions little of the trees is left in the caches.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

TOGETHER: Final = 16

# Unsigned: numba looks whether a signed index is negative, at every step.
_ZERO, _ONE, _SIXTEEN = np.uint64(0), np.uint64(1), np.uint64(TOGETHER)
_NODES_OF_A_LINE = np.uint64(8)  # a line of the cache has 64 bytes


@njit(cache=True, error_model="numpy")
def walk(nodes, words, roots, depths, order, ends, bases, rows, cells, at, cell, found, sums):
    """Write to `sums` (K, n) what K ensembles sum to on `rows` (n, F).

    `nodes` has the trees one after the other in the order in which they are walked, `words` (uint64) is the same
    memory; `roots` (T + 1,) says where each begins and the last one ends, `depths` (T,) how many steps it takes, and
    `order` (T,) which tree of the ensembles it is; `ends` (K,) is the tree behind the last one of each ensemble. The
    others are for notes: `cells` (TOGETHER, 2 F + 1), `at` and `cell` (TOGETHER,), `found` (T, TOGETHER).

    What is returned means nothing: without it, a compiler might leave out reading that nobody needs.
    """
    seen = np.uint64(0)
    width = np.uint64(rows.shape[1])
    trees, n = np.uint64(len(depths)), np.uint64(rows.shape[0])
    flat = cells.ravel()
    for first in range(_ZERO, n, _SIXTEEN):
        m = min(_SIXTEEN, n - first)
        for r in range(m):
            for column in range(width):
                value = rows[first + r, column]
                cells[r, column] = value
                # Second halves are read where a missing value goes left: it is below every threshold there.
                cells[r, width + column] = -np.inf if np.isnan(value) else value
            # And this is what leaves read: it is below every weight, so that they stay.
            cells[r, width + width] = -np.inf
        together = _SIXTEEN // m
        for k in range(_SIXTEEN):
            cell[k] = (k % m) * (width + width + _ONE)
        for start in range(_ZERO, trees, together):
            several = min(together, trees - start)
            for line in range(roots[start], roots[start + several], _NODES_OF_A_LINE):
                seen ^= words[line]
            for t in range(several):
                for r in range(m):
                    at[t * m + r] = roots[start + t]
            for _ in range(depths[start + several - _ONE]):
                # All of them, also those whose last tree is behind them: a loop of one length is unrolled.
                for k in range(_SIXTEEN):
                    node = nodes[at[k]]
                    right = not (flat[cell[k] + np.uint64(node.feature)] <= node.threshold)
                    at[k] = at[k] + np.uint64(node.left) + np.uint64(right)
            for t in range(several):
                for r in range(m):
                    found[order[start + t], r] = nodes[at[t * m + r]].threshold
        for r in range(m):
            # Of each ensemble one after the other in float32, the base last, as onnxruntime adds them.
            tree = _ZERO
            for ensemble in range(len(ends)):
                total = np.float32(0.0)
                while tree < ends[ensemble]:
                    total += found[tree, r]
                    tree += _ONE
                sums[ensemble, first + r] = total + bases[ensemble]
    return seen
