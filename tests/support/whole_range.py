"""Trials of every operation over the whole range of a precision: arguments, and the true value and partials there.

Arguments have every exponent from that of the smallest normal number to that of the largest one, or a choice of them;
others are where exponentials saturate, near the points at which a function vanishes or is undefined, and near each
other. Results that are below the smallest normal number or overflow are left out. The true numbers are two doubles,
whose sum has more digits than a computed number needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
from numpy.typing import NDArray

from steepest.calculus.gradient import gradient
from steepest.expressions import operations as op
from steepest.expressions.expression import OPERATIONS, Expression, constant, data
from true_partials import ELEMENTWISE, FACTORS, MIXING, ONE, OVER_SAMPLES, Mixing, logistic, normal

Array = NDArray[Any]

BARS = {"float64": 1e-14, "float32": 4e-7}
"""The largest relative error of a value or a partial derivative."""

DTYPES = tuple(BARS)
DIGITS = 50
SATURATED = {"float64": 740.0, "float32": 102.0}
UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}


@dataclass(frozen=True)
class Trial:
    """The value of an operation, or one of its partial derivatives, at many arguments.

    Attributes:
        operation: what it is of, by the name in :mod:`true_partials`.
        what: ``"value"``, or ``"∂x0"`` and so on.
        root: the expression to evaluate.
        columns: the arguments, by name, of the precision; one row for each sample.
        high, low: the true numbers as two doubles; NaN for results that are left out.
        slack: the relative error of a difference of rounded numbers next to its zero; 0 almost everywhere.
    """

    operation: str
    what: str
    root: Expression
    columns: Mapping[str, Array]
    high: Array
    low: Array
    slack: Array | float

    @property
    def name(self) -> str:
        """The operation and what of it."""
        return f"{self.operation} {self.what}"

    def errors(self, found: Any) -> Array:
        """Return the relative errors of computed numbers; ∞ for NaN, and where 0 is not met."""
        found = np.broadcast_to(np.asarray(found, float), self.high.shape)
        with np.errstate(all="ignore"):
            relative = np.abs((found - self.high) - self.low) / np.abs(self.high)
        relative = np.where(self.high == 0, np.where(found == 0, 0.0, np.inf), relative)
        return np.where(np.isnan(self.high), 0.0, np.where(np.isnan(relative), np.inf, relative))

    def excess(self, found: Any, bar: float) -> Array:
        """Return the errors over what is allowed: at most 1 where a result is as accurate as it should be."""
        assert np.all(np.isnan(self.high) | np.isfinite(self.slack)), self.name
        return np.where(np.isnan(self.high), 0.0, self.errors(found) / (bar + self.slack))

    def at(self, place: int) -> str:
        """Describe the arguments of the result with this number, and the true result."""
        row = np.unravel_index(place, self.high.shape)[0] if self.root.per_sample else slice(None)
        given = ", ".join(f"{name} = {column[row].tolist()!r}" for name, column in self.columns.items())
        return f"{self.name} at {given}, true {float(self.high.flat[place])!r}"


# -- arguments ---------------------------------------------------------------------------------------------------


def exponents(dtype: str, count: int, rng: np.random.Generator) -> Array:
    """Positive numbers of ``count`` exponents, from that of the smallest normal number to that of the largest."""
    info = np.finfo(dtype)
    chosen = np.unique(np.linspace(info.minexp, info.maxexp - 1, min(count, info.maxexp - info.minexp)).astype(int))
    found: Array = np.ldexp(rng.uniform(1, 1.99, chosen.size), chosen).astype(dtype)
    return found


def near(centre: float, dtype: str) -> Array:
    """Numbers at 2^-1, 2^-2, … from a number, to its neighbours, on both sides."""
    steps = 2.0 ** -np.arange(1, np.finfo(dtype).nmant + 2)
    found = (centre + np.concatenate([steps, -steps])).astype(dtype)
    return found[found != centre]


def near_turns(dtype: str, count: int, rng: np.random.Generator) -> Array:
    """The numbers next to multiples of π/2, where a sine or a cosine nearly vanishes."""
    k = np.concatenate([np.arange(1, 12), 2 ** np.arange(4, 20), rng.integers(12, 2**20, count // 4)])
    with mp.workdps(DIGITS):
        turns = np.array([float(int(each) * mp.pi / 2) for each in k]).astype(dtype)
    return np.concatenate([turns, -turns])


def unary(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of an operation of one."""
    sizes = exponents(dtype, count, rng)
    far = rng.uniform(30, SATURATED[dtype], count // 2)
    found = [sizes, -sizes, far, -far, rng.normal(0, 3, count), near(1, dtype), near(-1, dtype), [0.0]]
    if name in ("sin", "cos"):
        found.append(near_turns(dtype, count, rng))
    x = np.concatenate(found).astype(dtype)
    ((low, high),) = OPERATIONS[name].domain
    return (x[(x > low) & (x < high)],)


def quotients(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of a remainder: of any sizes, but with quotients of which a number has all digits."""
    divisors = exponents(dtype, count, rng)
    divisors = divisors[2:-12]
    dividends = divisors * rng.uniform(0, 1, divisors.size) * 2.0 ** rng.integers(0, 11, divisors.size)
    signs = rng.choice([-1, 1], (2, divisors.size))
    return (dividends * signs[0]).astype(dtype), (divisors * signs[1]).astype(dtype)


def limited(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of ``clip``: below, between and above limits, some of which are crossed."""
    sizes = exponents(dtype, count, rng) / 4
    low, high = -sizes, sizes[::-1].copy()
    low[::7], high[::7] = high[::7].copy(), low[::7].copy()
    return rng.choice([-1, 0.5, 1, 3], sizes.size).astype(dtype) * sizes, low, high


def binary(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of an operation of two: of any sizes, near each other, ordinary and saturated ones, and equal ones."""
    sizes = exponents(dtype, count, rng)
    signs = rng.choice([-1, 1], sizes.size)
    close = near(1, dtype)
    some = rng.choice(sizes[1:-1], close.size)
    far = rng.uniform(-SATURATED[dtype], SATURATED[dtype], (2, count))
    ordinary = rng.normal(0, 3, (2, count))
    pairs = [
        (sizes, rng.permutation(sizes) * signs), (sizes, sizes * rng.uniform(0.5, 1, sizes.size)), (some, some * close),
        far, ordinary, (ordinary[0], far[1]), (ordinary[0], -ordinary[0] * rng.uniform(0.9, 1.1, count)),
        (sizes[:20], sizes[:20]), (-sizes[:20], sizes[:20]),
    ]  # fmt: skip
    x, y = zip(*pairs, strict=True)
    return np.concatenate(x).astype(dtype), np.concatenate(y).astype(dtype)


def powers(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Bases and exponents: results of every size from any bases, from bases near 1, and whole exponents.

    Exponents so large that y − 1 is rounded, which only bases next to 1 can have, are apart from the others.
    """
    top, large = SATURATED[dtype] * 0.95, 2.0 ** (np.finfo(dtype).nmant + 1)
    base = exponents(dtype, count, rng).astype(float)
    close = np.tile(near(1, dtype).astype(float), 2 if name == "power" else 8)
    pairs = [(b, rng.uniform(-top, top, b.size) / np.log(b)) for b in (base, close)]
    pairs.append((base, rng.uniform(-1, 1, base.size)))
    ordinary = rng.uniform(0, 10, count)
    pairs += [(ordinary, rng.uniform(-5, 5, count)), (-ordinary, rng.integers(-20, 21, count))]
    x, y = (np.concatenate(parts).astype(dtype) for parts in zip(*pairs, strict=True))
    chosen = (np.abs(y) < large) == (name == "power")
    return x[chosen], y[chosen]


def ternary(name: str, dtype: str, count: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Arguments of ``where``; the condition fails for half of them."""
    sizes = exponents(dtype, count, rng)
    return np.where(np.arange(sizes.size) % 2, sizes, 0).astype(dtype), sizes, -sizes[::-1]


def rows(name: str, shape: tuple[int, ...], dtype: str, count: int, rng: np.random.Generator) -> Array:
    """Rows of features for an operation that mixes them."""
    if name.startswith(("softmax", "log_softmax", "logsumexp")):
        top = SATURATED[dtype]
        scales = np.concatenate([[3.0] * count, rng.uniform(10, top, count), exponents(dtype, count // 4, rng)])
        scales = scales[scales < np.finfo(dtype).max / 4]
        x = rng.uniform(-0.5, 0.5, (scales.size, *shape)) * scales.reshape(-1, *[1] * len(shape))
        at_zero = x[: 2 * count] - x[: 2 * count].max(axis=tuple(range(1, x.ndim)), keepdims=True)
        return np.concatenate([x, np.round(x[:count]), at_zero]).astype(dtype)
    if name == "one_hot":
        return rng.integers(-1, 5, count).astype(dtype)
    # Positive numbers of which any two can be multiplied, so that sums of products keep their relative accuracy.
    low, high = np.finfo(dtype).minexp // 2 + 1, np.finfo(dtype).maxexp // 2 - 4
    drawn = rng.integers(low, high, (2 * count, *shape))
    drawn[::2] = rng.integers(low, high, (count, *[1] * len(shape)))
    found: Array = np.ldexp(rng.uniform(1, 2, drawn.shape), drawn).astype(dtype)
    return found


# -- true numbers ------------------------------------------------------------------------------------------------


def _split(true: Array, dtype: str) -> tuple[Array, Array]:
    """Return mpmath numbers as two doubles; NaN if they are no normal numbers of the precision."""
    info = np.finfo(dtype)
    high, low = np.full(true.shape, np.nan), np.zeros(true.shape)
    for place, number in np.ndenumerate(true):
        if not isinstance(number, mp.mpf) or mp.isnan(number):
            continue
        size = abs(number)
        if size == 0 or float(info.smallest_normal) <= size <= float(info.max):
            high[place] = float(number)
            low[place] = float(number - high[place])
    return high, low


def _numbers(x: Array) -> Array:
    """Return mpmath numbers of the same values."""
    found = np.empty(x.shape, object)
    for place, each in np.ndenumerate(x):
        found[place] = mp.mpf(float(each))
    return found


def _slope(root: Expression, name: str) -> Expression:
    """Return the derivative of the sum over the samples by a column: each sample's own derivative."""
    if name not in root.data:
        return constant(0)
    found: Expression = gradient(op.total(root) if root.per_sample else root, [name])[name]
    return found


def _elementwise(name: str, dtype: str, count: int, rng: np.random.Generator) -> list[Trial]:
    row = OPERATIONS[name.partition(" ")[0]]
    kinds = {1: unary, 2: binary, 3: ternary}
    own = {"power": powers, "fmod": quotients, "mod": quotients, "clip": limited}
    args = own.get(row.name, kinds[row.arity])(name, dtype, count, rng)
    columns = {f"x{k}": x for k, x in enumerate(args)}
    node = row(*(data(column) for column in columns))
    truths = ELEMENTWISE[name]
    found = []
    numbers = list(zip(*map(_numbers, args), strict=True))
    for what, root, truth in [
        ("value", node, truths.value),
        *((f"∂{each}", _slope(node, each), truth) for each, truth in zip(columns, truths.partials, strict=True)),
    ]:
        high, low = _split(np.array([truth(*point) for point in numbers], object), dtype)
        for factor in FACTORS.get(f"{row.name} {what}", ()):
            high[np.isnan(_split(np.array([factor(*point) for point in numbers], object), dtype)[0])] = np.nan
        found.append(Trial(name, what, root, columns, high, low, _slack_of_pair(name, what, dtype, args, high)))
    return found


def _slack_of_pair(name: str, what: str, dtype: str, args: tuple[Array, ...], true: Array) -> Array | float:
    if name in ("silu", "gelu", "mish") and what == "∂x0":
        with mp.workdps(DIGITS):
            terms = [abs(_FIRST_TERMS[name](mp.mpf(float(each)))) for each in args[0]]
        with np.errstate(all="ignore"):  # two terms of opposite signs left of the minimum
            return np.where(args[0] < 0, 8 * UNIT[dtype] * np.array(terms, float) / np.abs(true), 0.0)
    if name != "logaddexp" or what != "value":
        return 0.0
    x, y = (each.astype(float) for each in args)
    return cancelled(np.maximum(x, y), true, dtype)  # near its zero, the larger argument less a logarithm


_FIRST_TERMS: dict[str, Callable[[Any], Any]] = {
    "silu": logistic,
    "gelu": normal,
    "mish": lambda x: mp.tanh(mp.log1p(mp.exp(x))) if x < 50 else ONE,
}


def cancelled(term: Array, true: Array, dtype: str) -> Array:
    """Return the relative error from a sum of a term and another one, both rounded, which is smaller than they are."""
    with np.errstate(all="ignore"):
        small = np.abs(true) < np.abs(term) / 2
        return np.where(small, 4 * UNIT[dtype] * np.abs(term / true), 0.0)


def _mixing(name: str, dtype: str, count: int, rng: np.random.Generator) -> list[Trial]:
    truths = MIXING[name]
    args = [rows(name, shape, dtype, count, rng) for shape in truths.shapes]
    columns = {f"x{k}": x for k, x in enumerate(args)}
    leaves = [data(each, shape=shape) for each, shape in zip(columns, truths.shapes, strict=True)]
    node = OPERATIONS[name.partition(" ")[0]](*leaves, attributes=truths.attributes)
    numbers = list(zip(*map(_numbers, args), strict=True))
    weights = _weights(name, node.shape, len(numbers), dtype, rng)
    weighted = node * data("v", shape=node.shape) if node.shape else node
    weighted = op.sum_(weighted) if node.shape else weighted
    exact = _numbers(weights) if node.shape else [ONE] * len(numbers)
    value = _stacked([truths.value(*point) for point in numbers])
    found = [_trial(name, "value", node, columns, value, dtype)]
    for each, truth in zip(columns, truths.partials, strict=True):
        slopes = _stacked([truth(*point, v) for point, v in zip(numbers, exact, strict=True)])
        root = _slope(weighted, each)
        given = columns | ({"v": weights} if "v" in root.data else {})
        found.append(_trial(name, f"∂{each}", root, given, slopes, dtype))
    return found


def _weights(name: str, shape: tuple[int, ...], count: int, dtype: str, rng: np.random.Generator) -> Array:
    """Return what the results are multiplied by: one of them is chosen, or all have positive factors."""
    if name in ("softmax", "log_softmax"):
        return np.eye(shape[0])[np.arange(count) % shape[0]].astype(dtype)
    return rng.uniform(0.5, 2, (count, *shape)).astype(dtype)


def _stacked(results: list[Any]) -> Array:
    found = np.empty((len(results), *np.shape(results[0])), object)
    for k, result in enumerate(results):
        found[k] = result
    return found


def _trial(name: str, what: str, root: Expression, columns: dict[str, Array], true: Array, dtype: str) -> Trial:
    high, low = _split(true, dtype)
    return Trial(name, what, root, columns, high, low, _slack_of_row(name, what, dtype, columns["x0"], high))


def _slack_of_row(name: str, what: str, dtype: str, x: Array, true: Array) -> Array | float:
    if not name.startswith("logsumexp") or what != "value":
        return 0.0
    return cancelled(x.astype(float).max(axis=tuple(range(1, x.ndim))), true, dtype)


def _over_samples(name: str, dtype: str, rng: np.random.Generator) -> list[Trial]:
    truths: Mixing = OVER_SAMPLES[name]
    args = [rows(name, shape, dtype, 8, rng) for shape in truths.shapes]
    columns = {f"x{k}": x for k, x in enumerate(args)}
    node = OPERATIONS[name](*(data(each, shape=shape) for each, shape in zip(columns, truths.shapes, strict=True)))
    numbers = [_numbers(x) for x in args]
    value = np.array(truths.value(*numbers), object)
    found = [_trial(name, "value", node, columns, value, dtype)]
    v = np.full(node.shape, ONE, object) if node.shape else ONE
    for each, truth in zip(columns, truths.partials, strict=True):
        root = _slope(op.sum_(node) if node.shape else node, each)
        found.append(_trial(name, f"∂{each}", root, columns, truth(*numbers, v), dtype))
    return found


NAMES = (*ELEMENTWISE, *MIXING, *OVER_SAMPLES)
"""What is tried: every operation with arguments."""


@cache
def trials(name: str, dtype: str, count: int = 60) -> tuple[Trial, ...]:
    """Return the trials of an operation: of its value and of each partial derivative.

    Args:
        name: the operation, one of ``NAMES``.
        dtype: the precision.
        count: how many arguments of each kind there are.
    """
    rng = np.random.default_rng([count, *name.encode()])
    with mp.workdps(DIGITS):
        if name in OVER_SAMPLES:
            return tuple(_over_samples(name, dtype, rng))
        make: Callable[..., list[Trial]] = _elementwise if name in ELEMENTWISE else _mixing
        return tuple(make(name, dtype, count, rng))
