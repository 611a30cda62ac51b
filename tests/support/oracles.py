"""What each operation is, said a second time by mpmath and JAX: the truth that the table is tested against.

Nothing here is taken from the library but the names of its operations. A per-element operation is a function
of mpmath numbers, whose derivatives mpmath finds by itself. An operation that mixes elements is a function of
arrays of mpmath numbers (its value) and one of JAX arrays (its derivatives), with the shapes to try it on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np

mp.mp.dps = 40
jax.config.update("jax_enable_x64", True)


SCALE, ALPHA = mp.mpf("1.0507009873554804934193349852946"), mp.mpf("1.6732632423543772848170429916717")
"""λ and α of selu: Klambauer et al. 2017, section 2, with the digits of PyTorch."""


def _truth(condition: bool) -> mp.mpf:
    return mp.mpf(1 if condition else 0)


ELEMENTWISE: dict[str, Callable[..., mp.mpf]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negate": lambda x: -x,
    "power": mp.power,
    "exp": mp.exp,
    "log": mp.log,
    "log1p": mp.log1p,
    "expm1": mp.expm1,
    "sqrt": mp.sqrt,
    "hypot": lambda x, y: mp.sqrt(x * x + y * y),
    "logaddexp": lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
    "sin": mp.sin,
    "cos": mp.cos,
    "arctan": mp.atan,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "sech": mp.sech,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "exp2": lambda x: mp.power(2, x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "round": mp.nint,
    "fmod": lambda x, y: x - y * (mp.floor(x / y) if x * y >= 0 else mp.ceil(x / y)),
    "mod": lambda x, y: x - y * mp.floor(x / y),
    "clip": lambda x, low, high: high if x > high or low > high else low if x < low else x,
    "gauss": lambda x: mp.exp(-x * x),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "normal_pdf": lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi),
    "normal_cdf": lambda x: mp.erfc(-x / mp.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "selu": lambda x: SCALE * (x if x > 0 else ALPHA * mp.expm1(x)),
    "hard_sigmoid": lambda x: min(max(x / 6 + mp.mpf(1) / 2, mp.mpf(0)), mp.mpf(1)),
    "hard_tanh": lambda x: min(max(x, mp.mpf(-1)), mp.mpf(1)),
    "hard_swish": lambda x: x * min(max(x / 6 + mp.mpf(1) / 2, mp.mpf(0)), mp.mpf(1)),
    "tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "relu": lambda x: x if x > 0 else mp.mpf(0),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "step": lambda x: _truth(x >= 0),
    "abs": lambda x: x if x >= 0 else -x,
    "sign": lambda x: _truth(x > 0) - _truth(x < 0),
    "maximum": lambda x, y: x if x >= y else y,
    "minimum": lambda x, y: x if x <= y else y,
    "where": lambda c, x, y: x if c != 0 else y,
    "less": lambda x, y: _truth(x < y),
    "less_equal": lambda x, y: _truth(x <= y),
    "greater": lambda x, y: _truth(x > y),
    "greater_equal": lambda x, y: _truth(x >= y),
    "equal": lambda x, y: _truth(x == y),
    "not_equal": lambda x, y: _truth(x != y),
    "stop_gradient": lambda x: x,
}

HELD = {"stop_gradient": 0, "where": 0}
"""The argument by which an operation's derivative is 0 by decree, whatever the value does."""


def points(name: str, domain: tuple[tuple[float, float], ...], n: int = 60) -> tuple[np.ndarray, ...]:
    """``n`` points of the domain for each argument: most near 1, some of every size from 1e-6 to 30."""
    rng = np.random.default_rng([*name.encode()])
    found = []
    for low, high in domain:
        if high < np.inf:  # from −1 to 1, near the ends, too
            inside = rng.choice([-1, 1], n) * np.where(
                rng.random(n) < 0.7, rng.random(n), 1 - 10 ** rng.uniform(-6, -1, n)
            )
            found.append(inside)
            continue
        size = np.where(rng.random(n) < 0.6, rng.lognormal(0, 0.7, n), 10 ** rng.uniform(-6, 1.5, n))
        found.append(size * rng.choice([-1, 1], n) if low == -np.inf else low + size)
    if name == "logaddexp":  # where the result is near 0, it is a difference of its arguments
        found = [np.abs(x) for x in found]
    if name in ("sinh", "cosh", "tan", "gelu", "silu", "mish"):  # where small x is, and the second derivative is no 0
        found[0] = np.clip(found[0], -12, 20)
    if name in ("floor", "ceil", "round"):
        found[0][::2] *= 10
    if name == "clip":  # limits that are not crossed, but for some
        found[1], found[2] = found[1] - 1, found[1] + np.abs(found[2])
        found[2][::9] -= 3
    if name == "power":  # keeps results within float32's range
        found[1] = np.clip(found[1], -5, 5)
    if name in (
        "log1p",
        "expm1",
        "sin",
        "arctan",
        "tanh",
        "tan",
        "arcsin",
        "sinh",
        "arcsinh",
        "arctanh",
        "erf",
    ):  # where small x is what they are for
        found[0][::7] = rng.choice([-1, 1], len(found[0][::7])) * 10 ** rng.uniform(-25, -3, len(found[0][::7]))
    if name == "where":  # the condition fails as often as it holds
        found[0][::2] = 0
    return tuple(found)


