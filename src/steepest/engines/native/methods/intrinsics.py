"""Arrays at addresses and calls of kernels, which functions that are translated use; here as Python runs them."""

from __future__ import annotations

import ctypes
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Words: TypeAlias = NDArray[np.int64]

CALLED_WITH = 7
"""The number of addresses that a kernel of ``lanes.evaluation`` takes."""


def evaluate(kernel: Words) -> None:
    """Call a kernel: ``kernel`` has its address and those of the arrays that it takes."""
    addresses = [int(word) for word in kernel[: 1 + CALLED_WITH]]
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * CALLED_WITH)(addresses[0])(*addresses[1:])


def floats_at(address: int) -> Floats:
    """Return the array of float64 at an address; its length is unknown."""
    pointer = ctypes.cast(ctypes.c_void_p(int(address)), ctypes.POINTER(ctypes.c_double))
    return np.ctypeslib.as_array(pointer, (1 << 40,))


def after(array: Floats, count: int) -> Floats:
    """Return the elements of an array after the first ``count``."""
    return array[count:]


def later(array: Words, count: int) -> Words:
    """Return the whole numbers of an array after the first ``count``."""
    return array[count:]
