"""The parameters of a descent within its loop: in registers, or in memory if there are many."""

from __future__ import annotations

from math import prod
from typing import Protocol

from llvmlite import ir
from steepest.engines.native.code import I1, Code, Index, Value
from steepest.engines.native.emitter import Emitter
from steepest.engines.native.lanes import fold
from steepest.engines.native.tensors import Held, Stored, Tensor, places
from steepest.expression import Expression


class Parameter(Protocol):
    """A parameter that moves from epoch to epoch; the values before the last move are kept."""

    def now(self) -> Tensor:
        """Its value."""
        ...

    def settled(self, after: Tensor) -> Tensor:
        """A value for it that no longer depends on anything that is going to move."""
        ...

    def move(self, after: Tensor, active: Value | None = None) -> Value:
        """Give it a settled value, in the copies that are active; returns a vector, NaN where a number is not finite.

        The vector has a lane for each copy; with a single copy any number of lanes.
        """
        ...

    def record(self, row: Value) -> None:
        """Write its numbers to a row."""
        ...

    def save(self) -> None:
        """Write it back to memory, with the values before."""
        ...


class InRegisters:
    """A few numbers, each in the lanes of a vector.

    Args:
        emitter: of the function.
        leaf: the parameter.
        memory, before: where its numbers come from, and where they and those before go in the end.
        width: numbers an element in memory: 1, or one for each copy of the model.
    """

    def __init__(self, emitter: Emitter, leaf: Expression, memory: Value, before: Value, width: int) -> None:
        self.code, self.shape = emitter.code, leaf.shape
        lanes = emitter.lanes.shared
        self._kind = self.code.vector(lanes)
        self._memory = Stored(self.code, leaf.shape, memory, width, lanes)
        self._before = Stored(self.code, leaf.shape, before, width, lanes)
        self._width, self._lanes = width, lanes
        self._slots = [self.code.slot(self._kind, self._memory.at(p)) for p in places(leaf.shape)]
        self._last = [self.code.slot(self._kind, self._before.at(p)) for p in places(leaf.shape)]

    def now(self) -> Tensor:
        return Held(self.shape, [self.code.get(slot, self._kind) for slot in self._slots])

    def settled(self, after: Tensor) -> Tensor:
        return Held(self.shape, [after.at(place) for place in places(self.shape)])

    def move(self, after: Tensor, active: Value | None = None) -> Value:
        code, probe = self.code, self.code.splat(0, self._lanes)
        for place, slot, last in zip(places(self.shape), self._slots, self._last, strict=True):
            old, value = code.get(slot, self._kind), after.at(place)
            if active is not None:
                value = code.builder.select(active, value, old)
            code.put(old, last)
            code.put(value, slot)
            probe = probed(code, probe, value)
        return probe

    def record(self, row: Value) -> None:
        self._write(self._slots, Stored(self.code, self.shape, row, self._width, self._lanes))

    def save(self) -> None:
        self._write(self._slots, self._memory)
        self._write(self._last, self._before)

    def _write(self, slots: list[Value], target: Stored) -> None:
        for place, slot in zip(places(self.shape), slots, strict=True):
            target.put(place, self.code.get(slot, self._kind))


class InMemory:
    """Many numbers, moved by runs of neighbours.

    Args:
        emitter: of the function.
        leaf: the parameter.
        memory, before: its numbers and those before the last move.
        width: numbers an element: 1, or one for each copy of the model.
    """

    def __init__(self, emitter: Emitter, leaf: Expression, memory: Value, before: Value, width: int) -> None:
        self.code, self.emitter, self.shape = emitter.code, emitter, leaf.shape
        self._memory = Stored(self.code, leaf.shape, memory, width, emitter.lanes.shared)
        self._pointers = memory, before
        self._length = prod(leaf.shape) * width

    def now(self) -> Tensor:
        return self._memory

    def settled(self, after: Tensor) -> Tensor:
        if isinstance(after, Stored) and after.width == self._memory.width:
            return after
        made = self.emitter.buffer(self.shape, False)
        held = isinstance(after, Held)
        self.emitter.each(self.shape, lambda place: made.put(place, after.at(place)), held)
        return made

    def move(self, after: Tensor, active: Value | None = None) -> Value:
        assert isinstance(after, Stored)
        code, stride = self.code, self.emitter.stride
        memory, before = self._pointers
        kind, copies = code.vector(stride), self._memory.width
        probe = code.slot(kind, code.splat(0, stride))
        chosen = None if active is None else code.shuffle(active, [k % copies for k in range(stride)])

        def take(first: Index, count: int) -> None:
            old, new = code.place(memory, first, code.number), code.place(after.pointer, first, code.number)
            now, value = code.read(old, 0, kind, code.size), code.read(new, 0, kind, code.size)
            if chosen is not None:
                value = code.builder.select(chosen, value, now)
            code.write(now, code.place(before, first, code.number), 0, code.size)
            code.write(value, old, 0, code.size)
            if count < stride:  # what fills up the last run is nobody's number
                inside = ir.Constant(ir.VectorType(I1, stride), [int(k < count) for k in range(stride)])
                value = code.builder.select(inside, value, code.splat(0, stride))
            code.put(probed(code, code.get(probe, kind), value), probe)

        whole = self._length // stride * stride
        with code.loop(0, whole, stride) as first:
            take(first, stride)
        if self._length > whole:
            take(whole, self._length - whole)
        found = code.get(probe, kind)
        return found if copies == 1 else fold(code, found, stride, copies)

    def record(self, row: Value) -> None:
        code, stride = self.code, self.emitter.stride
        with code.loop(0, self._length, stride) as first:
            value = code.read(code.place(self._pointers[0], first, code.number), 0, code.vector(stride), code.size)
            code.write(value, code.place(row, first, code.number), 0, code.size)

    def save(self) -> None:
        """Nothing to do: it is there already."""


def probed(code: Code, probe: Value, value: Value) -> Value:
    """NaN from now on if a value is not finite: 0·∞ and 0·NaN are NaN."""
    zero = code.builder.fmul(value, code.splat(0, value.type.count))
    return code.builder.fadd(probe, zero)
