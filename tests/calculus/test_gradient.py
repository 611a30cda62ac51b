"""Gradients against JAX, against the numbers of mission.md, and against the bound on their cost."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

from jax_oracle import jax_gradient, jax_hessian
from mission_models import MODELS, XOR, activated, chain, gate, network, network_nodes, neuron
from sampling import sampled
from steepest.calculus.gradient import gradient
from steepest.calculus.layers import find_layers
from steepest.calculus.program import lower
from steepest.calculus.stability import stabilise
from steepest.engines import evaluate
from steepest.errors import GradientError, SteepestError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, data, params, toposort
from strategies import random_cases

# Parameters lie between 0.1 and 2 and values within ±8 (strategies.py), so that 1 is the natural size of a
# derivative: where it is smaller, larger parts have cancelled and their round-off stays. Seen: below 1e-14.
CLOSE = 1e-12

RANDOM = random_cases(300)


def apart(found: Any, wanted: Any) -> float:
    """The largest difference, relative to the larger of the value wanted and 1; ∞ for NaN or another shape."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape:
        return math.inf
    gap = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1)
    return float(np.max(np.where(np.isnan(gap), np.inf, gap)))


# -- random formulas -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", sampled(range(10), 10))
def test_random_formulas_agree_with_jax(part: int) -> None:
    compared = 0
    for case in RANDOM[part::10]:
        value, expected = jax_gradient(case.cost, case.values, case.rows)
        assert apart(evaluate(case.cost, case.values), value) < CLOSE, case
        # One by one: a partial must hold everything its value needs, even the number of samples.
        found = {name: evaluate(partial, case.values) for name, partial in gradient(case.cost).items()}
        assert list(found) == list(case.cost.parameters)
        for name, partial in expected.items():
            assert apart(found[name], partial) < CLOSE, (case, name)
            compared += 1
    assert compared >= 30


@pytest.mark.parametrize("part", sampled(range(4), 4))
def test_random_formulas_by_data(part: int) -> None:
    compared = 0
    for case in [case for case in random_cases(60, seed=5) if case.cost.data][part::4]:
        names = case.cost.data
        _, expected = jax_gradient(case.cost, case.values, case.rows, names)
        for name, partial in gradient(case.cost, wrt=names).items():
            found = evaluate({"partial": partial, "cost": case.cost}, case.values)["partial"]
            full = np.broadcast_to(found, expected[name].shape) if not partial.per_sample else found
            assert apart(full, expected[name]) < CLOSE, (case, name)
            compared += 1
    assert compared >= 15


@pytest.mark.parametrize("part", sampled(range(4), 4))
def test_second_derivatives_of_random_formulas(part: int) -> None:
    compared = 0
    for case in random_cases(40, seed=7)[part::4]:
        expected = jax_hessian(case.cost, case.values, case.rows)
        for a, partial in gradient(case.cost).items():
            rows = partial if not partial.shape else op.sum_(partial)
            second = gradient(rows, wrt=rows.parameters)
            for b, wanted in expected[a].items():
                axes = tuple(range(len(partial.shape)))
                summed = wanted.sum(axis=axes)  # over the elements of a, as op.sum_ does
                found = evaluate(second[b], case.values) if b in second else np.zeros_like(summed)
                # Second derivatives of these formulas reach a few hundred, their parts a few thousand.
                assert apart(found, summed) < 1e-10, (case, a, b)
                compared += 1
    assert compared >= 40


# -- what a gradient costs -------------------------------------------------------------------------------------


def cost_ratio(cost: Expression) -> float:
    """Primitive operations of the cost with all partials, less one a parameter, over those of the cost alone."""
    partials = gradient(cost)
    stable = stabilise([cost])[cost]
    return (lower([stable, *partials.values()]).cost - len(partials)) / lower([stable]).cost


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_gradient_of_the_models_costs_at_most_four_times_the_cost(model: Any) -> None:
    assert cost_ratio(model()[0]) <= 4


