"""The uncertainty of a fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from steepest.calculus.prepared import PreparedCost
from steepest.errors import InferenceError
from steepest.expressions.expression import Expression
from steepest.inference import refusals
from steepest.inference.fitted import Fitted, Kind
from steepest.inference.uncertainty import Robust, Uncertainty
from steepest.objectives.costs import cross_entropy, mse, poisson
from steepest.objectives.specification import Specification
from steepest.tables.samples import Samples
from steepest.training.initialisers import initial
from steepest.training.residuals import squares_of

_KINDS = {"mse": Kind.SQUARES, "cross_entropy": Kind.CLASSES, "poisson": Kind.COUNTS}
_FUNCTIONS: dict[Any, str] = {mse: "mse", cross_entropy: "cross_entropy", poisson: "poisson"}


def uncertainty_of(
    model: Specification, samples: Samples, params: Mapping[str, Any] | None = None, *, absolute_sigma: bool = False,
    robust: Robust | None = None, bounds: Mapping[str, tuple[Any, Any]] | None = None,
    tied: Mapping[str, Expression] | None = None,
) -> Uncertainty:  # fmt: skip
    """Return the uncertainty of the parameters of a fitted model.

    Args:
        model: the model.
        samples: the samples that it was fitted to, as ``model.samples(table)`` returns them.
        params: the estimates by name; those of the model if left out.
        absolute_sigma: whether the weights are exactly 1/σ²; otherwise their scale is estimated.
        robust: ``"HC0"``, ``"HC1"`` or ``"HC3"`` for a sandwich estimator.
        bounds: the lowest and highest allowed values of parameters by name; None for none.
        tied: further parameters by name, as expressions of those of the model.

    Returns:
        An Uncertainty. Where it makes no sense, its ``refusal`` says why, and its errors raise InferenceError.

    Raises:
        InferenceError: the model is not fitted, or an option does not apply to its cost.

    >>> from steepest import Model
    >>> table = {"x": [0, 1, 2, 3], "y": [0, 0, 1, 3]}
    >>> model = Model("y ~ exp(a + b*x)", "poisson").fit(table, optimiser="lbfgs")
    >>> errors = uncertainty_of(model, model.samples(table)).standard_errors
    >>> round(float(errors["b"]), 3)
    0.921
    """
    objective, given = model.objective, dict(model.params if params is None else params)
    missing = [name for name in model.cost.parameters if name not in given]
    if missing:
        raise InferenceError(f"the parameter {missing[0]!r} has no value yet; fit the model first")
    name, prepared, kind = _name_of(model), _unpenalised(model), kind_of(model)
    arrays = {**samples.arrays, **model.targets_in_own_units(samples.arrays)}
    fitted = Fitted(
        prepared, arrays, samples.rows, initial(model.cost, given, what="params"), kind,
        model.prediction_in_own_units, model.target, samples.weight_mean if objective.weighted else 1.0,
    )  # fmt: skip
    refusal = (
        refusals.of_penalties(float(objective.l1), float(objective.l2))
        or (refusals.of_class_weights() if model.class_weight is not None else None)
        or (refusals.of_cost(name) if kind is Kind.OTHER else None)
        or refusals.of_network(model.prediction)
    )
    return Uncertainty(fitted, absolute_sigma=absolute_sigma, robust=robust, bounds=bounds, refusal=refusal, tied=tied)


def kind_of(model: Specification) -> Kind:
    """Return what the cost of a model says about the distribution of the targets."""
    return _KINDS.get(_name_of(model)) or (Kind.SQUARES if squares_of(_unpenalised(model)) else Kind.OTHER)


def _name_of(model: Specification) -> str:
    cost = model.objective.cost
    return cost if isinstance(cost, str) else _FUNCTIONS.get(cost, model.objective.name)


def _unpenalised(model: Specification) -> PreparedCost:
    """Return the cost without penalties, in the unit of the target."""
    plain = replace(model.objective, l1=0.0, l2=0.0)
    if plain == model.objective and model.prediction_in_own_units is model.prediction:
        return model.prepared
    return PreparedCost(plain.of(model.prediction_in_own_units, model.target))
