"""One sample's share of a phase written as code: lanes carry its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from steepest.engines.native.arithmetic import ELEMENTWISE
from steepest.engines.native.arrays.layout import width
from steepest.engines.native.arrays.schedule import Loop, Phase, Stage, is_reduction
from steepest.engines.native.code import Index, Value
from steepest.expression import Expression

if TYPE_CHECKING:
    from steepest.engines.native.arrays.writing import Writer

_HELD = 4  # vectors of a row, that is then computed in registers from the first loop to the last


def is_held(phase: Phase, lanes: int) -> bool:
    """Whether a phase's rows are computed in registers."""
    return all(width(loop.shape, lanes) <= _HELD * lanes for stage in phase.stages for loop in stage.loops)


class Row:
    """The stages of a phase for one sample: vectors of its features, and numbers in all lanes.

    Args:
        writer: of the step.
        row: which sample of the block.
        held: whether its values stay in registers from one loop to the next.
    """

    def __init__(self, writer: Writer, row: Value, held: bool) -> None:
        self.writer, self.row, self.held = writer, row, held
        self.code, self.lanes = writer.code, writer.lanes
        self.numbers: dict[Expression, Value] = {}
        self.found: dict[tuple[Expression, int], Value] = {}

    def write(self, stages: Sequence[Stage]) -> None:
        """Write stages in order."""
        for stage in stages:
            for node in stage.numbers:
                self._keep(node, ELEMENTWISE[node.operation.name](self.code, *map(self.number, node.args)))
            for loop in stage.loops:
                self._loop(loop)

    def _keep(self, node: Expression, value: Value) -> None:
        self.numbers[node] = value
        if node in self.writer.arrays:
            self.code.write(self.code.lane(value), self.writer.arrays[node], self.row)

    def number(self, node: Expression) -> Value:
        """A number of this sample, or of all."""
        if not node.per_sample:
            return self.writer.number(node)
        if node not in self.numbers:
            number = self.code.read(self.writer.arrays[node], self.row, self.code.number)
            self.numbers[node] = self.code.broadcast(number, self.lanes)
        return self.numbers[node]

    def _loop(self, loop: Loop) -> None:
        code, writer = self.code, self.writer
        vectors = width(loop.shape, self.lanes) // self.lanes
        for node in loop.nodes:  # read before the loop: a number is the same for all of its elements
            for arg in node.args:
                if not arg.shape:
                    self.number(arg)
        sums = {node: code.slot(writer.kind, writer.neutral(node)) for node in loop.reductions}
        if self.held:
            for k in range(vectors):
                self._vector(loop, k, self.found, sums)
        else:
            with code.loop(0, vectors) as k:
                self._vector(loop, k, {}, sums)
        for node, slot in sums.items():
            self._keep(node, writer.across(node, code.get(slot, writer.kind)))

    def _vector(self, loop: Loop, k: Index, found: dict[tuple[Expression, int], Value],
                sums: dict[Expression, Value]) -> None:  # fmt: skip
        """One vector of a row."""
        code, writer, known = self.code, self.writer, k if isinstance(k, int) else -1
        column = code.times(k, self.lanes)

        def get(node: Expression) -> Value:
            if not node.shape:
                return self.number(node)
            if (node, known) not in found:
                found[node, known] = code.read(self._place(node, column), 0, writer.kind, code.size)
            return found[node, known]

        for node in loop.nodes:
            operands = [get(arg) for arg in node.args]
            if is_reduction(node):
                writer.reduce(node, operands, sums[node], writer.inside(loop.shape, k))
                continue
            found[node, known] = writer.element(node, operands, column)
            if node in writer.arrays:
                code.write(found[node, known], self._place(node, column), 0, code.size)

    def _place(self, node: Expression, column: Index) -> Value:
        """Where an element of this row, or of a shared vector, lies."""
        code = self.code
        begin = code.times(self.row, width(node.shape, self.lanes)) if node.per_sample else 0
        return code.place(self.writer.arrays[node], code.plus(begin, column), code.number)
