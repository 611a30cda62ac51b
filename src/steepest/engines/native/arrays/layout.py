"""The layout of arrays in memory: rows padded to whole vectors, parameters one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from steepest.engines.native.llvm.memory import Array, aligned
from steepest.expressions.expression import Expression, Shape


def whole(length: int, lanes: int) -> int:
    """Round a length up to whole vectors."""
    return -(-length // lanes) * lanes


def width(shape: Shape, lanes: int) -> int:
    """Return the distance from one row of an array to the next, in numbers; 1 for a scalar."""
    return whole(shape[-1], lanes) if shape else 1


def size(shape: Shape, lanes: int) -> int:
    """Return the numbers that an array takes, padding included; a scalar takes a vector."""
    return prod(shape[:-1]) * width(shape, lanes) if shape else lanes


@dataclass(frozen=True)
class ArrayLayout:
    """The positions of arrays in one block of ``length`` numbers: the first position of each, by its name."""

    leaves: tuple[Expression, ...]
    begins: Mapping[str, int]
    length: int
    lanes: int

    def pack(self, values: Mapping[str, Any], target: Array) -> None:
        """Write arrays to their positions."""
        if isinstance(values, Packed) and values.where is self:
            target[...] = values.numbers
            return
        for leaf in self.leaves:
            self.view(target, leaf.name)[...] = values[leaf.name]

    def unpack(self, source: Array) -> Packed:
        """Return copies of the arrays in a block of memory."""
        return Packed(self, source.copy())

    def unpack_rows(self, rows: Array) -> list[dict[str, Array]]:
        """Return copies for many blocks of memory, ``(k, numbers)``: each row's arrays are views of common ones."""
        parts: dict[str, Array] = {}
        for leaf in self.leaves:
            begin, shape = self.begins[leaf.name], leaf.shape
            if begin < rows.shape[1]:
                padded = rows[:, begin : begin + size(shape, self.lanes)]
                wide = padded.reshape(len(rows), *shape[:-1], width(shape, self.lanes) if shape else self.lanes)
                parts[leaf.name] = np.array(wide[..., : shape[-1]] if shape else wide[:, 0])
        return [{name: array[k] for name, array in parts.items()} for k in range(len(rows))]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of each array by its name."""
        return {leaf.name: leaf.shape for leaf in self.leaves}

    def view(self, array: Array, name: str) -> Array:
        """Return a view of an array in a block of memory."""
        begin, shape = self.begins[name], self.shapes[name]
        if not shape:
            return array[begin : begin + 1].reshape(())
        step = width(shape, self.lanes)
        return array[begin : begin + prod(shape[:-1]) * step].reshape(*shape[:-1], step)[..., : shape[-1]]


class Packed(Mapping[str, Array]):
    """Arrays by name in one block of memory of their own; each is copied on access."""

    def __init__(self, where: ArrayLayout, numbers: Array) -> None:
        self.where, self.numbers = where, numbers

    def __getitem__(self, name: str) -> Array:
        return np.array(self.where.view(self.numbers, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.where.shapes)

    def __len__(self) -> int:
        return len(self.where.leaves)


def array_layout(leaves: Iterable[Expression], lanes: int) -> ArrayLayout:
    """Lay out arrays one after another."""
    begins, length = {}, 0
    leaves = tuple(leaves)
    for leaf in leaves:
        begins[leaf.name] = length
        length += size(leaf.shape, lanes)
    return ArrayLayout(leaves, begins, length, lanes)


def rows_of(column: Array, lanes: int) -> Array:
    """Pad the rows of a data column ``(n, …)`` to whole vectors; append as many rows of zeros as there are lanes."""
    shape, rows = column.shape[1:], len(column)
    made = aligned((rows + lanes) * width(shape, lanes), column.dtype)
    view = made[: rows * width(shape, lanes)].reshape(rows, -1)
    view[:, : prod(shape)] = column.reshape(rows, -1)
    return made


def block_size(node: Expression, capacity: int, lanes: int) -> int:
    """Return the numbers that a per-sample node takes in a block of so many samples."""
    return whole(capacity, lanes) * (width(node.shape, lanes) if node.shape else 1)
