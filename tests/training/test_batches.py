"""Mini-batches: the native engine and plain loops against the reference engine, and the order of the samples."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import steepest as st
import strategies
from batch_cases import (
    FORMULAS,
    OPTIMISERS,
    gap,
    gaps,
    network,
    random_case,
    run_in_calls,
    runner_of,
    single_bound,
    start_of,
    step_of,
    table_of,
)
from engine_cases import Model, apart, drawn
from plain_loops import sigmoid
from processors import REGISTERS, pretend_processor
from sampling import sampled
from steepest.engines.native.arrays import array_runner as arrays
from steepest.engines.step import Batches
from steepest.expressions import operations as op
from steepest.training.optimisers import Optimiser, adam

SLOW = pytest.mark.slow

# Three epochs of up to 2100 updates; each adds round-off of some 1e-16 of the largest number. A wrong row, a missing
# share of a mean or a batch too many changes the results by more than 1e-4.
NEAR = 1e-9


# -- the native engine and the reference ---------------------------------------------------------------------------


@pytest.mark.parametrize("part", [pytest.param(k, marks=SLOW) if k >= 1 else k for k in range(30)])
def test_random_models(part: int) -> None:
    for seed in range(8 * part, 8 * part + 8):
        model, settings = random_case(seed)
        found, wanted = (model.descend(engine, **settings) for engine in ("native", "reference"))
        assert found.engine == "native"
        assert wanted.stop == "epochs"
        assert gaps(found, wanted) < NEAR, seed
        if seed % 4 == 0:
            off, may_be = single_bound(model, settings)
            assert off < may_be, seed


@pytest.mark.parametrize("name", sampled(FORMULAS, 3))
def test_formulas(name: str) -> None:
    model = FORMULAS[name](37)
    settings: dict[str, Any] = {"rate": 0.01, "epochs": 4, "batch": 11, "optimiser": adam(epsilon=1e-3)}
    assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < NEAR
    off, may_be = single_bound(model, settings)
    assert off < may_be


@pytest.mark.parametrize("batch", sampled(range(1, 41), 4))
def test_every_batch_size(batch: int) -> None:
    """And numbers of samples from 1 to 70, with and without a last batch that is shorter."""
    for k, name in enumerate(("neuron", "row", "network")):
        rows = (batch * (7 + 3 * k) + 13 * k) % 70 + 1
        model = network(Random(5), rows) if name == "network" else FORMULAS[name](rows)
        settings = {"rate": 0.05, "epochs": 2, "batch": batch, "seed": batch}
        assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < NEAR, (name, rows)


@pytest.mark.parametrize("name", ["neuron", "features", "decay", "three passes", "network"])
@pytest.mark.parametrize(("rows", "batch"), [(257, 257), (600, 300), (1100, 1000), (520, 512), (700, 257)])
def test_batches_of_several_blocks(name: str, rows: int, batch: int) -> None:
    """A block has 256 samples at most."""
    model = network(Random(7), rows) if name == "network" else FORMULAS[name](rows)
    settings: dict[str, Any] = {"rate": 0.02, "epochs": 3, "batch": batch, "optimiser": "momentum"}
    assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < NEAR


@pytest.mark.parametrize("name", sampled(OPTIMISERS, 3))
def test_optimisers(name: str) -> None:
    """Vectors, matrices and numbers, with what is remembered of each."""
    model = FORMULAS["decay"](29)
    settings = {"rate": 0.01, "epochs": 20, "batch": 8, "optimiser": OPTIMISERS[name]()}
    found, wanted = (model.descend(engine, **settings) for engine in ("native", "reference"))
    assert gaps(found, wanted) < NEAR
    assert found.memory.keys() == wanted.memory.keys()
    off, may_be = single_bound(model, settings)
    assert off < may_be


def test_random_formulas() -> None:
    """An epoch of whatever the generator of formulas makes, if arrays can run it."""
    tried = 0
    for seed in range(45):
        case = strategies.make_case(Random(seed))
        names = case.cost.parameters
        model = Model(
            case.cost, {name: case.values[name] for name in case.cost.data}, {n: case.values[n] for n in names}, 0.001
        )
        if not (model.table and names and arrays.supports(step_of(model))):
            continue
        tried += 1
        settings = {"epochs": 1, "batch": Random(seed).randint(1, len(next(iter(model.table.values()))))}
        found, wanted = model.descend("native", **settings), model.descend("reference", **settings)
        assert (found.stop, found.epochs) == (wanted.stop, wanted.epochs)
        assert apart(found.cost, wanted.cost) < 1e-11, (seed, case)  # as in test_native_agreement.py, some updates
        assert max(apart(found.params[name], wanted.params[name]) for name in names) < 1e-11, (seed, case)
    assert tried > 12


def test_arrays_that_become_the_same() -> None:
    """Two sums with equal gradients, and an optimiser that remembers the gradient twice."""
    X, W, U = st.data("X", shape=9), st.params("W", shape=(9, 17)), st.params("U", shape=(9, 17))
    model = drawn(op.mean(op.sum_(op.tanh(X @ (W + U)) ** 2)), table_of({"X": (9,)}, 40, 0))
    twice = Optimiser("twice", lambda w: (0 * w, 0 * w), lambda w, g, s, rate, t: (w - rate * (g + s[1]), (g, g)))
    settings: dict[str, Any] = {"epochs": 5, "batch": 7, "optimiser": twice}
    assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < NEAR
    searched: dict[str, Any] = {"epochs": 5, "optimiser": "lbfgs"}
    assert gaps(model.descend("native", **searched), model.descend("reference", **searched)) < NEAR


def test_padding_that_is_not_finite_is_never_read() -> None:
    """With ε = 0 the padding of rows of 5 becomes 0/0; the numbers between do not."""
    model = FORMULAS["decay"](30)
    settings: dict[str, Any] = {"rate": 0.01, "epochs": 10, "batch": 8, "optimiser": adam(epsilon=0)}
    found, wanted = (model.descend(engine, **settings) for engine in ("native", "reference"))
    assert wanted.stop == "epochs"
    assert gaps(found, wanted) < NEAR


# -- threads and processors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", sampled(["float64", "float32"], 2))
@pytest.mark.parametrize("name", ["network", "decay", "three passes"])
def test_threads_give_the_same_bits(name: str, dtype: str) -> None:
    model = network(Random(11), 90) if name == "network" else FORMULAS[name](90)
    step, rate = step_of(model, adam()), 0.01
    found = []
    for threads in (1, 2, 3):
        for batches in (Batches(20, 1), None):
            runner = runner_of(model, "native", step, rate, dtype, batches, threads)
            state, record = run_in_calls(runner, start_of(model, step, dtype), 6, 3)
            path = runner.unpacked([row for _, row in record.path(6)])
            found.append((record.costs, {"end": [*state.params.values()], "path": [[*row.values()] for row in path]}))
    for (costs, arrays_), (again, others) in zip(found, found[2:], strict=False):
        assert costs == again
        for mine, its in zip(arrays_["end"], others["end"], strict=True):
            assert np.array_equal(mine, its)
        for row, other in zip(arrays_["path"], others["path"], strict=True):
            assert all(np.array_equal(mine, its) for mine, its in zip(row, other, strict=True))


@pytest.mark.parametrize("seeds", sampled([(0, 1, 33), (2, 3, 4), (5, 8, 18)], 3), ids=str)
@pytest.mark.parametrize("cpu", REGISTERS)
def test_narrower_processors(cpu: str, seeds: tuple[int, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_processor(monkeypatch, cpu)
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path))
    for seed in seeds:
        model, settings = random_case(seed)
        settings["epochs"] = 2
        assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < NEAR, seed


# -- plain loops ---------------------------------------------------------------------------------------------------


def test_logistic_regression_by_a_plain_loop() -> None:
    """Rows and order as documented: an epoch's order is that of ``Batches.order``, the last batch is shorter."""
    rng = np.random.default_rng(5)
    X, rows, size = rng.normal(size=(53, 4)), 53, 8
    y = (rng.random(rows) < sigmoid(X @ [1, -2, 0.5, 0])).astype(float)
    start = {"W1": rng.normal(size=(4, 1)), "b1": np.zeros(1)}
    w, b, costs = start["W1"][:, 0].copy(), 0.0, []
    for epoch in range(12):
        order, sofar = Batches(size, 3).order(epoch, rows), 0.0
        for begin in range(0, rows, size):
            some = order[begin : begin + size]
            p = sigmoid(X[some] @ w + b)
            sofar -= float(np.sum(y[some] * np.log(p) + (1 - y[some]) * np.log(1 - p)))
            w, b = w - 0.3 * X[some].T @ (p - y[some]) / len(some), b - 0.3 * float(np.mean(p - y[some]))
        costs.append(sofar / rows)
    model = Model(st.models.network([4, 1]).cost, {"X": X, "y": y}, start, 0.3)
    for engine in ("native", "reference"):
        run = model.descend(engine, epochs=12, batch=size, seed=3)
        np.testing.assert_allclose(run.params["W1"][:, 0], w, rtol=1e-12)
        np.testing.assert_allclose(run.params["b1"], b, rtol=1e-12)
        np.testing.assert_allclose([cost for _, cost in run.history[:-1]], costs, rtol=1e-12)


