"""Ends of descents of more than 200 parameters: judged by products of the Hessian matrix with vectors."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import steepest as st
from steepest.training import many_parameters
from steepest.training.derivatives import Derivatives
from steepest.training.ends import CONVERGED_BELOW
from steepest.training.many_parameters import lanczos

ROWS, FEATURES, L2 = 1000, 500, 0.1
_rng = np.random.default_rng(0)
X = _rng.standard_normal((ROWS, FEATURES))
Y = X @ _rng.standard_normal(FEATURES) + _rng.standard_normal(ROWS)
POINTS = _rng.standard_normal((300, 8))
NETWORK = {"X": POINTS, "y": np.sin(POINTS[:, 0]) + POINTS[:, 1] * POINTS[:, 2]}
_UNITS = 24


def fit(model: st.Model, table: dict[str, Any], **settings: Any) -> st.Descent:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = model.fit(table, **settings).run
    assert run is not None
    return run


def at(model: st.Model, table: dict[str, Any], start: dict[str, Any]) -> st.Descent:
    """Return the judgement of a point: the end of a descent that does not move."""
    return fit(model, table, start=start, rate=1e-300, epochs=1)


def ridge(l2: float = L2, features: int = FEATURES) -> st.Model:
    return st.Model("y ~ X@w + b", params={"w": (features,)}, l2=l2)


def logistic() -> st.Model:
    return st.Model("y ~ sigmoid(X@w + b)", "cross_entropy", params={"w": (300,)}, l2=0.01)


def network(l2: float) -> st.Model:
    shapes = {"W": (8, _UNITS), "b": (_UNITS,), "v": (_UNITS,)}
    return st.Model("y ~ tanh(X@W + b)@v + c", params=shapes, l2=l2)


def ridge_solution(x: np.ndarray) -> np.ndarray:
    """Return w and b at the minimum of mean (y − Xw − b)² + L2/2 |w|²."""
    whole = np.c_[x, np.ones(len(x))]
    penalty = np.diag([L2 / 2 * len(x)] * x.shape[1] + [0.0])
    return np.linalg.solve(whole.T @ whole + penalty, whole.T @ Y)


def test_ridge_regression_has_converged_at_its_solution_and_not_nearby() -> None:
    solution = ridge_solution(X)
    run = at(ridge(), {"X": X, "y": Y}, {"w": solution[:-1], "b": solution[-1]})
    assert (run.reason, run.message[:15]) == ("converged", "converged after")
    near = solution * (1 + 1e-4 * np.random.default_rng(1).standard_normal(len(solution)))
    missed = at(ridge(), {"X": X, "y": Y}, {"w": near[:-1], "b": near[-1]})
    assert missed.reason == "budget"
    assert "not converged: a Newton step would lower the cost by at least " in missed.message
    change = near - solution
    whole = np.c_[X, np.ones(ROWS)]
    true = np.mean((whole @ change) ** 2) + L2 / 2 * np.sum(change[:-1] ** 2)  # exact, as the cost is quadratic
    assert missed.newton_decrement is not None
    assert CONVERGED_BELOW < missed.newton_decrement <= true / missed.cost * (1 + 1e-9)
    assert missed.newton_decrement == pytest.approx(true / missed.cost, rel=0.2)
    assert fit(ridge(), {"X": X, "y": Y}).reason == "converged"  # by L-BFGS, as a user would
    assert fit(ridge(), {"X": X, "y": Y}, epochs=10).reason == "budget"


def test_units_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns in units that differ by factors of 10¹², without a penalty, as that has units, and with 40 products."""
    few = 220
    monkeypatch.setattr(many_parameters, "MOST_WORK", (8 + 6 + 8 + 2 * 40) * (few + 1) * ROWS)
    units = 10.0 ** np.random.default_rng(2).uniform(-6, 6, few)
    table = {"X": X[:, :few] * units, "y": Y}
    solution, *_ = np.linalg.lstsq(np.c_[X[:, :few], np.ones(ROWS)], Y)
    start = {"w": solution[:-1] / units, "b": solution[-1]}
    assert at(ridge(0.0, few), table, start).reason == "converged"
    near = {**start, "w": start["w"] + 3e-5 * np.random.default_rng(3).standard_normal(few) / units}
    missed, usual = (
        at(ridge(0.0, few), table, near),
        at(ridge(0.0, few), {**table, "X": X[:, :few]}, {**near, "w": near["w"] * units}),
    )
    assert missed.reason == "budget"
    assert missed.newton_decrement == pytest.approx(usual.newton_decrement, rel=0.01)


