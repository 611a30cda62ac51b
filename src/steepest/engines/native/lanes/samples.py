"""Programs over samples: all samples at once in registers, or block after block on several threads.

With blocks, the samples are split into *parts*, whose number depends on the table alone. Each part's sums go to memory,
and every thread adds up all parts in order, so that the result does not depend on the number of threads. All threads
run the whole program; they wait at a barrier once in each pass over the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

from steepest.calculus.passes import Pass, passes
from steepest.calculus.program import Program
from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.lanes.emitter import Emitter
from steepest.engines.native.lanes.lanes import add_halves
from steepest.engines.native.lanes.partition import Partition
from steepest.engines.native.lanes.primitives import SUMS, term
from steepest.engines.native.lanes.scheduling import ready_times
from steepest.engines.native.lanes.tensors import FusedTensor, MemoryTensor, Place, RegisterTensor, Tensor, indices
from steepest.engines.native.llvm.code import I64, Index, Value, i64
from steepest.engines.native.llvm.threads import Barrier
from steepest.expressions.expression import DATA, Expression, Shape

Sink = Callable[[Expression, Value], None]
"""Consumes a per-sample output: gets the node and the index of the first sample."""


class AllAtOnce:
    """Writes straight-line code with every sample in a lane of its own.

    For each data leaf it takes the address of its numbers, element after element, padded to the lanes.
    """

    partial_size = 0

    def __init__(self, emitter: Emitter, rows: int, columns: dict[Expression, Value]) -> None:
        self.emitter, self.rows = emitter, rows
        code, lanes = emitter.code, emitter.lanes
        self._data: dict[Expression, Tensor] = {}
        for leaf, pointer in columns.items():
            column = MemoryTensor(code, leaf.shape, pointer, lanes.samples, lanes.samples)
            items = [lanes.repeat(code, column.at(place)) for place in indices(leaf.shape)]
            self._data[leaf] = RegisterTensor(leaf.shape, items)

    def run(self, program: Program, bound: dict[Expression, Tensor], sink: Sink | None = None) -> None:
        """Write a program of bound parameters; afterwards the emitter has the values of all its nodes."""
        emitter = self.emitter
        emitter.values |= bound | self._data
        emitter.ready = ready_times(program)
        for each in passes(program):
            for node in (*each.shared, *each.sampled):
                if node not in emitter.values:
                    emitter.emit(node)
            for node in each.sums:
                emitter.values[node] = RegisterTensor.of(node.shape, partial(self._sum, node))
            for node in each.outputs:
                if sink is not None:
                    sink(node, i64(0))

    def _sum(self, node: Expression, place: Place) -> Value:
        emitter, code, lanes = self.emitter, self.emitter.code, self.emitter.lanes
        value = term(code, SUMS[node.operation.name](emitter, node, place))
        present = lanes.present(code, self.rows)
        if present is not None:
            value = code.builder.select(present, value, code.splat(0, lanes.sampled))
        return lanes.total(code, value)


class BlockByBlock:
    """Writes loops over blocks of as many samples as there are lanes, or over samples where lanes carry copies.

    For each data leaf it takes the address of its numbers: block, element, lane. The last block is not full if it is
    ``ragged``; a vector register holds ``native`` numbers.
    """

    def __init__(
        self, emitter: Emitter, partition: Partition, ragged: bool, columns: dict[Expression, Value], native: int
    ) -> None:
        self.emitter, self.partition, self.ragged, self.columns = emitter, partition, ragged, columns
        self.lanes = lanes = emitter.lanes
        self.kept = lanes.copies if lanes.copies > 1 else min(lanes.samples, native)
        self.number = lanes.copies if lanes.copies > 1 else 1
        self.partial_size = 0
        self._parity = emitter.code.slot(I64, i64(0))
        self._barrier = Barrier(emitter.code, partition.threads)

    def run(self, program: Program, bound: dict[Expression, Tensor], sink: Sink | None = None) -> None:
        """Write the program; afterwards the emitter has the values of its shared nodes."""
        emitter = self.emitter
        emitter.values |= bound
        rounds = passes(program)
        self.partial_size = max(self._places(each)[1] for each in rounds)
        for each in rounds:
            for node in each.shared:
                if node not in emitter.values:
                    emitter.emit(node)
            if each.sums or each.outputs:
                self._pass(each, sink)

    def _places(self, each: Pass) -> tuple[dict[Expression, int], int]:
        """Return the offset of each sum of a pass among a part's numbers, and their number, in whole runs."""
        begins, size, stride = {}, 0, self.emitter.stride
        for node in each.sums:
            begins[node] = size
            elements = prod(node.shape) * self.number
            size += elements if self.emitter.in_registers(node.shape) else -(-elements // stride) * stride
        return begins, -(-size // stride) * stride

    # -- one pass

    def _pass(self, each: Pass, sink: Sink | None) -> None:
        code, partition, build = self.emitter.code, self.partition, self.emitter.code.builder
        places_of, size = self._places(each)
        region = self._region()
        with code.loop(partition.thread, partition.parts, partition.threads) as part:
            sums = {node: _Sum(self, node) for node in each.sums}
            first = build.sdiv(build.mul(part, partition.blocks), partition.parts)
            after = build.sdiv(build.mul(build.add(part, i64(1)), partition.blocks), partition.parts)
            with code.loop(first, after) as block:
                self._block(each, block, sums, sink)
            mine = code.place(region, code.times(part, size), code.number)
            for node, sofar in sums.items():
                sofar.store(code.place(mine, places_of[node], code.number))
        if each.sums:
            self._barrier.wait()
            joined = self._joined(region, size)
            for node in each.sums:
                start = code.place(joined, places_of[node], code.number)
                in_memory = MemoryTensor(code, node.shape, start, self.number, self.lanes.shared)
                self.emitter.values[node] = self.emitter.loaded(in_memory)

    def _region(self) -> Value:
        """Return the memory of this pass's sums: two halves in turn, so that no thread overwrites what another reads.

        The halves are equally long for every pass, so that the second of one never overlaps the first of another.
        """
        code = self.emitter.code
        parity = code.get(self._parity, I64)
        code.put(code.builder.xor(parity, i64(1)), self._parity)
        length = code.builder.mul(self.partition.parts, i64(max(self.partial_size, self.emitter.stride)))
        return code.place(code.arguments["partials"], code.builder.mul(parity, length), code.number)

    def _block(self, each: Pass, block: Value, sums: dict[Expression, _Sum], sink: Sink | None) -> None:
        emitter, code, lanes = self.emitter, self.emitter.code, self.lanes
        for node in each.sampled:
            if node.operation is DATA:
                start = code.times(block, prod(node.shape) * lanes.samples)
                address = code.place(self.columns[node], start, code.number)
                emitter.values[node] = self._column(node.shape, address)
            else:
                emitter.emit(node)
        first = code.times(block, lanes.samples)
        present = lanes.present(code, self.partition.rows, first) if self.ragged else None
        for sofar in sums.values():
            sofar.add(present)
        for node in each.outputs:
            if sink is not None:
                sink(node, first)
        for node in each.sampled:
            del emitter.values[node]

    def _column(self, shape: Shape, address: Value) -> Tensor:
        """Return the samples of a block, for every copy."""
        code, lanes = self.emitter.code, self.lanes
        if lanes.samples == 1:
            return MemoryTensor(code, shape, address, 1, lanes.sampled)
        column = MemoryTensor(code, shape, address, lanes.samples, lanes.samples)
        return column if lanes.copies == 1 else FusedTensor(shape, lambda place: lanes.repeat(code, column.at(place)))

    def _joined(self, region: Value, size: int) -> Value:
        """Add the sums of all parts in order, into memory of this thread's own."""
        code, stride = self.emitter.code, self.emitter.stride
        made, kind = self.emitter.scratch.take(size), code.vector(stride)
        with code.loop(0, size, stride) as offset:
            sofar = code.slot(kind, code.splat(0, stride))
            with code.loop(0, self.partition.parts) as part:
                address = code.place(region, code.plus(code.times(part, size), offset), code.number)
                code.put(code.builder.fadd(code.get(sofar, kind), code.read(address, 0, kind, code.size)), sofar)
            code.store(code.get(sofar, kind), made, offset)
        return made


class _Sum:
    """The running sum over the samples of one part."""

    def __init__(self, over: BlockByBlock, node: Expression) -> None:
        self.over, self.node = over, node
        self.code, self.lanes = over.emitter.code, over.lanes
        self.in_registers = over.emitter.in_registers(node.shape)
        code = self.code
        if self.in_registers:
            kind = code.vector(self.lanes.sampled)
            self.slots = [code.slot(kind, code.splat(0, self.lanes.sampled)) for _ in indices(node.shape)]
        else:
            pointer = over.emitter.scratch.take(prod(node.shape) * over.kept)
            self.memory = MemoryTensor(code, node.shape, pointer, over.kept, over.kept)
            zero = code.splat(0, over.kept)
            with code.loop(0, prod(node.shape)) as k:
                code.store(zero, pointer, code.times(k, over.kept))

    def add(self, present: Value | None) -> None:
        """Add the samples of a block."""
        code, kept, kind = self.code, self.over.kept, self.code.vector(self.lanes.sampled)
        if self.in_registers:
            for slot, place in zip(self.slots, indices(self.node.shape), strict=True):
                code.put(self._grown(code.get(slot, kind), self._factors(place, present)), slot)
            return

        def grow(place: Place) -> None:
            sofar, factors = self.memory.at(place), self._factors(place, present)
            for start in range(0, self.lanes.sampled, kept):
                sofar = self._grown(sofar, [code.shuffle(f, list(range(start, start + kept))) for f in factors])
            self.memory.put(place, sofar)

        self.over.emitter.each(self.node.shape, grow)

    def _factors(self, place: Place, present: Value | None) -> Sequence[Value]:
        """Return what is added at an index: one value, or two to be multiplied; missing samples are zero."""
        found = SUMS[self.node.operation.name](self.over.emitter, self.node, place)
        if present is None:
            return found
        zero = self.code.splat(0, self.lanes.sampled)
        return [self.code.builder.select(present, each, zero) for each in found]

    def _grown(self, sofar: Value, factors: Sequence[Value]) -> Value:
        return ELEMENTWISE["add"](self.code, sofar, term(self.code, factors))

    def store(self, target: Value) -> None:
        """Write the part's sum to memory: per element one number, or one for each copy."""
        code, number = self.code, self.over.number
        if self.in_registers:
            kind = code.vector(self.lanes.sampled)
            for k, slot in enumerate(self.slots):
                self._write(self.lanes.total(code, code.get(slot, kind)), target, k * number)
            return
        with code.loop(0, prod(self.node.shape)) as k:
            found = code.load(self.memory.pointer, code.times(k, self.over.kept), code.vector(self.over.kept))
            found = found if number > 1 else add_halves(code, found, self.over.kept, 1)
            self._write(found, target, code.times(k, number))

    def _write(self, value: Value, target: Value, offset: Index) -> None:
        address = self.code.place(target, offset, self.code.number)
        if self.over.number > 1:
            self.code.store(value, address, 0)
        else:
            self.code.write(self.code.lane(value), address, 0)
