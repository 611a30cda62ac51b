"""How the samples of a table are split: into blocks of lanes, parts of whole blocks, and threads."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from steepest.engines.native.lanes.plan import Plan
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


@dataclass(frozen=True)
class Partition:
    """How samples are split: blocks, parts of whole blocks, threads."""

    rows: int
    blocks: int
    parts: int
    threads: int

    def array(self, thread: int) -> Array:
        """Return what one thread's kernel gets, in the order of ``frame.PARTITION``."""
        return np.array([self.rows, self.blocks, self.parts, self.threads, thread], np.int64)


def partition(plan: Plan, rows: int, work: int, threads: int | None = None) -> Partition:
    """Split the samples of a table.

    The number of parts depends on the table and the program alone, so that sums have the same rounding on any number
    of processors.

    Args:
        plan: the layout.
        rows: the number of samples.
        work: instructions per register of samples.
        threads: how many, if not as many as pay.
    """
    if plan.unrolled:
        return Partition(rows, 1, 1, 1)
    blocks = plan.blocks(rows)
    registers = max(plan.lanes.sampled // plan.native, 1)
    parts = max(1, min(blocks * work * registers // _PART, blocks, _MOST_PARTS))
    wanted = min(processors(), parts // 2) if threads is None else threads
    return Partition(rows, blocks, parts, max(1, min(wanted, parts)))
