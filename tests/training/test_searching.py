"""L-BFGS and Armijo's rule: their conditions at every step, and the minimum that SciPy finds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import steepest as st
from batch_cases import FORMULAS, gaps
from engine_cases import CASES, Model
from sampling import sampled
from steepest.engines.step import DescentState, Record, StoppingRules
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression
from steepest.training.line_search import SearchRunner
from steepest.training.optimisers import lbfgs
from steepest.training.result import Descent

ENGINES = ("reference", "native")
DTYPES = ("float64", "float32")
ENOUGH, FLATTER = 1e-4, 0.9  # c₁ and c₂ of Nocedal and Wright, section 3.1


def _pure(cost: Expression, **start: Any) -> Model:
    return Model(cost, {}, {name: np.asarray(value, float) for name, value in start.items()})


x, y = st.params("x", "y")
v = st.params("v", shape=6)
STEEP = np.array([300.0, 100.0, 20.0, 3.0, 1.0, 0.3])


def _quadratic() -> Model:
    k = st.data("k", shape=6)
    return Model(op.mean(op.sum_(k * (v - 1) ** 2)), {"k": STEEP[None, :]}, {"v": np.linspace(-3, 3, 6)})


def _himmelblau() -> Model:
    return _pure((x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2, x=0.1, y=-0.2)


SMOOTH: dict[str, Callable[[], Model]] = {
    "rosenbrock": lambda: _pure((1 - x) ** 2 + 100 * (y - x**2) ** 2, x=-1.2, y=1),
    "quadratic": _quadratic,
    "himmelblau": _himmelblau,
    "quartic": lambda: _pure(x**4 + (y - 2) ** 4 + x * y, x=2, y=2),
    "logarithm": lambda: _pure(x - op.log(x) + 2 * y - op.log(1 - y**2), x=8, y=-0.99),  # NaN at x ≤ 0 or |y| ≥ 1
    "root": lambda: _pure(op.sqrt(1 + x**2) + op.sqrt(y - 1) * 0 + (y - 4) ** 2, x=50, y=9),
    "well": lambda: _pure(-op.exp(-(x**2) - 2 * y**2), x=1.1, y=0.6),  # flat all round
    "neuron": lambda: CASES["A3 neuron"](),
    "network": lambda: CASES["network tanh"](),
    "row": lambda: FORMULAS["row"](40),
    "chain": lambda: CASES["chain(3)"](),
}


def _numbers(params: dict[str, Any]) -> Any:
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


def _looker(model: Model) -> tuple[Callable[[dict[str, Any]], float], Callable[[dict[str, Any]], Any]]:
    """Cost and gradient in float64 by the reference engine, at parameters."""
    partials = st.gradient(model.cost)

    def cost(params: dict[str, Any]) -> float:
        return float(st.evaluate(model.cost, {**model.table, **params}))

    def slope(params: dict[str, Any]) -> Any:
        return _numbers(st.evaluate(partials, {**model.table, **params}))

    return cost, slope


def _steps(model: Model, run: Descent) -> list[tuple[float, float, float, float]]:
    """Of each step the costs before and after, and the slopes along it."""
    cost, slope = _looker(model)
    found = []
    places = [row for _, row in run.path]
    for here, there in itertools.pairwise(places):
        move = _numbers(there) - _numbers(here)
        found.append((cost(here), cost(there), float(slope(here) @ move), float(slope(there) @ move)))
    return found


# Both computed in float64 up to round-off of the costs, which some terms of size 1 make 1e-15 of.
ROUND_OFF = 1e-13


def assert_wolfe(steps: list[tuple[float, float, float, float]]) -> None:
    """Both of the strong Wolfe conditions; near the minimum the fall drowns in round-off of the cost."""
    assert steps
    for before, after, first, last in steps:
        assert first < 0
        slack = ROUND_OFF * max(1.0, abs(before))
        assert after <= before + ENOUGH * first + slack
        assert abs(last) <= FLATTER * abs(first) + slack


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [1, 10])
@pytest.mark.parametrize("name", SMOOTH)
def test_strong_wolfe_at_every_step(name: str, memory: int, engine: str) -> None:
    model = SMOOTH[name]()
    run = model.descend(engine, optimiser=lbfgs(memory), epochs=60)
    steps = _steps(model, run)
    assert_wolfe(steps)
    costs = [cost for _, cost in run.history]
    assert all(b < a for a, b in itertools.pairwise(costs))
    assert run.warnings == [] or "plateau" in run.warnings[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [1, 3, 10])
@pytest.mark.parametrize("name", ["rosenbrock", "quadratic", "himmelblau", "quartic", "well", "row"])
def test_the_minimum_of_scipy(name: str, memory: int, engine: str) -> None:
    """In not many more epochs than SciPy's L-BFGS of the same memory takes, whose line search is another one."""
    model = SMOOTH[name]()
    cost, slope = _looker(model)
    shapes = {label: np.shape(value) for label, value in sorted(model.start.items())}

    def named(flat: Any) -> dict[str, Any]:
        found, begin = {}, 0
        for label, shape in shapes.items():
            found[label] = np.reshape(flat[begin : begin + math.prod(shape)], shape)
            begin += math.prod(shape)
        return found

    limit = 500
    settings = {"maxiter": limit, "maxcor": memory, "ftol": 1e-15, "gtol": 1e-10}
    best = optimize.minimize(
        lambda flat: cost(named(flat)), _numbers(model.start), jac=lambda flat: slope(named(flat)), method="L-BFGS-B",
        options=settings,
    )  # fmt: skip
    run = model.descend(engine, optimiser=lbfgs(memory), epochs=limit, gradient_tolerance=1e-9)
    assert run.stop in ("gradient", "stalled")
    assert run.epochs <= 2 * best.nit + 10
    assert run.cost == pytest.approx(best.fun, rel=1e-9, abs=1e-12)
    np.testing.assert_allclose(_numbers(run.params), best.x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("memory", [1, 10])
def test_a_minimum_beside_regions_that_are_no_numbers(memory: int, engine: str) -> None:
    """SciPy ends at NaN here; by hand: 1 − 1/x = 0, and 2 + 2y/(1 − y²) = 0, so that y² − y = 1."""
    run = SMOOTH["logarithm"]().descend(engine, optimiser=lbfgs(memory), epochs=100)
    assert run.params == pytest.approx({"x": 1.0, "y": (1 - math.sqrt(5)) / 2}, abs=1e-6)
    assert run.stop in ("gradient", "stalled")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["rosenbrock", "quadratic", "logarithm", "row", "network"])
