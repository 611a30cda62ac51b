"""The kernel of a descent over arrays: every thread runs the whole function and does its share of each part.

The threads share all arrays and wait at a barrier whenever one reads what another has written. No sum is added up in an
order that depends on the number of threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from steepest.calculus.program import Program
from steepest.engines.native.arrays import layout
from steepest.engines.native.arrays.buffers import allocate
from steepest.engines.native.arrays.layout import ArrayLayout, width
from steepest.engines.native.arrays.schedule import Round, rounds
from steepest.engines.native.arrays.writer import Team, Writer
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.llvm.code import DOUBLE, I32, I64, POINTER, Code, Index, Value, i64
from steepest.engines.native.llvm.kernel import Kernel
from steepest.engines.native.llvm.stopping import DIVERGED, stopping
from steepest.engines.native.llvm.threads import Barrier
from steepest.engines.step import RATE
from steepest.expressions.expression import Expression

_SHORT = 8  # vectors that are copied without a loop, whose overhead would exceed the copies
_WRITTEN_OUT = 16  # elementary functions of a step that are inlined; more are called, which keeps compiling fast

ARGUMENTS = (
    "data", "params", "before", "numbers", "counters", "costs", "path", "orders", "rates", "share", "scratch",
    "barrier",
)  # fmt: skip
"""What the function takes, all of them addresses. ``data``: addresses of columns; ``orders``: the shuffled rows of each
epoch, int32; ``rates``: α for each update, or once; ``share``: the number of threads and the index of this one;
``before``: the parameters at the beginning of even epochs, then of odd ones; ``costs`` gets the cost of each epoch,
``path`` the parameters at the beginning of some."""
NUMBERS = ("divergence_threshold", "tolerance", "gradient_tolerance", "last")
"""The content of ``numbers`` of float64, in order; ``last`` is written as well."""
COUNTERS = ("epoch", "until", "rows", "batch", "apart", "path_rows", "paced", "reason")
"""The content of ``counters`` of int64: the epoch and where to end, samples in all and in a batch, epochs between two
rows of the path, rows written, whether the rate changes from update to update, and the number of why it stopped in
``RULE_STOPS``."""


@dataclass(frozen=True)
class KernelConfig:
    """How a step runs over a table.

    Attributes:
        lanes, capacity: numbers of a vector, samples of a block.
        several: whether a batch may have more than one block.
        gathered: whether the samples are shuffled.
        whole: whether a batch is the table, so that an epoch's cost is that of the parameters it began with.
    """

    lanes: int
    capacity: int
    several: bool
    gathered: bool
    whole: bool


@dataclass(frozen=True)
class DescentProgram:
    """What a descent kernel computes.

    Attributes:
        program: a normalised program of cost, norm and updates.
        updates: for each updated leaf the output that is its next value.
        norm: the output that is the gradient's norm, if a rule needs it.
        where: how the leaves lie in memory.
        recorded: numbers at the beginning of that memory that a row of the record keeps: the parameters.
    """

    program: Program
    updates: Mapping[Expression, Expression]
    norm: Expression | None
    where: ArrayLayout
    recorded: int


class DescentWriter:
    """Writes a function that descends epoch by epoch."""

    def __init__(self, step: DescentProgram, config: KernelConfig, dtype: str) -> None:
        program, updates = step.program, step.updates
        self.program, self.updates, self.norm, self.config = program, updates, step.norm, config
        self.where, self.shown = step.where, step.recorded
        self.module = ir.Module("train")
        elementwise = [ELEMENTWISE[name] for node in program.nodes if (name := node.operation.name) in ELEMENTWISE]
        outlined = sum(primitive.instructions > 1 for primitive in elementwise) > _WRITTEN_OUT
        self.code = code = Code(self.module, "train", dict.fromkeys(ARGUMENTS, POINTER), dtype, config.lanes, outlined)
        self.team = Team(**code.read_all("share", ("threads", "thread"), I64))
        self.barrier = Barrier(code, self.team.threads)
        self.order = rounds(program)
        self.columns = code.read_all("data", program.data_leaves, POINTER)
        gathered = list(self.columns) if config.gathered else []
        self.buffers = allocate(program, self.order, updates, gathered, config.capacity, config.lanes, code.size)
        self.writer = Writer(code, self._arrays(), self.team)
        self.targets = {node: self.writer.arrays[leaf] for node, leaf in self.buffers.straight.items()}
        self.numbers = [leaf for leaf in step.where.leaves if not leaf.shape]
        self.counts = code.read_all("counters", COUNTERS, I64)
        self.rules = code.read_all("numbers", NUMBERS, DOUBLE)

    def _arrays(self) -> dict[Expression, Value]:
        """Return the addresses of everything in memory."""
        code, where, scratch = self.code, self.where, self.code.arguments["scratch"]
        leaves = {leaf: code.place(code.arguments["params"], where.begins[leaf.name], code.number)
                  for leaf in where.leaves}  # fmt: skip
        others = {
            node: code.place(scratch, begin // code.size, code.number) for node, begin in self.buffers.begins.items()
        }
        return leaves | others

    # -- the function

    def kernel(self) -> Kernel:
        """Write the function and return its module."""
        code, build, counts = self.code, self.code.builder, self.counts
        for leaf in self.numbers:
            number = code.read(self.writer.arrays[leaf], 0, code.number)
            self.writer.bind(leaf, code.broadcast(number, self.config.lanes))
        epoch, path_rows = code.slot(I64, counts["epoch"]), code.slot(I64, counts["path_rows"])
        reason, last = code.slot(I64, i64(0)), code.slot(DOUBLE, self.rules["last"])
        update = code.slot(I64, i64(0))
        head, leave = code.begin_epochs()
        now = code.get(epoch, I64)
        turn = build.mul(build.and_(now, i64(1)), i64(self.where.length))
        before = code.place(code.arguments["before"], turn, code.number)
        with self._alone():
            self._save()
            self._copy(code.arguments["params"], before, self.where.length)
            with build.if_then(build.icmp_signed("==", build.srem(now, counts["apart"]), i64(0))):
                start = code.times(code.get(path_rows, I64), self.shown)
                target = code.place(code.arguments["path"], start, code.number)
                self._copy(code.arguments["params"], target, self.shown)
                code.put(build.add(code.get(path_rows, I64), i64(1)), path_rows)
        self.barrier.wait()  # another thread might write new parameters before the old ones are copied
        cost = self._epoch(build.sub(now, counts["epoch"]), update)
        code.write(cost, code.arguments["costs"], build.sub(now, counts["epoch"]))
        found = self._reason(cost, code.get(last, DOUBLE), now)
        code.put(found, reason)
        # With a whole table, the rules saw the cost of the parameters before the update.
        undone = build.icmp_signed(*("!=", found, i64(0)) if self.config.whole else ("==", found, i64(DIVERGED)))
        with build.if_else(undone) as (yes, no):
            with yes, self._alone():
                self._copy(before, code.arguments["params"], self.where.length)
            with no:
                code.put(build.add(now, i64(1)), epoch)
                code.put(cost, last)
                with self._alone():
                    self._save()
                self.barrier.wait()
                code.put(build.select(self._lost(), i64(DIVERGED), found), reason)
        ended = build.icmp_signed("!=", code.get(reason, I64), i64(0))
        done = build.or_(ended, build.icmp_signed(">=", code.get(epoch, I64), counts["until"]))
        self.barrier.wait()
        code.end_epochs(done, head, leave)
        for name, slot in (("epoch", epoch), ("path_rows", path_rows), ("reason", reason)):
            code.write(code.get(slot, I64), code.arguments["counters"], COUNTERS.index(name))
        code.write(code.get(last, DOUBLE), code.arguments["numbers"], NUMBERS.index("last"))
        build.ret_void()
        return Kernel(str(self.module), self.buffers.length, 0)

    def _alone(self) -> AbstractContextManager[Any]:
        """Return a context: only the first thread runs what is written inside."""
        build = self.code.builder
        first: AbstractContextManager[Any] = build.if_then(build.icmp_signed("==", self.team.thread, i64(0)))
        return first

    def _save(self) -> None:
        """Write the parameters that are numbers back to memory."""
        for leaf in self.numbers:
            self.code.write(self.code.lane(self.writer.number(leaf)), self.writer.arrays[leaf], 0)

    def _copy(self, source: Value, target: Value, numbers: int) -> None:
        code, kind, lanes = self.code, self.writer.kind, self.config.lanes

        def copy(k: Index) -> None:
            value = code.load(source, k, kind)
            code.store(value, target, k)

        if numbers <= _SHORT * lanes:
            for k in range(0, numbers, lanes):
                copy(k)
        else:
            with code.loop(0, numbers, lanes) as k:
                copy(k)

    def _lost(self) -> Value:
        """Write whether a parameter is not finite; padding is ignored, since nothing reads it."""
        code, build, kind = self.code, self.code.builder, self.writer.kind
        probe = code.slot(kind, code.splat(0, self.config.lanes))
        for leaf in self.where.leaves:
            step = width(leaf.shape, self.config.lanes) if leaf.shape else self.config.lanes
            total = layout.size(leaf.shape, self.config.lanes)
            with code.loop(0, total, self.config.lanes) as k:
                value = code.load(self.writer.arrays[leaf], k, kind)
                vector = build.sdiv(build.srem(k, i64(step)), i64(self.config.lanes))
                inside = self.writer.inside(leaf.shape or (1,), vector)
                if inside is not None:
                    value = build.select(inside, value, code.splat(0, self.config.lanes))
                zero = build.fmul(value, code.splat(0, self.config.lanes))
                code.put(build.fadd(code.get(probe, kind), zero), probe)
        found = code.get(probe, kind)
        word = build.bitcast(build.fcmp_unordered("uno", found, found), ir.IntType(self.config.lanes))
        return build.icmp_unsigned("!=", word, ir.Constant(word.type, 0))

    def _reason(self, cost: Value, last: Value, epoch: Value) -> Value:
        norm = None if self.norm is None else self.code.widened(self.code.lane(self.writer.number(self.norm)))
        later = self.code.builder.icmp_signed(">", epoch, i64(0))
        return stopping(self.code, self.rules, cost, last, later, norm, i64)[0]

    # -- an epoch

    def _epoch(self, number: Value, update: Value) -> Value:
        """Write an epoch and return the mean of its batches' costs."""
        code, build, rows = self.code, self.code.builder, self.counts["rows"]
        sofar = code.slot(DOUBLE, ir.Constant(DOUBLE, 0))
        start = build.mul(number, rows)
        with code.loop(0, rows, self.counts["batch"]) as begin:
            left = build.sub(rows, begin)
            whole = build.icmp_signed("<", self.counts["batch"], left)
            size = build.select(whole, self.counts["batch"], left)
            turn = code.get(update, I64)
            rate = code.read(code.arguments["rates"], build.mul(turn, self.counts["paced"]), code.number)
            code.put(build.add(turn, i64(1)), update)
            self.writer.bind(RATE, code.broadcast(rate, self.config.lanes))
            cost = code.widened(code.lane(self._step(begin, size, build.add(start, begin))))
            share = build.fmul(cost, build.sitofp(size, DOUBLE))
            code.put(build.fadd(code.get(sofar, DOUBLE), share), sofar)
        return build.fdiv(code.get(sofar, DOUBLE), build.sitofp(rows, DOUBLE))

    def _step(self, begin: Value, size: Value, turn: Value) -> Value:
        """Write a step on the samples from ``begin`` on; their indices are in the orders from ``turn`` on."""
        code, writer = self.code, self.writer
        count = code.broadcast(code.builder.sitofp(size, code.number), self.config.lanes)
        for node in self.program.nodes:
            if node.operation.name == "count":
                writer.bind(node, count)
        for each in self.order:
            writer.shared(each.shared, self.targets, self.barrier.wait)
            if each.sums:
                self._blocks(each, begin, size, turn)
        cost = writer.number(self.program.outputs[0])
        self._finish()
        return cost

    def _finish(self) -> None:
        """Write the next values of the leaves that are not updated in place."""
        code, writer, lanes = self.code, self.writer, self.config.lanes
        numbers = [(leaf, writer.number(node)) for leaf, node in self.updates.items() if not leaf.shape]
        for leaf, value in numbers:
            writer.bind(leaf, value)
        for leaf, node in self.buffers.late:
            first, after = writer.share(layout.size(leaf.shape, lanes) // lanes)
            with code.loop(first, after) as k:
                position = code.times(k, lanes)
                value = code.load(writer.arrays[node], position, writer.kind)
                code.store(value, writer.arrays[leaf], position)
        if self.buffers.late:
            self.barrier.wait()

    def _blocks(self, each: Round, begin: Value, size: Value, turn: Value) -> None:
        code, build, capacity = self.code, self.code.builder, self.config.capacity
        if not self.config.several:
            self._block(each, begin, size, turn)
            return
        self.writer.clear(each.sums)
        with code.loop(0, size, capacity) as offset:
            left = build.sub(size, offset)
            rows = build.select(build.icmp_signed("<", i64(capacity), left), i64(capacity), left)
            self._block(each, build.add(begin, offset), rows, build.add(turn, offset))

    def _block(self, each: Round, begin: Value, rows: Value, turn: Value) -> None:
        code, build, writer, lanes = self.code, self.code.builder, self.writer, self.config.lanes
        vectors = build.sdiv(build.add(rows, i64(lanes - 1)), i64(lanes))
        writer.rows = rows
        edges = []
        for part in (self.team.thread, build.add(self.team.thread, i64(1))):
            edge = build.mul(build.sdiv(build.mul(vectors, part), self.team.threads), i64(lanes))
            edges.append(build.select(build.icmp_signed("<", edge, rows), edge, rows))
        first, after = edges
        for leaf, column in self.columns.items():
            step = width(leaf.shape, lanes) if leaf.shape else 1
            if self.config.gathered:
                self._gather(leaf, column, step, turn, first, after)
            else:
                writer.arrays[leaf] = code.place(column, code.times(begin, step), code.number)
        for phase in each.phases:
            writer.phase(phase, first, after)
        self.barrier.wait()
        writer.sums(each.sums, self.config.several)
        self.barrier.wait()

    def _gather(self, leaf: Expression, column: Value, step: int, turn: Value, first: Value, after: Value) -> None:
        """Copy the rows of a batch to the block."""
        code, build, target = self.code, self.code.builder, self.writer.arrays[leaf]
        with code.loop(first, after) as row:
            index = build.sext(code.read(code.arguments["orders"], build.add(turn, row), I32), I64)
            source = code.place(column, code.times(index, step), code.number)
            place = code.place(target, code.times(row, step), code.number)
            if step == 1:
                code.write(code.read(source, 0, code.number), place, 0)
            else:
                self._copy(source, place, step)
