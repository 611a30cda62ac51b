"""A compiled kernel of this form with the table that it runs on, and the frame of the function that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from steepest.calculus.passes import users
from steepest.calculus.program import Program
from steepest.engines.native.lanes.emitter import Emitter, Scratch
from steepest.engines.native.lanes.partition import Partition, blocks_of, partition
from steepest.engines.native.lanes.plan import Plan, instructions, make_plan, power_of_two
from steepest.engines.native.lanes.samples import AllAtOnce, BlockByBlock
from steepest.engines.native.lanes.scheduling import scheduled
from steepest.engines.native.llvm.code import I64, POINTER, Code
from steepest.engines.native.llvm.host import this_host
from steepest.engines.native.llvm.kernel import Kernel, cache_key, compiled
from steepest.engines.native.llvm.memory import Array, addresses, aligned

_COMMON = ("data", "partition", "partials", "scratch", "barrier")
"""What every function takes, ``data`` first and the others last; its own arguments come between."""


def models_at_once(models: int, dtype: str) -> int:
    """Return how many models share two registers: the latency of one is hidden behind the other."""
    return min(power_of_two(max(models, 2)), 2 * this_host().vector_bytes // np.dtype(dtype).itemsize)


class Frame:
    """A function with what every kernel needs: arguments, emitter, pass over the samples, working memory.

    Of its programs the first one reads the table.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], programs: Sequence[Program], plan: Plan, dtype: str
    ) -> None:
        self.programs, self.program, self.plan, self.module = programs, programs[0], plan, ir.Module(name)
        names = (_COMMON[0], *arguments, *_COMMON[1:])
        self.code = code = Code(self.module, name, dict.fromkeys(names, POINTER), dtype, plan.native, plan.outlined)
        shares = Partition(*code.read_all("partition", Partition._fields, I64).values())
        scratch = Scratch(code, code.arguments["scratch"])
        if plan.unrolled:
            count = code.splat(plan.rows, plan.lanes.shared)
        else:
            number = code.builder.sitofp(shares.rows, code.number)
            count = code.broadcast(number, plan.lanes.shared)
        self.emitter = Emitter(code, plan.lanes, plan.unrolled, scratch, count, users(self.program), plan.stride)
        columns = code.read_all("data", self.program.data_leaves, POINTER)
        self.over: AllAtOnce | BlockByBlock
        if plan.unrolled:
            self.over = AllAtOnce(self.emitter, plan.rows, columns)
        else:
            self.over = BlockByBlock(self.emitter, shares, plan.ragged, columns, plan.native)

    def finished(self) -> Kernel:
        """Return the kernel, once its function is written."""
        self.code.builder.ret_void()
        return Kernel(str(self.module), self.emitter.scratch.size, self.over.partial_size)


class Workspace(NamedTuple):
    """The working memory of one thread; the threads of one call share partial sums and barrier."""

    partition: Array
    partials: Array
    scratch: Array
    barrier: Array


class BoundKernel:
    """A compiled kernel and the columns of a table, laid out in blocks.

    Args:
        name, arguments: of its function, which takes the arguments between the table and the working memory.
        programs: what it computes; the first one reads the table.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
        dtype: the precision.
        write: writes the function, if it must be compiled.
        extra: what the code depends on besides, in a form that JSON can hold.
        copies: of the model in each vector, a power of two.
        specialise: whether programs are specialised for the number of samples where all are computed at once.
        threads: how many run it; as many as pay if None.
    """

    def __init__(
        self, name: str, arguments: Sequence[str], programs: Sequence[Program], data: Mapping[str, Array], rows: int,
        dtype: str, write: Callable[[Frame], None], extra: Sequence[Any] = (), copies: int = 1,
        specialise: bool = True, threads: int | None = 1,
    ) -> None:  # fmt: skip
        host, self.kind = this_host(), np.dtype(dtype)
        self.plan = plan = make_plan(programs[0], rows, host, self.kind.itemsize, copies)
        if plan.unrolled and specialise:
            programs = [scheduled(program, rows) for program in programs]
        self.program = programs[0]

        def kernel() -> Kernel:
            frame = Frame(name, arguments, programs, plan, dtype)
            write(frame)
            return frame.finished()

        key = cache_key(name, programs, plan, dtype, extra, host)
        self._kernel = compiled(key, name, len(_COMMON) + len(arguments), kernel)
        self._columns = [
            blocks_of(np.asarray(data[leaf.name]), plan.lanes.samples) for leaf in self.program.data_leaves
        ]
        self._data = addresses(self._columns)
        self.partition = partition(plan, rows, instructions(self.program), threads)

    def workspaces(self) -> list[Workspace]:
        """Return memory for one call on each of the threads."""
        # Twice, since passes use two halves in turn; see ``samples.BlockByBlock._region``.
        partials = aligned(2 * self.partition.parts * max(self._kernel.partials, self.plan.stride), self.kind)
        barrier = np.zeros(1, np.int64)
        return [
            Workspace(self.partition.array(thread), partials, aligned(self._kernel.scratch, np.uint8), barrier)
            for thread in range(self.partition.threads)
        ]

    def call(self, workspace: Workspace, *arguments: Array) -> None:
        """Call the kernel's function on the table."""
        self._kernel.call(self._data, *arguments, *workspace)

    def words(self, workspace: Workspace, *arguments: Array) -> Array:
        """Return the addresses of the function and of all that it is called with, int64, in its order."""
        arrays = (self._data, *arguments, *workspace)
        return np.array([self._kernel.address, *(array.ctypes.data for array in arrays)], np.int64)
