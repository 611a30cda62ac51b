"""Compute what pictures of a fit show: the curve with its bands, residuals, and profiles of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from steepest.errors import PictureError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, Expression, leaves
from steepest.expressions.traversal import toposort
from steepest.messages.hints import nearest
from steepest.objectives.costs import WEIGHT
from steepest.pictures.common.targets import in_own_units, targets_of
from steepest.tables.samples import Samples
from steepest.tables.values import Array

FITTED, ROW = "fitted", "row"
"""What the horizontal axis may show in place of a column: the fitted value, or the number of the row."""

_MARGIN = 0.04  # of the curve beyond the samples, as a share of their extent
_GROUPS = 10  # of samples whose means are drawn
_FEW = 50  # samples below which there are no groups
_BLOM = 0.375  # of the plotting positions (i − 3/8)/(n + 1/4)
_MOST = 12  # parameters whose profiles are drawn
_BETWEEN = 8  # parts into which each step of a profile is divided
_SAME = 1e-6  # share by which a rise may exceed the cut at the end of an interval
_WIDE = 0.99  # the least level of the interval that a profile covers

Ends = tuple[Array, Array]


@dataclass(frozen=True)
class Fit:
    """A fit over one column, over the fitted value, or over the number of the row.

    Attributes:
        target: what the target is called.
        axis: the column on the horizontal axis; ``"fitted"`` for the fitted value, ``"row"`` without inputs.
        x, y: the samples, ``(n,)`` each; with other inputs held constant, y is the curve at x plus the residual.
        residuals: target − prediction, ``(n,)``.
        places, curve: the prediction, ``(m,)`` each; over the fitted value these are the samples in its order.
        confidence, interval: the lower and upper ends of the bands, ``(m,)`` each; None if they are not known.
        level: the probability of the bands.
        constant: the other inputs and the values, their medians, at which the curve holds them.
        refusal: why there are no bands, in a sentence; None if there are.
        groups: the means of x and y in groups of samples of 0 and 1; empty for other targets.
        is_weighted: whether the samples have weights; the prediction band is that of a value of weight 1.
    """

    target: str
    axis: str
    x: Array
    y: Array
    residuals: Array
    places: Array
    curve: Array
    confidence: Ends | None
    interval: Ends | None
    level: float
    constant: Mapping[str, float]
    refusal: str | None
    groups: tuple[Array, Array]
    is_weighted: bool = False

    @property
    def has_classes(self) -> bool:
        """Whether every target is 0 or 1."""
        return bool(np.isin(self.y, (0, 1)).all())


@dataclass(frozen=True)
class Residuals:
    """The residuals of a fit.

    Attributes:
        target: what the target is called.
        kind: what they are: ``"residual"``, ``"standardised residual"`` or ``"Pearson residual"``.
        fitted: the fitted values, ``(n,)``.
        values: the residuals, ``(n,)``.
        normal: the quantile of the normal distribution for each of them, ``(n,)``; empty for classes.
        rows: the numbers, from 1, of the rows of the table, ``(n,)``.
        groups: the means of both in groups of samples; empty but for classes.
    """

    target: str
    kind: str
    fitted: Array
    values: Array
    normal: Array
    rows: Array
    groups: tuple[Array, Array]

    @property
    def line(self) -> tuple[float, float]:
        """The intercept and the slope of the line through the quartiles, as in R's qqline."""
        low, high = np.percentile(self.values, [25, 75])
        reach = NormalDist().inv_cdf(0.75)
        return float(low + high) / 2, float(high - low) / (2 * reach)


@dataclass(frozen=True)
class Section:
    """The profile of a parameter.

    Attributes:
        label: the parameter.
        values: its values, ascending, ``(m,)``.
        deviations: the root of the rise for each, negative below the estimate, ``(m,)``; almost a straight line.
        estimate, error: of the parameter.
        interval: the ends of the interval of the level; infinite where there is none.
        level: its probability.
        cut: the rise at its ends.
    """

    label: str
    values: Array
    deviations: Array
    estimate: float
    error: float
    interval: tuple[float, float]
    level: float
    cut: float

    @property
    def rises(self) -> Array:
        """By how much the smallest deviance for each value is above the smallest of all, ``(m,)``."""
        found: Array = self.deviations**2
        return found

    @property
    def is_parted(self) -> bool:
        """Whether the profile exceeds the cut within the interval, so that its values are no single interval."""
        low, high = self.interval
        inside = (self.values > low) & (self.values < high)
        return bool((self.rises[inside] > self.cut * (1 + _SAME)).any())

    def between(self) -> tuple[Array, Array]:
        """Return more values and their rises, by straight lines between the deviations."""
        dense = np.arange((len(self.values) - 1) * _BETWEEN + 1) / _BETWEEN
        values = np.interp(dense, np.arange(len(self.values)), self.values)
        return values, np.interp(values, self.values, self.deviations) ** 2

    def quadratic(self, values: Array) -> Array:
        """Return the rises of a quadratic deviance with the same standard error."""
        found: Array = ((values - self.estimate) / self.error) ** 2
        return found


