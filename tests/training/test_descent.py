"""The descent, against the numbers of mission.md and against loops in plain NumPy."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import steepest as st
from mission_models import chain, neuron, product, small_network
from plain_loops import NAND, START, nand_loop, sigmoid, twice
from steepest.engines.stepwise import Stepwise
from steepest.errors import DescentError
from steepest.training.descent import Descent, descend


def nand(**settings: Any) -> Descent:
    return descend(neuron()[0], NAND, START, **settings)


# -- the numbers of mission.md -----------------------------------------------------------------------------------


def test_a6_nand_by_backprop() -> None:
    run = nand(rate=0.1, epochs=1000)
    assert run.params == pytest.approx(
        {"w1": -1.7435789139926, "w2": -1.7347777264922, "b": 2.7718489622682}, abs=5e-13
    )
    assert run.cost == pytest.approx(0.0626237279065, abs=5e-14)
    assert (run.stop, run.epochs, run.engine, run.warnings) == ("epochs", 1000, "native", [])
    assert run.start == START


def test_a5_nand_by_forward_difference() -> None:
    run = nand(rate=0.1, epochs=1000, gradient="finite-difference", step=1e-3)
    assert run.params == pytest.approx({"w1": -1.7436117135, "w2": -1.7348100207, "b": 2.7713955766}, abs=5e-11)
    assert run.cost == pytest.approx(0.0626302376, abs=5e-11)


def test_a5_settles_beside_the_minimum_by_half_the_step() -> None:
    """Forward differences of a parabola settle at w = 2 − ε/2, central ones at 2."""
    cost, table = twice()
    forward = descend(cost, table, {"w": 0}, 0.05, 400, gradient="finite-difference", step=1e-3)
    central = descend(cost, table, {"w": 0}, 0.05, 400, gradient="finite-difference", step=1e-3, scheme="central")
    assert forward.params["w"] == pytest.approx(1.9995, abs=1e-9)
    assert central.params["w"] == pytest.approx(2, abs=1e-9)


def test_central_differences_of_a_cube() -> None:
    """((x + ε)³ − (x − ε)³)/2ε = 3x² + ε²; forward, 3x² + 3xε + ε²."""
    x = st.params("x")
    for scheme, slope in (("central", 3 * 4 + 0.25), ("forward", 3 * 4 + 3 * 2 * 0.5 + 0.25)):
        run = descend(x**3, None, {"x": 2}, 0.1, 1, gradient="finite-difference", step=0.5, scheme=scheme)
        assert run.params["x"] == pytest.approx(2 - 0.1 * slope, abs=1e-14)


def test_a5_may_start_at_the_minimum() -> None:
    """There the cost is 0, and whatever comes is infinitely more; that is no divergence."""
    cost, table = twice()
    run = descend(cost, table, {"w": 2.0}, 0.05, 100, gradient="finite-difference")
    assert run.stop == "epochs"
    assert run.params["w"] == pytest.approx(1.9995, abs=1e-9)


@pytest.mark.parametrize("m", [2, 3])
def test_layerwise_follows_the_scaled_gradient(m: int) -> None:
    """Row B4: layer l of m moves by 2^(m−l) times its true gradient; the loop here has that factor written in."""
    cost, values = chain(m)
    x, y = np.array(values.pop("x")), np.array(values.pop("y"))
    w = np.array([values[f"w{k}"] for k in range(1, m + 1)])
    b = np.array([values[f"b{k}"] for k in range(1, m + 1)])
    run = descend(cost, {"x": x, "y": y}, values, 0.3, 50, gradient="layerwise")
    for _ in range(50):
        a = [x]
        for k in range(m):
            a.append(sigmoid(a[-1] * w[k] + b[k]))
        delta = 2 * (a[m] - y)
        dw, db = np.zeros(m), np.zeros(m)
        for k in reversed(range(m)):
            delta = delta * a[k + 1] * (1 - a[k + 1])
            dw[k], db[k] = np.mean(delta * a[k]), np.mean(delta)
            delta = delta * w[k]
        scale = 2.0 ** np.arange(m - 1, -1, -1)
        w, b = w - 0.3 * scale * dw, b - 0.3 * scale * db
    assert [run.params[f"w{k}"] for k in range(1, m + 1)] == pytest.approx(list(w), abs=1e-12)
    assert [run.params[f"b{k}"] for k in range(1, m + 1)] == pytest.approx(list(b), abs=1e-12)


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
def test_e4_ascent(gradient: str) -> None:
    """f = xy from (4, −3), h = 0.2: simultaneous updates, to the digits (differences are exact on a product)."""
    cost, start = product()
    run = descend(cost, None, start, 0.2, 3, maximise=True, gradient=gradient)
    near = 1e-14 if gradient == "backprop" else 1e-10
    assert [f for _, f in run.history] == pytest.approx([-12, -7.48, -4.4992, -2.464768], abs=near)
    points = [(row["x"], row["y"]) for _, row in run.path]
    for found, printed in zip(points, [(4, -3), (3.4, -2.2), (2.96, -1.52), (2.656, -0.928)], strict=True):
        assert found == pytest.approx(printed, abs=near)


def test_e5_first_order_decrease() -> None:
    """ΔJ = −α‖∇J‖² to first order: the remainder falls as α²."""
    x, y = np.array([0.0, 1, 2, 4]), np.array([1.0, 3, 4, 9])
    w, b = 0.5, -0.25
    error = y - (w * x + b)
    slope = np.array([-2 * np.mean(error * x), -2 * np.mean(error)])
    X, Y = st.data("x", "y")
    cost = st.mean((Y - (st.params("w") * X + st.params("b"))) ** 2)
    remainders = []
    for rate in (1e-3, 1e-4):
        run = descend(cost, {"x": x, "y": y}, {"w": w, "b": b}, rate, 1)
        remainders.append(run.cost - np.mean(error**2) + rate * (slope @ slope))
        assert [run.params["w"], run.params["b"]] == pytest.approx(list(np.array([w, b]) - rate * slope), abs=1e-14)
    assert remainders[0] / remainders[1] == pytest.approx(100, rel=1e-3)


def test_e7_one_step() -> None:
    w, b = st.params("w", "b")
    run = descend((4 - st.relu(5 * w + b)) ** 2, None, {"w": 1, "b": 1}, 0.01, 1)
    assert run.params == pytest.approx({"w": 0.8, "b": 0.96}, abs=1e-15)
    assert run.cost == pytest.approx(0.9216, abs=1e-14)


# -- starts ------------------------------------------------------------------------------------------------------


def test_same_seed_same_result() -> None:
    cost = neuron()[0]
    runs = [descend(cost, NAND, epochs=50, seed=seed) for seed in (7, 7, 8)]
    assert runs[0].params == runs[1].params
    assert runs[0].history == runs[1].history
    assert all(runs[0].params[name] != runs[2].params[name] for name in START)


def test_a_given_parameter_does_not_change_the_others() -> None:
    cost = neuron()[0]
    drawn = descend(cost, NAND, epochs=0, seed=3).params
    for name in START:
        part = descend(cost, NAND, {name: 9.5}, epochs=0, seed=3).params
        assert part == {**drawn, name: 9.5}


def test_restarts_keep_the_best() -> None:
    """Eight starts of the XOR network: each equals the single descent from its seed, and the lowest is kept."""
    cost, values = small_network()
    table = {"X": values["X"], "y": values["y"]}
    settings: dict[str, Any] = {"rate": 2.0, "epochs": 3000}
    best = descend(cost, table, restarts=8, seed=5, **settings)
    single = [descend(cost, table, seed=5 + k, **settings) for k in range(8)]
    assert best.restarts == pytest.approx([run.cost for run in single], rel=1e-10)  # sums in another order
    assert best.levels is not None
    assert sum(level.starts for level in best.levels) == 8
    lowest = min(single, key=lambda run: run.cost)
    assert best.cost == lowest.cost
    np.testing.assert_array_equal(best.params["W1"], lowest.params["W1"])
    assert max(best.restarts) > 0.1 > 10 * best.cost  # some starts are trapped, the best one is not


def test_restarts_of_a_climb_keep_the_highest() -> None:
    x = st.params("x")
    run = descend(x**2 * (2 - x**2) + x / 4, None, rate=0.05, epochs=500, maximise=True, restarts=6)
    assert run.restarts is not None
    assert run.cost == max(run.restarts) > min(run.restarts) + 0.4


# -- reasons to stop ---------------------------------------------------------------------------------------------


def test_gradient_norm_stops() -> None:
    """C′(w) = 12(w − 2): it stops at the first epoch where that is at most the tolerance."""
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 0.05, 1000, gradient_tolerance=1e-3)
    errors = [2 * 0.4**k for k in range(100)]  # |w − 2| shrinks by 1 − 12·0.05 = 0.4 an epoch
    epoch = next(k for k, error in enumerate(errors) if 12 * error <= 1e-3)
    assert (run.stop, run.epochs) == ("gradient", epoch)
    assert run.params["w"] == pytest.approx(2 - errors[epoch], abs=1e-12)


def test_gradient_norm_is_euclidean_over_all_parameters() -> None:
    """3x + 4 Σv over (2, 2) elements: ‖∇‖ = √(9 + 4·16) = √73."""
    cost = 3 * st.params("x") + 4 * st.sum(st.params("v", shape=(2, 2)))
    for gradient in ("backprop", "finite-difference"):
        above = descend(cost, None, epochs=3, gradient=gradient, gradient_tolerance=math.sqrt(73) * 1.0001)
        below = descend(cost, None, epochs=3, gradient=gradient, gradient_tolerance=math.sqrt(73) * 0.9999)
        assert (above.stop, below.stop) == ("gradient", "epochs")


def test_tolerance_stops() -> None:
    costs, _ = nand_loop(2000)
    run = nand(epochs=2000, tolerance=2e-3)
    epoch = next(k for k in range(1, 2000) if abs(costs[k] - costs[k - 1]) <= 2e-3 * costs[k - 1])
    assert (run.stop, run.epochs) == ("tolerance", epoch)
    assert 10 < epoch < 1990


def test_tolerance_compares_two_epochs() -> None:
    """Before the first update there is nothing to compare; after it, a share of 1 is always reached."""
    run = nand(epochs=10, tolerance=1.0)
    assert (run.stop, run.epochs) == ("tolerance", 1)


def test_time_stops() -> None:
    run = nand(epochs=10**9, max_seconds=0.2, engine="reference")
    assert run.stop == "time"
    assert 0.2 <= run.seconds < 5
    assert run.epochs > 100
    costs, path = nand_loop(run.epochs)
    assert run.cost == pytest.approx(costs[-1], rel=1e-9)
    assert run.params["b"] == pytest.approx(path[-1][2], rel=1e-9)


def test_time_stops_compiled_code() -> None:
    """Where the time ends, the parameters are those of as many epochs without a limit, bit for bit."""
    run = nand(epochs=10**9, max_seconds=0.2, engine="native")
    again = nand(epochs=run.epochs, engine="native")
    assert run.stop == "time"
    assert 0.2 <= run.seconds < 5
    assert run.epochs > 10_000
    assert (run.params, run.cost) == (again.params, again.cost)


def test_no_epochs() -> None:
    run = nand(epochs=0)
    assert (run.params, run.stop, run.epochs) == (START, "epochs", 0)
    assert run.history == [(0, pytest.approx(nand_loop(0)[0][0], rel=1e-14))]


def test_divergence_keeps_finite_parameters() -> None:
    """A2 at α = 0.2: |w − 2| grows by 1.4 an epoch, and the run stops well before the numbers end."""
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 0.2, 10_000)
    assert run.diverged
    assert run.stop == "diverged"
    assert run.params["w"] == pytest.approx(2 - 2 * (-1.4) ** run.epochs, rel=1e-12)
    assert run.cost == pytest.approx(6 * (run.params["w"] - 2) ** 2, rel=1e-12)
    assert f"epoch {run.epochs}" in run.message
    assert "rate 0.2" in run.message
    assert "try 0.1" in run.message  # half of 0.2, below the bound 1/6


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_overflow_keeps_the_last_finite_parameters(dtype: str) -> None:
    """x⁴ from 10 with rate 1e30 (float32) or 1e150: after the first step the cost is not finite."""
    rate = 1e30 if dtype == "float32" else 1e150
    run = descend(st.params("x") ** 4, None, {"x": 10.0}, rate, 50, dtype=dtype)
    assert (run.stop, run.epochs, run.params, run.cost) == ("diverged", 0, {"x": 10.0}, 10_000.0)
    assert "epoch 1" in run.message
    assert run.history == [(0, 10_000.0)]


def test_a_parameter_that_is_not_finite_stops() -> None:
    """√x at x < 0 has no value: 1.0 − 3·0.5 = −0.5."""
    run = descend(st.sqrt(st.params("x")) + 1, None, {"x": 1.0}, 3.0, 10)
    assert (run.stop, run.params["x"], run.cost) == ("diverged", 1.0, 2.0)


def test_a_formula_without_minimum_is_not_blamed_on_the_rate() -> None:
    x = st.params("x")
    down = descend(-(x**2), None, {"x": 1.0}, 0.3, 10**5)
    assert down.diverged
    assert "no minimum" in down.message
    up = descend(x**2, None, {"x": 1.0}, 0.3, 10**5, maximise=True)
    assert up.diverged
    assert "no maximum" in up.message
    assert math.isfinite(up.cost)
    assert math.isfinite(up.params["x"])


@pytest.mark.parametrize(("text", "start"), [("log(x)", 0.0), ("sqrt(x)", -1.0), ("1/x", 0.0)])
def test_not_finite_at_the_start(text: str, start: float) -> None:
    with pytest.raises(DescentError, match="at the start; choose another start"):
        descend(st.parse(text), None, {"x": start})


class Interrupt:
    """A progress callback that is interrupted at an epoch, as by Control-C."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def __call__(self, epoch: int, epochs: int, cost: float) -> None:
        if epoch >= self.epoch and epochs > epoch:
            self.epoch = 10**12
            raise KeyboardInterrupt


