"""Descents as paths over a landscape, and the directions in which they moved most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.display.labels import figure
from steepest.errors import PictureError
from steepest.messages.sentences import counted
from steepest.pictures.surfaces.landscape import Axis, Landscape, Span
from steepest.tables.values import Array

if TYPE_CHECKING:
    from steepest.training.result import Descent

_KEPT = 500  # points of a trail that are drawn: more than a picture has pixels for


@dataclass(frozen=True)
class Trail:
    """The path of a descent over a span.

    Attributes:
        label: the name of the descent.
        epochs: the epoch of each point, ``(k,)``.
        coordinates: the points, projected onto the span, ``(k, axes)``.
        costs: the costs of the parameters themselves.
        heights: the costs of the projected points: the same, unless there are more parameters than axes.
        final: the cost at the end.
        diverged: whether it did.
    """

    label: str
    epochs: Array
    coordinates: Array
    costs: Array
    heights: Array
    final: float
    diverged: bool = False

    @property
    def legend(self) -> str:
        """The label of the path in a legend, with how the descent ended."""
        ended = "diverged" if self.diverged else f"cost {figure(self.final, 3)}"
        return f"{self.label}, {counted(int(self.epochs[-1]), 'epoch')}: {ended}"

    def ends_at(self, *coordinates: float) -> bool:
        """Return whether the path ends at these coordinates, up to round-off."""
        return not self.diverged and np.allclose(self.coordinates[-1], coordinates, rtol=1e-9, atol=1e-12)


@dataclass(frozen=True)
class Route:
    """A descent as rows of numbers."""

    label: str
    epochs: Array  # ``(k,)``
    vectors: Array  # the parameters, ``(k, size)``
    final: float  # the cost at the end
    diverged: bool


def named(runs: Any) -> dict[str, Descent]:
    """Return one descent, several, or several with names, as a dict by name."""
    found: dict[str, Any] = {} if runs is None else {"descent": runs}
    if isinstance(runs, Mapping):
        found = {str(label): run for label, run in runs.items()}
    elif isinstance(runs, Sequence):
        found = {f"descent {k}": run for k, run in enumerate(runs, start=1)}
    for label, run in found.items():
        if not hasattr(run, "path"):
            raise PictureError(f"paths are results of st.descend, one, a list, or a dict by name; {label} is {run!r}")
    return found


def routes(land: Landscape, runs: Any) -> tuple[Route, ...]:
    """Return the paths of descents of this landscape."""
    found = []
    for label, run in named(runs).items():
        missing = [name for name in land.shapes if name not in run.params]
        if missing:
            raise PictureError(f"{label} has no parameter {missing[0]!r}; it is a descent of another cost")
        rows = [(epoch, land.vector(params)) for epoch, params in run.path]
        sound = [(epoch, row) for epoch, row in rows if np.all(np.isfinite(row))]
        epochs, vectors = np.array([epoch for epoch, _ in sound]), np.array([row for _, row in sound])
        found.append(Route(label, epochs, vectors, run.cost, run.diverged))
    return tuple(found)


def trail(land: Landscape, span: Span, route: Route) -> Trail:
    """Project a route onto a span, with the first few of its points, the last, and ever fewer in between."""
    last = len(route.epochs) - 1
    kept = np.arange(last + 1)
    if last >= _KEPT:
        kept = np.unique(np.round(np.linspace(0, 1, _KEPT) ** 1.5 * last).astype(int))
    vectors = route.vectors[kept]
    places, costs = span.coordinates(vectors), land.costs(vectors)
    heights = land.costs(span.points(*places.T)) if land.size > len(span.axes) else costs
    return Trail(route.label, route.epochs[kept], places, costs, heights, route.final, route.diverged)


def principal_axes(route: Route) -> tuple[Axis, Axis]:
    """Return the two directions in which a path varies most, each with the share of its variance.

    The directions are the first two right singular vectors of the path's points less their mean; the share is the
    square of the singular value over the sum of all squares.

    Source: Lorch 2016, Visualizing deep network training trajectories with PCA; Li et al. 2018, Visualizing the loss
    landscape of neural nets, section 7.1.
    """
    points, size = route.vectors.shape
    if size < 2 or points < 3:
        raise PictureError(
            f"the path of {points} points of {size} numbers has no two principal directions; name parameters instead"
        )
    away = route.vectors - route.vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(away, full_matrices=False)
    whole = float(np.sum(sizes**2))
    if not whole:
        raise PictureError("the path does not move, so it has no principal directions; name parameters instead")
    found = []
    for k in range(2):
        direction = directions[k] * (1.0 if directions[k][np.argmax(np.abs(directions[k]))] > 0 else -1.0)
        found.append(Axis(f"principal direction {k + 1}", direction, None, float(sizes[k] ** 2) / whole))
    return found[0], found[1]


def shares(route: Route, axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return axes with the share of a path's variance that each carries."""
    away = route.vectors - route.vectors.mean(axis=0)
    whole = float(np.sum(away**2))
    if not whole:
        return tuple(axes)
    parts = [float(np.sum((away @ axis.direction) ** 2) / np.sum(axis.direction**2)) / whole for axis in axes]
    return tuple(replace(axis, share=part) for axis, part in zip(axes, parts, strict=True))