def value(name: str, args: tuple[Any, ...]) -> np.ndarray:
    """The operation at every point, as mpmath numbers."""
    truth = ELEMENTWISE[name]
    return np.array([truth(*(mp.mpf(float(a)) for a in point)) for point in zip(*args, strict=True)])


def derivative(name: str, args: tuple[Any, ...], orders: tuple[int, ...]) -> np.ndarray:
    """A partial derivative of the given orders at every point, in double precision."""
    if name in HELD and orders[HELD[name]]:
        return np.zeros(len(args[0]))
    truth = ELEMENTWISE[name]
    found = []
    for point in zip(*args, strict=True):
        at = [mp.mpf(float(a)) for a in point]
        found.append(float(mp.diff(truth, tuple(at), orders)))
    return np.array(found)


@dataclass(frozen=True)
class Structural:
    """An operation that mixes elements.

    Attributes:
        exact: its value from arrays of mpmath numbers; of one sample, or of all for one over the samples.
        jax: the same from JAX arrays.
        cases: for each case, every argument's feature shape and whether it has one value a sample.
        attributes: what the node carries, a case each.
        over_samples: whether the functions take all samples at once.
        whole: whether it is tried on whole numbers.
    """

    exact: Callable[..., Any]
    jax: Callable[..., Any]
    cases: tuple[tuple[tuple[tuple[int, ...], bool], ...], ...]
    attributes: tuple[tuple[int, ...], ...] = ()
    over_samples: bool = False
    whole: bool = False


def _mixtures(*shapes: tuple[int, ...]) -> tuple[tuple[tuple[tuple[int, ...], bool], ...], ...]:
    """Every choice of per-sample and shared for arguments of these shapes."""
    choices: list[tuple[tuple[tuple[int, ...], bool], ...]] = [()]
    for shape in shapes:
        choices = [(*choice, (shape, many)) for choice in choices for many in (True, False)]
    return tuple(choices)


_exp = np.frompyfunc(mp.exp, 1, 1)


def _log_sum_exp(x: np.ndarray) -> Any:
    return mp.log(_exp(x).sum())


def _softmax(x: np.ndarray) -> np.ndarray:
    return _exp(x) / _exp(x).sum()


_EACH = _mixtures((3,)) + _mixtures((3, 2))

STRUCTURAL: dict[str, Structural] = {
    "matmul": Structural(
        np.matmul,
        jnp.matmul,
        _mixtures((3,), (3,)) + _mixtures((3,), (3, 2)) + _mixtures((4, 3), (3,)) + _mixtures((4, 3), (3, 2)),
    ),
    "transpose": Structural(np.transpose, jnp.transpose, _mixtures((3, 2))),
    "dot": Structural(np.dot, jnp.dot, _mixtures((3,), (3,))),
    "outer": Structural(np.outer, jnp.outer, _mixtures((3,), (2,))),
    "sum": Structural(np.sum, jnp.sum, _EACH),
    "expand": Structural(
        lambda x, shape: np.full(shape, x),
        lambda x, shape: jnp.broadcast_to(x, shape),
        _mixtures(()) + _mixtures(()),
        ((3,), (3,), (3, 2), (3, 2)),
    ),
    "one_hot": Structural(
        lambda x, k: np.array([_truth(x == j) for j in range(*k)]),
        lambda x, k: jnp.where(x == jnp.arange(*k), 1.0, 0.0) + 0 * x,
        _mixtures(()),
        ((4,), (4,)),
        whole=True,
    ),
    "largest": Structural(np.max, jnp.max, _EACH),
    "softmax": Structural(_softmax, jax.nn.softmax, _mixtures((3,))),
    "log_softmax": Structural(lambda x: x - _log_sum_exp(x), jax.nn.log_softmax, _mixtures((3,))),
    "norm": Structural(lambda x: mp.sqrt((x * x).sum()), lambda x: jnp.sqrt(jnp.sum(x * x)), _EACH),
    "logsumexp": Structural(_log_sum_exp, jax.nn.logsumexp, _EACH),
    "mean": Structural(
        lambda x: x.sum(axis=0) / len(x),
        lambda x: jnp.mean(x, axis=0),
        ((((), True),), (((3,), True),), (((3, 2), True),)),
        over_samples=True,
    ),
    "total": Structural(
        lambda x: x.sum(axis=0),
        lambda x: jnp.sum(x, axis=0),
        ((((), True),), (((3,), True),), (((3, 2), True),)),
        over_samples=True,
    ),
    "total_outer": Structural(
        lambda x, y: x.T @ y,
        lambda x, y: jnp.einsum("na,nb->ab", x, y),
        ((((3,), True), ((2,), True)),),
        over_samples=True,
    ),
}

WITHOUT_ARGUMENTS: dict[str, Callable[[int], float]] = {"count": float}
"""Operations of nothing but the number of samples."""
