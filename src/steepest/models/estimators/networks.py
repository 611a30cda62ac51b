"""Networks as estimators: NetworkRegressor and NetworkClassifier."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from steepest.calculus.layers import find_layers
from steepest.errors import ModelError
from steepest.expressions.expression import PARAMETER, Expression
from steepest.messages.sentences import in_python, listed
from steepest.messages.vocabulary import takes_aliases
from steepest.models.builders import network
from steepest.models.estimators.descending import Built, Descending, built
from steepest.models.estimators.inputs import Array, Classes, feature_names
from steepest.models.estimators.kinds import Classifier, Regressor
from steepest.objectives.activations import Activation
from steepest.objectives.costs import Cost
from steepest.training.callbacks import OnEpoch
from steepest.training.initialisers import Scheme
from steepest.training.optimisers import LBFGS, Optimiser
from steepest.training.schedules import Plateau, Schedule

_SATURATED = {"tanh": 3.0, "sigmoid": 6.0}
"""The argument from which on the slope of an activation is below a hundredth of its largest."""
_LARGE = 30.0
"""The typical argument of another activation from which on the first outputs are far from any target of order 1."""


class _Layers(Descending):
    """An estimator whose model is a network of layers."""

    hidden: int | Sequence[int]
    activation: Activation | Sequence[Activation]
    output: Activation

    @property
    def coefs_(self) -> list[Array]:
        """The matrix of each layer, ``(inputs, outputs)``, as in scikit-learn's MLPs."""
        return [self.params_[f"W{k + 1}"] for k in range(len(self.params_) // 2)]

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of each layer, ``(outputs,)``."""
        return [self.params_[f"b{k + 1}"] for k in range(len(self.params_) // 2)]

    def _network(self, X: Array, outputs: int, output: Activation, weighted: bool) -> Built:
        sizes = self.hidden if isinstance(self.hidden, Sequence | np.ndarray) else (self.hidden,)
        try:
            hidden = [operator.index(size) for size in sizes]
        except TypeError:
            hidden = [0]
        if min(hidden, default=1) < 1:
            raise ModelError(f"hidden has the sizes of the hidden layers, such as (100,), not {in_python(self.hidden)}")
        each = tuple(self.activation) if isinstance(self.activation, list) else self.activation
        sizes = (X.shape[1], *hidden, outputs)
        weights = "sample_weight" if weighted else None
        return built(network, sizes, each, output, self.loss, weights=weights, l1=self.l1, l2=self.l2)

    def _start_of(self, cost: Expression, seed: int) -> tuple[Mapping[str, Any] | None, Any]:
        if self.initial != "mlp":
            return None, self.initial
        rng = np.random.default_rng([seed, 1])  # not the random numbers of the matrices
        biases = {}
        for node in cost.leaves:
            if node.operation is PARAMETER and len(node.shape) == 2:
                bound = math.sqrt(6 / sum(node.shape))
                biases[f"b{node.name[1:]}"] = rng.uniform(-bound, bound, node.shape[1])
        return biases, "glorot"

    def _inputs(self, X: Array) -> dict[str, Array]:
        return {"X": X}

    def _descend(self, built: Built, X: Array, y: Array, weights: Array | None, part: bool, again: bool) -> None:
        if not again:
            self._warn_of_saturation(built[0].prediction, X)
        super()._descend(built, X, y, weights, part, again)

    def _warn_of_saturation(self, prediction: Expression, X: Array) -> None:
        """Warn of columns that alone saturate the first hidden units, or are far larger than others need to be."""
        layers = find_layers(prediction)
        if len(layers) < 2 and (not layers or layers[0].output is prediction):
            return  # no hidden layer
        saturated = _SATURATED.get(layers[0].output.operation.name)
        far = _LARGE if saturated is None else saturated
        typical = math.sqrt(2 / (X.shape[1] + layers[0].size))  # the standard deviation of a weight at the start
        with np.errstate(over="ignore"):  # an infinite size is large, too
            sizes = np.sqrt(np.mean(np.square(X, dtype=np.float64), axis=0))
        columns = np.flatnonzero(sizes * typical > far)
        if len(columns):
            names = feature_names(self, X, "column {}")
            one = len(columns) == 1
            why = "a network may learn little from them" if saturated is None else (
                "the hidden units saturate, with slopes near 0"
            )  # fmt: skip
            warnings.warn(
                f"{listed((names[k] for k in columns), 5)} {'is' if one else 'are'} so large that {why}; "
                "standardise the features, as by a StandardScaler in a pipeline",
                ConvergenceWarning,
                stacklevel=5,
            )


class NetworkRegressor(_Layers, Regressor):
    """A network of layers that predicts numbers.

    It minimises the mean loss by gradient descent. Features and targets should be of order 1: use a ``StandardScaler``
    in a pipeline and a ``TransformedTargetRegressor``.

    Args:
        hidden: sizes of the hidden layers, or one size; ``()`` for none.
        activation: the activation of the hidden layers, or a list with one for each: a name of an elementwise
            operation, a formula such as ``"max(0.1*z, z)"``, or a function of an expression.
        output: activation of the last layer: ``"linear"``, ``"exp"`` for counts, or any other.
        loss: ``"mse"``, ``"mae"``, ``"huber"``, ``"poisson"``, a formula in ``prediction`` and ``target`` such as
            ``"(prediction - target)^4"``, or a function of the two.
        optimiser: a name or value of :mod:`steepest.optimisers`.
        rate: the learning rate; a default of the optimiser if left out (0.001 for Adam); ``"auto"`` for Armijo's rule
            with plain gradient descent; a :class:`steepest.schedules.Schedule` or the text of one.
        schedule: the schedule of the rate, such as ``"cosine"`` or ``"step:30:0.1"``; see
            :func:`steepest.schedules.read_schedule`.
        batch: samples per update; ``"auto"`` is 200; None is the whole table, which L-BFGS and ``rate="auto"`` need.
        epochs: maximum number of passes through the samples.
        tolerance: stop when the relative change of the cost in an epoch is below this.
        validation_fraction: the share of samples held out at random for validation; ``validation_loss_curve_`` has
            their cost after each epoch.
        patience: stop when that cost has not fallen for this many epochs, and keep the best parameters.
        l1, l2: add l1·Σ|w| + l2/2·Σw² over the weights, without biases, to the mean loss. An MLP's ``alpha`` is
            l2 times the number of samples.
        initial: the scheme of initial values: ``"mlp"`` as in scikit-learn's MLPs, matrices and biases uniform within
            ±√(6/(inputs + outputs)) of their layer; else as for :func:`steepest.training.initialisers.initial`.
        dtype: the precision of the descent, ``"float32"`` or ``"float64"``.
        engine: ``"auto"``, ``"native"`` or ``"reference"``.
        random_state: the seed of the start, the order of samples and the validation rows.
        warm_start: whether ``fit`` continues from the last one, with the optimiser's state.
        verbose: whether to show a progress bar.
        on_epoch: called with a :class:`steepest.training.callbacks.EpochInfo` after each epoch; stops by
            returning True.

    Attributes:
        params_: the parameters by name: W1, b1, W2, …
        coefs_, intercepts_: the same as lists.
        model_: the :class:`steepest.Model`; its ``run`` is the last descent.
        n_iter_: epochs of the last ``fit``, also of a warm start; of ``partial_fit`` those of all calls so far.
        loss_: the final cost of the training samples.
        loss_curve_: the cost of each epoch, the mean over its batches, also of earlier fits that were continued; at
            most 2000 rows per descent.
        validation_loss_curve_: the cost of the validation rows after each epoch; None without them.
        n_features_in_, feature_names_in_, n_outputs_: as in scikit-learn.

    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> network = NetworkRegressor((16,), "tanh", rate=0.02, batch=20, random_state=0).fit(X, np.sin(3 * X[:, 0]))
    >>> network.score(X, np.sin(3 * X[:, 0])) > 0.99
    True

    Source: rows D3 and D4 of the notes.
    """

    @takes_aliases
    def __init__(
        self, hidden: int | Sequence[int] = (100,), activation: Activation | Sequence[Activation] = "relu",
        output: Activation = "linear", loss: str | Cost = "mse", *,
        optimiser: str | Optimiser | LBFGS | None = "adam", rate: float | str | Schedule | Plateau | None = None,
        schedule: str | None = None, batch: int | str | None = "auto", epochs: int = 200,
        tolerance: float | None = None, validation_fraction: float | None = None, patience: int | None = None,
        l1: float = 0.0, l2: float = 0.0, initial: Scheme | None = "mlp", dtype: str = "float32",
        engine: str = "auto", random_state: Any = None, warm_start: bool = False, verbose: bool = False,
        on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        self._store(locals())

    def _model(self, X: Array, outputs: int, weighted: bool) -> Built:
        return self._network(X, outputs, self.output, weighted)


class NetworkClassifier(_Layers, Classifier):
    """A network of layers that predicts classes.

    Features should be of order 1: use a ``StandardScaler`` in a pipeline. The output is a sigmoid for two classes, a
    softmax for more; targets in rows of 0 and 1 are several labels per sample, with a sigmoid each.

    Args:
        hidden, activation: as for :class:`NetworkRegressor`.
        output: ``"auto"``; ``"sigmoid"`` for one-vs-rest with more than two classes; or another activation that gives
            the probability of the second of two classes, or of each class.
        loss: ``"cross_entropy"``, any other named cost, a formula in ``prediction`` and ``target``, or a function of
            the two. The target is the class number for two classes or with a softmax, else a row of 0 and 1.
        class_weight: the weight of each class by its label, or ``"balanced"``; multiplied by the sample weights.
        optimiser, rate, schedule, batch, epochs, tolerance: as for :class:`NetworkRegressor`.
        validation_fraction, patience, l1, l2, initial, dtype: likewise.
        engine, random_state, warm_start, verbose, on_epoch: likewise.

    Attributes:
        classes_: the labels, sorted.
        params_, coefs_, intercepts_, model_, n_iter_, loss_: as for :class:`NetworkRegressor`.
        loss_curve_, validation_loss_curve_: likewise.
        n_features_in_, feature_names_in_, n_outputs_: likewise.

    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["same", "other", "other", "same"]
    >>> network = NetworkClassifier((8,), "tanh", rate=0.1, random_state=1).fit(X, y)
    >>> network.predict(X).tolist()
    ['same', 'other', 'other', 'same']

    Source: rows D3 and D4 of the notes; Bishop 2006, section 4.3.
    """

    @takes_aliases
    def __init__(
        self, hidden: int | Sequence[int] = (100,), activation: Activation | Sequence[Activation] = "relu",
        output: Activation = "auto", loss: str | Cost = "cross_entropy", *,
        class_weight: str | Mapping[Any, float] | None = None,
        optimiser: str | Optimiser | LBFGS | None = "adam", rate: float | str | Schedule | Plateau | None = None,
        schedule: str | None = None, batch: int | str | None = "auto", epochs: int = 200,
        tolerance: float | None = None, validation_fraction: float | None = None, patience: int | None = None,
        l1: float = 0.0, l2: float = 0.0, initial: Scheme | None = "mlp", dtype: str = "float32",
        engine: str = "auto", random_state: Any = None, warm_start: bool = False, verbose: bool = False,
        on_epoch: OnEpoch | None = None,
    ) -> None:  # fmt: skip
        self._store(locals())

    def _model(self, X: Array, classes: Classes, weighted: bool) -> Built:
        several, k, output = classes.several, len(classes.labels), self.output
        if output == "auto":
            output = "sigmoid" if several or k == 2 else "softmax"
        single = k == 2 and not several and output != "softmax"
        return self._network(X, 1 if single else k, output, weighted)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = tags.target_tags.multi_output = self.output != "softmax"
        return tags
