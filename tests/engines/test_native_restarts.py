"""Many starts side by side by the native engine: each ends as it would alone, and the best one is kept."""

from __future__ import annotations

import math
import threading
from functools import cache
from typing import Any

import numpy as np
import pytest

import steepest as st
from engine_cases import CASES, Model
from mission_models import small_network
from sampling import sampled
from steepest.calculus.prepared import prepare
from steepest.engines.native.lanes import batched_runner
from steepest.engines.native.lanes.batched_runner import BatchedRunner
from steepest.engines.step import EnsembleResult, StoppingRules
from steepest.errors import DescentError
from steepest.expressions import operations as op
from steepest.tables.values import bind
from steepest.training.descent import Descent, descend, initial
from steepest.training.loop import Loop
from steepest.training.optimisers import gradient_descent
from steepest.training.restarts import batched
from steepest.training.settings import Settings
from steepest.training.steps import gradient_step


def xor() -> Model:
    """Two hidden neurons: some starts end at 0.125, others below."""
    cost, values = small_network()
    return Model(cost, {"X": values["X"], "y": values["y"]}, {}, 2.0)


def alone(model: Model, count: int, seed: int = 0, engine: str = "native", **settings: Any) -> list[Descent]:
    """The descents one by one, from the seeds that restarts take."""
    return [
        descend(model.cost, model.table or None, rate=model.rate, seed=seed + k, engine=engine, **settings)
        for k in range(count)
    ]


# Sums are added in another order than in a single descent: 1e-16 an epoch, which a plateau that is left may stretch.
CLOSE = {"float64": 1e-9, "float32": 1e-3}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["A3 neuron", "network tanh", "network wide", "standardised vector", "E8 sigmoid"])
@pytest.mark.parametrize("count", sampled([1, 2, 5, 40], 3, 2))
def test_each_start_ends_as_alone(count: int, name: str, dtype: str) -> None:
    model = CASES[name]()
    run = model.descend("native", restarts=count, seed=3, epochs=200, dtype=dtype)
    single = alone(model, count, 3, epochs=200, dtype=dtype)
    assert run.restarts is not None
    assert run.levels is not None
    near = CLOSE[dtype]
    np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=near, atol=near / 1000)
    best = min(single, key=lambda each: each.cost)
    assert run.cost == min(run.restarts) == pytest.approx(best.cost, rel=near, abs=near / 1000)
    assert (run.stop, run.epochs) == (best.stop, best.epochs)
    assert [epoch for epoch, _ in run.history] == [epoch for epoch, _ in best.history]
    assert sum(level.starts for level in run.levels) == count
    assert [run.levels[0].lowest, run.levels[-1].highest] == [min(run.restarts), max(run.restarts)]
    if dtype == "float64":
        start = initial(model.cost, seed=3 + int(np.argmin([each.cost for each in single])))
        for parameter, value in start.items():
            np.testing.assert_array_equal(run.start[parameter], value)
            np.testing.assert_allclose(run.params[parameter], best.params[parameter], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("rows", sampled([1, 3, 9, 33, 5000], 3))
def test_tables_of_every_size(rows: int) -> None:
    """Lanes of samples and models, blocks of samples for each model, and tables of several parts."""
    for name in ("neuron of three", "network sigmoid", "standardised"):
        model = CASES[name]().with_rows(rows)
        for count in (11, 2)[: 1 + (rows in (1, 33))]:
            run = model.descend("native", restarts=count, epochs=40)
            single = alone(model, count, epochs=40, engine="reference")
            np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("sizes", sampled([(2, 9, 1), (9, 3, 2), (12, 20, 3), (3, 17, 17, 1)], 4, 1))
def test_matrices_of_more_than_registers_hold(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng([*sizes])
    cost = st.models.network(list(sizes)).cost
    for rows in (6, 50)[: 1 + (sizes[0] > 3)]:
        y = rng.integers(0, 2, rows if sizes[-1] == 1 else (rows, sizes[-1])).astype(float)
        model = Model(cost, {"X": rng.normal(size=(rows, sizes[0])), "y": y}, {}, 0.1)
        run = model.descend("native", restarts=10, epochs=25, gradient_tolerance=1e-12)
        single = alone(model, 10, epochs=25, engine="reference")
        np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=1e-9)


def test_the_same_seed_gives_the_same_result() -> None:
    runs = [xor().descend("native", restarts=20, seed=seed, epochs=500) for seed in (7, 7, 8)]
    assert runs[0].restarts == runs[1].restarts
    assert runs[0].history == runs[1].history
    for name, value in runs[0].params.items():
        np.testing.assert_array_equal(value, runs[1].params[name])
    assert runs[0].restarts != runs[2].restarts
    assert runs[0].restarts is not None
    assert runs[2].restarts is not None
    np.testing.assert_allclose(runs[0].restarts[1:], runs[2].restarts[:-1], rtol=1e-7)


def test_climbing_keeps_the_highest() -> None:
    x = st.params("x")
    hills = Model(x**2 * (2 - x**2) + x / 4, {}, {}, 0.05)
    seen: list[float] = []
    run = hills.descend(
        "native", restarts=12, epochs=500, maximise=True, progress=lambda epoch, epochs, cost: seen.append(cost)
    )
    single = alone(hills, 12, epochs=500, maximise=True)
    assert run.restarts is not None
    assert run.restarts == pytest.approx([each.cost for each in single], rel=1e-9)
    assert run.cost == max(run.restarts) > min(run.restarts) + 0.4
    assert run.params["x"] > 1
    assert seen[-1] == pytest.approx(run.cost, rel=1e-9)


def test_differences_are_taken_start_by_start() -> None:
    model = CASES["A3 neuron"]()
    run = model.descend("native", restarts=3, epochs=50, gradient="finite-difference")
    assert run.restarts == [each.cost for each in alone(model, 3, epochs=50, gradient="finite-difference")]


def test_layers_are_scaled_in_restarts() -> None:
    model = CASES["chain(3)"]()
    run = model.descend("native", restarts=9, epochs=300, gradient="layerwise")
    single = alone(model, 9, epochs=300, gradient="layerwise", engine="reference")
    np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=1e-9)