def fit_of(model: Any, table: Any, along: str | None, level: float, points: int, na: str) -> Fit:
    """Compute a fit over a column, with its bands."""
    samples = model.samples(table, na)
    predicted, true = _of_one_output(model, samples)
    inputs = _inputs(model)
    axis = _axis(inputs, along, _needs_all(model.prediction))
    residuals = true - predicted
    constant: dict[str, float] = {}
    y = true
    if axis == FITTED:
        order = np.argsort(predicted, kind="stable")
        x, places = predicted, predicted[order]
        new = _taken(samples, order)
    elif axis == ROW:
        x = places = samples.kept + 1.0
        new = samples
    else:
        constant = {name: float(np.median(_column(samples, *at))) for name, at in inputs.items() if name != axis}
        x = _column(samples, *inputs[axis])
        places = _along(x, points)
        new = _with_columns(samples, inputs, {axis: places, **constant}, len(places))
        if constant and not np.isin(true, (0, 1)).all():
            y = model.predict(_with_columns(samples, inputs, {axis: x, **constant}, len(x))) + residuals
    if axis in inputs:
        x, places = (in_own_units(model, inputs[axis][0].name, inputs[axis][1], each) for each in (x, places))
        constant = {name: float(in_own_units(model, inputs[name][0].name, inputs[name][1], value))
                    for name, value in constant.items()}  # fmt: skip
    refusal = model.parameter_errors.refusal
    bands = None if refusal is not None else model.bands(new, level)
    return Fit(
        str(model.target), axis, x, y, residuals, places, model.predict(new), bands and bands.confidence,
        bands and bands.interval, level, constant, refusal, _groups(x, y) if np.isin(y, (0, 1)).all() else _groups(),
        WEIGHT in samples.arrays,
    )  # fmt: skip


def _of_one_output(model: Any, samples: Samples) -> tuple[Array, Array]:
    """Return predictions and targets of a model with one output, ``(n,)`` each."""
    predicted, true = np.asarray(model.predict(samples), float), targets_of(model, samples.arrays)
    if predicted.ndim != 1 or true.ndim != 1:
        raise PictureError("each sample has several predictions here, which is no single curve; draw the confusion")
    return predicted, true


def _inputs(model: Any) -> dict[str, tuple[Expression, int]]:
    """Return the columns that the prediction takes by name, each as a leaf of the formula and a place in its array."""
    found: dict[str, tuple[Expression, int]] = {}
    for leaf in leaves([model.prediction]):
        if leaf.operation is DATA and leaf.shape:
            names = model.blocks.get(leaf.name, tuple(f"{leaf.name}[{k}]" for k in range(leaf.shape[0])))
            found |= {name: (leaf, k) for k, name in enumerate(names)}
        elif leaf.operation is DATA:
            found[leaf.name] = (leaf, 0)
    return found


def _needs_all(prediction: Expression) -> bool:
    """Return whether a prediction depends on all samples together, as on the mean of a column."""
    return any(node.operation.over_samples or node.operation is op.count for node in toposort([prediction]))


def _axis(inputs: Mapping[str, Any], along: str | None, needs_all: bool) -> str:
    """Return what the horizontal axis shows."""
    if along is None:
        one = len(inputs) == 1 and not needs_all
        return ROW if not inputs else next(iter(inputs)) if one else FITTED
    if along in inputs and needs_all:
        raise PictureError(
            f"the prediction depends on all samples together, so there is no curve over {along}; draw it over 'fitted'"
        )
    if along in inputs or along == FITTED:
        return along
    raise PictureError(
        f"{along!r} is no column of the prediction, which has {', '.join(inputs) or 'none'}; name one of them, or "
        f"{FITTED!r}{nearest(along, inputs)}"
    )


def _column(samples: Samples, leaf: Expression, place: int) -> Array:
    array: Array = samples.arrays[leaf.name]
    return array[:, place] if leaf.shape else array


def _along(values: Array, points: int) -> Array:
    """Return places for a curve over all samples, and a little beyond."""
    low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or 1.0
    first = low - margin if low < 0 or low - margin > 0 else low  # logarithms and roots end at 0
    return np.linspace(first, high + margin, points)


