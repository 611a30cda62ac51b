"""Memory that kernels are called with: aligned arrays, their addresses, and the processors that share them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ALIGNMENT = 64
"""Bytes of a cache line, which is also the longest vector register: an aligned vector never straddles two lines."""


def aligned(numbers: int, dtype: Any) -> Array:
    """Return zeros that start at the start of a cache line; at least one number, so that there is an address."""
    size = max(numbers, 1) * np.dtype(dtype).itemsize
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size].view(dtype)


def addresses(arrays: Sequence[Array]) -> Array:
    """Return the arrays' addresses as an array; the caller must keep the arrays alive as long as it."""
    return np.array([array.ctypes.data for array in arrays] or [0], np.uintp)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
