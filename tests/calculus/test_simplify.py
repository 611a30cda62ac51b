"""Every simplification: what it makes of its examples, that the value stays (mpmath), that nothing is left to do."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from oracles import ELEMENTWISE
from steepest.calculus.simplify import PRESENTATION, RULES, Rule, rewritten, simplify
from steepest.engines import evaluate
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, constant, data, params, toposort

x, y, z = params("x", "y", "z")
V, M, d = params("V", shape=3), params("M", shape=(2, 3)), data("d")
zero, one, two = constant(0), constant(1), constant(2)

# For each rule: a formula that it alone rewrites, and what the rule makes of it.
CASES: dict[str, list[tuple[Expression, Expression]]] = {
    "arithmetic on numbers": [
        (two + 3, constant(5)), (two - 3, constant(-1)), (two * 3, constant(6)), (constant(6) / 3, constant(2)),
        (constant(-2) ** 3, constant(-8)), (two**10, constant(1024)),
        (constant(7.5) / 2.5, constant(3)), (op.negate(two), constant(-2)),
        (two < 3, one), (two <= 2, one), (two > 3, zero), (two >= 3, zero),
        (op.equal(two, 2), one), (op.not_equal(two, 2), zero),
    ],
    "zero product": [(0 * x, zero), (x * 0, zero), (0 / x, zero)],
    "zero term": [(x + 0, x), (0 + x, x), (x - 0, x), (0 - x, -x), (V + 0, V), (0 - V, -V)],
    "factor 1": [(1 * x, x), (x * 1, x), (x / 1, x), (-1 * x, -x), (x * -1, -x), (x / -1, -x), (1 * M, M)],
    "power 1 or 0": [(x**1, x), (x**0, one), (V**1, V)],
    "known choice": [
        (op.where(1, x, y), x), (op.where(0, x, y), y), (op.where(-3, x, y), x), (op.where(0, V, M @ V @ M), M @ V @ M),
    ],
    "double negation": [(op.negate(-x), x), (op.negate(op.negate(-x)), -x)],
    "sign of a term": [(x + -y, x - y), (x - (-y), x + y), (-x + y, y - x), (x + -2, x - 2), (x - constant(-2), x + 2)],
    "sign of a product": [(-x * y, -(x * y)), (x * -y, -(x * y)), (-x / y, -(x / y)), (x / -y, -(x / y))],
    "number in front": [
        (x * 2, 2 * x), (x * (2 * y), 2 * (x * y)), (3 * (2 * x), 6 * x), (-(2 * x), -2 * x), (V * 2, 2 * V),
    ],
    "brackets of a product": [(x * (y * z), x * y * z), (x * (y * z * 3), x * y * z * 3)],
    "cancel": [
        (x * (1 / x), one), (1 / x * x, one), (y * (1 / x) * z * x, y * 1 * z), (y / x * x, y),
    ],
    "numbers of a sum": [(x + 3 - 1, x + 2), (x - 3 + 1, x + -2), (x - 3 - 1, x + -4), (x + 3 + 1, x + 4)],
    "equal factors": [(x * x, x**2), (V * V, V**2)],
    "base not 0": [(op.log(op.where(op.equal(x, 0), 1, x)), op.log(x))],
}  # fmt: skip

UNTOUCHED = [
    constant(1) / 3, two**0.5, two**-1, op.sqrt(constant(4)), constant(10) ** 17, x + y, x - y, x * y, x / y, 2 * x,
    x**2, -x, -(x + y), 1 / x, 0 * V, V**0, op.sum_(V), x - 2, -2 * x, op.where(x, y, z), two / 0, zero / 0,
    op.where(1, x, V), constant(1e3) ** 2,
]  # fmt: skip
EVERY = [pytest.param(rule, id=rule.name) for rule in PRESENTATION]


def test_every_rule_has_cases() -> None:
    assert [rule.name for rule in PRESENTATION] == list(CASES)
    assert all(CASES.values())
    assert PRESENTATION[: len(RULES)] == RULES


@pytest.mark.parametrize("rule", EVERY)
def test_what_a_rule_makes_of_its_examples(rule: Rule) -> None:
    for before, after in CASES[rule.name]:
        assert rule.rewrite(before) is after, f"{before} → {rule.rewrite(before)}"
        _, names = rewritten(before, PRESENTATION)
        assert rule.name in names


def exact(root: Expression, values: dict[str, Any]) -> Any:
    """The value by mpmath; NaN where it is not a finite number."""
    found: dict[Expression, Any] = {}
    for node in toposort([root]):
        if node.name:
            found[node] = values[node.name]
        elif node.operation is CONSTANT:
            found[node] = mp.mpf(node.value)
        else:
            args = [found[arg] for arg in node.args]
            pole = node.operation is op.divide and args[1] == 0
            base, exponent = args if node.operation is op.power else (1, 1)
            outside = (base < 0 and exponent != int(exponent)) or (base == 0 and exponent < 0)
            nan = pole or outside or any(mp.isnan(arg) for arg in args)
            found[node] = mp.nan if nan else ELEMENTWISE[node.operation.name](*args)
    return found[root]


@pytest.mark.parametrize("rule", EVERY)
def test_a_rule_keeps_the_value(rule: Rule) -> None:
    rng = np.random.default_rng(11)
    for before, after in CASES[rule.name]:
        if before.shape:
            values: dict[str, Any] = {"V": rng.normal(size=3), "M": rng.normal(size=(2, 3)), "x": 1, "y": 2}
            np.testing.assert_array_equal(evaluate(before, values), evaluate(after, values))
            continue
        for _ in range(20):
            values = {name: mp.mpf(value) for name, value in zip("xyz", rng.uniform(0.1, 3, 3), strict=True)}
            difference = exact(before, values) - exact(after, values)
            assert abs(difference) < 1e-30


def test_formulas_that_are_as_short_as_they_get_are_left_alone() -> None:
    for formula in UNTOUCHED:
        assert simplify(formula) is formula, f"{formula} → {simplify(formula)}"


def random_formula(random: Random, nodes: int) -> Expression:
    """Arithmetic on names and the numbers that rules look for."""
    numbers = [constant(value) for value in (0, 1, -1, 2, -3, 0.5)]
    pool: list[Expression] = [x, y, z, *numbers]
    for _ in range(nodes):
        row = random.choice([op.add, op.subtract, op.multiply, op.divide, op.negate, op.power, op.where, op.less])
        args = [random.choice(pool if random.random() < 0.4 else pool[-4:]) for _ in range(row.arity)]
        if row is op.power:
            args[1] = random.choice(numbers)
        pool.append(row(*args))
    return pool[-1]


def test_random_formulas_keep_their_value_and_are_finished_in_one_go() -> None:
    random, rng = Random(5), np.random.default_rng(5)
    compared = shortened = 0
    for k in range(1500):
        formula = random_formula(random, 2 + k % 9)
        short = simplify(formula)
        assert simplify(short) is short, f"{formula} → {short} → {simplify(short)}"
        shortened += short is not formula
        values = {name: mp.mpf(value) for name, value in zip("xyz", rng.uniform(0.5, 2, 3), strict=True)}
        truth = exact(formula, values)
        if mp.isnan(truth):
            continue  # 0·x = 0 and x^0 = 1 are meant where x is finite
        compared += 1
        assert abs(exact(short, values) - truth) <= 1e-12 * (1 + abs(truth)), f"{formula} → {short}"
        tidy = simplify(formula, rules=PRESENTATION)
        assert abs(exact(tidy, values) - truth) <= 1e-12 * (1 + abs(truth)), f"{formula} → {tidy}"
    assert compared > 800
    assert shortened > 800


def test_kept_nodes_are_left_as_they_are() -> None:
    kept = x * 1 + 0
    assert simplify(kept * 1 + 0, keep=[kept]) is kept
    assert simplify(kept * 1 + 0) is x


def test_vectors_keep_their_shape() -> None:
    for formula in (0 * V, V * 0, V**0, 0 / V, V * 0 + V, op.where(1, 2, V), op.where(0, V, 3)):
        assert simplify(formula).shape == (3,)
        np.testing.assert_array_equal(
            evaluate(simplify(formula), {"V": [1.0, 2.0, 3.0]}), evaluate(formula, {"V": [1.0, 2.0, 3.0]})
        )


def test_sums_over_samples_of_what_no_longer_depends_on_them() -> None:
    X, Y = data("X", shape=2), data("Y", shape=3)
    flat2, flat3 = op.expand(d**0, attributes=(2,)), op.expand(2 * d**0, attributes=(3,))
    values = {"d": [1.0, 2.0, 4.0], "X": np.arange(6.0).reshape(3, 2), "Y": np.arange(9.0).reshape(3, 3) - 4}
    cases: list[tuple[Expression, Callable[[], Any]]] = [
        (op.mean(0 * d), lambda: 0.0),
        (op.mean(d**0), lambda: 1.0),
        (op.total(d**0) + 0 * op.total(d), lambda: 3.0),
        (op.total(d**0 * x) + 0 * op.total(d), lambda: 15.0),
        (op.total_outer(X, flat3), lambda: np.outer(values["X"].sum(axis=0), [2, 2, 2])),
        (op.total_outer(flat2, Y), lambda: np.outer([1, 1], values["Y"].sum(axis=0))),
        (op.total_outer(flat2, flat3) + 0 * op.total(d), lambda: np.full((2, 3), 6.0)),
    ]
    for formula, truth in cases:
        found = simplify(formula, keep=[0 * op.total(d)])
        np.testing.assert_array_equal(evaluate(found, values | {"x": 5.0}), truth())
        assert found.shape == formula.shape
    assert simplify(op.mean(1 * d)) is op.mean(d)


def test_the_number_of_samples_stays_known() -> None:
    y, a = data("y"), params("a")
    found = simplify(op.total(op.cos((y / a) ** 0)))
    assert evaluate(found, {"y": [1.0, 2.0, 3.0], "a": 2.0}) == pytest.approx(3 * np.cos(1))
    assert simplify(op.total(1 * y)) is op.total(y)
