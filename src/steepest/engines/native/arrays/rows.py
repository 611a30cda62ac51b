"""The part of a phase that is computed row by row: lanes carry neighbouring features."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.engines.native.arrays.elements import ElementWriter
from steepest.engines.native.arrays.layout import whole, width
from steepest.engines.native.arrays.schedule import Loop, Phase, Stage, is_reduction
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.llvm.code import Index, Value
from steepest.expressions.expression import Expression

_REGISTER_VECTORS = 4  # vectors of a row that stays in registers from the first loop to the last
_VECTORS_AT_ONCE = 4  # vectors of neighbouring rows computed together, as many as hide the latency of a reduction


def fits_registers(phase: Phase, lanes: int) -> bool:
    """Return whether a phase's rows are computed in registers."""
    return _widest(phase, lanes) <= _REGISTER_VECTORS * lanes


def rows_at_once(phase: Phase, lanes: int) -> int:
    """Return how many rows of a phase are computed together: a power of two, at most the lanes of a vector."""
    return min(max(_VECTORS_AT_ONCE * lanes // _widest(phase, lanes), 1), lanes)


def _widest(phase: Phase, lanes: int) -> int:
    return max(whole(loop.shape[-1], lanes) for stage in phase.stages for loop in stage.loops)


class Rows:
    """Writes the stages of a phase for neighbouring samples: vectors of features, and broadcast numbers.

    While the processor waits for a result of one row, such as the sum of its elements, it continues with the others.
    From the sample ``first`` of the block on there are ``count``; those after the last one are computed but not used.
    ``in_registers``, their values stay in registers from one loop to the next.
    """

    def __init__(self, writer: ElementWriter, first: Value, count: int, in_registers: bool) -> None:
        self.writer, self.in_registers = writer, in_registers
        self.code, self.lanes = writer.code, writer.lanes
        self.rows = [self.code.plus(first, k) for k in range(count)]
        self.numbers: dict[tuple[Expression, Index], Value] = {}
        self.found: dict[tuple[Expression, int, Index], Value] = {}

    def write(self, stages: Sequence[Stage]) -> None:
        """Write stages in order."""
        for stage in stages:
            for node in stage.numbers:
                for row in self.rows:
                    operands = [self.number(arg, row) for arg in node.args]
                    self._keep(node, row, ELEMENTWISE[node.operation.name](self.code, *operands))
            for loop in stage.loops:
                self._loop(loop)

    def _keep(self, node: Expression, row: Index, value: Value) -> None:
        self.numbers[node, row] = value
        if node in self.writer.arrays:
            self.code.write(self.code.lane(value), self.writer.arrays[node], row)

    def number(self, node: Expression, row: Index) -> Value:
        """Return a number of a sample, or of all."""
        if not node.per_sample:
            return self.writer.number(node)
        if (node, row) not in self.numbers:
            number = self.code.read(self.writer.arrays[node], row, self.code.number)
            self.numbers[node, row] = self.code.broadcast(number, self.lanes)
        return self.numbers[node, row]

    def _loop(self, loop: Loop) -> None:
        code, writer = self.code, self.writer
        vectors = width(loop.shape, self.lanes) // self.lanes
        for node in loop.nodes:  # read before the loop: a number is the same for all of its elements
            for arg in node.args:
                if not arg.shape:
                    for row in self.rows:
                        self.number(arg, row)
        sums = {node: [code.slot(writer.kind, writer.neutral(node)) for _ in self.rows] for node in loop.reductions}
        if self.in_registers:
            for k in range(vectors):
                self._vector(loop, k, self.found, sums)
        else:
            with code.loop(0, vectors) as k:
                self._vector(loop, k, {}, sums)
        for node, slots in sums.items():
            values = writer.across(node, [code.get(slot, writer.kind) for slot in slots])
            for row, value in zip(self.rows, values, strict=True):
                self._keep(node, row, value)

    def _vector(self, loop: Loop, k: Index, found: dict[tuple[Expression, int, Index], Value],
                sums: dict[Expression, list[Value]]) -> None:  # fmt: skip
        """Write one vector of each row."""
        code, writer, known = self.code, self.writer, k if isinstance(k, int) else -1
        column = code.times(k, self.lanes)

        def get(node: Expression, row: Index) -> Value:
            if not node.shape:
                return self.number(node, row)
            row = row if node.per_sample else 0
            if (node, known, row) not in found:
                found[node, known, row] = code.read(self._place(node, row, column), 0, writer.kind, code.size)
            return found[node, known, row]

        for node in loop.nodes:
            for j, row in enumerate(self.rows):
                operands = [get(arg, row) for arg in node.args]
                if is_reduction(node):
                    writer.reduce(node, operands, sums[node][j], writer.inside(loop.shape, k))
                    continue
                found[node, known, row] = writer.element(node, operands, column)
                if node in writer.arrays:
                    code.write(found[node, known, row], self._place(node, row, column), 0, code.size)

    def _place(self, node: Expression, row: Index, column: Index) -> Value:
        """Return the address of an element of a row, or of a shared vector."""
        code = self.code
        begin = code.times(row, width(node.shape, self.lanes)) if node.per_sample else 0
        return code.place(self.writer.arrays[node], code.plus(begin, column), code.number)
