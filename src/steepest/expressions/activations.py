"""More activations of neurons, as entries of the table of operations."""

from __future__ import annotations

from math import inf

from steepest.expressions.elementary import sech
from steepest.expressions.error_functions import distribution, normal_cdf, normal_pdf
from steepest.expressions.expression import Expression
from steepest.expressions.operations import (
    absolute,
    exp,
    expm1,
    maximum,
    minimum,
    operation,
    sigmoid,
    softplus,
    tanh,
    where,
)

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772
"""λ and α of selu, by which activations keep the mean 0 and the variance 1."""


def _times(x: Expression, factor: Expression) -> Expression:
    """Return x·factor for a factor that is 0 at −∞, faster than x is −∞."""
    return where(x > -inf, x, 0) * factor


silu = operation(
    "silu", 1, "x · sigmoid(x)", aliases=("swish",), activation=True,
    partials=(lambda x, r: sigmoid(x) * (1 + x * sigmoid(-x)),), expansion=lambda x: _times(x, sigmoid(x)),
    edges="0 at −∞", source="Elfwing, Uchibe and Doya 2018, eq. 7",
)  # fmt: skip
gelu = operation(
    "gelu", 1, "x · Φ(x), Φ the normal distribution function", activation=True,
    partials=(lambda x, r: normal_cdf(x) + x * normal_pdf(x),), expansion=lambda x: _times(x, distribution(x)),
    edges="0 at −∞", source="Hendrycks and Gimpel 2016, eq. 1",
)  # fmt: skip
mish = operation(
    "mish", 1, "x · tanh(softplus(x))", activation=True,
    partials=(lambda x, r: tanh(softplus(x)) + x * sigmoid(x) * sech(softplus(x)) ** 2,),
    expansion=lambda x: _times(x, tanh(softplus(x))), edges="0 at −∞", source="Misra 2020, eq. 1",
)  # fmt: skip
elu = operation(
    "elu", 1, "x if x > 0, else exp(x) − 1", activation=True,
    partials=(lambda x, r: where(x > 0, 1, exp(x)),), expansion=lambda x: where(x > 0, x, expm1(x)),
    edges="−1 at −∞", source="Clevert, Unterthiner and Hochreiter 2016, eq. 15",
)  # fmt: skip
selu = operation(
    "selu", 1, "1.0507·x if x > 0, else 1.7581·(exp(x) − 1)", activation=True,
    partials=(lambda x, r: where(x > 0, SCALE, SCALE * ALPHA * exp(x)),), kinks=(lambda x: x,),
    expansion=lambda x: where(x > 0, SCALE * x, SCALE * ALPHA * expm1(x)),
    edges="slope 1.7581 is taken at 0", source="Klambauer et al. 2017, eq. 2",
)  # fmt: skip


def _between(x: Expression) -> Expression:
    """Return x + 3, no less than 0 and no more than 6."""
    return minimum(maximum(x + 3, 0), 6)


hard_sigmoid = operation(
    "hard_sigmoid", 1, "x/6 + 1/2, no less than 0 and no more than 1", activation=True,
    partials=(lambda x, r: where(absolute(x) < 3, 1 / 6, 0),), kinks=(lambda x: x + 3, lambda x: x - 3),
    expansion=lambda x: _between(x) / 6, edges="slope 0 is taken at ±3", source="Howard et al. 2019, section 5.2",
)  # fmt: skip
hard_tanh = operation(
    "hard_tanh", 1, "x, no less than −1 and no more than 1", activation=True,
    partials=(lambda x, r: where(absolute(x) < 1, 1, 0),), kinks=(lambda x: x + 1, lambda x: x - 1),
    expansion=lambda x: minimum(maximum(x, -1), 1), edges="slope 0 is taken at ±1", source="Collobert 2004, eq. 2.6",
)  # fmt: skip
hard_swish = operation(
    "hard_swish", 1, "x · hard_sigmoid(x)", activation=True,
    partials=(lambda x, r: where(absolute(x) < 3, (2 * x + 3) / 6, where(x < 0, 0, 1)),),
    kinks=(lambda x: x + 3, lambda x: x - 3), expansion=lambda x: _times(x, _between(x) / 6),
    edges="the slopes 0 and 1 are taken at −3 and 3", source="Howard et al. 2019, section 5.2",
)  # fmt: skip
