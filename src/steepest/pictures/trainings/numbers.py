"""The course of a training: costs, norms of gradient and parameters, final costs of restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.errors import PictureError
from steepest.pictures.surfaces.landscape import Landscape
from steepest.tables.values import Array

if TYPE_CHECKING:
    from steepest.training.result import Descent, Level

_GRADIENTS = 200  # points of a path at which the gradient is computed again, at most
_WORK = 2e9  # elements that these gradients may take together
_FEWEST = 12  # gradients that are computed however long each takes: fewer points show no course


@dataclass(frozen=True)
class Line:
    """Numbers over epochs, ``(k,)`` each."""

    epochs: Array
    values: Array


@dataclass(frozen=True)
class Course:
    """The course of a descent.

    Attributes:
        label: its name.
        cost: the cost.
        validation: that of the validation rows, or None.
        best_epoch: the epoch whose parameters were kept, if not the last one.
        norms: the Euclidean norm of each parameter, by name.
        gradient: the norm of the gradient, or None if the cost was not given.
        restarts: the final cost of every restart, the lowest first, or None; without those that are not finite.
        levels: on which they lie.
        reason: why it ended, as a sentence.
        diverged: whether it did.
    """

    label: str
    cost: Line
    validation: Line | None
    best_epoch: int | None
    norms: Mapping[str, Line]
    gradient: Line | None
    restarts: Array | None
    levels: tuple[Level, ...]
    reason: str
    diverged: bool


def course(label: str, run: Descent, land: Landscape | None) -> Course:
    """Collect the course of a descent, with the gradients along its path if its landscape is given."""
    if len(run.history) < 2:
        raise PictureError(f"{label} made no epoch, so there is no course to draw")
    path = [(epoch, params) for epoch, params in run.path if all(np.isfinite(v).all() for v in params.values())]
    if land is not None and run.held_out is not None and len(run.held_out) and run.held_out[-1] < land.rows:
        land = land.without(run.held_out)  # the descent followed the gradient of the others
    norms = {
        name: line_of([(epoch, np.linalg.norm(np.ravel(params[name]))) for epoch, params in path])
        for name in run.params
    }
    ends = None if run.restarts is None else np.sort([cost for cost in run.restarts if np.isfinite(cost)])
    return Course(
        label, line_of(run.history), line_of(run.validation) if run.validation else None, run.best_epoch, norms,
        None if land is None else _gradient(land, path), ends, tuple(run.levels or ()), run.message, run.diverged,
    )  # fmt: skip


def line_of(rows: Any) -> Line:
    """Return the line of rows (epoch, value)."""
    return Line(np.array([epoch for epoch, _ in rows]), np.array([value for _, value in rows], float))


def _gradient(land: Landscape, path: list[tuple[int, Any]]) -> Line:
    number = int(min(_GRADIENTS, len(path), max(_FEWEST, _WORK / max(land.size * max(land.rows, 1), 1))))
    even = number == len(path)  # else more of the early epochs, in which most happens
    kept = np.unique(np.round(np.linspace(0, 1, number) ** (1 if even else 3) * (len(path) - 1)).astype(int))
    vectors = np.array([land.vector(path[k][1]) for k in kept])
    return Line(np.array([path[k][0] for k in kept]), np.linalg.norm(land.gradients(vectors), axis=1))
