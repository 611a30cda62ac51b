"""Reasons for which a fit has no standard errors, in sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from steepest.calculus.sums_of_squares import jacobian
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, leaves
from steepest.expressions.traversal import toposort
from steepest.inference.fitted import Fitted, Kind
from steepest.inference.information import Estimation
from steepest.messages.sentences import listed
from steepest.training.residuals import squares_of
from steepest.training.undetermined import constant_columns, said_of

_MOST = 8  # names in a sentence
_MANY = 1000  # parameters, each of which takes a pass for the second derivatives
_LARGE = 50_000_000  # numbers of a Jacobian matrix: 0.4 GB
_FAR = 0.1  # standard errors to the minimum, from which on estimates are no estimates yet
_NEAR = 1e-8  # share of a bound within which a parameter is at it
_START = "there are no standard errors: "


def of_penalties(l1: float, l2: float) -> str | None:
    """Return why a penalised cost has none; None without penalties."""
    if not (l1 or l2):
        return None
    which = " and ".join(name for name, factor in (("l1", l1), ("l2", l2)) if factor)
    return (
        f"{_START}the penalty {which} pulls the parameters towards 0, and an error of the fit would not contain this "
        "bias; fit without it, or resample the rows"
    )


def of_cost(name: str) -> str:
    """Return why a cost that is neither a likelihood nor a sum of squares has none."""
    return (
        f"{_START}the cost {name} is neither a sum of squares nor a likelihood, so its curvature does not tell how "
        "far the parameters scatter; use mse, cross_entropy or poisson, or resample the rows"
    )


def of_class_weights() -> str:
    """Return why class weights leave none."""
    return f"{_START}class_weight makes the cost no likelihood of the samples; fit without it"


def of_network(prediction: Expression) -> str | None:
    """Return why a prediction with hidden units has none; None for other predictions.

    Hidden units are activations with parameters below and above: arrays, or several numbers of one kind.
    """
    order = toposort([prediction])
    inside = {node for node in order if node.operation.activation and node.parameters}
    if prediction in inside:
        inside.remove(prediction)
    units: dict[str, int] = {}
    for node in inside:
        if not _is_scaled_only(prediction, node):
            units[node.operation.name] = units.get(node.operation.name, 0) + math.prod(node.shape)
    several = [f"{count} {name} units" for name, count in units.items() if count > 1]
    if not several:
        return None
    return (
        f"{_START}the prediction is a network with {' and '.join(several)} inside. Exchanging two of them changes no "
        "prediction, so the data do not determine single parameters; predictions, not parameters, can be judged, by "
        "held-out rows"
    )


def _is_scaled_only(prediction: Expression, node: Expression) -> bool:
    """Return whether no parameter enters a prediction above a node."""
    above = toposort([prediction], stop=lambda each: each is node)
    return not any(each.operation is PARAMETER for each in above)


def of_bounds(fitted: Fitted, bounds: Mapping[str, tuple[Any, Any]]) -> str | None:
    """Return why parameters at bounds leave none; None if none is.

    Args:
        fitted: the fit.
        bounds: the lowest and the highest value by name; infinite or None for no bound.
    """
    for name, pair in bounds.items():
        for bound in pair:
            limit = np.asarray(np.nan if bound is None else bound, np.float64)
            with np.errstate(invalid="ignore"):
                away = np.abs(np.asarray(fitted.params[name], np.float64) - limit)
                if (away <= _NEAR * np.abs(limit)).any():
                    return (
                        f"{_START}the parameter {name!r} is at its bound {float(np.ravel(limit)[0]):g}, where the "
                        "cost has a slope; the quadratic approximation does not hold there. Fix the parameter, or "
                        "widen the bound"
                    )
    return None


def of_estimation(fitted: Fitted, estimation: Estimation, absolute_sigma: bool) -> str | None:
    """Return why the data leave none: too few rows, separated classes, a singular or indefinite Hessian, no minimum."""
    count, rows = len(fitted.estimate), estimation.observations
    what = "residuals" if fitted.kind is Kind.SQUARES else "samples"
    if rows < count or (rows == count and fitted.kind is Kind.SQUARES and not absolute_sigma):
        left = "none is left to estimate their scatter" if rows == count else "they do not determine all"
        return f"{_START}{rows:g} {what} for {count} parameters: {left}"
    if count > _MANY or count * rows > _LARGE:
        return (
            f"{_START}{count} parameters and {rows:g} {what} are more than the matrices of derivatives are computed "
            f"for: {_MANY} parameters, and {_LARGE:,} numbers"
        )
    if not estimation.finite:
        return f"{_START}the cost or a derivative of it is not finite at the parameters"
    if fitted.kind is Kind.CLASSES and _separated(fitted):
        return (
            f"{_START}the prediction separates the classes completely, so that larger parameters always lower the "
            "cost and no estimate is finite"
        )
    found = estimation.information
    names = listed(found.absent, _MOST)
    if found.downwards:
        return f"{_START}the cost curves downwards along {names}, so the parameters are at no minimum; fit longer"
    if found.absent:
        verb = "is" if len(found.absent) == 1 else "are"
        together = "it can change" if len(found.absent) == 1 else "they can change together"
        return (
            f"{_START}the Hessian is singular: {names} {verb} not determined, as {together} without changing the "
            f"cost{_constant(fitted)}; fix one, or write the formula with fewer parameters"
        )
    if found.offset > _FAR:
        return (
            f"{_START}the parameters are {found.offset:.2g} standard errors from the minimum of the cost; fit longer "
            "or with another optimiser"
        )
    return None


def _constant(fitted: Fitted) -> str:
    """Return the sentence about columns with one value in every row, which act like a constant; else an empty text."""
    said = said_of(constant_columns(fitted.columns, [*fitted.prepared.cost.data]))
    return said and f", and {said}"


def _separated(fitted: Fitted) -> bool:
    """Return whether a linear classifier gives every sample's class more than half of the probability."""
    prediction, target = fitted.prediction, fitted.target
    if prediction is None or target is None or prediction.operation not in (op.sigmoid, op.softmax):
        return False
    from steepest.engines.evaluation import evaluate

    if not _is_linear(prediction.args[0], fitted):
        return False
    values = evaluate({"a": prediction, "y": target}, {**fitted.columns, **fitted.params})
    a, y = np.asarray(values["a"]), np.asarray(values["y"])
    if prediction.operation is op.softmax and a.ndim > y.ndim:
        return bool((a.argmax(axis=-1) == y).all() and (a.max(axis=-1) > 0.5).all())
    hard = ((y == 0) | (y == 1)).all()
    return bool(hard and (np.where(y == 1, a, 1 - a) > 0.5).all())


def _is_linear(expression: Expression, fitted: Fitted) -> bool:
    """Return whether an expression is linear in the parameters: its partial derivatives contain none of them."""
    partials = jacobian(expression, fitted.vector.nodes).partials
    return not set(leaves(partials)) & set(fitted.vector.nodes)


def is_linear(fitted: Fitted) -> bool:
    """Return whether the residuals of a sum of squares are linear in the parameters."""
    terms = squares_of(fitted.prepared) or ()
    return all(_is_linear(term.residual, fitted) for term in terms)
