"""Evaluates the functions that formulas may use without a definition, for complex numbers, too.

The operations of the table are run by the reference engine, whose complex kernels carry a complex step through.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from steepest.engines.reference import Compiled, compile_expressions
from steepest.expressions.expression import DATA, Operation, leaf
from steepest.proofreading.reading.vocabulary import operation_of
from steepest.proofreading.values.arrays import Array

_ANY_NUMBER = ("max", "min")  # of arguments


def _diagonal(value: Array) -> Array:
    if value.ndim != 3 or value.shape[2] != 1:
        return np.full(value.shape, np.nan)
    return np.asarray(value * np.eye(value.shape[1]))


_ON_PAPER: dict[str, Callable[..., Any]] = {
    "tan": np.tan, "sinh": np.sinh, "cosh": np.cosh, "diag": _diagonal,
}  # fmt: skip


def is_known(name: str) -> bool:
    """Return whether a function can be applied to each element, or is ``diag``."""
    return name in _ON_PAPER or operation_of(name) is not None


def apply(name: str, *values: Array) -> Array:
    """Return a known function of arrays, broadcast; raise ValueError if it takes another number of arguments."""
    row = operation_of(name)
    arity = 1 if row is None else row.arity
    if len(values) != arity and not (name in _ANY_NUMBER and values):
        raise ValueError(f"{name} takes {arity} {'argument' if arity == 1 else 'arguments'}, not {len(values)}")
    if row is None:
        return np.asarray(_ON_PAPER[name](*values))
    most = max(value.ndim for value in values)
    full = [value[(..., *[None] * (most - value.ndim))] for value in values]
    if name in _ANY_NUMBER:
        return reduce(lambda one, other: _run(row, one, other), full)
    return _run(row, *full)


def random_function(name: str, values: Sequence[Array]) -> Array:
    """Return values of the random function of a name, which is analytic so that a complex step passes through."""
    rng = np.random.default_rng(zlib.crc32(("smooth " + name).encode()))
    total: Any = 0.0
    for _ in range(3):
        weights = rng.uniform(0.4, 1.3, 6) * rng.choice([-1.0, 1.0], 6)
        shift, factor = rng.uniform(0.0, 3.0), rng.uniform(0.5, 1.5)
        inner: Any = shift
        for weight, value in zip(np.resize(weights, len(values)), values, strict=True):
            inner = inner + weight * value
        total = total + factor * np.sin(inner)
    return np.asarray(total)


def _run(row: Operation, *values: Array) -> Array:
    dtype = "complex128" if any(np.iscomplexobj(value) for value in values) else "float64"
    names = [f"x{k}" for k in range(len(values))]
    inputs = {name: value.astype(dtype, copy=False) for name, value in zip(names, values, strict=True)}
    found: Array = _compiled(row, dtype)(inputs, len(values[0]))[0]
    return found


@lru_cache(maxsize=128)
def _compiled(row: Operation, dtype: str) -> Compiled:
    return compile_expressions([row(*(leaf(DATA, f"x{k}") for k in range(row.arity)))], dtype)