def test_gradient_of_random_formulas_costs_at_most_four_times_the_cost() -> None:
    ratios = np.array([cost_ratio(case.cost) for case in RANDOM])
    assert ratios.max() <= 4
    # Most cost far less; this notices when sharing between the cost and its partials is lost.
    assert np.median(ratios) <= 1.5
    assert np.quantile(ratios, 0.9) <= 2.2


# -- the numbers of mission.md ---------------------------------------------------------------------------------


def test_line_a2() -> None:
    cost, values = MODELS["A2 line"]()
    for w in (-1.0, 0.5, 2.0, 7.0):
        assert evaluate(gradient(cost)["w"], {**values, "w": w}) == pytest.approx(12 * (w - 2), rel=1e-15, abs=0)


def test_neuron_a3_against_the_derivatives_by_hand() -> None:
    cost, values = neuron()
    found = evaluate(gradient(cost), values)
    x, y, z = (np.array(values[name], dtype=float) for name in "xyz")
    a = 1 / (1 + np.exp(-(0.3 * x + 0.6 * y + 0.1)))
    by_hand = 2 * (a - z) * a * (1 - a)
    assert found["w1"] == pytest.approx(np.mean(by_hand * x), rel=1e-14)
    assert found["w2"] == pytest.approx(np.mean(by_hand * y), rel=1e-14)
    assert found["b"] == pytest.approx(np.mean(by_hand), rel=1e-14)


def test_two_neurons_b2_against_the_derivatives_by_hand() -> None:
    cost, values = chain(2)
    x, y = np.array(values["x"]), np.array(values["y"])
    a1 = 1 / (1 + np.exp(-(0.8 * x + 0.1)))
    a2 = 1 / (1 + np.exp(-(-1.2 * a1 + 0.2)))
    outer = 2 * (a2 - y) * a2 * (1 - a2)
    inner = outer * -1.2 * a1 * (1 - a1)
    wanted = {"w1": np.mean(inner * x), "b1": np.mean(inner), "w2": np.mean(outer * a1), "b2": np.mean(outer)}
    found = evaluate(gradient(cost), values)
    for name, partial in wanted.items():
        assert found[name] == pytest.approx(partial, rel=1e-14)


def test_chain_b3() -> None:
    cost, values = chain(3)
    assert evaluate(cost, values) == pytest.approx(0.10066907992807, abs=5e-15)
    found = evaluate(gradient(cost), values)
    for k, wanted in enumerate((-0.00088871939300, 0.00872979338694, 0.01708348256320), start=1):
        assert found[f"w{k}"] == pytest.approx(wanted, abs=5.1e-15)
    for k, wanted in enumerate((-0.00485746956038, 0.01577233315505, 0.04419958695312), start=1):
        assert found[f"b{k}"] == pytest.approx(wanted, abs=5.1e-15)


D4 = {
    "W2": [0.0219970705775, -0.0345958627846, 0.0088126017206],
    "b2": 0.0677881428681,
    "W1": [
        [0.0108130806424, -0.0494984559789, 0.0182750289330],
        [-0.0354212999701, -0.0219369363924, 0.0089030181238],
    ],
}


def test_network_d4() -> None:
    cost, values = network()
    assert evaluate(cost, values) == pytest.approx(0.7097567018201, abs=5.1e-14)
    found = evaluate(gradient(cost), values)
    for name, wanted in D4.items():
        assert np.max(np.abs(found[name] - np.array(wanted))) < 5.1e-14


