"""How arrays lie in memory: rows padded to whole vectors, parameters one after another."""

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
    """A length rounded up to whole vectors."""
    return -(-length // lanes) * lanes


def width(shape: Shape, lanes: int) -> int:
    """Numbers from one row of an array to the next; of a number 1."""
    return whole(shape[-1], lanes) if shape else 1


def size(shape: Shape, lanes: int) -> int:
    """Numbers that an array takes, its padding included; a number has a vector's room."""
    return prod(shape[:-1]) * width(shape, lanes) if shape else lanes


@dataclass(frozen=True)
class ArrayLayout:
    """Where arrays lie in one stretch of memory.

    Attributes:
        leaves: the arrays.
        begins: where each begins, by its name.
        length: of all of them.
        lanes: numbers of a vector.
    """

    leaves: tuple[Expression, ...]
    begins: Mapping[str, int]
    length: int
    lanes: int

    def pack(self, values: Mapping[str, Any], target: Array) -> None:
        """Write arrays to their places."""
        if isinstance(values, Packed) and values.where is self:
            target[...] = values.numbers
            return
        for leaf in self.leaves:
            self.view(target, leaf.name)[...] = values[leaf.name]

    def unpack(self, source: Array) -> Packed:
        """Copies of the arrays in a stretch of memory."""
        return Packed(self, source.copy())

    def unpack_rows(self, rows: Array) -> list[dict[str, Array]]:
        """The same for many stretches of memory, ``(k, numbers)``: each row's arrays are views of one for all."""
        parts: dict[str, Array] = {}
        for leaf in self.leaves:
            begin, shape = self.begins[leaf.name], leaf.shape
            if begin < rows.shape[1]:
                room = rows[:, begin : begin + size(shape, self.lanes)]
                wide = room.reshape(len(rows), *shape[:-1], width(shape, self.lanes) if shape else self.lanes)
                parts[leaf.name] = np.array(wide[..., : shape[-1]] if shape else wide[:, 0])
        return [{name: array[k] for name, array in parts.items()} for k in range(len(rows))]

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of each array by its name."""
        return {leaf.name: leaf.shape for leaf in self.leaves}

    def view(self, array: Array, name: str) -> Array:
        """An array where it lies in a stretch of memory."""
        begin, shape = self.begins[name], self.shapes[name]
        if not shape:
            return array[begin : begin + 1].reshape(())
        step = width(shape, self.lanes)
        return array[begin : begin + prod(shape[:-1]) * step].reshape(*shape[:-1], step)[..., : shape[-1]]


class Packed(Mapping[str, Array]):
    """Arrays by name that lie in one stretch of memory, of which nobody else writes; each is copied when asked for."""

    def __init__(self, where: ArrayLayout, numbers: Array) -> None:
        self.where, self.numbers = where, numbers

    def __getitem__(self, name: str) -> Array:
        return np.array(self.where.view(self.numbers, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.where.shapes)

    def __len__(self) -> int:
        return len(self.where.leaves)


def array_layout(leaves: Iterable[Expression], lanes: int) -> ArrayLayout:
    """Arrays one after another."""
    begins, length = {}, 0
    leaves = tuple(leaves)
    for leaf in leaves:
        begins[leaf.name] = length
        length += size(leaf.shape, lanes)
    return ArrayLayout(leaves, begins, length, lanes)


def rows_of(column: Array, lanes: int) -> Array:
    """A data column ``(n, …)`` with its rows padded to whole vectors, and as many rows of zeros as there are lanes."""
    shape, rows = column.shape[1:], len(column)
    made = aligned((rows + lanes) * width(shape, lanes), column.dtype)
    view = made[: rows * width(shape, lanes)].reshape(rows, -1)
    view[:, : prod(shape)] = column.reshape(rows, -1)
    return made


def block_size(node: Expression, capacity: int, lanes: int) -> int:
    """Numbers that a node of each sample takes in a block of so many samples."""
    return whole(capacity, lanes) * (width(node.shape, lanes) if node.shape else 1)
