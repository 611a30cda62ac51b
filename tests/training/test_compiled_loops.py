"""Descents by loops of machine code against those by loops of Python: steps, ends, interruptions and records."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from compiled_runs import assert_equal, by_python, counted, numbers
from nist import NONLINEAR, Problem
from steepest.engines.step import DescentState
from steepest.training.derivatives import Derivatives
from steepest.training.loop import Loop
from steepest.training.result import Descent
from steepest.training.trust_region import REFINEMENTS

RNG = np.random.default_rng(17)
T = np.linspace(0.1, 4, 60)
TABLE = {
    "t": T, "y": 2.5 * np.exp(-1.3 * T) + 0.4 + 0.05 * RNG.standard_normal(60), "v": RNG.uniform(0.2, 3, 60),
    "k": (RNG.standard_normal(60) > 0).astype(float), "X": RNG.standard_normal((60, 3)),
}  # fmt: skip
DECAY = "y ~ a*exp(-b*t) + c"
START = {"a": 1.0, "b": 1.0, "c": 0.0}
HOW: dict[str, dict[str, Any]] = {
    "lm": {"optimiser": "lm"}, "lbfgs": {"optimiser": "lbfgs"}, "armijo": {"rate": "auto"},
}  # fmt: skip
LOOPS = {"lm": "CompiledRegion", "lbfgs": "CompiledSearch", "armijo": "CompiledSearch"}


def _fit(model: st.Model, table: Any, how: str, compiled: bool = True, **settings: Any) -> Descent:
    """Return a descent whose loop is machine code, or Python."""
    with counted() as calls:
        if compiled:
            run = model.fit(table, **HOW[how], **settings).run
        else:
            with by_python():
                run = model.fit(table, **HOW[how], **settings).run
    assert set(calls) == ({LOOPS[how]} if compiled else set())
    assert run is not None
    return run


def _both(formula: str, how: str, table: Any = TABLE, cost: str = "mse", **settings: Any) -> tuple[Descent, Descent]:
    """Return a descent by machine code and one by Python."""
    given = {name: settings.pop(name) for name in ("data", "params", "weights", "l2") if name in settings}
    found, wanted = (
        _fit(st.Model(formula, cost, **given), table, how, compiled, **settings) for compiled in (True, False)
    )
    return found, wanted


def _costs(run: Descent) -> Any:
    return np.array([cost for _, cost in run.history])


def _assert_close(found: Descent, wanted: Descent, first: float = 1e-10, last: float = 1e-9) -> None:
    """Assert that the first ten costs, the final parameters and the end are the same but for round-off."""
    few = min(10, found.epochs, wanted.epochs)
    np.testing.assert_allclose(_costs(found)[:few], _costs(wanted)[:few], rtol=first)
    np.testing.assert_allclose(numbers(found.params), numbers(wanted.params), rtol=last, atol=last)
    assert found.reason == wanted.reason
    assert found.stop == wanted.stop


# NIST's sets. Where J is ill-conditioned, the first costs differ by more than round-off, since another algorithm finds
# its singular values, and where the cost is flat, round-off ends the descents at parameters that differ by this share
# of their standard deviations.
ILL = {"Bennett5": 1e-8, "MGH10": 1e-6, "Lanczos1": 1e-2, "Lanczos2": 1e-8, "Rat43": 1e-8, "MGH09": 1e-9}
SHARE = 1e-5


def _nist(problem: Problem, k: int) -> None:
    found, wanted = _both(problem.formula, "lm", problem.columns, start=problem.starts[k], epochs=1000)
    few = min(10, found.epochs, wanted.epochs)
    np.testing.assert_allclose(_costs(found)[:few], _costs(wanted)[:few], rtol=ILL.get(problem.name, 1e-10))
    assert (found.stop, found.reason) == (wanted.stop, wanted.reason)
    assert found.stop == "stalled"
    if found.reason == "converged":
        assert found.cost == pytest.approx(wanted.cost, rel=1e-11, abs=1e-24)
        for name, deviation in problem.deviations.items():
            assert found.params[name] == pytest.approx(wanted.params[name], abs=SHARE * deviation, rel=1e-9)


QUICK = ("BoxBOD", "Misra1b", "Misra1d", "Chwirut1", "Hahn1", "Thurber", "Rat43", "MGH09", "ENSO", "Gauss2", "Nelson")


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", QUICK)
def test_sets_of_nist(name: str, k: int) -> None:
    """Both end: Misra1b, Misra1d and Chwirut1 alternated without end between refinements and steps within round-off."""
    _nist(NONLINEAR[name], k)


@pytest.mark.slow
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", NONLINEAR)
def test_all_sets_of_nist(name: str, k: int) -> None:
    _nist(NONLINEAR[name], k)


# The same steps, whatever ends them.

FORMULAS: dict[str, dict[str, Any]] = {
    DECAY: {"start": START},
    "y ~ a/(1 + b*t) + c": {"start": START},
    "y ~ X @ w + b": {"data": {"X": 3}, "params": {"w": 3}},
    "y ~ c*tanh(X @ w) + b*t": {"data": {"X": 3}, "params": {"w": 3}, "seed": 2},
    "y ~ log(a + b*t)": {"start": {"a": 1.0, "b": 1.0}},
}
TIGHT = {"lm": 1e-9, "lbfgs": 1e-5, "armijo": 1e-5}  # round-off changes where a line search ends


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("formula", FORMULAS)
def test_steps(formula: str, how: str) -> None:
    found, wanted = _both(formula, how, epochs=12, **FORMULAS[formula])
    assert found.epochs == wanted.epochs
    _assert_close(found, wanted, last=TIGHT[how])


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "rules",
    [
        {"tolerance": 1e-3}, {"tolerance": 1e-8}, {"gradient_tolerance": 1e-2}, {"gradient_tolerance": 1e-5},
        {"tolerance": 1e-6, "gradient_tolerance": 1e-4},
    ],
    ids=str,
)  # fmt: skip
def test_stopping_rules(rules: dict[str, float], how: str) -> None:
    found, wanted = _both(DECAY, how, start=START, epochs=3000, **rules)
    assert found.stop in ("tolerance", "gradient")
    assert abs(found.epochs - wanted.epochs) <= wanted.epochs // 20
    _assert_close(found, wanted, last=1e-3 if found.epochs != wanted.epochs else 1e-6)


@pytest.mark.parametrize("optimiser", ["lm", "newton"])
def test_gradient_tolerance_of_trust_regions(optimiser: str) -> None:
    """The descent ends at the first epoch at which the gradient of the cost is as small as that."""
    model, limit = st.Model(DECAY), 1e-3
    start = {"a": 2.0, "b": 1.0, "c": 0.3}
    run = model.fit(TABLE, start=start, optimiser=optimiser, gradient_tolerance=limit).run
    assert run is not None
    assert run.stop == "gradient"
    whole = Derivatives(model.prepared, {"t": T, "y": TABLE["y"]}, len(T))
    norms = [np.linalg.norm(whole.gradient(whole.flat(row))) for _, row in run.path]
    assert norms[-1] <= limit < min(norms[:-1])


@pytest.mark.parametrize("how", ["lbfgs", "armijo"])
def test_climbs(how: str) -> None:
    cost = st.parse("mean(k*log(sigmoid(a*t + b)) + (1 - k)*log(1 - sigmoid(a*t + b)))", data=["k", "t"])
    table = {"k": TABLE["k"], "t": T}
    runs = []
    for compiled in (True, False):
        with counted() as calls:
            given = {"start": {"a": 0.3, "b": 0.0}, "maximise": True, "epochs": 200, "tolerance": 1e-9, **HOW[how]}
            if compiled:
                runs.append(st.descend(cost, table, **given))
            else:
                with by_python():
                    runs.append(st.descend(cost, table, **given))
            assert bool(calls) == compiled
    _assert_close(*runs, last=1e-5)
    assert runs[0].cost > _costs(runs[0])[0]


@pytest.mark.parametrize("weights", [{}, {"weights": "v"}])
@pytest.mark.parametrize("how", HOW)
def test_weights(how: str, weights: dict[str, str]) -> None:
    found, wanted = _both(DECAY, how, start=START, epochs=30, **weights)
    _assert_close(found, wanted, last=TIGHT[how])


# Interruptions and records.


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("formula", FORMULAS)
def test_a_descent_continues_bit_by_bit(formula: str, how: str) -> None:
    """In two parts, of any length, as in one; also after the loop of machine code has handed over to Python."""
    given = dict(FORMULAS[formula])
    model = st.Model(formula, **{name: given.pop(name) for name in ("data", "params") if name in given})
    whole = _fit(model, TABLE, how, epochs=24, **given)
    for first in {1, 2, 5, whole.epochs - 2, whole.epochs - 1}:
        if not 0 < first < whole.epochs:
            continue
        half = _fit(model, TABLE, how, epochs=first, **given)
        rest = _fit(model, TABLE, how, epochs=24 - first, start=half.params, memory=half.memory)
        assert numbers(rest.params).tobytes() == numbers(whole.params).tobytes()
        assert rest.epochs == whole.epochs - first
        assert sorted(rest.memory) == sorted(whole.memory)
        assert all(np.array_equal(rest.memory[name], whole.memory[name]) for name in whole.memory)


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", ["Misra1a", "Misra1d", "Hahn1", "Roszman1", "Kirby2", "Chwirut2", "Rat43", "DanWood"])
def test_a_descent_continues_near_its_end(name: str, k: int) -> None:
    """Where the loop of machine code is stuck, Python refines, and radius and scales are as they were."""
    problem = NONLINEAR[name]
    model = st.Model(problem.formula)
    whole = _fit(model, problem.columns, "lm", start=problem.starts[k], epochs=400)
    assert whole.stop == "stalled"
    for first in range(max(whole.epochs - 8, 1), whole.epochs + 1):
        half = _fit(model, problem.columns, "lm", start=problem.starts[k], epochs=first)
        rest = _fit(model, problem.columns, "lm", start=half.params, memory=half.memory, epochs=400)
        assert numbers(rest.params).tobytes() == numbers(whole.params).tobytes()
        assert rest.epochs == whole.epochs - first
        assert all(np.array_equal(rest.memory[name], whole.memory[name]) for name in whole.memory)


@pytest.mark.parametrize("name", ["Misra1a", "Misra1d", "Hahn1", "Roszman1", "Kirby2", "Chwirut1"])
def test_steps_do_not_depend_on_calls(name: str) -> None:
    """A call for every epoch, as on_epoch asks for, takes the same steps as one for all."""
    problem = NONLINEAR[name]
    model = st.Model(problem.formula)
    given = {"start": problem.starts[1], "epochs": 400}
    seen: list[int] = []
    apart = _fit(model, problem.columns, "lm", on_epoch=lambda info: seen.append(info.epoch), **given)
    assert_equal(apart, _fit(model, problem.columns, "lm", **given))
    assert seen[: apart.epochs] == list(range(1, apart.epochs + 1))


@pytest.mark.parametrize("rules", [{"tolerance": 1e-5}, {"gradient_tolerance": 1e-3}], ids=str)
@pytest.mark.parametrize("how", HOW)
def test_rules_do_not_depend_on_calls(how: str, rules: dict[str, float]) -> None:
    given = {"start": START, "epochs": 400, **rules}
    apart = _fit(st.Model(DECAY), TABLE, how, on_epoch=lambda info: None, **given)
    assert apart.stop in ("tolerance", "gradient")
    assert_equal(apart, _fit(st.Model(DECAY), TABLE, how, **given))


@pytest.mark.parametrize("how", HOW)
def test_checkpoints(how: str, tmp_path: Path) -> None:
    model, place = st.Model(DECAY), tmp_path / "state"
    whole = _fit(model, TABLE, how, start=START, epochs=20)
    _fit(model, TABLE, how, start=START, epochs=7, checkpoint=place, checkpoint_every=3)
    rest = _fit(model, TABLE, how, start=START, epochs=20, checkpoint=place, resume=True)
    assert rest.resumed == min(7, whole.epochs)
    assert numbers(rest.params).tobytes() == numbers(whole.params).tobytes()
    assert rest.history == whole.history
    assert all(np.array_equal(rest.memory[name], whole.memory[name]) for name in whole.memory)
    for at, row in rest.path:
        (known,) = [other for k, other in whole.path if k == at]
        assert numbers(row).tobytes() == numbers(known).tobytes()


def test_long_records_are_thinned() -> None:
    """Of more than 2000 epochs every second row is kept; costs of two parameters are the same bit by bit either way."""
    valley = st.parse("(1 - x)^2 + 100*(y - x^2)^2")
    given = {"start": {"x": -1.2, "y": 1.0}, "rate": "auto", "epochs": 4500}
    found = st.descend(valley, None, **given)
    with by_python():
        wanted = st.descend(valley, None, **given)
    assert found.epochs == wanted.epochs == 4500
    assert [k for k, _ in found.history] == [k for k, _ in wanted.history]
    assert [k for k, _ in found.path] == [k for k, _ in wanted.path]
    assert len(found.history) < 2002
    assert [k for k, _ in found.history[:3]] == [0, 4, 8]
    np.testing.assert_allclose(_costs(found)[:20], _costs(wanted)[:20], rtol=1e-9)
    for (_, one), (_, other) in zip(found.path[:20], wanted.path[:20], strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-8)
    without = st.descend(valley, None, path=False, **given)
    assert without.history == found.history
    assert [k for k, _ in without.path] == [0, 4500]


@pytest.mark.parametrize("how", HOW)
def test_rows_of_parameters_are_thinned(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the path would need much memory, several rows of costs share one of parameters."""
    monkeypatch.setattr(Loop, "thinning", lambda *_: 4)
    found, wanted = _both(DECAY, how, start=START, epochs=7)
    assert [k for k, _ in found.history] == [k for k, _ in wanted.history]
    assert [k for k, _ in found.path] == [k for k, _ in wanted.path] == [0, 4, found.epochs]
    for (_, one), (_, other) in zip(found.path, wanted.path, strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), rtol=1e-8)


