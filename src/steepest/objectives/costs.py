"""Costs: the mean over the samples of a loss, which compares a prediction with a target.

Samples may have weights. For several outputs the squared, absolute and Huber errors are means over these too;
cross-entropies and the Poisson loss, which are logarithms of probabilities, are sums over them.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from steepest.errors import FormulaError, ModelError
from steepest.expressions import operations as op
from steepest.expressions.expression import DATA, PARAMETER, Expression, Shape, leaf, leaves, substitute, toposort
from steepest.language.formula import names_in, parse_formula
from steepest.messages.numbers import from_zero
from steepest.messages.registry import Registry
from steepest.messages.vocabulary import ours

if TYPE_CHECKING:
    from numpy.typing import NDArray

Cost = Callable[[Expression, Expression], Expression]
WEIGHT = "(weight)"  # the column of sample weights; no table has a column of this name


def _summed(term: Expression) -> Expression:
    return op.sum_(term) if term.shape else term


def over_samples(loss: Expression, weight: Expression | None = None) -> Expression:
    """Return the mean of a loss over the samples, 1/n Σ w_i l_i, after the mean over its features.

    Args:
        loss: one value, or one array, per sample; a scalar is returned unchanged.
        weight: one number per sample, 1 on average; all 1 if left out.

    Raises:
        ModelError: the loss is a scalar already, so that weights cannot enter.
    """
    if not loss.per_sample:
        if weight is not None:
            raise ModelError(
                "this cost computes its own mean over the samples, so weights cannot enter; give one that returns "
                "the loss of each sample, without mean or total"
            )
        return loss
    size = math.prod(loss.shape)
    each = _summed(loss) if size == 1 else _summed(loss) / size
    return op.mean(each if weight is None else weight * each)


def mse(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
    """Return the mean squared error: 1/n Σ (a − y)².

    >>> from steepest.expressions.expression import data, params
    >>> print(mse(data("x") * params("w"), data("y")))
    mean((x*w - y)^2)

    Source: Legendre 1805; rows A2 and A3 of the notes.
    """
    return over_samples((prediction - target) ** 2, weight)


def mae(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
    """Return the mean absolute error: 1/n Σ |a − y|.

    Source: Boscovich 1757; definition.
    """
    return over_samples(abs(prediction - target), weight)


def huber(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
    """Return the mean Huber loss with δ = 1: e²/2 where |e| ≤ 1, else |e| − 1/2, for e = a − y.

    Source: Huber 1964, Robust estimation of a location parameter.
    """
    error = prediction - target
    return over_samples(op.where(abs(error) <= 1, error**2 / 2, abs(error) - 0.5), weight)


def cross_entropy(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
    """Return the cross-entropy of targets and predicted probabilities.

    Two classes: 1/n Σ −(y ln a + (1 − y) ln(1 − a)), y and a between 0 and 1. With ``softmax`` as the
    prediction and a target of shape (), which holds class numbers from 0: 1/n Σ −ln a_y, the logarithm of the
    probability of the right class; with a target of probabilities: 1/n Σ −Σ_k y_k ln a_k.

    >>> from steepest.expressions.expression import data, params
    >>> print(cross_entropy(op.sigmoid(data("x") * params("w")), data("y")))
    mean(-(y*log(sigmoid(x*w)) + (1 - y)*log(1 - sigmoid(x*w))))
    >>> print(cross_entropy(op.softmax(data("x", shape=3)), data("y")))
    mean(-log(dot(one_hot(y, 3), softmax(x))))

    Source: Bridle 1990; Bishop 2006, eqs 4.90 and 4.108.
    """
    if prediction.operation is op.softmax and not target.shape:
        loss = -op.log(op.dot(op.one_hot(target, attributes=prediction.shape), prediction))
    elif prediction.operation is op.softmax:
        loss = -op.sum_(target * op.log(prediction))
    else:
        loss = -(target * op.log(prediction) + (1 - target) * op.log(1 - prediction))
    return over_samples(_summed(loss), weight)


def poisson(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
    """Return the Poisson loss of counts y whose mean is the prediction: 1/n Σ (a − y ln a).

    It is −ln of the Poisson probability without the term ln y!, which no parameter changes. If the prediction is
    ``exp``, ln a is computed as its exponent, so that nothing underflows.

    >>> from steepest.expressions.expression import data, params
    >>> print(poisson(op.exp(data("x") * params("w")), data("y")))
    mean(exp(x*w) - y*log(exp(x*w)))

    Source: McCullagh and Nelder 1989, section 6.2.
    """
    return over_samples(_summed(prediction - target * op.log(prediction)), weight)


def check_targets(prediction: Expression, target: NDArray[Any], name: str, cost: str = "cross_entropy") -> None:
    """Raise if the cost is not defined for these targets.

    Args:
        prediction: the prediction.
        target: ``(n,)`` or ``(n, k)``.
        name: the name of the target.
        cost: the name of the cost; see :data:`RANGES`. Class numbers of a softmax are checked for any cost.

    Raises:
        ModelError: a class number, probability or count is out of range; the message names the row.
    """
    import numpy as np

    classes = prediction.shape[0] if prediction.operation is op.softmax and target.ndim == 1 else 0
    if classes:
        wrong = (target != np.floor(target)) | (target < 0) | (target >= classes)
        wanted = f"class numbers 0 to {classes - 1}"
    elif cost not in RANGES:
        return
    else:
        low, high, wanted = RANGES[cost]
        wrong = (target < low) | (target > high)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise ModelError(
            f"the target {name} is {target[place]:g} in data row {place[0] + 1}, but {cost} takes {wanted}; "
            "change the column or the cost"
        )


COSTS: Registry[Callable[..., Expression]] = Registry("cost", ModelError, "or a formula as (prediction - target)^4")
"""Every named cost: a function of the prediction, the target and optionally the weight of each sample."""
COSTS.add("mse", mse, "mean squared error, for quantities")
COSTS.add("cross_entropy", cross_entropy, "for probabilities and classes, after a sigmoid or softmax")
COSTS.add("mae", mae, "mean absolute error, less sensitive to outliers")
COSTS.add("huber", huber, "squared near 0 and absolute beyond 1")
COSTS.add("poisson", poisson, "for counts, after exp")

RANGES = {"cross_entropy": (0.0, 1.0, "targets between 0 and 1"), "poisson": (0.0, math.inf, "targets from 0")}
"""The targets for which a cost is defined, unless all are: lowest, highest, and in words."""

_NAMES = ("prediction", "target")


def is_cost_name(text: str) -> bool:
    """Return whether a text is the name of a cost, known or not, and not a formula."""
    return not text.strip() or text.strip().isidentifier() or ours("cost", text) is not None


def cost_named(name: str) -> Callable[..., Expression]:
    """Return a cost by its name, or the mean of a formula in ``prediction`` and ``target``.

    Args:
        name: a name of :data:`COSTS`, or a text such as ``"(prediction - target)^4"``.

    Returns:
        A function of the prediction, the target and optionally the weight of each sample.

    Raises:
        ModelError: no cost of this name exists.
        FormulaError: the text is not a formula in these two names.

    >>> from steepest.expressions.expression import data
    >>> print(cost_named("(prediction - target)^4")(data("a"), data("y")))
    mean((a - y)^4)
    """
    if is_cost_name(name):
        return COSTS.find(name)
    _check_loss(name)
    for wanted in _NAMES:
        if wanted not in names_in(name):
            raise ModelError(f"the cost {name} lacks {wanted!r}; write a formula with both prediction and target")

    def cost(prediction: Expression, target: Expression, weight: Expression | None = None) -> Expression:
        given = zip(_NAMES, (prediction, target), strict=True)
        stand_ins = {leaf(DATA, word, node.shape): node for word, node in given}
        loss = _read_loss(name, {stand_in.name: stand_in.shape for stand_in in stand_ins})
        return over_samples(substitute(loss, stand_ins), weight)

    return cost


def _check_loss(text: str) -> None:
    """Raise unless a text is a loss of scalars, or of vectors, as several outputs need."""
    try:
        _read_loss(text, dict.fromkeys(_NAMES, ()))
    except FormulaError as error:
        with contextlib.suppress(FormulaError):
            _read_loss(text, dict.fromkeys(_NAMES, (2,)))
            return
        raise error from None


def _read_loss(text: str, shapes: dict[str, Shape]) -> Expression:
    formula = parse_formula(text, shapes, ())
    if formula.target is not None:
        raise ModelError(f"the cost {text} has a '~', as models do; a cost is a formula in prediction and target")
    if formula.expression.parameters:
        raise ModelError(f"the cost {text} contains dense, which has parameters; a layer belongs in the prediction")
    return formula.expression


def biases(root: Expression) -> tuple[str, ...]:
    """Return the parameters that are only added or subtracted, as b in x·w + b.

    >>> from steepest.expressions.expression import data, params
    >>> biases(op.sigmoid(data("x") * params("w") + params("b")))
    ('b',)
    """
    joined = (op.add, op.subtract)
    used = {arg for node in toposort([root]) if node.operation not in joined for arg in node.args}
    return tuple(node.name for node in leaves([root]) if node.operation is PARAMETER and node not in used)


def penalty(prediction: Expression, l1: float = 0.0, l2: float = 0.0) -> Expression | None:
    """Return l1·Σ|w| + l2/2·Σw² over the weights, i.e. all parameters except biases; None if there is no term.

    >>> from steepest.expressions.expression import data, params
    >>> print(penalty(data("x") * params("w") + params("b"), l2=0.1))
    0.05*w^2

    Source: Hoerl and Kennard 1970 (l2); Tibshirani 1996 (l1).
    """
    free = biases(prediction)
    weights = [node for node in leaves([prediction]) if node.operation is PARAMETER and node.name not in free]
    sizes = [(l1, [abs(w) for w in weights]), (l2 / 2, [w**2 for w in weights])]
    parts = [factor * reduce(operator.add, map(_summed, each)) for factor, each in sizes if factor and each]
    return reduce(operator.add, parts) if parts else None


@dataclass(frozen=True)
class Objective:
    """The objective of a model: a cost, over weighted samples, and penalties on the weights.

    Attributes:
        cost: a name, a formula in ``prediction`` and ``target``, or a function of the two. With a softmax and class
            numbers its target is the one-hot row of the class.
        weighted: whether samples have weights, in the column :data:`WEIGHT`.
        l1, l2: the factors of :func:`penalty`.
    """

    cost: str | Cost
    weighted: bool = False
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.cost, str) and is_cost_name(self.cost):
            object.__setattr__(self, "cost", COSTS.name_of(self.cost))
        elif isinstance(self.cost, str):
            cost_named(self.cost)
        elif not callable(self.cost):
            raise ModelError(f"a cost is a name, a formula or a function of prediction and target, not {self.cost!r}")
        for name, factor in (("l1", self.l1), ("l2", self.l2)):
            from_zero(name, factor, ModelError)

    @property
    def name(self) -> str:
        """The name or formula of the cost, or the name of its function."""
        return self.cost if isinstance(self.cost, str) else getattr(self.cost, "__name__", "a function")

    def of(self, prediction: Expression, target: Expression) -> Expression:
        """Return the objective of a prediction and a target, a scalar."""
        weight = leaf(DATA, WEIGHT) if self.weighted else None
        classes = prediction.operation is op.softmax and not target.shape
        if classes and self.cost not in ("cross_entropy", cross_entropy):
            # Probabilities are compared with the one-hot row of the class, not with its number.
            target = op.one_hot(target, attributes=prediction.shape)
        if isinstance(self.cost, str):
            value = cost_named(self.cost)(prediction, target, weight)
        else:
            value = self.cost(prediction, target)
            if not isinstance(value, Expression):
                raise ModelError(f"the cost {self.name} returned {type(value).__name__}, not an expression")
            value = over_samples(value, weight)
        extra = penalty(prediction, float(self.l1), float(self.l2))
        return value if extra is None else value + extra
