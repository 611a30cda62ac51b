"""Every optimiser against Optax, update by update, and as a value on plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st
from batch_cases import FORMULAS, gaps
from batch_cases import OPTIMISERS as BENIGN
from sampling import sampled
from steepest import optimisers as o
from steepest.errors import DescentError, SteepestError
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.training.optimisers import OPTIMISERS, Optimiser

DTYPES = ("float64", "float32")
ENGINES = ("reference", "native")
UPDATES = 100

Pair = tuple[Callable[[], Any], Callable[[float], Any]]

_OWN_TESTS = ("lbfgs", "lm", "newton")  # test_searching.py and test_second_order_methods.py
PAIRS: dict[str, Pair] = {
    "gradient descent": (o.gradient_descent, optax.sgd),
    "momentum": (o.momentum, lambda rate: optax.sgd(rate, momentum=0.9)),
    "momentum 0.5": (lambda: o.momentum(0.5), lambda rate: optax.sgd(rate, momentum=0.5)),
    "nesterov": (o.nesterov, lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True)),
    "nesterov 0.6": (lambda: o.nesterov(0.6), lambda rate: optax.sgd(rate, momentum=0.6, nesterov=True)),
    "rmsprop": (o.rmsprop, lambda rate: optax.rmsprop(rate, 0.9, 1e-8, eps_in_sqrt=False)),
    "rmsprop 0.99": (
        lambda: o.rmsprop(0.99, 1e-3), lambda rate: optax.rmsprop(rate, 0.99, 1e-3, eps_in_sqrt=False)
    ),
    "adagrad": (o.adagrad, lambda rate: optax.adagrad(rate, initial_accumulator_value=0.0)),
    "adagrad 0.01": (lambda: o.adagrad(0.01), lambda rate: optax.adagrad(rate, 0.0, 0.01)),
    "adam": (o.adam, optax.adam),
    "adam 0.5 0.9": (lambda: o.adam(0.5, 0.9, 1e-4), lambda rate: optax.adam(rate, 0.5, 0.9, 1e-4)),
    "adamw": (o.adamw, lambda rate: optax.adamw(rate, weight_decay=0.01)),
    "adamw 0.3": (
        lambda: o.adamw(0.8, 0.95, 1e-5, 0.3), lambda rate: optax.adamw(rate, 0.8, 0.95, 1e-5, weight_decay=0.3)
    ),
    "lion": (o.lion, lambda rate: optax.lion(rate, weight_decay=0.0)),
    "lion 0.7": (
        lambda: o.lion(0.7, 0.95, 0.2), lambda rate: optax.lion(rate, 0.7, 0.95, weight_decay=0.2)
    ),
}  # fmt: skip
"""Ours and Optax's; what Optax calls otherwise by default is set here: ε beside the root, accumulators from 0."""

CURVES = np.array([100.0, 20.0, 3.0, 0.5, 0.05])
CENTRE = np.array([1.0, -2.0, 0.3, 2.0, -1.0])
START = np.array([-0.7, 0.4, 1.9, -1.2, 0.8])


def _quadratic() -> tuple[Expression, dict[str, Any], Callable[[Any], Any]]:
    """Condition number 2000, of numbers: a + b + … under one square each, and two of them mixed."""
    a, b, c, d, e = st.params("a", "b", "c", "d", "e")
    places = zip((a, b, c, d, e), CURVES, CENTRE, strict=True)
    cost = sum((0.5 * float(k) * (w - float(m)) ** 2 for w, k, m in places), start=0.1 * a * b)

    def same(w: Any) -> Any:
        return 0.5 * jnp.sum(jnp.asarray(CURVES, w.dtype) * (w - jnp.asarray(CENTRE, w.dtype)) ** 2) + 0.1 * w[0] * w[1]

    return cost, dict(zip("abcde", START, strict=True)), same


