"""The base class of the estimators: a descent with an estimator's parameters, its results, predictions."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted, check_random_state

from steepest.calculus.prepared import prepare
from steepest.calculus.stability import stabilise
from steepest.engines import Runnable
from steepest.engines.reference import compile_expressions
from steepest.errors import DescentError, ModelError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, toposort
from steepest.messages.sentences import counted, in_python
from steepest.models.attempts import attempted
from steepest.models.estimators.inputs import Array, check_validation, dense, dense_parts, feature_names
from steepest.models.large_columns import is_explained, is_far, scale_explained
from steepest.models.model import Model
from steepest.objectives.costs import WEIGHT, Cost
from steepest.training.callbacks import OnEpoch
from steepest.training.choice import choose_optimiser
from steepest.training.descent import Descent, descend
from steepest.training.optimisers import LBFGS, USUAL_RATES, Optimiser, SecondOrder, optimiser_named
from steepest.training.schedules import read_schedule

BATCH = 200
"""Samples per update by default, as in scikit-learn's MLPs."""

_ROWS = 512  # rows predicted at a time, so that intermediate results stay in the processor's cache
_ZERO_GRADIENT = 1e-30  # norm below which a line search stops; without it, it would follow a minimum at infinity


@lru_cache(maxsize=32)
def _solver(optimiser: str | Optimiser | LBFGS | SecondOrder | None) -> Optimiser | LBFGS | SecondOrder:
    """Return an optimiser by its name, the same object each time, so that steps cached by it are found."""
    return optimiser_named(optimiser)


Built = tuple[Model, Expression]
"""A model that knows its columns and has no parameters yet, with its cost, which has a gradient."""


def built(make: Callable[..., Model], *settings: Any, **named: Any) -> Built:
    """Build a model, or take it from the cache: the folds of a search use the same settings."""
    try:
        return _built(make, *settings, **named)
    except TypeError:  # a setting that is not hashable
        return _built.__wrapped__(make, *settings, **named)


@lru_cache(maxsize=32)
def _built(make: Callable[..., Model], *settings: Any, **named: Any) -> Built:
    model = make(*settings, **named)
    model.refuse_flat()
    return model, model.cost


