"""The compiled inner loops, one file for each kind of operator.

What all kernels keep to:

- A kernel walks its rows in order and keeps what it remembers in `state`, so that any chunking gives the same bits.
- The state of one series is `size` numbers at ``base + series * size``; `istate` is the same memory read as integers.
  All zeros is the state of a series that has not begun.
- Registers hold finite numbers and NaN, never an infinity; what is beyond 1e300 counts as overflow.
- Rows of one series often follow each other, so a kernel keeps the state of a run of rows in machine registers.
- A kernel file uses nothing of any other file: numba's cache of it then depends on it alone. The machine, which uses
  them all, has their fingerprint in the key of its cache.
"""
