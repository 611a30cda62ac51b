"""User-written formulas as estimators: FormulaRegressor and FormulaClassifier."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from steepest.derivations.line_by_line import Derivation
from steepest.errors import ModelError, SteepestWarning
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, Shape
from steepest.language.columns import notes_on_spellings
from steepest.language.formula import names_in
from steepest.language.syntax import left_side, without_names
from steepest.messages.vocabulary import takes_aliases
from steepest.models.estimators.descending import Built, Descending, built
from steepest.models.estimators.inputs import Array, Classes, feature_names
from steepest.models.estimators.kinds import Classifier, Regressor
from steepest.models.model import Model
from steepest.objectives.classes import target_name
from steepest.objectives.costs import Cost
from steepest.objectives.diagnostics import notes_on_names
from steepest.training.callbacks import OnEpoch
from steepest.training.initialisers import Scheme
from steepest.training.optimisers import LBFGS, Optimiser, SecondOrder
from steepest.training.schedules import Plateau, Schedule
from steepest.training.starts import range_of

_BLOCK = "X"  # all features together, unless one has this name

Shapes = tuple[tuple[str, Shape], ...]


def _of_formula(
    formula: str, loss: str | Cost, data: Shapes, params: Shapes, classes: int, outputs: int, weighted: bool,
    penalties: tuple[float, float],
) -> Model:  # fmt: skip
    """Build a model from a formula; for classes the prediction determines the shape of the target."""

    target, (l1, l2) = _target_of(formula), penalties

    def model(shape: Shape) -> Model:
        weights = "sample_weight" if weighted else None
        return Model(formula, loss, dict([*data, (target, shape)]), dict(params), l1=l1, l2=l2, weights=weights)

    if not classes:
        return model(() if outputs == 1 else (outputs,))
    found = model(())
    one_each = found.prediction.operation is not op.softmax and found.prediction.shape == (classes,)
    return model((classes,)) if one_each and classes > 1 else found


class _Written(Descending):
    """An estimator whose model is a formula."""

    formula: str | None
    _indices: dict[str, int | None]

    def derive(self, wrt: str, level: str = "terse") -> Derivation:
        """Derive the partial derivative of the cost with respect to a parameter, line by line.

        Args:
            wrt: the name of a parameter.
            level: ``"terse"`` or ``"full"``.
        """
        check_is_fitted(self)
        return self.model_.derive(wrt, level)

    def _written(self, X: Array, default: str, classes: int, outputs: int, weighted: bool) -> Built:
        """Build the model of the formula, or of the default; ``classes`` is 0 for regression."""
        columns: dict[str, int | None] = {_BLOCK: None}
        if self.formula is not None:
            columns |= {name: index for index, name in enumerate(self._columns(X))}
        formula = default if self.formula is None else _with_target(self.formula, columns)
        target = _target_of(formula)
        if target in columns and not (target == _BLOCK and self.formula is None):
            raise ModelError(f"the target {target!r} of the formula is also a feature; leave it out of X")
        named = names_in(formula, columns=columns)
        self._indices = {name: index for name, index in columns.items() if name in named}
        data = tuple((name, X.shape[1:] if index is None else ()) for name, index in self._indices.items())
        start = (self.start or {}).items()
        params = tuple((name, () if range_of(name, value, ()) else np.shape(value)) for name, value in start)
        own = (formula, self.loss, data, params, classes, outputs, weighted, (self.l1, self.l2))
        return built(_of_formula, *own)

    def _columns(self, X: Array) -> list[str]:
        """Return the names of the features in formulas: those of a DataFrame, or x0, x1, …"""
        return feature_names(self, X, "x{}")

    def _descend(self, built: Built, X: Array, y: Array, weights: Array | None, part: bool, again: bool) -> None:
        if not again and self.formula is not None:
            self._warn_of_names(built[0].prediction, X)
        super()._descend(built, X, y, weights, part, again)

    def _warn_of_names(self, prediction: Expression, X: Array) -> None:
        """Warn of parameters that were probably meant as features, and of features with the name of a number."""
        count, start = X.shape[1], self.start or {}
        beyond = [] if hasattr(self, "feature_names_in_") else [
            name for name in prediction.parameters if re.fullmatch(r"x\d+", name) and name not in start
        ]  # fmt: skip
        has = f"{count} columns, x0 to x{count - 1}" if count > 1 else "one column, x0"
        notes = [f"{name!r} is not a column, so it is a parameter; X has {has}" for name in beyond]
        unused = [name for name in self._columns(X) if name not in self._indices]
        notes += notes_on_spellings(self.formula or "", self._columns(X))
        for said in [*notes, *notes_on_names(prediction, unused, {*start, *beyond})]:
            warnings.warn(said, SteepestWarning, stacklevel=5)

    def _inputs(self, X: Array) -> dict[str, Array]:
        return {name: X if index is None else X[:, index] for name, index in self._indices.items()}


def _with_target(formula: str, columns: Iterable[str]) -> str:
    """Return a formula that has a target: one that is a prediction alone gets the name y, or another free name."""
    taken = {*names_in(formula), *columns}
    signs = without_names(formula)
    if "~" in signs:
        return formula
    free = next(name for name in ("y", "target", *(f"y{k}" for k in range(len(taken) + 1))) if name not in taken)
    defined = formula[: signs.rfind(";") + 1]
    return f"{defined} {free} ~ {formula[len(defined) :].strip()}".strip()


def _target_of(formula: str) -> str:
    """Return the name on the left side of a formula."""
    found = target_name(formula)
    if not found:
        left = left_side(formula)
        raise ModelError(f"the left side of '~' is the target's name alone, as in 'y ~ a*x + b', not {left!r}")
    return found


class FormulaRegressor(_Written, Regressor):
    """A user-written formula that predicts numbers.

    The columns of a DataFrame have their names in the formula, those of an array are x0, x1, …; X is the matrix of all
    features. The left side names the target; all other names are parameters. A warning says which of them differ from
    a feature in case, spaces, signs or a unit only, such as petal_width from "petal width (cm)".

    Args:
        formula: ``"a*x0 + b"`` or ``"y ~ a*x0 + b"``; ``"y ~ dense(X, 1)"``, linear regression, if left out.
        loss: as for :class:`steepest.NetworkRegressor`.
        start: parameters to start from: numbers, arrays, whose shapes they define, or ranges (low, high) to draw
            numbers from; the others are drawn, and are numbers unless they belong to a ``dense`` layer.
        optimiser: ``"auto"``, chosen by the cost: Levenberg–Marquardt for squares, Newton's method for other smooth
            costs of few parameters, else L-BFGS, each of which runs until it has converged; or any other.
        rate, schedule: as for :class:`steepest.NetworkRegressor`.
        batch: samples per update; the whole table if left out.
        epochs: maximum number of passes through the samples.
        tolerance: stop when the relative change of the cost in an epoch is below this.
        validation_fraction, patience, l1, l2, initial, engine, random_state, warm_start, verbose, on_epoch: as for
            :class:`steepest.NetworkRegressor`.
        dtype: ``"float64"`` or ``"float32"``.

    Attributes:
        params_: the parameters by name.
        model_: the :class:`steepest.Model`; its ``run`` is the last descent.
        n_iter_, loss_, loss_curve_, validation_loss_curve_: as for :class:`steepest.NetworkRegressor`.
        n_features_in_, feature_names_in_, n_outputs_: likewise.

    >>> import numpy as np
    >>> t = np.linspace(0, 4, 50)[:, None]
    >>> decay = FormulaRegressor("y ~ a*exp(-k*x0) + c", start={"a": 1, "k": 1, "c": 0})
    >>> {name: round(value, 6) for name, value in decay.fit(t, 3 * np.exp(-0.7 * t[:, 0]) + 2).params_.items()}
    {'a': 3.0, 'k': 0.7, 'c': 2.0}

    Without ``target ~`` the formula is the prediction.

    >>> line = FormulaRegressor("a*x0 + b").fit([[0], [1], [2]], [1, 3, 5])
    >>> {name: round(value, 6) for name, value in line.params_.items()}
    {'a': 2.0, 'b': 1.0}

    Source: rows A2 and B1 of the notes.
    """

    @takes_aliases
    def __init__(
        self, formula: str | None = None, loss: str | Cost = "mse", *, start: Mapping[str, Any] | None = None,
        optimiser: str | Optimiser | LBFGS | SecondOrder | None = "auto",
        rate: float | str | Schedule | Plateau | None = None, schedule: str | None = None,
        batch: int | None = None, epochs: int = 1000,
        tolerance: float | None = None, validation_fraction: float | None = None, patience: int | None = None,
        l1: float = 0.0, l2: float = 0.0, initial: Scheme | None = None, dtype: str = "float64",
        engine: str = "auto", random_state: Any = None, warm_start: bool = False, verbose: bool = False,
        on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        self._store(locals())

    def _model(self, X: Array, outputs: int, weighted: bool) -> Built:
        return self._written(X, f"y ~ dense(X, {outputs})", 0, outputs, weighted)


class FormulaClassifier(_Written, Classifier):
    """A user-written formula that predicts the probability of the second of two classes, or of each class.

    Names are as for :class:`FormulaRegressor`.

    Args:
        formula: ``"sigmoid(a*x0 + b)"``, ``"y ~ sigmoid(a*x0 + b)"`` or ``"y ~ softmax(dense(X, 3))"``; if left out,
            logistic regression on all features, without penalty.
        loss, class_weight: as for :class:`steepest.NetworkClassifier`.
        start, optimiser, rate, schedule, batch, epochs, tolerance: as for :class:`FormulaRegressor`.
        validation_fraction, patience, l1, l2, initial, dtype: likewise.
        engine, random_state, warm_start, verbose, on_epoch: likewise.

    Attributes:
        classes_: the labels, sorted.
        params_, model_, n_iter_, loss_, loss_curve_, validation_loss_curve_: as for :class:`FormulaRegressor`.
        n_features_in_, feature_names_in_, n_outputs_: likewise.

    >>> X, y = [[0], [1], [2], [3], [4], [5]], ["low", "low", "high", "low", "high", "high"]
    >>> classifier = FormulaClassifier("y ~ sigmoid(k*(x0 - c))", start={"k": -1, "c": 0}).fit(X, y)
    >>> classifier.predict([[0], [5]]).tolist(), round(classifier.params_["c"], 6)
    (['low', 'high'], 2.5)

    Source: rows A3 and D4 of the notes.
    """

    @takes_aliases
    def __init__(
        self, formula: str | None = None, loss: str | Cost = "cross_entropy", *,
        start: Mapping[str, Any] | None = None, class_weight: str | Mapping[Any, float] | None = None,
        optimiser: str | Optimiser | LBFGS | SecondOrder | None = "auto",
        rate: float | str | Schedule | Plateau | None = None, schedule: str | None = None,
        batch: int | None = None, epochs: int = 1000,
        tolerance: float | None = None, validation_fraction: float | None = None, patience: int | None = None,
        l1: float = 0.0, l2: float = 0.0, initial: Scheme | None = None, dtype: str = "float64",
        engine: str = "auto", random_state: Any = None, warm_start: bool = False, verbose: bool = False,
        on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        self._store(locals())

    def _model(self, X: Array, classes: Classes, weighted: bool) -> Built:
        k = len(classes.labels)
        several, single = classes.several, k == 2 and not classes.several
        activation, outputs = "sigmoid" if several or single else "softmax", 1 if single else k
        return self._written(X, f"y ~ {activation}(dense(X, {outputs}))", k, 1, weighted)
