"""Right gradients and planted faults for the check, whose verdicts follow from exact slopes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import mpmath as mp
import numpy as np

import steepest as st
from exact_slopes import Slopes
from exact_values import Evaluator, UndefinedError
from gradient_judge import OVERFLOW, true_slopes
from random_costs import LARGEST, described, exact_point, random_cost
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, constant, leaf, leaves, substitute
from strategies import Case

RIGHT = 1e-7
"""A given derivative is right if its relative error is below this."""
SEEN = 5e-5
"""A fault of interest changes a derivative by more than this, relative to it."""


@dataclass(frozen=True)
class Check:
    """What the check is given, and what it must say.

    Attributes:
        kind: how the gradient was made.
        case: the cost and the point.
        gradient: the partial derivatives under test; None for those that steepest derives.
        names: the parameters to check.
        kinks: those of them at which one-sided slopes differ.
    """

    kind: str
    case: Case
    gradient: Mapping[str, Any] | None
    names: tuple[str, ...]
    kinks: frozenset[str] = frozenset()

    def report(self) -> Any:
        """Return what the check says."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return st.check(self.case.cost, self.case.values, gradient=self.gradient, wrt=self.names)

    def __str__(self) -> str:
        given = {} if self.gradient is None else {name: self.gradient[name] for name in self.names}
        shown = {name: str(part) if isinstance(part, Expression) else part for name, part in given.items()}
        return f"{self.kind}: {described(self.case)}  gradient {shown or 'derived'}"


@dataclass
class Truth:
    """The true slopes of a cost by parameter."""

    case: Case
    slopes: Mapping[tuple[str, tuple[int, ...]], Slopes] = field(init=False)

    def __post_init__(self) -> None:
        self.slopes = true_slopes(self.case)

    def elements(self, name: str) -> Iterator[tuple[tuple[int, ...], Slopes]]:
        """Return the places of a parameter with their slopes."""
        return ((index, slopes) for (of, index), slopes in self.slopes.items() if of == name)

    def known(self) -> tuple[str, ...]:
        """Return the parameters of which every element has a derivative or a kink, neither of them huge."""

        def usual(slopes: Slopes) -> bool:
            sides = (slopes.left, slopes.right)
            return all(side is not None and abs(side) < OVERFLOW for side in sides)

        return tuple(name for name in self.case.cost.parameters if all(usual(s) for _, s in self.elements(name)))

    def kinks(self) -> frozenset[str]:
        """Return the parameters with an element at a kink."""
        return frozenset(name for (name, _), slopes in self.slopes.items() if slopes.kink)

    def array(self, name: str) -> np.ndarray:
        """Return the derivatives; at a kink the number midway between the slopes."""
        found = np.zeros(np.shape(self.case.values[name]))
        for index, slopes in self.elements(name):
            found[index] = sum(slopes.kink) / 2 if slopes.kink else float(slopes.derivative or 0)
        return found

    def distance(self, name: str, given: np.ndarray) -> float:
        """Return the largest distance to what is right, relative to it; outside of the slopes at a kink."""
        worst = 0.0
        for index, slopes in self.elements(name):
            number = float(given[index])
            low, high = slopes.kink or (float(slopes.derivative or 0),) * 2
            away = max(low - number, number - high, 0.0) if np.isfinite(number) else math.inf
            size = max(abs(low), abs(high))
            worst = max(worst, away / size if size else math.inf if away > 1e-280 else 0.0)
        return worst


def scaled(case: Case, random: Random) -> Case:
    """Return the same cost in other units, powers of two from 1e-12 to 1e12, so that nothing is rounded."""
    units = {node: 2.0 ** round(random.uniform(-12, 12) * math.log2(10)) for node in leaves([case.cost]) if node.name}
    cost = substitute(case.cost, {node: node * constant(unit) for node, unit in units.items()})
    values = {node.name: np.asarray(case.values[node.name]) / unit for node, unit in units.items()}
    return Case(cost, values, case.rows)


def single(case: Case) -> Case:
    """Return the case with values in single precision, or as it is if its cost is not finite there."""
    with np.errstate(all="ignore"):
        values = {name: np.asarray(value, np.float32) for name, value in case.values.items()}
    found = Case(case.cost, values, case.rows)
    try:
        return found if abs(exact_point(found).value) < LARGEST else case
    except UndefinedError:
        return case


