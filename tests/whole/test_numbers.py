"""The numbers that the notes ask for, to the digits given there; the row of each is named."""

from __future__ import annotations

import numpy as np
import pytest

import steepest as st
from printed_numbers import NAND_START, digits

TWICE = {"x": [0, 1, 2, 3, 4], "y": [0, 2, 4, 6, 8]}
GATE = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}


def test_digits_can_fail() -> None:
    assert digits(0.06262372790651, "0.0626237279065")
    assert not digits(0.06262372800000, "0.0626237279065")
    assert digits(5.37082e-06, "5.3708e-06")
    assert not digits(5.38e-06, "5.3708e-06")


# -- A ---------------------------------------------------------------------------------------------------------


def test_a1_difference_shrinks_until_round_off_takes_over() -> None:
    cost = st.models.linear().cost
    rows = st.shrinking_steps(cost, {**TWICE, "w": 5})
    assert [row.step for row in rows] == [10.0**-k for k in range(17)]
    # C'(w) = 12(w − 2), and (C(w + ε) − C(w))/ε − C'(w) = 6ε exactly.
    for row in rows[:5]:
        assert row.error == pytest.approx(6 * row.step, rel=1e-5)
    best = min(rows, key=lambda row: row.error)
    assert 1e-10 < best.step < 1e-6
    assert rows[-1].error > 1e3 * best.error


@pytest.mark.parametrize("w", [-3.0, 0.0, 2.0, 2.5])
def test_a2_derivative_is_12_times_w_minus_2(w: float) -> None:
    partial = st.gradient(st.models.linear().cost)["w"]
    assert st.evaluate(partial, {**TWICE, "w": w}) == pytest.approx(12 * (w - 2), abs=1e-13)


def test_a2_converges_below_a_sixth_and_diverges_at_a_fifth() -> None:
    cost = st.models.linear().cost
    fine = st.descend(cost, TWICE, start={"w": 0}, rate=0.166, epochs=8000)
    assert fine.params["w"] == pytest.approx(2, abs=1e-12)
    assert not fine.diverged
    worse = st.descend(cost, TWICE, start={"w": 0}, rate=0.2, epochs=8000)
    assert worse.diverged
    assert "0.2 is too large" in worse.message


def test_a2_by_forward_difference_settles_beside_the_minimum() -> None:
    """At w = 2 − ε/2, since the difference there is 12(w − 2) + 6ε."""
    run = st.descend(
        st.models.linear().cost, "twice", start={"w": 0}, rate=0.05, gradient="finite-difference", step=1e-3
    )
    assert run.params["w"] == pytest.approx(1.9995, abs=1e-9)


def test_a3_a6_nand_by_gradient_descent() -> None:
    run = st.descend(st.models.neuron().cost, "nand", start=NAND_START, rate=0.1, epochs=1000)
    assert digits(run.params["w1"], "-1.7435789139926")
    assert digits(run.params["w2"], "-1.7347777264922")
    assert digits(run.params["b"], "2.7718489622682")
    assert digits(run.cost, "0.0626237279065")
    assert run.epochs == 1000


@pytest.mark.slow
def test_a6_nand_after_eight_million_epochs() -> None:
    run = st.descend(st.models.neuron().cost, "nand", start=NAND_START, rate=0.1, epochs=8_000_000)
    # The notes' page cuts the weights off after seven decimals; a loop in C with long doubles gives −11.7982395528862.
    assert f"{run.params['w1']:.9f}".startswith("-11.7982395")
    assert f"{run.params['w2']:.9f}".startswith("-11.7982395")
    assert run.params["w1"] == pytest.approx(-11.7982395528862, abs=1e-10)
    assert digits(run.params["b"], "17.7818293")
    assert digits(run.cost, "5.3708e-06")


@pytest.mark.parametrize("gate", ["and", "or", "nand"])
def test_a4_gates_are_learned(gate: str) -> None:
    model = st.models.neuron().fit(gate, start=NAND_START, rate=1.0, epochs=2000)
    expected = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0]}[gate]
    assert (model.predict(gate) > 0.5).tolist() == [bool(z) for z in expected]


def test_a5_nand_by_finite_difference() -> None:
    run = st.descend(
        st.models.neuron().cost, "nand", start=NAND_START, rate=0.1, epochs=1000,
        gradient="finite-difference", step=1e-3, scheme="forward",
    )  # fmt: skip
    assert digits(run.params["w1"], "-1.7436117135")
    assert digits(run.params["w2"], "-1.7348100207")
    assert digits(run.params["b"], "2.7713955766")
    assert digits(run.cost, "0.0626302376")


