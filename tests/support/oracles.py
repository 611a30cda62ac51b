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
        assert high == np.inf
        size = np.where(rng.random(n) < 0.6, rng.lognormal(0, 0.7, n), 10 ** rng.uniform(-6, 1.5, n))
        found.append(size * rng.choice([-1, 1], n) if low == -np.inf else low + size)
    if name == "logaddexp":  # where the result is near 0, it is a difference of its arguments
        found = [np.abs(x) for x in found]
    if name == "power":  # keeps results within float32's range
        found[1] = np.clip(found[1], -5, 5)
    if name in ("log1p", "expm1", "sin", "arctan", "tanh"):  # where small x is what they are for
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