# -- each start has its own stops --------------------------------------------------------------------------------


def quartic() -> Model:
    """x⁴ by a rate of 0.9 leaves the finite numbers from |x| > 0.745, and converges from elsewhere."""
    return Model(st.params("x") ** 4, {}, {}, 0.9)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_start_that_diverges_does_not_disturb_the_others(dtype: str) -> None:
    model = quartic()
    seen: list[tuple[int, float]] = []

    def report(epoch: int, epochs: int, cost: float) -> None:
        seen.append((epoch, cost))

    run = model.descend("native", restarts=40, epochs=400, dtype=dtype, progress=report)
    single = alone(model, 40, epochs=400, dtype=dtype, engine="reference")
    lost = [each.diverged for each in single]
    assert 3 < sum(lost) < 37
    assert run.restarts is not None
    assert run.stop == "epochs"
    near = 1e-9 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=near, atol=1e-30)
    assert run.levels is not None
    assert sum(level.starts for level in run.levels) == sum(not each.diverged for each in single) < len(single)
    assert all(math.isfinite(cost) for _, cost in seen)
    alive = min(each.cost for each in single if not each.diverged)
    assert run.cost == pytest.approx(alive, rel=near, abs=1e-30)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("count", [2, 5, 17])
def test_overflows_keep_what_was_finite(count: int, dtype: str) -> None:
    """Every start leaves the finite numbers, in an epoch of its own, and the costs are the last finite ones."""
    x, V = st.params("x"), st.params("V", shape=(3, 9))
    model = Model(op.exp(x * x * 2) + op.sum_(V * V) * 1e-3, {}, {}, 3.0)
    run = model.descend("native", restarts=count, epochs=400, dtype=dtype)
    single = alone(model, count, epochs=400, dtype=dtype)
    assert all(each.diverged for each in single)
    assert run.diverged
    np.testing.assert_allclose(run.restarts, [each.cost for each in single], rtol=1e-3 if dtype == "float32" else 1e-9)
    assert all(np.isfinite(value).all() for value in run.params.values())


