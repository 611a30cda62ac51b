"""The layout of a program on a processor: what the lanes hold, and what is unrolled."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from steepest.calculus.program import Program
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.lanes.lanes import Lanes
from steepest.engines.native.lanes.tensors import fits_registers
from steepest.engines.native.llvm.host import Host
from steepest.expressions.expression import Expression

_UNROLLED = 6000  # instructions; longer code compiles slowly and may not fit the instruction cache
_WRITTEN_OUT = 16  # uses of elementary functions that are inlined; more are called, which keeps compiling fast


@dataclass(frozen=True)
class Plan:
    """The layout of a program.

    Attributes:
        lanes: what vectors hold.
        unrolled: whether all samples are computed at once in straight-line code; otherwise block after block.
        rows: the number of samples if unrolled, else 0: then the code works for any number.
        ragged: whether the last block is not full.
        native: numbers that a vector register holds.
        outlined: whether elementary functions are called rather than inlined at each use.
    """

    lanes: Lanes
    unrolled: bool
    rows: int
    ragged: bool
    native: int
    outlined: bool

    @property
    def stride(self) -> int:
        """Elements of a shared tensor that are computed at once: two registers, to hide the latency of one."""
        return 2 * self.native

    def blocks(self, rows: int) -> int:
        """Return the number of blocks of so many samples."""
        return -(-rows // self.lanes.samples)


def instructions(program: Program) -> int:
    """Estimate the instructions of a program for as many samples as fit into a register."""
    return sum(prod(node.shape) * _inner(node) * _weight(node) for node in program.nodes)


def _weight(node: Expression) -> int:
    primitive = ELEMENTWISE.get(node.operation.name)
    return 1 if primitive is None else primitive.instructions


def _inner(node: Expression) -> int:
    if node.operation.name in ("matmul", "dot"):
        return node.args[1].shape[0]
    return prod(node.args[0].shape) if node.operation.name in ("sum", "largest") else 1


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is not less."""
    return 1 << max(least - 1, 0).bit_length()


def make_plan(program: Program, rows: int, host: Host, size: int, copies: int = 1) -> Plan:
    """Choose the layout of a program on a processor.

    Few samples are unrolled into at most 2 registers (8 with copies, whose chains are independent). Otherwise a block
    has 4 registers of samples where the program is short enough for its values to stay in registers, else 2 or 1.
    A number has ``size`` bytes; a vector carries a power of two of ``copies`` of the model.
    """
    native, work = host.vector_bytes // size, instructions(program)
    samples = power_of_two(rows)
    registers = max(samples * copies // native, 1)
    if registers <= (2 if copies == 1 else 8) and work * registers <= _UNROLLED:
        return Plan(Lanes(samples, copies), True, rows, False, native, _uses(program, True) * registers > _WRITTEN_OUT)
    in_registers = all(fits_registers(node.shape, False) for node in program.nodes)
    capacity = native * (4 if work <= 400 or not in_registers else 2 if work <= 2000 else 1)
    if copies > capacity:
        copies = 2 * native  # the others are computed group after group
    samples = max(capacity // copies, 1)
    outlined = _uses(program, False) * (samples * copies // native) > _WRITTEN_OUT
    return Plan(Lanes(samples, copies), False, 0, rows % samples != 0, native, outlined)


def _uses(program: Program, unrolled: bool) -> int:
    """Count the uses of elementary functions in the code for a register of samples."""
    return sum(
        prod(node.shape) if fits_registers(node.shape, unrolled) else 1 for node in program.nodes if _weight(node) > 1
    )