def _vector() -> tuple[Expression, dict[str, Any], Callable[[Any], Any]]:
    """The same squares of one vector, whose curvatures are a data row."""
    w, k, m = st.params("w", shape=5), st.data("k", shape=5), st.data("m", shape=5)
    cost = op.mean(0.5 * op.sum_(k * (w - m) ** 2))

    def same(w: Any) -> Any:
        return 0.5 * jnp.sum(jnp.asarray(CURVES, w.dtype) * (w - jnp.asarray(CENTRE, w.dtype)) ** 2)

    return cost, {"w": START}, same


def _rosenbrock() -> tuple[Expression, dict[str, Any], Callable[[Any], Any]]:
    x, y = st.params("x", "y")
    cost = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return cost, {"x": -1.2, "y": 1.0}, lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


COSTS = {"quadratic": _quadratic, "vector": _vector, "rosenbrock": _rosenbrock}
TABLE = {"k": CURVES[None, :], "m": CENTRE[None, :]}


def _by_optax(cost: Callable[[Any], Any], start: Any, method: Any, dtype: str) -> Any:
    """All places, the start included."""
    place = jnp.asarray(start, dtype)
    state = method.init(place)

    @jax.jit
    def update(place: Any, state: Any) -> tuple[Any, Any]:
        change, state = method.update(jax.grad(cost)(place), state, place)
        return optax.apply_updates(place, change), state

    places = [np.asarray(place, float)]
    for _ in range(UPDATES):
        place, state = update(place, state)
        assert place.dtype == dtype
        places.append(np.asarray(place, float))
    return np.array(places)


def _rate(name: str, where: str) -> float:
    """Within what each method bears on such steep curves."""
    plain = name.split()[0] in ("gradient", "momentum", "nesterov")
    if plain:
        return 2e-4 if where == "rosenbrock" else 2e-3
    return 0.002 if name.startswith("rmsprop") else 0.02  # its first moves are three times the rate


def test_every_optimiser_has_its_counterpart() -> None:
    assert {name.replace("-", " ") for name in o.OPTIMISERS if name not in _OWN_TESTS} <= PAIRS.keys()


@pytest.mark.parametrize("dtype", sampled(DTYPES, 2))
@pytest.mark.parametrize("where", COSTS)
@pytest.mark.parametrize("name", PAIRS)
def test_as_optax_update_by_update(name: str, where: str, dtype: str) -> None:
    """To 1e-9 of the places, which are of size 1. In float32 a hundred updates round by 6e-8 each: Optax in float32 is
    off itself in float64 by some 1e-6, and ours may be off by a few times that.
    """
    ours, its = PAIRS[name]
    cost, start, same = COSTS[where]()
    rate = _rate(name, where)
    flat = np.concatenate([np.ravel(value) for value in start.values()])
    exact, near = _by_optax(same, flat, its(rate), "float64"), 1e-9
    if dtype == "float32":
        near = 1e-6 + 2 * float(np.abs(_by_optax(same, flat, its(rate), dtype) - exact).max())
    for engine in ENGINES:
        run = st.descend(
            cost, TABLE if where == "vector" else None, start, rate, UPDATES, optimiser=ours(), engine=engine,
            dtype=dtype,
        )  # fmt: skip
        found = np.array([np.concatenate([np.ravel(row[key]) for key in start]) for _, row in run.path])
        assert np.abs(found[-1] - found[0]).max() > 0.02  # it has moved by much more than the bound
        np.testing.assert_allclose(found, exact, atol=near, rtol=0)


