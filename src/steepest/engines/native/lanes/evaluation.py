"""Expressions evaluated by machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from steepest.calculus.program import lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.bound_kernel import BoundKernel, Frame
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.tensors import MemoryTensor, Tensor
from steepest.engines.native.llvm.code import POINTER, Value
from steepest.engines.native.llvm.memory import Array, addresses, aligned
from steepest.expressions.expression import Expression

_ARGUMENTS = ("params", "outputs")


class Evaluation:
    """A program ready to be run on values, for any number of samples.

    Its expressions are already rewritten for stability where that is wanted.
    """

    def __init__(self, expressions: Sequence[Expression], dtype: str) -> None:
        self.program = lower(expressions)
        self.dtype = np.dtype(dtype)

    def __call__(self, values: Mapping[str, Array], rows: int) -> list[Array]:
        """Compute the outputs from arrays of data columns ``(rows, …)`` and parameters, of this program's dtype."""
        kernel = BoundKernel(
            "evaluate", _ARGUMENTS, [self.program], values, rows, self.dtype.name, _write, specialise=False
        )
        where = state.layout(self.program.parameters, kernel.plan)
        params = where.pack(values, aligned(where.length, self.dtype))
        made = {node: self._buffer(node, kernel.plan, rows) for node in dict.fromkeys(self.program.outputs)}
        kernel.call(kernel.workspaces()[0], params, addresses(list(made.values())))
        return [self._shaped(node, made[node], kernel.plan, rows) for node in self.program.outputs]

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


def _write(frame: Frame) -> None:
    """Write a function that computes the outputs of a program once.

    Its argument ``outputs`` is an array of addresses: for a per-sample output, blocks of element and lane; for a
    shared one, its elements.
    """
    program, code, lanes, emitter = frame.program, frame.code, frame.plan.lanes, frame.emitter
    targets = code.read_all("outputs", dict.fromkeys(program.outputs), POINTER)

    def write(node: Expression, made: MemoryTensor) -> None:
        emitter.each(node.shape, lambda place: made.put(place, emitter.at(node, place, node.per_sample)))

    def write_block(node: Expression, first: Value) -> None:
        address = code.place(targets[node], code.times(first, prod(node.shape)), code.number)
        write(node, MemoryTensor(code, node.shape, address, lanes.sampled, lanes.sampled))

    where, params = state.layout(program.parameters, frame.plan), code.arguments["params"]
    bound: dict[Expression, Tensor] = {leaf: state.part(emitter, where, params, leaf) for leaf in where.leaves}
    frame.over.run(program, bound, write_block)
    for node, target in targets.items():
        if not node.per_sample:
            write(node, MemoryTensor(code, node.shape, target, 1, lanes.shared))
