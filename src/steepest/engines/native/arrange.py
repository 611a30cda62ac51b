"""Programs rewritten for one number of samples and for short chains of dependent operations."""

from __future__ import annotations

import math

from steepest.engines.step import RATE
from steepest.expression import CONSTANT, Expression, constant, make, transform
from steepest.program import Program
from steepest.walks import in_reading_order

_LATENCY = {"add": 2, "subtract": 2, "negate": 1, "multiply": 3, "divide": 13, "total": 10, "total_outer": 13}
_FUSED, _ELEMENTARY = 4, 40  # cycles, about, of today's processors; other primitives take one


def arranged(program: Program, rows: int) -> Program:
    """The same program for a known number of samples.

    n becomes a number, and a scale that is a power of two moves from the gradient to the rate, where the descent's loop
    computes it once: both are exact.
    """

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        name = node.operation.name
        if name == "count":
            return constant(rows)
        if name == "divide" and all(arg.operation is CONSTANT for arg in args) and args[1].value:
            return constant(args[0].value / args[1].value)
        if name == "multiply" and args[0] is RATE and args[1].operation.name == "multiply":
            factor, rest = args[1].args
            if factor.operation is CONSTANT and abs(math.frexp(factor.value)[0]) == 0.5:
                return make(node.operation, (make(node.operation, (RATE, factor)), rest))
        return node if args == node.args or node.is_leaf else make(node.operation, args, node.attributes)

    new = transform(program.outputs, visit)
    outputs = tuple(new[output] for output in program.outputs)
    return Program(tuple(in_reading_order(outputs)), outputs)


def unfused(program: Program) -> set[Expression]:
    """The sums of a product that are ready sooner if product and sum are two operations.

    A fused operation begins when all three operands are there; a product on its own may be done while the other
    summand is still awaited.
    """
    ready: dict[Expression, int] = {}
    found = set()
    for node in program.nodes:
        name, times = node.operation.name, [ready[arg] for arg in node.args]
        latency = _LATENCY.get(name, _ELEMENTARY if name in _SLOW else 1)
        ready[node] = max(times, default=0) + (latency if node.args else 0)
        if name in ("add", "subtract"):
            products = [k for k, arg in enumerate(node.args) if arg.operation.name == "multiply"]
            if products:
                fused = min(max(*(ready[f] for f in node.args[k].args), times[1 - k]) + _FUSED for k in products)
                if fused > ready[node]:
                    found.add(node)
                ready[node] = min(fused, ready[node])
    return found


_SLOW = {"exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "sin", "cos", "power", "sqrt"}
