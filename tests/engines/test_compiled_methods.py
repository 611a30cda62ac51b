"""The loops of Levenberg–Marquardt and of line searches, run as Python and as machine code, on the same arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest as st
from compiled_runs import counted
from machine import machine
from steepest.engines.native.methods import bound, kernels, least_squares, searches
from steepest.engines.native.methods.intrinsics import Floats, Words
from steepest.engines.native.methods.kernels import gathered

RNG = np.random.default_rng(11)


def _table(n: int) -> dict[str, Any]:
    t = np.linspace(0.1, 3, n)
    noise = RNG.standard_normal(n)
    return {
        "t": t, "s": RNG.uniform(0.5, 1.5, n), "y": 2 * np.exp(-0.8 * t) + 0.3 + 0.05 * noise,
        "X": RNG.standard_normal((n, 4)), "v": RNG.uniform(0.2, 3, n), "k": (noise > 0).astype(float),
    }  # fmt: skip


FORMULAS: dict[str, tuple[str, dict[str, Any]]] = {
    "decay": ("y ~ a*exp(-k1*t) + c", {}),
    "power": ("y ~ a*t^b + c", {}),
    "hill": ("y ~ a/(1 + (t/c)^b)", {}),
    "wave": ("y ~ a*sin(b*t) + c", {}),
    "line": ("y ~ a*t + b", {}),
    "two columns": ("y ~ a*t + b*s + c*t*s", {}),
    "features": ("y ~ X @ w + b", {"data": {"X": 4}, "params": {"w": 4}}),
    "features in a function": ("y ~ c*tanh(X @ w + b) + a*t", {"data": {"X": 4}, "params": {"w": 4}}),
    "weights": ("y ~ a*exp(-k1*t) + c", {"weights": "v"}),
    "logarithm": ("y ~ log(a + b*t)", {}),
    "without effect": ("y ~ a*t + b + 0*c", {}),
    "cubic": ("y ~ a + b*t + c*t^2 + d*t^3", {}),
    "rational": ("y ~ (a + b*t)/(1 + c*t)", {}),
}  # fmt: skip
STARTS = {"hill": {"a": 2.0, "b": 1.0, "c": 1.0}, "logarithm": {"a": 1.0, "b": 1.0}}


def _check(model: st.Model, table: Any, method: Any, **settings: Any) -> None:
    """Assert that each call of a compiled method in a descent leaves the same bits as Python does on copies."""
    calls: list[Any] = []
    real = bound.call

    def call(function: Callable[..., None], *arrays: Any) -> None:
        copies = [array.copy().ravel() for array in arrays]
        with np.errstate(all="ignore"):
            function(*copies)
        real(function, *arrays)
        calls.append(function)
        for k, (found, wanted) in enumerate(zip(arrays, copies, strict=True)):
            same = found.tobytes() == wanted.tobytes() or np.array_equal(found.ravel(), wanted, equal_nan=True)
            assert same, f"argument {k} of call {len(calls)}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bound, "call", call)
        model.fit(table, **settings)
    assert set(calls) == {method}


@pytest.mark.parametrize("n", [8, 9, 61])
@pytest.mark.parametrize("name", FORMULAS)
def test_least_squares(name: str, n: int) -> None:
    formula, given = FORMULAS[name]
    _check(
        st.Model(formula, **given), _table(n), least_squares.descend, start=STARTS.get(name), optimiser="lm", epochs=25
    )


@pytest.mark.parametrize("optimiser", ["lbfgs", None])
@pytest.mark.parametrize("n", [8, 61])
@pytest.mark.parametrize("name", FORMULAS)
def test_searches(name: str, n: int, optimiser: str | None) -> None:
    formula, given = FORMULAS[name]
    how = {"rate": "auto"} if optimiser is None else {"optimiser": optimiser}
    _check(st.Model(formula, **given), _table(n), searches.descend, start=STARTS.get(name), epochs=25, **how)


@pytest.mark.parametrize("name", ["decay", "features in a function", "weights"])
def test_a_thousand_rows(name: str) -> None:
    formula, given = FORMULAS[name]
    _check(st.Model(formula, **given), _table(1000), least_squares.descend, optimiser="lm", epochs=4)
    _check(st.Model(formula, **given), _table(1000), searches.descend, optimiser="lbfgs", epochs=4)


@pytest.mark.parametrize("cost", ["cross_entropy", "mae", "poisson"])
def test_other_costs(cost: str) -> None:
    _check(st.Model("k ~ sigmoid(a*t + b)", cost), _table(30), searches.descend, optimiser="lbfgs", epochs=20)


@pytest.mark.parametrize("name", FORMULAS)
def test_searches_that_are_idle(name: str) -> None:
    """From the end of a descent on, with idle epochs before it; and from its start on, where they do not count."""
    formula, given = FORMULAS[name]
    model, table = st.Model(formula, **given), _table(61)
    end = model.fit(table, start=STARTS.get(name), optimiser="lbfgs", epochs=400).run
    assert end is not None
    for count in (0.0, 1.0, 2.0):
        memory = {**end.memory, "(search) idle epochs": np.float64(count)}
        for start in (end.params, end.start):
            _check(model, table, searches.descend, start=start, optimiser="lbfgs", memory=memory, epochs=9)


def test_a_climb() -> None:
    model, table = st.parse("mean(-(y - a*t)^2)", data=["y", "t"]), _table(20)
    with counted() as calls:
        st.descend(model, {"y": table["y"], "t": table["t"]}, optimiser="lbfgs", maximise=True, epochs=5)
    assert calls == ["CompiledSearch"] * len(calls) != []


def gathering(columns: Words, sizes: Words, out: Floats) -> None:
    gathered(columns, sizes[0], sizes[1], sizes[2], out)


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_partial_derivatives_are_gathered(lanes: int) -> None:
    """One value for all samples, one of each, and elements of arrays in blocks of lanes."""
    n, elements = 11, 3
    blocks = -(-n // lanes)
    one, each, arrays = RNG.standard_normal(3), RNG.standard_normal(n), RNG.standard_normal((blocks, elements, lanes))
    where = [array.ctypes.data for array in (one, each, arrays)]
    columns = np.array([[where[0], 1, 3, 0], [where[1], 0, 1, 1], *([where[2], k, elements, 1] for k in range(3))])
    wanted = [np.full(n, one[1]), each, *(arrays[:, k, :].ravel()[:n] for k in range(3))]
    for k, values in enumerate(wanted):
        for run in (gathering, machine(gathering)):
            out = np.zeros(n)
            run(columns.ravel(), np.array([k, n, lanes]), out)
            assert out.tolist() == values.tolist()


def test_parameters_are_placed() -> None:
    params, words, out = np.zeros(5), np.zeros(3, np.int64), np.array([1.0, 2.0, 3.0])
    words[kernels._PARAMS] = params.ctypes.data
    kernels.placed(words, np.array([4, -1, 0]), 3, out)
    assert params.tolist() == [3.0, 0.0, 0.0, 0.0, 1.0]
