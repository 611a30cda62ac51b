"""``pictures.training``: the course of descents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steepest.display.labels import sentence_start, short
from steepest.errors import PictureError
from steepest.messages.sentences import counted
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.surfaces.paths import named
from steepest.pictures.surfaces.sections import landscape_of
from steepest.pictures.trainings.drawing import course_code, course_figure, draw_courses
from steepest.pictures.trainings.numbers import Course, course


def training(
    run: Any, cost: Any = None, table: Any = None, *, width: float | str = "column", title: str | None = None,
    na: str = "error",
) -> MatplotlibPicture:  # fmt: skip
    """Plot costs and validation costs over the epochs, norms of gradient and parameters, and final costs of restarts.

    The gradient is computed again at points of the path; without the cost and its table its panel is left out.

    Args:
        run: a result of :func:`steepest.descend`, several as a list or a dict by name, or a fitted model.
        cost: the cost that was descended; a model has its own.
        table: the data it was descended over.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a tuple of a Course for each descent.

    Raises:
        PictureError: the model is a saved one, or a descent made no epoch.

    >>> import steepest as st
    >>> w = st.params("w")
    >>> found = training(st.descend(w**2, start={"w": 1.0}, rate=0.25, epochs=4), w**2).numbers[0]
    >>> found.cost.values.tolist(), found.gradient.values.tolist()
    ([1.0, 0.25, 0.0625, 0.015625, 0.00390625], [2.0, 1.0, 0.5, 0.25, 0.125])

    Source: rows A5, A6 and D5 of the notes.
    """
    inches = width_of(width)
    model = run if hasattr(run, "objective") else None
    if model is not None:
        run = model.run
        if run is None:
            raise PictureError("a saved model does not contain the history of its training; fit the model again")
    runs = named(run)
    if not runs:
        raise PictureError("there is no descent to draw; give a result of st.descend")
    land = _landscape(model if cost is None else cost, table, runs, na)
    found = tuple(course(label, each, land) for label, each in runs.items())
    called = title or ("The course of the descent" if len(found) == 1 else "The courses of the descents")
    return MatplotlibPicture(
        called, describe(found), found, lambda: draw_courses(found, called, inches),
        lambda: course_figure(found, called), lambda: course_code(found),
    )  # fmt: skip


def _landscape(subject: Any, table: Any, runs: Mapping[str, Any], na: str) -> Any:
    """Return the landscape of a cost or model, on which gradients are computed; None where its data are not given."""
    if subject is None or (table is None and (subject.cost if hasattr(subject, "objective") else subject).data):
        return None
    land, _, _ = landscape_of(subject, table, runs, None, na, "auto")
    for label, each in runs.items():
        lacking = sorted(set(land.shapes) - set(each.params))
        if lacking:
            raise PictureError(f"{label} is a descent of another cost: it lacks {lacking[0]!r}")
    return land


def describe(found: Sequence[Course]) -> str:
    """Describe the courses, in sentences."""
    sentences = []
    for each in found:
        name = sentence_start(each.label)
        costs, epochs = each.cost.values, each.cost.epochs
        sentences.append(
            f"{name}: the cost goes from {short(costs[0])} to {short(costs[-1])} in "
            f"{counted(int(epochs[-1]), 'epoch')}."
        )
        if each.validation is not None:
            lowest = int(each.validation.values.argmin())
            sentences.append(
                f"That of the validation rows is lowest, {short(each.validation.values[lowest])}, at epoch "
                f"{int(each.validation.epochs[lowest])}, and {short(each.validation.values[-1])} at the end."
            )
        if each.gradient is not None:
            norms = each.gradient.values
            sentences.append(f"The gradient's norm goes from {short(norms[0])} to {short(norms[-1])}.")
        if each.restarts is not None:
            levels = ", ".join(f"{level.starts} near {short(level.lowest)}" for level in each.levels)
            sentences.append(f"Restarts by final cost: {levels or 'none is finite'}.")
        if each.diverged:
            sentences.append("It diverged.")
    return " ".join(sentences)
