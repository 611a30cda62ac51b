"""The allocation of memory for the values of a step, and which parameters may be updated in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from steepest.calculus.program import Program
from steepest.engines.native.arrays.layout import block_size, size
from steepest.engines.native.arrays.rows import fits_registers
from steepest.engines.native.arrays.schedule import Round, Turn, Turns, is_reduction, nodes_in_memory, turns
from steepest.engines.native.llvm.memory import ALIGNMENT
from steepest.expressions.expression import PARAMETER, Expression


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
    """Allocate every value of a normalised program that is kept in memory.

    Args:
        program, order: the program and its rounds.
        updates: for each updated leaf the output that is its next value.
        columns: data columns that are gathered to blocks.
        capacity, lanes, numbers: samples of a block, numbers of a vector, bytes of a number.
    """
    when = turns(order, lambda phase: fits_registers(phase, lanes))
    straight, late = _in_place(when, updates)
    copied = {node for _, node in late}
    kept = nodes_in_memory([node for node in program.outputs if node not in straight or node in copied], when)
    begins, length = {}, 0
    for node in (*columns, *(node for node in program.nodes if node in kept)):
        if node.per_sample or node.shape:
            begins[node] = length
            taken = block_size(node, capacity, lanes) if node.per_sample else size(node.shape, lanes)
            length += -(-taken * numbers // ALIGNMENT) * ALIGNMENT
    return Buffers(begins, straight, late, length)


def _in_place(
    order: Turns, updates: Mapping[Expression, Expression]
) -> tuple[dict[Expression, Expression], list[tuple[Expression, Expression]]]:
    """Return which updated arrays are written in place, and which are copied once all are computed.

    In place is safe if a loop without reductions writes the new values, and the old ones are not read after it.
    """
    written: dict[Expression, Turn] = {}
    read: dict[Expression, Turn] = {}
    for turn, nodes in order:
        read.update((arg, turn) for node in nodes for arg in node.args if arg.operation is PARAMETER)
        if turn[1] == 0 and len(turn) == 4 and not any(map(is_reduction, nodes)):  # a loop over shared arrays
            written.update((node, turn) for node in nodes if node.shape)
    straight: dict[Expression, Expression] = {}
    late = []
    for leaf, node in updates.items():
        if node is leaf or not leaf.shape:
            continue
        if node in written and node not in straight and written[node] >= read.get(leaf, ()):
            straight[node] = leaf
        else:
            late.append((leaf, node))
    return straight, late