def _digits_cost(params: dict[str, Any], X: Any, y: Any) -> Any:
    logits = jnp.tanh(X @ params["W1"] + params["b1"]) @ params["W2"] + params["b2"]
    return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y])


@pytest.mark.parametrize("dtype", sampled(["float64", "float32"], 2))
def test_network_by_jax(dtype: str) -> None:
    """64-32-10 with Adam written out, gradients by JAX."""
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(150, 64)).astype(dtype), rng.integers(0, 10, 150)
    model = drawn(st.models.network([64, 32, 10], output="softmax").cost, {"X": X, "y": y.astype(float)}, rate=0.003)
    params = {name: jnp.asarray(value, dtype) for name, value in model.start.items()}
    m, v = ({name: 0 * value for name, value in params.items()} for _ in range(2))
    gradient, t = jax.jit(jax.grad(_digits_cost)), 0
    for epoch in range(4):
        order = Batches(32, 0).order(epoch, 150)
        for begin in range(0, 150, 32):
            some, t = order[begin : begin + 32], t + 1
            slopes = gradient(params, X[some], y[some])
            for name, g in slopes.items():
                m[name], v[name] = 0.9 * m[name] + 0.1 * g, 0.999 * v[name] + 0.001 * g**2
                hats = m[name] / (1 - 0.9**t), v[name] / (1 - 0.999**t)
                params[name] = params[name] - 0.003 * hats[0] / (jnp.sqrt(hats[1]) + 1e-8)
    # Adam moves each number by about the rate, whatever its gradient: where that is nearly 0, its round-off counts.
    near = 1e-9 if dtype == "float64" else 2e-4
    for engine in ("native", "reference"):
        run = model.descend(engine, epochs=4, batch=32, optimiser="adam", dtype=dtype)
        assert max(gap(run.params[name], value) for name, value in params.items()) < near
        whole = float(_digits_cost({name: jnp.asarray(value) for name, value in run.params.items()}, X, y))
        assert run.cost == pytest.approx(whole, rel=1e-12 if dtype == "float64" else 1e-5)