class Descending(BaseEstimator):  # type: ignore[misc]
    """An estimator fitted by gradient descent; subclasses add parameters and build the :class:`steepest.Model`."""

    loss: str | Cost
    l1: float
    l2: float
    optimiser: Any
    rate: Any
    schedule: str | None
    batch: int | str | None
    epochs: int
    tolerance: float | None
    validation_fraction: float | None
    patience: int | None
    initial: Any
    dtype: str
    engine: str
    random_state: Any
    warm_start: bool
    verbose: bool
    on_epoch: OnEpoch | None
    start: Mapping[str, Any] | None = None

    model_: Model
    n_iter_: int
    n_features_in_: int
    loss_: float
    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    _epochs: int  # of all fits that were continued
    _optimiser_state: tuple[tuple[str, bool], Mapping[str, Any]]

    def _store(self, parameters: Mapping[str, Any]) -> None:
        """Store the arguments of ``__init__`` by their names, unchanged, as scikit-learn requires."""
        self.__dict__.update({name: value for name, value in parameters.items() if name != "self"})

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @property
    def params_(self) -> dict[str, Any]:
        """The fitted parameters by name, numbers or arrays."""
        check_is_fitted(self)
        return self.model_.params

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # -- settings

    @property
    def _searches(self) -> bool:
        """Whether each epoch finds its own step, which needs the whole table."""
        if self._is_chosen:
            return self.batch is None
        named = None if isinstance(self.optimiser, str) and self.optimiser == "auto" else self.optimiser
        return isinstance(_solver(named), LBFGS | SecondOrder) or self.rate == "auto"

    @property
    def _is_chosen(self) -> bool:
        """Whether the optimiser is chosen by the cost."""
        return isinstance(self.optimiser, str) and self.optimiser == "auto" and self.rate is None

    def _method(self, cost: Expression, rows: int) -> tuple[Optimiser | LBFGS | SecondOrder, Any]:
        """Return the optimiser and its rate, as given or chosen by the cost."""
        if self._is_chosen:
            batch = self._batch()
            found = choose_optimiser(prepare(cost), rows, batch)
            return _solver(found.optimiser), found.rate
        named = None if self.optimiser == "auto" else self.optimiser  # a rate belongs to gradient descent
        return _solver(named), self._rate(_solver(named))

    def _rate(self, solver: Optimiser | LBFGS | SecondOrder) -> Any:
        """Return the rate for a descent: a number, "auto" or a schedule."""
        rate, text = self.rate, self.schedule
        if isinstance(rate, str) and rate != "auto":
            if text is not None:
                raise DescentError(
                    f"rate={in_python(rate)} and schedule={text!r} are two schedules; give the rate as a number"
                )
            rate, text = None, rate
        if rate is None:
            rate = USUAL_RATES.get(solver.name, 0.1)
        if text is None:
            return rate
        if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
            raise DescentError(f"schedule={text!r} needs a rate that is a number, not {in_python(rate)}")
        return read_schedule(text, float(rate), self.epochs)

    def _batch(self) -> Any:
        if not isinstance(self.batch, str):
            return self.batch
        if self.batch != "auto":
            raise DescentError(
                f"batch is a whole number, None for the whole table, or 'auto', not {in_python(self.batch)}"
            )
        return None if self._searches else BATCH

    def _seed(self) -> int:
        """Return the seed of a fit: an integer random state itself, so that fits agree with ``st.descend(seed=…)``."""
        state = self.random_state
        if isinstance(state, numbers.Integral) and not isinstance(state, bool):
            return int(state)
        return int(check_random_state(state).randint(np.iinfo(np.int32).max))

    # -- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit to samples; with ``warm_start`` continue from the last fit.

        Args:
            X: ``(n, d)`` numbers, a DataFrame, or a sparse matrix of at most 2 GiB as a dense one.
            y: ``(n,)`` numbers, or labels of any type for a classifier; ``(n, k)`` for several outputs.
            sample_weight: ``(n,)``; divided by their mean.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, part=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, part: bool) -> Any:
        """Fit to samples, or run one epoch over a part of them."""
        raise NotImplementedError

    def _descend(self, built: Built, X: Array, y: Array, weights: Array | None, part: bool, again: bool) -> None:
        """Fit a model, to a part of the samples for one epoch, or ``again`` from the last fit; store the results."""
        model, cost = built
        if not part:
            check_validation(self.validation_fraction, self.patience, len(X))
        table = {**self._inputs(X), model.target.name: y, **({} if weights is None else {WEIGHT: weights})}
        done, state, initial = 0, None, None
        solver, rate = self._method(cost, len(y))
        key = solver.name, self._searches
        start: Mapping[str, Any] | None
        if again:
            self._refuse_others(cost)
            start, done = self.params_, self._epochs
            if self._optimiser_state[0] == key:
                state = self._optimiser_state[1]
        else:
            self._first_seed = self._seed()
            start, initial = self._start_of(cost, self._first_seed)
        # Each descent counts its epochs from 0; another seed shuffles the samples anew.
        settings: dict[str, Any] = {
            "rate": rate, "epochs": 1 if part else self.epochs, "engine": self.engine, "dtype": self.dtype,
            "optimiser": solver, "batch": self._batch(), "tolerance": None if part else self.tolerance,
            "seed": self._first_seed + done, "initial": initial,
            "validate": None if part else self.validation_fraction, "patience": None if part else self.patience,
            "on_epoch": self._after_epoch(model), "memory": state or None, "path": False,
            "progress": bool(self.verbose), "gradient_tolerance": _ZERO_GRADIENT if self._searches else None,
        }  # fmt: skip
        run_from = partial(descend, cost, table)
        if part or again:
            run_from = partial(run_from, start, **settings)
        else:
            run_from = partial(attempted, run_from, model, table, start, settings)
        names = {"X": feature_names(self, X, "column {}")}
        run = scale_explained(run_from, table, names)
        self._warn(run, part)
        self._keep(model, run, part, again)
        self._optimiser_state = key, run.memory

    def _after_epoch(self, model: Model) -> OnEpoch | None:
        """Return the function to call after each epoch of a fit."""
        return self.on_epoch

    def _start_of(self, cost: Expression, seed: int) -> tuple[Mapping[str, Any] | None, Any]:
        """Return parameters to start from, and the scheme for the others."""
        return self.start, self.initial

    def _refuse_others(self, cost: Expression) -> None:
        shapes = {node.name: node.shape for node in cost.leaves if node.operation is PARAMETER}
        known = {name: np.shape(value) for name, value in self.params_.items()}
        if shapes != known:
            raise ModelError(
                f"the last fit had parameters {_listed(known)}, this one has {_listed(shapes)}; keep the model as it "
                "was, or set warm_start=False"
            )

    def _warn(self, run: Descent, part: bool) -> None:
        may_converge = self.tolerance is not None or self._searches
        # The weights of a softmax are never determined, nor those of classes that can be separated.
        for said in run.warnings if self._is_chosen and not part and is_regressor(self) else ():
            warnings.warn(said, ConvergenceWarning, stacklevel=6)
        failed = run.reason == "plateau" or is_far(run) or is_explained(run)
        if run.diverged or (failed and not part):
            warnings.warn(run.message, ConvergenceWarning, stacklevel=6)
        elif run.reason == "budget" and run.epochs and may_converge and not part:
            ran = counted(run.epochs, "epoch")
            message = f"the cost was still changing after {ran}; increase them, or standardise the features"
            warnings.warn(message, ConvergenceWarning, stacklevel=6)

    def _keep(self, model: Model, run: Descent, part: bool, again: bool) -> None:
        validation = None if run.validation is None else [cost for epoch, cost in run.validation if epoch]
        earlier = self.validation_loss_curve_ if again else None
        self.loss_ = run.cost
        self.loss_curve_ = [*(self.loss_curve_ if again else []), *(cost for _, cost in run.history[:-1])]
        self.validation_loss_curve_ = validation if earlier is None else [*earlier, *(validation or [])]
        self._epochs = run.epochs + (self._epochs if again else 0)
        self.n_iter_ = self._epochs if part else run.epochs
        model = copy(model)
        # Without path and second copies, as estimators are pickled for other processes.
        model.params, model.run = run.params, replace(run, path=[], start={}, memory={}, uncertain=None)
        names = [*map(str, getattr(self, "feature_names_in_", [f"x{k}" for k in range(self.n_features_in_)]))]
        # The file of the model then works with a table of these columns.
        model.name_columns({leaf.name: names for leaf in model.prediction.leaves if leaf.name and _is_block(leaf)})
        self.model_ = model

    # -- predicting

    def _inputs(self, X: Array) -> dict[str, Array]:
        """Return the columns of the prediction."""
        raise NotImplementedError

    def _evaluate(self, X: Any, *expressions: Expression) -> list[Array]:
        """Evaluate expressions, ``(n,)`` or ``(n, k)`` each, in the precision of the features."""
        dtype = "float64" if X.dtype != np.float32 or self.dtype == "float64" else "float32"
        run, alone = _compiled(expressions, dtype)
        if issparse(X):
            if alone:
                pieces = [self._evaluate(rows, *expressions) for rows in dense_parts(X)]
                return [np.concatenate(each) for each in zip(*pieces, strict=True)]
            X = dense(X, dtype)
        inputs = self._inputs(X)
        values = {name: np.asarray(value, dtype) for name, value in {**self.params_, **inputs}.items()}
        size = _ROWS if alone else len(X)
        rows = {name: values[name] for name in inputs}
        parts = [
            run({**values, **{name: column[k : k + size] for name, column in rows.items()}}, min(size, len(X) - k))
            for k in range(0, len(X), size)
        ]
        found = parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]
        shapes = [(len(X), *node.shape) for node in expressions]  # also of expressions without data
        each = [
            value if value.shape == shape else np.broadcast_to(value, shape).copy()
            for value, shape in zip(found, shapes, strict=True)
        ]
        return [value[:, 0] if value.shape[1:] == (1,) else value for value in each]


def _is_block(leaf: Expression) -> bool:
    """Return whether a leaf is the matrix of all features."""
    return leaf.operation is DATA and bool(leaf.shape)


def _listed(shapes: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items())


@lru_cache(maxsize=256)
def _compiled(expressions: tuple[Expression, ...], dtype: str) -> tuple[Runnable, bool]:
    """Return expressions compiled, and whether each sample is computed from itself alone.

    They are cached here, not in an estimator, which is copied and pickled.
    """
    stable = stabilise(list(expressions))
    joined = any(node.operation.over_samples or node.operation is op.count for node in toposort(expressions))
    alone = not joined and all(node.per_sample for node in expressions)
    return compile_expressions([stable[node] for node in expressions], dtype), alone
