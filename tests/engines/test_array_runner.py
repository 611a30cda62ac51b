"""Descents of whole tables on arrays, and calls of any length: against the reference engine, bit for bit or nearly."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import Any

import numpy as np
import pytest

import steepest as st
from batch_cases import FORMULAS, gap, gaps, network, run_in_calls, runner_of, start_of, step_of, table_of
from engine_cases import Model, drawn
from native_descents import stepped
from places import SUPPORT
from sampling import sampled
from steepest import schedules
from steepest.calculus.prepared import prepare
from steepest.engines.native.arrays.array_runner import ArrayRunner, prefers
from steepest.engines.native.lanes.lane_runner import LaneRunner
from steepest.engines.reference import compile_expressions
from steepest.engines.step import Batches, Record, StoppingRules
from steepest.engines.stepwise import Stepwise
from steepest.expressions import operations as op
from steepest.tables.values import bind
from steepest.training.optimisers import Optimiser, adam
from steepest.training.result import Descent
from steepest.training.steps import difference_step

NEAR = 1e-9  # as in test_batches.py


def wide(rows: int = 40, output: str = "softmax") -> Model:
    """A network that arrays run, of numbers, vectors and matrices."""
    model = st.models.network([19, 13, 3], output=output)
    table = table_of({"X": (19,), "y": () if output == "softmax" else (3,)}, rows, 2, 3 if output == "softmax" else 0)
    return drawn(model.cost + 0.01 * st.params("scale") ** 2, table, 4, 0.5)


def compared(model: Model, **settings: Any) -> Descent:
    """The native descent, which is that of the reference engine."""
    found, wanted = (model.descend(engine, **settings) for engine in ("native", "reference"))
    assert gaps(found, wanted) < (1e-6 if wanted.stop == "diverged" else NEAR)
    assert found.warnings == wanted.warnings
    return found


def test_wide_networks_run_on_arrays() -> None:
    model = wide()
    assert prefers(step_of(model), 40)
    assert not prefers(step_of(FORMULAS["neuron"](40)), 40)


@pytest.mark.parametrize("rows", sampled([16, 17, 31, 64, 65, 256, 257, 300, 777], 3, 1))
def test_numbers_of_samples(rows: int) -> None:
    assert compared(wide(rows), epochs=5).stop == "epochs"
    assert compared(wide(rows, "linear"), epochs=5, rate=0.02, optimiser="momentum").stop == "epochs"


@pytest.mark.parametrize(("settings", "reason"), [
    ({"epochs": 3000, "tolerance": 1e-3}, "tolerance"),
    ({"epochs": 3000, "gradient_tolerance": 0.05}, "gradient"),
    ({"epochs": 3000, "gradient_tolerance": 0.02, "optimiser": "adam", "rate": 0.02}, "gradient"),
    ({"epochs": 300, "gradient_tolerance": 1e9}, "gradient"),
    ({"epochs": 500, "rate": 1e4}, "epochs"),
    ({"epochs": 0}, "epochs"),
    ({"epochs": 20, "maximise": True}, "epochs"),
])  # fmt: skip
def test_ends_alike(settings: dict[str, Any], reason: str) -> None:
    """Softmax at a huge rate stays finite, but its path is one of large errors: it is looked at only once."""
    if settings.get("rate") == 1e4:
        settings = {**settings, "epochs": 2}
    run = compared(wide(), **settings)
    assert run.stop == reason


@pytest.mark.parametrize("rate", [3.0, 30.0, 1e3, 1e80, 1e160, 1e300])
@pytest.mark.parametrize("optimiser", ["gradient-descent", "momentum"])
def test_diverges_alike(rate: float, optimiser: str) -> None:
    """By a hopeless cost, by one that is not finite, and by parameters that are not."""
    run = compared(wide(30, "linear"), rate=rate, epochs=200, optimiser=optimiser)
    assert run.stop == "diverged"
    assert all(np.isfinite(value).all() for value in run.params.values())


def test_parameters_that_leave_the_numbers_though_the_cost_does_not() -> None:
    """The matrix is not in the cost but for 0·W, whose gradient is 0; the optimiser lets it grow by itself."""
    model = wide()
    blows = Optimiser("blows", lambda w: (), lambda w, g, s, rate, t: (w * 1e60 + 0 * g, s))
    shrunk = Model(model.cost, model.table, {**model.start, "scale": 0.0})
    for batch in (None, 9):
        run = compared(shrunk, epochs=20, batch=batch, optimiser=blows)
        assert run.stop == "diverged"
        assert all(np.isfinite(value).all() for value in run.params.values())


@pytest.mark.parametrize("epochs", [1999, 2000, 2001, 4003, 8001])
def test_thinning(epochs: int) -> None:
    model = drawn(st.models.network([16, 9, 1], output="linear").cost, table_of({"X": (16,), "y": ()}, 16, 1), 1)
    assert prefers(step_of(model), 16)
    run = compared(model, rate=0.001, epochs=epochs)
    assert len(run.history) <= 2001


def test_rises_are_counted_alike() -> None:
    """The warning says in how many epochs; a rate a little too large makes the cost rise now and then."""
    model = wide(30, "linear")
    for rate in (0.8, 1.0, 1.3, 1.6):
        run = compared(model, rate=rate, epochs=60)
        assert any("the cost rose in" in sentence for sentence in run.warnings)


def test_a_rise_in_the_epoch_that_ends_it_is_counted() -> None:
    """All curvatures are 2/16; a rate of 16·1.0001 turns W round to −1.0001 W, so that the cost rises by 2e-4."""
    X, W = st.data("X", shape=16), st.params("W", shape=(16, 9))
    model = Model(op.mean(op.sum_((X @ W) ** 2)), {"X": np.eye(16)}, {"W": np.ones((16, 9))}, 16 * 1.00005)
    run = compared(model, epochs=50, tolerance=1e-3)
    assert (run.stop, run.epochs) == ("tolerance", 1)
    assert "rose in 1 of the epochs, first at epoch 1," in run.warnings[0]


def test_several_passes() -> None:
    X, y, W = st.data("X", shape=17), st.data("y"), st.params("W", shape=(17, 9))
    z = op.sin(X @ W)
    centred = z - op.mean(z)
    scaled = centred / op.sqrt(op.mean(centred**2) + 0.1)
    model = drawn(op.mean((op.sum_(scaled) - y) ** 2), table_of({"X": (17,), "y": ()}, 300, 6), 2, 0.002)
    assert prefers(step_of(model), 300)
    compared(model, epochs=12)
    compared(model, epochs=4, batch=64)


def test_the_path_has_the_parameters_before_they_move() -> None:
    """An update that needs no gradient is written at once, by a second thread before the first has copied anything."""
    X, W = st.data("X", shape=16), st.params("W", shape=(16, 8000))
    model = drawn(op.mean(op.sum_((X @ op.tanh(W)) ** 2)), table_of({"X": (16,)}, 16, 0), 0, 0.01)
    step = step_of(model, Optimiser("fades", lambda w: (), lambda w, g, state, rate, t: (w - rate * w, state)))
    start = start_of(model, step)
    runner = runner_of(model, "native", step, 0.01, threads=2)
    state, record = run_in_calls(runner, start, 40, 40)
    for epoch, row in record.path(40):
        assert gap(runner.unpacked([row])[0]["W"], start["W"] * 0.99**epoch) < 1e-12
    assert gap(state.before["W"], start["W"] * 0.99**39) < 1e-12


# -- calls ---------------------------------------------------------------------------------------------------------

PACES = {
    "constant": 0.02, "cosine": schedules.cosine(0.05, 700), "exponential": schedules.exponential(0.05, 0.99),
    "step": schedules.step(0.05, 0.7, 0.9), "warm-up": schedules.warm_up(30.5, schedules.exponential(0.02, 0.999)),
}  # fmt: skip


def runners(model: Model, kind: str, rate: Any) -> tuple[Any, dict[str, Any]]:
    bound = bind([model.cost], {**model.table, **model.start}, "float64")
    if kind in ("arrays", "batches", "reference batches"):
        step = step_of(model, adam())
        batches = None if kind == "arrays" else Batches(1, 1)
        engine = "reference" if kind.startswith("reference") else "native"
        return runner_of(model, engine, step, rate, batches=batches), start_of(model, step)
    if kind == "differences":
        step = difference_step(prepare(model.cost), 0.01, "forward", adam(), False, False)
        return LaneRunner(step, bound.data, bound.rows, rate, "float64"), start_of(model, step)
    step = step_of(model, adam()) if kind != "plain lanes" else stepped(model)
    if kind == "reference":
        return Stepwise(compile_expressions, step, bound.data, bound.rows, rate, "float64"), start_of(model, step)
    return LaneRunner(step, bound.data, bound.rows, rate, "float64"), start_of(model, step)


@pytest.mark.parametrize("pace", sampled(PACES, 3))
@pytest.mark.parametrize(
    "kind", ["lanes", "plain lanes", "differences", "arrays", "batches", "reference", "reference batches"]
)
def test_calls_of_any_length_give_the_same_bits(kind: str, pace: str) -> None:
    """So that nothing depends on how fast the machine is, nor on where a checkpoint was written."""
    slow = kind.startswith("reference")
    model = FORMULAS["neuron"](19) if kind != "arrays" else wide(20)
    epochs, lengths = (60, (1, 7, 1000)) if slow else (1100, (1, 7, 1000))
    runner, start = runners(model, kind, PACES[pace])
    ends = []
    for length in lengths:
        state, record = run_in_calls(runner, start, epochs, length, StoppingRules(), Record(thinning=4))
        path = [(k, runner.unpacked([row])[0]) for k, row in record.path(epochs)]
        ends.append((state, record.history(epochs), path))
    assert len(ends[0][1]) == epochs
    for state, history, path in ends[1:]:
        assert history == ends[0][1]
        assert (state.epoch, state.last) == (ends[0][0].epoch, ends[0][0].last)
        for name, value in state.params.items():
            assert np.array_equal(value, ends[0][0].params[name]), name
        assert [k for k, _ in path] == [k for k, _ in ends[0][2]]
        for (_, mine), (_, its) in zip(path, ends[0][2], strict=True):
            assert all(np.array_equal(mine[name], its[name]) for name in its)


@pytest.mark.parametrize("seed", sampled(range(4), 4))
def test_random_networks(seed: int) -> None:
    for k in range(4):
        model = network(Random(100 + 4 * seed + k), 48)
        runner = ArrayRunner(
            step_of(model, adam(epsilon=1e-3)), *_columns(model), 0.01, "float64", None, threads=1 + k % 3
        )
        start = start_of(model, step_of(model, adam()))
        wanted, _ = run_in_calls(runner_of(model, "reference", step_of(model, adam(epsilon=1e-3)), 0.01), start, 6, 6)
        found, _ = run_in_calls(runner, start, 6, 4)
        assert max(gap(found.params[name], value) for name, value in wanted.params.items()) < NEAR


def _columns(model: Model) -> tuple[dict[str, Any], int]:
    bound = bind([model.cost], {**model.table, **model.start}, "float64")
    return bound.data, bound.rows


# -- memory --------------------------------------------------------------------------------------------------------

_GUARDED = """
import sys
from types import SimpleNamespace
import numpy as np
from batch_cases import random_case
from engine_cases import guarded
from steepest.engines.native.arrays import array_runner, layout
def guarded_zeros(shape, kind=float):
    return guarded(shape, kind)
