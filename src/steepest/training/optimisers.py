"""Optimisers as values: update rules written with infix arithmetic.

The same code runs on arrays, builds the expressions of the training step, and can be typeset.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from steepest.errors import DescentError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.messages.numbers import from_zero, share, whole
from steepest.messages.registry import Registry

State = tuple[Any, ...]


@dataclass(frozen=True)
class Optimiser:
    """An update rule: a pair of functions.

    Attributes:
        name: its name.
        init: a function from a parameter w to its initial state: a tuple of values of w's shape.
        update: a function from (w, gradient g, state, rate α, t) to (w, state) after update t, counted from 1.

    >>> halving = Optimiser("halving", lambda w: (), lambda w, g, state, rate, t: (w - rate / t * g, state))
    >>> halving.update(1.0, 0.5, (), 0.1, 2)
    (0.975, ())
    """

    name: str
    init: Callable[[Any], State]
    update: Callable[[Any, Any, State, Any, Any], tuple[Any, State]]


def _root(x: Any) -> Any:
    return op.sqrt(x) if isinstance(x, Expression) else x**0.5


def _sign(x: Any) -> Any:
    if isinstance(x, Expression):
        return op.sign(x)
    import numpy as np

    return np.sign(x)


def _bias_correction(β: float, t: Any) -> Any:
    """Return 1 − βᵗ; by the power itself few digits would be left in float32, as β is near 1."""
    if not β:
        return 1.0
    exponent = t * math.log(β)
    return -(op.expm1(exponent) if isinstance(exponent, Expression) else math.expm1(exponent))


_share = partial(share, error=DescentError, below=True)
_from_zero = partial(from_zero, error=DescentError)


def gradient_descent() -> Optimiser:
    """Return plain gradient descent: w := w − α ∂C/∂w.

    >>> gradient_descent().update(1.0, 0.5, (), 0.1, 1)
    (0.95, ())

    Source: Cauchy 1847; row D5 of the notes.
    """
    return Optimiser("gradient descent", lambda w: (), lambda w, g, state, rate, t: (w - rate * g, state))


def momentum(decay: float = 0.9) -> Optimiser:
    """Return gradient descent with momentum: v := μ v + ∂C/∂w, w := w − α v.

    Args:
        decay: μ, from 0 to below 1.

    >>> momentum().update(1.0, 0.5, (1.0,), 0.1, 2)
    (0.86, (1.4,))

    Source: Polyak 1964; Sutskever et al. 2013, eqs 1 and 2, with the rate outside of v.
    """
    μ = _share("decay", decay)

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        v = μ * state[0] + g
        return w - rate * v, (v,)

    return Optimiser("momentum", _zeros(1), update)


def nesterov(decay: float = 0.9) -> Optimiser:
    """Return Nesterov's accelerated gradient: v := μ v + ∂C/∂w, w := w − α (μ v + ∂C/∂w).

    Args:
        decay: μ, from 0 to below 1.

    Source: Nesterov 1983; in the form of Sutskever et al. 2013, section 2, for w after the momentum step.
    """
    μ = _share("decay", decay)

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        v = μ * state[0] + g
        return w - rate * (μ * v + g), (v,)

    return Optimiser("nesterov", _zeros(1), update)


def rmsprop(decay: float = 0.9, epsilon: float = 1e-8) -> Optimiser:
    """Return RMSProp: v := ρ v + (1 − ρ) g², w := w − α g / (√v + ε).

    Args:
        decay: ρ, from 0 to below 1.
        epsilon: ε.

    Source: Tieleman and Hinton 2012, lecture 6.5.
    """
    ρ, ε = _share("decay", decay), _from_zero("epsilon", epsilon)

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        v = ρ * state[0] + (1 - ρ) * g**2
        return w - rate * g / (_root(v) + ε), (v,)

    return Optimiser("rmsprop", _zeros(1), update)


def adagrad(epsilon: float = 1e-7) -> Optimiser:
    """Return Adagrad: s := s + g², w := w − α g / √(s + ε).

    Args:
        epsilon: ε.

    Source: Duchi, Hazan and Singer 2011, figure 1.
    """
    ε = _from_zero("epsilon", epsilon)

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        s = state[0] + g**2
        return w - rate * g / _root(s + ε), (s,)

    return Optimiser("adagrad", _zeros(1), update)


def adam(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Optimiser:
    """Return Adam: w := w − α m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ), m and v running means of g and g².

    Args:
        beta1, beta2: β₁ and β₂, from 0 to below 1.
        epsilon: ε.

    Source: Kingma and Ba 2015, algorithm 1.
    """
    return _adam("adam", beta1, beta2, epsilon, 0.0)


def adamw(beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8, weight_decay: float = 0.01) -> Optimiser:
    """Return Adam with decoupled weight decay: w := w − α (m̂ / (√v̂ + ε) + λ w).

    Args:
        beta1, beta2, epsilon: as for :func:`adam`.
        weight_decay: λ, applied to every parameter.

    Source: Loshchilov and Hutter 2019, algorithm 2.
    """
    return _adam("adamw", beta1, beta2, epsilon, _from_zero("weight_decay", weight_decay))


def _adam(name: str, beta1: float, beta2: float, epsilon: float, weight_decay: float) -> Optimiser:
    β1, β2 = _share("beta1", beta1), _share("beta2", beta2)
    ε, λ = _from_zero("epsilon", epsilon), weight_decay

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        m = β1 * state[0] + (1 - β1) * g
        v = β2 * state[1] + (1 - β2) * g**2
        # Both corrections are scalars, so that one division per parameter remains.
        scale, root = rate / _bias_correction(β1, t), 1 / _root(_bias_correction(β2, t))
        move = scale * m / (_root(v) * root + ε)
        return w - (move + rate * λ * w if λ else move), (m, v)

    return Optimiser(name, _zeros(2), update)


def lion(beta1: float = 0.9, beta2: float = 0.99, weight_decay: float = 0.0) -> Optimiser:
    """Return Lion: w := w − α (sign(β₁ m + (1 − β₁) g) + λ w), m := β₂ m + (1 − β₂) g.

    Args:
        beta1, beta2: β₁ and β₂, from 0 to below 1.
        weight_decay: λ.

    Source: Chen et al. 2023, algorithm 2.
    """
    β1, β2, λ = _share("beta1", beta1), _share("beta2", beta2), _from_zero("weight_decay", weight_decay)

    def update(w: Any, g: Any, state: State, rate: Any, t: Any) -> tuple[Any, State]:
        move = _sign(β1 * state[0] + (1 - β1) * g)
        return w - rate * (move + λ * w if λ else move), (β2 * state[0] + (1 - β2) * g,)

    return Optimiser("lion", _zeros(1), update)


def _zeros(number: int) -> Callable[[Any], State]:
    return lambda w: (0 * w,) * number


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS: a quasi-Newton direction from the last updates, and a line search for the strong Wolfe conditions.

    Every trial needs the cost of the whole table, so there are no batches. The rate is the first trial of the first
    epoch only. With bounds, the direction comes from the curvatures of the parameters that are free, and the search
    goes along the direction projected to the bounds. A descent is stalled if no step lowers the cost, or if in three
    epochs in a row the direction d predicts a decrease ½ |gᵀd| below the last digit of the cost.

    Attributes:
        memory: the number of updates that are remembered.

    Source: Nocedal 1980; Nocedal and Wright 2006, algorithms 7.4 and 7.5, with 3.5 and 3.6 for the line search;
    Bertsekas 1982 for bounds.
    """

    memory: int = 10
    name: str = "lbfgs"

    def __post_init__(self) -> None:
        whole("memory", self.memory, 1, DescentError)


