"""The training step: cost, gradient and update as a function from parameters to parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest import operations as op
from steepest.engines import Compiler
from steepest.errors import DescentError
from steepest.expression import CONSTANT, PARAMETER, Expression, constant, leaf, leaves, walk
from steepest.gradient import gradient
from steepest.optimisers import Optimiser
from steepest.stability import stabilise

Params = dict[str, Any]
Advance = Callable[[Params], tuple[float, float, Params]]
"""Parameters in; their cost, the norm of the gradient (0 if not wanted) and the moved parameters out."""


@dataclass(frozen=True)
class Task:
    """What a training step is made for.

    ``data`` are arrays of ``dtype`` with ``rows`` samples; ``maximise`` turns the gradient round.
    """

    cost: Expression
    data: Params
    rows: int
    optimiser: Optimiser
    rate: float
    maximise: bool
    compiler: Compiler
    dtype: str

    def cost_at(self) -> Callable[[Params], float]:
        """The cost as a function of the parameters."""
        run = self.compiler([stabilise([self.cost])[self.cost]], self.dtype)
        return lambda params: float(run({**self.data, **params}, self.rows)[0])


def is_quadratic(cost: Expression) -> bool:
    """Whether a cost is a polynomial of degree 2 at most in its parameters, by the rules of its operations.

    If it is, and bounded below, every place without slope is the global minimum.
    """
    degrees: dict[Expression, float] = {}
    for node in walk([cost]):
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


def _refuse_state(method: Optimiser, state: object) -> None:
    if state != ():
        raise DescentError(
            f"the optimiser {method.name!r} carries a state from epoch to epoch, which this descent does not; "
            "give one whose init returns ()"
        )


def by_gradient(task: Task, method: str, norm: bool) -> Advance:
    """Cost, gradient and update as one program; the gradient's norm only if wanted."""
    partials = gradient(task.cost, method=method)
    pace = leaf(PARAMETER, "(rate)")
    moved: list[tuple[str, Expression]] = []
    squares = constant(0)
    for node in leaves([task.cost]):
        if node.operation is PARAMETER:
            partial = partials[node.name]
            squares = squares + (op.sum_(partial**2) if partial.shape else partial**2)
            uphill = -partial if task.maximise else partial
            _refuse_state(task.optimiser, task.optimiser.init(node))
            after, _ = task.optimiser.update(node, uphill, (), pace)
            moved.append((node.name, after))
    stable = stabilise([task.cost])[task.cost]
    size = op.sqrt(squares) if norm else constant(0)
    run = task.compiler([stable, size, *(after for _, after in moved)], task.dtype)
    names = [name for name, _ in moved]
    values = {**task.data, "(rate)": np.asarray(task.rate, task.dtype)[()]}

    def advance(params: Params) -> tuple[float, float, Params]:
        value, size, *after = run({**values, **params}, task.rows)
        return float(value), float(size), dict(zip(names, after, strict=True))

    return advance


def by_differences(task: Task, step: float, scheme: str) -> Advance:
    """The same with the gradient by finite differences: P + 1 evaluations of the cost an epoch if forward."""
    for value in leaves([task.cost]):
        _refuse_state(task.optimiser, task.optimiser.init(value))
    run = task.compiler([stabilise([task.cost])[task.cost]], task.dtype)
    epsilon, pace = np.asarray(step, task.dtype)[()], np.asarray(task.rate, task.dtype)[()]

    def cost_at(params: Params) -> Any:
        return run({**task.data, **params}, task.rows)[0]

    def slope(params: Params, name: str, index: tuple[int, ...], here: Any) -> Any:
        high = params[name].copy()
        high[index] += epsilon
        rise = cost_at({**params, name: high})
        if scheme == "forward":
            return (rise - here) / epsilon
        low = params[name].copy()
        low[index] -= epsilon
        return (rise - cost_at({**params, name: low})) / (2 * epsilon)

    def advance(params: Params) -> tuple[float, float, Params]:
        here = cost_at(params)
        after: Params = {}
        squares = 0.0
        for name, value in params.items():
            partial = np.empty_like(value)
            for index in np.ndindex(value.shape):
                partial[index] = slope(params, name, index, here)
            squares += float(np.sum(partial.astype(np.float64) ** 2))
            uphill = -partial if task.maximise else partial
            moved, _ = task.optimiser.update(value, uphill, (), pace)
            after[name] = np.asarray(moved)
        return float(here), math.sqrt(squares), after

    return advance