def test_network_d4_vectorised_backward_equations() -> None:
    """dZ2 = A2 − Y, dW2 = 1/m dZ2 A1ᵀ, …, in NumPy; and dZ2 is that for cross-entropy alone."""
    cost, values = network()
    nodes = evaluate(network_nodes(), values)
    m, X, y = 4, XOR["X"], XOR["y"]
    dz2 = nodes["a2"] - y
    dz1 = np.outer(dz2, values["W2"]) * (1 - nodes["a1"] ** 2)
    wanted = {"W2": dz2 @ nodes["a1"] / m, "b2": dz2.mean(), "W1": X.T @ dz1 / m, "b1": dz1.mean(axis=0)}
    found = evaluate(gradient(cost), values)
    for name, partial in wanted.items():
        assert apart(found[name], partial) < 1e-15
    z2 = network_nodes()["z2"]
    by_z2 = evaluate(gradient(cost, wrt=[z2])[z2], values)
    assert np.max(np.abs(m * by_z2 - dz2)) < 1e-15
    squares, _ = network("squares")
    by_squares = m * evaluate(gradient(squares, wrt=[z2])[z2], values)
    a2 = nodes["a2"]
    assert np.max(np.abs(by_squares - 2 * (a2 - y) * a2 * (1 - a2))) < 1e-15
    assert np.min(np.abs(by_squares - dz2)) > 0.1


def test_gate_e6_with_its_inner_node() -> None:
    cost, values = gate()
    q = cost.args[0]
    found = evaluate(gradient(cost, wrt=[q, "x", "y", "z"]), values)
    assert evaluate({"q": q, "f": cost}, values) == {"q": 3, "f": -12}
    assert [found[name] for name in (q, "x", "y", "z")] == [-4, -4, -4, 3]


def test_relu_e7_node_by_node() -> None:
    cost, values = activated(op.relu)()
    e = cost.args[0]
    a = e.args[1]
    z = a.args[0]
    s = z.args[0]
    assert [evaluate(node, values) for node in (s, z, a, e, cost)] == [5, 6, 6, -2, 4]
    found = evaluate(gradient(cost, wrt=[e, a, z, s, "w", "b"]), values)
    assert [found[key] for key in (e, a, z, s, "w", "b")] == [-4, 4, 4, 4, 20, 4]
    moved = {**values, "w": 1 - 0.01 * found["w"], "b": 1 - 0.01 * found["b"]}
    assert (moved["w"], moved["b"]) == (0.8, 0.96)
    assert evaluate(cost, moved) == pytest.approx(0.9216, rel=1e-14)


def test_sigmoid_e8_has_the_local_derivative_a_times_one_minus_a() -> None:
    cost, values = activated(op.sigmoid)()
    a = cost.args[0].args[1]
    found = evaluate(gradient(cost, wrt=[a, a.args[0]]), values)
    value = 1 / (1 + math.exp(-6))
    assert found[a.args[0]] / found[a] == pytest.approx(value * (1 - value), rel=1e-13)
    z = params("z")
    assert evaluate(gradient(op.sigmoid(z)), {"z": 1.0})["z"] == pytest.approx(0.196612, abs=5e-7)


# -- layer by layer --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", range(1, 7))
def test_layerwise_factor_of_a_chain_is_exact(m: int) -> None:
    cost, values = chain(m)
    true, layered = evaluate(gradient(cost), values), evaluate(gradient(cost, method="layerwise"), values)
    for k in range(1, m + 1):
        for name in (f"w{k}", f"b{k}"):
            assert layered[name] == 2 ** (m - k) * true[name] != 0


def test_layerwise_factor_of_networks() -> None:
    cost, values = MODELS["XOR network"]()
    true, layered = evaluate(gradient(cost), values), evaluate(gradient(cost, method="layerwise"), values)
    for name, factor in (("W1", 2), ("b1", 2), ("W2", 1), ("b2", 1)):
        assert np.array_equal(layered[name], factor * true[name])
        assert np.all(layered[name] != 0)


def linear_output() -> tuple[Expression, dict[str, Any]]:
    x, y = data("x", "y")
    hidden = op.tanh(x * params("w1") + params("b1"))
    values = {"x": [0.2, -0.4, 1], "y": [0.3, 0.6, 0.9], "w1": 0.8, "b1": 0.1, "w2": -1.2, "b2": 0.2}
    return op.mean((hidden * params("w2") + params("b2") - y) ** 2), values


