"""Predictions of a model against the true values, and over the plane of its two inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.engines import evaluate
from steepest.errors import PictureError
from steepest.expressions.expression import DATA, leaves
from steepest.objectives.metrics import regression
from steepest.pictures.common.levels import thinned
from steepest.pictures.common.targets import in_own_units, targets_of
from steepest.tables.values import Array

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification

_MARGIN = 0.12  # around the samples, as a share of their extent
_MOST_POINTS = 5000  # samples that are drawn


@dataclass(frozen=True)
class Compared:
    """Predicted and true values.

    Attributes:
        target: what the target is called.
        true, predicted: ``(n,)`` each.
        apart: the indices of the samples that were held out from the fit, ``(k,)``.
        r2, mse: of all samples.
    """

    target: str
    true: Array
    predicted: Array
    apart: Array
    r2: float
    mse: float

    @property
    def learnt(self) -> Array:
        """Whether each sample took part in the fit, ``(n,)``."""
        return ~np.isin(np.arange(len(self.true)), self.apart)

    @property
    def extent(self) -> tuple[float, float]:
        """The lowest and the highest value, true or predicted."""
        return float(min(self.true.min(), self.predicted.min())), float(max(self.true.max(), self.predicted.max()))


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix.

    Attributes:
        target: what the target is called.
        counts: rows are the true classes, columns the predicted ones, ``(k, k)``.
        accuracy: the share of samples that are classified correctly.
    """

    target: str
    counts: Array
    accuracy: float

    @property
    def shares(self) -> Array:
        """The counts as shares of their true class; 0 for a class without samples."""
        found: Array = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        return found


@dataclass(frozen=True)
class Plane:
    """Predictions over two inputs, at one or several sets of parameters.

    Attributes:
        names: of the inputs.
        x, y: the grid, ``(nx,)`` and ``(ny,)``.
        epochs: of the parameters, ``(k,)``; -1 where it is not known.
        predicted: ``(k, ny, nx)``: the probabilities of class 1 of two, class numbers or values.
        leads: ``(k, classes, ny, nx)``: by how much a class is likelier than the likeliest other one, positive
            in its region and 0 on its border; empty unless there are more than two classes.
        classes: how many there are; 0 if the prediction is a quantity.
        points: the samples' inputs, ``(n, 2)``.
        targets: theirs, ``(n,)``.
        target: the name of the target.
        accuracies: the share of samples classified correctly at each set of parameters; empty for a quantity.
    """

    names: tuple[str, str]
    x: Array
    y: Array
    epochs: tuple[int, ...]
    predicted: Array
    leads: Array
    classes: int
    points: Array
    targets: Array
    target: str
    accuracies: tuple[float, ...]


def classes_of(model: Specification) -> int:
    """Return the number of classes of the prediction; 0 for a quantity."""
    row, shape = model.prediction.operation.name, model.prediction.shape
    return shape[0] if row == "softmax" else 2 if row in ("sigmoid", "step") and shape in ((), (1,)) else 0


def compared(model: Specification, table: Any, na: str) -> Compared:
    """Compute predicted and true values of a table."""
    columns = model.samples(table, na)
    predicted, true = model.predict(columns), targets_of(model, columns.arrays)
    if predicted.ndim != 1 or true.ndim != 1:
        raise PictureError("each sample has several predictions here, which is no single picture; draw the confusion")
    apart = model.run.held_out if model.run is not None else None
    if apart is None or not len(apart) or apart[-1] >= len(true):
        apart = np.zeros(0, int)
    found = regression(true, predicted)
    return Compared(str(model.target), true, predicted, apart, found["r2"], found["mse"])


def confusion_of(model: Specification, table: Any, na: str) -> Confusion:
    """Return the confusion matrix of a model on a table."""
    found = model.evaluate(table, na)
    if "confusion" not in found:
        raise PictureError(
            f"the predictions of {model.target} are not of classes, so there is no confusion matrix; draw "
            "predicted against true"
        )
    return Confusion(str(model.target), np.array(found["confusion"]), float(found["accuracy"]))