def drawn(seed: str, mood: str | None = None, square: bool = False) -> tuple[Case, Random]:
    """Return a random case: as it is, in other units, or in single precision."""
    random = Random(seed)
    case = random_cost(seed, mood, square)
    way = random.random()
    if way < 0.35:
        return scaled(case, random), random
    return (single(case) if way < 0.5 else case), random


def derived(case: Case) -> tuple[dict[str, Expression], dict[str, np.ndarray]]:
    """Return the gradient that steepest derives, and its numbers."""
    graphs = st.gradient(case.cost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbers = st.evaluate({**graphs, None: case.cost}, case.values)
    return graphs, {name: np.asarray(numbers[name]) for name in graphs}


def right_check(seed: str) -> Check | None:
    """Return a check of a right gradient, or None if no parameter has known slopes.

    The gradient is the one that steepest derives, if it is right; else, and in a third of the checks, it is an array.
    """
    case, random = drawn(seed)
    try:
        truth = Truth(case)
    except UndefinedError:
        return None
    names = truth.known()
    if not names:
        return None
    graphs, numbers = derived(case)
    way = random.choice(["derived", "expressions", "arrays"])
    if way != "arrays" and any(truth.distance(name, numbers[name]) > RIGHT for name in names):
        way = "arrays, as the derived gradient is wrong"
    gradient: dict[str, Any] | None = {name: truth.array(name) for name in case.cost.parameters}
    if way == "derived":
        gradient = None
    elif way == "expressions":
        gradient = dict(graphs)
    return Check(way, case, gradient, names, truth.kinks() & set(names))


# -- faults ----------------------------------------------------------------------------------------------------


def _factor(factor: float) -> Callable[[Any, Random], Any]:
    return lambda right, random: factor * right


def _square(case: Case, name: str) -> bool:
    shape = np.shape(case.values[name])
    return len(shape) == 2 and shape[0] == shape[1] > 1


def _transposed(right: Any, random: Random) -> Any:
    return op.transpose(right) if isinstance(right, Expression) else right.T.copy()


def _one_is_zero(right: Any, random: Random) -> Any:
    if isinstance(right, Expression):
        return constant(0) if not right.shape else op.expand(constant(0), attributes=right.shape)
    found = right.copy()
    steep = np.argwhere(found)
    if not len(steep):
        return None
    found[tuple(random.choice(steep.tolist()))] = 0.0
    return found


SPOILT: dict[str, Callable[[Any, Random], Any]] = {
    "times 1.0001": _factor(1.0001),
    "sign": _factor(-1.0),
    "times 2": _factor(2.0),
    "transposed": _transposed,
    "zero": _one_is_zero,
}
"""Faults by what becomes of a right derivative, an array or an expression; None if they do not apply."""
FAULTS = (*SPOILT, "vanishing", "missing term", "outside of the slopes", "twice at ties")


def fault_check(kind: str, seed: str) -> Check | None:
    """Return a check of a gradient with a fault of a kind, or None if the random cost has no place for it.

    In the end the fault is compared with the exact slopes: what is not truly wrong at the point is no fault.
    """
    case, random = drawn(seed, "ties" if kind == "outside of the slopes" else None, kind == "transposed")
    if kind == "transposed" and not any(_square(case, name) for name in case.cost.parameters):
        return None
    if kind == "missing term":
        case, without = _with_term(case, random)
    elif kind == "twice at ties":
        case = _with_tie(case, random)
    elif kind == "outside of the slopes" and random.random() < 0.3:
        case = _with_kink(case, random)
    try:
        truth = Truth(case)
    except UndefinedError:
        return None
    names = [name for name in truth.known() if kind != "outside of the slopes" or name in truth.kinks()]
    names = [name for name in names if kind != "transposed" or _square(case, name)]
    if not names:
        return None
    name = random.choice(names)
    graphs = st.gradient(case.cost)
    form = random.choice(["expression", "array"])
    right: Any = graphs[name] if form == "expression" else truth.array(name)
    if kind in SPOILT:
        given = SPOILT[kind](right, random)
    elif kind == "vanishing":
        given = _vanishing(graphs[name], name, case) if form == "expression" else 0 * right
    elif kind == "missing term":
        given = _other(without, name, form)
    elif kind == "twice at ties":
        given = 2 * right
    else:
        given = _outside(truth, name, random, form)
    if given is None:
        return None
    number = _numbers(given, case, name)
    if not np.all(np.isfinite(number)) or truth.distance(name, number) <= SEEN:
        return None
    # A formula that only round-off tells from the right one is no fault.
    if isinstance(given, Expression):
        exact = _exactly(given, case, name)
        if exact is None or truth.distance(name, exact) <= SEEN:
            return None
    gradient = {of: truth.array(of) for of in case.cost.parameters} | {name: given}
    return Check(f"{kind}, as {form}", case, gradient, (name,))


def _numbers(given: Any, case: Case, name: str) -> np.ndarray:
    if isinstance(given, Expression):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            given = st.evaluate({None: case.cost, "given": given}, case.values)["given"]
    return np.broadcast_to(np.asarray(given, float), np.shape(case.values[name]))


def _exactly(given: Expression, case: Case, name: str) -> np.ndarray | None:
    """Return the exact numbers of a formula; None if one is not defined."""
    found = np.zeros(np.shape(case.values[name]))
    with mp.workdps(400):
        evaluator = Evaluator(case.values, case.rows)
        try:
            for index in np.ndindex(found.shape):
                found[index] = float(evaluator.at(given, 0, index))
        except UndefinedError:
            return None
    return found


def _parameter(case: Case, name: str) -> Expression:
    return leaf(PARAMETER, name, np.shape(case.values[name]))


def _with_term(case: Case, random: Random) -> tuple[Case, Case]:
    """Return the case with a term added for every parameter, and without them."""
    cost = case.cost
    for name in case.cost.parameters:
        term = random.choice([op.sin, op.sigmoid, lambda x: x**2])(_parameter(case, name))
        cost = cost + random.uniform(0.1, 2) * (op.sum_(term) if term.shape else term)
    return Case(cost, case.values, case.rows), case


def _with_kink(case: Case, random: Random) -> Case:
    """Return the case with a term that has a kink at the point."""
    name = random.choice(case.cost.parameters)
    node, value = _parameter(case, name), np.asarray(case.values[name], float)
    distance = node - constant(float(value)) if not node.shape else op.largest(node) - constant(float(value.max()))
    bent = random.choice([op.relu, op.absolute, op.leaky_relu, lambda x: op.minimum(x, 0), lambda x: op.sqrt(x**2)])
    return Case(case.cost + random.uniform(-2, 2) * bent(distance), case.values, case.rows)


def _with_tie(case: Case, random: Random) -> Case:
    """Return the larger of a cost and itself, written in another way."""
    cost = case.cost
    other = random.choice([lambda x: x, lambda x: x * 1, lambda x: op.negate(op.negate(x)), lambda x: x + 0])(cost)
    return Case(random.choice([op.maximum, op.minimum])(cost, other), case.values, case.rows)


def _other(without: Case, name: str, form: str) -> Any:
    if form == "expression":
        return st.gradient(without.cost)[name]
    truth = Truth(without)
    return truth.array(name) if name in truth.known() else None


def _vanishing(right: Expression, name: str, case: Case) -> Expression:
    """Return the derivative times something that is 0 at the point and nowhere else."""
    node = _parameter(case, name)
    value = np.asarray(case.values[name], float)
    if not node.shape:
        return right * (node - constant(float(value)))
    return right * (op.sum_(node * node) - op.sum_(op.stop_gradient(node) * node))


def _outside(truth: Truth, name: str, random: Random, form: str) -> Any:
    """Return the derivative with a number outside of the slopes at one kink."""
    index, (low, high) = random.choice([(i, s.kink) for i, s in truth.elements(name) if s.kink])
    away = random.choice([0.01, 0.3, 2.0]) * max(high - low, abs(low), abs(high))
    found = truth.array(name)
    found[index] = random.choice([low - away, high + away])
    return constant(float(found)) if form == "expression" and not found.shape else found