def test_layerwise_with_a_linear_output_layer() -> None:
    """The linear layer is the second: what lies below the activation starts from twice what reached it."""
    cost, values = linear_output()
    true, layered = evaluate(gradient(cost), values), evaluate(gradient(cost, method="layerwise"), values)
    for name, factor in (("w1", 2), ("b1", 2), ("w2", 1), ("b2", 1)):
        assert layered[name] == factor * true[name] != 0


def test_layerwise_with_layers_named() -> None:
    cost, values = chain(4)
    layers = [layer.output for layer in find_layers(cost)]
    assert [layer.operation.name for layer in layers] == ["sigmoid"] * 4
    true = evaluate(gradient(cost), values)
    some = evaluate(gradient(cost, method="layerwise", layers=[layers[1], layers[3]]), values)
    for k, factor in ((1, 2), (2, 2), (3, 1), (4, 1)):
        assert some[f"w{k}"] == factor * true[f"w{k}"]
    none = evaluate(gradient(cost, method="layerwise", layers=[]), values)
    assert none == true


def test_layerwise_needs_layers_that_follow_one_another() -> None:
    x, y = data("x", "y")
    left, right = op.sigmoid(x * params("u")), op.sigmoid(x * params("v"))
    cost = op.mean((left + right - y) ** 2)
    assert find_layers(cost) == ()
    with pytest.raises(GradientError, match=r"follow one another.*sigmoid\(x\*v\) does not depend on"):
        gradient(cost, method="layerwise", layers=[left, right])


# -- deep, large, hard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("terms", sampled([20_000, 100_000], 2))
def test_long_sum(terms: int) -> None:
    x, w = data("x"), params("w")
    whole = w * x
    for k in range(1, terms):
        whole = whole + k * w
    partial = gradient(op.mean(whole))["w"]
    # d/dw of x w + w Σ k: the mean of x, plus (terms − 1) · terms / 2.
    found = evaluate({"w": partial, "x": op.mean(x)}, {"x": [1.0, 4.0], "w": 0.5})["w"]
    assert found == pytest.approx(2.5 + (terms - 1) * terms / 2, rel=1e-14)


@pytest.mark.parametrize("depth", sampled([10_000, 50_000], 2))
def test_deep_chain(depth: int) -> None:
    w = params("w")
    x = w
    for _ in range(depth):
        x = op.sin(x)
    value, derivative = 1.0, 1.0
    for _ in range(depth):
        value, derivative = math.sin(value), derivative * math.cos(value)
    assert evaluate(gradient(x)["w"], {"w": 1.0}) == pytest.approx(derivative, rel=1e-9)


def test_many_parameters_take_linear_time() -> None:
    def seconds(n: int) -> float:
        x = data("x")
        cost = op.mean(sum((params(f"w{k}") * x for k in range(1, n)), params("w0")) ** 2)
        begin = time.process_time()
        assert len(gradient(cost)) == n
        return time.process_time() - begin

    seconds(50)
    small, large = min(seconds(500) for _ in range(3)), min(seconds(4000) for _ in range(3))
    assert large / small < 30  # 8 times as many; a quadratic sweep would take 64 times as long


@pytest.mark.parametrize(("z", "slope"), [(1000.0, 0.0), (-1000.0, -1.0), (0.0, -0.5), (40.0, -math.exp(-40))])
def test_cross_entropy_does_not_overflow(z: float, slope: float) -> None:
    x, w = data("x"), params("w")
    cost = op.mean(-op.log(op.sigmoid(w * x)))
    found = evaluate({"cost": cost, **gradient(cost)}, {"x": [1.0, 1.0], "w": z})
    assert found["cost"] == pytest.approx(max(-z, 0) + math.log1p(math.exp(-abs(z))), rel=1e-14)
    assert found["w"] == pytest.approx(slope, rel=1e-14)


