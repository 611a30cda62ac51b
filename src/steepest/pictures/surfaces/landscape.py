"""A cost as a function of its parameters, and lines and planes through them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.gradient import gradient
from steepest.calculus.stability import stabilise
from steepest.checking.kinks import kink_along
from steepest.engines import choose, evaluate
from steepest.errors import PictureError
from steepest.expressions.expression import PARAMETER, Expression, leaves, toposort
from steepest.expressions.printing import quoted
from steepest.messages.hints import nearest
from steepest.tables.table import open_table
from steepest.tables.values import Array, bind, fit_shape, number_array

Params = Mapping[str, Any]

_ELEMENT = re.compile(r"(.+)\[(\d+)(?:,\s*(\d+))?\]")
_AT_ONCE = 1 << 22  # elements of parameters in memory at a time: 32 MB
_COMPILED, _INTERPRETED = 2.5e10, 1e8  # values of nodes that an engine computes in a few seconds


@dataclass(frozen=True)
class Landscape:
    """A cost over a table, evaluated at any parameters."""

    cost: Expression  # one number
    data: Params  # the columns of the table
    rows: int  # the number of samples
    shapes: Mapping[str, tuple[int, ...]]  # of each parameter by name
    engine: str = "auto"

    def without(self, rows: Array) -> Landscape:
        """Return the same cost without some rows of the table, given by their numbers from 0."""
        data = {name: np.delete(column, rows, axis=0) for name, column in self.data.items()}
        return replace(self, data=data, rows=self.rows - len(rows))

    @property
    def size(self) -> int:
        """The number of elements of all parameters."""
        return sum(prod(shape) for shape in self.shapes.values())

    def vector(self, params: Params) -> Array:
        """Flatten parameters into one row of numbers, ``(size,)``."""
        return np.concatenate([np.ravel(self._value(name, params)) for name in self.shapes])

    def _value(self, name: str, params: Params) -> Array:
        if name not in params:
            raise PictureError(f"the parameter {name!r} has no value; give it one in at=")
        return fit_shape(name, number_array(name, params[name], "float64"), self.shapes[name])

    def params(self, vectors: Array) -> dict[str, Array]:
        """Split rows of numbers ``(k, size)`` into arrays by name ``(k, …)``."""
        found, begin = {}, 0
        for name, shape in self.shapes.items():
            found[name] = vectors[:, begin : begin + prod(shape)].reshape(-1, *shape)
            begin += prod(shape)
        return found

    def costs(self, vectors: Array) -> Array:
        """Return the cost at rows of numbers, ``(k, size)`` to ``(k,)``."""
        each = max(1, _AT_ONCE // max(self.size, 1))
        stable, points = stabilise([self.cost])[self.cost], min(len(vectors), each)
        sweep = choose(self.engine, "float64").grid(stable, dict(self.data), self.rows, "float64", points)
        parts = [sweep(self.params(vectors[k : k + each])) for k in range(0, len(vectors), each)]
        return np.concatenate(parts) if parts else np.zeros(0)

    @cached_property
    def _slopes(self) -> dict[str, Expression]:
        return gradient(self.cost)

    def gradients(self, vectors: Array) -> Array:
        """Return the gradient at rows of numbers, ``(k, size)`` to ``(k, size)``."""
        rows = []
        for vector in vectors:
            slopes = evaluate(self._slopes, {**self.data, **self._at(vector)})
            rows.append(np.concatenate([np.ravel(np.broadcast_to(slopes[n], s)) for n, s in self.shapes.items()]))
        return np.array(rows).reshape(-1, self.size)

    def no_slope(self, vector: Array, directions: Sequence[Array]) -> str:
        """Return why there is no tangent at a point along some directions; an empty text where there is one.

        The sum and difference of two directions are checked, too: a surface with slopes along both axes has no tangent
        plane if the slope between them jumps.
        """
        if len(directions) == 2:
            first, second = (direction / np.linalg.norm(direction) for direction in directions)
            directions = [*directions, first + second, first - second]
        point = {**self.data, **self._at(vector)}
        for direction in directions:
            kink = kink_along(self.cost, point, self._at(direction))
            if kink is not None:
                return f"the slope jumps at {kink.where}"
        slopes = self.gradients(vector[None])[0]
        along = [float(slopes @ direction) for direction in directions]
        return "" if np.all(np.isfinite(along)) else "the slope is not finite"

    def _at(self, vector: Array) -> dict[str, Array]:
        return {name: values[0] for name, values in self.params(vector[None]).items()}

    def resolution(self, most: int, axes: int, least: int) -> int:
        """Return the number of points along each axis for which a grid takes a few seconds at most."""
        nodes = toposort([self.cost])
        elements = sum(max(prod(node.shape), 1) * (self.rows if node.per_sample else 1) for node in nodes)
        products = self.size * (self.rows if self.data else 1)
        compiled = choose(self.engine, "float64").name == "native"
        affordable = (_COMPILED if compiled else _INTERPRETED) / (elements + products)
        return int(min(most, max(least, affordable ** (1 / axes))))


def landscape(
    cost: Expression, table: Any = None, *, columns: Params | None = None, na: str = "error", engine: str = "auto"
) -> Landscape:
    """Return the landscape of a cost over a table, or over arrays; neither is needed for a function of parameters."""
    if cost.per_sample or cost.shape:
        raise PictureError("a picture is drawn of one number; take the mean, total or sum of the expression")
    shapes = {leaf.name: leaf.shape for leaf in leaves([cost]) if leaf.operation is PARAMETER}
    if not shapes:
        raise PictureError("there is nothing to draw the cost over: it holds no parameters")
    if cost.data and columns is None:
        if table is None:
            raise PictureError(f"the cost holds the column {cost.data[0]!r}; give the table that has it")
        columns = open_table(table).select(cost.data, na=na).arrays
    zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
    bound = bind([cost], {**(columns or {}), **zeros})
    return Landscape(cost, bound.data, bound.rows, shapes, engine)


@dataclass(frozen=True)
class Axis:
    """A direction through the parameters."""

    label: str  # a parameter, an element of one, or a direction
    direction: Array  # the change of the parameters with one unit of the coordinate, ``(size,)``
    element: int | None = None  # the index, among all elements, of the one that the coordinate is; None for a direction
    share: float | None = None  # of the variance of a descent's path that it carries, if there is one


def axis_of(land: Landscape, name: str | Mapping[str, ArrayLike], label: str = "") -> Axis:
    """Return the axis of a parameter, of an element such as ``"W1[0,2]"``, or of a direction."""
    if isinstance(name, Mapping):
        unknown = [key for key in name if key not in land.shapes]
        if unknown:
            raise PictureError(f"a direction holds {unknown[0]!r}, which is no parameter of the cost")
        zeros = {key: np.zeros(shape) for key, shape in land.shapes.items()}
        direction = land.vector({**zeros, **name})
        if not np.any(direction):
            raise PictureError("a direction is 0 in all parameters; give one that leads somewhere")
        return Axis(label or "direction", direction)
    found = None if name in land.shapes else _ELEMENT.fullmatch(name)
    bare = name if found is None else found[1]
    index = () if found is None else tuple(int(part) for part in found.groups()[1:] if part is not None)
    if bare not in land.shapes:
        known = ", ".join(land.shapes)
        raise PictureError(f"{bare!r} is not a parameter of the cost{nearest(bare, land.shapes)}; those are {known}")
    shape = land.shapes[bare]
    if len(index) != len(shape) or any(k >= d for k, d in zip(index, shape, strict=True)):
        last = ",".join(str(d - 1) for d in shape)
        example = f"{quoted(bare)}[{last}]" if shape else quoted(bare)
        raise PictureError(f"{name} is not one number of the cost; the last one of this parameter is {example}")
    begin = sum(prod(land.shapes[key]) for key in list(land.shapes)[: list(land.shapes).index(bare)])
    element = begin + int(np.ravel_multi_index(index, shape)) if shape else begin
    direction = np.zeros(land.size)
    direction[element] = 1.0
    return Axis(name, direction, element)


@dataclass(frozen=True)
class Span:
    """The points base + Σ coordinate · direction of one axis or two.

    The coordinate along a parameter is its value, so ``base`` is 0 there; along a direction it is the distance from
    ``base`` in units of that direction.
    """

    axes: tuple[Axis, ...]
    base: Array  # the parameters where all coordinates are 0, ``(size,)``

    def points(self, *coordinates: Array) -> Array:
        """Return the parameters at coordinates, each ``(k,)``, as rows ``(k, size)``."""
        found = np.repeat(self.base[None], len(coordinates[0]), axis=0)
        for axis, along in zip(self.axes, coordinates, strict=True):
            if axis.element is None:
                found += along[:, None] * axis.direction
        for axis, along in zip(self.axes, coordinates, strict=True):
            if axis.element is not None:  # the very number, without the round-off of a sum
                found[:, axis.element] += along
        return found

    def coordinates(self, vectors: Array) -> Array:
        """Return the coordinates of the nearest points of the span, ``(k, size)`` to ``(k, axes)``."""
        directions = np.array([axis.direction for axis in self.axes])
        gram = directions @ directions.T
        found: Array = np.linalg.solve(gram, directions @ (vectors - self.base).T).T
        for k, axis in enumerate(self.axes):
            if axis.element is not None and np.count_nonzero(gram[k]) == 1:
                found[:, k] = vectors[:, axis.element]
        return found


def span_of(axes: Sequence[Axis], at: Array) -> Span:
    """Return the span of axes through a point."""
    base = at.copy()
    base[[axis.element for axis in axes if axis.element is not None]] = 0.0
    directions = np.array([axis.direction / np.linalg.norm(axis.direction) for axis in axes])
    if len(axes) == 2 and abs(directions[0] @ directions[1]) > 1 - 1e-12:
        raise PictureError(f"{axes[0].label} and {axes[1].label} are one direction; choose two")
    return Span(tuple(axes), base)