def test_logistic_regression_has_converged_where_scikit_learn_ends() -> None:
    x = X[:800, :300]
    table = {"X": x, "y": (Y[:800] > 0).astype(float)}
    theirs = LogisticRegression(C=1 / (0.01 * 800), tol=1e-10, solver="newton-cholesky", max_iter=1000)
    theirs.fit(x, table["y"])
    start = {"w": theirs.coef_[0], "b": theirs.intercept_[0]}
    assert at(logistic(), table, start).reason == "converged"
    ours = fit(logistic(), table)
    assert ours.reason == "converged"
    np.testing.assert_allclose(ours.params["w"], theirs.coef_[0], atol=1e-5)
    assert at(logistic(), table, {**start, "w": start["w"] * 1.001}).reason == "budget"


def _exact_decrement(params: dict[str, Any], l2: float) -> tuple[float, float]:
    """Return the Newton decrement of the network as a share of its cost, by JAX, and the smallest curvature."""
    names = ["W", "b", "v", "c"]
    sizes = np.cumsum([0] + [np.size(params[name]) for name in names])

    def cost(flat: Any) -> Any:
        w, b, v, c = (flat[i:j].reshape(np.shape(params[n])) for n, i, j in zip(names, sizes, sizes[1:], strict=False))
        made = jnp.tanh(NETWORK["X"] @ w + b) @ v + c
        return jnp.mean((made - NETWORK["y"]) ** 2) + l2 / 2 * (jnp.sum(w**2) + jnp.sum(v**2))

    with jax.enable_x64(True):
        flat = jnp.asarray(np.concatenate([np.ravel(params[name]) for name in names]))
        value, g, h = cost(flat), jax.grad(cost)(flat), jax.hessian(cost)(flat)
        curvatures, axes = np.linalg.eigh(np.asarray(h))
        slopes = np.asarray(g) @ axes
        kept = np.abs(curvatures) > 1e-13 * np.abs(curvatures).max()
        share = 0.5 * float(np.sum(slopes[kept] ** 2 / np.abs(curvatures[kept]))) / float(value)
    return share, float(curvatures.min())


@pytest.mark.parametrize("seed", range(3))
def test_a_network_is_judged_as_by_its_whole_hessian_matrix(seed: int) -> None:
    found = set()
    for epochs in (20, 300, 3000, 6000):
        run = fit(network(0.03), NETWORK, optimiser="lbfgs", epochs=epochs, seed=seed)
        share, smallest = _exact_decrement(run.params, 0.03)
        if run.reason == "converged":
            assert share < CONVERGED_BELOW
            assert smallest > -1e-9
        elif run.newton_decrement is not None:
            assert share > CONVERGED_BELOW
        found.add(str(run.reason))
    assert {"converged", "budget"} <= found


def test_a_network_without_slope_at_zero_weights_is_a_saddle() -> None:
    zeros = {"W": np.zeros((8, _UNITS)), "b": np.zeros(_UNITS), "v": np.zeros(_UNITS), "c": NETWORK["y"].mean()}
    run = fit(network(0.0), NETWORK, start=zeros, rate=0.1, epochs=20)
    assert run.reason == "plateau"
    assert "curves downwards" in run.message


def test_dead_units_are_named() -> None:
    """The unit of u is 0 for all samples; without it the regression has converged."""
    solution = ridge_solution(X)
    model = st.Model("y ~ X@w + b + relu(X@u - 1000)", params={"w": (FEATURES,), "u": (FEATURES,)}, l2=0.0)
    exact, *_ = np.linalg.lstsq(np.c_[X, np.ones(ROWS)], Y)
    run = at(model, {"X": X, "y": Y}, {"w": exact[:-1], "b": exact[-1], "u": np.full(FEATURES, 0.01)})
    assert run.reason == "plateau"
    assert "u[0], u[1], u[2] and 497 others have no effect there" in run.message
    far = at(model, {"X": X, "y": Y}, {"w": solution[:-1], "b": solution[-1], "u": np.full(FEATURES, 0.01)})
    assert far.reason == "budget"  # that of another penalty: most of the parameters still move


