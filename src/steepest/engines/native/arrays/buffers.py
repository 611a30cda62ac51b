"""The allocation of memory for the values of a step, and which parameters may be updated in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steepest.calculus.program import Program
from steepest.engines.native.arrays.layout import block_size, size
from steepest.engines.native.arrays.rows import fits_registers
from steepest.engines.native.arrays.schedule import Round, nodes_in_memory
from steepest.engines.native.llvm.memory import ALIGNMENT
from steepest.expressions.expression import PARAMETER, Expression

Turn = tuple[int, ...]
"""The time of something in a step: round, 0 for shared nodes or 1 for rows, stage, loop."""


@dataclass(frozen=True)
class Buffers:
    """The memory of a step.

    Attributes:
        begins: the offset of each value in the threads' common memory, in bytes.
        straight: for each updated value that is written directly to its leaf, the leaf.
        late: leaves and updated values that are copied once all of them are computed.
        length: of the memory, bytes.
    """

    begins: Mapping[Expression, int]
    straight: Mapping[Expression, Expression]
    late: Sequence[tuple[Expression, Expression]]
    length: int


def allocate(
    program: Program, order: Sequence[Round], updates: Mapping[Expression, Expression], columns: Sequence[Expression],
    capacity: int, lanes: int, numbers: int,
) -> Buffers:  # fmt: skip
    """Allocate every value that is kept in memory.

    Args:
        program: a normalised program.
        order: its rounds.
        updates: for each updated leaf the output that is its next value.
        columns: data columns that are gathered to blocks.
        capacity: samples of a block.
        lanes: numbers of a vector.
        numbers: bytes of a number.
    """
    straight, late = _in_place(order, updates)
    copied = {node for _, node in late}
    outputs = tuple(node for node in program.outputs if node not in straight or node in copied)
    kept = nodes_in_memory(Program(program.nodes, outputs), order, lambda phase: fits_registers(phase, lanes))
    begins, length = {}, 0
    for node in (*columns, *(node for node in program.nodes if node in kept)):
        if node.per_sample or node.shape:
            begins[node] = length
            taken = block_size(node, capacity, lanes) if node.per_sample else size(node.shape, lanes)
            length += -(-taken * numbers // ALIGNMENT) * ALIGNMENT
    return Buffers(begins, straight, late, length)


def _in_place(
    order: Sequence[Round], updates: Mapping[Expression, Expression]
) -> tuple[dict[Expression, Expression], list[tuple[Expression, Expression]]]:
    """Return which updated arrays are written in place, and which are copied once all are computed.

    In place is safe if the old values are not read after the loop that writes the new ones.
    """
    written, read = _turns(order)
    straight: dict[Expression, Expression] = {}
    late = []
    for leaf, node in updates.items():
        if node is leaf or not leaf.shape:
            continue
        turn = written.get(node)
        if turn is not None and node not in straight and all(turn >= each for each in read.get(leaf, ())):
            straight[node] = leaf
        else:
            late.append((leaf, node))
    return straight, late


def _turns(order: Sequence[Round]) -> tuple[dict[Expression, Turn], dict[Expression, list[Turn]]]:
    """Return when arrays are written by loops without reductions, and when the leaves are read."""
    written: dict[Expression, Turn] = {}
    read: dict[Expression, list[Turn]] = {}

    def visit(nodes: Sequence[Expression], turn: Turn) -> None:
        for node in nodes:
            for arg in node.args:
                if arg.operation is PARAMETER:
                    read.setdefault(arg, []).append(turn)

    for r, each in enumerate(order):
        for s, stage in enumerate(each.shared):
            visit(stage.whole, (r, 0, s, 0))
            for k, loop in enumerate(stage.loops, 1):
                visit(loop.nodes, (r, 0, s, k))
                if not loop.reductions:
                    written.update(dict.fromkeys((node for node in loop.nodes if node.shape), (r, 0, s, k)))
        for phase in each.phases:
            visit((*phase.products, *phase.before, *phase.rowwise, *phase.after), (r, 1))
    return written, read
