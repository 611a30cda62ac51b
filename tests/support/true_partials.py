"""The value and the partial derivatives of every operation by mpmath, in formulas that are written here a second time.

An elementwise operation is a function of numbers, and so is each of its partial derivatives. Of an operation that
mixes features, the functions take arrays of mpmath numbers for one sample. They are written so that 50 digits are
enough for any arguments. Where two slopes meet, the one is taken that the table of operations states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

Number = Any
Function = Callable[..., Number]

SCALE, ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
ZERO, ONE = mp.mpf(0), mp.mpf(1)


def _zero(*_: Number) -> Number:
    return ZERO


def _one(*_: Number) -> Number:
    return ONE


def _truth(condition: bool) -> Number:
    return ONE if condition else ZERO


def logistic(x: Number) -> Number:
    """1/(1 + exp(−x))."""
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def _softplus(x: Number) -> Number:
    return max(x, ZERO) + mp.log1p(mp.exp(-abs(x)))


def _hypot(x: Number, y: Number) -> Number:
    return mp.sqrt(x * x + y * y)


def _arcsinh(x: Number) -> Number:
    return mp.sign(x) * mp.log1p(abs(x) + x * x / (1 + mp.sqrt(1 + x * x)))


def _cbrt(x: Number) -> Number:
    return mp.sign(x) * mp.cbrt(abs(x))


def _fmod(x: Number, y: Number) -> Number:
    return mp.sign(x) * mp.fmod(abs(x), abs(y))


def _erfc(x: Number) -> Number:
    return mp.erfc(x) if abs(x) < 1000 else 2 * _truth(x < 0)


def normal(x: Number) -> Number:
    """The distribution function of the standard normal distribution."""
    return _erfc(-x / mp.sqrt(2)) / 2


def _density(x: Number) -> Number:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


@dataclass(frozen=True)
class Elementwise:
    """The value of an operation and its partial derivative by each argument."""

    value: Function
    partials: tuple[Function, ...]


def _compare(function: Callable[[Number, Number], bool]) -> Elementwise:
    return Elementwise(lambda x, y: _truth(function(x, y)), (_zero, _zero))


ELEMENTWISE: dict[str, Elementwise] = {
    "add": Elementwise(lambda x, y: x + y, (_one, _one)),
    "subtract": Elementwise(lambda x, y: x - y, (_one, lambda x, y: -ONE)),
    "multiply": Elementwise(lambda x, y: x * y, (lambda x, y: y, lambda x, y: x)),
    "divide": Elementwise(lambda x, y: x / y, (lambda x, y: 1 / y, lambda x, y: -x / (y * y))),
    "negate": Elementwise(lambda x: -x, (lambda x: -ONE,)),
    "power": Elementwise(
        mp.power, (lambda x, y: y * mp.power(x, y) / x, lambda x, y: mp.power(x, y) * mp.log(x) if x > 0 else mp.nan)
    ),
    "exp": Elementwise(mp.exp, (mp.exp,)),
    "log": Elementwise(mp.log, (lambda x: 1 / x,)),
    "log1p": Elementwise(mp.log1p, (lambda x: 1 / (1 + x),)),
    "expm1": Elementwise(mp.expm1, (mp.exp,)),
    "sqrt": Elementwise(mp.sqrt, (lambda x: 1 / (2 * mp.sqrt(x)),)),
    "hypot": Elementwise(_hypot, (lambda x, y: x / _hypot(x, y), lambda x, y: y / _hypot(x, y))),
    "logaddexp": Elementwise(
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        (lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)),
    ),
    "sin": Elementwise(mp.sin, (mp.cos,)),
    "cos": Elementwise(mp.cos, (lambda x: -mp.sin(x),)),
    "arctan": Elementwise(mp.atan, (lambda x: 1 / (1 + x * x),)),
    "tan": Elementwise(mp.tan, (lambda x: 1 / mp.cos(x) ** 2,)),
    "arcsin": Elementwise(mp.asin, (lambda x: 1 / mp.sqrt((1 - x) * (1 + x)),)),
    "arccos": Elementwise(mp.acos, (lambda x: -1 / mp.sqrt((1 - x) * (1 + x)),)),
    "arctan2": Elementwise(
        mp.atan2,
        (lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)),
    ),
    "sinh": Elementwise(mp.sinh, (mp.cosh,)),
    "cosh": Elementwise(mp.cosh, (mp.sinh,)),
    "sech": Elementwise(mp.sech, (lambda x: -mp.sech(x) * mp.tanh(x),)),
    "arcsinh": Elementwise(_arcsinh, (lambda x: 1 / mp.sqrt(1 + x * x),)),
    "arccosh": Elementwise(
        lambda x: mp.log1p(x - 1 + mp.sqrt((x - 1) * (x + 1))), (lambda x: 1 / mp.sqrt((x - 1) * (x + 1)),)
    ),
    "arctanh": Elementwise(mp.atanh, (lambda x: 1 / ((1 - x) * (1 + x)),)),
    "log2": Elementwise(lambda x: mp.log(x) / mp.ln2, (lambda x: 1 / (x * mp.ln2),)),
    "log10": Elementwise(lambda x: mp.log(x) / mp.ln10, (lambda x: 1 / (x * mp.ln10),)),
    "exp2": Elementwise(lambda x: mp.power(2, x), (lambda x: mp.power(2, x) * mp.ln2,)),
    "cbrt": Elementwise(_cbrt, (lambda x: 1 / (3 * _cbrt(x) ** 2) if x else mp.inf,)),
    "floor": Elementwise(mp.floor, (_zero,)),
    "ceil": Elementwise(mp.ceil, (_zero,)),
    "round": Elementwise(mp.nint, (_zero,)),
    "fmod": Elementwise(_fmod, (_one, lambda x, y: (_fmod(x, y) - x) / y)),
    "mod": Elementwise(lambda x, y: mp.fmod(x, y), (_one, lambda x, y: -mp.floor(x / y))),
    "clip": Elementwise(
        lambda x, low, high: min(max(x, low), high),
        (
            lambda x, low, high: _truth(low <= x <= high),
            lambda x, low, high: _truth(x < low <= high),
            lambda x, low, high: _truth(max(x, low) > high),
        ),
    ),
    "gauss": Elementwise(lambda x: mp.exp(-x * x), (lambda x: -2 * x * mp.exp(-x * x),)),
    "erf": Elementwise(mp.erf, (lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),)),
    "erfc": Elementwise(_erfc, (lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x),)),
    "normal_pdf": Elementwise(_density, (lambda x: -x * _density(x),)),
    "normal_cdf": Elementwise(normal, (_density,)),
    "silu": Elementwise(lambda x: x * logistic(x), (lambda x: logistic(x) * (1 + x * logistic(-x)),)),
    "gelu": Elementwise(lambda x: x * normal(x), (lambda x: normal(x) + x * _density(x),)),
    "mish": Elementwise(
        lambda x: x * mp.tanh(_softplus(x)),
        (lambda x: mp.tanh(_softplus(x)) + x * logistic(x) * mp.sech(_softplus(x)) ** 2,),
    ),
    "elu": Elementwise(lambda x: x if x > 0 else mp.expm1(x), (lambda x: ONE if x > 0 else mp.exp(x),)),
    "selu": Elementwise(
        lambda x: SCALE * (x if x > 0 else ALPHA * mp.expm1(x)),
        (lambda x: SCALE * (ONE if x > 0 else ALPHA * mp.exp(x)),),
    ),
    "hard_sigmoid": Elementwise(lambda x: min(max(x + 3, ZERO), mp.mpf(6)) / 6, (lambda x: _truth(abs(x) < 3) / 6,)),
    "hard_tanh": Elementwise(lambda x: min(max(x, -ONE), ONE), (lambda x: _truth(abs(x) < 1),)),
    "hard_swish": Elementwise(
        lambda x: x * min(max(x + 3, ZERO), mp.mpf(6)) / 6,
        (lambda x: (2 * x + 3) / 6 if abs(x) < 3 else _truth(x > 0),),
    ),
    "tanh": Elementwise(mp.tanh, (lambda x: 4 * logistic(2 * x) * logistic(-2 * x),)),
    "sigmoid": Elementwise(logistic, (lambda x: logistic(x) * logistic(-x),)),
    "softplus": Elementwise(_softplus, (logistic,)),
    "relu": Elementwise(lambda x: max(x, ZERO), (lambda x: _truth(x > 0),)),
    "leaky_relu": Elementwise(lambda x: x if x > 0 else x / 100, (lambda x: ONE if x > 0 else ONE / 100,)),
    "step": Elementwise(lambda x: _truth(x >= 0), (_zero,)),
    "abs": Elementwise(abs, (lambda x: mp.sign(x),)),
    "sign": Elementwise(mp.sign, (_zero,)),
    "maximum": Elementwise(max, (lambda x, y: _truth(x >= y), lambda x, y: _truth(x < y))),
    "minimum": Elementwise(min, (lambda x, y: _truth(x <= y), lambda x, y: _truth(x > y))),
    "where": Elementwise(
        lambda c, x, y: x if c else y, (_zero, lambda c, x, y: _truth(c != 0), lambda c, x, y: _truth(c == 0))
    ),
    "less": _compare(lambda x, y: x < y),
    "less_equal": _compare(lambda x, y: x <= y),
    "greater": _compare(lambda x, y: x > y),
    "greater_equal": _compare(lambda x, y: x >= y),
    "equal": _compare(lambda x, y: x == y),
    "not_equal": _compare(lambda x, y: x != y),
    "stop_gradient": Elementwise(lambda x: x, (_zero,)),
}
ELEMENTWISE["power of large exponents"] = ELEMENTWISE["power"]


FACTORS: dict[str, tuple[Function, ...]] = {
    "power ∂x0": (mp.power, lambda x, y: mp.power(x, y) / x),
    "power ∂x1": (mp.power,),
    "silu value": (logistic,),
    "silu ∂x0": (logistic,),
    "mish value": (logistic,),
    "mish ∂x0": (logistic,),
    "gelu value": (normal,),
    "gelu ∂x0": (normal,),
    "hypot ∂x0": (_hypot,),
    "hypot ∂x1": (_hypot,),
}
"""Numbers by which a result is multiplied or divided: it is judged where they are normal numbers."""


# -- operations that mix features, of one sample -----------------------------------------------------------------


_exp = np.frompyfunc(mp.exp, 1, 1)


def shares(x: np.ndarray) -> np.ndarray:
    """exp(x) over its sum."""
    powers = _exp(x - x.max())
    return powers / powers.sum()


def log_sum(x: np.ndarray) -> Number:
    """The logarithm of the sum of exponentials; the one of the largest, which is 1, is left to log1p."""
    flat = np.sort(x.ravel())
    return flat[-1] + mp.log1p(_exp(flat[:-1] - flat[-1]).sum())


def _slope_of_shares(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Σ_k v_k p_k (δ_ik − p_i) = p_i Σ_k p_k (v_i − v_k)."""
    p = shares(x)
    return np.array([p[i] * (p * (v[i] - v)).sum() for i in range(len(p))])