def test_single_precision(name: str, engine: str) -> None:
    """The cost falls at every step of its own, and ends within what float32 shows of the minimum in float64."""
    model = SMOOTH[name]()
    run = model.descend(engine, optimiser="lbfgs", epochs=200, dtype="float32")
    exact = model.descend(engine, optimiser="lbfgs", epochs=200)
    costs = [cost for _, cost in run.history]
    assert all(b <= a for a, b in itertools.pairwise(costs))
    assert run.cost <= exact.cost + 2e-6 * max(1.0, abs(costs[0]))
    assert run.stop in ("stalled", "gradient", "epochs")


@pytest.mark.parametrize("settings", [{"optimiser": "lbfgs"}, {"rate": "auto"}])
@pytest.mark.parametrize("name", ["himmelblau", "logarithm", "row"])
def test_climbing_is_descending_the_negative(name: str, settings: dict[str, Any]) -> None:
    model = SMOOTH[name]()
    negative = Model(-model.cost, model.table, model.start)
    for engine in ENGINES:
        up, down = (
            m.descend(engine, epochs=15, maximise=up, **settings) for m, up in ((negative, True), (model, False))
        )
        np.testing.assert_allclose(_numbers(up.params), _numbers(down.params), rtol=1e-7)
        assert up.cost == pytest.approx(-down.cost, rel=1e-9)
        assert [k for k, _ in up.history] == [k for k, _ in down.history]


def test_the_engines_go_the_same_way() -> None:
    """Until decisions hang on round-off: the first epochs."""
    for name, make in SMOOTH.items():
        for settings in ({"optimiser": "lbfgs"}, {"rate": "auto"}):
            found, wanted = (make().descend(engine, epochs=6, **settings) for engine in ("native", "reference"))
            assert gaps(found, wanted) < 1e-6, name


