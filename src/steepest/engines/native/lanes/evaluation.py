"""Expressions evaluated by machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.bound_kernel import BoundKernel, KernelSource
from steepest.engines.native.lanes.frame import Frame
from steepest.engines.native.lanes.plan import Plan, make_plan
from steepest.engines.native.lanes.tensors import MemoryTensor, Tensor
from steepest.engines.native.llvm.code import POINTER, Value
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import Kernel
from steepest.engines.native.llvm.memory import Array, addresses, aligned
from steepest.expressions.expression import Expression

_ARGUMENTS = ("params", "outputs")


class Evaluation:
    """A program ready to be run on values, for any number of samples.

    Args:
        expressions: what to compute, already rewritten for stability where that is wanted.
        dtype: the precision.
    """

    def __init__(self, expressions: Sequence[Expression], dtype: str) -> None:
        self.program = lower(expressions)
        self.dtype = np.dtype(dtype)

    def __call__(self, values: Mapping[str, Array], rows: int) -> list[Array]:
        """Compute the outputs.

        Args:
            values: an array for every data column ``(rows, …)`` and parameter, of this program's dtype.
            rows: the number of samples n.
        """
        program, dtype = self.program, self.dtype.name
        plan = make_plan(program, rows, this_host(), self.dtype.itemsize)
        source = KernelSource(
            "evaluate", [program], plan, dtype, [], _ARGUMENTS, lambda: evaluation_kernel(program, plan, dtype)
        )
        kernel = BoundKernel(source, values, rows)
        where = state.layout(program.parameters, plan)
        params = where.pack(values, aligned(where.length, self.dtype))
        made = {node: self._buffer(node, plan, rows) for node in dict.fromkeys(program.outputs)}
        kernel.call(kernel.workspaces()[0], params, addresses(list(made.values())))
        return [self._shaped(node, made[node], plan, rows) for node in program.outputs]

    def _buffer(self, node: Expression, plan: Plan, rows: int) -> Array:
        elements = prod(node.shape)
        if node.per_sample:
            return aligned(plan.blocks(rows) * plan.lanes.samples * elements, self.dtype)
        return aligned(-(-elements // plan.stride) * plan.stride, self.dtype)

    def _shaped(self, node: Expression, made: Array, plan: Plan, rows: int) -> Array:
        elements = prod(node.shape)
        if not node.per_sample:
            return made[:elements].reshape(node.shape)
        blocks = made.reshape(plan.blocks(rows), elements, plan.lanes.samples)
        return blocks.transpose(0, 2, 1).reshape(-1, elements)[:rows].reshape(rows, *node.shape)


def evaluation_kernel(program: Program, plan: Plan, dtype: str) -> Kernel:
    """Write a function that computes the outputs of a program once.

    Its argument ``outputs`` is an array of addresses: for a per-sample output, blocks of element and lane; for a
    shared one, its elements.
    """
    frame = Frame(program, plan, dtype, "evaluate", _ARGUMENTS)
    code, lanes, emitter = frame.code, plan.lanes, frame.emitter
    targets: dict[Expression, Value] = {}
    for k, node in enumerate(dict.fromkeys(program.outputs)):
        targets[node] = code.read(code.arguments["outputs"], k, POINTER)

    def write(node: Expression, made: MemoryTensor) -> None:
        def put(place: Any) -> None:
            made.put(place, emitter.at(node, place, node.per_sample))

        emitter.each(node.shape, put, emitter.in_registers(node.shape))

    def write_block(node: Expression, first: Value) -> None:
        address = code.place(targets[node], code.times(first, prod(node.shape)), code.number)
        write(node, MemoryTensor(code, node.shape, address, lanes.sampled, lanes.sampled))

    where = state.layout(program.parameters, plan)
    params = code.arguments["params"]
    bound: dict[Expression, Tensor] = {leaf: state.part(emitter, where, params, leaf) for leaf in where.leaves}
    frame.over.run(program, bound, write_block)
    for node, target in targets.items():
        if not node.per_sample:
            write(node, MemoryTensor(code, node.shape, target, 1, lanes.shared))
    return frame.finished()