def _slope_of_log_shares(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Σ_k v_k (δ_ik − p_i) = v_i Σ_k p_k − p_i Σ_k v_k, without k = i in both."""
    p = shares(x)
    return np.array([v[i] * np.delete(p, i).sum() - p[i] * np.delete(v, i).sum() for i in range(len(p))])


def _at_largest(x: np.ndarray) -> np.ndarray:
    top = np.vectorize(_truth, otypes=[object])(x == x.max())
    return top / top.sum()


@dataclass(frozen=True)
class Mixing:
    """An operation that mixes features.

    Attributes:
        shapes: the arguments' shapes.
        value: a function of the arguments.
        partials: for each argument, the derivative of the sum of v times the value: a function of the arguments and v.
        attributes: those of the node.
    """

    shapes: tuple[tuple[int, ...], ...]
    value: Function
    partials: tuple[Function, ...]
    attributes: tuple[int, ...] = ()


def _log_softmax(x: np.ndarray) -> np.ndarray:
    """−log Σ_k exp(x_k − x_i), in which the term of k = i is 1."""
    others = [_exp(np.delete(x, i) - x[i]).sum() for i in range(len(x))]
    return np.array([-mp.log1p(other) for other in others])


MIXING: dict[str, Mixing] = {
    "sum": Mixing(((4,),), np.sum, (lambda x, v: np.full(x.shape, v),)),
    "sum of a matrix": Mixing(((3, 2),), np.sum, (lambda x, v: np.full(x.shape, v),)),
    "largest": Mixing(((4,),), np.max, (lambda x, v: v * _at_largest(x),)),
    "transpose": Mixing(((3, 2),), np.transpose, (lambda x, v: v.T,)),
    "dot": Mixing(((4,), (4,)), np.dot, (lambda x, y, v: v * y, lambda x, y, v: v * x)),
    "outer": Mixing(((3,), (2,)), np.outer, (lambda x, y, v: v @ y, lambda x, y, v: x @ v)),
    "matmul": Mixing(((3, 4), (4, 2)), np.matmul, (lambda x, y, v: v @ y.T, lambda x, y, v: x.T @ v)),
    "matmul of a vector": Mixing(((4,), (4, 2)), np.matmul, (lambda x, y, v: y @ v, lambda x, y, v: np.outer(x, v))),
    "expand": Mixing(((),), lambda x: np.full(3, x), (lambda x, v: v.sum(),), (3,)),
    "one_hot": Mixing(
        ((),), lambda x: np.array([_truth(x == k) for k in range(4)]), (lambda x, v: ZERO,), (4,)
    ),
    "norm": Mixing(((4,),), lambda x: mp.sqrt((x * x).sum()), (lambda x, v: v * x / mp.sqrt((x * x).sum()),)),
    "softmax": Mixing(((4,),), shares, (_slope_of_shares,)),
    "log_softmax": Mixing(((4,),), _log_softmax, (_slope_of_log_shares,)),
    "logsumexp": Mixing(((4,),), log_sum, (lambda x, v: v * shares(x),)),
    "logsumexp of a matrix": Mixing(((3, 2),), log_sum, (lambda x, v: v * shares(x),)),
}  # fmt: skip
"""By the operation's name and, after "of", what it is of."""

OVER_SAMPLES: dict[str, Mixing] = {
    "total": Mixing(((),), lambda x: x.sum(axis=0), (lambda x, v: np.full(x.shape, v),)),
    "mean": Mixing(((),), lambda x: x.sum(axis=0) / len(x), (lambda x, v: np.full(x.shape, v / len(x)),)),
    "total_outer": Mixing(((3,), (2,)), lambda x, y: x.T @ y, (lambda x, y, v: y @ v.T, lambda x, y, v: x @ v)),
}
"""The same for operations over the samples; the functions take all samples."""
