"""L-BFGS and Armijo's rule within bounds, against SciPy's L-BFGS-B, nnls, lsq_linear and closed forms."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import steepest as st
from command_line import Steepest
from command_line import steepest as steepest
from command_line import table as written
from steepest.errors import StorageError
from steepest.expressions.expression import Expression
from steepest.training.line_search import _wolfe
from steepest.training.projection import Arc, Point, free_at, quasi_newton

RNG = np.random.default_rng(29)
Bounds = dict[str, tuple[float | None, float | None]]
METHODS = [{"optimiser": "lbfgs"}, {"rate": "auto"}]


@dataclass(frozen=True)
class Problem:
    """A bounded problem, and whether plain gradients minimise it in thousands of epochs."""

    cost: Expression
    start: dict[str, Any]
    bounds: Bounds
    table: dict[str, Any] = field(default_factory=dict)
    slow: bool = False


x, y = st.params("x", "y")
VALLEY = (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _valley(**bounds: tuple[float | None, float | None]) -> Problem:
    start = {"x": -1.2, "y": 1.0}
    inside = {name: _within(value, bounds.get(name, (None, None))) for name, value in start.items()}
    return Problem(VALLEY, inside, bounds)


def _within(value: float, pair: tuple[float | None, float | None]) -> float:
    low, high = (-math.inf if pair[0] is None else pair[0]), (math.inf if pair[1] is None else pair[1])
    return min(max(value, low), high)


def _squares(n: int, p: int, low: float | None, high: float | None) -> Problem:
    """A linear least-squares problem, of which half of the coefficients end at a limit."""
    rng = np.random.default_rng(p)
    X, w = rng.standard_normal((n, p)), rng.standard_normal(p)
    model = st.Model("y ~ X @ w", data={"X": p}, params={"w": p})
    inside = _within(0.5, (low, high))
    return Problem(
        model.cost, {"w": np.full(p, inside)}, {"w": (low, high)}, {"X": X, "y": X @ w + rng.standard_normal(n)}
    )


def _classes(low: float, high: float) -> Problem:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((120, 5))
    k = (X @ np.array([2.0, -1.5, 0.3, 0.0, 1.0]) + rng.logistic(size=120) > 0).astype(float)
    model = st.Model("k ~ sigmoid(X @ w + b)", "cross_entropy", data={"X": 5}, params={"w": 5})
    return Problem(model.cost, {"w": np.zeros(5), "b": 0.0}, {"w": (low, high)}, {"X": X, "k": k})


def _counts(low: float) -> Problem:
    """Counts of three sources with positive rates; at ``low`` = 0 some rates end there."""
    rng = np.random.default_rng(4)
    X = rng.uniform(0.1, 1, (80, 4))
    counts = rng.poisson(X @ np.array([3.0, 0.0, 5.0, 0.2])).astype(float)
    model = st.Model("n ~ X @ w + b", "poisson", data={"X": 4}, params={"w": 4})
    return Problem(
        model.cost, {"w": np.ones(4), "b": 1.0}, {"w": (low, None), "b": (1e-3, None)}, {"X": X, "n": counts}
    )


def _decay(bounds: Bounds, **start: float) -> Problem:
    t = np.linspace(0.1, 4, 40)
    noisy = 2.5 * np.exp(-1.3 * t) + 0.4 + 0.05 * np.random.default_rng(5).standard_normal(40)
    model = st.Model("y ~ a*exp(-k*t) + c", data=["t", "y"])
    return Problem(model.cost, {"a": 1.0, "k": 1.0, "c": 0.5, **start}, bounds, {"t": t, "y": noisy})


def _coupled() -> Problem:
    """A quadratic cost whose curvatures couple neighbours, with bounds on both sides."""
    p = 25
    v, A = st.params("v", shape=p), st.data("A", shape=p)
    wanted = np.linspace(-3, 3, p)
    rows = 2.0 * np.eye(p) - 0.99 * np.eye(p, k=1) - 0.99 * np.eye(p, k=-1)
    target = st.data("g")
    return Problem(
        st.mean((A @ v - target) ** 2), {"v": np.zeros(p)}, {"v": (-1.0, 0.5)}, {"A": rows, "g": rows @ wanted}
    )


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "valley, x below": lambda: _valley(x=(None, 0.5)),
    "valley, y below": lambda: _valley(y=(None, 0.3)),
    "valley, both": lambda: _valley(x=(-2.0, 0.5), y=(0.5, 2.0)),
    "valley, at the start": lambda: _valley(x=(1.2, 3.0)),
    "valley, behind": lambda: _valley(x=(-1.5, -0.5)),
    "nonnegative": lambda: _squares(60, 10, 0.0, None),
    "boxed": lambda: _squares(60, 12, -0.3, 0.4),
    "many nonnegative": lambda: _squares(150, 60, 0.0, None),
    "classes": lambda: _classes(-0.8, 0.8),
    "positive classes": lambda: _classes(0.0, math.inf),
    "counts": lambda: _counts(0.0),
    "counts away from 0": lambda: _counts(0.5),
    "decay": lambda: _decay({"a": (0.5, 2.0), "k": (0.9, 1.1)}),
    "decay, all at limits": lambda: _decay({"a": (0.9, 1.1), "k": (0.9, 1.1), "c": (0.5, 0.6)}),
    "decay, none at limits": lambda: _decay({"a": (-10, 10), "k": (0, 10)}),
    "coupled": _coupled,
}


def _flat(params: dict[str, Any], names: list[str]) -> Any:
    return np.concatenate([np.ravel(params[name]) for name in names])


def _by_scipy(problem: Problem) -> tuple[float, Any, list[tuple[Any, Any]], int]:
    """Cost, parameters, pairs of limits and iterations; restarted, as its line search ends early by round-off."""
    names, shapes = sorted(problem.start), {name: np.shape(value) for name, value in problem.start.items()}
    partials = st.gradient(problem.cost)

    def named(flat: Any) -> dict[str, Any]:
        ends = np.cumsum([math.prod(shapes[name]) for name in names])[:-1]
        return {name: part.reshape(shapes[name]) for name, part in zip(names, np.split(flat, ends), strict=True)}

    def both(flat: Any) -> tuple[float, Any]:
        given = {**problem.table, **named(flat)}
        return float(st.evaluate(problem.cost, given)), _flat(st.evaluate(partials, given), names)

    pairs = [problem.bounds.get(name, (None, None)) for name in names for _ in range(math.prod(shapes[name]))]
    flat, iterations = _flat(problem.start, names).astype(float), 0
    for _ in range(3):
        found = scipy.optimize.minimize(
            both, flat, jac=True, method="L-BFGS-B", bounds=pairs,
            options={"ftol": 1e-16, "gtol": 1e-11, "maxiter": 5000},
        )  # fmt: skip
        flat, iterations = found.x, iterations + found.nit
    return float(found.fun), flat, pairs, iterations


def _descend(problem: Problem, **settings: Any) -> st.Descent:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return st.descend(
            problem.cost, problem.table or None, start=problem.start, bounds=problem.bounds, epochs=20_000, **settings
        )


@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_minimum_of_lbfgsb(name: str, settings: dict[str, Any]) -> None:
    problem = PROBLEMS[name]()
    run = _descend(problem, **settings)
    cost, best, pairs, _ = _by_scipy(problem)
    assert run.cost == pytest.approx(cost, rel=1e-8, abs=1e-14)
    assert run.reason == "converged"
    found = _flat(run.params, sorted(problem.start))
    np.testing.assert_allclose(found, best, rtol=1e-4, atol=1e-5)
    for value, wanted, (low, high) in zip(found, best, pairs, strict=True):
        assert (-math.inf if low is None else low) <= value <= (math.inf if high is None else high)
        if wanted in (low, high):
            assert value == wanted  # exactly
    costs = [each for _, each in run.history]
    assert all(b <= a for a, b in itertools.pairwise(costs))


@pytest.mark.parametrize("name", ["nonnegative", "many nonnegative"])
def test_nonnegative_least_squares(name: str) -> None:
    problem = PROBLEMS[name]()
    best, residual = scipy.optimize.nnls(problem.table["X"], problem.table["y"])
    run = _descend(problem, optimiser="lbfgs")
    assert run.cost == pytest.approx(residual**2 / len(problem.table["y"]), rel=1e-12)
    assert ((run.params["w"] == 0) == (best == 0)).all()
    np.testing.assert_allclose(run.params["w"], best, rtol=1e-6, atol=1e-9)
    assert 0 < (best == 0).sum() < len(best)


def test_least_squares_in_a_box() -> None:
    problem = PROBLEMS["boxed"]()
    best = scipy.optimize.lsq_linear(problem.table["X"], problem.table["y"], (-0.3, 0.4), method="bvls", tol=1e-15)
    run = _descend(problem, optimiser="lbfgs")
    assert run.cost == pytest.approx(2 * best.cost / len(problem.table["y"]), rel=1e-12)
    assert ((run.params["w"] == -0.3) == (best.active_mask == -1)).all()
    assert ((run.params["w"] == 0.4) == (best.active_mask == 1)).all()
    assert any("w is at its lower bound -0.3" in each for each in run.warnings)
    assert any("w is at its upper bound 0.4" in each for each in run.warnings)


@pytest.mark.parametrize("name", PROBLEMS)
def test_not_many_more_epochs_than_lbfgsb(name: str) -> None:
    problem = PROBLEMS[name]()
    *_, iterations = _by_scipy(problem)
    assert _descend(problem, optimiser="lbfgs").epochs <= 1.5 * iterations + 10


@pytest.mark.parametrize("engine", ["reference", "native"])
@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
def test_stops_look_at_the_projected_gradient(settings: dict[str, Any], engine: str) -> None:
    """At the corner (0, 0) the gradient of (x + 1)² + (y + 2)² is (2, 4), but nothing is left to gain."""
    bowl = (x + 1) ** 2 + (y + 2) ** 2
    given = {"bounds": {"x": (0, None), "y": (0, 5)}, "engine": engine, **settings}
    run = st.descend(bowl, start={"x": 3, "y": 4}, **given)
    assert (run.params, run.stop, run.reason) == ({"x": 0.0, "y": 0.0}, "gradient", "converged")
    there = st.descend(bowl, start={"x": 0, "y": 0}, **given)
    assert (there.epochs, there.stop, there.reason) == (0, "gradient", "converged")
    loose = st.descend(bowl + (x + 1) ** 2 * (y - 1) ** 2, start={"x": 3, "y": 4}, gradient_tolerance=0.1, **given)
    assert loose.stop == "gradient"
    assert loose.params["x"] == 0


@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
def test_a_climb_within_bounds(settings: dict[str, Any]) -> None:
    problem = PROBLEMS["valley, y below"]()
    down = _descend(problem, **settings)
    up = _descend(Problem(-problem.cost, problem.start, problem.bounds), maximise=True, **settings)
    assert up.cost == pytest.approx(-down.cost, rel=1e-9)
    assert up.params["y"] == 0.3


@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
def test_single_precision(settings: dict[str, Any]) -> None:
    """Limits that float32 does not have, 0.3 above and 0.7 below, are rounded as parameters are."""
    problem = PROBLEMS["valley, y below"]()
    run = _descend(problem, dtype="float32", **settings)
    assert run.params["y"] == np.float32(0.3)
    assert run.cost == pytest.approx(_descend(problem, **settings).cost, rel=1e-5)
    for end in (0.3, 0.7):
        run = st.descend((x - 3) ** 2, start={"x": 0}, bounds={"x": (0, end)}, dtype="float32", **settings)
        assert (run.params["x"], run.stop, run.reason) == (np.float32(end), "gradient", "converged")
        assert run.warnings == [f"x is at its upper bound {end}"]


@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
def test_memory_goes_on(settings: dict[str, Any]) -> None:
    problem = PROBLEMS["valley, both"]()
    given = {"bounds": problem.bounds, **settings}
    whole = st.descend(problem.cost, start=problem.start, epochs=12, **given)
    half = st.descend(problem.cost, start=problem.start, epochs=5, **given)
    rest = st.descend(problem.cost, start=half.params, epochs=7, memory=half.memory, **given)
    assert rest.params == whole.params
    assert all(np.array_equal(rest.memory[name], whole.memory[name]) for name in whole.memory)


def test_a_checkpoint_belongs_to_its_bounds(tmp_path: Path) -> None:
    problem, place = PROBLEMS["valley, both"](), tmp_path / "state"
    given: dict[str, Any] = {"start": problem.start, "optimiser": "lbfgs", "checkpoint": place}
    whole = st.descend(problem.cost, start=problem.start, optimiser="lbfgs", epochs=9, bounds=problem.bounds)
    st.descend(problem.cost, epochs=4, bounds=problem.bounds, **given)
    rest = st.descend(problem.cost, epochs=9, bounds=problem.bounds, resume=True, **given)
    assert rest.params == whole.params
    with pytest.raises(StorageError):
        st.descend(problem.cost, epochs=9, bounds={"x": (-2, 0.4)}, resume=True, **given)


@pytest.mark.parametrize("settings", METHODS, ids=["lbfgs", "auto"])
def test_costs_whose_slope_has_no_bound_at_a_limit(settings: dict[str, Any]) -> None:
    """√x from 1 and from where the square of its slope overflows, and log x, which is not finite at its limit."""
    for start in (1.0, 1e-310):
        for engine in ("reference", "native"):
            given = {"bounds": {"x": (0, None)}, "engine": engine, "epochs": 3000, **settings}
            run = st.descend(st.sqrt(x) + y**2, start={"x": start, "y": 1}, **given)
            assert 0 <= run.params["x"] <= start
            assert run.cost <= (1e-6 if start == 1 else 1.0)
            costs = [each for _, each in run.history]
            assert all(b <= a for a, b in itertools.pairwise(costs))
            run = st.descend(x - st.log(x) + (y - 3) ** 2, start={"x": 8, "y": 0}, **given)
            assert run.params == pytest.approx({"x": 1.0, "y": 3.0}, rel=1e-6)


def test_restarts_within_bounds() -> None:
    run = st.descend(
        VALLEY, start={"x": (-2, 0.5), "y": (-1, 2)}, bounds={"x": (-2, 0.5)}, optimiser="lbfgs", restarts=9
    )
    assert run.params["x"] == 0.5
    assert set(run.reasons) == {"converged"}


def test_costs_with_kinks_and_bounds_are_left_to_lbfgs() -> None:
    t = np.linspace(0, 1, 30)
    model = st.Model("y ~ a*t + b", "mae").fit({"t": t, "y": 3 * t + 1 + 0.1 * np.cos(40 * t)}, bounds={"a": (0, 2)})
    assert model.run is not None
    assert model.run.optimiser.startswith("lbfgs, as the cost has kinks")
    assert model.run.params["a"] == 2


def test_the_command_line(steepest: Steepest, tmp_path: Path) -> None:
    problem = PROBLEMS["decay"]()
    rows = zip(problem.table["t"], problem.table["y"], strict=True)
    path = written(tmp_path / "d.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in rows))
    words = ["fit", path, "y ~ a*exp(-k*t) + c", "--start", "a=1,k=1,c=0.5", "--bounds", "a=0.5:2,k=0.9:1.1"]
    for method in (["--optimiser", "lbfgs"], ["--rate", "auto", "--epochs", "20000"]):
        said = steepest(*words, *method)
        assert said.status == 0, said.err
        assert "a is at its upper bound 2" in said.out + said.err


# -- Parts --------------------------------------------------------------------------------------------------------


def _quadratic(flat: Any) -> Point:
    centre, weights = np.array([2.0, 0.5]), np.array([1.0, 10.0])
    return Point(flat, float(weights @ (flat - centre) ** 2), 2 * weights * (flat - centre))


def test_an_arc_bends_at_the_limits() -> None:
    """From (0, 0) along (1, 2) in the unit square: y stops at 1 after t = 1/2, x after t = 1."""
    arc = Arc(_quadratic, _quadratic(np.zeros(2)), np.array([1.0, 2.0]), (np.zeros(2), np.ones(2)))
    assert arc.start.slope == -4 - 20
    for t, params, moving in ((0.25, [0.25, 0.5], 2), (0.75, [0.75, 1.0], 1), (3.0, [1.0, 1.0], 0)):
        trial = arc.trial(t)
        assert trial.point.params.tolist() == params
        assert trial.moving == moving
        before, after = (arc.trial(t + h).point.cost for h in (-1e-6, 1e-6))
        assert trial.slope == pytest.approx((after - before) / 2e-6, abs=1e-6)


def _moves(hessian: Any) -> Any:
    """Moves of a quadratic cost, enough of them for its Hessian matrix; the last one changes y alone."""
    steps = [*np.random.default_rng(0).standard_normal((60, 2)), np.array([0.0, 1.0])]
    return np.array([[s, hessian @ s] for s in steps])


def test_the_direction_of_parameters_at_a_limit() -> None:
    """The inverse Hessian couples x and y; only y may move where the cost falls beyond the limit of x."""
    hessian = np.array([[4.0, 3.0], [3.0, 5.0]])
    moves = _moves(hessian)
    limits = (np.array([1.0, -9.0]), np.array([9.0, 9.0]))
    held = Point(np.array([1.0, 0.0]), 0.0, np.array([2.0, -1.0]))
    assert free_at(held.params, held.gradient, limits).tolist() == [False, True]
    direction = quasi_newton(held, moves, limits)
    assert direction[0] == 0
    assert direction[1] == pytest.approx(1 / 5, rel=1e-9)
    free = Point(np.array([5.0, 0.0]), 0.0, np.array([2.0, -1.0]))
    np.testing.assert_allclose(quasi_newton(free, moves, None), -np.linalg.solve(hessian, free.gradient), rtol=1e-6)
    np.testing.assert_allclose(quasi_newton(free, moves, limits), quasi_newton(free, moves, None), rtol=1e-12)


def test_parameters_that_would_cross_a_limit_are_sent_there() -> None:
    """The step is (−6, 2) for the gradient (1, 1): without x it would go uphill, so x is sent to 0 and y down."""
    inverse = np.array([[10.0, -4.0], [-4.0, 2.0]])
    moves = _moves(np.linalg.inv(inverse))
    point = Point(np.array([1.0, 0.0]), 0.0, np.array([1.0, 1.0]))
    np.testing.assert_allclose(quasi_newton(point, moves, None), [-6.0, 2.0], rtol=1e-6)
    direction = quasi_newton(point, moves, (np.array([0.0, -9.0]), np.array([9.0, 9.0])))
    assert direction[0] == -1.0
    assert direction[1] == pytest.approx(-1 / np.linalg.inv(inverse)[1, 1], rel=1e-6)


def test_parameters_at_a_limit_do_not_step_beyond_it() -> None:
    """The cost falls away from the limit of x, but the curvatures lead beyond it."""
    moves = _moves(np.linalg.inv(np.array([[10.0, -4.0], [-4.0, 2.0]])))
    point = Point(np.array([1.0, 0.0]), 0.0, np.array([-0.1, -1.0]))
    assert quasi_newton(point, moves, None)[0] < 0
    limits = (np.array([1.0, -9.0]), np.array([9.0, 9.0]))
    assert free_at(point.params, point.gradient, limits).all()
    direction = quasi_newton(point, moves, limits)
    assert direction[0] == 0
    assert direction[1] > 0


def test_parts_of_moves_without_curvature_are_left_out() -> None:
    """The part of a move that is free may be zero, or have a negative curvature."""
    s, y = np.array([1.0, 0.0]), np.array([2.0, 1.0])
    t, z = np.array([1.0, 1.0]), np.array([3.0, -1.0])
    point = Point(np.array([1.0, 0.0]), 0.0, np.array([2.0, -1.0]))
    limits = (np.array([1.0, -9.0]), np.array([9.0, 9.0]))
    assert quasi_newton(point, np.array([[s, y], [t, z]]), limits).tolist() == [0.0, 1.0]


def test_a_minimum_at_a_bend_takes_few_trials() -> None:
    """Along (1, 1) the cost falls by t until x is at 1, then it rises by t: no slope is small."""
    calls: list[Any] = []

    def evaluate(flat: Any) -> Point:
        calls.append(flat)
        return Point(flat, float(flat[1] - 2 * flat[0]), np.array([-2.0, 1.0]))

    limits = (np.zeros(2), np.array([1.0, 9.0]))
    for first in (0.3, 1.2, 5.0):
        calls.clear()
        found = _wolfe(Arc(evaluate, evaluate(np.zeros(2)), np.array([1.0, 1.0]), limits), first)
        assert found.cost < -0.5
        assert len(calls) <= 5