@pytest.mark.parametrize("how", HOW)
def test_a_limit_of_time(how: str) -> None:
    run = _fit(st.Model(DECAY), TABLE, how, start=START, epochs=10**6, max_seconds=1e-9)
    assert run.stop == "time"
    assert run.epochs > 0


@pytest.mark.parametrize("how", HOW)
def test_on_epoch(how: str) -> None:
    """It sees every epoch, with the costs of the record, and ends the descent."""
    costs: dict[int, float] = {}

    def seen(info: Any) -> bool:
        costs[info.epoch] = info.cost
        return bool(info.epoch >= 4)

    run = _fit(st.Model(DECAY), TABLE, how, start=START, epochs=50, on_epoch=seen)
    plain = _fit(st.Model(DECAY), TABLE, how, start=START, epochs=run.epochs)
    assert run.stop == "callback"
    assert numbers(run.params).tobytes() == numbers(plain.params).tobytes()
    with by_python():
        other: dict[int, float] = {}
        st.Model(DECAY).fit(
            TABLE, start=START, epochs=run.epochs, on_epoch=lambda i: other.update({i.epoch: i.cost}), **HOW[how]
        )
    assert list(costs) == list(other)
    np.testing.assert_allclose(list(costs.values()), list(other.values()), rtol=1e-9)


