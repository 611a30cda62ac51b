"""How far the native engine goes: many epochs in the same memory, large networks, deep chains, long formulas."""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import steepest as st
from engine_cases import CASES, Model, apart, both, drawn, with_gradient
from plain_loops import NAND, START
from sampling import sampled
from steepest.engines import choose
from steepest.errors import DescentError
from steepest.expressions import operations as op


def test_auto_is_native() -> None:
    assert choose("auto", "float64").name == "native"
    assert CASES["nand"]().descend("auto", epochs=1).engine == "native"
    assert CASES["nand"]().descend("auto", restarts=3, epochs=1).engine == "native"
    assert CASES["nand"]().descend("auto", gradient="finite-difference", epochs=1, dtype="float32").engine == "native"
    run = st.descend(st.models.neuron().cost, NAND, START, epochs=3)
    assert run.engine == "native"
    model = st.models.neuron().fit("nand", epochs=3)
    assert model.run is not None
    assert model.run.engine == "native"


def test_without_llvmlite_auto_is_the_reference_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from steepest.engines import choosing as engines

    monkeypatch.setattr(engines, "_llvm_is_installed", lambda: False)
    assert CASES["nand"]().descend("auto", epochs=1).engine == "reference"
    with pytest.raises(DescentError, match="needs llvmlite; install it, or choose the engine 'reference'"):
        CASES["nand"]().descend("native", epochs=1)


