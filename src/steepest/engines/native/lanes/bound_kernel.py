"""A compiled kernel of this form with the table that it runs on: everything that runners and evaluations share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from steepest.calculus.program import Program
from steepest.engines.native.lanes.frame import COMMON
from steepest.engines.native.lanes.partition import blocks_of, partition
from steepest.engines.native.lanes.plan import Plan, instructions
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import Kernel, cache_key, compiled
from steepest.engines.native.llvm.memory import Array, addresses, aligned


@dataclass(frozen=True)
class KernelSource:
    """What a kernel is compiled from.

    Attributes:
        name: of its function.
        programs: what it computes; the first one reads the table.
        plan: how they are laid out.
        dtype: the precision.
        extra: what its code depends on besides, in a form that JSON can hold.
        arguments: what the function takes between the table and the working memory.
        write: writes the kernel if it must be compiled.
    """

    name: str
    programs: list[Program]
    plan: Plan
    dtype: str
    extra: list[Any]
    arguments: tuple[str, ...]
    write: Callable[[], Kernel]


class Workspace(NamedTuple):
    """The working memory of one thread; the threads of one call share partial sums and barrier."""

    partition: Array
    partials: Array
    scratch: Array
    barrier: Array


class BoundKernel:
    """A compiled kernel and the columns of a table, laid out in blocks.

    Args:
        source: what it is compiled from.
        data: arrays of the columns, ``(rows, …)``.
        rows: the number of samples.
        threads: how many run it; as many as pay if None.
    """

    def __init__(self, source: KernelSource, data: Mapping[str, Array], rows: int, threads: int | None = 1) -> None:
        program, plan = source.programs[0], source.plan
        key = cache_key(source.name, source.programs, plan, source.dtype, source.extra, this_host())
        self._kernel = compiled(key, source.name, len(COMMON) + len(source.arguments), source.write)
        self._columns = [blocks_of(np.asarray(data[leaf.name]), plan.lanes.samples) for leaf in program.data_leaves]
        self._data = addresses(self._columns)
        self._stride, self._kind = plan.stride, np.dtype(source.dtype)
        self.partition = partition(plan, rows, instructions(program), threads)

    def workspaces(self) -> list[Workspace]:
        """Return memory for one call on each of the threads."""
        # Twice, since passes use two halves in turn; see ``samples.BlockByBlock._region``.
        partials = aligned(2 * self.partition.parts * max(self._kernel.partials, self._stride), self._kind)
        barrier = np.zeros(1, np.int64)
        return [
            Workspace(self.partition.array(thread), partials, aligned(self._kernel.scratch, np.uint8), barrier)
            for thread in range(self.partition.threads)
        ]

    def call(self, workspace: Workspace, *arguments: Array) -> None:
        """Call the kernel's function on the table."""
        self._kernel.call(self._data, *arguments, *workspace)