@pytest.mark.parametrize("name", PAIRS)
def test_the_update_on_plain_arrays_is_the_compiled_one(name: str) -> None:
    """The same text of the update, fed with NumPy arrays and a gradient written out."""
    optimiser = PAIRS[name][0]()
    place = START.copy()
    state = optimiser.init(place)
    rate = _rate(name, "vector")
    for t in range(1, UPDATES + 1):
        place, state = optimiser.update(place, CURVES * (place - CENTRE), state, rate, t)
    cost, start, _ = _vector()
    for engine in ENGINES:
        run = st.descend(cost, TABLE, start, rate, UPDATES, optimiser=optimiser, engine=engine)
        np.testing.assert_allclose(run.params["w"], place, rtol=1e-11)
        for number, value in enumerate(state, 1):
            np.testing.assert_allclose(run.memory[f"({optimiser.name} {number}) w"], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["momentum", "adam", "lion"])
def test_climbing_is_descending_the_negative(name: str, engine: str) -> None:
    cost, start, _ = _quadratic()
    settings: dict[str, Any] = {"start": start, "rate": 0.002, "epochs": 50, "optimiser": name, "engine": engine}
    up, down = st.descend(-cost, None, maximise=True, **settings), st.descend(cost, None, **settings)
    assert up.params == pytest.approx(down.params, rel=1e-12)
    assert up.cost == pytest.approx(-down.cost, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [name for name in OPTIMISERS if name not in _OWN_TESTS])
def test_memory_goes_on(name: str, engine: str) -> None:
    """60 updates are 25 and then 35 with what was remembered; without it they are not, where there is any."""
    cost, start, _ = _quadratic()
    settings: dict[str, Any] = {"rate": _rate(name, "quadratic"), "optimiser": name, "engine": engine}
    whole = st.descend(cost, None, start, epochs=60, **settings)
    first = st.descend(cost, None, start, epochs=25, **settings)
    rest = st.descend(cost, None, first.params, epochs=35, memory=first.memory, **settings)
    assert rest.params == whole.params
    assert rest.memory == whole.memory
    forgetful = st.descend(cost, None, first.params, epochs=35, **settings)
    assert (forgetful.params == whole.params) == (name in ("gradient-descent", "lion"))  # no slope changes its sign


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "rate", "epochs"), [
    ("gradient-descent", 0.1, 3000), ("momentum", 0.02, 1000), ("nesterov", 0.02, 1000), ("adam", 0.05, 3000),
    ("rmsprop", 0.002, 4000), ("adagrad", 0.5, 3000), ("lion", 0.001, 4000), ("lbfgs", 0.1, 60),
])  # fmt: skip
def test_all_come_to_the_minimum(name: str, rate: float, epochs: int, engine: str) -> None:
    """A logistic regression, whose minimum SciPy knows; those of constant speed come near it within their step."""
    from scipy import optimize

    rng = np.random.default_rng(2)
    X = rng.normal(size=(80, 3))
    y = (X @ [1.0, -2, 0.5] + rng.logistic(size=80) > 0).astype(float)

    def cost(w: Any) -> float:
        return float(np.mean(np.logaddexp(0, X @ w[:3] + w[3]) - y * (X @ w[:3] + w[3])))

    best = optimize.minimize(cost, np.zeros(4), method="BFGS", tol=1e-9)
    model = st.models.network([3, 1])
    run = st.descend(
        model.cost, {"X": X, "y": y}, {"W1": np.zeros((3, 1)), "b1": np.zeros(1)}, rate, epochs, optimiser=name,
        engine=engine,
    )  # fmt: skip
    near = 1e-4 if name in ("rmsprop", "lion") else 1e-9
    assert best.fun - 1e-12 < run.cost < best.fun + near