# -- plateaus and places without a way down ------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"optimiser": "lbfgs"}, {"rate": "auto"}])
@pytest.mark.parametrize("engine", ENGINES)
def test_where_nothing_goes_down(engine: str, settings: dict[str, Any]) -> None:
    flat = _pure(0 * x + 3.0, x=1)
    run = flat.descend(engine, **settings)
    assert (run.stop, run.epochs, run.params) == ("gradient", 0, {"x": 1.0})
    top = _pure(-(x**2), x=0)
    assert top.descend(engine, **settings).stop == "gradient"
    # A slope that lies: the step hides a cliff of the cost that the gradient does not see.
    cliff = _pure(x + 10 * op.step(-x), x=0.0)
    run = cliff.descend(engine, epochs=50, **settings)
    assert (run.stop, run.epochs, run.cost) == ("stalled", 0, 10.0) or run.cost < 10
    kink = _pure(op.absolute(x) + 2 * op.absolute(y), x=0.3, y=-0.2)
    run = kink.descend(engine, epochs=200, **settings)
    costs = [cost for _, cost in run.history]
    assert all(b <= a for a, b in itertools.pairwise(costs))
    assert run.stop in ("stalled", "gradient", "epochs")


@pytest.mark.parametrize("settings", [{"optimiser": "lbfgs"}, {"rate": "auto"}])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", ENGINES)
def test_no_minimum_at_all(engine: str, dtype: str, settings: dict[str, Any]) -> None:
    """The cost falls for ever, to the largest number at most; NumPy says nothing of it."""
    for cost in (x * 1.0, -op.exp(x), -(x**2), op.log(x)):
        run = _pure(cost, x=0.5).descend(engine, epochs=1200 if "rate" in settings else 150, dtype=dtype, **settings)
        costs = [value for _, value in run.history]
        assert all(b <= a for a, b in itertools.pairwise(costs))
        assert math.isfinite(run.cost)
        assert math.isfinite(run.params["x"])


def test_a_start_beside_a_region_that_is_no_number() -> None:
    """The slope points there: trials that come back as NaN are too far."""
    for engine in ENGINES:
        run = _pure(-op.log(x) + 5 * x, x=1e-12).descend(engine, optimiser="lbfgs", epochs=100)
        assert run.params["x"] == pytest.approx(0.2, rel=1e-6)
        run = _pure(-op.sqrt(1 - x), x=0.9).descend(engine, rate="auto", epochs=500)
        costs = [cost for _, cost in run.history]
        assert all(b <= a for a, b in itertools.pairwise(costs))


# -- Armijo --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "name", sampled(["E5", "rosenbrock", "quadratic", "logarithm", "network", "chain", "neuron"], 3)
)
def test_armijo_at_every_step(name: str, engine: str) -> None:
    """The inequality with the step's own slope, over all steps that are kept one by one; and no rise in thousands."""
    model = CASES["E5 regression"]() if name == "E5" else SMOOTH[name]()
    run = model.descend(engine, rate="auto", epochs=700)
    steps = _steps(model, run)
    assert len(steps) == run.epochs > 20
    for before, after, first, _ in steps:
        assert first < 0
        assert after <= before + ENOUGH * first + ROUND_OFF * max(1.0, abs(before))
    assert run.warnings == [] or "plateau" in run.warnings[0]
    longer = model.descend(engine, rate="auto", epochs=3000)
    costs = [cost for _, cost in longer.history]
    assert all(b <= a for a, b in itertools.pairwise(costs))
    assert longer.cost <= run.cost


def test_armijo_takes_the_longest_of_halves_that_will_do() -> None:
    """x² from 1: twice the first trial 1/2·2 = 1 fails (it comes to −1, no lower), a half of it is the minimum."""
    for engine in ENGINES:
        run = _pure(x**2, x=1).descend(engine, rate="auto", epochs=5)
        assert (run.params["x"], run.epochs, run.stop) == (0.0, 1, "gradient")
        assert run.memory == {"(search) rate": 0.5}


def test_armijo_does_not_take_a_step_that_hardly_helps() -> None:
    """cx² with c = 0.99999: the whole step goes from 1 to 1 − 2c, which is lower, but by a tenth of c₁ αg²."""
    c = 0.99999
    for engine in ENGINES:
        run = _pure(c * x**2, x=1).descend(engine, rate="auto", epochs=1)
        assert c * (1 - 2 * c) ** 2 < c
        assert run.params["x"] == pytest.approx(1 - c, rel=1e-9)


