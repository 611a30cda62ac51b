"""C that trains: it descends as the reference engine does, on every model that has data."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import export_harness as harness
import steepest as st
from engine_cases import CASES, Model, apart
from export_harness import needs_compiler, pointer
from steepest.calculus.gradient import gradient
from steepest.engines.step import RATE, Step
from steepest.export import c_training, export_bytes
from steepest.expressions.expression import Expression, leaf
from steepest.expressions.operations import mean
from steepest.objectives.costs import mse

TRAINED = {name: make for name, make in CASES.items() if make().table}
TRAINED["network 64-32-10"] = lambda: wide()
PLACES = {name: f"case{k}" for k, name in enumerate(TRAINED)}
EPOCHS = 100
# Over a hundred epochs of models that descend, rounding grows no faster than linearly.
APART = {"float64": 1e-9, "float32": 1e-3}


def wide() -> Model:
    """Digits of noise: 64 pixels, 32 hidden neurons, 10 classes."""
    rng = np.random.default_rng(8)
    model = st.models.network([64, 32, 10], output="softmax")
    table = {"X": rng.normal(size=(20, 64)), "y": rng.integers(0, 10, 20).astype(float)}
    from engine_cases import drawn

    return drawn(model.cost, table)


def as_model(made: Model) -> st.Model:
    """A model whose cost is this one: what stands within its mean, as the prediction of nothing."""
    loss, names = made.cost.args[0], made.table
    shapes = {name: np.shape(value)[1:] for name, value in names.items()}
    values = {name: np.shape(value) for name, value in made.start.items()}
    return st.Model(f"nothing ~ {loss}", lambda p, t: mean(p), {**shapes, "nothing": ()}, values, harness.LONG)


@cache
def compiled(dtype: str) -> ctypes.CDLL:
    sources = [export_bytes(as_model(make()), "c-train", dtype, PLACES[name]) for name, make in TRAINED.items()]
    return harness.library(sources)


def train(
    functions: ctypes.CDLL, name: str, columns: Mapping[str, Any], start: Mapping[str, Any], rate: float, epochs: int,
    dtype: str,
) -> tuple[float, dict[str, np.ndarray]]:  # fmt: skip
    """Call the function that trains; its result and the parameters where it arrived."""
    function = getattr(functions, f"{name}_train")
    function.restype = ctypes.c_double
    data = {n: harness.array(v, dtype) for n, v in columns.items()}
    params = {n: np.atleast_1d(harness.array(v, dtype)) for n, v in start.items()}
    kind = ctypes.c_double if dtype == "float64" else ctypes.c_float
    rows = len(next(iter(data.values())))
    arrays = [pointer(array) for array in (*data.values(), *params.values())]
    cost = function(ctypes.c_size_t(rows), *arrays, kind(rate), ctypes.c_long(epochs))
    return cost, {n: array.reshape(np.shape(start[n])) for n, array in params.items()}


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TRAINED)
def test_c_trains_as_the_reference_engine_does(name: str, dtype: str) -> None:
    made = TRAINED[name]()
    model = as_model(made)
    columns = {n: made.table.get(n, np.zeros(len(next(iter(made.table.values()))))) for n in model.data}
    start = {n: made.start[n] for n in model.cost.parameters}
    cost, params = train(compiled(dtype), PLACES[name], columns, start, made.rate, EPOCHS, dtype)
    run = made.descend("reference", epochs=EPOCHS, dtype=dtype)
    assert run.stop == "epochs"
    assert apart(cost, run.cost, 1e-3) < APART[dtype]
    for each, value in run.params.items():
        assert apart(params[each], value, 1e-3) < APART[dtype], each
        assert not np.array_equal(params[each], harness.array(start[each], dtype)) or "E7" in name


@needs_compiler
def test_builders_train_and_predict_in_one_file() -> None:
    """XOR as a user would: the model exported, trained in C from the same start, predicted in C with the result."""
    model = st.models.network([2, 3, 1])
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])
    functions = harness.library([export_bytes(model, "c-train", name="xor")])
    start = st.descend(model.cost, {"X": X, "y": y}, epochs=0, seed=4).params
    cost, params = train(functions, "xor", {"X": X, "y": y}, start, 0.5, 400, "float64")
    model.fit({"X": X, "y": y}, start=start, rate=0.5, epochs=400, engine="reference")
    assert apart(cost, model.run.cost, 0) < 1e-9
    found = np.zeros(4)
    for row in range(4):
        functions.xor_predict(pointer(X[row]), *map(pointer, params.values()), pointer(found[row:]))
    np.testing.assert_allclose(found, model.predict({"X": X}), rtol=1e-9)
    functions.xor_cost.restype = ctypes.c_double
    assert functions.xor_cost(ctypes.c_size_t(4), pointer(X), pointer(y), *map(pointer, params.values())) == cost


@needs_compiler
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_program_in_the_comment_runs(dtype: str, tmp_path: Path) -> None:
    """As it stands, in a file of its own, linked with the other: zeros for data and parameters cost 0.25."""
    text = export_bytes(st.models.network([2, 3, 1], cost="mse"), "c-train", dtype, "net").decode()
    shown = [line.removeprefix(" *").removeprefix("     ") for line in text.partition("*/")[0].splitlines()]
    begin = shown.index("#include <stdio.h>")
    program = [*shown[begin : shown.index("}", begin) + 1], ""]
    (tmp_path / "net.c").write_text(text)
    (tmp_path / "main.c").write_text("\n".join(program).replace("y[4] = {0}", "y[4] = {0, 1, 0, 1}"))
    files = [str(tmp_path / name) for name in ("net.c", "main.c")]
    subprocess.run([str(harness.COMPILER), *harness.STRICT, "-o", str(tmp_path / "net"), *files, "-lm"], check=True)
    run = subprocess.run([tmp_path / "net"], capture_output=True, text=True, check=True)
    assert run.stdout == "0.25\n"


@needs_compiler
def test_memory_does_not_depend_on_the_number_of_samples() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300_000)
    model = st.Model("y ~ a*x + b", data=["x", "y"])
    functions = harness.library([export_bytes(model, "c-train", name="line")])
    columns = {"x": x, "y": 3 * x + 1}
    cost, params = train(functions, "line", columns, {"a": 0.0, "b": 0.0}, 0.4, 60, "float64")
    assert cost < 1e-20
    np.testing.assert_allclose([params["a"], params["b"]], [3, 1], rtol=1e-9)


@needs_compiler
def test_a_descent_that_diverges_stops_and_says_so() -> None:
    functions = harness.library([export_bytes(st.Model("y ~ a*x", data=["x", "y"]), "c-train", name="line")])
    cost, params = train(functions, "line", {"x": [1.0, 2], "y": [2.0, 4]}, {"a": 0.0}, 1e3, 10_000, "float64")
    assert not np.isfinite(cost)
    assert np.isfinite(params["a"])  # as it was where the cost overflowed, not thousands of steps beyond


def test_what_samples_share_is_computed_once_an_epoch() -> None:
    text = export_bytes(st.Model("y ~ x*exp(w)", data=["x", "y"]), "c-train").decode().partition("*/")[2]
    exponentials = [line.strip() for line in text.splitlines() if "exp(" in line]
    assert len(exponentials) == 3  # in the prediction, the cost and the epoch
    assert all(line.startswith("double t") for line in exponentials)


OPTIMISERS = [name for name in st.optimisers.OPTIMISERS if name not in ("lbfgs", "lm", "newton")]


@needs_compiler
@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_every_optimiser_moves_as_in_the_reference_engine(optimiser: str) -> None:
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])
    tried = {
        "neuron": (st.models.neuron(), {"x": X[:, 0], "y": X[:, 1], "z": y}),
        "net": (st.models.network([2, 3, 1]), {"X": X, "y": y}),
    }
    functions = harness.library(
        [export_bytes(m, "c-train", name=n, optimiser=optimiser) for n, (m, _) in tried.items()]
    )
    for name, (model, table) in tried.items():
        start = st.descend(model.cost, table, epochs=0, seed=4).params
        run = st.descend(model.cost, table, start, rate=0.02, epochs=50, engine="reference", optimiser=optimiser)
        cost, params = train(functions, name, table, start, 0.02, 50, "float64")
        assert apart(cost, run.cost) < 1e-9
        for each, value in run.params.items():
            assert apart(params[each], value) < 1e-9, each


@needs_compiler
def test_weights_and_penalties_train() -> None:
    rng = np.random.default_rng(1)
    x, trust = rng.normal(size=20), rng.uniform(0.1, 2, 20)
    table = {"x": x, "y": 2 * x + rng.normal(size=20), "trust": trust}
    model = st.Model("y ~ a*x + b", data=["x", "y"], weights="trust", l1=0.1, l2=0.2)
    functions = harness.library([export_bytes(model, "c-train", name="line")])
    columns = {"x": x, "y": table["y"], "weight": trust / trust.mean()}
    _, params = train(functions, "line", columns, {"a": 0.5, "b": 0.1}, 0.1, 100, "float64")
    model.fit(table, start={"a": 0.5, "b": 0.1}, rate=0.1, epochs=100, engine="reference")
    for name, value in model.params.items():
        assert apart(params[name], value) < 1e-9, name


# -- any mapping from leaves to what they become ---------------------------------------------------------------------


def with_momentum(cost: Expression, begin: float) -> Step:
    """Heavy-ball descent, its velocities as leaves of the step: v := 0.9·v − α·∂C/∂w, w := w + v, at first begin·w."""
    moved, memory = {}, {}
    for node, partial in gradient(cost, wrt=list(_parameters(cost))).items():
        velocity = leaf(node.operation, f"velocity of {node.name}", node.shape)
        moved[velocity] = velocity * 0.9 - RATE * partial
        if begin:
            memory[velocity] = begin * node
        moved[node] = node + moved[velocity]
    return Step(cost, moved, memory=memory)


def _parameters(cost: Expression) -> list[Expression]:
    return [node for node in st.expressions.expression.leaves([cost]) if node.operation.name == "parameter"]


@needs_compiler
@pytest.mark.parametrize("model", [st.models.network([2, 3, 1]), st.Model("y ~ sigmoid(X@w + b)", "mse",
                                   {"X": (2,), "y": ()}, {"w": 2})], ids=["network", "neuron"])  # fmt: skip
@pytest.mark.parametrize("begin", [0.0, 0.5])
def test_states_start_anew_and_are_carried(begin: float, model: st.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_training, "gradient_step", lambda prepared, *_, **__: with_momentum(prepared.cost, begin))
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0.0, 1, 1, 0])
    start = st.descend(model.cost, {"X": X, "y": y}, epochs=0, seed=4).params
    functions = harness.library([export_bytes(model, "c-train", name="xor")])
    slopes = gradient(model.cost)
    for _ in range(2):  # a second call begins anew
        cost, params = train(functions, "xor", {"X": X, "y": y}, start, 0.2, 30, "float64")
        wanted, speed = dict(start), {name: begin * np.asarray(value) for name, value in start.items()}
        for _ in range(30):
            found = st.evaluate(slopes, {"X": X, "y": y, **wanted})
            for name in wanted:
                speed[name] = 0.9 * speed[name] - 0.2 * found[name]
                wanted[name] = wanted[name] + speed[name]
        assert apart(cost, st.evaluate(model.cost, {"X": X, "y": y, **wanted})) < 1e-9
        for name, value in wanted.items():
            assert apart(params[name], value) < 1e-9


@needs_compiler
def test_all_leaves_move_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two parameters that change places each get what the other was."""
    x, y, a, b = *st.data("x", "y"), *st.params("a", "b")
    cost = mse(x * a + b, y)
    V, W = st.params("V", "W", shape=3)
    monkeypatch.setattr(c_training, "gradient_step", lambda *_, **__: Step(cost + 0 * st.dot(V, W), {
        a: b, b: a, V: W, W: V + RATE,
    }))  # fmt: skip
    model = st.Model("y ~ x*a + b", lambda p, t: cost + 0 * st.dot(V, W), data=["x", "y"])
    functions = harness.library([export_bytes(model, "c-train", name="swap")])
    start = {"a": 1.0, "b": 2.0, "V": np.arange(3.0), "W": np.ones(3)}
    _, found = train(functions, "swap", {"x": [1.0], "y": [2.0]}, start, 0.5, 1, "float64")
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": 2.0, "b": 1.0, "V": [1.0, 1, 1], "W": [0.5, 1.5, 2.5],
    }  # fmt: skip
