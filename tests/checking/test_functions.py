"""Checks of functions that are not formulas: NumPy, JAX, programs; directions, second derivatives, assertions."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import steepest as st
from steepest.checking.report import CORRECT, INCONCLUSIVE, KINK, WRONG
from steepest.errors import GradientError
from steepest.testing import Program, assert_gradient

POINT = np.array([0.3, -1.7, 2.5])


def cubic(x: Any) -> Any:
    return np.sum(x**3)


RIGHT = [
    pytest.param(optimize.rosen, optimize.rosen_der, np.array([1.3, 0.7, -0.5, 2.0]), id="Rosenbrock"),
    pytest.param(cubic, lambda x: 3 * x**2, POINT, id="cubic"),
    pytest.param(lambda x: np.sin(x), lambda x: np.cos(x), 1e10, id="a sine far out"),
    pytest.param(lambda x: np.tanh(x - 1e10), lambda x: 1 / np.cosh(x - 1e10) ** 2, 1e10 + 0.5, id="a small scale"),
    pytest.param(lambda x: 1 - np.cos(x), np.sin, 1e-5, id="a cost that is nearly swallowed"),
    pytest.param(lambda x: np.log(x), lambda x: 1 / x, 1e-200, id="a tiny argument"),
    pytest.param(lambda x: np.linalg.norm(x), lambda x: x / np.linalg.norm(x), POINT, id="a norm"),
    pytest.param(lambda x: np.log(np.linalg.det(x)), lambda x: np.linalg.inv(x).T, np.eye(3) + 0.3, id="a determinant"),
]


@pytest.mark.parametrize(("function", "gradient", "at"), RIGHT)
def test_right_gradients_are_correct_and_wrong_ones_are_not(function: Any, gradient: Any, at: Any) -> None:
    assert st.check(function, gradient, at=at).ok
    for wrong in (lambda x: 1.0001 * gradient(x), lambda x: -gradient(x), lambda x: 0 * gradient(x)):
        assert st.check(function, wrong, at=at)["x"].verdict == WRONG


def test_a_dict_of_arrays() -> None:
    def cost(v: dict[str, Any]) -> Any:
        return np.mean((v["w"] * 3 - v["b"]) ** 2)

    def gradient(v: dict[str, Any]) -> dict[str, Any]:
        error = v["w"] * 3 - v["b"]
        return {"w": 6 * error / error.size, "b": -2 * np.mean(error)}

    at = {"w": POINT, "b": 0.5}
    assert [row.verdict for row in st.check(cost, gradient, at=at)] == [CORRECT, CORRECT]
    assert st.check(cost, gradient(at), at=at, wrt=["b"]).ok  # numbers instead of a function
    with pytest.raises(GradientError, match="did you mean 'w'"):
        st.check(cost, gradient, at=at, wrt=["W"])
    with pytest.raises(GradientError, match="no partial derivative with respect to 'b'"):
        st.check(cost, lambda v: {"w": v["w"]}, at=at)


@pytest.mark.parametrize(
    ("given", "verdict"), [(0.0, KINK), (1.0, KINK), (-1.0, KINK), (1.01, WRONG), (5.0, WRONG), (np.nan, WRONG)]
)
def test_at_a_kink_only_numbers_between_the_slopes_are_not_wrong(given: float, verdict: str) -> None:
    row = st.check(abs, lambda x: given, at=0.0)["x"]
    assert row.verdict == verdict
    assert "from -1 to 1" in row.detail or np.isnan(given)


def test_what_round_off_hides_is_not_called_correct() -> None:
    def swallowed(x: Any) -> Any:
        return (x + 1e8) ** 2 - (x - 1e8) ** 2 - 4e8 * x

    assert st.check(swallowed, lambda x: -4e8, at=1.0)["x"].verdict == WRONG
    for given in (1.0, 0.0):
        assert st.check(lambda x: 1e20 + x, lambda x, given=given: given, at=1.0)["x"].verdict == INCONCLUSIVE
    assert st.check(lambda x: x**2, lambda x: 0.0, at=0.0).ok
    assert st.check(lambda x: np.sum(np.maximum(x, 0)), lambda x: np.where(x > 0, 1.0, 0.0), at=POINT).ok
    assert st.check(lambda x: np.log(x), lambda x: 1.0, at=-1.0)["x"].verdict == INCONCLUSIVE


def test_a_small_component_beside_a_large_one_is_not_taken_for_zero() -> None:
    def cost(x: Any) -> Any:
        return x[0] ** 2 + np.sin(x[1])

    at = np.array([1e7, 0.3])
    for given in (0.0, np.sin(0.3), -0.3):
        assert not st.check(cost, lambda x, given=given: np.array([2 * x[0], given]), at=at).ok


@pytest.mark.parametrize("digits", [3, 6, None])
def test_costs_that_are_rounded_coarsely(digits: int | None) -> None:
    """A program that prints few digits, or a function that computes in single precision."""

    def cost(x: Any) -> Any:
        found = np.mean((np.tanh(2 * x) - 0.3) ** 2)
        return float(np.float32(found)) if digits is None else round(float(found), digits)

    def gradient(x: Any) -> Any:
        t = np.tanh(2 * x)
        return 4 * (t - 0.3) * (1 - t**2) / x.size

    at = np.array([0.3, 0.7])
    assert st.check(cost, gradient, at=at)["x"].verdict in (CORRECT, INCONCLUSIVE)
    assert st.check(cost, lambda x: -gradient(x), at=at)["x"].verdict in (WRONG, INCONCLUSIVE)


def test_functions_that_raise_beyond_their_domain() -> None:
    assert st.check(math.log, lambda x: 1 / x, at=0.05).ok
    assert st.check(math.acos, lambda x: -1 / math.sqrt(1 - x**2), at=0.99).ok
    with pytest.raises(ValueError, match="math domain error"):
        st.check(math.log, lambda x: 1 / x, at=-1.0)


def test_what_does_not_vary_is_passed_on_as_it_is() -> None:
    labels = np.array([2, 0, 1])

    def cost(v: dict[str, Any]) -> Any:
        z = v["W"] - np.log(np.sum(np.exp(v["W"]), axis=1, keepdims=True))
        return -np.mean(z[np.arange(3), v["labels"]])

    def gradient(v: dict[str, Any]) -> dict[str, Any]:
        p = np.exp(v["W"]) / np.sum(np.exp(v["W"]), axis=1, keepdims=True)
        return {"W": (p - np.eye(3)[v["labels"]]) / 3}

    at = {"W": np.arange(9.0).reshape(3, 3) / 7, "labels": labels}
    assert st.check(cost, gradient, at=at, wrt=["W"]).ok


def test_a_gradient_that_works_in_place_does_not_move_the_point() -> None:
    def gradient(x: Any) -> Any:
        x *= 3 * x
        return x

    at = POINT.copy()
    assert st.check(cubic, gradient, at=at).ok
    assert np.array_equal(at, POINT)


def test_a_check_takes_few_evaluations() -> None:
    calls = []
    st.check(lambda x: calls.append(1) or np.sum(np.sin(x)), np.cos, at=np.linspace(0.1, 1, 20))
    assert len(calls) < 20 * 120


def test_jax_derives_what_is_not_given() -> None:
    def cost(x: Any) -> Any:
        return jnp.sum(jnp.tanh(x) ** 2)

    assert st.check(cost, at=jnp.asarray(POINT)).ok
    assert st.check(cost, jax.grad(cost), at=jnp.asarray(POINT)).ok
    single = jnp.asarray(POINT, jnp.float32)
    assert st.check(cost, at=single).ok
    assert not st.check(cost, lambda x: 1.02 * jax.grad(cost)(x), at=single).ok
    assert st.check(jax.grad(cost), jax.hessian(cost), at=jnp.asarray(POINT), order=2).ok
    wrong = st.check(jax.grad(cost), lambda x: 1.001 * jax.hessian(cost)(x), at=jnp.asarray(POINT), order=2)
    assert wrong["x"].verdict == WRONG


def test_torch_derives_what_is_not_given() -> None:
    torch = pytest.importorskip("torch")
    at = torch.tensor(POINT)
    assert st.check(lambda x: torch.sum(torch.tanh(x) ** 2), at=at).ok
    assert not st.check(lambda x: torch.sum(torch.tanh(x) ** 2), lambda x: torch.tanh(x), at=at).ok


def test_directions_of_a_large_array() -> None:
    at = np.random.default_rng(0).normal(size=100_000)
    weights = np.linspace(1, 2, at.size)
    report = st.check(lambda x: np.sum(weights * x**2), lambda x: 2 * weights * x, at=at, directions=8)
    assert report.ok
    assert report["x"].detail.startswith("8 random directions of 100000 elements")
    assert not st.check(lambda x: np.sum(weights * x**2), lambda x: 2.001 * weights * x, at=at, directions=8).ok


def test_directions_of_a_formula() -> None:
    W = st.params("W", shape=(40, 50))
    cost = st.sum(st.sin(W) * W)
    at = {"W": np.linspace(-2, 2, 2000).reshape(40, 50)}
    assert st.check(cost, at, directions=3)["W"].detail.startswith("3 random directions of 2000 elements")
    wrong = {"W": st.gradient(cost)["W"] * 1.0001}
    assert not st.check(cost, at, gradient=wrong, directions=3).ok
    assert st.check(cost, at, directions=3, units=0).ok  # without higher precision
    assert not st.check(cost, at, gradient=wrong, directions=3, units=0).ok


def test_second_derivatives_of_formulas() -> None:
    cost = st.parse("mean((sigmoid(x*w + b) - y)^2) + w^3*b", data=["x", "y"])
    values = {"x": [1.0, 2.0, -0.5], "y": [0.0, 1.0, 1.0], "w": 0.3, "b": 0.1}
    assert [row.verdict for row in st.check(cost, values, order=2)] == [CORRECT, CORRECT]
    with pytest.raises(GradientError, match="leave gradient out"):
        st.check(cost, values, gradient=st.gradient(cost), order=2)
    with pytest.raises(GradientError, match="order is 1"):
        st.check(cost, values, order=3)
    with pytest.raises(GradientError, match=r"check\(gradient, hessian, at=array, order=2\)"):
        st.check(cubic, at=POINT, order=2)
    with pytest.raises(GradientError, match="the Hessian of 3 variables has the shape"):
        st.check(lambda x: 3 * x**2, lambda x: 6 * x, at=POINT, order=2)
    assert st.check(lambda x: 3 * x**2, lambda x: np.diag(6 * x), at=POINT, order=2).ok


def test_errors_say_what_to_do() -> None:
    with pytest.raises(GradientError, match="give the point: check"):
        st.check(cubic, lambda x: 3 * x**2)
    with pytest.raises(GradientError, match="has no gradient of its own; give it"):
        st.check(cubic, at=POINT)
    with pytest.raises(GradientError, match="returns an array of the shape"):
        st.check(lambda x: x**2, lambda x: 2 * x, at=POINT)
    with pytest.raises(GradientError, match="they must be the same"):
        st.check(cubic, lambda x: x[:2], at=POINT)
    with pytest.raises(GradientError, match="is not a number"):
        st.check(cubic, lambda x: x, at=np.array(["a"]))
    with pytest.raises(GradientError, match="directions is a whole number from 1 on, not 0"):
        st.check(cubic, lambda x: 3 * x**2, at=POINT, directions=0)
    with pytest.raises(GradientError, match="an empty array"):
        st.check(cubic, lambda x: 3 * x**2, at=np.array([]))
    with pytest.raises(GradientError, match="a gradient needs a real number"):
        st.check(lambda x: None, lambda x: x, at=POINT)
    with pytest.raises(GradientError, match="must be a dict"):
        st.check(lambda v: cubic(v["w"]), lambda v: v["w"], at={"w": POINT})


def test_assert_gradient_has_the_report_as_its_message() -> None:
    assert_gradient(cubic, lambda x: 3 * x**2, at=POINT)
    with pytest.raises(AssertionError, match=r"x  wrong .*element"):
        assert_gradient(cubic, lambda x: 3.1 * x**2, at=POINT)
    with pytest.raises(AssertionError, match="kink"):
        assert_gradient(abs, lambda x: 0.0, at=0.0)
    assert_gradient(abs, lambda x: 0.0, at=0.0, allow=("kink",))


def program(folder: Path, text: str) -> Program:
    path = folder / "program.py"
    path.write_text(text)
    return Program([sys.executable, str(path)])


def test_programs_are_functions(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    cost = program(tmp_path, "import sys\nprint(repr(sum(float(line) ** 3 for line in sys.stdin)))")
    gradient = program(tmp_path / "g", "import sys\nfor line in sys.stdin: print(3 * float(line) ** 2)")
    assert cost(POINT) == cubic(POINT)
    assert st.check(cost, gradient, at=POINT).ok
    assert not st.check(cost, lambda x: 1.01 * gradient(x), at=POINT).ok


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("print('hi')", "printed 'hi', which is not a number"),
        ("raise SystemExit('no data')", "ended with status 1: no data"),
        ("", "printed nothing"),
        ("import time; time.sleep(30)", "took more than 0.5 s"),
    ],
)
def test_programs_that_fail(tmp_path: Path, text: str, says: str) -> None:
    failing = program(tmp_path, text)
    failing.seconds = 0.5 if "sleep" in text else 60
    with pytest.raises(GradientError, match=says):
        failing(POINT)
    with pytest.raises(GradientError, match="cannot be run"):
        Program([str(tmp_path / "missing")])(POINT)