# -- B ---------------------------------------------------------------------------------------------------------

CHAIN = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}
CHAIN_AT = {"w1": 0.8, "w2": -1.2, "w3": 1.5, "b1": 0.1, "b2": 0.2, "b3": -0.3}


def test_b3_chain_of_three() -> None:
    cost = st.models.chain(3).cost
    assert digits(st.evaluate(cost, {**CHAIN, **CHAIN_AT}), "0.10066907992807")
    printed = {
        "w1": "-0.00088871939300", "w2": "0.00872979338694", "w3": "0.01708348256320",
        "b1": "-0.00485746956038", "b2": "0.01577233315505", "b3": "0.04419958695312",
    }  # fmt: skip
    found = st.evaluate(st.gradient(cost), {**CHAIN, **CHAIN_AT})
    assert {name: digits(found[name], text) for name, text in printed.items()} == dict.fromkeys(printed, True)


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 6])
def test_b4_layerwise_is_a_power_of_two_times_the_gradient(m: int) -> None:
    cost = st.models.chain(m).cost
    rng = np.random.default_rng(m)
    values = {**CHAIN, **{name: rng.normal() for name in cost.parameters}}
    true = st.evaluate(st.gradient(cost), values)
    layerwise = st.evaluate(st.gradient(cost, method="layerwise"), values)
    for layer in range(1, m + 1):
        for letter in "wb":
            name = f"{letter}{layer}"
            assert layerwise[name] / true[name] == pytest.approx(2 ** (m - layer), rel=1e-12)


def test_b4_layerwise_still_descends_to_the_same_point() -> None:
    """On data that a chain of two made itself, both methods reach cost 0 from the same start."""
    model = st.models.chain(2)
    target = model.predict({"x": CHAIN["x"]}, params={"w1": 2, "b1": -0.5, "w2": -3, "b2": 1})
    start = {"w1": 1.5, "b1": -0.3, "w2": -2.5, "b2": 0.8}
    for method in ("backprop", "layerwise"):
        table = {"x": CHAIN["x"], "y": target}
        run = st.descend(model.cost, table, start=start, rate=2, epochs=20000, gradient=method)
        assert run.cost < 1e-6


# -- D ---------------------------------------------------------------------------------------------------------

D4_AT = {"W1": [[0.5, -0.4, 0.2], [0.3, 0.8, -0.7]], "b1": [0.1, -0.2, 0.05], "W2": [0.7, -0.6, 0.4], "b2": 0.05}


@pytest.mark.parametrize("z", [-30.0, -2.0, -0.5, 0.7, 3.0, 40.0])
def test_d2_activations(z: float) -> None:
    """Values and derivatives against the formulas of the slides, written out with Python's exponential."""
    import math

    x = st.params("x")
    sigmoid = 1 / (1 + math.exp(-z))
    tanh = (math.exp(z) - math.exp(-z)) / (math.exp(z) + math.exp(-z))
    expected = {
        st.sigmoid(x): (sigmoid, sigmoid * (1 - sigmoid)),
        st.tanh(x): (tanh, 4 / (math.exp(z) + math.exp(-z)) ** 2),
        st.relu(x): (max(0.0, z), 1.0 if z > 0 else 0.0),
        st.leaky_relu(x): (max(0.01 * z, z), 1.0 if z > 0 else 0.01),
    }
    for activation, (value, slope) in expected.items():
        assert st.evaluate(activation, {"x": z}) == pytest.approx(value, rel=1e-14)
        assert st.evaluate(st.gradient(activation)["x"], {"x": z}) == pytest.approx(slope, rel=1e-9, abs=2e-16)


def test_d2_tanh_does_not_overflow() -> None:
    """The slides write it by exponentials, which overflow at 710; so does a formula, and is put right."""
    text = "(exp(z) - exp(-z))/(exp(z) + exp(-z))"
    assert st.evaluate(st.parse(text), {"z": 800}) == 1
    assert st.evaluate(st.parse(text), {"z": 0.3}) == pytest.approx(np.tanh(0.3), rel=1e-15)