@pytest.mark.parametrize(("make", "says"), [
    (lambda: o.momentum(1.0), "decay is a number from 0 to below 1, not 1.0"),
    (lambda: o.momentum(-0.1), "decay is a number from 0 to below 1, not -0.1"),
    (lambda: o.nesterov(float("nan")), "decay is a number from 0 to below 1, not nan"),
    (lambda: o.rmsprop(epsilon=-1), "epsilon is a finite number from 0, not -1"),
    (lambda: o.adagrad(float("inf")), "epsilon is a finite number from 0, not inf"),
    (lambda: o.adam(beta1=1), "beta1 is a number from 0 to below 1, not 1"),
    (lambda: o.adam(beta2=2), "beta2 is a number from 0 to below 1, not 2"),
    (lambda: o.adamw(weight_decay=-0.1), "weight_decay is a finite number from 0, not -0.1"),
    (lambda: o.lion(weight_decay=float("nan")), "weight_decay is a finite number from 0, not nan"),
    (lambda: o.adam(beta1="0.9"), "beta1 is a number from 0 to below 1, not '0.9'"),  # type: ignore[arg-type]
    (lambda: o.adam(epsilon=None), "epsilon is a finite number from 0, not None"),  # type: ignore[arg-type]
    (lambda: o.lbfgs(0), "memory is a whole number from 1, not 0"),
    (lambda: o.lbfgs(2.5), "memory is a whole number from 1, not 2.5"),  # type: ignore[arg-type]
    (lambda: o.lbfgs(True), "memory is a whole number from 1, not True"),
    (lambda: o.optimiser_named("adan"), "there is no optimiser 'adan'; did you mean 'adam'?"),
    (lambda: o.optimiser_named(0.9), "optimiser is a name or an Optimiser"),  # type: ignore[arg-type]
])  # fmt: skip
def test_settings_that_make_no_sense(make: Callable[[], Any], says: str) -> None:
    with pytest.raises(DescentError) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("memory", [
    {"v": 1.0}, {"(momentum 1) w9": 1.0}, {"(momentum 1) a": [1.0, 2.0]}, {"(adam 1) a": 0.0}, {"(search) rate": 1.0},
])  # fmt: skip
@pytest.mark.parametrize("settings", [{"optimiser": "momentum"}, {"optimiser": "lbfgs"}, {}, {"optimiser": "adam"}])
def test_memory_of_another_optimiser_is_refused(settings: dict[str, Any], memory: dict[str, Any]) -> None:
    if settings.get("optimiser") == "adam" and "(adam 1) a" in memory:
        return
    cost, start, _ = _quadratic()
    with pytest.raises(SteepestError, match=r"memory has .* is not in the state of.*; give run\.memory"):
        st.descend(cost, None, start, 0.001, 3, memory=memory, **settings)


def test_an_optimiser_of_ones_own_counts_its_updates() -> None:
    """α/t, in the words of the docstring: from 1 on (x − 3)²/2 with α = 1 the first update is at the minimum."""
    w = st.params("w")
    halving = Optimiser("halving", lambda w: (), lambda w, g, state, rate, t: (w - rate / t * g, state))
    for engine in ENGINES:
        run = st.descend((w - 3) ** 2 / 2, None, {"w": 1.0}, 0.5, 4, optimiser=halving, engine=engine)
        place, places = 1.0, [1.0]
        for t in range(1, 5):
            place -= 0.5 / t * (place - 3)
            places.append(place)
        assert [row["w"] for _, row in run.path] == pytest.approx(places, rel=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sampled([name for name in OPTIMISERS if name not in ("lm", "newton")], 3))
def test_restarts_side_by_side_are_those_one_after_another(name: str, dtype: str) -> None:
    """Each start remembers for itself; in float32 updates round by some 1e-7. L-BFGS divides by small ones."""
    model = FORMULAS["decay"](25)
    method = BENIGN[name]() if name in BENIGN else name
    settings: dict[str, Any] = {"restarts": 7, "epochs": 15, "rate": 0.02, "optimiser": method, "dtype": dtype}
    found, wanted = (model.descend(engine, **settings) for engine in ENGINES[::-1])
    near = (1e-12 if dtype == "float64" else 2e-6) * (1000 if name == "lbfgs" else 1)
    assert gaps(found, wanted) < near
    np.testing.assert_allclose(found.restarts, wanted.restarts, rtol=near)
    assert len(set(found.restarts or [])) == 7