for module in (array_runner, layout):
    module.aligned = guarded
def array(values, kind=None):
    made = np.array(values, kind)
    found = guarded(made.size, made.dtype)
    found[:] = made.ravel()
    return found.reshape(made.shape)
array_runner.np = SimpleNamespace(**vars(np))  # costs, rates, orders and counters
array_runner.np.zeros, array_runner.np.array = guarded_zeros, array
for seed in range(int(sys.argv[1]), int(sys.argv[2])):
    model, settings = random_case(seed)
    dtype = ("float64", "float32")[seed % 2]
    model.descend("native", dtype=dtype, **settings)
    model.descend("native", dtype=dtype, **{**settings, "batch": None, "epochs": 50})
    model.descend("native", dtype=dtype, **{**settings, "epochs": 30, "validate": model.table})
print("sound")
"""


@pytest.mark.parametrize("models", sampled([(0, 7), (7, 14), (14, 80)], 3), ids=str)
def test_nothing_is_read_or_written_past_the_end(models: tuple[int, int]) -> None:
    """All arrays lie at the end of a page, before one that must not be touched; a process of its own may crash."""
    if not sys.platform.startswith("linux"):
        pytest.skip("mprotect is called as on Linux")
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _GUARDED, *map(str, models)], cwd=SUPPORT,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "sound\n"), done.stderr[-3000:]