def test_d1_e1_threshold_units_as_truth_tables() -> None:
    """OR at given weights; XOR from OR, NAND and AND."""
    unit = st.models.threshold_unit()
    assert unit.predict("or", params={"w1": 1, "w2": 1, "b": -1}).tolist() == [0, 1, 1, 1]
    xor = st.Model("z ~ step(step(x*w1 + y*w2 + b1)*w5 + step(x*w3 + y*w4 + b2)*w6 + b3)", data=["x", "y", "z"])
    weights = {"w1": 1, "w2": 1, "b1": -1, "w3": -1, "w4": -1, "b2": 1, "w5": 1, "w6": 1, "b3": -2}
    assert xor.predict("xor", params=weights).tolist() == [0, 1, 1, 0]


def test_d4_two_layers_forward_and_backward() -> None:
    model = st.models.network([2, 3, 1], activation="tanh", output="sigmoid")
    values = {**GATE, **D4_AT, "W2": np.reshape(D4_AT["W2"], (3, 1)), "b2": [0.05]}
    assert digits(st.evaluate(model.cost, values), "0.7097567018201")
    found = st.evaluate(st.gradient(model.cost), values)
    for value, text in zip(
        found["W2"].ravel(), ["0.0219970705775", "-0.0345958627846", "0.0088126017206"], strict=True
    ):
        assert digits(value, text)
    assert digits(found["b2"].item(), "0.0677881428681")
    rows = [
        ["0.0108130806424", "-0.0494984559789", "0.0182750289330"],
        ["-0.0354212999701", "-0.0219369363924", "0.0089030181238"],
    ]
    for values_row, texts in zip(found["W1"], rows, strict=True):
        assert [digits(value, text) for value, text in zip(values_row, texts, strict=True)] == [True] * 3


def test_d4_vectorised_formulas_by_hand() -> None:
    """dZ2 = A2 − Y, dW2 = 1/m A1ᵀ dZ2, dZ1 = dZ2 W2ᵀ ∗ (1 − A1²), dW1 = 1/m Xᵀ dZ1 (rows are samples here)."""
    model = st.models.network([2, 3, 1])
    X, Y = np.array(GATE["X"], float), np.array(GATE["y"], float)[:, None]
    W1, b1, W2, b2 = (np.array(D4_AT[name], float) for name in ("W1", "b1", "W2", "b2"))
    W2 = W2[:, None]
    A1 = np.tanh(X @ W1 + b1)
    A2 = 1 / (1 + np.exp(-(A1 @ W2 + b2)))
    dZ2 = A2 - Y
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    expected = {"W2": A1.T @ dZ2 / 4, "b2": dZ2.mean(0), "W1": X.T @ dZ1 / 4, "b1": dZ1.mean(0)}
    found = st.evaluate(st.gradient(model.cost), {**GATE, **D4_AT})
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-16)


def test_d5_xor_stops_in_a_local_minimum_and_says_so() -> None:
    model = st.models.network([2, 2, 1], activation="sigmoid", output="sigmoid", cost="mse")
    start = {"W1": [[0.5, -0.4], [0.3, 0.8]], "b1": [0.1, -0.2], "W2": [0.7, -0.6], "b2": 0.05}
    model.fit(GATE, start=start, rate=1, epochs=10_000)
    assert model.run is not None
    assert digits(model.run.cost, "0.12539207453")
    assert "not converged: a Newton step would lower the cost by 0.14 %" in model.run.message


# -- E ---------------------------------------------------------------------------------------------------------


def test_e2_slope_of_one_variable() -> None:
    x = st.params("x")
    for at, trend in ((-1.0, "decreasing"), (0.0, "stationary"), (2.0, "increasing")):
        found = st.tangent(x**2, at={"x": at}, move={"x": 0.01})
        assert found.estimate == pytest.approx(2 * at * 0.01, abs=1e-15)
        assert found.error == pytest.approx(0.01**2, rel=1e-9)
        assert found.trend("x") == trend


def test_e3_tangent_plane() -> None:
    x, y = st.params("x", "y")
    found = st.tangent(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1})
    assert found.path == pytest.approx((0.75, 0.97, 1.08), abs=1e-14)
    assert found.terms == pytest.approx({"x": 0.2, "y": 0.1}, abs=1e-15)
    assert found.tangent_value == pytest.approx(1.05, abs=1e-14)
    assert found.error == pytest.approx(0.03, abs=1e-14)


