"""Fits from one start, and from others where that start leads nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.sums_of_squares import jacobian
from steepest.engines import evaluate
from steepest.errors import StartError
from steepest.expressions.expression import Expression
from steepest.models.large_columns import scale_explained
from steepest.models.magnitudes import magnitudes
from steepest.objectives.costs import Objective
from steepest.objectives.specification import Specification
from steepest.tables.samples import Samples
from steepest.training.bounds import read_bounds, within
from steepest.training.descent import Descent, descend
from steepest.training.ends import Reason, listed
from steepest.training.initialisers import initial
from steepest.training.optimisers import SecondOrder
from steepest.training.parameter_vector import ParameterVector
from steepest.training.rescue import other_starts, rescued
from steepest.training.undetermined import said_of

_OF_ONE_DESCENT = ("restarts", "on_epoch", "checkpoint", "validate", "memory")
_FAR, _MANY = 0.01, 500  # share of the cost that a step still predicts after so many steps of a fast method
_WORSE = 1e-6  # R² up to which a prediction is no better than the mean


def fitted(model: Specification, source: Any, start: Mapping[str, Any] | None, settings: Mapping[str, Any]) -> Descent:
    """Return the descent of a model, from other starts if the first one leads nowhere; see :func:`attempted`.

    Args:
        model: the model.
        source: the samples, or a table that is read in parts.
        start: the parameters that are given; the others are drawn.
        settings: of :func:`steepest.descend`.
    """
    arrays = source.arrays if isinstance(source, Samples) else None
    run_from = partial(attempted, partial(descend, model.prepared, source), model, arrays, start, settings)
    return scale_explained(run_from, arrays, model.blocks)


def attempted(
    run_from: Callable[..., Descent], model: Specification, arrays: Mapping[str, Any] | None,
    start: Mapping[str, Any] | None, settings: Mapping[str, Any],
) -> Descent:  # fmt: skip
    """Return a descent, from other starts if the first one leads nowhere.

    Fast methods go to the next minimum. Where the cost is not defined at a drawn start, or the descent ends without
    having converged, or with a prediction that is worse than the mean of the target, or from a drawn start where
    parameters are not determined, 24 other starts are tried, and the result says so. Parameters whose start was drawn
    have the magnitude there that the units of the columns give them.

    Args:
        run_from: descends from a start by settings.
        model: the model.
        arrays: the columns of the cost; None for a table that is read in parts.
        start: the parameters that are given; the others are drawn.
        settings: of :func:`steepest.descend`.
    """
    return _attempts(run_from, model.cost, model, arrays, start, settings)


def minimised(
    prepared: PreparedCost, source: Samples | None, start: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> Descent:
    """Return the descent of any cost, from other starts if the first one leads nowhere; see :func:`attempted`.

    Args:
        prepared: the cost.
        source: the samples of its columns; None for a function of parameters.
        start: the parameters that are given; the others are drawn.
        settings: of :func:`steepest.descend`.
    """
    return _attempts(partial(descend, prepared, source), prepared.cost, None, None, start, settings)


def _attempts(
    run_from: Callable[..., Descent], cost: Expression, model: Specification | None, arrays: Mapping[str, Any] | None,
    start: Mapping[str, Any] | None, settings: Mapping[str, Any],
) -> Descent:  # fmt: skip
    """Return the descent of a cost, that of a model if there is one; see :func:`attempted`."""
    own = [name for name in _OF_ONE_DESCENT if settings.get(name) is not None]
    if own or not isinstance(settings.get("optimiser"), SecondOrder):
        return run_from(start, **settings)
    seed = int(settings.get("seed") or 0)
    limits, drawn = read_bounds(settings.get("bounds"), cost), [n for n in cost.parameters if n not in (start or {})]

    def again(other: Mapping[str, Any]) -> Descent:
        return run_from(within(limits, dict(other), None), **{**settings, "progress": False})

    def sizes() -> dict[str, float]:
        return {} if arrays is None or model is None else magnitudes(model, arrays)

    def poor_of(run: Descent) -> str:
        return "" if model is None else _poor(model, arrays, run)

    try:
        run = run_from(start, **settings)
    except StartError:
        if not drawn:
            raise
        first = initial(cost, start, seed, "start", settings.get("initial"), limits)
        run = _first_defined(again, other_starts(first, seed, drawn, sizes()))
    constant = "" if model is None else _constant(model, arrays)
    poor = poor_of(run)
    if constant:
        return _warned(run, poor, constant)
    poor = poor or (_lost(model, run) if drawn and model is not None else "")
    if poor or run.reason not in (Reason.CONVERGED, Reason.BUDGET, Reason.STOPPED):
        run = rescued(run, again, seed, drawn, poor, sizes(), bool(settings.get("maximise")))
        poor = poor_of(run)
    return _warned(run, poor)


def _first_defined(again: Callable[[Mapping[str, Any]], Descent], starts: Sequence[Mapping[str, Any]]) -> Descent:
    """Return the descent from the first of some starts at which the cost is defined.

    Raises:
        StartError: it is defined at none.
    """
    for start in starts[:-1]:
        try:
            run = again(start)
        except StartError:
            continue
        said = "the cost is not defined at the start that was drawn; this is from another"
        return replace(run, warnings=[*run.warnings, said])
    return again(starts[-1])


def _warned(run: Descent, poor: str, advice: str = "give a start nearer to the solution") -> Descent:
    """Return the descent with a warning if its prediction is of no use; ``advice`` is what helps."""
    said = f"the fit is {poor}; {advice}"
    return replace(run, warnings=[*run.warnings, said]) if poor else run


def _poor(model: Specification, arrays: Mapping[str, Any] | None, run: Descent) -> str:
    """Return that a fit by mse is worse than the mean of the target, which no good formula is; else an empty text."""
    if model.objective != Objective("mse") or arrays is None or run.held_out is not None or run.diverged:
        return ""
    variance = float(np.var(np.asarray(evaluate(model.target, arrays), np.float64), axis=0).mean())
    share = 1 - run.cost / variance if variance else 0.0
    if not variance or not share < _WORSE or not model.prediction.data or not _bends(model):
        return ""  # a formula that is linear in its parameters has one minimum, if it cannot be the mean or not
    return f"no better than the mean of the target (R² = {min(share, 0.0):.4g})"


def _lost(model: Specification, run: Descent) -> str:
    """Return that a fit went to where parameters have no finite best values, as to the line that exp(−t/τ) becomes."""
    if run.undetermined and _bends(model):
        return f"where {listed(run.undetermined)} {'is' if len(run.undetermined) == 1 else 'are'} not determined"
    far = run.newton_decrement is not None and run.newton_decrement > _FAR
    return f"not near a minimum after {run.epochs} epochs" if far and run.epochs >= _MANY else ""


def _constant(model: Specification, arrays: Mapping[str, Any] | None) -> str:
    """Return the sentence about the columns of a prediction if none of them changes, so that no start helps."""
    names = model.prediction.data
    columns = (
        []
        if arrays is None
        else [name for name in names if len(arrays[name]) > 1 and (arrays[name] == arrays[name][0]).all()]
    )
    return said_of(columns) and f"{said_of(columns)}, so that it cannot be better" if len(columns) == len(names) else ""


def _bends(model: Specification) -> bool:
    """Return whether the prediction is not linear in its parameters."""
    nodes = ParameterVector(model.prediction).nodes
    block = jacobian(model.prediction, nodes)
    chosen = set() if block.chosen is None else {block.chosen.name}  # which of several outputs is differentiated
    return any({*partial.parameters} - chosen for partial in block.partials)
