"""Arrays laid out as kernels want them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.state import Layout

Array = NDArray[Any]
_ALIGNMENT = 64
_PART = 20_000  # instructions that a part of the samples takes at least, lest meeting take longer than working
_MOST_PARTS = 64


def aligned(numbers: int, dtype: Any) -> Array:
    """Zeros that begin at the beginning of a cache line."""
    size = max(numbers, 1) * np.dtype(dtype).itemsize
    raw = np.zeros(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype)


def blocks_of(column: Array, samples: int) -> Array:
    """A data column ``(n, …)`` in blocks of ``samples``: block, element, sample; its last one fills the last block."""
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
    """How samples are dealt: blocks, parts of whole blocks, threads."""

    rows: int
    blocks: int
    parts: int
    threads: int

    def array(self, thread: int) -> Array:
        """What a kernel's ``partition`` holds."""
        return np.array([self.rows, self.blocks, self.parts, self.threads, thread], np.int64)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def partition(plan: Plan, rows: int, work: int, threads: int | None = None) -> Partition:
    """How samples are dealt.

    Args:
        plan: the layout.
        rows: the number of samples.
        work: instructions a register of samples.
        threads: how many, if not as many as pay.
    """
    if plan.unrolled:
        return Partition(rows, 1, 1, 1)
    blocks = plan.blocks(rows)
    registers = max(plan.lanes.sampled // plan.native, 1)
    parts = max(1, min(blocks * work * registers // _PART, blocks, _MOST_PARTS))
    wanted = min(processors(), parts // 2) if threads is None else threads
    return Partition(rows, blocks, parts, max(1, min(wanted, parts)))


def addresses(arrays: Sequence[Array]) -> Array:
    """The arrays' addresses as an array, which the caller keeps as long as them."""
    return np.array([array.ctypes.data for array in arrays] or [0], np.uintp)


def packed(values: Mapping[str, Any], where: Layout, target: Array) -> None:
    """Write parameters to their places in one array."""
    for leaf in where.leaves:
        begin = where.begins[leaf.name]
        target[begin : begin + prod(leaf.shape)] = np.ravel(values[leaf.name])


def unpacked(source: Array, where: Layout) -> dict[str, Array]:
    """Copies of the parameters in one array."""
    found = {}
    for leaf in where.leaves:
        begin = where.begins[leaf.name]
        found[leaf.name] = source[begin : begin + prod(leaf.shape)].reshape(leaf.shape).copy()
    return found
