"""The training step: cost, gradient and update of a descent, for any engine to run."""

from __future__ import annotations

import math

from steepest.calculus.prepared import PreparedCost
from steepest.engines.step import RATE, UPDATES, Step, partial_derivative
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, constant, leaf, toposort
from steepest.expressions.traversal import memoised
from steepest.training.bounds import Bounds
from steepest.training.optimisers import Optimiser


@memoised
def has_linear_scores(cost: Expression) -> bool:
    """Return whether parameters enter a cost by scores that are linear in them, as of a generalised linear model.

    What is computed from the scores is then not multiplied by parameters again, as in a network.
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
        elif node.operation.bilinear or node.operation is op.divide:
            if min(below) > 0:
                return False
            degrees[node] = max(below)
        else:
            degrees[node] = math.inf
    return True


def gradient_step(
    prepared: PreparedCost, method: str, optimiser: Optimiser, maximise: bool, norm: bool, bounds: Bounds = ()
) -> Step:
    """Return the step with a derived gradient, by a method of :func:`steepest.gradient`, and with its norm if asked."""
    key = ("gradient step", method, optimiser, maximise, norm, bounds)
    if key not in prepared.cache:
        partials = _partials(prepared, method)
        updates, initial_state = _updates(partials, optimiser, maximise, bounds)
        prepared.cache[key] = Step(prepared.stable, updates, _norm(partials) if norm else None, memory=initial_state)
    found: Step = prepared.cache[key]
    return found


def difference_step(
    prepared: PreparedCost, epsilon: float, scheme: str, optimiser: Optimiser, maximise: bool, norm: bool,
    bounds: Bounds = (),
) -> Step:  # fmt: skip
    """Return the step with a finite-difference gradient: P + 1 costs per epoch, 2P + 1 if central."""
    partials = {node: partial_derivative(node) for node in prepared.cost.leaves if node.operation is PARAMETER}
    updates, initial_state = _updates(partials, optimiser, maximise, bounds)
    norm_of = _norm(partials) if norm else None
    return Step(prepared.stable, updates, norm_of, epsilon, scheme == "central", initial_state)


def _partials(prepared: PreparedCost, method: str) -> dict[Expression, Expression]:
    found = prepared.partials(method)
    return {node: found[node.name] for node in prepared.cost.leaves if node.operation is PARAMETER}


def _updates(
    partials: dict[Expression, Expression], optimiser: Optimiser, maximise: bool, bounds: Bounds
) -> tuple[dict[Expression, Expression], dict[Expression, Expression]]:
    """Return the next values of parameters and optimiser state, and the initial values of the state."""
    updates: dict[Expression, Expression] = {}
    next_state: dict[Expression, Expression] = {}
    initial_state: dict[Expression, Expression] = {}
    limits = {name: (low, high) for name, low, high in bounds}
    t = UPDATES + 1
    for node, partial in partials.items():
        first = [value if isinstance(value, Expression) else constant(value) for value in optimiser.init(node)]
        names = [f"({optimiser.name} {k}) {node.name}" for k in range(1, len(first) + 1)]
        state = tuple(leaf(PARAMETER, name, value.shape) for name, value in zip(names, first, strict=True))
        moved, after = optimiser.update(node, -partial if maximise else partial, state, RATE, t)
        updates[node] = _projected(moved, *limits.get(node.name, (-math.inf, math.inf)))
        next_state |= dict(zip(state, after, strict=True))
        initial_state |= dict(zip(state, first, strict=True))
    if UPDATES in toposort([*updates.values(), *next_state.values()]):
        next_state[UPDATES], initial_state[UPDATES] = t, constant(0)
    return {**updates, **next_state}, initial_state


def _projected(value: Expression, low: float, high: float) -> Expression:
    """Return the nearest value within bounds (Goldstein 1964)."""
    value = op.maximum(value, low) if low > -math.inf else value
    return op.minimum(value, high) if high < math.inf else value


def _norm(partials: dict[Expression, Expression]) -> Expression:
    squares = (op.sum_(partial**2) if partial.shape else partial**2 for partial in partials.values())
    return op.sqrt(sum(squares, constant(0)))


def search_step(prepared: PreparedCost, method: str) -> Step:
    """Return the step of a line search, whose "next values" are the partial derivatives; the same one each time."""
    key = "step of a search", method
    if key not in prepared.cache:
        prepared.cache[key] = Step(prepared.stable, _partials(prepared, method))
    found: Step = prepared.cache[key]
    return found
