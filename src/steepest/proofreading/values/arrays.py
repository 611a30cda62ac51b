"""Arrays of values at random points: numbers have the shape (POINTS,), vectors and matrices (POINTS, rows, columns).

What has no value raises an error with the reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from steepest.proofreading.meaning.document_model import RATES, Key


class NoValueError(Exception):
    """A part of a formula has no value."""


class UndecidedError(NoValueError):
    """Something that the value depends on is not known."""


class ShapeClashError(NoValueError):
    """Vectors or matrices do not fit together."""


Array = np.ndarray[Any, np.dtype[Any]]
POINTS = 16
"""The number of random points. A wrong polynomial identity already fails at the first one, almost surely (Schwartz
1980); further points are for kinks, conditions and domains, which show at some points only."""


def elementwise(operation: Any, left: Array, right: Array) -> Array:
    """Apply an operation to each element; numbers are broadcast, and so is a bias over the samples of a matrix."""
    if left.ndim == right.ndim == 1:
        return np.asarray(operation(left, right))
    if left.ndim == 1:
        return np.asarray(operation(left[:, None, None], right))
    if right.ndim == 1:
        return np.asarray(operation(left, right[:, None, None]))
    one, other = left.shape[1:], right.shape[1:]
    if one != other:
        small, large = sorted((one, other), key=lambda s: s[0] * s[1])
        bias = (small[0] == large[0] and small[1] == 1) or (small[1] == large[1] and small[0] == 1)
        if not bias:
            raise ShapeClashError(f"{one[0]}×{one[1]} and {other[0]}×{other[1]} do not fit")
    return np.asarray(operation(left, right))


def stacked(cells: Sequence[Array], trouble: str) -> Array:
    """Stack numbers along a new last axis; raise UndecidedError with this trouble if one of them is an array."""
    if any(cell.ndim != 1 for cell in cells):
        raise UndecidedError(trouble)
    return np.stack(cells, axis=-1)


@lru_cache(maxsize=4096)
def random_numbers(key: Key) -> Array:
    """Return the random numbers of a key: half of either sign, half between 0 and 1, the domain of logarithms."""
    seed = zlib.crc32(repr(key).encode())
    rng = np.random.default_rng(seed)
    wide = rng.uniform(0.15, 1.6, POINTS // 2) * rng.choice([-1.0, 1.0], POINTS // 2)
    narrow = rng.uniform(0.1, 0.9, POINTS - POINTS // 2)
    value = np.concatenate([wide, narrow])
    if key[0].startswith("\\Delta "):
        value = value * 0.5
    elif key[0] in RATES:
        value = np.abs(value)
    value.flags.writeable = False  # it is kept, and given to everybody
    return value
