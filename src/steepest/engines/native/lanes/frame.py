"""The functions that machine code is made of: an evaluation, and the epochs of a descent."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from llvmlite import ir

from steepest.calculus.passes import users
from steepest.calculus.program import Program
from steepest.engines.native.lanes.emitter import Emitter, Scratch
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.samples import AllAtOnce, BlockByBlock, PartitionValues, data_leaves
from steepest.engines.native.lanes.state import layout, part
from steepest.engines.native.lanes.tensors import MemoryTensor, Tensor
from steepest.engines.native.llvm.code import I64, POINTER, Code, Value
from steepest.expressions.expression import PARAMETER, Expression

PARTITION = ("rows", "blocks", "parts", "threads", "thread")
"""What the array ``partition`` of a kernel holds, in order."""


@dataclass(frozen=True)
class Kernel:
    """The text of a module with one function, and what a caller must provide.

    Attributes:
        text: LLVM's intermediate representation.
        scratch: bytes of working memory a thread.
        partials: numbers of each part's sums.
    """

    text: str
    scratch: int
    partials: int


def parameters(program: Program) -> list[Expression]:
    """The parameters of a program, in its order."""
    return [node for node in program.nodes if node.operation is PARAMETER]


class Frame:
    """A function with what every kernel needs: data, samples, working memory.

    Args:
        program: what it computes.
        plan: how it is laid out.
        dtype: the precision.
        name: of the function.
        arguments: those besides the common ones.
    """

    def __init__(self, program: Program, plan: Plan, dtype: str, name: str, arguments: tuple[str, ...]) -> None:
        self.program, self.plan, self.module = program, plan, ir.Module(name)
        common = ("data", *arguments, "deal", "partials", "scratch", "barrier")
        self.code = code = Code(self.module, name, dict.fromkeys(common, POINTER), dtype, plan.native, plan.outlined)
        shares = {key: code.read(code.arguments["deal"], k, I64) for k, key in enumerate(PARTITION)}
        scratch = Scratch(code, code.arguments["scratch"])
        if plan.unrolled:
            count = code.splat(plan.rows, plan.lanes.shared)
        else:
            number = code.builder.sitofp(shares["rows"], code.number)
            count = code.broadcast(number, plan.lanes.shared)
        self.emitter = Emitter(code, plan.lanes, plan.unrolled, scratch, count, users(program), plan.stride)
        columns = {leaf: code.read(code.arguments["data"], k, POINTER) for k, leaf in enumerate(data_leaves(program))}
        self.over: AllAtOnce | BlockByBlock
        if plan.unrolled:
            self.over = AllAtOnce(self.emitter, plan.rows, columns)
        else:
            memory = {key: code.arguments[key] for key in ("partials", "barrier")}
            partition = PartitionValues(**shares, **memory)
            self.over = BlockByBlock(self.emitter, partition, plan.ragged, columns, plan.native)

    def finished(self) -> Kernel:
        """The kernel, once its function is written."""
        self.code.builder.ret_void()
        partials = self.over.partial_size if isinstance(self.over, BlockByBlock) else 0
        return Kernel(str(self.module), self.emitter.scratch.size, partials)


def evaluation(program: Program, plan: Plan, dtype: str) -> Kernel:
    """A function that computes the outputs of a program once.

    Its argument ``outputs`` is an array of addresses: for an output of each sample blocks of element and lane, for a
    shared one its elements.
    """
    frame = Frame(program, plan, dtype, "evaluate", ("params", "outputs"))
    code, lanes = frame.code, plan.lanes
    targets: dict[Expression, Value] = {}
    for k, node in enumerate(dict.fromkeys(program.outputs)):
        targets[node] = code.read(code.arguments["outputs"], k, POINTER)

    def keep(node: Expression, first: Value) -> None:
        start = code.times(first, prod(node.shape))
        address = code.place(targets[node], start, code.number)
        made = MemoryTensor(code, node.shape, address, lanes.sampled, lanes.sampled)
        in_registers = frame.emitter.in_registers(node.shape)
        frame.emitter.each(node.shape, lambda place: made.put(place, frame.emitter.at(node, place, True)), in_registers)

    where = layout(parameters(program), plan)
    params = code.arguments["params"]
    bound: dict[Expression, Tensor] = {leaf: part(frame.emitter, where, params, leaf) for leaf in where.leaves}
    frame.over.run(program, bound, keep)
    for node, target in targets.items():
        if not node.per_sample:
            made = MemoryTensor(code, node.shape, target, 1, lanes.shared)
            in_registers = frame.emitter.in_registers(node.shape)

            def put(place: Any, node: Expression = node, made: MemoryTensor = made) -> None:
                made.put(place, frame.emitter.at(node, place, False))

            frame.emitter.each(node.shape, put, in_registers)
    return frame.finished()
