"""Arguments for the native engine's elementary functions: everywhere, where a function lives, and where it is hard."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arguments = tuple[Array, ...]

KINDS: dict[int, type[np.floating[Any]]] = {64: np.float64, 32: np.float32}

RANGES: dict[str, list[tuple[float, float]]] = {
    "exp": [(-745.2, 709.8), (-104.0, 88.8), (-1.0, 1.0), (-0.4, 0.4)],
    "expm1": [(-40.0, 60.0), (-1.2, 1.2), (-0.4, 0.4)],
    "log": [(0.5, 2.0), (0.0, 100.0), (0.99, 1.01)],
    "log1p": [(-1.0, 3.0), (-0.5, 0.5), (-1e-4, 1e-4)],
    "tanh": [(-1.0, 1.0), (-22.0, 22.0), (0.5, 0.6)],
    "sigmoid": [(-746.0, -30.0), (-40.0, 40.0), (-2.0, 2.0), (-104.0, -80.0)],
    "softplus": [(-746.0, -30.0), (-40.0, 40.0), (-2.0, 2.0)],
    "sin": [(-10.0, 10.0), (-1.0, 1.0), (-(2.0**20), 2.0**20), (2.0**20, 2.0**30)],
    "cos": [(-10.0, 10.0), (-1.0, 1.0), (-(2.0**20), 2.0**20), (2.0**20, 2.0**30)],
    "arctan": [(-1.0, 1.0), (-10.0, 10.0), (0.4, 0.8), (-1e3, 1e3)],
    "sqrt": [(0.0, 4.0)],
}
"""Where a function of one argument is neither constant nor undefined."""

_EVERYWHERE = [0.0, 1.0, -1.0, np.inf, -np.inf]
_UNDERFLOW = {64: [-708.396418532264, -745.1332191019411], 32: [-87.33654, -103.97208]}
_OVERFLOW = {64: [709.782712893384], 32: [88.72284]}

EDGES: dict[str, list[float]] = {
    "tanh": [0.55, -0.55, 9.0, 10.0, 19.1, 20.0],
    "sin": [2.0**20, -(2.0**20), np.pi, np.pi / 2, np.pi / 4],
    "cos": [2.0**20, -(2.0**20), np.pi, np.pi / 2, np.pi / 4],
    "arctan": [0.42, -0.42, 0.5, 0.72, -0.72, 2.4, -2.4, 2.0**24, 2.0**53],
    "log": [np.sqrt(0.5), np.sqrt(2.0)],
    "log1p": [np.sqrt(0.5) - 1, np.sqrt(2.0) - 1, 2.0**53, 2.0**60, 2.0**24, 2.0**31],
    "expm1": [-37.43, -17.33],
    "sigmoid": [37.0, -37.0, 750.0, -750.0, 105.0, -105.0],
    "softplus": [37.0, -37.0, 750.0, -750.0, 105.0, -105.0],
}
"""Where the computation changes, besides 0, ±1, overflow and underflow."""


def edges(name: str, width: int, reach: int = 20) -> Array:
    """The numbers around every edge of a function, ``reach`` to either side."""
    kind = KINDS[width]
    least = np.finfo(kind).tiny
    centres = [*_EVERYWHERE, *EDGES.get(name, []), least, -least, np.finfo(kind).max, -np.finfo(kind).max]
    centres += [sign * x for x in _UNDERFLOW[width] + _OVERFLOW[width] for sign in (1, -1)]
    centres += [k * np.log(2) / 2 for k in range(-9, 10)]  # where reductions turn
    found = [np.array(centres, kind)]
    with np.errstate(over="ignore", under="ignore"):
        for direction in (np.inf, -np.inf):
            x = found[0]
            for _ in range(reach):
                x = np.nextafter(x, kind(direction))
                found.append(x)
    return np.concatenate(found)


def everywhere(width: int, count: int, seed: int) -> Array:
    """Numbers of every exponent and either sign: evenly spaced bits, from a random start."""
    bits = np.uint64 if width == 64 else np.uint32
    start, step = np.random.default_rng(seed).integers(0, 2**32), (2**width // count) | 1
    whole = np.arange(count, dtype=np.uint64) * np.uint64(step % 2**64) + np.uint64(start)
    found: Array = whole.astype(bits).view(KINDS[width])
    return found


def near_turns(count: int) -> Array:
    """The doubles next to ``count`` multiples of π/2 up to 2^20, where a sine or a cosine nearly vanishes."""
    turns = np.linspace(1, 2**20 * 2 / np.pi, count).astype(np.int64)
    found: Array = (turns * (np.longdouble(np.pi) / 2 + np.longdouble(6.123233995736766e-17))).astype(np.float64)
    return found


def powers(width: int, count: int, seed: int) -> list[Arguments]:
    """Bases and exponents whose powers fill the range of the format, and some with whole exponents."""
    rng, kind = np.random.default_rng(seed), KINDS[width]
    low, high, least, most = (-745.0, 710.0, -1022, 1023) if width == 64 else (-104.0, 89.0, -126, 127)
    found = []
    for logarithms in (
        rng.uniform(least, most, count) * np.log(2),
        rng.uniform(-1, 1, count),
        rng.normal(0, 1e-5, count),
    ):
        found.append((np.exp(logarithms).astype(kind), (rng.uniform(low, high, count) / logarithms).astype(kind)))
    base = rng.uniform(-10, 10, count).astype(kind)
    found.append((base, rng.integers(-20, 21, count).astype(kind)))
    found.append((np.abs(base), rng.uniform(-5, 5, count).astype(kind)))
    return found


def samples(name: str, width: int, count: int, seed: int = 1) -> list[Arguments]:
    """Arrays of about ``count`` arguments each: everywhere, in every range, and at the edges."""
    if name == "power":
        return [
            (everywhere(width, count, seed), everywhere(width, count, seed + 1)[::-1].copy()),
            *powers(width, count, seed),
        ]
    rng, kind = np.random.default_rng(seed), KINDS[width]
    found = [everywhere(width, count, seed)]
    found += [rng.uniform(low, high, count).astype(kind) for low, high in RANGES[name]]
    if name in ("sin", "cos") and width == 64:
        found.append(near_turns(count))
    found.append(edges(name, width))
    return [(x,) for x in found]
