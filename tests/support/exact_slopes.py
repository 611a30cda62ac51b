"""One-sided slopes of a cost with many digits: the truth about its gradient.

A slope is a difference quotient. Its step is far below every number and every distance to a branch in the cost, and
the digits are enough for the step, so that nothing is cancelled or stepped over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mpmath as mp

from exact_values import LARGEST_EXPONENT, Evaluator, Index, UndefinedError
from steepest.expressions.expression import PARAMETER, Expression, toposort

_EXTRA_DIGITS = 390  # 300 for a slope that is smaller than the cost, 90 for two steps and what is left of them
_STEPS = (-25, -40)  # powers of ten of the smallest number of the cost


@dataclass(frozen=True)
class Slopes:
    """The one-sided derivatives by one element; None where there is none that is finite.

    Attributes:
        left, right: the slopes.
        jump: whether a slope is missing because the cost jumps or is vertical there, with values on both sides.
    """

    left: mp.mpf | None
    right: mp.mpf | None
    jump: bool = False

    @property
    def derivative(self) -> mp.mpf | None:
        """The derivative, if both slopes agree."""
        if self.left is None or self.right is None:
            return None
        size = max(abs(self.left), abs(self.right))
        same = abs(self.left - self.right) <= mp.mpf("1e-15") * size
        return (self.left + self.right) / 2 if same else None

    @property
    def kink(self) -> tuple[float, float] | None:
        """The smaller and the larger slope, if both are finite and differ."""
        if self.left is None or self.right is None or self.derivative is not None:
            return None
        low, high = sorted((float(self.left), float(self.right)))
        return low, high


class Point:
    """A cost at a point, of which slopes are asked for.

    Raises:
        UndefinedError: the cost has no value there, or round-off chooses a branch, as two numbers are equal by an
            identity: log(exp(w)) and w are, but differ in the last digit, however many there are.
    """

    def __init__(self, cost: Expression, values: Mapping[str, Any], rows: int) -> None:
        self.cost, self.values, self.rows = cost, values, rows
        self.order = toposort([cost])
        with mp.workdps(80):
            probe = Evaluator(values, rows)
            self.value = probe.at(cost, -1, ())
            spread = mp.log10(probe.largest) - mp.log10(probe.smallest)
            self.unit = mp.mpf(10) ** int(mp.floor(mp.log10(probe.smallest)))
            self.largest = probe.largest
        if spread > 4 * LARGEST_EXPONENT:
            raise UndefinedError("numbers of too many sizes")
        self.digits = math.ceil(spread) + _EXTRA_DIGITS
        self._still: dict[int | None, Evaluator] = {}
        self._expect_no_ties_by_round_off()

    def _expect_no_ties_by_round_off(self) -> None:
        found = []
        for more in (0, 100):
            with mp.workdps(self.digits + more):
                evaluator = Evaluator(self.values, self.rows)
                evaluator.at(self.cost, -1, ())
                found.append(evaluator.distances)
        known, better = found
        for key, distance in better.items():
            if key not in known or abs(known[key] - distance) > abs(distance) / 2:
                raise UndefinedError("equal by an identity")

    def _depends(self, name: str) -> frozenset[Expression]:
        found: set[Expression] = set()
        for node in self.order:
            if (node.operation is PARAMETER and node.name == name) or (
                node.operation.name != "stop_gradient" and any(arg in found for arg in node.args)
            ):
                found.add(node)
        return frozenset(found)

    def _base(self, jitter: int | None) -> Evaluator:
        if jitter not in self._still:
            plain = None if jitter is None else self._base(None)
            self._still[jitter] = Evaluator(self.values, self.rows, jitter=jitter, plain=plain)
        return self._still[jitter]

    def _slope(
        self, name: str, index: Index, step: mp.mpf, depends: frozenset[Expression], jitter: int | None = None
    ) -> mp.mpf | None:
        moved = (name, index, step)
        base = self._base(jitter)
        there = plain = Evaluator(self.values, self.rows, moved, self._base(None), depends)
        if jitter is not None:
            there = Evaluator(self.values, self.rows, moved, base, depends, jitter, plain)
        try:
            return (there.at(self.cost, -1, ()) - base.at(self.cost, -1, ())) / step
        except UndefinedError:
            return None

    def slopes(self, name: str, index: Index) -> Slopes:
        """Return the slopes to the left and to the right by one element of a parameter."""
        depends = self._depends(name)
        with mp.workdps(self.digits):
            first, second = (self.unit * mp.mpf(10) ** power for power in _STEPS)
            found: dict[int, mp.mpf | None] = {}
            jump = False
            for side in (-1, 1):
                coarse, fine = (self._slope(name, index, side * step, depends) for step in (first, second))
                round_off = self.largest * mp.mpf(10) ** (20 - self.digits) / second
                found[side] = _limit(coarse, fine, round_off)
                jump = jump or (coarse is not None and fine is not None and found[side] is None)
            return Slopes(found[-1], found[1], jump)

    def jittered(self, name: str, index: Index, seeds: int = 4) -> list[mp.mpf]:
        """Return slopes to the right of costs whose operations are each wrong by a rounding, one cost a seed."""
        depends = self._depends(name)
        with mp.workdps(self.digits):
            step = self.unit * mp.mpf(10) ** _STEPS[0]
            found = [self._slope(name, index, step, depends, seed) for seed in range(seeds)]
            return [slope for slope in found if slope is not None]


def _limit(coarse: mp.mpf | None, fine: mp.mpf | None, round_off: mp.mpf) -> mp.mpf | None:
    """Return what two quotients tend to, the finer of which has a step that is smaller by a factor of 1e-15."""
    if coarse is None or fine is None:
        return None
    if max(abs(coarse), abs(fine)) <= round_off:
        return mp.mpf(0)
    if abs(coarse - fine) <= mp.mpf("1e-15") * abs(fine):
        return fine
    # A slope as of x^1.5 at 0 vanishes with the step; one as of a square root or a jump grows.
    return mp.mpf(0) if abs(fine) < mp.mpf("1e-3") * abs(coarse) else None
