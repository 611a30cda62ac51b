"""A cost as a function of the distance along a line: one element of a parameter, or a direction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.checking.round_off import RoundOff
from steepest.engines.reference import Compiled
from steepest.errors import GradientError
from steepest.expressions.expression import Expression
from steepest.tables.values import Bound, bind

Array = NDArray[Any]
COMPLEX_STEP = 1e-30  # its square is far below round-off; times a derivative of 1e-270 it is still a normal number


class CostFunction:
    """A cost as a function of its parameters, from which lines are taken.

    Args:
        cost: a scalar expression.
        values: a value for every name in it.
        dtype: the precision of the evaluations; complex numbers are used for the complex step.
        others: expressions whose parameters may also vary, though the cost does not contain them.
        program: the program of the cost's stable form, if it is known.
    """

    def __init__(
        self, cost: Expression, values: Mapping[str, ArrayLike], dtype: str = "float64",
        others: Sequence[Expression] = (), program: Program | None = None,
    ) -> None:  # fmt: skip
        if cost.per_sample or cost.shape:
            raise GradientError("finite differences need a scalar; take the mean, total or sum of the expression")
        self.bound: Bound = bind([cost, *others], values, dtype)
        self.dtype = dtype
        self._program = lower([stabilise([cost])[cost]]) if program is None else program
        self._real = Compiled(self._program, dtype)
        self._complex: Any = None
        self._round_off: RoundOff | None = None

    def value(self, arrays: Mapping[str, Array]) -> float:
        """Return the cost."""
        return float(self._real(arrays, self.bound.rows)[0])

    def round_off(self, arrays: Mapping[str, Array], given: Mapping[str, Any]) -> float:
        """Return a bound of the round-off in the cost; infinite if the cost is not finite."""
        if self._round_off is None:
            self._round_off = RoundOff(self._program, self.dtype)
        found = float(self._round_off(arrays, self.bound.rows, given)[0])
        return found if np.isfinite(found) else np.inf

    def complex_value(self, arrays: Mapping[str, Array]) -> complex:
        """Return the cost of complex values."""
        if self._complex is None:
            self._complex = Compiled(self._program, "complex128")
        return complex(self._complex({n: a.astype(np.complex128) for n, a in arrays.items()}, self.bound.rows)[0])


class Line:
    """A cost along a line through its point.

    Args:
        function: the cost.
        name: the parameter that varies.
        way: the index of an element, or a direction of the parameter's shape.
    """

    enough = 0.0  # differences are as good as they can be

    def __init__(self, function: CostFunction, name: str, way: tuple[int, ...] | Array) -> None:
        self._function, self._name = function, name
        self._arrays = function.bound.arrays
        base = self._arrays[name]
        self._element = way if isinstance(way, tuple) else None
        if isinstance(way, tuple):
            self.direction = np.zeros(base.shape, base.dtype)
            self.direction[way] = 1
            self.size = abs(float(base[way]))
        else:
            self.direction = way.astype(base.dtype)
            self.size = float(np.max(np.abs(base), initial=0.0) / (np.max(np.abs(way), initial=0.0) or 1.0))
        self.dtype = base.dtype

    def _moved(self, distance: float) -> dict[str, Array]:
        base = self._arrays[self._name]
        if self._element is None:
            shifted = base + base.dtype.type(distance) * self.direction
        else:
            shifted = base.copy()
            shifted[self._element] += distance
        return {**self._arrays, self._name: shifted}

    def value(self, distance: float) -> float:
        """Return the cost at a distance."""
        return self._function.value(self._moved(distance))

    def exact(self, distance: float) -> float:
        """Return the distance that results when it is added in floating point."""
        if self._element is None:
            return distance
        base = self._arrays[self._name][self._element]
        return float((base + base.dtype.type(distance)) - base)

    def round_off(self, distance: float = 0.0) -> float:
        """Return a bound of the round-off in the cost at a distance."""
        moved = self._moved(distance)
        shifted = self._element is None and distance != 0
        unit = float(np.finfo(self.dtype).eps)
        given = {self._name: unit * np.abs(moved[self._name])} if shifted else {}
        return self._function.round_off(moved, given)

    def complex_slope(self, step: float = COMPLEX_STEP, distance: float = 0.0) -> float:
        """Return Im C(w + iε)/ε, free of cancellation, so that ε may be as small as 1e-30."""
        arrays = self._moved(distance)
        arrays = {**arrays, self._name: arrays[self._name] + 1j * step * self.direction}
        return self._function.complex_value(arrays).imag / step