def test_e4_ascent_on_a_product() -> None:
    x, y = st.params("x", "y")
    run = st.descend(x * y, start={"x": 4, "y": -3}, rate=0.2, epochs=3, maximise=True)
    expected = [(4, -3), (3.4, -2.2), (2.96, -1.52), (2.656, -0.928)]
    for (_, point), place in zip(run.path, expected, strict=True):
        assert (point["x"], point["y"]) == pytest.approx(place, abs=1e-14)
    assert [cost for _, cost in run.history] == pytest.approx([-12, -7.48, -4.4992, -2.464768], abs=1e-13)
    assert st.evaluate(st.gradient(x * y), {"x": 4, "y": -3}) == {"x": -3, "y": 4}


def test_e5_linear_regression_gradient_and_first_order_change() -> None:
    x, y = st.data("x", "y")
    w, b = st.params("w", "b")
    cost = st.mean((y - (w * x + b)) ** 2)
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=30), rng.normal(size=30)
    at = {"x": X, "y": Y, "w": 0.4, "b": -0.2}
    residual = Y - (0.4 * X - 0.2)
    found = st.evaluate(st.gradient(cost), at)
    assert found["w"] == pytest.approx(-2 * np.mean(residual * X), rel=1e-13)
    assert found["b"] == pytest.approx(-2 * np.mean(residual), rel=1e-13)
    alpha = 1e-5
    run = st.descend(cost, {"x": X, "y": Y}, start={"w": 0.4, "b": -0.2}, rate=alpha, epochs=1)
    change = run.cost - st.evaluate(cost, at)
    assert change == pytest.approx(-alpha * (found["w"] ** 2 + found["b"] ** 2), rel=1e-4)


def test_e5_the_cost_may_rise() -> None:
    """2x² + y² descends for α < 0.5 only, A2's data for α < 1/6: a warning says it, the docs never claim otherwise."""
    x, y = st.params("x", "y")
    bowl, start = 2 * x**2 + y**2, {"x": 1.0, "y": 1.0}
    assert not st.descend(bowl, start=start, rate=0.49, epochs=50).warnings
    risen = st.descend(bowl, start=start, rate=0.51, epochs=50)
    assert any("rose" in sentence and "first order" in sentence for sentence in risen.warnings)
    line = st.models.linear().cost
    assert not st.descend(line, "twice", start={"w": 0}, rate=0.166, epochs=20).warnings
    assert any("rose" in s for s in st.descend(line, "twice", start={"w": 0}, rate=0.168, epochs=20).warnings)


def test_e6_computational_graph() -> None:
    x, y, z = st.params("x", "y", "z")
    q = x + y
    f = q * z
    at = {"x": -2, "y": 5, "z": -4}
    assert st.evaluate({"q": q, "f": f}, at) == {"q": 3, "f": -12}
    found = st.evaluate(st.gradient(f, wrt=[q, "z", "x", "y"]), at)
    assert (found[q], found["z"], found["x"], found["y"]) == (-4, 3, -4, -4)


def test_e7_relu_regression_graph() -> None:
    w, b = st.params("w", "b")
    x, y = 5.0, 4.0
    s = w * x
    z = s + b
    a = st.maximum(0, z)
    e = y - a
    J = e**2
    at = {"w": 1, "b": 1}
    assert st.evaluate({"s": s, "z": z, "a": a, "e": e, "J": J}, at) == {"s": 5, "z": 6, "a": 6, "e": -2, "J": 4}
    # The local derivatives, each by its name: ∂J/∂e = 2e, ∂e/∂a = −1, ∂a/∂z = 1 for z > 0, ∂z/∂s = 1, ∂s/∂w = x.
    local = [(J, e, -4), (e, a, -1), (a, z, 1), (z, s, 1), (s, "w", 5)]
    product = 1.0
    for outer, inner, expected in local:
        slope = st.evaluate(st.gradient(outer, wrt=[inner]), at)[inner]
        assert slope == expected
        product *= slope
    found = st.evaluate(st.gradient(J), at)
    assert (found["w"], found["b"], product) == (20, 4, 20)
    run = st.descend(J, start=at, rate=0.01, epochs=1)
    assert run.params == pytest.approx({"w": 0.8, "b": 0.96}, abs=1e-15)
    assert run.cost == pytest.approx(0.9216, abs=1e-14)


def test_e8_sigmoid_local_derivative_is_in_the_result() -> None:
    """a(1 − a) at z = 1, not z(1 − z), which would be 0."""
    z = st.params("z")
    a = st.sigmoid(z)
    assert digits(st.evaluate(a, {"z": 1}), "0.731059")
    assert digits(st.evaluate(st.gradient(a)["z"], {"z": 1}), "0.196612")
