"""Kernels of expressions, and the compiled loops of methods that call them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from steepest.calculus.program import Program
from steepest.engines.native.lanes.evaluation import bound_evaluation
from steepest.engines.native.lanes.partition import partition
from steepest.engines.native.lanes.plan import instructions, make_plan
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import CompiledKernel, Kernel, cache_key, compiled
from steepest.engines.native.llvm.memory import Array
from steepest.engines.native.methods.translation import Translator
from steepest.expressions.expression import Expression


class Numbers:
    """Expressions over the rows of some columns, as a kernel that methods call.

    Args:
        program: what is computed, in float64.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.

    Attributes:
        words: the addresses of the kernel and of what it takes; see
            :func:`steepest.engines.native.methods.intrinsics.evaluate`.
        lanes: the samples of a block of an output.
    """

    def __init__(self, program: Program, data: Mapping[str, Array], rows: int) -> None:
        self._bound = bound_evaluation(program, data, rows, np.dtype(np.float64))
        self.words = self._bound.words()
        self.lanes = self._bound.kernel.plan.lanes.samples

    def positions(self, parameters: Sequence[Expression]) -> list[int]:
        """Return the position of each element of parameters in the array that the kernel reads; −1 for none."""
        begins = self._bound.where.begins
        return [
            begins[node.name] + k if node.name in begins else -1 for node in parameters for k in range(prod(node.shape))
        ]

    def at(self, values: Mapping[str, Any]) -> list[Array]:
        """Compute the outputs at parameters by name, in the memory of the kernel."""
        self._bound.where.pack(values, self._bound.params)
        self._bound.call()
        return [self._bound.made[node] for node in self._bound.kernel.program.outputs]

    def outputs(self) -> list[tuple[int, Expression]]:
        """Return the address and the node of each output."""
        made, nodes = self._bound.made, self._bound.kernel.program.outputs
        return [(made[node].ctypes.data, node) for node in nodes]


def runs_alone(program: Program, rows: int) -> bool:
    """Return whether one thread computes a program over so many rows, as several would not pay."""
    plan = make_plan(program, rows, this_host(), 8)
    return bool(partition(plan, rows, instructions(program)).threads == 1)


@functools.cache
def _translated(function: Callable[..., None]) -> CompiledKernel:
    name = function.__name__

    def write() -> Kernel:
        translator = Translator(function.__module__)
        translator.translate(function, name)
        return Kernel(str(translator.module), 0, 0)

    key = cache_key(f"{function.__module__}.{name}", [], None, "float64", [], this_host())
    return compiled(key, name, function.__code__.co_argcount, write)


def call(function: Callable[..., None], *arrays: Any) -> None:
    """Call a function of this folder as machine code.

    Args:
        function: one that takes arrays alone.
        arrays: contiguous arrays, float64 and int64.
    """
    _translated(function).call(*arrays)
