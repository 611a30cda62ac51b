"""The training step: cost, gradient and update of a descent, for any engine to run."""

from __future__ import annotations

import math

from steepest.calculus.prepared import PreparedCost
from steepest.engines.step import RATE, UPDATES, Step, partial_derivative
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, PARAMETER, Expression, constant, leaf, toposort
from steepest.expressions.traversal import memoised
from steepest.training.optimisers import Optimiser


@memoised
def is_quadratic(cost: Expression) -> bool:
    """Return whether a cost is a polynomial of degree at most 2 in its parameters, by the rules of its operations.

    If it is and has a lower bound, every stationary point is a global minimum.
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


def gradient_step(prepared: PreparedCost, method: str, optimiser: Optimiser, maximise: bool, norm: bool) -> Step:
    """Return the step with a derived gradient, by a method of :func:`steepest.gradient`, and with its norm if asked."""
    key = ("gradient step", method, optimiser, maximise, norm)
    if key not in prepared.cache:
        partials = _partials(prepared, method)
        updates, initial_state = _updates(partials, optimiser, maximise)
        prepared.cache[key] = Step(prepared.stable, updates, _norm(partials) if norm else None, memory=initial_state)
    found: Step = prepared.cache[key]
    return found


def difference_step(
    prepared: PreparedCost, epsilon: float, scheme: str, optimiser: Optimiser, maximise: bool, norm: bool
) -> Step:
    """Return the step with a finite-difference gradient: P + 1 costs per epoch, 2P + 1 if central."""
    partials = {node: partial_derivative(node) for node in prepared.cost.leaves if node.operation is PARAMETER}
    updates, initial_state = _updates(partials, optimiser, maximise)
    norm_of = _norm(partials) if norm else None
    return Step(prepared.stable, updates, norm_of, epsilon, scheme == "central", initial_state)


def _partials(prepared: PreparedCost, method: str) -> dict[Expression, Expression]:
    found = prepared.partials(method)
    return {node: found[node.name] for node in prepared.cost.leaves if node.operation is PARAMETER}


def _updates(
    partials: dict[Expression, Expression], optimiser: Optimiser, maximise: bool
) -> tuple[dict[Expression, Expression], dict[Expression, Expression]]:
    """Return the next values of parameters and optimiser state, and the initial values of the state."""
    updates: dict[Expression, Expression] = {}
    next_state: dict[Expression, Expression] = {}
    initial_state: dict[Expression, Expression] = {}
    t = UPDATES + 1
    for node, partial in partials.items():
        first = [value if isinstance(value, Expression) else constant(value) for value in optimiser.init(node)]
        names = [f"({optimiser.name} {k}) {node.name}" for k in range(1, len(first) + 1)]
        state = tuple(leaf(PARAMETER, name, value.shape) for name, value in zip(names, first, strict=True))
        updates[node], after = optimiser.update(node, -partial if maximise else partial, state, RATE, t)
        next_state |= dict(zip(state, after, strict=True))
        initial_state |= dict(zip(state, first, strict=True))
    if UPDATES in toposort([*updates.values(), *next_state.values()]):
        next_state[UPDATES], initial_state[UPDATES] = t, constant(0)
    return {**updates, **next_state}, initial_state


def _norm(partials: dict[Expression, Expression]) -> Expression:
    squares = (op.sum_(partial**2) if partial.shape else partial**2 for partial in partials.values())
    return op.sqrt(sum(squares, constant(0)))


def search_step(prepared: PreparedCost, method: str) -> Step:
    """Return the step of a line search, whose "next values" are the partial derivatives."""
    return Step(prepared.stable, _partials(prepared, method))