# -- the order -----------------------------------------------------------------------------------------------------


def _seen(engine: str, rows: int, epochs: int, seed: int) -> list[list[int]]:
    """In which order each epoch takes the samples, one at a time: an optimiser that writes their numbers down.

    The gradient of x·w is the number of the sample, and w a fraction to the base of the number of rows, whose digits
    are the samples so far, the last one first.
    """
    x, w = st.data("x"), st.params("w")
    writes = Optimiser("writes", lambda w: (), lambda w, g, state, rate, t: (w / rows + g, state))
    column = {"x": np.arange(rows, dtype=float)}
    run = st.descend(op.mean(x * w), column, {"w": 0.0}, 1.0, epochs, engine=engine, batch=1, seed=seed,
                     optimiser=writes)  # fmt: skip
    found = []
    for _, row in run.path[1:]:
        value, places = row["w"], []
        for _ in range(rows):
            places.append(int(value + 1e-6))
            value = (value - places[-1]) * rows
        found.append(places[::-1])
    return found


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_every_sample_once_an_epoch_in_the_order_of_the_seed(engine: str) -> None:
    for rows in (2, 3, 5, 7):
        for seed in (0, 4):
            found = _seen(engine, rows, 5, seed)
            assert len(found) == 5
            for epoch, order in enumerate(found):
                assert order == Batches(1, seed).order(epoch, rows).tolist()
                assert sorted(order) == list(range(rows))


def test_orders_depend_on_seed_and_epoch_alone() -> None:
    def at(seed: int, epoch: int, size: int = 4) -> list[int]:
        return [int(k) for k in Batches(size, seed).order(epoch, 30)]

    assert at(1, 2) == at(1, 2) == at(1, 2, 9)
    assert len({tuple(at(seed, epoch)) for seed in range(4) for epoch in range(4)}) == 16
    assert Batches(4, 0).number(30) == 8
    assert Batches(30, 0).number(30) == Batches(99, 0).number(30) == 1


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_batches_larger_than_the_table_are_the_table(engine: str) -> None:
    model = FORMULAS["row"](20)
    large, whole = model.descend(engine, epochs=30, batch=1000), model.descend("reference", epochs=30)
    assert gap(large.params["v"], whole.params["v"]) < 1e-12
    assert gap([c for _, c in large.history], [c for _, c in whole.history]) < 1e-12


# -- stopping ------------------------------------------------------------------------------------------------------


def _mixed(rows: int) -> Model:
    """Numbers and arrays among the parameters."""
    return FORMULAS["row"](rows)


@pytest.mark.parametrize("settings", [
    {"rate": 0.05, "epochs": 500, "tolerance": 1e-2}, {"rate": 3.0, "epochs": 50}, {"rate": 0.7, "epochs": 400},
    {"rate": 1e3, "epochs": 400}, {"rate": 1e80, "epochs": 9}, {"rate": 1e200, "epochs": 9},
    {"rate": 0.01, "epochs": 4500}, {"rate": 0.01, "epochs": 3, "maximise": True}, {"rate": 0.1, "epochs": 0},
])  # fmt: skip
@pytest.mark.parametrize("make", sampled([FORMULAS["neuron"], _mixed, FORMULAS["line"]], 3))
def test_ends_alike(make: Callable[[int], Model], settings: dict[str, Any]) -> None:
    """Stop, epoch, the last finite parameters, their cost, and thinned rows; divergence blows errors up."""
    model = make(17)
    found, wanted = (model.descend(engine, batch=5, **settings) for engine in ("native", "reference"))
    assert gaps(found, wanted) < (1e-6 if wanted.stop == "diverged" else NEAR)
    assert found.warnings == wanted.warnings
    whole = float(st.evaluate(model.cost, {**model.table, **found.params}))
    assert found.cost == pytest.approx(whole, rel=1e-12)
