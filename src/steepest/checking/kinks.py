"""Kinks: points where the table knows an operation to have no slope, and whether a cost has none there either."""

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
"""An error bar wider than this share of the derivative decides nothing."""
_ON_IT = 1e-12
_STEP = "(step)"  # the distance along a direction; no formula has such a name


@dataclass(frozen=True)
class Kink:
    """A node whose non-differentiable place a point sits on, in some samples.

    Attributes:
        node: the operation that has the kink.
        distance: is 0 where it has it.
        here: its value, ``(n, …)`` if it has one a sample.
        on_it: where that is 0.
    """

    node: Expression
    distance: Expression
    here: Any
    on_it: Any

    @property
    def place(self) -> str:
        """The node and the condition: ``abs(x), where x = 0``."""
        text = str(self.node)
        return f"{text if len(text) <= 60 else f'{text[:59]}…'}, where {self.distance} = 0"

    @property
    def where(self) -> str:
        """The place, and the first sample that is on it."""
        rows: Any = np.argwhere(self.on_it.reshape(len(self.on_it), -1).any(axis=1)) if self.node.per_sample else ()
        return f"{self.place} for sample {int(rows.ravel()[0]) + 1}" if len(rows) else self.place


def kinks_at(cost: Expression, point: Mapping[str, Any], moving: Collection[Expression] | None = None) -> list[Kink]:
    """The kinks that a point sits on.

    Args:
        cost: an expression.
        point: a value for every name in it.
        moving: the leaves on which an operation must depend; the parameters if left out.
    """
    candidates: list[tuple[Expression, Expression]] = []
    moved: set[Expression] = set()
    for node in toposort([cost]):
        is_moved = node.operation is PARAMETER if moving is None else node in moving
        if is_moved or any(arg in moved for arg in node.args):
            moved.add(node)
            for kink in node.operation.kinks:
                candidates.append((node, kink(*node.args)))
    if not candidates:
        return []
    distances = evaluate_beside(cost, dict(enumerate(distance for _, distance in candidates)), point)
    found = []
    for k, (node, distance) in enumerate(candidates):
        here = np.asarray(distances[k])
        on_it = np.abs(here) <= _ON_IT
        if np.any(on_it):
            found.append(Kink(node, distance, here, on_it))
    return found


def left(cost: Expression, kinks: Sequence[Kink], moved: Mapping[str, Any]) -> Kink | None:
    """The first kink that is left when the point moves, if there is one.

    Args:
        cost: the expression that has the kinks.
        kinks: those of the point.
        moved: another point.
    """
    if not kinks:
        return None
    beside = evaluate_beside(cost, dict(enumerate(kink.distance for kink in kinks)), moved)
    found = (kink for n, kink in enumerate(kinks) if np.any((np.asarray(beside[n]) != kink.here) & kink.on_it))
    return next(found, None)


def kink_along(cost: Expression, values: Mapping[str, ArrayLike], direction: Mapping[str, ArrayLike]) -> Kink | None:
    """The kink of a cost at a point, if its slope along a direction jumps there; None if there is a slope.

    What ``stop_gradient`` holds constant is held constant.

    Args:
        cost: an expression of one number.
        values: a value for every name in it.
        direction: how far the names move, each by a number or array of the value's shape; others stay.

    >>> from steepest.expressions.expression import params
    >>> from steepest.expressions.operations import absolute, relu
    >>> x = params("x")
    >>> kink_along(absolute(x), {"x": 0.0}, {"x": 1.0}).place, kink_along(relu(x)**2, {"x": 0.0}, {"x": 1.0})
    ('abs(x), where x = 0', None)

    Source: definition.
    """
    point = bind([cost], values).arrays
    moved_leaves = [node for node in leaves([cost]) if node.name in direction]
    kinks = kinks_at(cost, point, moved_leaves)
    if not kinks:
        return None
    size = max(float(np.max(np.abs(direction[node.name]), initial=0.0)) for node in moved_leaves)
    scale = max([1.0, *(float(np.max(np.abs(point[node.name]), initial=0.0)) for node in moved_leaves)])
    steps = {node: np.asarray(direction[node.name], float) * (scale / (size or 1.0)) for node in moved_leaves}
    kink = left(cost, kinks, {**point, **{n.name: point[n.name] + 1e-6 * step for n, step in steps.items()}})
    if kink is None:
        return None
    held, given = _held(cost, point)
    step = leaf(PARAMETER, _STEP)
    line = {
        node: node + step * leaf(node.operation, f"(direction of {node.name})", node.shape) for node in moved_leaves
    }
    directions = {
        f"(direction of {node.name})": np.broadcast_to(s, point[node.name].shape) for node, s in steps.items()
    }
    function = CostFunction(substitute(held, line), {**given, **directions, _STEP: 0.0}, beside=[cost])
    return kink if slope_of_both_sides(function, _STEP, ()) is None else None


def evaluate_beside(cost: Expression, parts: Mapping[Any, Expression], values: Mapping[str, Any]) -> dict[Any, Any]:
    """The values of some expressions over as many samples as the cost has, even if no data is left in them."""
    found: dict[Any, Any] = evaluate({**parts, None: cost}, values)
    del found[None]
    return found


def moving(prepared: PreparedCost, values: Mapping[str, Any]) -> CostFunction:
    """Return the cost as a function of its parameters; the arguments of ``stop_gradient`` keep their present value."""
    cost = prepared.cost
    constant, given = _held(cost, values)
    if constant is cost:
        return CostFunction(cost, given, program=prepared.cost_program())
    return CostFunction(constant, given, beside=[cost])


def _held(cost: Expression, values: Mapping[str, Any]) -> tuple[Expression, dict[str, Any]]:
    held = [node for node in toposort([cost]) if node.operation is op.stop_gradient]
    if not held:
        return cost, dict(values)
    stand_ins = {
        node: leaf(DATA if node.per_sample else PARAMETER, f"(held constant {k})", node.shape)
        for k, node in enumerate(held)
    }
    worth = evaluate_beside(cost, {stand_in.name: node for node, stand_in in stand_ins.items()}, values)
    return substitute(cost, stand_ins), {**values, **worth}


def slope_of_both_sides(function: CostFunction, name: str, index: tuple[int, ...]) -> Difference | None:
    """The slope, if that to the right is that to the left, as of relu(w)² at 0; None where it jumps."""
    right = automatic_difference(function, name, index, "forward")
    left = automatic_difference(function, name, index, "backward")
    size = max(abs(right.value), abs(left.value))
    blur = right.error + left.error
    known = blur <= max(RESOLVED * size, 1e-9 * natural_slope(function, name, index))
    if known and abs(right.value - left.value) <= 5 * blur + 1e-6 * size:
        return Difference((right.value + left.value) / 2, blur, right.step)
    return None


def natural_slope(function: CostFunction, name: str, index: tuple[int, ...]) -> float:
    """How large a derivative would be that changes the cost by about its own size."""
    cost = function.along(name, index)
    scale = max(1.0, abs(float(function.bound.arrays[name][index])))
    near = [abs(cost(change * scale)) for change in (-0.25, 0.0, 0.25)]
    return max([value for value in near if np.isfinite(value)], default=0.0) / scale
