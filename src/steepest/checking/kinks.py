"""Kinks: points where an operation is not differentiable, and whether the cost is differentiable there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.prepared import PreparedCost
from steepest.checking.finite_differences import CostFunction, Difference, automatic_difference
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaf, leaves, substitute, toposort
from steepest.tables.values import bind

Array = NDArray[Any]

RESOLVED = 1e-4
"""A wider error bar, relative to the derivative, is inconclusive: faults of interest change it by 0.01 % or more."""
_AT_KINK = 1e-12  # distance to a kink that counts as 0; round-off of inputs of order 1 is smaller
_NUDGE = 1e-6  # shift that shows whether a point leaves a kink; far above round-off, far below a scale of 1
_STEP = "(step)"  # the distance along a direction; no formula has such a name


@dataclass(frozen=True)
class Kink:
    """A kink of an operation that lies at the present point, in some samples.

    Attributes:
        node: the operation.
        distance: an expression that is 0 at the kink.
        value: its value, ``(n, …)`` if it has one per sample.
        at_kink: where it is 0.
    """

    node: Expression
    distance: Expression
    value: Any
    at_kink: Any

    @property
    def place(self) -> str:
        """The node and the condition: ``abs(x), where x = 0``."""
        text = str(self.node)
        return f"{text if len(text) <= 60 else f'{text[:59]}…'}, where {self.distance} = 0"

    @property
    def where(self) -> str:
        """The place, and the first sample there."""
        rows: Any = np.argwhere(self.at_kink.reshape(len(self.at_kink), -1).any(axis=1)) if self.node.per_sample else ()
        return f"{self.place} for sample {int(rows.ravel()[0]) + 1}" if len(rows) else self.place


def kinks_at(cost: Expression, point: Mapping[str, Any], variables: Collection[Expression] | None = None) -> list[Kink]:
    """Return the kinks at a point of operations that depend on the variables, the parameters if left out."""
    candidates: list[tuple[Expression, Expression]] = []
    varying: set[Expression] = set()
    for node in toposort([cost]):
        varies = node.operation is PARAMETER if variables is None else node in variables
        if varies or any(arg in varying for arg in node.args):
            varying.add(node)
            candidates += [(node, kink(*node.args)) for kink in node.operation.kinks]
    if not candidates:
        return []
    distances = evaluate_per_sample(cost, dict(enumerate(distance for _, distance in candidates)), point)
    found = []
    for k, (node, distance) in enumerate(candidates):
        value = np.asarray(distances[k])
        at_kink = np.abs(value) <= _AT_KINK
        if np.any(at_kink):
            found.append(Kink(node, distance, value, at_kink))
    return found


def kink_left(cost: Expression, kinks: Sequence[Kink], point: Mapping[str, Any]) -> Kink | None:
    """Return the first kink that is not at another point, if there is one."""
    if not kinks:
        return None
    values = evaluate_per_sample(cost, dict(enumerate(kink.distance for kink in kinks)), point)
    found = (kink for n, kink in enumerate(kinks) if np.any((np.asarray(values[n]) != kink.value) & kink.at_kink))
    return next(found, None)


def kink_along(cost: Expression, values: Mapping[str, ArrayLike], direction: Mapping[str, ArrayLike]) -> Kink | None:
    """Return the kink at a point if the derivative along a direction jumps there, else None.

    Arguments of ``stop_gradient`` are constant, as are names without a direction. A direction is the change of a name,
    a number or an array of the value's shape.

    >>> from steepest.expressions.expression import params
    >>> from steepest.expressions.operations import absolute, relu
    >>> x = params("x")
    >>> kink_along(absolute(x), {"x": 0.0}, {"x": 1.0}).place, kink_along(relu(x)**2, {"x": 0.0}, {"x": 1.0})
    ('abs(x), where x = 0', None)
    """
    point = bind([cost], values).arrays
    variables = [node for node in leaves([cost]) if node.name in direction]
    kinks = kinks_at(cost, point, variables)
    if not kinks:
        return None
    size = max(float(np.max(np.abs(direction[node.name]), initial=0.0)) for node in variables)
    scale = max([1.0, *(float(np.max(np.abs(point[node.name]), initial=0.0)) for node in variables)])
    steps = {node: np.asarray(direction[node.name], float) * (scale / (size or 1.0)) for node in variables}
    kink = kink_left(cost, kinks, {**point, **{n.name: point[n.name] + _NUDGE * step for n, step in steps.items()}})
    if kink is None:
        return None
    fixed, given = _fixed_arguments(cost, point)
    step = leaf(PARAMETER, _STEP)
    line = {node: node + step * leaf(node.operation, f"(direction of {node.name})", node.shape) for node in variables}
    directions = {
        f"(direction of {node.name})": np.broadcast_to(s, point[node.name].shape) for node, s in steps.items()
    }
    function = CostFunction(substitute(fixed, line), {**given, **directions, _STEP: 0.0}, others=[cost])
    return kink if slope_at_kink(function, _STEP, ()) is None else None


def evaluate_per_sample(cost: Expression, parts: Mapping[Any, Expression], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Evaluate expressions over as many samples as the cost has, even if they contain no data."""
    found: dict[Any, Any] = evaluate({**parts, None: cost}, values)
    del found[None]
    return found


def cost_function(prepared: PreparedCost, values: Mapping[str, Any]) -> CostFunction:
    """Return the cost as a function of its parameters; arguments of ``stop_gradient`` keep their present value."""
    cost = prepared.cost
    fixed, given = _fixed_arguments(cost, values)
    if fixed is cost:
        return CostFunction(cost, given, program=prepared.cost_program())
    return CostFunction(fixed, given, others=[cost])


def _fixed_arguments(cost: Expression, values: Mapping[str, Any]) -> tuple[Expression, dict[str, Any]]:
    """Return the cost with leaves in place of ``stop_gradient``, and values with those of the leaves."""
    stopped = [node for node in toposort([cost]) if node.operation is op.stop_gradient]
    if not stopped:
        return cost, dict(values)
    stand_ins = {
        node: leaf(DATA if node.per_sample else PARAMETER, f"(held constant {k})", node.shape)
        for k, node in enumerate(stopped)
    }
    constants = evaluate_per_sample(cost, {stand_in.name: node for node, stand_in in stand_ins.items()}, values)
    return substitute(cost, stand_ins), {**values, **constants}


def slope_at_kink(function: CostFunction, name: str, index: tuple[int, ...]) -> Difference | None:
    """Return the derivative if the one-sided derivatives agree, as of relu(w)² at 0, else None."""
    right = automatic_difference(function, name, index, "forward")
    left = automatic_difference(function, name, index, "backward")
    size = max(abs(right.value), abs(left.value))
    error = right.error + left.error
    known = error <= max(RESOLVED * size, 1e-9 * natural_slope(function, name, index))
    if known and abs(right.value - left.value) <= 5 * error + 1e-6 * size:  # five error bars, as of any difference
        return Difference((right.value + left.value) / 2, error, right.step)
    return None


def natural_slope(function: CostFunction, name: str, index: tuple[int, ...]) -> float:
    """Return the derivative that would change the cost by about its own size over the scale of the parameter."""
    cost = function.along(name, index)
    scale = max(1.0, abs(float(function.bound.arrays[name][index])))
    near = [abs(cost(change * scale)) for change in (-0.25, 0.0, 0.25)]
    return max([value for value in near if np.isfinite(value)], default=0.0) / scale
