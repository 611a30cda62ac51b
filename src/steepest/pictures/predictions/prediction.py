"""``pictures.predicted``, ``confusion`` and ``boundary``: the predictions of a model."""

from __future__ import annotations

from typing import Any

from steepest.display.labels import short
from steepest.messages.sentences import counted
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.common.style import width_of
from steepest.pictures.predictions import drawing
from steepest.pictures.predictions.numbers import compared, confusion_of, plane

_LISTED = 8  # classes up to which the description lists the confusions


def predicted(
    model: Any, table: Any, *, width: float | str = "column", title: str | None = None, na: str = "error"
) -> MatplotlibPicture:
    """Plot predicted over true values, with the line on which they would be equal, and R².

    Args:
        model: a fitted or loaded model of one number.
        table: the data, with the target; rows that the fit held out are marked if it was fitted to this table.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a Compared.

    Raises:
        PictureError: a sample has several predictions.
        ModelError: the model is not fitted.
        TableError: the table cannot be read, or lacks a column.

    >>> import steepest as st
    >>> picture = predicted(st.models.linear().fit("twice", rate=0.05, start={"w": 0}), "twice")
    >>> round(picture.numbers.r2, 6)
    1.0

    Source: definition.
    """
    inches, found = width_of(width), compared(model, table, na)
    called = title or f"Predicted and true {found.target}"
    about = (
        f"{counted(len(found.true), 'sample')}, predicted {found.target} over true {found.target}, which goes from "
        f"{short(found.true.min())} to {short(found.true.max())}; R² = {short(found.r2)}, the mean squared error is "
        f"{short(found.mse)}."
    )
    about += f" {len(found.apart)} of them were held out from the fit." if len(found.apart) else ""
    return MatplotlibPicture(
        called, about, found, lambda: drawing.draw_compared(found, called, inches),
        lambda: drawing.compared_figure(found, called),
    )  # fmt: skip


def confusion(
    model: Any, table: Any, *, width: float | str = "column", title: str | None = None, na: str = "error"
) -> MatplotlibPicture:
    """Draw the confusion matrix: rows are the true classes, columns the predicted ones.

    Args:
        model: a fitted or loaded model of probabilities.
        table: the data, with the target.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a Confusion.

    Raises:
        PictureError: the predictions are not of classes.
        ModelError: the model is not fitted.
        TableError: the table cannot be read, or lacks a column.

    >>> import steepest as st
    >>> confusion(st.models.neuron(cost="cross_entropy").fit("nand", rate=1.0), "nand").numbers.counts.tolist()
    [[1, 0], [0, 3]]

    Source: definition.
    """
    inches, found = width_of(width), confusion_of(model, table, na)
    called = title or f"Confusion matrix of {found.target}"
    sentences = [f"{found.accuracy:.1%} of {counted(int(found.counts.sum()), 'sample')} are classified correctly."]
    if len(found.counts) <= _LISTED:
        for k, row in enumerate(found.counts):
            counts = ", ".join(f"{int(count)} predicted as {c}" for c, count in enumerate(row) if count)
            sentences.append(f"Class {k}: {counts or 'no samples'}.")
    return MatplotlibPicture(
        called, " ".join(sentences), found, lambda: drawing.draw_confusion(found, called, inches),
        lambda: drawing.confusion_figure(found, called),
    )  # fmt: skip


def boundary(
    model: Any, table: Any, *, panels: int = 4, points: int = 150, width: float | str = "page",
    title: str | None = None, na: str = "error",
) -> MatplotlibPicture:  # fmt: skip
    """Draw the prediction of a model over the plane of its two inputs, and its boundary, at several epochs of the fit.

    Args:
        model: a fitted or loaded model whose prediction has two inputs: two columns, or a block of two.
        table: the data, with the target; its samples are drawn.
        panels: how many stages of the descent; only the last one of a model that was not fitted here.
        points: of the grid along an axis.
        width: ``"column"``, ``"page"`` or a number of inches.
        title: replaces the default title.
        na: ``"drop"`` leaves out rows with missing values.

    Returns:
        A picture; its ``numbers`` are a Plane.

    Raises:
        PictureError: the model does not have two inputs.
        ModelError: the model is not fitted.
        TableError: the table cannot be read, or lacks a column.

    >>> import steepest as st
    >>> boundary(st.models.neuron().fit("nand", rate=5.0), "nand", points=20).numbers.accuracies[-1]
    1.0

    Source: rows A4 and D1 of the notes.
    """
    inches, found = width_of(width), plane(model, table, max(panels, 1), max(points, 2), na)
    kind = "The boundary of" if found.classes else "The prediction of"
    called = title or f"{kind} {found.target} over {found.names[0]} and {found.names[1]}"
    sentences = [
        f"{counted(len(found.targets), 'sample')} over {found.names[0]} from {short(found.x[0])} to "
        f"{short(found.x[-1])} and {found.names[1]} from {short(found.y[0])} to {short(found.y[-1])}."
    ]
    for k, epoch in enumerate(found.epochs):
        when = "The fitted model" if epoch < 0 else f"At epoch {epoch} it"
        low, high = float(found.predicted[k].min()), float(found.predicted[k].max())
        classified = f"classifies {found.accuracies[k]:.0%} of the samples correctly" if found.accuracies else ""
        sentences.append(f"{when} {classified or f'predicts from {short(low)} to {short(high)}'}.")
    return MatplotlibPicture(
        called, " ".join(sentences), found, lambda: drawing.draw_plane(found, called, inches),
        lambda: drawing.plane_figure(found, called),
    )  # fmt: skip
