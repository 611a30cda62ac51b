"""The numbers in pictures of a cost: a curve or surface, with the descents and points that are marked on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.display.labels import short
from steepest.pictures.surfaces.landscape import Axis
from steepest.pictures.surfaces.paths import Trail
from steepest.tables.values import Array


@dataclass(frozen=True)
class Tangent:
    """A point of a curve with its tangent.

    Attributes:
        at: the coordinate of the point.
        value: the cost there.
        slope: the derivative there; NaN where it does not exist.
        missing: why there is no tangent, as at a kink; an empty text where there is one.
    """

    at: float
    value: float
    slope: float
    missing: str = ""

    def height(self, x: Any) -> Any:
        """Return the height of the tangent at other coordinates."""
        return self.value + self.slope * (x - self.at)

    @property
    def trend(self) -> str:
        """Whether the curve is increasing, decreasing or stationary there."""
        return "increasing" if self.slope > 0 else "decreasing" if self.slope < 0 else "stationary"


@dataclass(frozen=True)
class Fixed:
    """The parameters that are fixed while those of the axes change.

    Attributes:
        values: by name; NaN for the elements that are axes.
        origin: where the values come from: "as given", "where the descent ended".
    """

    values: Mapping[str, Array]
    origin: str

    @property
    def size(self) -> int:
        """The number of their elements."""
        return sum(int(np.isfinite(part).sum()) for part in self.values.values())


@dataclass(frozen=True)
class Curve:
    """A cost along one axis.

    Attributes:
        axis: which.
        x: coordinates, ``(k,)``.
        costs: the cost there.
        tangent: the marked point with its tangent; None if no point is marked.
        trails: descents.
        whole: whether the axis is the only parameter, so that trails lie on the curve.
        fixed: the other parameters, if there are any and the axis is a parameter.
    """

    axis: Axis
    x: Array
    costs: Array
    tangent: Tangent | None
    trails: tuple[Trail, ...]
    whole: bool
    fixed: Fixed | None

    @property
    def legend(self) -> str:
        """The label of the marked point in a legend."""
        assert self.tangent is not None  # a label is asked for only where a point is marked
        place = f"{self.axis.label} = {short(self.tangent.at)}"
        return _point_legend(self.trails, place, (self.tangent.at,), self.tangent.value)

    @property
    def heights(self) -> tuple[float, float]:
        """The range of costs to show; a tangent or a descent that leaves it is cut off."""
        finite = self.costs[np.isfinite(self.costs)]
        margin = 0.06 * float(np.ptp(finite)) or 0.5
        return float(finite.min()) - margin, float(finite.max()) + margin


@dataclass(frozen=True)
class Point:
    """A point of a surface, and its tangent plane.

    Attributes:
        x, y: its coordinates.
        cost: the height there.
        slopes: the partial derivatives there, along each axis; NaN where there is no tangent plane.
        missing: why there is no tangent plane, as at a kink; an empty text where there is one.
    """

    x: float
    y: float
    cost: float
    slopes: tuple[float, float]
    missing: str = ""

    def plane(self, x: Any, y: Any) -> Any:
        """Return the height of the tangent plane at other coordinates."""
        return self.cost + self.slopes[0] * (x - self.x) + self.slopes[1] * (y - self.y)

    def patch(self, x: Array, y: Array, across: float, up: float) -> tuple[Array, Array, Array]:
        """Return corners of the tangent plane, so far to each side, within the grid of x and y."""
        ends = (np.clip([p - d, p + d], g[0], g[-1]) for p, d, g in ((self.x, across, x), (self.y, up, y)))
        corners = np.meshgrid(*ends)
        return corners[0], corners[1], self.plane(*corners)


@dataclass(frozen=True)
class Move:
    """A move A → B → C, first along one axis, then along the other, and the tangent plane at A.

    Attributes:
        x, y: the coordinates of A, B and C.
        costs: the costs there.
        slopes: the partial derivatives at A.
    """

    x: tuple[float, float, float]
    y: tuple[float, float, float]
    costs: tuple[float, float, float]
    slopes: tuple[float, float]

    @property
    def terms(self) -> tuple[float, float]:
        """Slope times move, along each axis."""
        return self.slopes[0] * (self.x[2] - self.x[0]), self.slopes[1] * (self.y[2] - self.y[0])

    @property
    def tangent_value(self) -> float:
        """The height of the tangent plane at C."""
        return self.costs[0] + sum(self.terms)

    @property
    def error(self) -> float:
        """The cost at C minus the plane's height."""
        return self.costs[2] - self.tangent_value

    @property
    def point(self) -> Point:
        """A, with the tangent plane there."""
        return Point(self.x[0], self.y[0], self.costs[0], self.slopes)


@dataclass(frozen=True)
class Field:
    """Gradients within a plane.

    Attributes:
        x, y: coordinates of the points, ``(k,)`` each.
        u, v: the components of the gradient there.
    """

    x: Array
    y: Array
    u: Array
    v: Array


@dataclass(frozen=True)
class Surface:
    """A cost over two axes.

    Attributes:
        axes: which; their shares add up to that of the plane.
        x: coordinates along the first, ``(nx,)``.
        y: coordinates along the second, ``(ny,)``.
        costs: ``(ny, nx)``; not finite outside the domain.
        trails: descents.
        point: the point through which the plane goes, if that is to be marked.
        move: A → B → C, or None.
        field: gradients, or None.
        whole: whether the plane holds all parameters, so that trails lie on the surface.
        fixed: the other parameters, if there are any and the axes are parameters.
    """

    axes: tuple[Axis, Axis]
    x: Array
    y: Array
    costs: Array
    trails: tuple[Trail, ...]
    point: Point | None
    move: Move | None
    field: Field | None
    whole: bool
    fixed: Fixed | None

    @property
    def legend(self) -> str:
        """The label of the marked point in a legend."""
        assert self.point is not None  # a label is asked for only where a point is marked
        p = self.point
        return _point_legend(self.trails, f"({short(p.x)}, {short(p.y)})", (p.x, p.y), p.cost)

    @property
    def share(self) -> float | None:
        """The share of the variance of the first descent's path that lies in the plane."""
        first, second = (axis.share for axis in self.axes)
        return None if first is None or second is None else first + second

    @property
    def lowest(self) -> tuple[float, float, float]:
        """Coordinates and cost of the lowest point of the grid."""
        finite = np.where(np.isfinite(self.costs), self.costs, np.inf)
        row, column = np.unravel_index(int(np.argmin(finite)), finite.shape)
        return float(self.x[column]), float(self.y[row]), float(self.costs[row, column])


def _point_legend(trails: tuple[Trail, ...], place: str, coordinates: tuple[float, ...], cost: float) -> str:
    where = "end" if any(trail.ends_at(*coordinates) for trail in trails) else f"at {place}"
    return f"{where}, cost {short(cost)}"