def lbfgs(memory: int = 10) -> LBFGS:
    """Return L-BFGS with a strong-Wolfe line search; see :class:`LBFGS`.

    >>> lbfgs(5).memory
    5
    """
    return LBFGS(memory)


@dataclass(frozen=True)
class SecondOrder:
    """A method whose steps come from second derivatives, within a trust region; the rate has no effect.

    Attributes:
        name: ``"lm"``, which needs a cost that is a sum of squares, or ``"newton"``.
    """

    name: str


def lm() -> SecondOrder:
    """Return Levenberg–Marquardt: Gauss–Newton steps within a trust region, for costs that are sums of squares.

    Each step solves a linear least-squares problem by a QR factorisation. Units of parameters do not matter.

    >>> lm().name
    'lm'

    Source: Levenberg 1944; Marquardt 1963; Moré 1978, for the trust region and its scales.
    """
    return SecondOrder("lm")


def newton() -> SecondOrder:
    """Return Newton's method within a trust region, with exact second derivatives; for a hundred parameters or so.

    >>> newton().name
    'newton'

    Source: Moré and Sorensen 1983, Computing a trust region step.
    """
    return SecondOrder("newton")


OPTIMISERS: Registry[Callable[..., Optimiser | LBFGS | SecondOrder]] = Registry("optimiser", DescentError)
"""Every optimiser by the name that the command line and the estimators use: a function of its settings."""
OPTIMISERS.add("gradient-descent", gradient_descent, "w := w − α ∂C/∂w; the only one with --rate auto")
OPTIMISERS.add("momentum", momentum, "heavy ball: steps add up with a decay")
OPTIMISERS.add("nesterov", nesterov, "momentum whose gradient is taken a step ahead")
OPTIMISERS.add("rmsprop", rmsprop, "divides by a moving mean of the gradient's size")
OPTIMISERS.add("adagrad", adagrad, "divides by the size of all gradients so far")
OPTIMISERS.add("adam", adam, "momentum and RMSProp with bias correction; the usual choice for networks")
OPTIMISERS.add("adamw", adamw, "Adam with decoupled weight decay")
OPTIMISERS.add("lion", lion, "the sign of a momentum; small rates")
OPTIMISERS.add("lbfgs", lbfgs, "quasi-Newton with a line search; whole tables and few parameters")
OPTIMISERS.add("lm", lm, "Levenberg–Marquardt, for sums of squares")
OPTIMISERS.add("newton", newton, "Newton's method within a trust region, for up to about 100 parameters")

USUAL_RATES = {
    "adam": 0.001, "adamw": 0.001, "rmsprop": 0.001, "lion": 0.0005, "adagrad": 0.05, "momentum": 0.02,
    "nesterov": 0.02, "lbfgs": 1.0, "lm": 1.0, "newton": 1.0,
}  # fmt: skip
"""The default rate of an estimator by optimiser; 0.1 for any other."""


def optimiser_named(given: str | Optimiser | LBFGS | SecondOrder | None) -> Optimiser | LBFGS | SecondOrder:
    """Return an optimiser by its name, with default settings; gradient descent for None.

    Raises:
        DescentError: no optimiser of this name exists.
    """
    if given is None:
        return gradient_descent()
    if isinstance(given, str):
        return OPTIMISERS.find(given)()
    if not isinstance(given, Optimiser | LBFGS | SecondOrder):
        raise DescentError(f"optimiser is a name or an Optimiser, as optimisers.adam() gives, not {given!r}")
    return given