def _with_columns(
    samples: Samples, inputs: Mapping[str, tuple[Expression, int]], columns: Mapping[str, Any], rows: int
) -> Samples:
    """Return samples with these columns, each an array or one number."""
    arrays: dict[str, Array] = {}
    for name, (leaf, place) in inputs.items():
        array = arrays.setdefault(leaf.name, np.empty((rows, *leaf.shape)))
        array[(slice(None), place) if leaf.shape else slice(None)] = columns[name]
    return Samples(arrays, rows, 0, np.arange(rows), source=samples.source)


def _taken(samples: Samples, rows: Array) -> Samples:
    """Return samples in another order."""
    arrays = {name: array[rows] for name, array in samples.arrays.items()}
    return Samples(arrays, samples.rows, 0, samples.kept[rows], source=samples.source)


def _groups(x: Array | None = None, y: Array | None = None) -> tuple[Array, Array]:
    """Return the means of x and y in groups of about as many samples each, in the order of x."""
    if x is None or y is None or len(x) < _FEW:
        return np.zeros(0), np.zeros(0)
    parts = np.array_split(np.argsort(x, kind="stable"), _GROUPS)
    return np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])


def residuals_of(model: Any, table: Any, na: str) -> Residuals:
    """Compute the residuals of a fit."""
    samples = model.samples(table, na)
    predicted, true = _of_one_output(model, samples)
    values, kind = true - predicted, "residual"
    weights = samples.arrays.get(WEIGHT, np.ones(samples.rows)) * samples.weight_mean
    errors = model.parameter_errors
    if errors.refusal is None and errors.variance:
        scatter = np.sqrt(errors.variance / weights)
        leverage = (model.bands(samples, 0.5).standard_errors / scatter) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            values, kind = values / (scatter * np.sqrt(1 - leverage)), "standardised residual"
    elif model.cost_name == "poisson":
        values, kind = values / np.sqrt(predicted), "Pearson residual"
    sound = np.isfinite(values)  # the residual of a sample that alone determines a parameter is 0/0
    predicted, values, rows = predicted[sound], values[sound], samples.kept[sound] + 1
    if not len(values):
        raise PictureError("no residual is finite, so there is nothing to draw")
    has_classes = bool(np.isin(true, (0, 1)).all())
    normal = np.zeros(0) if has_classes else _normal(values)
    groups = _groups(predicted, values) if has_classes else _groups()
    return Residuals(str(model.target), kind, predicted, values, normal, rows, groups)


def _normal(values: Array) -> Array:
    """Return the quantile of the normal distribution for the rank of each value.

    Source: Blom 1958, Statistical estimates and transformed beta-variables.
    """
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    inverse = NormalDist().inv_cdf
    return np.array([inverse((rank - _BLOM) / (len(values) + 1 - 2 * _BLOM)) for rank in ranks])


def sections_of(
    model: Any, table: Any, names: Sequence[str] | None, level: float, points: int, na: str
) -> tuple[Section, ...]:
    """Compute the profiles of parameters."""
    found = model.uncertainty(table, na)
    if found.refusal is not None:
        raise PictureError(f"{found.refusal}; a profile needs the table that the model was fitted to")
    known = {label.replace(" ", ""): label for label in found.labels}  # W[0,1] is W[0, 1]
    unknown = [name for name in names or () if name.replace(" ", "") not in known]
    if unknown:
        listed = ", ".join(found.labels)
        raise PictureError(f"{unknown[0]!r} is no parameter that was fitted; those are {listed}")
    labels = found.labels if names is None else [known[name.replace(" ", "")] for name in names]
    if not labels:
        raise PictureError("there is no parameter to draw; name one, or leave names out")
    if len(labels) > _MOST:
        raise PictureError(f"{len(labels)} parameters are more than one picture shows; name up to {_MOST} of them")
    cut, made = found.quantile(level) ** 2, []
    for label in labels:
        place = found.labels.index(label)
        error = float(found.errors[place])
        if not error:
            raise PictureError(f"the error of {label} is 0, as the fit is exact; there is no profile to draw")
        curve = found.profile(label, max(_WIDE, level), points)
        low, high = found.profiles.interval(place, level)
        kept = np.isfinite(curve.deviations)
        made.append(
            Section(label, curve.values[kept], curve.deviations[kept], float(found.fitted.estimate[place]), error,
                    (float(low), float(high)), level, float(cut))
        )  # fmt: skip
    return tuple(made)


def shown_level(level: float) -> str:
    """Return a probability in per cent.

    >>> shown_level(0.95), shown_level(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * level:.6g} %"


def is_bounded(section: Section) -> bool:
    """Return whether both ends of an interval exist."""
    return all(math.isfinite(end) for end in section.interval)