@pytest.mark.parametrize("settings", [{"optimiser": lbfgs(3)}, {"rate": "auto"}])
@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_goes_on(settings: dict[str, Any], dtype: str) -> None:
    model = SMOOTH["rosenbrock"]()
    for engine in ENGINES:
        whole = model.descend(engine, epochs=20, dtype=dtype, **settings)
        first = model.descend(engine, epochs=8, dtype=dtype, **settings)
        rest = Model(model.cost, {}, first.params).descend(
            engine, epochs=12, dtype=dtype, memory=first.memory, **settings
        )
        assert rest.params == whole.params
        assert rest.memory.keys() == whole.memory.keys()
        assert all(np.array_equal(rest.memory[name], whole.memory[name]) for name in whole.memory)


# -- The end within round-off --------------------------------------------------------------------------------------


class _Falling:
    """A cost 1 + Σ k (x − 1)² that is a little lower at each evaluation, as round-off may make it for many epochs."""

    rate, pace = 1.0, 1

    def __init__(self, fall: float) -> None:
        self.fall, self.calls = fall, 0

    def cost_at(self, params: Any) -> float:
        self.calls += 1
        return 1 + float(np.sum(STEEP * (params["v"] - 1) ** 2)) - self.fall * self.calls

    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        record.add([self.cost_at(state.params)], [None])
        return DescentState({"v": 2 * STEEP * (state.params["v"] - 1)}, state.params, 0.0, 1)

    def unpacked(self, rows: Any) -> Any:
        return rows


def _ended(fall: float, dtype: str = "float64") -> tuple[DescentState, Record]:
    runner, record = SearchRunner(_Falling(fall), {"v": (6,)}, 10, 1.0, dtype), Record()
    start = {"v": np.linspace(-3, 3, 6).astype(dtype)}
    return runner.advance(DescentState(start, start, math.nan), 400, StoppingRules(), record), record


@pytest.mark.parametrize("dtype", DTYPES)
def test_falls_within_round_off_do_not_go_on(dtype: str) -> None:
    """The directions predict less than a cost of 1 can show: the third epoch in a row is the last one."""
    fall = 2 * float(np.finfo(dtype).eps)
    state, record = _ended(fall, dtype)
    assert state.stop == "stalled"
    assert state.epoch < 60
    np.testing.assert_allclose(state.params["v"], 1, atol=1e-6 if dtype == "float64" else 1e-3)
    exact, _ = _ended(0.0, dtype)
    assert state.epoch >= exact.epoch - 5
    assert state.params["(search) idle epochs"] == 2
    assert record.costs[-1] < record.costs[-2] < record.costs[-3]


def test_idle_epochs_in_a_row_are_counted() -> None:
    """A descent that starts with two of them stops at a minimum at once, but not elsewhere."""
    for engine in ENGINES:
        for model in (_quadratic(), SMOOTH["row"]()):
            lifted = Model(model.cost + 1, model.table, model.start)  # a cost of 0 shows every decrease
            end = lifted.descend(engine, optimiser="lbfgs", epochs=300)
            assert end.stop == "stalled"
            memory = {**end.memory, "(search) idle epochs": np.float64(2)}
            there = Model(lifted.cost, lifted.table, end.params)
            again = there.descend(engine, optimiser="lbfgs", epochs=300, memory=memory)
            assert (again.epochs, again.stop) == (0, "stalled")
            assert again.memory["(search) idle epochs"] == 2
            onwards = lifted.descend(engine, optimiser="lbfgs", epochs=3, memory=memory)
            assert onwards.epochs == 3
            assert "(search) idle epochs" not in onwards.memory


def test_idle_epochs_are_known_by_their_direction() -> None:
    """Curvatures of 1e18 predict nothing to gain, where the search would find it by longer steps."""
    for engine in ENGINES:
        moves = np.stack([1e-9 * np.eye(2), 1e9 * np.eye(2)], axis=1)
        for count in (0, 1, 2):
            memory = {"(search) moves": moves, "(search) idle epochs": np.float64(count)}
            run = _himmelblau().descend(engine, optimiser="lbfgs", epochs=1, memory=memory)
            assert (run.epochs, run.stop) == ((0, "stalled") if count == 2 else (1, "epochs"))
            if count < 2:
                assert run.memory["(search) idle epochs"] == count + 1
                assert run.cost < run.history[0][1] - 1


def test_a_cost_of_zero_shows_every_decrease() -> None:
    """x⁴ + (y − 2)⁴ falls by a factor in each epoch, however small it is."""
    for engine in ENGINES:
        run = _pure(x**4 + (y - 2) ** 4, x=2, y=5).descend(engine, optimiser="lbfgs", epochs=5000)
        assert run.cost < 1e-100