def outcomes_of(model: Model, count: int, epochs: int, dtype: str = "float64", **given: float) -> list[EnsembleResult]:
    """What the ensemble hands over."""
    norm = "gradient_tolerance" in given
    step = gradient_step(prepare(model.cost), "backprop", gradient_descent(), False, norm)
    starts = [initial(model.cost, seed=k) for k in range(count)]
    bound = bind([model.cost], {**model.table, **starts[0]}, dtype)
    ensemble = BatchedRunner(step, bound.data, bound.rows, model.rate, dtype, count)
    ensemble.run(
        starts,
        epochs,
        lambda first: StoppingRules(divergence_threshold=1e10 * max(1, first), **given),
        threading.Event(),
        _unheard,
    )
    return ensemble.outcomes()


def _unheard(epochs: int, best: float) -> None:
    """Progress that nobody follows."""


def test_outcomes_of_diverged_starts_are_sound() -> None:
    """Long after a start has stopped, its parameters are still those that gave its cost."""
    x = st.params("x")
    root = Model(op.sqrt(x + 2) + x * x * 1e-3, {}, {}, 0.9)  # below −2 there is no value
    v = st.params("v", shape=30)
    roots = Model(op.sum_(op.sqrt(v + 2) + v * v * 1e-3), {}, {}, 0.5)
    for model in (quartic(), root, Model(op.sum_(v**4), {}, {}, 0.3), roots):
        found = outcomes_of(model, 24, 400)
        single = alone(model, 24, epochs=400)
        assert any(each.diverged for each in single)
        for mine, its in zip(found, single, strict=True):
            assert (mine.stop == "diverged") == its.diverged
            assert mine.cost == pytest.approx(its.cost, rel=1e-9, abs=1e-30)
            for name, value in its.params.items():
                np.testing.assert_allclose(mine.params[name], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", [{"tolerance": 2e-3}, {"gradient_tolerance": 0.03}])
@pytest.mark.parametrize("name", ["A3 neuron", "network tanh", "network wide"])
def test_each_start_has_its_own_tolerances(name: str, rule: dict[str, float]) -> None:
    model = CASES[name]()
    single = alone(model, 20, epochs=600, **rule)
    assert len({each.epochs for each in single}) > 3
    found = outcomes_of(model, 20, 600, **rule)
    for mine, its in zip(found, single, strict=True):
        assert (mine.stop or "epochs") == its.stop
        assert mine.cost == pytest.approx(its.cost, rel=1e-9)
        for parameter, value in its.params.items():
            np.testing.assert_allclose(mine.params[parameter], value, rtol=1e-8, atol=1e-10)
    run = model.descend("native", restarts=20, epochs=600, **rule)
    best = min(single, key=lambda each: each.cost)
    assert (run.stop, run.epochs) == (best.stop, best.epochs)
    assert run.restarts == pytest.approx([each.cost for each in single], rel=1e-9)


def test_starts_where_the_cost_is_not_finite() -> None:
    """log x at x < 0: alone such a start is refused; among others it is one that diverged, or all are refused."""
    x = st.params("x")
    model = Model((op.log(x) + 1) ** 2, {}, {}, 0.01)
    firsts = [math.isfinite(st.evaluate(model.cost, initial(model.cost, seed=k))) for k in range(12)]
    assert True in firsts
    assert False in firsts
    outcomes = {}
    for engine in ("native", "reference"):
        try:
            run = model.descend(engine, restarts=12, epochs=300)
            outcomes[engine] = run.stop
            assert math.isfinite(run.cost)
        except DescentError:
            outcomes[engine] = "refused"
    assert outcomes["native"] == outcomes["reference"]


def test_large_first_costs_in_single_precision() -> None:
    """1e10 times the first cost is beyond float32; nothing is said about it."""
    model = Model((st.params("x") * 1e16) ** 2, {}, {}, 1e-34)
    run = model.descend("native", restarts=3, epochs=10, dtype="float32")
    assert math.isfinite(run.cost)


@pytest.mark.parametrize("count", [2, 5, 9])
def test_levels_are_those_of_descents_one_by_one(count: int) -> None:
    """Lanes that nobody asked for do not count when a typical first cost is sought."""
    model, seeds = xor(), range(0, 60, 7)
    for seed in seeds:
        runs = [model.descend(engine, restarts=count, seed=seed, epochs=30) for engine in ("native", "reference")]
        found, wanted = (run.levels for run in runs)
        assert found is not None
        assert wanted is not None
        assert [level.starts for level in found] == [level.starts for level in wanted]
        for mine, its in zip(found, wanted, strict=True):
            assert (mine.lowest, mine.highest) == pytest.approx((its.lowest, its.highest), rel=1e-9)


@pytest.mark.parametrize("restarts", [2, 5, 17])
def test_no_epochs(restarts: int) -> None:
    run = xor().descend("native", restarts=restarts, epochs=0)
    firsts = [each.cost for each in alone(xor(), restarts, epochs=0)]
    assert run.restarts == pytest.approx(firsts, rel=1e-14)
    assert (run.stop, run.epochs) == ("epochs", 0)


# -- stopped from outside ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [3, 200])
def test_time_stops_them_all(count: int) -> None:
    xor().descend("native", restarts=count, epochs=1)
    run = xor().descend("native", restarts=count, epochs=10**9, max_seconds=0.3)
    assert run.stop == "time"
    assert 0.3 <= run.seconds < 1.3
    assert run.restarts is not None
    assert 0 < len(run.restarts) <= count
    assert run.epochs > 0
    assert run.cost == min(run.restarts)
    assert run.cost == pytest.approx(st.evaluate(xor().cost, {**xor().table, **run.params}), rel=1e-12)
    assert "stopped at the time limit" in run.message


def test_interruption_keeps_what_was_reached() -> None:
    def report(epoch: int, epochs: int, cost: float) -> None:
        if epochs > epoch > 0:
            raise KeyboardInterrupt

    threads = threading.active_count()
    run = xor().descend("native", restarts=40, epochs=10**8, progress=report)
    assert run.stop == "interrupted"
    assert run.restarts is not None
    assert 0 < len(run.restarts) <= 40
    assert run.cost == min(run.restarts)
    assert run.cost == pytest.approx(st.evaluate(xor().cost, {**xor().table, **run.params}), rel=1e-12)
    firsts = [each.cost for each in alone(xor(), 40, epochs=0)]
    assert run.cost < min(firsts)
    assert "was interrupted" in run.message
    assert threading.active_count() == threads


class _Nobody:
    """An ensemble that is interrupted before one of it has begun."""

    def run(self, *args: Any) -> None:
        raise KeyboardInterrupt

    def outcomes(self) -> list[EnsembleResult]:
        return []


def test_interruption_before_anything_has_begun() -> None:
    from steepest.engines.native.lanes.lane_runner import LaneRunner

    model = xor()
    starts = [initial(model.cost, seed=k) for k in range(4)]
    step = gradient_step(prepare(model.cost), "backprop", gradient_descent(), False, False)
    bound = bind([model.cost], {**model.table, **starts[0]}, "float64")
    runner = LaneRunner(step, bound.data, bound.rows, 2.0, "float64")
    loop = Loop(runner, Settings(rate=2.0, epochs=100))
    run = batched(starts, _Nobody(), loop, None)
    assert run.stop == "interrupted"
    assert run.cost == pytest.approx(st.evaluate(model.cost, {**model.table, **starts[0]}), rel=1e-14)


def test_an_error_in_a_group_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the others at once and is raised where the restarts were asked for."""

    def fail(self: Any) -> Any:
        raise MemoryError("no memory left")

    monkeypatch.setattr(batched_runner._Group, "_costs", fail)
    threads = threading.active_count()
    with pytest.raises(MemoryError, match="no memory left"):
        xor().descend("native", restarts=40, epochs=10**9)
    assert threading.active_count() == threads


def test_progress_counts_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_runner, "_POLL_INTERVAL", 0.001)
    seen: list[tuple[int, int, float]] = []
    run = xor().descend("native", restarts=20, epochs=200_000, progress=lambda *report: seen.append(report))
    counted = [epoch for epoch, _, _ in seen]
    assert counted == sorted(counted)
    assert seen[-1][:2] == (20 * 200_000, 20 * 200_000)
    assert seen[-1][2] == pytest.approx(run.cost, rel=1e-3)  # an epoch before the end


@pytest.mark.parametrize("breath", [1e-9, 10.0])
def test_results_do_not_depend_on_how_long_groups_are_left_alone(
    breath: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = xor().descend("native", restarts=11, epochs=700)
    monkeypatch.setattr(batched_runner, "_POLL_INTERVAL", breath)
    found = xor().descend("native", restarts=11, epochs=700)
    assert found.restarts == wanted.restarts
    assert found.history == wanted.history


# -- the example of mission.md ------------------------------------------------------------------------------------


@cache
def thousand_starts() -> Descent:
    return xor().descend("native", restarts=1000, rate=1.0, epochs=10_000)


def test_xor_from_a_thousand_starts() -> None:
    """From the start of D5 it sticks at 0.12539; between a tenth and two fifths of random starts end there."""
    run = thousand_starts()
    assert run.restarts is not None
    assert run.levels is not None
    costs = np.array(run.restarts)
    stuck = np.mean(np.abs(costs - 0.125) < 0.005)
    assert 0.1 < stuck < 0.4
    assert run.cost == costs.min() < 1e-3
    assert sum(level.starts for level in run.levels) == 1000
    levels = [level for level in run.levels if level.lowest < 0.13 and level.highest > 0.12]
    assert sum(level.starts for level in levels) >= 100


@pytest.mark.parametrize("k", [0, 1, 17, 512, 999])
def test_some_of_the_thousand_starts_alone(k: int) -> None:
    run = thousand_starts()
    assert run.restarts is not None
    single = xor().descend("native", seed=k, start=None, rate=1.0, epochs=10_000)
    assert run.restarts[k] == pytest.approx(single.cost, rel=1e-7)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_of_starts_that_all_diverge_the_best_is_kept(engine: str) -> None:
    """Badly scaled columns: no start comes down; what is kept is the lowest of the last finite costs."""
    table = {"x": np.array([1e5, 3e5, 5e5]), "y": np.array([1.0, 2.0, 3.0])}
    x, y = st.data("x", "y")
    a, b = st.params("a", "b")
    run = st.descend(st.mean((a * x + b - y) ** 2), table, rate=0.1, epochs=50, restarts=20, engine=engine)
    assert run.restarts is not None
    assert run.diverged
    assert run.levels == []
    assert run.cost == pytest.approx(min(run.restarts), rel=1e-12)
    assert max(run.restarts) > 2 * run.cost


def test_restarts_are_bounded() -> None:
    """Their starts are kept in memory, so that a slip of the finger must not fill it."""
    with pytest.raises(DescentError, match="restarts is at most 100,000, not 1,000,000,000"):
        xor().descend("native", restarts=10**9, epochs=1)
