"""The optimiser that a fit takes if the user names neither an optimiser nor a rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

from steepest.calculus.layers import find_layers
from steepest.calculus.prepared import PreparedCost
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, toposort
from steepest.messages.sentences import counted
from steepest.training.optimisers import LBFGS, Optimiser, SecondOrder, adam, lbfgs, lm, newton
from steepest.training.residuals import squares_of

MOST_PARAMETERS = {"lm": 200, "newton": 100}
"""Numbers up to which a method that factorises matrices of them is taken; its work grows with their cube."""

MOST_NUMBERS = 20_000_000
"""Elements of the Jacobian up to which it is kept in memory: 160 MB."""

_ADAM_RATE = 0.01


@dataclass(frozen=True)
class Choice:
    """An optimiser, its rate, and the sentence about them.

    Attributes:
        optimiser, rate: as of :func:`steepest.descend`.
        why: what was taken and why, for a line of output.
    """

    optimiser: Optimiser | LBFGS | SecondOrder
    rate: float
    why: str


def is_network(cost: Expression) -> bool:
    """Return whether a cost is of a network with hidden layers: an activation of weighted sums is weighted again.

    Several neurons that are written as numbers, as in a sum of two sigmoids, are no layer.

    >>> from steepest.expressions import operations as op
    >>> from steepest.expressions.expression import data, params
    >>> hidden = op.tanh(data("X", shape=3) @ params("W", shape=(3, 4)))
    >>> is_network(op.mean((data("y") - hidden @ params("v", shape=4)) ** 2)), is_network(op.mean(hidden @ hidden))
    (True, False)
    """
    if len(find_layers(cost)) > 1:
        return True
    products = [node for node in toposort([cost]) if node.operation in (op.matmul, op.dot)]
    weighted = [
        arg for node in products for arg, other in (node.args, node.args[::-1])
        if other.parameters and not other.data and arg.parameters and arg.per_sample
    ]  # fmt: skip
    return any(below.operation.activation and below.parameters for arg in weighted for below in toposort([arg]))


def choose_optimiser(prepared: PreparedCost, rows: int, batch: int | None = None, maximise: bool = False) -> Choice:
    """Return the optimiser for a cost over a number of rows.

    Sums of squares are minimised by Levenberg–Marquardt, other smooth costs of few parameters by Newton's method,
    those of many, or with kinks, by L-BFGS; networks with hidden layers, and batches, by Adam.

    >>> from steepest.calculus.prepared import prepare
    >>> from steepest.expressions.expression import params
    >>> choose_optimiser(prepare((params("w") - 3) ** 2), rows=1).why
    'lm (Levenberg–Marquardt), as the cost is a sum of squares'
    """
    cost = prepared.cost
    count = sum(math.prod(leaf.shape) for leaf in cost.leaves if leaf.operation is PARAMETER)
    if batch is not None:
        return Choice(adam(), _ADAM_RATE, f"adam at the rate {_ADAM_RATE}, as an update uses a batch of the rows")
    if is_network(cost):
        return Choice(adam(), _ADAM_RATE, f"adam at the rate {_ADAM_RATE}, as the model is a network")
    small = count * rows <= MOST_NUMBERS
    if small and count <= MOST_PARAMETERS["lm"] and not maximise and squares_of(prepared) is not None:
        return Choice(lm(), 1.0, "lm (Levenberg–Marquardt), as the cost is a sum of squares")
    kinks = any(node.operation.kinks and node.parameters for node in toposort([cost]))
    if small and count <= MOST_PARAMETERS["newton"] and not kinks:
        return Choice(newton(), 1.0, "newton, as the cost is smooth and has few parameters")
    why = "has kinks" if kinks else f"has {counted(count, 'parameter')}"
    return Choice(lbfgs(), 1.0, f"lbfgs, as the cost {why}")