def test_auto_leaves_the_longest_formulas_to_the_reference_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would take too long to compile; whoever names an engine gets it."""
    from steepest.engines import choosing as engines

    monkeypatch.setattr(engines, "_MOST_COMPILED", 5)
    assert CASES["nand"]().descend("auto", epochs=1).engine == "reference"
    assert CASES["nand"]().descend("auto", epochs=1, restarts=2).engine == "reference"
    assert CASES["nand"]().descend("native", epochs=1).engine == "native"


# -- memory ----------------------------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process in memory."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the process's size is read as on Linux")
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def hold_memory(epochs: int) -> None:
    model = CASES["nand"]()
    for _ in range(3):
        model.descend("native", epochs=200_000, rate=0.1)  # with whatever is made once
    gc.collect()
    before = resident()
    tracemalloc.start()
    run = model.descend("native", epochs=epochs, rate=0.1)
    kept, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert run.epochs == epochs
    assert len(run.history) <= 2000
    assert len(run.path) <= 2000
    # 2000 rows of numbers and parameters, twice while they are handed over.
    assert highest < 8 << 20
    assert kept < 4 << 20
    assert resident() - before < 32 << 20


@pytest.mark.slow
def test_memory_of_many_epochs() -> None:
    hold_memory(100_000_000)


@pytest.mark.slow
def test_memory_of_very_many_epochs() -> None:
    hold_memory(1_000_000_000)


@pytest.mark.slow
def test_memory_of_many_descents() -> None:
    """Walks, threads, restarts: what they allocate goes with them."""
    small, large = CASES["nand"](), CASES["standardised"]().with_rows(20_000)

    def use(times: int) -> None:
        for _ in range(times):
            small.descend("native", epochs=50)
            small.descend("native", epochs=5, restarts=5)
            large.descend("native", epochs=3)
            large.descend("native", epochs=2, gradient="finite-difference")
        gc.collect()

    use(10)
    before = resident()
    use(60)
    assert resident() - before < 24 << 20


def test_memory_of_a_path_of_many_parameters() -> None:
    """3000 epochs of 50,000 numbers would be 1.2 GB."""
    v = st.params("v", shape=50_000)
    model = Model(op.sum_(v * v), {}, {"v": np.linspace(-1, 1, 50_000)}, 1e-4)
    model.descend("native", epochs=10)
    before = resident()
    run = model.descend("native", epochs=3000)
    assert resident() - before < 300 << 20
    assert run.cost == pytest.approx(run.history[0][1] * (1 - 2e-4) ** 6000, rel=1e-9)
    for epoch, place in run.path[:: max(len(run.path) // 5, 1)]:
        np.testing.assert_allclose(place["v"], np.linspace(-1, 1, 50_000) * (1 - 2e-4) ** epoch, rtol=1e-10)


# -- size ------------------------------------------------------------------------------------------------------------


def agree(model: Model, epochs: int, near: float = 1e-9, **settings: Any) -> None:
    found, wanted = (model.descend(engine, epochs=epochs, **settings) for engine in ("native", "reference"))
    assert (found.stop, found.epochs) == (wanted.stop, wanted.epochs)
    assert [c for _, c in found.history] == pytest.approx([c for _, c in wanted.history], rel=near)
    for name, value in wanted.params.items():
        assert apart(found.params[name], value) < near, name


def classes(sizes: list[int], rows: int) -> Model:
    rng = np.random.default_rng(sizes)
    cost = st.models.network(sizes, output="softmax").cost
    return drawn(cost, {"X": rng.normal(size=(rows, sizes[0])), "y": rng.integers(0, sizes[-1], rows).astype(float)})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_network_of_a_hundred_thousand_parameters(dtype: str) -> None:
    model = classes([784, 128, 10], 40)
    assert sum(np.size(value) for value in model.start.values()) > 100_000
    begin = time.process_time()  # not what other processes take
    model.descend("native", epochs=1, dtype=dtype)
    assert time.process_time() - begin < 10
    agree(model, 5, 1e-9 if dtype == "float64" else 1e-4, dtype=dtype)


def test_a_network_of_many_layers() -> None:
    agree(classes([12] + [10] * 8 + [3], 30), 10)


def test_differences_of_a_large_network() -> None:
    """761 copies of the model, group after group."""
    model = classes([20, 30, 4], 9)
    agree(model, 3, 1e-9, gradient="finite-difference", step=0.01)
    agree(model, 2, 1e-9, gradient="finite-difference", step=0.01, scheme="central")


def test_restarts_of_a_large_network() -> None:
    model = classes([100, 60, 10], 12)
    run = model.descend("native", restarts=9, epochs=4)
    single = [
        st.descend(model.cost, model.table, seed=k, rate=model.rate, epochs=4, engine="reference").cost
        for k in range(9)
    ]
    assert run.restarts == pytest.approx(single, rel=1e-9)


def test_a_chain_of_300_neurons() -> None:
    """It compiles in seconds; its gradient vanishes layer by layer, and both engines see the same little of it."""
    cost = st.models.chain(300, activation="tanh").cost
    start = {name: 1.2 if name[0] == "w" else 0.01 for name in cost.parameters}
    model = Model(cost, {"x": np.array([0.2, -0.4, 1, 0.7]), "y": np.array([0.3, 0.6, 0.9, 0.1])}, start, 0.1)
    begin = time.process_time()  # not what other processes take
    model.descend("native", epochs=1)
    assert time.process_time() - begin < 20
    agree(model, 50)


@pytest.mark.parametrize("rows", sampled([3, 1000], 2))
@pytest.mark.parametrize("shape", sampled(["deep", "wide"], 2))
def test_a_formula_of_two_thousand_nodes(shape: str, rows: int) -> None:
    """A sum of 500 different waves, or one product nested 700 deep."""
    x, y = st.data("x", "y")
    w, b = st.params("w", "b")
    if shape == "wide":
        prediction = sum((op.sin(x * (w + k / 500)) * (b - k / 250) for k in range(1, 501)), start=x * 0) / 500
    else:
        prediction = x
        for k in range(700):
            prediction = prediction * (1 - w / 1000) + b / (k + 1000)
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=rows), "y": rng.normal(size=rows)}
    cost = op.mean((prediction - y) ** 2)
    assert len(st.expressions.expression.toposort([cost])) > 1400
    model = Model(cost, table, {"w": np.float64(0.3), "b": np.float64(0.2)}, 0.05)
    begin = time.process_time()  # not what other processes take
    model.descend("native", epochs=1)
    assert time.process_time() - begin < 20
    agree(model, 10)
    found, wanted = both(with_gradient(cost), {**table, **model.start})
    assert max(map(apart, found, wanted)) < 1e-11


@pytest.mark.parametrize("shape", [(4000,), (63, 65), (1, 300), (300, 1)])
def test_long_tensors(shape: tuple[int, ...]) -> None:
    """Runs over elements that do not end with a register."""
    A = st.params("A", shape=shape)
    rng = np.random.default_rng(shape)
    cost = op.sum_((op.tanh(A) - 0.3) ** 2) / 100 + op.largest(A) / 10
    agree(Model(cost, {}, {"A": rng.normal(size=shape)}, 0.1), 50)


def test_many_columns_and_many_parameters() -> None:
    """400 columns of numbers, each with its own weight: more addresses and slots than registers."""
    rng = np.random.default_rng(0)
    names = [f"c{k}" for k in range(400)]
    columns, y = [st.data(name) for name in names], st.data("y")
    total = sum((column * st.params(f"w{k}") for k, column in enumerate(columns)), start=st.params("b") + y * 0)
    table = {name: rng.normal(size=50) for name in names} | {"y": rng.normal(size=50)}
    agree(drawn(op.mean((total - y) ** 2), table, rate=1e-3), 20)


def test_a_large_table() -> None:
    """A million rows: the descent to the line that a formula gives."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1_000_000)
    y = 3 * x + 1 + rng.normal(size=1_000_000) / 10
    cost = op.mean((st.data("x") * st.params("w") + st.params("b") - st.data("y")) ** 2)
    run = st.descend(cost, {"x": x, "y": y}, {"w": 0, "b": 0}, 0.4, 60, engine="native")
    w, b = np.polyfit(x, y, 1)
    assert (run.params["w"], run.params["b"]) == (pytest.approx(w, rel=1e-12), pytest.approx(b, rel=1e-12))


@pytest.mark.slow
def test_deep_networks_compile() -> None:
    """Eighty layers of ten: some passes of LLVM's (new_gvn) end the process here, so that none of those may be used."""
    model = st.models.network([10] * 81 + [1], activation="tanh")
    rng = np.random.default_rng(0)
    table = {"X": rng.normal(size=(50, 10)), "y": rng.integers(0, 2, 50).astype(float)}
    native, reference = (st.descend(model.cost, table, epochs=3, engine=name) for name in ("native", "reference"))
    assert native.cost == pytest.approx(reference.cost, rel=1e-11)
    np.testing.assert_allclose(native.params["W1"], reference.params["W1"], rtol=1e-9, atol=1e-12)
