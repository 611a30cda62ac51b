"""The training step: cost, gradient and update of a descent, for any engine to run."""

from __future__ import annotations

import math

from steepest.calculus.gradient import gradient
from steepest.calculus.stability import stabilise
from steepest.engines.step import RATE, UPDATES, Step, slope
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, PARAMETER, Expression, constant, leaf, leaves, toposort
from steepest.expressions.traversal import memoised
from steepest.training.optimisers import Optimiser


@memoised
def is_quadratic(cost: Expression) -> bool:
    """Whether a cost is a polynomial of degree 2 at most in its parameters, by the rules of its operations.

    If it is, and bounded below, every place without slope is the global minimum.
    """
    degrees: dict[Expression, float] = {}
    for node in toposort([cost]):
        below = [degrees[arg] for arg in node.args]
        if node.operation is PARAMETER:
            degrees[node] = 1
        elif not any(below):
            degrees[node] = 0
        elif node.operation in (op.add, op.subtract) or node.operation.linear:
            degrees[node] = max(below)
        elif node.operation.bilinear:
            degrees[node] = sum(below)
        elif node.operation is op.divide and not below[1]:
            degrees[node] = below[0]
        elif node.operation is op.power and node.args[1].operation is CONSTANT and node.args[1].value in (1, 2):
            degrees[node] = below[0] * node.args[1].value
        else:
            degrees[node] = math.inf
    return degrees[cost] <= 2


def gradient_step(cost: Expression, method: str, optimiser: Optimiser, maximise: bool, norm: bool) -> Step:
    """The step whose gradient is derived: back-propagation, or the layer-wise recursion.

    Args:
        cost: an expression of one number.
        method: of :func:`steepest.gradient.gradient`.
        optimiser: how a parameter moves.
        maximise: whether the cost is to climb.
        norm: whether the gradient's norm is wanted.
    """
    partials = gradient(cost, method=method)
    slopes = {node: partials[node.name] for node in _parameters(cost)}
    moved, memory = _moved(slopes, optimiser, maximise)
    return Step(_stable(cost), moved, _size(slopes) if norm else None, memory=memory)


def difference_step(
    cost: Expression, difference: float, scheme: str, optimiser: Optimiser, maximise: bool, norm: bool
) -> Step:
    """The step whose gradient comes from differences: P + 1 evaluations of the cost an epoch, 2P + 1 if central."""
    slopes = {node: slope(node) for node in _parameters(cost)}
    moved, memory = _moved(slopes, optimiser, maximise)
    return Step(_stable(cost), moved, _size(slopes) if norm else None, difference, scheme == "central", memory)


def _parameters(cost: Expression) -> list[Expression]:
    return [node for node in leaves([cost]) if node.operation is PARAMETER]


def _stable(cost: Expression) -> Expression:
    return stabilise([cost])[cost]


def _moved(
    slopes: dict[Expression, Expression], optimiser: Optimiser, maximise: bool
) -> tuple[dict[Expression, Expression], dict[Expression, Expression]]:
    """The next values of the parameters and of what the optimiser remembers, and the first values of the latter."""
    moved: dict[Expression, Expression] = {}
    remembered: dict[Expression, Expression] = {}
    memory: dict[Expression, Expression] = {}
    t = UPDATES + 1
    for node, partial in slopes.items():
        first = [value if isinstance(value, Expression) else constant(value) for value in optimiser.init(node)]
        names = [f"({optimiser.name} {k}) {node.name}" for k in range(1, len(first) + 1)]
        state = tuple(leaf(PARAMETER, name, value.shape) for name, value in zip(names, first, strict=True))
        moved[node], after = optimiser.update(node, -partial if maximise else partial, state, RATE, t)
        remembered |= dict(zip(state, after, strict=True))
        memory |= dict(zip(state, first, strict=True))
    if UPDATES in toposort([*moved.values(), *remembered.values()]):
        remembered[UPDATES], memory[UPDATES] = t, constant(0)
    return {**moved, **remembered}, memory


def _size(slopes: dict[Expression, Expression]) -> Expression:
    squares = constant(0)
    for partial in slopes.values():
        squares = squares + (op.sum_(partial**2) if partial.shape else partial**2)
    return op.sqrt(squares)


def search_step(cost: Expression, method: str) -> Step:
    """The step of a line search: the next value of each parameter is the partial derivative by it."""
    partials = gradient(cost, method=method)
    return Step(_stable(cost), {node: partials[node.name] for node in _parameters(cost)})