def plane(model: Specification, table: Any, panels: int, points: int, na: str) -> Plane:
    """Compute predictions over the plane of a model's two inputs, at several epochs of its descent.

    The inputs are two columns, or a feature group of two; the extent of the plane is that of the table's samples. There
    are so many panels, each for a set of parameters, the last ones among them; one if the model has no path.
    """
    columns = model.samples(table, na)
    inputs = [leaf for leaf in leaves([model.prediction]) if leaf.operation is DATA]
    sizes = [leaf.shape[0] if leaf.shape else 1 for leaf in inputs]
    if sum(sizes) != 2:
        listed = ", ".join(leaf.name for leaf in inputs)
        raise PictureError(f"a boundary is drawn over two inputs; this model has {sum(sizes)} ({listed})")
    if not model.params:
        model.predict(table)  # its error says what to do
    names: tuple[str, ...] = tuple(leaf.name for leaf in inputs)
    if len(inputs) == 2:
        cloud = np.stack([columns.arrays[name] for name in names], axis=1)
    else:
        (group,) = names
        names, cloud = tuple(model.blocks.get(group, (f"{group}[0]", f"{group}[1]"))), columns.arrays[group]
    x, y = (_along(cloud[:, k], points) for k in range(2))
    grid = np.stack([part.ravel() for part in np.meshgrid(x, y)], axis=1)
    classes, targets = classes_of(model), targets_of(model, columns.arrays)
    states = _states(model, panels)

    def predict(places: Array, params: Any) -> Array:
        given = {leaf.name: places[:, k] if len(inputs) == 2 else places for k, leaf in enumerate(inputs)}
        return model.in_own_units(np.asarray(evaluate(model.prediction, {**given, **params})))

    whole = [predict(grid, params) for _, params in states]
    predicted = np.array([_shown(each, classes).reshape(len(y), len(x)) for each in whole])
    leads = np.array([_leads(each).T.reshape(classes, len(y), len(x)) for each in whole if classes > 2])
    seen = [_shown(predict(cloud, params), classes) for _, params in states if classes]
    accuracies = tuple(float(np.mean((each > 0.5 if classes == 2 else each) == targets)) for each in seen)
    kept = thinned(np.arange(len(targets)), _MOST_POINTS)
    at = [(leaf.name, k) for leaf in inputs for k in range(leaf.shape[0] if leaf.shape else 1)]
    x, y = (in_own_units(model, *at[k], values) for k, values in enumerate((x, y)))
    cloud = np.stack([in_own_units(model, *at[k], cloud[:, k]) for k in range(2)], axis=1)
    return Plane(
        (names[0], names[1]), x, y, tuple(epoch for epoch, _ in states), predicted, leads, classes, cloud[kept],
        targets[kept], str(model.target), accuracies,
    )  # fmt: skip


def _shown(predicted: Array, classes: int) -> Array:
    """Return one number per point: the probability of class 1 of two, the likeliest class of more, else the value."""
    if predicted.ndim < 2:
        return predicted
    found: Array = predicted.argmax(axis=1).astype(float)
    return predicted[:, -1] if classes == 2 or predicted.shape[1] == 1 else found


def _leads(probabilities: Array) -> Array:
    """Return the probability of each class minus the largest of the others, ``(n, classes)``."""
    two = np.sort(probabilities, axis=1)[:, -2:]
    is_largest = np.arange(probabilities.shape[1]) == probabilities.argmax(axis=1)[:, None]
    found: Array = probabilities - np.where(is_largest, two[:, :1], two[:, 1:])
    return found


def _along(values: Array, points: int) -> Array:
    low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or 1.0
    return np.linspace(low - margin, high + margin, points)


def _states(model: Specification, panels: int) -> Sequence[tuple[int, Any]]:
    """Return epochs and parameters along the path, ever further apart; or only those that the model has."""
    run = model.run
    if run is None or panels < 2:
        return [(-1 if run is None else run.epochs, model.params)]
    share = np.linspace(0, 1, panels) ** 3  # much happens early
    chosen = np.unique(np.round(share * (len(run.path) - 1)).astype(int))
    return [
        *(run.path[k] for k in chosen[:-1]),
        (run.epochs if run.best_epoch is None else run.best_epoch, model.params),
    ]
