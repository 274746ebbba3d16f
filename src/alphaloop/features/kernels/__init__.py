"""The compiled inner loops, one file for each kind of operator.

What all kernels keep to:

- All they work on is in one memory, `mem`, of which `imem` is the same numbers read as integers. Operands and results
  are places in it: row `i` of operand `x` is ``mem[x + i]``. An array made for each operand would cost more than the
  work on a single row. Loops that should run over eight rows at a time see the registers as a table `regs` instead,
  whose second index the compiler knows not to be negative.
- A kernel walks its rows in order and keeps what it remembers, so that any chunking gives the same bits. What it
  remembers of one series is `size` numbers at ``base + series * size``; all zeros is a series that has not begun.
- Operands hold finite numbers and NaN, never an infinity; what is beyond 1e300 counts as overflow.
- Rows of one series often follow each other, so a kernel keeps the state of a run of rows in local variables.
- A kernel file uses nothing of any other file: numba's cache of it then depends on it alone. The machine, which uses
  them all, has their fingerprint in the key of its cache.
"""
