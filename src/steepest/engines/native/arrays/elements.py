"""Writes numbers, vectors of neighbouring elements, and reductions over the lanes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir

from steepest.engines.native.arrays.layout import width
from steepest.engines.native.arrays.schedule import REDUCTIONS
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.llvm.code import I1, I32, Code, Index, Value, i64
from steepest.expressions.expression import CONSTANT, Expression, Shape


class ElementWriter:
    """Writes what both shared arrays and rows of samples consist of; ``arrays`` are addresses of nodes in memory."""

    def __init__(self, code: Code, arrays: dict[Expression, Value]) -> None:
        self.code, self.arrays, self.lanes, self.kind = code, arrays, code.native, code.vector(code.native)
        self.numbers: dict[Expression, Value] = {}

    def bind(self, node: Expression, value: Value) -> None:
        """Assign the value of a shared number, in all lanes."""
        if node not in self.numbers:
            self.numbers[node] = self.code.slot(self.kind)
        self.code.put(value, self.numbers[node])

    def number(self, node: Expression) -> Value:
        """Return a shared number, in all lanes."""
        if node.operation is CONSTANT:
            return self.code.splat(node.value, self.lanes)
        return self.code.get(self.numbers[node], self.kind)

    def element(self, node: Expression, operands: list[Value], column: Index) -> Value:
        """Write neighbouring elements of an elementwise node, the first of them at ``column``."""
        write = ELEMENTS.get(node.operation.name)
        if write is None:
            return ELEMENTWISE[node.operation.name](self.code, *operands)
        return write(self, operands[0], column)

    def _expand(self, number: Value, column: Index) -> Value:
        return number

    def _one_hot(self, label: Value, column: Index) -> Value:
        code = self.code
        lanes = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        first = code.broadcast(code.builder.trunc(i64(column), I32), self.lanes)
        numbers = code.builder.sitofp(code.builder.add(first, lanes), self.kind)
        hit = ELEMENTWISE["equal"](code, label, numbers)
        return code.builder.select(code.builder.fcmp_unordered("uno", label, label), label, hit)

    def neutral(self, node: Expression) -> Value:
        """Return the value that a reduction begins with, in all lanes."""
        return self.code.splat(REDUCTIONS[node.operation.name][0], self.lanes)

    def _join(self, node: Expression, x: Value, y: Value) -> Value:
        _, join = REDUCTIONS.get(node.operation.name, REDUCTIONS["sum"])  # sums over the samples add, too
        return ELEMENTWISE[join](self.code, x, y)

    def reduce(self, node: Expression, operands: list[Value], slot: Value, inside: Value | None) -> None:
        """Accumulate one more vector into a reduction, masking inactive lanes."""
        code = self.code
        value = operands[0] if len(operands) == 1 else ELEMENTWISE["multiply"](code, *operands)
        if inside is not None:
            value = code.builder.select(inside, value, self.neutral(node))
        code.put(self._join(node, code.get(slot, self.kind), value), slot)

    def across(self, node: Expression, values: Sequence[Value]) -> list[Value]:
        """Reduce each value over its lanes; every lane gets the result."""
        distance = self.lanes // 2
        while distance:
            partners = [self.code.shuffle(value, [k ^ distance for k in range(self.lanes)]) for value in values]
            values = [self._join(node, value, partner) for value, partner in zip(values, partners, strict=True)]
            distance //= 2
        return list(values)

    def inside(self, shape: Shape, vector: Index) -> Value | None:
        """Return which lanes of a row's vector hold elements; None if all do at compile time."""
        over, last = shape[-1] % self.lanes, width(shape, self.lanes) // self.lanes - 1
        if not over or (isinstance(vector, int) and vector < last):
            return None
        mask = ir.Constant(ir.VectorType(I1, self.lanes), [int(k < over) for k in range(self.lanes)])
        if isinstance(vector, int):
            return mask
        full = ir.Constant(mask.type, [1] * self.lanes)
        return self.code.builder.select(self.code.builder.icmp_signed("==", vector, i64(last)), mask, full)


ELEMENTS: dict[str, Callable[[ElementWriter, Value, Index], Value]] = {
    "expand": ElementWriter._expand,
    "one_hot": ElementWriter._one_hot,
}
"""Operations that make elements of a number: the number, and the first element's position."""