@pytest.mark.parametrize("how", HOW)
def test_validation(how: str) -> None:
    found, wanted = _both(DECAY, how, start=START, epochs=30, validate=0.3, patience=4)
    assert found.best_epoch == wanted.best_epoch
    assert found.validation is not None
    assert wanted.validation is not None
    assert [k for k, _ in found.validation] == [k for k, _ in wanted.validation]
    np.testing.assert_allclose([c for _, c in found.validation], [c for _, c in wanted.validation], rtol=1e-7)


@pytest.mark.parametrize("rules", [{}, {"tolerance": 1e-4}, {"gradient_tolerance": 1e-3}], ids=str)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("rtol", [-1.0, 0.0])
def test_rises_are_counted(how: str, rules: dict[str, float], rtol: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where any change of the cost counts as a rise, it is counted as often, and first at the same epoch."""
    states: list[DescentState] = []
    rules_of, ended = Loop.rules, Loop.ended
    monkeypatch.setattr(Loop, "rules", lambda self, first: replace(rules_of(self, first), rtol=rtol))
    monkeypatch.setattr(Loop, "ended", lambda self, state, *rest: (states.append(state), ended(self, state, *rest))[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _both(DECAY, how, start=START, epochs=5, **rules)
    found, wanted = states
    assert (found.rises, found.first_rise, found.epoch) == (wanted.rises, wanted.first_rise, wanted.epoch)
    assert found.rises >= found.epoch if rtol < 0 else found.rises == 0
    assert found.last == pytest.approx(wanted.last, rel=1e-9)
    np.testing.assert_allclose(
        [found.before[name] for name in START], [wanted.before[name] for name in START], rtol=1e-6
    )


# Hard cases.


@pytest.mark.parametrize("how", HOW)
def test_costs_that_become_infinite(how: str) -> None:
    """A long step leads to the logarithm of a negative number, and is rejected."""
    table = {"t": T, "y": np.log(0.3 + 0.01 * T)}
    found, wanted = _both("y ~ log(a + b*t)", how, table, start={"a": 9.0, "b": 3.0}, epochs=40)
    assert np.isfinite(_costs(found)).all()
    _assert_close(found, wanted, first=1e-9, last=1e-6)


@pytest.mark.parametrize("how", HOW)
def test_a_start_at_the_minimum(how: str) -> None:
    """The residual is zero, and so is the gradient."""
    table = {"t": T, "y": 2 * T + 1}
    found, wanted = _both("y ~ a*t + b", how, table, start={"a": 2.0, "b": 1.0}, epochs=20)
    assert found.cost == 0.0
    assert_equal(found, wanted)


def test_a_zero_gradient_that_is_no_minimum() -> None:
    for how in HOW:
        found, wanted = _both("y ~ a*b*t", how, start={"a": 0.0, "b": 0.0}, epochs=20)
        assert_equal(found, wanted)
        assert found.epochs == 0


@pytest.mark.parametrize("how", HOW)
def test_zero_residuals(how: str) -> None:
    table = {"t": T, "y": 2.5 * np.exp(-1.3 * T) + 0.4}
    found, wanted = _both(DECAY, how, table, start=START, epochs=60)
    assert found.cost == pytest.approx(wanted.cost, rel=1e-3, abs=1e-9)
    if how == "lm":
        assert found.cost < 1e-28
        np.testing.assert_allclose(numbers(found.params), [2.5, 1.3, 0.4], rtol=1e-13)


@pytest.mark.filterwarnings("ignore")  # the line searches say that the descent diverged
@pytest.mark.parametrize("how", HOW)
def test_derivatives_that_are_not_numbers(how: str) -> None:
    """The root has no derivative at 0, where one sample is."""
    found, wanted = _both("y ~ sqrt(a*t) + b", how, {"t": T, "y": TABLE["y"]}, start={"a": 0.0, "b": 1.0}, epochs=10)
    assert (found.stop, found.reason, found.epochs) == (wanted.stop, wanted.reason, wanted.epochs)
    assert numbers(found.params).tobytes() == numbers(wanted.params).tobytes()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize(
    "formula", ["y ~ a*t + b + 0*c", "y ~ (a + c)*t + b", "y ~ a*b*t + c", "y ~ a*exp(-abs(b)*t) + c"]
)
def test_flat_directions(formula: str, how: str) -> None:
    found, wanted = _both(formula, how, start={"a": 1.0, "b": 0.5, "c": 0.2}, epochs=25)
    _assert_close(found, wanted, last=1e-5)
    if "0*c" in formula:
        assert found.params["c"] == 0.2


def test_an_array_without_effect() -> None:
    found, wanted = _both(
        "y ~ a*t + b + 0*sum(w)", "lm", params={"w": 3}, start={"a": 1.0, "b": 0.5, "w": [1.0, 2.0, 3.0]}, epochs=25
    )
    _assert_close(found, wanted)
    assert list(found.params["w"]) == [1.0, 2.0, 3.0]


def test_refinements_end() -> None:
    """Steps by which the cost falls but for round-off do not undo them; if such steps did, there is a limit."""
    for name in ("Misra1b", "Misra1c", "Chwirut1", "MGH10"):
        problem = NONLINEAR[name]
        for compiled in (True, False):
            start = problem.starts[name == "MGH10"]
            run = _fit(st.Model(problem.formula), problem.columns, "lm", compiled, start=start, epochs=1000)
            assert run.stop == "stalled"
            assert run.memory.get("(region) refinements", 0) <= min(REFINEMENTS, 8)
            assert run.epochs < (60 if name != "MGH10" else 150)


@pytest.mark.parametrize("compiled", [True, False])
def test_refinements_are_counted(compiled: bool) -> None:
    """The count is part of the state, and no refinement is taken at the limit."""
    problem, count = NONLINEAR["Misra1a"], "(region) refinements"
    model = st.Model(problem.formula)
    whole = _fit(model, problem.columns, "lm", compiled, start=problem.starts[0], epochs=400)
    taken = int(whole.memory[count])
    assert 0 < taken <= REFINEMENTS
    first = whole.epochs - 1  # the last epoch is a refinement
    half = _fit(model, problem.columns, "lm", compiled, start=problem.starts[0], epochs=first)
    for left in (0, 1):
        memory = {**half.memory, count: np.float64(REFINEMENTS - left)}
        rest = _fit(model, problem.columns, "lm", compiled, start=half.params, memory=memory, epochs=400)
        assert rest.epochs == left
        assert rest.memory[count] == REFINEMENTS
    memory = {count: np.float64(REFINEMENTS)}
    without = _fit(model, problem.columns, "lm", compiled, start=problem.starts[0], memory=memory, epochs=400)
    assert without.memory[count] == REFINEMENTS
    assert 3 < without.epochs <= whole.epochs


@pytest.mark.parametrize("how", ["lbfgs", "armijo"])
def test_memory_after_a_stall(how: str) -> None:
    """The state is that of the last step, so that the descent can go on, from elsewhere too."""
    found, wanted = _both("y ~ a*t + b", how, start={"a": 1.0, "b": 0.0}, epochs=3000)
    assert found.stop == wanted.stop
    assert sorted(found.memory) == sorted(wanted.memory)
    if how == "armijo":
        assert 0 < found.memory["(search) rate"] < math.inf
    onwards = _fit(st.Model("y ~ a*t + b"), TABLE, how, start={"a": 7.0, "b": 3.0}, memory=found.memory, epochs=50)
    assert onwards.cost < _costs(onwards)[0]


@pytest.mark.parametrize("how", ["lbfgs", "armijo"])
def test_gradients_whose_squares_underflow(how: str) -> None:
    """Such a gradient is no zero: the descent is stuck, since steps of its length change no digit of x."""
    runs = []
    for compiled in (True, False):
        given = {"start": {"x": 1e-60}, "epochs": 10, **HOW[how]}
        if compiled:
            runs.append(st.descend(st.parse("x^4"), None, **given))
        else:
            with by_python():
                runs.append(st.descend(st.parse("x^4"), None, **given))
    assert_equal(*runs)
    assert runs[0].stop == "stalled"
