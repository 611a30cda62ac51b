"""The function that every kernel of this form begins as: its arguments, its emitter, its pass over the samples."""

from __future__ import annotations

from llvmlite import ir

from steepest.calculus.passes import users
from steepest.calculus.program import Program
from steepest.engines.native.lanes.emitter import Emitter, Scratch
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.samples import AllAtOnce, BlockByBlock, PartitionValues
from steepest.engines.native.llvm.code import I64, POINTER, Code
from steepest.engines.native.llvm.kernel import Kernel

COMMON = ("data", "partition", "partials", "scratch", "barrier")
"""What every function takes, ``data`` first and the others last; its own arguments come between."""
PARTITION = ("rows", "blocks", "parts", "threads", "thread")
"""What the array ``partition`` of a kernel holds, in order."""


class Frame:
    """A function with what every kernel needs: data, samples, working memory.

    Args:
        program: what it computes.
        plan: how it is laid out.
        dtype: the precision.
        name: of the function.
        arguments: what it takes besides :data:`COMMON`.
    """

    def __init__(self, program: Program, plan: Plan, dtype: str, name: str, arguments: tuple[str, ...]) -> None:
        self.program, self.plan, self.module = program, plan, ir.Module(name)
        names = (COMMON[0], *arguments, *COMMON[1:])
        self.code = code = Code(self.module, name, dict.fromkeys(names, POINTER), dtype, plan.native, plan.outlined)
        shares = {key: code.read(code.arguments["partition"], k, I64) for k, key in enumerate(PARTITION)}
        scratch = Scratch(code, code.arguments["scratch"])
        if plan.unrolled:
            count = code.splat(plan.rows, plan.lanes.shared)
        else:
            number = code.builder.sitofp(shares["rows"], code.number)
            count = code.broadcast(number, plan.lanes.shared)
        self.emitter = Emitter(code, plan.lanes, plan.unrolled, scratch, count, users(program), plan.stride)
        columns = {leaf: code.read(code.arguments["data"], k, POINTER) for k, leaf in enumerate(program.data_leaves)}
        self.over: AllAtOnce | BlockByBlock
        if plan.unrolled:
            self.over = AllAtOnce(self.emitter, plan.rows, columns)
        else:
            memory = {key: code.arguments[key] for key in ("partials", "barrier")}
            self.over = BlockByBlock(
                self.emitter, PartitionValues(**shares, **memory), plan.ragged, columns, plan.native
            )

    def finished(self) -> Kernel:
        """Return the kernel, once its function is written."""
        self.code.builder.ret_void()
        partials = self.over.partial_size if isinstance(self.over, BlockByBlock) else 0
        return Kernel(str(self.module), self.emitter.scratch.size, partials)