def test_a_flat_direction_that_is_nearly_missed() -> None:
    """What is left to gain is along an axis of little curvature, to which the gradient is nearly orthogonal."""
    rng = np.random.default_rng(4)
    turned, _ = np.linalg.qr(rng.standard_normal((250, 250)))
    curvatures = np.geomspace(1e-8, 1, 250)
    table = {"X": (np.sqrt(curvatures)[:, None] * turned.T), "y": np.zeros(250), "z": np.ones(250)}
    model = st.Model("y ~ X@w", "mean((prediction - target)^2) + 1", params={"w": (250,)})
    coordinates = 1e-12 * rng.standard_normal(250) / curvatures  # slopes of about the same size
    coordinates[0] = 30.0  # predicts 30²·10⁻⁸/250 = 3.6·10⁻⁸
    run = at(model, table, {"w": turned @ coordinates})
    assert run.reason != "converged"
    assert at(model, table, {"w": np.zeros(250)}).reason == "converged"


def test_lower_bounds_rise_to_the_decrement_and_what_is_missing_bounds_the_rest() -> None:
    rng = np.random.default_rng(5)
    turned, _ = np.linalg.qr(rng.standard_normal((60, 60)))
    curvatures = np.geomspace(1e-3, 1, 60)
    matrix, vector = (turned * curvatures) @ turned.T, rng.standard_normal(60)
    true = 0.5 * vector @ np.linalg.solve(matrix, vector)
    bounds = []
    for steps in (1, 5, 10, 20, 40, 60):
        run = lanczos(lambda v: matrix @ v, vector, steps, lambda _: False)
        assert run is not None
        bounds.append(run.decrement())
        assert bounds[-1] <= true * (1 + 1e-10) <= (bounds[-1] + run.missing(1e-3)) * (1 + 1e-9)
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(true, rel=1e-9)
    down = matrix - 0.01 * np.outer(turned[:, 5], turned[:, 5])
    found = lanczos(lambda v: down @ v, vector, 60, lambda _: False)
    assert found is not None
    curvatures, axes = found.downward()
    assert curvatures == pytest.approx([np.linalg.eigvalsh(down)[0]], rel=1e-9)
    np.testing.assert_allclose(np.abs(axes @ turned[:, 5]), 1, rtol=1e-9)
    assert found.smallest == pytest.approx(np.linalg.eigvalsh(down)[0], rel=1e-9)
    assert lanczos(lambda v: v * np.nan, vector, 5, lambda _: False) is None


def test_too_many_parameters_are_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    solution = ridge_solution(X)
    start = {"w": solution[:-1], "b": solution[-1]}
    monkeypatch.setattr(many_parameters, "MOST_WORK", 1000)
    run = at(ridge(), {"X": X, "y": Y}, start)
    assert (run.reason, run.newton_decrement) == ("budget", None)
    assert run.message.endswith(
        "not decided: second derivatives by 501 parameters on 1,000 rows take longer than a second"
    )
    monkeypatch.setattr(many_parameters, "MOST_WORK", (8 + 6 + 8 + 2 * 5) * 501 * ROWS)
    run = at(ridge(), {"X": X, "y": Y}, start)
    assert (run.reason, run.newton_decrement) == ("budget", None)
    assert "not decided: 5 products with the second derivatives" in run.message


def test_the_work_is_bounded() -> None:
    """No more products are made than were counted, times rows and parameters, up to a few."""
    table, made = {"X": X, "y": Y}, 0
    model = ridge()
    run = fit(model, table)
    usual = Derivatives.product

    def counted(*args: Any) -> Any:
        nonlocal made
        made += 1
        return usual(*args)

    for work in (4e7, 1e8, 4e8):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(many_parameters, "MOST_WORK", work)
            patch.setattr(Derivatives, "product", counted)
            made = 0
            found = many_parameters.examine_many(model.prepared, table, ROWS, run.params, run.start)
        assert found is not None
        assert 0 < made <= work / (501 * ROWS)
