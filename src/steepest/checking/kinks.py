"""Kinks: points where an operation is not differentiable, and whether the cost is differentiable there."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.program import lower
from steepest.checking.lines import CostFunction
from steepest.checking.precise import Precise
from steepest.checking.round_off import RoundOff
from steepest.checking.slopes import slope
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, leaf, leaves, substitute, toposort
from steepest.tables.values import bind

Array = NDArray[Any]

_NUDGE = 1e-6  # shift that shows whether a point leaves a kink; far above round-off, far below a scale of 1


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
    distances = [distance for _, distance in candidates]
    values = evaluate_per_sample(cost, dict(enumerate(distances)), point)
    bound = bind([cost, *distances], point)
    errors = RoundOff(lower(distances))(bound.arrays, bound.rows)
    found = []
    for k, (node, distance) in enumerate(candidates):
        value = np.asarray(values[k])
        at_kink = np.abs(value) <= errors[k]
        if np.any(at_kink):
            found.append(Kink(node, distance, value, at_kink))
    return found


def kink_left(cost: Expression, kinks: Sequence[Kink], point: Mapping[str, Any]) -> Kink | None:
    """Return the first kink that is not at another point, where it is left, if there is one."""
    if not kinks:
        return None
    values = evaluate_per_sample(cost, dict(enumerate(kink.distance for kink in kinks)), point)
    for n, kink in enumerate(kinks):
        leaving = (np.asarray(values[n]) != kink.value) & kink.at_kink
        if np.any(leaving):
            return replace(kink, at_kink=leaving)
    return None


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
    steps = {node.name: np.asarray(direction[node.name], float) * (scale / (size or 1.0)) for node in variables}
    kink = kink_left(cost, kinks, {**point, **{name: point[name] + _NUDGE * step for name, step in steps.items()}})
    if kink is None:
        return None
    fixed, given = fixed_arguments(cost, point)
    bound = bind([fixed], given)
    moving = {name: np.broadcast_to(step, bound.arrays[name].shape) for name, step in steps.items() if name in given}
    found = slope(Precise([fixed], bound.arrays, bound.rows), {n: bound.arrays[n] for n in moving}, moving)
    return kink if found.jumps else None


def evaluate_per_sample(cost: Expression, parts: Mapping[Any, Expression], values: Mapping[str, Any]) -> dict[Any, Any]:
    """Evaluate expressions over as many samples as the cost has, even if they contain no data."""
    found: dict[Any, Any] = evaluate({**parts, None: cost}, values)
    del found[None]
    return found


def cost_function(prepared: PreparedCost, values: Mapping[str, Any]) -> CostFunction:
    """Return the cost as a function of its parameters; arguments of ``stop_gradient`` keep their present value."""
    cost = prepared.cost
    fixed, given = fixed_arguments(cost, values)
    if fixed is cost:
        return CostFunction(cost, given, program=prepared.cost_program())
    return CostFunction(fixed, given, others=[cost])


def fixed_arguments(cost: Expression, values: Mapping[str, Any]) -> tuple[Expression, dict[str, Any]]:
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
