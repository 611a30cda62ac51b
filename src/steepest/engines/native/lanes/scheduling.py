"""Programs rewritten for a known number of samples, and sums reassociated for short chains of dependent operations."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from steepest.calculus.program import Program
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.arithmetic import add_apart
from steepest.engines.native.functions.elementwise import ADD, MULTIPLY
from steepest.engines.native.llvm.code import Code, Value
from steepest.engines.step import RATE
from steepest.expressions.expression import CONSTANT, Expression, constant, make, transform
from steepest.expressions.traversal import in_reading_order

_FUSED = 4  # cycles of a fused multiplication and addition, about
_LATENCY = {"total": 10, "total_outer": 13, "matmul": 5, "dot": 5}  # a butterfly over the lanes; a short inner product


def scheduled(program: Program, rows: int) -> Program:
    """Specialise a program for a known number of samples.

    n becomes a number, quotients of numbers are folded in float64, and a scale that is a power of two moves from the
    gradient to the rate, where the descent's loop computes it once; scaling by a power of two is exact.
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


def ready_times(program: Program) -> dict[Expression, int]:
    """Estimate when each value is ready, in cycles after the leaves, on a processor without limits but latency."""
    found: dict[Expression, int] = {}
    for node in program.nodes:
        found[node] = max((found[arg] for arg in node.args), default=0) + (_latency(node) if node.args else 0)
    return found


def _latency(node: Expression) -> int:
    primitive = ELEMENTWISE.get(node.operation.name)
    return _LATENCY.get(node.operation.name, 1) if primitive is None else primitive.latency


def scheduled_sum(
    code: Code, products: Sequence[tuple[int, Value, Value]], others: Sequence[tuple[int, Value]]
) -> Value:
    """Reassociate a sum so that the term available last is added last.

    A product fuses with another term if that one is ready early enough, else it is computed meanwhile. Then the two
    terms that are ready first are added, and so on (Huffman's algorithm with latencies for weights).
    Both the factors of products and the other terms come with the time when they are ready.
    """
    waiting = sorted(others, key=lambda term: term[0])
    terms: list[tuple[int, int, Value]] = []
    for time, x, y in sorted(products, key=lambda term: term[0]):
        product = ELEMENTWISE["multiply"](code, x, y)
        if waiting and waiting[0][0] <= time + MULTIPLY + ADD - _FUSED:
            when, other = waiting.pop(0)
            value = ELEMENTWISE["add"](code, product, other)
            terms.append((max(time, when) + _FUSED, len(terms), value))
        else:
            terms.append((time + MULTIPLY, len(terms), product))
    terms += [(when, len(terms) + k, other) for k, (when, other) in enumerate(waiting)]
    heapq.heapify(terms)
    made = len(terms)
    while len(terms) > 1:
        (_, _, first), (time, _, second) = heapq.heappop(terms), heapq.heappop(terms)
        heapq.heappush(terms, (time + ADD, made, add_apart(code, first, second)))
        made += 1
    return terms[0][2]
