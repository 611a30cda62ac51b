"""Values of any shape within a function: in registers, in memory, or fused into the code that uses them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from math import prod

from steepest.engines.native.llvm.code import Code, Index, Value
from steepest.expressions.expression import Shape

UNROLLED_AXIS = 8
"""The longest axis that is unrolled; the code loops over longer ones, so that its size stays bounded."""
REGISTER_ELEMENTS = 16
"""The largest tensor in registers, elements: half of AVX-512's 32 registers, all of AVX2's 16."""

Place = tuple[Index, ...]


def fits_registers(shape: Shape, unrolled: bool) -> bool:
    """Return whether a value of this shape is kept in registers."""
    return unrolled or (all(d <= UNROLLED_AXIS for d in shape) and prod(shape) <= REGISTER_ELEMENTS)


def indices(shape: Shape) -> Iterator[tuple[int, ...]]:
    """Yield every index of a shape, the last one fastest."""
    return itertools.product(*map(range, shape))


Run = Callable[[Index, int], Value]
"""Loads neighbouring elements as a vector, from the first position and their number."""


class RegisterTensor:
    """Elements in registers; indices are compile-time numbers."""

    def __init__(self, shape: Shape, items: Iterable[Value]) -> None:
        self.shape = shape
        self._items: dict[Place, Value] = dict(zip(indices(shape), items, strict=True))

    @classmethod
    def of(cls, shape: Shape, compute: Callable[[Place], Value]) -> RegisterTensor:
        """Compute every element from its index."""
        return cls(shape, map(compute, indices(shape)))

    def at(self, place: Place) -> Value:
        """Return the element at an index."""
        return self._items[place]


class MemoryTensor:
    """Elements in memory, each of ``width`` numbers; loaded as vectors of ``lanes``, a single number is broadcast."""

    def __init__(self, code: Code, shape: Shape, pointer: Value, width: int, lanes: int) -> None:
        self.code, self.shape, self.pointer, self.width, self.lanes = code, shape, pointer, width, lanes

    def at(self, place: Place) -> Value:
        """Return the element at an index."""
        code, position = self.code, self._position(place)
        if self.width == 1:
            return code.broadcast(code.read(self.pointer, position, code.number), self.lanes)
        return code.load(self.pointer, code.times(position, self.width), code.vector(self.width))

    def put(self, place: Place, value: Value) -> None:
        """Store an element."""
        code, position = self.code, self._position(place)
        if self.width == 1:
            code.write(code.lane(value), self.pointer, position)
        else:
            code.store(value, self.pointer, code.times(position, self.width))

    def _position(self, place: Place) -> Index:
        position: Index = 0
        for length, index in zip(self.shape, place, strict=True):
            position = self.code.plus(self.code.times(position, length), index)
        return position

    def run(self, first: Index, length: int) -> Value:
        """Load ``length`` elements from a position on, of a tensor with one number per element."""
        return self.code.load(self.pointer, first, self.code.vector(length))

    def put_run(self, first: Index, values: Value) -> None:
        """Store neighbouring elements of a tensor with one number per element."""
        self.code.store(values, self.pointer, first)


class FusedTensor:
    """Elements computed at each use, by a function of the index and perhaps of a run."""

    def __init__(self, shape: Shape, compute: Callable[[Place], Value], run: Run | None = None) -> None:
        self.shape, self._compute, self.run = shape, compute, run

    def at(self, place: Place) -> Value:
        """Return the element at an index."""
        return self._compute(place)


Tensor = RegisterTensor | MemoryTensor | FusedTensor
"""A value; ``at`` gives one of its elements as a vector of lanes."""
