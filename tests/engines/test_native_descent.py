"""Descents by the native engine: reasons to stop, interruptions, and results that nothing but the numbers decides."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest as st
from engine_cases import CASES, Model, standardised
from native_descents import bound_start, lane_runner, nand
from plain_loops import START, nand_loop, twice
from sampling import sampled
from steepest.engines import step as steps
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.step import DescentState, Record, StoppingRules
from steepest.errors import DescentError
from steepest.expressions import operations as op
from steepest.training import loop
from steepest.training.descent import descend

# -- reasons to stop -----------------------------------------------------------------------------------------------


def test_gradient_norm_stops() -> None:
    """C′(w) = 12(w − 2): it stops at the first epoch where that is at most the tolerance."""
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 0.05, 1000, gradient_tolerance=1e-3, engine="native")
    errors = [2 * 0.4**k for k in range(100)]  # |w − 2| shrinks by 1 − 12·0.05 = 0.4 an epoch
    epoch = next(k for k, error in enumerate(errors) if 12 * error <= 1e-3)
    assert (run.stop, run.epochs) == ("gradient", epoch)
    assert run.params["w"] == pytest.approx(2 - errors[epoch], abs=1e-12)


def test_gradient_norm_is_euclidean_over_all_parameters() -> None:
    """3x + 4 Σv over (2, 2) elements: ‖∇‖ = √(9 + 4·16) = √73; and over (5, 20): √(9 + 100·16) = √1609."""
    for shape, norm in (((2, 2), 73), ((5, 20), 1609)):
        cost = 3 * st.params("x") + 4 * st.sum(st.params("v", shape=shape))
        for gradient in ("backprop", "finite-difference"):
            settings: dict[str, Any] = {"epochs": 3, "gradient": gradient, "engine": "native"}
            above = descend(cost, None, gradient_tolerance=math.sqrt(norm) * 1.0001, **settings)
            below = descend(cost, None, gradient_tolerance=math.sqrt(norm) * 0.9999, **settings)
            assert (above.stop, above.epochs, below.stop) == ("gradient", 0, "epochs")


def test_tolerance_stops() -> None:
    costs, path = nand_loop(2000)
    run = nand(epochs=2000, tolerance=2e-3)
    epoch = next(k for k in range(1, 2000) if abs(costs[k] - costs[k - 1]) <= 2e-3 * costs[k - 1])
    assert (run.stop, run.epochs) == ("tolerance", epoch)
    assert 10 < epoch < 1990
    assert run.history[-1] == (epoch, pytest.approx(costs[epoch], rel=1e-12))
    assert [run.params[name] for name in START] == pytest.approx(list(path[epoch]), rel=1e-12)


def test_tolerance_compares_two_epochs() -> None:
    """Before the first update there is nothing to compare; after it, a share of 1 is always reached."""
    run = nand(epochs=10, tolerance=1.0)
    assert (run.stop, run.epochs) == ("tolerance", 1)


def test_the_gradient_is_asked_before_the_change() -> None:
    run = nand(epochs=10, tolerance=1.0, gradient_tolerance=1e6)
    assert (run.stop, run.epochs) == ("gradient", 0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rows", [4, 5000])
def test_stops_are_those_of_the_reference_engine(rows: int, dtype: str) -> None:
    """With every rule at once, in the middle of calls of any length."""
    model = CASES["network tanh"]().with_rows(rows)
    rules = [{"tolerance": 3e-5}, {"gradient_tolerance": 0.12}, {"tolerance": 1e-9, "gradient_tolerance": 1e-9}]
    for rule in rules if dtype == "float64" else rules[:2]:
        found = model.descend("native", epochs=600, rate=0.3, dtype=dtype, **rule)
        wanted = model.descend("reference", epochs=600, rate=0.3, dtype=dtype, **rule)
        assert found.stop == wanted.stop
        # A change of 3e-5 of the cost is 300 times its last digit in float32, so it is met a few epochs off.
        assert abs(found.epochs - wanted.epochs) <= (0 if dtype == "float64" else 60)


@pytest.mark.parametrize("rows", [0, 200_000])
def test_time_stops(rows: int) -> None:
    """A small model, of which millions of epochs fit, and one of which a few do."""
    model = CASES["E5 regression"]()
    model = model.with_rows(rows) if rows else model
    model.descend("native", epochs=1)  # compiled
    before = time.perf_counter()
    run = model.descend("native", epochs=10**12, rate=0.01, max_seconds=0.3)
    gone = time.perf_counter() - before
    assert run.stop == "time"
    assert 0.3 <= run.seconds <= gone < 1.3
    assert run.epochs > 10
    if rows:
        again = model.descend("reference", epochs=min(run.epochs, 50), rate=0.01)
        assert run.history[0][1] == pytest.approx(again.history[0][1], rel=1e-10)


def test_little_time_is_kept_to() -> None:
    run = nand(epochs=10**12, max_seconds=1e-9)
    assert (run.stop, run.epochs) == ("time", 1)


def test_no_epochs() -> None:
    run = nand(epochs=0)
    assert (run.params, run.stop, run.epochs) == (START, "epochs", 0)
    assert run.history == [(0, pytest.approx(nand_loop(0)[0][0], rel=1e-14))]


def test_divergence_stops_at_a_hopeless_cost() -> None:
    """A2 at α = 0.2: |w − 2| grows by 1.4 an epoch, and the run stops well before the numbers end."""
    cost, table = twice()
    run = descend(cost, table, {"w": 0}, 0.2, 10_000, engine="native")
    assert run.stop == "diverged"
    assert run.params["w"] == pytest.approx(2 - 2 * (-1.4) ** run.epochs, rel=1e-12)
    assert run.cost == pytest.approx(6 * (run.params["w"] - 2) ** 2, rel=1e-12)
    assert 24e10 < run.cost < 24e10 * 1.4**2
    assert "rate 0.2" in run.message
    assert "try 0.1" in run.message  # half of 0.2, below the bound 1/6


@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_cost_that_overflows_keeps_the_last_finite_parameters(dtype: str, gradient: str) -> None:
    """x⁴ from 10 with rate 1e30 (float32) or 1e150: after the first step the cost is not finite."""
    rate = 1e30 if dtype == "float32" else 1e150
    cost = st.params("x") ** 4
    run = descend(cost, None, {"x": 10.0}, rate, 50, dtype=dtype, gradient=gradient, engine="native")
    assert (run.stop, run.epochs, run.params, run.cost) == ("diverged", 0, {"x": 10.0}, 10_000.0)
    assert "epoch 1" in run.message
    assert run.history == [(0, 10_000.0)]


@pytest.mark.parametrize("size", [1, 3, 30])
def test_a_parameter_that_leaves_the_finite_numbers_stops(size: int) -> None:
    """√x at x < 0 has no value: 1.0 − 3·0.5 = −0.5; and a slope of 100 times 1e307 is not a number any more."""
    x = st.params("x", shape=size)
    run = descend(op.sum_(op.sqrt(x)) + 1, None, {"x": np.ones(size)}, 3.0, 10, engine="native")
    assert (run.stop, run.cost) == ("diverged", size + 1.0)
    np.testing.assert_array_equal(run.params["x"], np.ones(size))
    # Only the last element overflows; the cost would stay finite through tanh.
    steep = op.stop_gradient(st.params("steep", shape=size))
    cost = op.tanh(op.sum_(op.tanh(x * steep)))
    start = {"x": np.full(size, 1e-3), "steep": np.where(np.arange(size) == size - 1, -100.0, 1e-3)}
    run = descend(cost, None, start, 1e307, 10, engine="native")
    reference = descend(cost, None, start, 1e307, 10, engine="reference")
    assert run.diverged
    assert (run.stop, run.epochs) == (reference.stop, reference.epochs)
    assert run.cost == pytest.approx(reference.cost, rel=1e-14)
    np.testing.assert_array_equal(run.params["x"], reference.params["x"])


@pytest.mark.parametrize("place", [0, 7, 8, 16, 23])
@pytest.mark.parametrize("size", [24, 25, 40])
def test_any_one_parameter_can_stop_it(size: int, place: int) -> None:
    """The probe for numbers that are not finite reaches every place, in registers and in runs."""
    x, column = st.params("x", shape=size), st.params("pull", shape=size)
    pull = np.where(np.arange(size) == place, 1e200, 1.0)
    cost = op.sum_(op.stop_gradient(column) * x) * 1e-250
    start = {"x": np.zeros(size), "pull": pull}
    run = descend(cost, None, start, 1e290, 5, engine="native")
    reference = descend(cost, None, start, 1e290, 5, engine="reference")
    assert (run.stop, run.epochs) == (reference.stop, reference.epochs)
    np.testing.assert_array_equal(run.params["x"], reference.params["x"])


def test_a_formula_without_minimum_is_not_blamed_on_the_rate() -> None:
    x = st.params("x")
    down = descend(-(x**2), None, {"x": 1.0}, 0.3, 10**5, engine="native")
    assert down.diverged
    assert "no minimum" in down.message
    up = descend(x**2, None, {"x": 1.0}, 0.3, 10**5, maximise=True, engine="native")
    assert up.diverged
    assert "no maximum" in up.message
    assert math.isfinite(up.cost)
    assert math.isfinite(up.params["x"])


@pytest.mark.parametrize(("text", "start"), [("log(x)", 0.0), ("sqrt(x)", -1.0), ("1/x", 0.0)])
def test_not_finite_at_the_start(text: str, start: float) -> None:
    with pytest.raises(DescentError, match="at the start; choose another start"):
        descend(st.parse(text), None, {"x": start}, engine="native")


# -- what results do not depend on ---------------------------------------------------------------------------------


def run_in_calls(
    runner: LaneRunner, start: dict[str, Any], until: int, length: int, rules: StoppingRules | None = None
) -> tuple[DescentState, Record]:
    """A descent in calls of so many epochs."""
    state, record = DescentState(start, start, runner.cost_at(start)), Record()
    while state.epoch < until and not state.stop:
        state = runner.advance(state, min(until, state.epoch + length), rules or StoppingRules(), record)
    return state, record


def assert_equal_ends(found: tuple[DescentState, Record], wanted: tuple[DescentState, Record]) -> None:
    """To the last bit."""
    (mine, kept), (its, also) = found, wanted
    for name, value in its.params.items():
        np.testing.assert_array_equal(mine.params[name], value, err_msg=name)
        np.testing.assert_array_equal(mine.before[name], its.before[name], err_msg=name)
    facts = ("last", "epoch", "rises", "first_rise", "stop")
    assert [getattr(mine, fact) for fact in facts] == [getattr(its, fact) for fact in facts]
    end = mine.epoch + 1
    assert kept.history(end) == also.history(end)
    assert [epoch for epoch, _ in kept.path(end)] == [epoch for epoch, _ in also.path(end)]
    for (_, place), (_, other) in zip(kept.path(end), also.path(end), strict=True):
        np.testing.assert_array_equal(place, other)


SMALL = ["A3 neuron", "network tanh", "network wide", "E4 product", "standardised vector", "A2 line"]


@pytest.mark.parametrize("gradient", ["backprop", "forward", "central"])
@pytest.mark.parametrize("name", sampled(SMALL, 2))
def test_results_do_not_depend_on_the_length_of_calls(name: str, gradient: str) -> None:
    model = CASES[name]()
    epochs = 5000 if name in SMALL[:2] else 1200
    runner, start = lane_runner(model, gradient=gradient), bound_start(model)
    rules = StoppingRules(rtol=1e-9, atol=1e-16)
    whole = run_in_calls(runner, start, epochs, epochs + 1, rules)
    assert whole[0].epoch == epochs
    assert_equal_ends(run_in_calls(runner, start, epochs, 1000, rules), whole)
    assert_equal_ends(run_in_calls(runner, start, epochs, 7, rules), whole)
    if gradient == "backprop":
        assert_equal_ends(run_in_calls(runner, start, epochs, 1, rules), whole)


def test_stops_do_not_depend_on_the_length_of_calls() -> None:
    """Tolerances, hopeless costs and numbers that are not finite, found at the end of a call and within."""
    neuron, line = CASES["A3 neuron"](), CASES["A2 line"]()
    fast = Model(line.cost, line.table, line.start, 0.2)
    x = st.params("x")
    root = Model(op.sqrt(x), {}, {"x": np.float64(40.0)}, 3.0)
    stops = [
        (neuron, StoppingRules(tolerance=2e-3)), (neuron, StoppingRules(gradient_tolerance=0.06)),
        (fast, StoppingRules(divergence_threshold=1e10)),
        (fast, StoppingRules()), (root, StoppingRules()),
    ]  # fmt: skip
    for model, rules in stops:
        runner, start = lane_runner(model, norm=True), bound_start(model)
        whole = run_in_calls(runner, start, 5000, 5000, rules)
        assert whole[0].stop
        assert 5 < whole[0].epoch < 4000
        for length in (1, 7, whole[0].epoch, whole[0].epoch + 1, max(whole[0].epoch - 1, 1)):
            assert_equal_ends(run_in_calls(runner, start, 5000, length, rules), whole)


@pytest.mark.parametrize("name", ["A3 neuron", "network wide"])
def test_descents_may_take_turns_with_one_runner(name: str) -> None:
    """What an engine needs to go on is in the state; also the parameters before a stop that comes at once."""
    model = CASES[name]()
    runner, start = lane_runner(model, norm=True), bound_start(model)
    other = {parameter: value + 0.1 for parameter, value in start.items()}
    whole = run_in_calls(runner, start, 5000, 5000, StoppingRules(gradient_tolerance=0.06))[0]
    assert 5 < whole.epoch < 5000
    state, record = DescentState(start, start, runner.cost_at(start)), Record()
    while not state.stop:
        state = runner.advance(state, state.epoch + 1, StoppingRules(gradient_tolerance=0.06), record)
        runner.advance(DescentState(other, other, runner.cost_at(other)), 2, StoppingRules(), Record())
    assert (state.epoch, state.last, state.stop) == (whole.epoch, whole.last, whole.stop)
    for parameter in start:
        np.testing.assert_array_equal(state.params[parameter], whole.params[parameter])
        np.testing.assert_array_equal(state.before[parameter], whole.before[parameter])


@pytest.mark.parametrize("breath", sampled([1e-12, 1e-5, 10.0], 3, 1))
def test_reports_do_not_depend_on_how_long_the_engine_is_left_alone(
    breath: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [CASES[name]().descend("native", epochs=3000) for name in SMALL]
    monkeypatch.setattr(loop, "_POLL_INTERVAL", breath)
    for name, run in zip(SMALL, wanted, strict=True):
        found = CASES[name]().descend("native", epochs=3000)
        assert found.history == run.history
        assert (found.cost, found.stop, found.warnings) == (run.cost, run.stop, run.warnings)
        for mine, its in zip(found.path, run.path, strict=True):
            assert mine[0] == its[0]
            assert all(np.array_equal(mine[1][key], value) for key, value in its[1].items())


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("share", [3, 100, 10_000])
def test_paths_are_sparser_where_memory_is_short(share: int, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters of one row in 2^k of the costs, at epochs that rows of costs have; the same by both engines."""
    model = CASES["network tanh"]()
    size = sum(np.asarray(value).nbytes for value in model.start.values())
    full = model.descend(engine, epochs=4500)
    assert [epoch for epoch, _ in full.path] == [epoch for epoch, _ in full.history]
    monkeypatch.setattr(loop, "_PATH_BYTES", 2 * steps.ROWS_KEPT * size // share)
    monkeypatch.setattr(loop, "_POLL_INTERVAL", 1e-4)
    run = model.descend(engine, epochs=4500)
    assert run.history == full.history
    known, epochs = dict(full.path), [epoch for epoch, _ in run.path]
    stride = full.history[1][0] * (1 << math.ceil(math.log2(share)))
    assert epochs == [*range(0, 4500, stride), 4500]
    for epoch, place in run.path:
        for name, value in place.items():
            np.testing.assert_array_equal(value, known[epoch][name])


def large_models() -> dict[str, Callable[[], Model]]:
    """Tables of several parts: one pass, two and three; sums in registers and in memory; whole and ragged blocks."""
    return {
        "neuron": lambda: CASES["A3 neuron"]().with_rows(20_000),
        "regression": lambda: CASES["E5 regression"]().with_rows(60_001),
        "network": lambda: CASES["network tanh"]().with_rows(5003),
        "wide network": lambda: CASES["network wide softmax"]().with_rows(1500),
        "two passes": lambda: standardised().with_rows(20_001),
        "two passes, vector": lambda: standardised(3).with_rows(4096),
        "two passes, long vector": lambda: standardised(12).with_rows(3001),
    }


@pytest.mark.parametrize("dtype", sampled(["float64", "float32"], 2))
@pytest.mark.parametrize("name", sampled(large_models(), 3))
def test_results_do_not_depend_on_the_number_of_threads(name: str, dtype: str) -> None:
    model = large_models()[name]()
    start = bound_start(model, dtype)
    one = lane_runner(model, 1, dtype)
    assert one.partition.parts >= 3
    wanted = run_in_calls(one, start, 30, 7)
    assert all(np.isfinite(value).all() for value in wanted[0].params.values())
    for threads in (2, 3, 5):
        runner = lane_runner(model, threads, dtype)
        assert runner.partition.threads == min(threads, one.partition.parts)
        for _ in range(3):
            assert_equal_ends(run_in_calls(runner, start, 30, 7), wanted)


def test_results_of_differences_do_not_depend_on_the_number_of_threads() -> None:
    model = standardised(3).with_rows(4096)
    start = bound_start(model)
    for gradient in ("forward", "central"):
        wanted = run_in_calls(lane_runner(model, 1, gradient=gradient), start, 8, 3)
        for threads in (2, 3):
            assert_equal_ends(run_in_calls(lane_runner(model, threads, gradient=gradient), start, 8, 3), wanted)


def test_large_tables_agree_with_the_reference_engine() -> None:
    for make in large_models().values():
        model = make()
        found, wanted = (model.descend(engine, epochs=15) for engine in ("native", "reference"))
        np.testing.assert_allclose([c for _, c in found.history], [c for _, c in wanted.history], rtol=1e-10)
        for name, value in wanted.params.items():
            np.testing.assert_allclose(found.params[name], value, rtol=1e-9, atol=1e-11)


def test_descents_in_several_threads_at_once() -> None:
    """Compiling and running at the same time; each result is that of the descent alone."""
    names = ["A3 neuron", "network tanh", "E5 regression", "chain(3)", "network softmax", "standardised"] * 2
    wanted = {name: CASES[name]().descend("native", epochs=300, rate=0.0123).cost for name in names}
    from steepest.engines.native.llvm import kernel

    kernel._compiled.clear()
    found: dict[int, float] = {}

    def work(k: int) -> None:
        found[k] = CASES[names[k]]().descend("native", epochs=300, rate=0.0123).cost

    running = [threading.Thread(target=work, args=(k,)) for k in range(len(names))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert found == {k: wanted[name] for k, name in enumerate(names)}


def test_a_start_is_left_as_it_is() -> None:
    """Arrays that the caller gave are not written to, and results do not change when the descent goes on."""
    model = CASES["network wide"]()
    start = {name: np.array(value) for name, value in model.start.items()}
    table = {name: np.array(value) for name, value in model.table.items()}
    run = descend(model.cost, table, start, 0.1, 20, engine="native")
    path = [(epoch, {name: np.array(value) for name, value in place.items()}) for epoch, place in run.path]
    descend(model.cost, table, start, 0.5, 50, engine="native")
    for name, value in model.start.items():
        np.testing.assert_array_equal(start[name], value)
        np.testing.assert_array_equal(run.path[0][1][name], value)
    for name, value in model.table.items():
        np.testing.assert_array_equal(table[name], value)
    for (_, mine), (_, its) in zip(run.path, path, strict=True):
        assert all(np.array_equal(mine[name], value) for name, value in its.items())


def test_the_rate_may_change_between_calls() -> None:
    """As the search for a gentler rate does: w − 2 shrinks by 1 − 12α an epoch."""
    model = CASES["A2 line"]()
    runner, start = lane_runner(model), {"w": np.float64(0.0)}
    state, record = DescentState(start, start, runner.cost_at(start)), Record()
    for k, rate in enumerate((0.05, 0.1, 0.01)):
        runner.rate = rate
        state = runner.advance(state, 3 * k + 3, StoppingRules(), record)
    assert float(state.params["w"]) == pytest.approx(2 - 2 * 0.4**3 * (-0.2) ** 3 * 0.88**3, rel=1e-12)