def test_complement_of_the_sigmoid_does_not_overflow() -> None:
    cost = op.mean(-op.log(1 - op.sigmoid(params("w") * data("x"))))
    assert evaluate(gradient(cost)["w"], {"x": [1.0, 1.0], "w": 1000.0}) == 1


def test_branch_not_taken_leaves_no_nan() -> None:
    x, w = data("x"), params("w")
    assert evaluate(gradient(op.sqrt(op.relu(w)))["w"], {"w": -1.0}) == 0
    assert evaluate(gradient(op.sqrt(op.relu(w)))["w"], {"w": 4.0}) == 0.25
    # The sample with x < 0 has the slope 0, not 0·∞.
    found = evaluate(gradient(op.mean(op.sqrt(op.relu(w * x))))["w"], {"x": [4.0, -1.0], "w": 1.0})
    assert found == pytest.approx(0.5, rel=1e-15)


@pytest.mark.parametrize(
    ("build", "slope"),
    [
        (lambda w, x: op.total(w - x), 3),
        (lambda w, x: op.total(2 * (x - w)), -6),
        (lambda w, x: op.mean(x) + w * op.count(), 3),
        (lambda w, x: op.mean(x) + w / op.count(), 1 / 3),
        (lambda w, x: op.mean(w + x), 1),
    ],
)
def test_partial_without_data_still_knows_the_number_of_samples(build: Any, slope: float) -> None:
    cost = build(params("w"), data("x"))
    assert evaluate(gradient(cost)["w"], {"x": [1.0, np.nan, 3.0], "w": 5.0}) == pytest.approx(slope, rel=1e-15)


def test_partial_without_data_for_rows_of_features() -> None:
    X, v = data("X", shape=2), params("v", shape=2)
    found = evaluate(gradient(op.total(op.sum_(v - X)))["v"], {"X": np.ones((5, 2)), "v": [0.0, 1.0]})
    assert found.tolist() == [5, 5]


def test_gradient_holds_no_derivative_through_one_hot() -> None:
    t, W = data("t"), params("W", shape=3)
    cost = op.mean(op.dot(op.one_hot(t, attributes=(3,)), W)) + op.sum_(op.one_hot(params("w"), attributes=(2,)))
    found = evaluate(gradient(cost), {"t": [0, 2, 2, 1], "W": [1.0, 2, 3], "w": 0.5})
    assert found["W"].tolist() == [0.25, 0.25, 0.5]
    assert found["w"] == 0


# -- errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "arguments", "words"),
    [
        (lambda x, w: x * w, {}, r"x\*w has one value per sample; take its mean, total or sum"),
        (lambda x, w: op.expand(w, attributes=(3,)), {}, r"has the shape \(3,\); take its mean, total or sum"),
        (lambda x, w: op.mean(x * w), {"wrt": ["v"]}, r"the name 'v' does not occur in mean\(x\*w\)"),
        (lambda x, w: op.mean(x * params("weight")), {"wrt": ["wieght"]}, "did you mean 'weight'"),
        (lambda x, w: op.mean(x * w), {"method": "newton"}, "'newton'; choose 'backprop' or 'layerwise'"),
    ],
)
def test_errors(build: Any, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(GradientError, match=words) as caught:
        gradient(build(data("x"), params("w")), **arguments)
    assert "\n" not in str(caught.value)


def test_one_name_for_two_things() -> None:
    with pytest.raises(SteepestError, match="the name 'x' is used twice, for"):
        gradient(op.mean(data("x") * params("x")))


def test_a_node_that_does_not_lead_to_the_cost_has_no_slope() -> None:
    w, v = params("w", "v")
    assert evaluate(gradient(w**2, wrt=[v])[v], {"w": 2.0}) == 0
    assert not any(node.operation.name == "sin" for node in toposort(gradient(w**2, wrt=[op.sin(w)]).values()))
