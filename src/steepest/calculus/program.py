"""Lower expressions to straight-line programs of primitives, which engines and exports take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.calculus.exact_forms import exact
from steepest.expressions import operations as op
from steepest.expressions.arithmetic import ROUNDED
from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression, constant, make, transform
from steepest.expressions.traversal import in_reading_order


@dataclass(frozen=True)
class Program:
    """Primitive nodes in topological order, and the outputs among them.

    Attributes:
        nodes: leaves and primitives, each once, arguments first.
        outputs: the node of each lowered expression.
    """

    nodes: tuple[Expression, ...]
    outputs: tuple[Expression, ...]

    @property
    def data_leaves(self) -> list[Expression]:
        """The data columns, in the program's order."""
        return [node for node in self.nodes if node.operation is DATA]

    @property
    def parameters(self) -> list[Expression]:
        """The parameters, in the program's order."""
        return [node for node in self.nodes if node.operation is PARAMETER]

    @property
    def cost(self) -> int:
        """The number of elementary operations of one evaluation; see ``Operation.flops``."""
        return sum(node.operation.flops for node in self.nodes if node.args)

    def only(self, outputs: Sequence[Expression]) -> Program:
        """Return the part of the program that computes some of its nodes, which become the outputs."""
        needed = set(outputs)
        for node in reversed(self.nodes):
            if node in needed:
                needed.update(node.args)
        return Program(tuple(node for node in self.nodes if node in needed), tuple(outputs))


def lower(expressions: Sequence[Expression]) -> Program:
    """Expand every operation into primitives, without unused or repeated nodes; the outputs are in the order given.

    Differences that would cancel are replaced by exact forms first (:mod:`steepest.calculus.exact_forms`).

    >>> from steepest.expressions.expression import params
    >>> x = params("x")
    >>> [node.operation.name for node in lower([op.relu(x) ** 2]).nodes]
    ['parameter', 'constant', 'maximum', 'multiply']
    """
    precise = exact(expressions)
    new = transform(precise, _primitive)
    outputs = tuple(new[expression] for expression in precise)
    return Program(tuple(in_reading_order(outputs)), outputs)


def described(program: Program) -> list[Any]:
    """Return a program as plain lists that identify it, for cache keys."""
    place = {node: k for k, node in enumerate(program.nodes)}
    nodes = [
        [
            node.operation.name, [a.hex() if isinstance(a, float) else a for a in node.attributes],
            [place[arg] for arg in node.args], node.shape, node.per_sample,
        ]
        for node in program.nodes
    ]  # fmt: skip
    return [nodes, [place[output] for output in program.outputs]]


def _primitive(node: Expression, args: tuple[Expression, ...]) -> Expression:
    operation = node.operation
    if operation.expansion is not None:
        return operation.expansion(*args)
    if operation is op.negate and args[0].operation is op.negate:
        return args[0].args[0]
    if operation is op.add:
        loss = _logistic_loss(*args)
        if loss is not None:
            return loss
    if args and all(arg.operation is CONSTANT for arg in args) and operation.name in ROUNDED:
        return constant(ROUNDED[operation.name](*(arg.value for arg in args)))
    if operation is op.power and args[1].operation is CONSTANT and args[1].value in _SMALL_POWERS:
        return _SMALL_POWERS[args[1].value](args[0])
    return node if args == node.args else make(operation, args, node.attributes)


def _logistic_loss(left: Expression, right: Expression) -> Expression | None:
    """Rewrite y·(−softplus(−z)) + (1 − y)·(−softplus(z)) → −(max(z, 0) − y·z + softplus(−|z|)).

    This needs one softplus instead of two and loses no accuracy: if y is 0 or 1, max(z, 0) − y·z is exact.
    """
    first, second = _log_of_class(left), _log_of_class(right)
    if first is None or second is None:
        return None
    for (y, minus_z), (complement, z) in ((first, second), (second, first)):
        opposite = -z is minus_z or -minus_z is z
        if opposite and complement is op.subtract(1, y) and not (y.shape and not z.shape):
            return -(op.maximum(z, 0) - y * z + op.softplus(-op.absolute(z)))
    return None


def _log_of_class(node: Expression) -> tuple[Expression, Expression] | None:
    """Return y and z of y·(−softplus(z))."""
    if node.operation is not op.multiply or node.args[1].operation is not op.negate:
        return None
    inner = node.args[1].args[0]
    return (node.args[0], inner.args[0]) if inner.operation is op.softplus else None


# Products are faster than a general power, and up to the cube they are as accurate: each rounds by half an ulp.
_SMALL_POWERS: dict[float, Callable[[Expression], Expression]] = {
    1.0: lambda x: x,
    2.0: lambda x: x * x,
    3.0: lambda x: x * x * x,
    -1.0: lambda x: 1 / x,
}