def test_interrupted_run_is_returned() -> None:
    run = nand(epochs=10**9, progress=Interrupt(1))
    assert (run.stop, run.epochs) == ("interrupted", 1)
    _, path = nand_loop(1)
    assert [run.params[name] for name in START] == pytest.approx(list(path[1]), rel=1e-14)


def test_interrupted_in_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine is interrupted in its 8th evaluation: one for the first cost, then one an epoch."""
    from steepest import engines

    reference, calls = engines.ENGINES["reference"], [0]

    def compiler(expressions: Any, dtype: str) -> Any:
        program = reference.compile(expressions, dtype)

        def run(values: Any, rows: int) -> Any:
            calls[0] += 1
            if calls[0] == 8:
                raise KeyboardInterrupt
            return program(values, rows)

        return run

    engine = replace(reference, compile=compiler, runner=partial(Stepwise, compiler))
    monkeypatch.setitem(engines.ENGINES, "reference", engine)
    run = nand(epochs=1000, engine="reference")
    costs, path = nand_loop(6)
    assert (run.stop, run.epochs) == ("interrupted", 6)
    assert [run.params[name] for name in START] == pytest.approx(list(path[6]), rel=1e-13)
    assert run.cost == pytest.approx(costs[6], rel=1e-13)
    assert "interrupted" in run.message


def test_interruption_ends_the_restarts() -> None:
    run = descend(neuron()[0], NAND, epochs=10**7, restarts=1000, progress=Interrupt(1))
    assert run.stop == "interrupted"
    assert run.restarts is not None
    assert 0 < len(run.restarts) < 1000
    assert run.cost == pytest.approx(min(run.restarts), rel=1e-12)
    assert re.search(r"interrupted with \d+ of 1000 starts run", run.message)


def test_interruption_ends_restarts_one_after_another() -> None:
    run = descend(neuron()[0], NAND, epochs=10**7, restarts=1000, progress=Interrupt(1), engine="reference")
    assert run.stop == "interrupted"
    assert run.restarts == [run.cost]
    assert "start 1 of 1000" in run.message
