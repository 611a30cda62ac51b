"""Which descents run as a loop of machine code, and that the others agree with what they minimise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import steepest as st
from compiled_runs import by_python, counted, numbers
from steepest.training.compiled_region import MOST_PARAMETERS

RNG = np.random.default_rng(5)
T = np.linspace(0.1, 4, 60)
Y = 2.5 * np.exp(-1.3 * T) + 0.4 + 0.05 * RNG.standard_normal(60)
TABLE = {
    "t": T, "y": Y, "Y": np.stack([Y, 2 * Y + 0.1 * T], axis=1), "X": RNG.standard_normal((60, MOST_PARAMETERS + 1)),
    "few": RNG.standard_normal((60, 3)), "v": RNG.uniform(0.5, 2, 60), "k": (Y > 1).astype(float),
}  # fmt: skip
START = {"a": 1.0, "b": 1.0, "c": 0.0}
DECAY = "y ~ a*exp(-b*t) + c"


def _run(
    formula: str, how: dict[str, Any], table: Any = TABLE, cost: str = "mse", **given: Any
) -> tuple[Any, list[str]]:
    """Return a descent, with the calls of compiled loops."""
    model = st.Model(
        formula, cost, **{name: given.pop(name) for name in ("data", "params", "l2", "weights") if name in given}
    )
    with counted() as calls:
        run = model.fit(table, **how, **given).run
    assert run is not None
    return run, calls


LM = {"optimiser": "lm", "epochs": 60}
WIDE = {"data": {"X": MOST_PARAMETERS + 1}, "params": {"w": MOST_PARAMETERS + 1}}

BY_PYTHON: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "float32": (DECAY, {"start": START, "dtype": "float32"}, {}),
    "bounds": (DECAY, {"start": START, "bounds": {"b": (0, 5)}}, {}),
    "a penalty": (DECAY, {"start": START, "l2": 1e-3}, {}),
    "two targets": ("Y ~ dense(few, 2)", {"data": {"few": 3, "Y": 2}}, {}),
    "more than fifty parameters": ("y ~ X @ w + b", WIDE, {}),
    "fewer rows than parameters": (DECAY, {"start": START}, {name: TABLE[name][:2] for name in ("t", "y")}),
    "the reference engine": (DECAY, {"start": START, "engine": "reference"}, {}),
    "Newton's method": (DECAY, {"start": {"a": 2.0, "b": 1.0, "c": 0.3}, "optimiser": "newton"}, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_PYTHON)
def test_descents_by_python(name: str) -> None:
    formula, given, table = BY_PYTHON[name]
    run, calls = _run(formula, {**LM, **{key: given[key] for key in ("optimiser",) if key in given}}, table or TABLE,
                      **{key: value for key, value in given.items() if key != "optimiser"})  # fmt: skip
    assert calls == []
    assert run.reason in ("converged", "stalled", "exact") or run.cost < 1e-9, run.reason


BY_MACHINE: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": (DECAY, {"start": START}),
    "native": (DECAY, {"start": START, "engine": "native"}),
    "weights": (DECAY, {"start": START, "weights": "v"}),
    "fifty parameters": ("y ~ X @ w", {"data": {"X": MOST_PARAMETERS}, "params": {"w": MOST_PARAMETERS}}),
    "a network": ("y ~ sum(dense(tanh(dense(few, 2)), 1))", {"data": {"few": 3}, "seed": 3}),
}


@pytest.mark.parametrize("name", BY_MACHINE)
def test_descents_by_machine_code(name: str) -> None:
    formula, given = BY_MACHINE[name]
    table = {**TABLE, "X": TABLE["X"][:, :MOST_PARAMETERS]}
    run, calls = _run(formula, LM, table, **given)
    assert set(calls) == {"CompiledRegion"}
    with by_python():
        other, none = _run(formula, LM, table, **given)
    assert none == []
    assert run.cost == pytest.approx(other.cost, rel=1e-9)


def test_as_many_rows_as_parameters() -> None:
    few = {name: TABLE[name][[0, 20, 40]] for name in ("t", "y")}
    run, calls = _run(DECAY, LM, few, start=START)
    assert set(calls) == {"CompiledRegion"}
    assert run.cost < 1e-20


@pytest.mark.parametrize("cost", ["mse", "mean((prediction - target)^2)/2", "total((prediction - target)^2)"])
def test_costs_that_are_one_square(cost: str) -> None:
    model = st.Model(DECAY, cost)
    with counted() as calls:
        run = model.fit(TABLE, start=START, **LM).run
    assert set(calls) == {"CompiledRegion"}
    with by_python():
        other = model.fit(TABLE, start=START, **LM).run
    assert run is not None
    assert other is not None
    assert run.history[0] == pytest.approx(other.history[0], rel=1e-13)
    np.testing.assert_allclose(numbers(run.params), numbers(other.params), rtol=1e-9)


def test_a_term_that_no_parameter_changes() -> None:
    """It belongs to the cost, which the sum of squares is not then."""
    cost = st.parse("mean((y - a*t)^2) + 3", data=["y", "t"])
    with counted() as calls:
        run = st.descend(cost, {"y": Y, "t": T}, start={"a": 0.0}, **LM)
    assert calls == []
    assert run.cost > 3


SEARCHES: dict[str, dict[str, Any]] = {
    "lbfgs": {"optimiser": "lbfgs", "epochs": 40}, "armijo": {"rate": "auto", "epochs": 40}
}  # fmt: skip


@pytest.mark.parametrize("how", SEARCHES)
@pytest.mark.parametrize("given", [{"dtype": "float32"}, {"engine": "reference"}], ids=str)
def test_searches_by_python(given: dict[str, Any], how: str) -> None:
    run, calls = _run(DECAY, SEARCHES[how], start=START, **given)
    assert calls == []
    other, known = _run(DECAY, SEARCHES[how], start=START)
    assert set(known) == {"CompiledSearch"}
    assert run.cost == pytest.approx(other.cost, rel=1e-2)


@pytest.mark.parametrize("how", SEARCHES)
def test_searches_over_large_tables_are_driven_by_python(how: str) -> None:
    """Several threads compute their costs."""
    t = np.linspace(0.1, 4, 1_000_000)
    table = {"t": t, "y": np.exp(-t)}
    _, calls = _run(DECAY, {**SEARCHES[how], "epochs": 2}, table, start=START)
    assert calls == []


@pytest.mark.parametrize("rows", [50, 2000])  # of which one thread computes the costs of the first alone
def test_searches_over_networks_with_matrices(rows: int) -> None:
    """Matrix products above a measured size are left to BLAS."""
    table = {"X": RNG.standard_normal((rows, 50)), "y": RNG.standard_normal(rows)}
    model = st.Model("y ~ sum(dense(tanh(dense(X, 50)), 1))", data={"X": 50})
    with counted() as calls:
        model.fit(table, optimiser="lbfgs", epochs=2)
    assert calls == []


def test_squares_of_large_tables() -> None:
    """Several hundred thousand rows are fitted as a thousand are."""
    t = np.linspace(0.1, 4, 300_000)
    table = {"t": t, "y": 2.5 * np.exp(-1.3 * t) + 0.4}
    run, _ = _run(DECAY, {**LM, "epochs": 12}, table, start=START)
    np.testing.assert_allclose(numbers(run.params), [2.5, 1.3, 0.4], rtol=1e-9)
