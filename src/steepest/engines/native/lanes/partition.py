"""How the samples of a table are split: into blocks of lanes, parts of whole blocks, and threads."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np

from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.llvm.code import Value
from steepest.engines.native.llvm.memory import Array, aligned, processors

_PART = 20_000  # instructions of a part at least, so that threads do not wait at the barrier for longer than they work
_MOST_PARTS = 64  # every thread adds up the sums of all parts, so that more of them would not pay


def blocks_of(column: Array, samples: int) -> Array:
    """Return a data column ``(n, …)`` in blocks of ``samples``: block, element, sample; the last sample is repeated."""
    rows = len(column)
    elements = prod(column.shape[1:])
    missing = -rows % samples
    if elements == 1 and not missing and column.flags.c_contiguous:
        return column.reshape(-1)
    blocks = (rows + missing) // samples
    made = aligned(blocks * elements * samples, column.dtype)
    view = made.reshape(blocks, elements, samples).transpose(0, 2, 1)
    flat = column.reshape(rows, elements)
    whole = rows // samples
    view[:whole] = flat[: whole * samples].reshape(whole, samples, elements)
    if missing:
        view[whole, : samples - missing] = flat[whole * samples :]
        view[whole, samples - missing :] = flat[-1]
    return made


class Partition(NamedTuple):
    """How samples are split, for one of the threads: numbers, or the run-time values that a kernel reads them as."""

    rows: Value
    blocks: Value
    parts: Value
    threads: Value
    thread: Value = 0

    def array(self, thread: int) -> Array:
        """Return what one thread's kernel gets."""
        return np.array(self._replace(thread=thread), np.int64)


def partition(plan: Plan, rows: int, work: int, threads: int | None = None) -> Partition:
    """Split the samples of a table.

    The number of parts depends on the table and the program alone, so that sums have the same rounding on any number
    of processors. A register of samples takes ``work`` instructions; as many threads as pay are used if None are given.
    """
    if plan.unrolled:
        return Partition(rows, 1, 1, 1)
    blocks = plan.blocks(rows)
    registers = max(plan.lanes.sampled // plan.native, 1)
    parts = max(1, min(blocks * work * registers // _PART, blocks, _MOST_PARTS))
    wanted = min(processors(), parts // 2) if threads is None else threads
    return Partition(rows, blocks, parts, max(1, min(wanted, parts)))
