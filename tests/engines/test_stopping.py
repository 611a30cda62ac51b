"""Every way to run a descent stops for the same reason, at the same epoch, and counts the same rises of the cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

import steepest as st
from engine_cases import Model
from steepest.calculus.prepared import prepare
from steepest.engines.native.arrays.array_runner import ArrayRunner
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.reference import compile_expressions
from steepest.engines.step import Batches, DescentState, Record, Runner, Step, Stop, StoppingRules
from steepest.engines.stepwise import Stepwise
from steepest.tables.parts import Columns, Parts
from steepest.tables.values import Bound, bind
from steepest.training.line_search import SearchRunner
from steepest.training.optimisers import Optimiser, gradient_descent, momentum
from steepest.training.steps import gradient_step, search_step
from steepest.training.streaming import StreamRunner

X = np.array([0.5, -1.0, 1.5, 2.0, -0.5])
EPOCHS = 40
PLAIN, SWINGING = gradient_descent(), momentum(0.9)
# The cost of the line is quadratic: its second derivative is 2·mean(x²) = 3.1, so that descents with a rate above
# 2/3.1 climb and those below fall; with momentum they swing around the minimum, and the cost falls and rises in turn.
LINE = Model(
    st.parse("mean((x*w - y)^2)", ["x", "y"], ["w"]), {"x": X, "y": 3 * X + [0.1, 0, -0.1, 0.2, 0]}, {"w": 0.5}
)


@dataclass(frozen=True)
class Ending:
    """A descent that ends for a known reason, whichever way it is run.

    Attributes:
        stop: what ends it.
        model: with its rate.
        rules: when it stops.
        batches: whether descents in batches stop so as well; none of them has the gradient of the whole cost.
        search: whether line searches stop so as well; they choose their rates and only diverge from a bad start.
        optimiser: makes the update.
        costless: whether a part of a stream ends before the epoch has a cost, which then counts for no rise.
    """

    stop: Stop
    model: Model
    rules: StoppingRules
    batches: bool = True
    search: bool = True
    optimiser: Optimiser = PLAIN
    costless: bool = False


def at_rate(model: Model, rate: float, **start: float) -> Model:
    return Model(model.cost, model.table, {**model.start, **start}, rate)


ENDINGS = {
    "above the threshold": Ending(Stop.DIVERGED, at_rate(LINE, 0.7), StoppingRules(1e3), search=False),
    "above the threshold at once": Ending(Stop.DIVERGED, at_rate(LINE, 0.1), StoppingRules(1.0)),
    "an infinite cost": Ending(Stop.DIVERGED, at_rate(LINE, 1e100), StoppingRules(), search=False, costless=True),
    "an infinite parameter": Ending(Stop.DIVERGED, at_rate(LINE, 1e308, w=1e4), StoppingRules(), search=False),
    "a small gradient": Ending(
        Stop.GRADIENT, at_rate(LINE, 0.1), StoppingRules(gradient_tolerance=1e-3), batches=False
    ),
    # At epoch 1 both rules are met: at the start the gradient is -7.9, and each step takes 31 % off.
    "a gradient before a change": Ending(
        Stop.GRADIENT, at_rate(LINE, 0.1), StoppingRules(tolerance=1.0, gradient_tolerance=6.0), batches=False
    ),
    "a small change": Ending(Stop.TOLERANCE, at_rate(LINE, 0.1), StoppingRules(tolerance=1e-4)),
    "the last epoch": Ending(Stop.GOING_ON, at_rate(LINE, 0.1), StoppingRules(), search=False, optimiser=SWINGING),
    "rules that are never met": Ending(
        Stop.GOING_ON,
        at_rate(LINE, 0.1),
        StoppingRules(1e9, 1e-15, math.nan, 1e-12, 1e-12),
        search=False,
        optimiser=SWINGING,
    ),
}


class OnePart:
    """A table of one part, in memory."""

    number = 1

    def __init__(self, columns: Columns, rows: int) -> None:
        self.columns, self.rows = columns, rows

    def each(self, order: Sequence[int]) -> Iterator[tuple[int, Columns, int]]:
        for k in order:
            yield k, self.columns, self.rows


def step_of(ending: Ending, norm: bool = False) -> Step:
    return gradient_step(prepare(ending.model.cost), "backprop", ending.optimiser, False, norm)


def bound_of(ending: Ending) -> Bound:
    return bind([ending.model.cost], {**ending.model.table, **ending.model.start}, "float64")


def stream(ending: Ending, bound: Bound, engine: Callable[..., Runner]) -> Runner:
    step = step_of(ending)
    parts = cast(Parts, OnePart(bound.data, bound.rows))
    cost = compile_expressions([step.cost], "float64")
    return StreamRunner(
        parts, lambda data, rows, rate, batches: engine(step, data, rows, rate, "float64", batches),
        lambda data, rows: lambda params: float(cost({**data, **params}, rows)[0]),
        ending.model.rate, Batches(bound.rows, 1),
    )  # fmt: skip


def stepwise(*arguments: Any) -> Runner:
    return Stepwise(compile_expressions, *arguments)


WHOLE: dict[str, Callable[..., Runner]] = {"stepwise": stepwise, "lanes": LaneRunner, "arrays": ArrayRunner}
BATCHED: dict[str, Callable[..., Runner]] = {"stepwise": stepwise, "arrays": ArrayRunner}


def whole(name: str, ending: Ending) -> DescentState:
    bound, step = bound_of(ending), step_of(ending, norm=not math.isnan(ending.rules.gradient_tolerance))
    return ended(WHOLE[name](step, bound.data, bound.rows, ending.model.rate, "float64"), bound, ending, step)


def ended(runner: Runner, bound: Bound, ending: Ending, step: Step) -> DescentState:
    """Where a descent ends, with the rises of all its epochs."""
    start = {**bound.params, **{leaf.name: np.zeros(leaf.shape) for leaf in step.memory}}
    state, record = DescentState(start, start, runner.cost_at(start)), Record()
    while state.epoch < EPOCHS and not state.stop:
        state = runner.advance(state, EPOCHS, ending.rules, record)
    return state


@pytest.mark.parametrize("name", ENDINGS)
def test_whole_tables(name: str) -> None:
    """The three loops over whole tables agree in everything that they count, and up to rounding in the parameter."""
    ending = ENDINGS[name]
    first = whole("stepwise", ending)
    assert first.stop == ending.stop
    assert (first.epoch == EPOCHS) == (ending.stop == Stop.GOING_ON)
    for other in ("lanes", "arrays"):
        found = whole(other, ending)
        assert (found.stop, found.epoch) == (first.stop, first.epoch), other
        assert (found.rises, found.first_rise) == (first.rises, first.first_rise), other
        np.testing.assert_allclose(found.params["w"], first.params["w"], rtol=1e-9, err_msg=other)


@pytest.mark.parametrize("name", [name for name, ending in ENDINGS.items() if ending.batches])
@pytest.mark.parametrize("way", ["one batch", "stream"])
@pytest.mark.parametrize("engine", BATCHED)
def test_one_batch_of_all_rows(engine: str, way: str, name: str) -> None:
    """A batch of all rows makes the same steps, but its cost is known only after the update."""
    ending, make = ENDINGS[name], BATCHED[engine]
    bound, step = bound_of(ending), step_of(ending)
    if way == "stream":
        runner = stream(ending, bound, make)
    else:
        runner = make(step, bound.data, bound.rows, ending.model.rate, "float64", Batches(bound.rows, 1))
    found, wanted = ended(runner, bound, ending, step), whole("stepwise", ending)
    rises = wanted.rises - (way == "stream" and ending.costless)
    assert (found.stop, found.rises, found.first_rise) == (wanted.stop, rises, wanted.first_rise)


@pytest.mark.parametrize("memory", [0, 5])
@pytest.mark.parametrize("name", [name for name, ending in ENDINGS.items() if ending.search])
def test_line_searches(name: str, memory: int) -> None:
    """They take other steps, and stop by the same rules."""
    ending = ENDINGS[name]
    bound, step = bound_of(ending), search_step(prepare(ending.model.cost), "backprop")
    for inner in WHOLE.values():
        runner = SearchRunner(
            inner(step, bound.data, bound.rows, 1.0, "float64"), {"w": ()}, memory, 1.0, "float64", ending.model.rate
        )
        assert ended(runner, bound, ending, step).stop == ending.stop


def test_searches_that_go_on() -> None:
    """A line search whose minimum is at infinity makes every epoch that it is given."""
    cost = st.parse("exp(-w) + 0*mean(x)", ["x"], ["w"])
    ending = Ending(Stop.GOING_ON, Model(cost, {"x": X}, {"w": 0.0}), StoppingRules())
    bound, step = bound_of(ending), search_step(prepare(cost), "backprop")
    for inner in WHOLE.values():
        # From so small a first rate, which at most doubles from epoch to epoch, it does not arrive before the end.
        runner = SearchRunner(inner(step, bound.data, bound.rows, 1.0, "float64"), {"w": ()}, 0, 1.0, "float64", 1e-9)
        found = ended(runner, bound, ending, step)
        assert (found.stop, found.epoch, found.rises) == (Stop.GOING_ON, EPOCHS, 0)


def test_the_swings_rise() -> None:
    """Else the counts of rises that are compared would all be zero."""
    found = whole("stepwise", ENDINGS["rules that are never met"])
    assert 1 < found.rises < EPOCHS
    assert found.first_rise > 0
