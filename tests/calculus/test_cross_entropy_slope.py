"""dZ2 = A2 − Y (row D4): the adjoint of an output under its cross-entropy, as a graph and in numbers.

The graphs are compared as objects with those written by hand; the numbers with mission.md, JAX and mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import steepest as st
from jax_oracle import jax_gradient
from meanings import numpy_evaluate
from mission_models import NETWORK, XOR
from steepest import costs
from steepest.calculus.gradient import gradient
from steepest.calculus.program import lower
from steepest.calculus.simplify import ADJOINTS, rewritten
from steepest.calculus.stability import stabilise
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, leaves, params

SHARE = 1 / op.count()
X, y = data("X", shape=2), data("y")


def layers(outputs: int, output: Callable[..., Expression]) -> tuple[Expression, Expression, Expression]:
    """A1, Z2 and A2 of a network with three hidden neurons."""
    A1 = st.tanh(X @ params("W1", shape=(2, 3)) + params("b1", shape=3))
    Z2 = A1 @ params("W2", shape=(3, outputs)) + params("b2", shape=outputs)
    return A1, Z2, output(Z2)


def d4() -> tuple[Expression, Expression, Expression, Expression]:
    A1, Z2, A2 = layers(1, st.sigmoid)
    return A1, Z2, A2, costs.cross_entropy(A2, y)


def test_sigmoid_the_adjoint_is_prediction_minus_target() -> None:
    A1, Z2, A2, cost = d4()
    found = gradient(cost, [Z2, "W2", "b2", "W1", "b1"])
    assert found[Z2] is SHARE * (A2 - y)
    assert found["W2"] is SHARE * op.total_outer(A1, A2 - y)
    assert found["b2"] is SHARE * op.total(A2 - y)
    dZ1 = (A2 - y) @ op.transpose(params("W2", shape=(3, 1))) * (1 - A1**2)
    assert found["W1"] is SHARE * op.total_outer(X, dZ1)
    assert found["b1"] is SHARE * op.total(dZ1)


def test_softmax_the_adjoint_is_prediction_minus_the_class() -> None:
    A1, Z2, A2 = layers(3, st.softmax)
    error = A2 - op.one_hot(y, attributes=(3,))
    found = gradient(costs.cross_entropy(A2, y), [Z2, "W2", "b2"])
    assert found[Z2] is SHARE * error
    assert found["W2"] is SHARE * op.total_outer(A1, error)
    assert found["b2"] is SHARE * op.total(error)


def test_softmax_with_rows_of_probabilities_keeps_their_sum() -> None:
    """What a row sums to is not known: the slope is softmax·Σy − y, true for any."""
    _, Z2, A2 = layers(3, st.softmax)
    rows = data("Y", shape=3)
    found = gradient(costs.cross_entropy(A2, rows), [Z2])[Z2]
    assert found is SHARE * (A2 * op.sum_(rows) - rows)


def test_weights_of_samples_stand_in_front() -> None:
    w = data("w")
    for outputs, output in ((1, st.sigmoid), (3, st.softmax)):
        _, Z2, A2 = layers(outputs, output)
        wanted = A2 - (y if outputs == 1 else op.one_hot(y, attributes=(3,)))
        assert gradient(costs.cross_entropy(A2, y, w), [Z2])[Z2] is SHARE * (w * wanted)


def test_poisson_with_exp_is_prediction_minus_target_too() -> None:
    _, Z2, A2 = layers(1, st.exp)
    assert gradient(costs.poisson(A2, y), [Z2])[Z2] is SHARE * (A2 - y)


def test_a_neuron_and_its_formula_as_written() -> None:
    """The rule is about the formula, not about the builder; the sum may stand either way round."""
    x, w, b = data("x"), params("w"), params("b")
    a = st.sigmoid(x * w + b)
    forms = [
        -st.mean(y * st.log(a) + (1 - y) * st.log(1 - a)),
        -st.mean((1 - y) * st.log(1 - a) + y * st.log(a)),
        st.mean(-(y * st.log(a)) - (1 - y) * st.log(1 - a)),
    ]
    for form in forms:
        assert gradient(form)["b"] is SHARE * op.total(a - y), str(form)
    turned = st.sigmoid(-(x * w))  # the prediction is 1 − σ(xw): the slope is the other way round
    found = gradient(costs.cross_entropy(turned, y))["w"]
    assert found is SHARE * op.total((y - turned) * x)
    assert gradient(-st.total(forms[0] * x))  # and nothing breaks where the pattern is a part


def test_numbers_of_mission_d4() -> None:
    _, _, _, cost = d4()
    values = {**XOR, **NETWORK, "W2": NETWORK["W2"][:, None], "b2": [0.05]}
    assert st.evaluate(cost, values) == pytest.approx(0.7097567018201, abs=5e-14)
    found = st.evaluate(gradient(cost), values)
    np.testing.assert_allclose(
        found["W2"][:, 0], [0.0219970705775, -0.0345958627846, 0.0088126017206], rtol=0, atol=5.1e-14
    )
    assert found["b2"][0] == pytest.approx(0.0677881428681, abs=5.1e-14)
    W1 = [[0.0108130806424, -0.0494984559789, 0.0182750289330], [-0.0354212999701, -0.0219369363924, 0.0089030181238]]
    np.testing.assert_allclose(found["W1"], W1, rtol=0, atol=5.1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("output", ["sigmoid", "softmax", "rows"])
def test_numbers_of_jax(output: str, weighted: bool) -> None:
    """JAX differentiates the formula as it is written, with its logarithms."""
    rng = np.random.default_rng(4)
    _, _, A2 = layers(1 if output == "sigmoid" else 3, st.sigmoid if output == "sigmoid" else st.softmax)
    target = data("y", shape=3) if output == "rows" else y
    cost = costs.cross_entropy(A2, target, data("w") if weighted else None)
    values: dict[str, Any] = {"X": rng.normal(size=(9, 2)), "w": rng.uniform(size=9)}
    drawn = {"sigmoid": rng.uniform(size=9), "softmax": rng.integers(0, 3, 9), "rows": rng.uniform(size=(9, 3))}
    values["y"] = drawn[output].astype(float)
    for leaf in leaves([cost]):
        values.setdefault(leaf.name, rng.normal(size=leaf.shape))
    value, expected = jax_gradient(cost, values, 9)
    assert st.evaluate(cost, values) == pytest.approx(value, rel=1e-13)
    for name, found in st.evaluate(gradient(cost), values).items():
        np.testing.assert_allclose(found, expected[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_labels_that_are_no_classes_have_the_slope_of_their_cost() -> None:
    """Written as Σ y ln a such a row adds nothing to the cost, so nothing to the slope: Σ onehot is not taken for 1."""
    z, p = data("z", shape=3), params("p", shape=3)
    cost = st.mean(-st.sum(op.one_hot(y, attributes=(3,)) * st.log(st.softmax(z + p))))
    values = {"z": np.arange(6.0).reshape(2, 3), "p": np.array([0.1, -0.2, 0.3]), "y": np.array([1.0, -1.0])}
    assert st.check(cost, values).ok
    np.testing.assert_allclose(st.evaluate(gradient(cost)["p"], values), jax_gradient(cost, values, 2)[1]["p"])


FAR = (-1000.0, -745.0, -40.0, 0.0, 40.0, 745.0, 1000.0)


def test_far_out_the_slopes_are_right() -> None:
    z = data("z")
    cost = op.total(costs.cross_entropy(st.sigmoid(z), y).args[0])
    slope = gradient(cost, ["z"])["z"]
    with mp.workdps(400):
        for target in (0.0, 0.25, 1.0):
            values = {"z": FAR, "y": [target] * len(FAR)}
            truth = [float(1 / (1 + mp.exp(-mp.mpf(far))) - target) for far in FAR]
            np.testing.assert_allclose(st.evaluate(slope, values), truth, rtol=0, atol=2.3e-16)


def test_exponentials_are_computed_once() -> None:
    """One exponential a class for the cost and its gradient together; one subtraction for the error."""
    _, Z2, A2 = layers(3, st.softmax)
    cost = costs.cross_entropy(A2, y)
    stable = stabilise([cost])[cost]
    names = [node.operation.name for node in lower([stable, gradient(cost, [Z2])[Z2]]).nodes]
    assert (names.count("exp"), names.count("largest"), names.count("one_hot"), names.count("log1p")) == (1, 1, 1, 1)
    _, Z2, _, cost = d4()
    stable = stabilise([cost])[cost]
    names = [node.operation.name for node in lower([stable, gradient(cost, [Z2])[Z2]]).nodes]
    assert (names.count("sigmoid"), names.count("softplus")) == (1, 1)


def test_one_softplus_stands_for_two_and_loses_nothing() -> None:
    """In whichever order and shape; against mpmath, to a few units in the last place even where the loss is 1e-300."""
    z, k = data("z"), data("k", shape=2)
    plain = op.softplus
    pairs = [
        y * -plain(-z) + (1 - y) * -plain(z), (1 - y) * -plain(z) + y * -plain(-z),
        y * -plain(z) + (1 - y) * -plain(-z), 0 - -(y * -plain(-z) + (1 - y) * -plain(z)),
    ]  # fmt: skip
    for far in (-700.0, -40.0, -0.3, 0.0, 1e-9, 2.5, 40.0, 700.0):
        for target in (0.0, 0.25, 1.0):
            for j, pair in enumerate(pairs):
                with mp.workdps(400):
                    at = mp.mpf(-far if j == 2 else far)
                    truth = -float(target * mp.log(1 + mp.exp(-at)) + (1 - target) * mp.log(1 + mp.exp(at)))
                found = st.evaluate(pair, {"z": [far], "y": [target]})[0]
                assert found == pytest.approx(truth, rel=1e-15, abs=0), (far, target, str(pair))
    for pair in pairs:
        assert [node.operation.name for node in lower([pair]).nodes].count("softplus") == 1, str(pair)
    wide = y * -plain(-k) + (1 - y) * -plain(k)
    values = {"k": [[3.0, -2.0]], "y": [0.25]}
    np.testing.assert_allclose(st.evaluate(wide, values), literal(wide, values, 1), rtol=1e-15)
    others = [
        y * -plain(-z) + (2 - y) * -plain(z), y * -plain(z) + (1 - y) * -plain(z), c * -plain(-z) + (1 - y) * -plain(z),
        y * plain(-z) + (1 - y) * -plain(z), data("Y", shape=2) * -plain(-z) + (1 - data("Y", shape=2)) * -plain(z),
    ]  # fmt: skip
    values = {"z": [0.4], "y": [0.3], "c": [1.7], "Y": [[0.2, 0.6]]}
    for other in others:
        np.testing.assert_allclose(
            st.evaluate(other, values), literal(other, values, 1), rtol=1e-15, err_msg=str(other)
        )


# -- the rules by themselves ---------------------------------------------------------------------------------------

c, z, v = data("c"), data("z"), data("v", shape=3)
s, t = op.sigmoid(z), op.sigmoid(-z)
E = op.exp(v - op.stop_gradient(op.largest(v)))
CASES: dict[str, list[tuple[Expression, Expression]]] = {
    "complementary sigmoids": [
        ((1 - y) * s - y * t, s - y), (y * t - (1 - y) * s, y - s), (y * s - (1 - y) * t, y - t),
        (c * (1 - y) * s - c * y * t, c * (s - y)), (c * y * s - c * (1 - y) * t, c * (y - t)),
    ],
    "exponentials over their sum": [
        (1 / op.sum_(E) * E, op.softmax(v)), (c / op.sum_(E) * E, c * op.softmax(v)),
    ],
    "factor of a difference": [(c * v - c * y, c * (v - y)), (c * s - c * t, c * (s - t))],
}  # fmt: skip
OTHERS = [
    (1 - y) * s - c * t, (1 - y) * s - y * s, (1 - y) * s + y * t, (2 - y) * s - y * t, c * (1 - y) * s - z * y * t,
    1 / op.sum_(E) * op.exp(v), 1 / op.largest(E) * E, 1 / op.sum_(op.exp(v)) * op.exp(v), c * v - z * v, c * 2 - c * 3,
]  # fmt: skip


def test_every_rule_has_cases() -> None:
    assert [rule.name for rule in ADJOINTS] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_makes_of_its_examples_what_it_says_and_keeps_their_value(name: str) -> None:
    rng = np.random.default_rng(6)
    values = {n: rng.normal(size=5) for n in "cyz"} | {"v": rng.normal(size=(5, 3))}
    for before, after in CASES[name]:
        found, used = rewritten(before, ADJOINTS)
        assert found is after, f"{before} → {found}"
        assert used == (name,)
        truth = literal(before, values)
        np.testing.assert_allclose(literal(after, values), truth, rtol=1e-12, atol=1e-14)


def literal(root: Expression, values: dict[str, Any], rows: int = 5) -> Any:
    """The value as it is written, by the meanings that know nothing of rules."""
    return numpy_evaluate([root], {name: np.asarray(value) for name, value in values.items()}, rows)[root]


def test_what_only_resembles_a_pattern_stays() -> None:
    for formula in OTHERS:
        assert rewritten(formula, ADJOINTS)[0] is formula, str(formula)
