"""The parameters of a descent within its loop: in registers, or in memory if there are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from llvmlite import ir

from steepest.engines.native.lanes.emitter import Emitter
from steepest.engines.native.lanes.lanes import add_halves
from steepest.engines.native.lanes.plan import Plan
from steepest.engines.native.lanes.tensors import MemoryTensor, RegisterTensor, Tensor, fits_registers, indices
from steepest.engines.native.llvm.code import I1, Code, Index, Value
from steepest.engines.native.llvm.memory import Array
from steepest.expressions.expression import Expression

_IN_REGISTERS = 24  # numbers; AVX-512 has 32 registers, and with more parameters the rest would be spilled


@dataclass(frozen=True)
class Layout:
    """The positions of parameters in one array of ``length``: the first one of each, by its name.

    Each element has ``copies`` numbers.
    """

    leaves: tuple[Expression, ...]
    begins: Mapping[str, int]
    length: int
    copies: int

    def view(self, array: Array, leaf: Expression) -> Array:
        """Return the numbers of a parameter in an array, or in each row of one."""
        begin = self.begins[leaf.name]
        return array[..., begin : begin + prod(leaf.shape) * self.copies]

    def pack(self, values: Mapping[str, Any], target: Array) -> Array:
        """Write parameters to their positions in an array and return it."""
        for leaf in self.leaves:
            self.view(target, leaf)[...] = np.ravel(values[leaf.name])
        return target

    def unpack(self, source: Array) -> dict[str, Array]:
        """Return copies of the parameters in an array."""
        return {leaf.name: self.view(source, leaf).reshape(leaf.shape).copy() for leaf in self.leaves}


def layout(leaves: list[Expression], plan: Plan, copies: int = 1) -> Layout:
    """Lay out parameters one after another; those that are computed in runs are padded to whole runs."""
    begins, size = {}, 0
    for leaf in leaves:
        begins[leaf.name] = size * copies
        elements = prod(leaf.shape)
        size += elements if fits_registers(leaf.shape, plan.unrolled) else -(-elements // plan.stride) * plan.stride
    return Layout(tuple(leaves), begins, -(-size // plan.stride) * plan.stride * copies, copies)


def part(emitter: Emitter, where: Layout, array: Value, leaf: Expression) -> MemoryTensor:
    """Return one parameter in an array of all."""
    code = emitter.code
    pointer = code.place(array, where.begins[leaf.name], code.number)
    return MemoryTensor(code, leaf.shape, pointer, where.copies, emitter.lanes.shared)


class _State:
    """All parameters, updated from epoch to epoch; the values before the last update are kept.

    They are in the function's arguments ``params`` and ``before`` when it is called and when it returns.
    """

    def __init__(self, emitter: Emitter, where: Layout) -> None:
        self._emitter, self._where = emitter, where
        self._arrays = emitter.code.arguments["params"], emitter.code.arguments["before"]

    def expect(self, updates: Mapping[Expression, Expression]) -> None:
        """Prepare for the nodes that will be the next values of the parameters, if that is of use."""

    def save(self) -> None:
        """Write the values and those before back to memory, unless they are there."""


class RegisterState(_State):
    """Keeps a few numbers in registers, each in the lanes of a vector."""

    def __init__(self, emitter: Emitter, where: Layout) -> None:
        super().__init__(emitter, where)
        self._kind = emitter.code.vector(emitter.lanes.shared)
        self._slots, self._last = (
            {leaf: self._variables(leaf, array) for leaf in where.leaves} for array in self._arrays
        )

    def _variables(self, leaf: Expression, array: Value) -> list[Value]:
        in_memory = part(self._emitter, self._where, array, leaf)
        return [self._emitter.code.slot(self._kind, in_memory.at(place)) for place in indices(leaf.shape)]

    def now(self) -> dict[Expression, Tensor]:
        """Return the values."""
        get = self._emitter.code.get
        return {
            leaf: RegisterTensor(leaf.shape, [get(slot, self._kind) for slot in each])
            for leaf, each in self._slots.items()
        }

    def move(self, after: Mapping[Expression, Tensor], active: Value | None = None) -> Value:
        """Update the values, in the copies that are active.

        Returns:
            A vector that is NaN where a number is not finite: one lane per copy, or any number of lanes with one copy.
        """
        code = self._emitter.code
        probe = code.splat(0, self._kind.count)
        values = {leaf: [after[leaf].at(place) for place in indices(leaf.shape)] for leaf in self._slots}
        for leaf, slots in self._slots.items():
            for slot, last, value in zip(slots, self._last[leaf], values[leaf], strict=True):
                old = code.get(slot, self._kind)
                new, past = value, old
                if active is not None:
                    new = code.builder.select(active, value, old)
                    past = code.builder.select(active, old, code.get(last, self._kind))
                code.put(past, last)
                code.put(new, slot)
                probe = probed(code, probe, new)
        # With one copy all lanes are equal, so that one of them is enough.
        return probe if self._where.copies > 1 else code.shuffle(probe, [0])

    def record(self, row: Value) -> None:
        """Write all numbers to a row of the record."""
        self._write(self._slots, row)

    def save(self) -> None:
        self._write(self._slots, self._arrays[0])
        self._write(self._last, self._arrays[1])

    def _write(self, variables: dict[Expression, list[Value]], array: Value) -> None:
        for leaf, slots in variables.items():
            in_memory = part(self._emitter, self._where, array, leaf)
            for place, slot in zip(indices(leaf.shape), slots, strict=True):
                in_memory.put(place, self._emitter.code.get(slot, self._kind))


class MemoryState(_State):
    """Keeps many numbers in memory: new values are gathered in an array of their own, then copied in one loop."""

    def __init__(self, emitter: Emitter, where: Layout) -> None:
        super().__init__(emitter, where)
        self._next = emitter.scratch.take(where.length)

    def expect(self, updates: Mapping[Expression, Expression]) -> None:
        """Make the emitter store the nodes directly in the array of new values."""
        for leaf, node in updates.items():
            if node.args and not self._emitter.in_registers(leaf.shape):
                target = part(self._emitter, self._where, self._next, leaf)
                self._emitter.targets.setdefault(node, target)

    def now(self) -> dict[Expression, Tensor]:
        return {leaf: part(self._emitter, self._where, self._arrays[0], leaf) for leaf in self._where.leaves}

    def move(self, after: Mapping[Expression, Tensor], active: Value | None = None) -> Value:
        for leaf in self._where.leaves:
            self._gather(leaf, after[leaf])
        code, stride, copies = self._emitter.code, self._emitter.stride, self._where.copies
        kind = code.vector(stride)
        probe = code.slot(kind, code.splat(0, stride))
        chosen = None if active is None else code.shuffle(active, [k % copies for k in range(stride)])
        memory, before = self._arrays
        with code.loop(0, self._where.length, stride) as first:
            now, value = self._run(memory, first), self._run(self._next, first)
            past = now
            if chosen is not None:
                value = code.builder.select(chosen, value, now)
                past = code.builder.select(chosen, now, self._run(before, first))
            code.store(past, before, first)
            code.store(value, memory, first)
            code.put(probed(code, code.get(probe, kind), value), probe)
        found = code.get(probe, kind)
        return found if copies == 1 else add_halves(code, found, stride, copies)

    def _gather(self, leaf: Expression, after: Tensor) -> None:
        emitter, code, stride = self._emitter, self._emitter.code, self._emitter.stride
        target = part(emitter, self._where, self._next, leaf)
        if not (isinstance(after, MemoryTensor) and after.pointer is target.pointer):
            emitter.each(leaf.shape, lambda place: target.put(place, after.at(place)))
        length = prod(leaf.shape) * self._where.copies
        if not emitter.in_registers(leaf.shape) and length % stride:  # clear the padding: it must not be NaN
            first = length // stride * stride
            inside = ir.Constant(ir.VectorType(I1, stride), [int(k < length - first) for k in range(stride)])
            value = code.builder.select(inside, self._run(target.pointer, first), code.splat(0, stride))
            code.store(value, target.pointer, first)

    def _run(self, array: Value, first: Index) -> Value:
        code = self._emitter.code
        return code.load(array, first, code.vector(self._emitter.stride))

    def record(self, row: Value) -> None:
        code = self._emitter.code
        with code.loop(0, self._where.length, self._emitter.stride) as first:
            code.store(self._run(self._arrays[0], first), row, first)


State = RegisterState | MemoryState


def state(emitter: Emitter, where: Layout, in_memory: bool = False) -> State:
    """Choose where the parameters are kept while the function runs: in registers if they fit."""
    few = sum(prod(leaf.shape) for leaf in where.leaves) <= _IN_REGISTERS
    if few and not in_memory and all(emitter.in_registers(leaf.shape) for leaf in where.leaves):
        return RegisterState(emitter, where)
    return MemoryState(emitter, where)


def probed(code: Code, probe: Value, value: Value) -> Value:
    """Accumulate into a probe that becomes NaN if a value is not finite: 0·∞ and 0·NaN are NaN."""
    zero = code.builder.fmul(value, code.splat(0, value.type.count))
    return code.builder.fadd(probe, zero)
