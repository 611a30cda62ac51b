"""Writes the parts of a step over arrays: shared stages, phases of blocks, sums over the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from llvmlite import ir

from steepest.engines.native.arrays.elements import ELEMENTS, ElementWriter
from steepest.engines.native.arrays.layout import size, width
from steepest.engines.native.arrays.products import Factors, multiply, transpose
from steepest.engines.native.arrays.rows import Rows, fits_registers, rows_at_once
from steepest.engines.native.arrays.schedule import REDUCTIONS, Loop, Phase, Stage, is_reduction
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.llvm.code import I32, Code, Value, i64
from steepest.expressions.expression import Expression


@dataclass(frozen=True)
class Team:
    """The threads that share the work: their number, and the index of this one."""

    threads: Value
    thread: Value


class Writer(ElementWriter):
    """Writes the parts of a step; in memory are leaves, and the nodes of :func:`schedule.nodes_in_memory`."""

    def __init__(self, code: Code, arrays: dict[Expression, Value], team: Team) -> None:
        super().__init__(code, arrays)
        self.team = team
        self.rows: Value = i64(0)

    # -- what all samples share

    def shared(self, stages: Sequence[Stage], targets: Mapping[Expression, Value], wait: Callable[[], None]) -> None:
        """Write stages of shared nodes; ``targets`` is where to store some of them as well, ``wait`` the barrier."""
        for stage in stages:
            for node in stage.whole:
                self._whole(node)
            if stage.whole:
                wait()
            for node in stage.numbers:
                self.bind(node, ELEMENTWISE[node.operation.name](self.code, *map(self.number, node.args)))
            for loop in stage.loops:
                self._flat(loop, targets)
            if stage.loops:
                wait()

    def _flat(self, loop: Loop, targets: Mapping[Expression, Value]) -> None:
        """Write a loop over all elements of arrays; every thread runs all of a loop with reductions."""
        code, build = self.code, self.code.builder
        vectors = size(loop.shape, self.lanes) // self.lanes
        a_row = width(loop.shape, self.lanes) // self.lanes
        sums = {node: code.slot(self.kind, self.neutral(node)) for node in loop.reductions}
        first, after = (i64(0), i64(vectors)) if sums else self.share(vectors)
        with code.loop(first, after) as k:
            position = build.mul(k, i64(self.lanes))
            found: dict[Expression, Value] = {}

            def get(node: Expression) -> Value:
                if not node.shape:
                    return self.number(node)
                if node not in found:
                    found[node] = code.load(self.arrays[node], position, self.kind)
                return found[node]

            for node in loop.nodes:
                if is_reduction(node):
                    inside = self.inside(loop.shape, build.srem(k, i64(a_row)))
                    self.reduce(node, [get(arg) for arg in node.args], sums[node], inside)
                else:
                    found[node] = self.element(node, [get(arg) for arg in node.args], position)
            for node in loop.nodes:
                for array in filter(None, (self.arrays.get(node), targets.get(node))):
                    if node.shape:
                        code.store(found[node], array, position)
        for node, slot in sums.items():
            self.bind(node, *self.across(node, [code.get(slot, self.kind)]))

    def share(self, length: int) -> tuple[Value, Value]:
        """Return this thread's part of so many items: the first one, and the one after the last."""
        build, team = self.code.builder, self.team
        first = build.sdiv(build.mul(i64(length), team.thread), team.threads)
        after = build.sdiv(build.mul(i64(length), build.add(team.thread, i64(1))), team.threads)
        return first, after

    def _whole(self, node: Expression) -> None:
        """Write this thread's share of an operation on whole arrays."""
        first, after = self.share(node.shape[0])
        _WHOLE[node.operation.name](self, node, first, after)

    def _transpose(self, node: Expression, first: Value, after: Value) -> None:
        (arg,) = node.args
        strides = width(arg.shape, self.lanes), width(node.shape, self.lanes)
        shape = arg.shape[0], arg.shape[1]
        transpose(self.code, self.arrays[arg], self.arrays[node], shape, strides, first, after)

    def _matmul(self, node: Expression, first: Value, after: Value) -> None:
        if len(node.shape) == 1:  # a vector times a matrix is one row: no work for two threads
            first, after = i64(0), i64(1)
        self._product(node, first, after)

    def _outer(self, node: Expression, first: Value, after: Value) -> None:
        code, step = self.code, width(node.shape, self.lanes)
        x, y = (self.arrays[arg] for arg in node.args)
        with code.loop(first, after) as row:
            number = code.broadcast(code.read(x, row, code.number), self.lanes)
            line = code.place(self.arrays[node], code.times(row, step), code.number)
            for k in range(0, step, self.lanes):
                value = code.load(y, k, self.kind)
                product = ELEMENTWISE["multiply"](code, number, value)
                code.store(product, line, k)

    def _product(self, node: Expression, first: Value, after: Value) -> None:
        """Write a product of the rows ``first`` to ``after`` with a matrix."""
        code, (a, b) = self.code, node.args
        down, right = width(a.shape, self.lanes), width(b.shape, self.lanes)
        result = width(node.shape, self.lanes)
        left = code.place(self.arrays[a], code.times(first, down), code.number)
        target = code.place(self.arrays[node], code.times(first, result), code.number)
        rows, inner = code.builder.sub(after, first), i64(b.shape[0])
        multiply(code, Factors(down, 1, right, result, False), left, self.arrays[b], target, rows, inner, result)

    # -- rows

    def phase(self, phase: Phase, first: Value, after: Value) -> None:
        """Write a phase for the rows ``first`` to ``after`` of a block; ``first`` is a multiple of the lanes."""
        for node in phase.products:
            self._product(node, first, after)
        self._columns(phase.before, first, after)
        if phase.stages:
            count = rows_at_once(phase, self.lanes)
            with self.code.loop(first, after, count) as row:
                Rows(self, row, count, fits_registers(phase, self.lanes)).write(phase.stages)
        self._columns(phase.after, first, after)

    def _columns(self, nodes: Sequence[Expression], first: Value, after: Value) -> None:
        """Write per-sample numbers; lanes carry samples."""
        if not nodes:
            return
        code = self.code
        with code.loop(first, after, self.lanes) as row:
            found: dict[Expression, Value] = {}

            def get(node: Expression) -> Value:
                if not node.per_sample:
                    return self.number(node)
                if node not in found:
                    found[node] = code.load(self.arrays[node], row, self.kind)
                return found[node]

            for node in nodes:
                found[node] = ELEMENTWISE[node.operation.name](code, *map(get, node.args))
                if node in self.arrays:
                    code.store(found[node], self.arrays[node], row)

    # -- sums over the samples

    def sums(self, nodes: Iterable[Expression], grows: bool) -> None:
        """Write the sums over the samples of a block, added to those of the blocks before if ``grows``."""
        for node in nodes:
            _SUMS[node.operation.name](self, node, grows)

    def _total(self, node: Expression, grows: bool) -> None:
        if node.shape:
            self._total_row(node, grows)
        else:
            self._total_number(node, grows)

    def _total_outer(self, node: Expression, grows: bool) -> None:
        code, (x, y) = self.code, node.args
        first, after = self.share(node.shape[0])
        step, right = width(x.shape, self.lanes), width(y.shape, self.lanes)
        left = code.place(self.arrays[x], first, code.number)
        target = code.place(self.arrays[node], code.times(first, right), code.number)
        factors = Factors(1, step, right, right, grows)
        multiply(code, factors, left, self.arrays[y], target, code.builder.sub(after, first), self.rows, right)

    def _total_row(self, node: Expression, grows: bool) -> None:
        code, (arg,) = self.code, node.args
        step = width(arg.shape, self.lanes)
        first, after = self.share(step // self.lanes)
        with code.loop(first, after) as k:
            column = code.times(k, self.lanes)
            target = code.place(self.arrays[node], column, code.number)
            begin = code.read(target, 0, self.kind, code.size) if grows else code.splat(0, self.lanes)
            sofar = code.slot(self.kind, begin)
            with code.loop(0, self.rows) as row:
                value = code.load(self.arrays[arg], code.plus(code.times(row, step), column), self.kind)
                code.put(ELEMENTWISE["add"](code, code.get(sofar, self.kind), value), sofar)
            code.write(code.get(sofar, self.kind), target, 0, code.size)

    def _total_number(self, node: Expression, grows: bool) -> None:
        code, build, (arg,) = self.code, self.code.builder, node.args
        sofar = code.slot(self.kind, code.splat(0, self.lanes))
        numbers = ir.Constant(ir.VectorType(I32, self.lanes), list(range(self.lanes)))
        with code.loop(0, self.rows, self.lanes) as row:
            value = code.load(self.arrays[arg], row, self.kind)
            left = code.broadcast(build.trunc(build.sub(self.rows, row), I32), self.lanes)
            value = build.select(build.icmp_signed("<", numbers, left), value, code.splat(0, self.lanes))
            code.put(ELEMENTWISE["add"](code, code.get(sofar, self.kind), value), sofar)
        (found,) = self.across(node, [code.get(sofar, self.kind)])
        self.bind(node, ELEMENTWISE["add"](code, self.number(node), found) if grows else found)

    def clear(self, nodes: Iterable[Expression]) -> None:
        """Set sums to zero."""
        for node in nodes:
            zero = self.code.splat(0, self.lanes)
            if not node.shape:
                self.bind(node, zero)
                continue
            first, after = self.share(size(node.shape, self.lanes) // self.lanes)
            with self.code.loop(first, after) as k:
                self.code.store(zero, self.arrays[node], self.code.times(k, self.lanes))


_WHOLE: dict[str, Callable[[Writer, Expression, Value, Value], None]] = {
    "matmul": Writer._matmul,
    "transpose": Writer._transpose,
    "outer": Writer._outer,
}
"""Operations on whole arrays: the node, and this thread's share of its rows."""
_SUMS: dict[str, Callable[[Writer, Expression, bool], None]] = {
    "total": Writer._total,
    "total_outer": Writer._total_outer,
}
"""Sums over the samples: the node, and whether the block's sum is added to those of the blocks before."""
PRIMITIVES = frozenset((*_WHOLE, *ELEMENTS, *_SUMS, *REDUCTIONS, "count"))
"""What this form computes besides elementwise primitives; ``count`` is bound by the kernel."""
