"""Base classes of regressors and classifiers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.messages.sentences import counted, in_python
from steepest.models.estimators import inputs
from steepest.models.estimators.descending import Built, Descending
from steepest.models.estimators.inputs import Array, Classes
from steepest.models.model import Model
from steepest.training.callbacks import OnEpoch
from steepest.training.descent import Descent

_SEPARATED = 1e-6
"""The loss below which a sigmoid or softmax has separated the classes, so that its minimum is at infinity.

The gradient has the factor p − y, of which round-off leaves log10(loss / epsilon) digits: ten here. At a loss of
1e-16 no digit is left, and the order of the rows would decide where a search ends.
"""


def _takes_parts(estimator: Descending) -> bool:
    if estimator._searches:
        raise AttributeError("partial_fit needs an optimiser with batches, not a line search")
    return True


class Regressor(RegressorMixin, Descending):  # type: ignore[misc]
    """A regressor; subclasses build the model."""

    n_outputs_: int

    def _model(self, X: Array, outputs: int, weighted: bool) -> Built:
        """Build the model for some features and a number of outputs."""
        raise NotImplementedError

    @available_if(_takes_parts)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Run one epoch over some samples, in batches, continuing from the last fit.

        Args:
            X: ``(n, d)`` numbers, a DataFrame, or a sparse matrix.
            y: ``(n,)``, or ``(n, k)`` for several outputs.
            sample_weight: ``(n,)``; used unchanged, as the mean over all parts is unknown.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, part=True)

    def _fit(self, X: Any, y: Any, sample_weight: Any, part: bool) -> Regressor:
        again = (part or self.warm_start) and hasattr(self, "model_")
        X, y = inputs.features_and_targets(self, X, y, reset=not again, numeric=True)
        weights = inputs.joint_weights(sample_weight, None, None, y, whole=not part)
        outputs = 1 if y.ndim == 1 else y.shape[1]
        model, cost = self._model(X, outputs, weights is not None)
        model.refuse_targets({model.target.name: y})
        self._descend((model, cost), X, y, weights, part, again)
        self.n_outputs_ = outputs
        return self

    def predict(self, X: Any) -> Array:
        """Return the prediction for every sample: ``(n,)``, or ``(n, k)`` for several outputs."""
        check_is_fitted(self)
        return self._evaluate(inputs.features(self, X), self.model_.prediction)[0]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class Classifier(ClassifierMixin, Descending):  # type: ignore[misc]
    """A classifier; subclasses build the model, which predicts the probability of the second class or of each."""

    class_weight: Any
    classes_: Array
    n_outputs_: int

    def _model(self, X: Array, classes: Classes, weighted: bool) -> Built:
        """Build the model for some features and classes."""
        raise NotImplementedError

    @available_if(_takes_parts)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Run one epoch over some samples, in batches, continuing from the last fit.

        Args:
            X: ``(n, d)`` numbers, a DataFrame, or a sparse matrix.
            y: ``(n,)`` labels.
            classes: all labels of all parts; needed in the first call.
            sample_weight: ``(n,)``; used unchanged, as the mean over all parts is unknown.

        Returns:
            The estimator.
        """
        return self._fit(X, y, sample_weight, True, classes)

    def _fit(self, X: Any, y: Any, sample_weight: Any, part: bool, given: Any = None) -> Classifier:
        again = (part or self.warm_start) and hasattr(self, "model_")
        X, y = inputs.features_and_targets(self, X, y, reset=not again, numeric=False)
        classes = self._known(y, given, part, again)
        codes = classes.codes(y)
        weights = inputs.joint_weights(sample_weight, self.class_weight, classes, codes, whole=not part)
        model, cost = self._model(X, classes, weights is not None)
        prediction = model.prediction
        self._descend((model, cost), X, _targets_for(prediction, classes, codes), weights, part, again)
        self.classes_, self._several = classes.labels, classes.several
        if not classes.several and not self.model_.target.shape:
            self.model_.classes = tuple(classes.labels.tolist())
        self.n_outputs_ = prediction.shape[0] if prediction.shape else 1
        return self

    def _after_epoch(self, model: Model) -> OnEpoch | None:
        """Return the user's callback; for a line search one that also stops when the classes are separated."""
        given = self.on_epoch
        if not self._searches or model.prediction.operation not in (op.sigmoid, op.softmax):
            return given
        return lambda epoch: (given is not None and given(epoch) is True) or epoch.cost <= _SEPARATED

    def _keep(self, model: Model, run: Descent, part: bool, again: bool) -> None:
        if run.stop == "callback" and self._searches and run.cost <= _SEPARATED:
            ran = counted(run.epochs, "epoch")
            message = f"stopped after {ran}: the classes are separated; larger parameters change no class"
            run = replace(run, message=message)
        super()._keep(model, run, part, again)

    def _known(self, y: Array, given: Any, part: bool, again: bool) -> Classes:
        """Return the classes: of the last fit if this one continues it, of ``classes``, or of the targets."""
        if not part:
            found = Classes.of(y)
            if again and not np.array_equal(found.labels, self.classes_):
                raise ValueError(
                    f"warm_start continues with the classes {in_python(self.classes_)}, but y has "
                    f"{in_python(found.labels)}; give the same, or set warm_start=False"
                )
            return found
        if not again:
            if given is None:
                raise ValueError("classes must be passed on the first call to partial_fit: all labels of all parts")
            return Classes.of(y, given)
        if given is not None and not np.array_equal(np.unique(given), self.classes_):
            raise ValueError(
                f"`classes={in_python(given)}` is not the same as on last call to partial_fit: "
                f"{in_python(self.classes_)}"
            )
        check_classification_targets(y)
        return Classes(self.classes_, self._several)

    def _scores(self, X: Any) -> Array:
        """Return the scores before sigmoid or softmax: the second class is above 0, or the largest is predicted."""
        check_is_fitted(self)
        a = self.model_.prediction
        if a.operation in (op.sigmoid, op.softmax):
            return self._evaluate(inputs.features(self, X), a.args[0])[0]
        found = self._evaluate(inputs.features(self, X), a)[0]
        return found - 0.5 if found.ndim == 1 or self._several else found

    def predict(self, X: Any) -> Array:
        """Return the class of every sample, ``(n,)``; rows of 0 and 1 if a sample may have several."""
        scores = self._scores(X)
        if self._several:
            return np.asarray(scores.reshape(len(scores), -1) > 0, np.int64)
        chosen = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        found: Array = self.classes_[chosen]
        return found

    def decision_function(self, X: Any) -> Array:
        """Return the argument of the sigmoid, ``(n,)``, above 0 for the second class, or of the softmax, ``(n, k)``.

        Other outputs are returned themselves, minus 1/2 if one output serves two classes.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1:] == (2,) and not self._several else scores

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of every class, ``(n, k)`` float64, in the order of ``classes_``."""
        check_is_fitted(self)
        a = self.model_.prediction
        if self._is_binary:
            return self._columns_of(X, op.sigmoid(-a.args[0]), a)
        found = self._columns_of(X, a)
        if self._several or a.operation is op.softmax:
            return found
        found = np.clip(found, 0, None if found.shape[1] > 1 else 1)
        if found.shape[1] == 1:
            return np.concatenate([1 - found, found], axis=1)
        total = found.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(found, total, out=np.full_like(found, 1 / found.shape[1]), where=total > 0))

    def predict_log_proba(self, X: Any) -> Array:
        """Return log-probabilities, ``(n, k)`` float64, accurate also where the probability underflows."""
        check_is_fitted(self)
        a = self.model_.prediction
        if self._is_binary:
            return self._columns_of(X, op.log(1 - a), op.log(a))
        if a.operation is op.softmax:
            return self._columns_of(X, op.log(a))
        with np.errstate(divide="ignore"):
            found: Array = np.log(self.predict_proba(X))
        return found

    @property
    def _is_binary(self) -> bool:
        """Whether a single sigmoid separates two classes."""
        a = self.model_.prediction
        return a.operation is op.sigmoid and not self._several and a.shape in ((), (1,))

    def _columns_of(self, X: Any, *expressions: Expression) -> Array:
        """Evaluate expressions as columns, ``(n, k)``, in float64, as e^-104 is 0 in float32."""
        found = self._evaluate(inputs.features(self, X).astype(np.float64, copy=False), *expressions)
        columns = [each.reshape(len(each), -1) for each in found]
        return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)


def _targets_for(prediction: Expression, classes: Classes, codes: Array) -> Array:
    """Return the targets of the model: class numbers, or rows of 0 and 1 if each class has its own output."""
    outputs, wanted = prediction.shape, len(classes.labels)
    if classes.several:
        if prediction.operation is op.softmax or outputs != (wanted,):
            raise ValueError(
                f"y has {wanted} labels per sample, for which the prediction needs as many outputs, each a "
                "probability, as a sigmoid gives"
            )
        return codes
    single = wanted == 2 and outputs in ((), (1,))
    if not single and outputs != (wanted,):
        raise ValueError(f"y has {wanted} classes, but the prediction has the shape {outputs}; give it one for each")
    if single or prediction.operation is op.softmax:
        return codes
    return np.asarray(codes[:, None] == np.arange(wanted), np.float64)
