"""Expressions evaluated by machine code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from steepest.calculus.program import Program, lower
from steepest.engines.native.lanes import state
from steepest.engines.native.lanes.bound_kernel import BoundKernel, Frame, Workspace
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
        bound = bound_evaluation(self.program, values, rows, self.dtype)
        bound.where.pack(values, bound.params)
        bound.call()
        return [_shaped(node, bound.made[node], bound.kernel.plan, rows) for node in self.program.outputs]


@dataclass(frozen=True)
class BoundEvaluation:
    """A program with the columns and the memory that it computes with.

    Attributes:
        kernel: the compiled program, whose outputs it computes.
        where, params: the positions of the parameters, and the array of them.
        made: the memory of each output.
    """

    kernel: BoundKernel
    where: state.Layout
    params: Array
    made: dict[Expression, Array]
    _outputs: Array
    _workspace: Workspace

    def call(self) -> None:
        """Compute the outputs at the parameters."""
        self.kernel.call(self._workspace, self.params, self._outputs)

    def words(self) -> Array:
        """Return the addresses of the kernel's function and of its arguments, int64, in their order."""
        return self.kernel.words(self._workspace, self.params, self._outputs)


def bound_evaluation(program: Program, data: Mapping[str, Array], rows: int, dtype: np.dtype[Any]) -> BoundEvaluation:
    """Return a program with columns, arrays ``(rows, …)``, and memory of a precision."""
    kernel = BoundKernel("evaluate", _ARGUMENTS, [program], data, rows, dtype.name, _write, specialise=False)
    where = state.layout(program.parameters, kernel.plan)
    made = {node: _buffer(node, kernel.plan, rows, dtype) for node in dict.fromkeys(program.outputs)}
    return BoundEvaluation(
        kernel, where, aligned(where.length, dtype), made, addresses(list(made.values())), kernel.workspaces()[0]
    )


def _buffer(node: Expression, plan: Plan, rows: int, dtype: np.dtype[Any]) -> Array:
    elements = prod(node.shape)
    if node.per_sample:
        return aligned(plan.blocks(rows) * plan.lanes.samples * elements, dtype)
    return aligned(-(-elements // plan.stride) * plan.stride, dtype)


def _shaped(node: Expression, made: Array, plan: Plan, rows: int) -> Array:
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
