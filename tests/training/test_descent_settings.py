"""The settings of a descent: precision, optimiser, progress, and what is refused."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import steepest as st
from mission_models import neuron, small_network
from plain_loops import NAND, START, nand_loop, twice
from steepest.errors import DescentError, SteepestError, ValuesError
from steepest.training.descent import Descent, descend
from steepest.training.optimisers import Optimiser, gradient_descent


def nand(**settings: Any) -> Descent:
    return descend(neuron()[0], NAND, START, **settings)


# -- settings ----------------------------------------------------------------------------------------------------


def test_float32_computes_in_float32() -> None:
    """As a loop in float32 does, to 1e-5 of one in float64, but measurably not the same."""
    run = nand(epochs=1000, dtype="float32")
    exact = nand_loop(1000)[1][-1]
    found = np.array([run.params[name] for name in START])
    assert all(float(np.float32(value)) == value for value in found)
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    assert np.any(found != exact.astype(np.float32))  # it is not only rounded at the end
    assert run.cost == pytest.approx(0.0626237279065, rel=1e-5)
    assert float(np.float32(run.cost)) == run.cost


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
def test_float32_of_arrays(gradient: str) -> None:
    cost, values = small_network()
    start = {name: value for name, value in values.items() if name not in ("X", "y")}
    table = {"X": values["X"], "y": values["y"]}
    run = descend(cost, table, start, epochs=20, dtype="float32", gradient=gradient, step=1e-2)
    double = descend(cost, table, start, epochs=20, gradient=gradient, step=1e-2)
    assert run.params["W1"].dtype == np.float32
    np.testing.assert_allclose(run.params["W1"], double.params["W1"], atol=1e-4)
    assert not np.array_equal(run.params["W1"], double.params["W1"].astype(np.float32))


def sign_descent() -> Optimiser:
    """w := w − α sign(∂C/∂w), in infix arithmetic that runs on arrays and on expressions."""
    return Optimiser("sign descent", lambda w: (), lambda w, g, state, rate, t: (w - rate * g / (g * g) ** 0.5, state))


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
def test_an_optimiser_is_a_value(gradient: str) -> None:
    """Each parameter of NAND moves by exactly the rate an epoch."""
    run = nand(rate=0.01, epochs=20, optimiser=sign_descent(), gradient=gradient)
    # the slopes keep their signs over these epochs: w1 and w2 fall, b rises (the check's first line in mission.md)
    steps = np.diff([[row[name] for name in START] for _, row in run.path], axis=0)
    np.testing.assert_allclose(steps, np.tile([-0.01, -0.01, 0.01], (20, 1)), atol=1e-12)


def test_plain_gradient_descent_is_the_default() -> None:
    assert nand(epochs=30, optimiser=gradient_descent()).params == nand(epochs=30).params


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_an_optimiser_remembers(gradient: str, engine: str) -> None:
    """On w²/2 the sum of all slopes so far is v, so that w := w − α v is a recursion of two terms."""
    total = Optimiser("total", lambda w: (0 * w,), lambda w, g, s, rate, t: (w - rate * (s[0] + g), (s[0] + g,)))
    w = st.params("w")
    run = descend(w**2 / 2, None, {"w": 1.0}, 0.5, 6, optimiser=total, gradient=gradient, engine=engine, step=1e-6)
    place, slopes, places = 1.0, 0.0, [1.0]
    for _ in range(6):
        slopes += place
        place -= 0.5 * slopes
        places.append(place)
    # a forward difference of w²/2 is w + ε/2
    np.testing.assert_allclose(
        [row["w"] for _, row in run.path], places, atol=1e-12 if gradient == "backprop" else 1e-4
    )
    assert run.memory["(total 1) w"] == pytest.approx(slopes, abs=1e-4)
    assert list(run.params) == ["w"]


def test_a_pure_function_needs_no_table() -> None:
    x, y = st.params("x", "y")
    run = descend((x - 3) ** 2 + (y + 1) ** 2, start={"x": 0, "y": 0}, rate=0.25, epochs=200)
    assert run.params == {"x": 3.0, "y": -1.0}
    assert run.warnings == []


def test_maximise_finds_the_top() -> None:
    x = st.params("x")
    run = descend(5 - (x - 2) ** 2, None, {"x": 0}, 0.25, 100, maximise=True)
    assert run.params["x"] == pytest.approx(2, abs=1e-12)
    assert run.cost == 5.0


def test_progress_is_told() -> None:
    told: list[tuple[int, int, float]] = []
    nand(epochs=300, progress=lambda *row: told.append(row))
    costs, _ = nand_loop(300)
    assert told[0][:2] == (1, 300)
    assert told[-1][:2] == (300, 300)
    assert told[-1][2] == pytest.approx(costs[300], rel=1e-12)


def test_no_bar_unless_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """Standard error is no terminal here."""
    nand(epochs=10)
    nand(epochs=10, progress=False)
    assert capfd.readouterr() == ("", "")
    nand(epochs=10, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "10/10" in err


def test_numbers_of_numpy_are_numbers() -> None:
    run = nand(epochs=np.int64(5), rate=np.float32(0.5), restarts=None, seed=np.int32(1))
    assert run.epochs == 5


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rate": -0.1}, "rate is a positive number, a schedule or 'auto', not -0.1"),
    ({"rate": 0}, "rate is a positive number, a schedule or 'auto', not 0"),
    ({"rate": math.nan}, "rate is a positive number, a schedule or 'auto', not nan"),
    ({"rate": math.inf}, "rate is a positive number, a schedule or 'auto', not inf"),
    ({"rate": 10**400}, "rate is a positive number, a schedule or 'auto', not 1000"),
    ({"memory": [1.0]}, "memory is run.memory of another descent, not [1.0]"),
    ({"on_epoch": 3}, "on_epoch is a function that takes an EpochInfo, not 3"),
    ({"seed": -1, "validate": 0.5}, "seed is a whole number from 0, not -1"),
    ({"rate": "fast"}, "there is no schedule 'fast'"),
    ({"rate": None}, "rate is a positive number, a schedule or 'auto', not None"),
    ({"epochs": -1}, "epochs is a whole number from 0, not -1"),
    ({"epochs": 1.5}, "epochs is a whole number from 0, not 1.5"),
    ({"epochs": True}, "epochs is a whole number from 0, not True"),
    ({"epochs": None}, "epochs is a whole number from 0, not None"),
    ({"step": 0.0}, "step is a positive number"),
    ({"scheme": "complex"}, "'forward' or 'central', not 'complex'"),
    ({"gradient": "backprob"}, "no gradient 'backprob'; did you mean 'backprop'?"),
    ({"engine": "warp"}, "no engine 'warp'"),
    ({"dtype": "float16"}, "no dtype 'float16'"),
    ({"tolerance": -1e-3}, "tolerance is a positive number"),
    ({"gradient_tolerance": 0}, "gradient_tolerance is a positive number"),
    ({"max_seconds": -1}, "max_seconds is a positive number"),
    ({"restarts": 0, "start": None}, "restarts is a whole number from 1, not 0"),
    ({"restarts": 2}, "all 2 restarts would be the same"),
    ({"seed": -1}, "seed is a whole number from 0, not -1"),
    ({"seed": 0.5}, "seed is a whole number from 0, not 0.5"),
    ({"na": "ignore"}, "na='ignore'"),
    ({"optimiser": 3}, "optimiser is a name or an Optimiser"),
    ({"optimiser": "adm"}, "there is no optimiser 'adm'; did you mean 'adam'?"),
    ({"batch": 0}, "batch is a whole number from 1, not 0"),
    ({"batch": 2, "optimiser": "lbfgs"}, "the optimiser 'lbfgs' needs the cost of the whole table"),
    ({"rate": "auto", "optimiser": "adam"}, "rate='auto' is for plain gradient descent"),
    ({"batch": 2, "gradient_tolerance": 1e-3}, "leave gradient_tolerance or batch out"),
    ({"patience": 3}, "give validate=0.2"),
    ({"path": 1}, "path says whether parameters of the epochs are kept: True or False, not 1"),
    ({"validate": 1.5}, "validate is a share of the rows between 0 and 1"),
    ({"validate": 0.01}, "leaves 0 to validate on"),
    ({"resume": True}, "resume and checkpoint_every need a checkpoint"),
    ({"start": {"w9": 1}}, "start has 'w9', which is not a parameter of the cost"),
    ({"start": {"w1": math.inf}}, "start has a value of 'w1' that is not finite"),
]


@pytest.mark.parametrize(("settings", "says"), WRONG, ids=[str(settings) for settings, _ in WRONG])
def test_errors_of_settings_are_one_sentence(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SteepestError) as caught:
        descend(neuron()[0], NAND, **{"start": START, "epochs": 3, **settings})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not re.search(r"\.\s", str(caught.value))


@pytest.mark.parametrize(
    ("start", "says"),
    [({"w": [1.0, 2.0]}, r"'w' has the shape \(2,\), expected \(\)"), ({"w": "high"}, "'w' is not a number")],
)
def test_errors_of_values(start: dict[str, Any], says: str) -> None:
    cost, table = twice()
    with pytest.raises(ValuesError, match=says):
        descend(cost, table, start)


def test_a_cost_is_one_number_with_parameters() -> None:
    x, y = st.data("x", "y")
    with pytest.raises(DescentError, match="one number; take the mean"):
        descend((x * st.params("w") - y) ** 2, NAND)
    with pytest.raises(DescentError, match="one number"):
        descend(2 * st.params("v", shape=3))
    with pytest.raises(DescentError, match="the cost has no parameters"):
        descend(st.mean(x * y), NAND)
