"""What a descent records and warns about, against loops in plain NumPy and closed forms."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import steepest as st
from mission_models import neuron, small_network
from places import IRIS
from plain_loops import NAND, START, nand_loop, twice
from steepest.training.descent import Descent, descend


def nand(**settings: Any) -> Descent:
    return descend(neuron()[0], NAND, START, **settings)


# -- the record --------------------------------------------------------------------------------------------------


def test_history_and_path_are_bounded_and_true() -> None:
    epochs = 100_000
    run = nand(epochs=epochs)
    costs, path = nand_loop(epochs)
    assert len(run.history) == len(run.path)
    assert 900 <= len(run.history) <= 2000
    numbers = [epoch for epoch, _ in run.history]
    assert numbers == [epoch for epoch, _ in run.path]
    assert numbers[0] == 0
    assert numbers[-1] == epochs
    assert all(b > a for a, b in itertools.pairwise(numbers))
    np.testing.assert_allclose([cost for _, cost in run.history], [costs[k] for k in numbers], rtol=1e-9)
    found = [[row[name] for name in START] for _, row in run.path]
    np.testing.assert_allclose(found, [path[k] for k in numbers], rtol=1e-9)


@pytest.mark.parametrize("epochs", [1, 5, 1999, 2000, 2001, 4001])
def test_history_ends_where_the_run_ends(epochs: int) -> None:
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 0.01, epochs)
    assert run.history[0] == (0, 24.0)
    assert run.history[-1] == (epochs, run.cost)
    assert run.path[-1] == (epochs, run.params)
    assert len(run.history) == (epochs + 1 if epochs <= 1999 else len(run.history)) <= 2000


def test_text_of_a_run() -> None:
    text = str(nand(epochs=1000))
    assert "cost 0.0626237279" in text
    assert "1000 epochs" in text
    assert "w1 = -1.743578914" in text


# -- warnings ----------------------------------------------------------------------------------------------------


def rise_warnings(run: Descent) -> list[str]:
    return [text for text in run.warnings if "guaranteed to first order only" in text]


@pytest.mark.parametrize(("share", "rises"), [(0.999, False), (1.001, True)])
def test_a2_converges_below_a_sixth_only(share: float, rises: bool) -> None:
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, share / 6, 50)
    assert bool(rise_warnings(run)) is rises
    assert (run.cost > 24) is rises
    assert run.stop == "epochs"


@pytest.mark.parametrize(("share", "rises"), [(0.999, False), (1.001, True)])
def test_bowl_needs_a_rate_below_a_half(share: float, rises: bool) -> None:
    """2x² + y² from y = 0: x shrinks by |1 − 4α|."""
    x, y = st.params("x", "y")
    run = descend(2 * x**2 + y**2, None, {"x": 1, "y": 0}, share / 2, 50)
    assert bool(rise_warnings(run)) is rises
    if rises:
        assert f"in {50} of the epochs, first at epoch 1" in rise_warnings(run)[0]


def test_the_last_epoch_is_looked_at() -> None:
    run = descend(st.params("x") ** 2, None, {"x": 1}, 1.5, 1)
    assert run.cost == 4
    assert len(rise_warnings(run)) == 1
    assert "in 1 of the epochs, first at epoch 1" in rise_warnings(run)[0]


def test_a_climb_that_falls() -> None:
    run = descend(-(st.params("x") ** 2), None, {"x": 1}, 1.1, 3, maximise=True)
    assert len(rise_warnings(run)) == 1
    assert "fell in 3 of the epochs" in rise_warnings(run)[0]


def test_differences_are_not_exact_so_a_rise_says_nothing() -> None:
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 1.001 / 6, 50, gradient="finite-difference")
    assert run.cost > 24
    assert run.warnings == []


@pytest.mark.parametrize(("dtype", "scale"), [("float64", 1e4), ("float32", 1), ("float32", 30), ("float32", 1e4)])
def test_round_off_in_a_sum_over_samples_is_no_rise(dtype: str, scale: float) -> None:
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, 200)
    table = {"x": x, "y": scale * (1.5 * x + rng.normal(size=200))}
    X, Y = st.data("x", "y")
    cost = st.mean((X * st.params("w") + st.params("b") - Y) ** 2)
    assert descend(cost, table, rate=0.05, epochs=3000, dtype=dtype).warnings == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_round_off_by_cancellation_is_no_rise(dtype: str) -> None:
    """The minimum is 0, the difference of numbers around 1."""
    assert descend(st.parse("exp(x) - x - 1"), None, {"x": 2}, 0.01, 6000, dtype=dtype).warnings == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("text", ["x^2 - 2*x + 1", "(x - 0.3)^2", "(x - 0.3)^2 + 7", "exp(x) - x"])
def test_round_off_at_the_minimum_is_no_rise(text: str, dtype: str) -> None:
    run = descend(st.parse(text), None, {"x": 3.1}, 0.07, 4000, dtype=dtype)
    assert run.warnings == []


def test_xor_has_no_minimum_nearby_and_says_so() -> None:
    """The local minimum of mission.md, after 10,000 epochs."""
    cost, values = small_network()
    start = {name: value for name, value in values.items() if name not in ("X", "y")}
    run = descend(cost, {"X": values["X"], "y": values["y"]}, start, 1.0, 10_000)
    assert run.cost == pytest.approx(0.12539207453, abs=5e-12)
    assert run.reason == "budget"
    assert run.message.endswith("not converged: a Newton step would lower the cost by 0.14 %, moving b1[0] most")


def test_a_saddle_is_a_plateau() -> None:
    """x·u·w at u = w = 0: no slope, and not the minimum, for the cost is of degree 4."""
    x, y = st.data("x", "y")
    u, w = st.params("u", "w")
    table = {"x": np.arange(5.0), "y": 2 * np.arange(5.0)}
    run = descend(st.mean((x * u * w - y) ** 2), table, {"u": 0, "w": 0}, 0.01, 200)
    assert run.cost == 24
    assert run.reason == "plateau"


def test_no_plateau_in_a_descent_that_still_goes_on() -> None:
    """After 150 epochs the cost is still 75 % of what it was, but it falls."""
    early = nand(epochs=150)
    assert early.cost > 0.25 * early.history[0][1]
    assert early.reason != "plateau"
    assert nand(epochs=1000).reason != "plateau"
    assert nand(epochs=100_000).reason != "plateau"
    cost, table = twice()
    assert descend(cost, table, {"w": 0}, 0.1, 1000).warnings == []


def test_a_start_at_cost_0_is_no_plateau() -> None:
    """By differences the descent leaves it a little; the cost is then infinitely more than it was."""
    x, y = st.data("x", "y")
    cost = st.mean((x * st.params("w") - y) ** 4)
    table = {"x": np.arange(5.0), "y": 2 * np.arange(5.0)}
    run = descend(cost, table, {"w": 2.0}, 0.01, 5000, gradient="finite-difference", step=0.1)
    assert run.cost == pytest.approx(np.mean(np.arange(5.0) ** 4) * 0.05**4, rel=1e-6)  # w = 2 − ε/2
    assert run.cost > 0 == run.history[0][1]
    assert run.warnings == []


@pytest.mark.parametrize("noise", [0.1, 3.0])
def test_no_plateau_in_a_regression_that_reached_least_squares(noise: float) -> None:
    """A quadratic cost has one minimum, however much of it is noise."""
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, 200)
    y = 1.5 * x - 0.5 + noise * rng.normal(size=200)
    X, Y = st.data("x", "y")
    run = descend(
        st.mean((X * st.params("w") + st.params("b") - Y) ** 2), {"x": x, "y": y}, {"w": 0, "b": 0}, 0.3, 2000
    )
    solved = np.linalg.lstsq(np.stack([x, np.ones(200)], axis=1), y, rcond=None)[0]
    assert [run.params["w"], run.params["b"]] == pytest.approx(list(solved), abs=1e-10)
    assert run.warnings == []
    if noise > 1:  # the case is one that a look at the cost alone would take for a plateau
        assert run.cost > 0.25 * run.history[0][1]


@pytest.mark.parametrize("cost", ["mse", "cross_entropy"])
def test_no_plateau_on_iris(cost: str) -> None:
    iris = IRIS
    for species in ("virginica", "setosa"):
        model = st.Model(f"{species} ~ sigmoid(petal_length*w1 + petal_width*w2 + b)", cost)
        model.fit(iris, epochs=5000)
        assert model.run is not None
        assert model.run.reason != "plateau"
