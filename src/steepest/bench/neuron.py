"""The experiment: a neuron that learns NAND, by gradient descent and by forward finite differences (row A7).

C = 1/n Σ (a − z)² with a = σ(x·w1 + y·w2 + b), from one start at one rate. The two loops are plain Python: they are
one of the peers, Numba compiles them unchanged, and every other peer must end at the same cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Literal

Method = Literal["GD", "FD"]
METHODS: tuple[Method, ...] = ("GD", "FD")

X, Y, Z = (0.0, 0.0, 1.0, 1.0), (0.0, 1.0, 0.0, 1.0), (1.0, 1.0, 1.0, 0.0)
START = (0.3, 0.6, 0.1)
RATE = 0.1
STEP = 1e-3  # ε of the differences
EPOCHS = 8_000_000

Column = Sequence[float]
Point = tuple[float, float, float]
Loop = Callable[[Column, Column, Column, Point, float, float, int], Point]


def cost(x: Column, y: Column, z: Column, w1: float, w2: float, b: float) -> float:
    """Return C at the parameters w1, w2, b."""
    total = 0.0
    for i in range(len(x)):
        e = 1.0 / (1.0 + exp(-(x[i] * w1 + y[i] * w2 + b))) - z[i]
        total += e * e
    return total / len(x)


def gradient_descent(x: Column, y: Column, z: Column, start: Point, rate: float, step: float, epochs: int) -> Point:
    """Repeat w := w − α ∂C/∂w, the derivative by the chain rule."""
    w1, w2, b = start
    scale = 2.0 * rate / len(x)
    for _ in range(epochs):
        g1 = g2 = gb = 0.0
        for i in range(len(x)):
            a = 1.0 / (1.0 + exp(-(x[i] * w1 + y[i] * w2 + b)))
            delta = (a - z[i]) * a * (1.0 - a)
            g1 += delta * x[i]
            g2 += delta * y[i]
            gb += delta
        w1 -= scale * g1
        w2 -= scale * g2
        b -= scale * gb
    return w1, w2, b


def finite_difference(x: Column, y: Column, z: Column, start: Point, rate: float, step: float, epochs: int) -> Point:
    """Repeat w := w − α (C(w + ε) − C(w))/ε: four costs per epoch."""
    w1, w2, b = start
    n = len(x)
    for _ in range(epochs):
        here = c1 = c2 = cb = 0.0
        for i in range(n):
            e = 1.0 / (1.0 + exp(-(x[i] * w1 + y[i] * w2 + b))) - z[i]
            e1 = 1.0 / (1.0 + exp(-(x[i] * (w1 + step) + y[i] * w2 + b))) - z[i]
            e2 = 1.0 / (1.0 + exp(-(x[i] * w1 + y[i] * (w2 + step) + b))) - z[i]
            eb = 1.0 / (1.0 + exp(-(x[i] * w1 + y[i] * w2 + (b + step)))) - z[i]
            here += e * e
            c1 += e1 * e1
            c2 += e2 * e2
            cb += eb * eb
        w1 -= rate * (c1 - here) / (n * step)
        w2 -= rate * (c2 - here) / (n * step)
        b -= rate * (cb - here) / (n * step)
    return w1, w2, b


LOOPS: dict[Method, Loop] = {"GD": gradient_descent, "FD": finite_difference}


def final_cost(method: Method, epochs: int) -> float:
    """Return the cost after this many epochs of plain Python."""
    return cost(X, Y, Z, *LOOPS[method](X, Y, Z, START, RATE, STEP, epochs))
