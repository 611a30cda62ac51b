"""What makes short descents short: one thread at first, orders drawn when needed, steps derived once."""

from __future__ import annotations

import gc
import warnings
from typing import Any

import numpy as np
import pytest

import steepest as st
from batch_cases import FORMULAS
from steepest.calculus.prepared import prepare
from steepest.engines.native.arrays import array_runner
from steepest.engines.native.arrays.layout import array_layout
from steepest.engines.native.arrays.rows import rows_at_once
from steepest.engines.native.arrays.schedule import Phase, normalised, rounds
from steepest.engines.native.arrays.shuffler import Shuffler
from steepest.engines.native.llvm.threads import ThreadPolicy
from steepest.engines.step import Record, StoppingRules
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, params
from steepest.expressions.traversal import memoised
from steepest.models.estimators.inputs import Classes
from steepest.training.setup import _state_at_start
from steepest.training.steps import gradient_step

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(3000, 20)), RNG.integers(0, 3, 3000)
COST = st.models.network([20, 8, 3], "tanh", "softmax").cost


@pytest.mark.parametrize("epochs", [1, 3, 60])
def test_orders_are_those_of_the_reference(epochs: int) -> None:
    """Sixty epochs are run in several calls, whose orders are drawn during the descent where there are many."""
    settings = {"rate": 0.05, "epochs": epochs, "batch": 500, "seed": 4}
    native, reference = (
        st.descend(COST, {"X": X, "y": y}, engine=name, **settings) for name in ("native", "reference")
    )
    np.testing.assert_allclose(native.params["W1"], reference.params["W1"], rtol=1e-9, atol=1e-12)


def test_orders_in_calls_of_any_length() -> None:
    batches = array_runner.Batches(100, 7)
    orders = Shuffler(batches, 3000)
    epoch = 0
    for length in (1, 2, 40, 40, 3, 30, 1):  # 40 epochs of 3000 rows are drawn ahead
        found = orders.take(epoch, epoch + length)
        expected = [batches.order(k, 3000) for k in range(epoch, epoch + length)]
        np.testing.assert_array_equal(found, expected)
        epoch += length
    np.testing.assert_array_equal(orders.take(5, 8), [batches.order(k, 3000) for k in range(5, 8)])  # and back


def test_threads_start_where_a_call_is_long() -> None:
    policy = ThreadPolicy(4)
    assert policy.choose(1000) == 1  # nobody knows yet how long an epoch takes
    policy.note(1, 1e-4)
    assert policy.choose(10) == 1
    assert policy.choose(100) == 4  # it is tried
    policy.note(4, 5e-5)
    assert policy.choose(100) == 4
    policy.note(4, 1e-2)
    assert policy.choose(100) == 1
    assert {policy.choose(100) for _ in range(25)} == {1, 4}  # and tried again now and then
    assert ThreadPolicy(1).choose(10**9) == 1


def test_a_step_is_derived_once() -> None:
    adam = st.optimisers.adam()
    _state_at_start.cache_clear()
    runs = [st.descend(COST, {"X": X, "y": y}, optimiser=adam, rate=0.01, epochs=2, seed=k) for k in range(3)]
    assert (_state_at_start.cache_info().misses, _state_at_start.cache_info().hits) == (1, 2)
    st.descend(COST, {"X": X, "y": y}, optimiser=st.optimisers.adam(0.5), rate=0.01, epochs=2)
    assert _state_at_start.cache_info().misses == 2
    assert not np.array_equal(runs[0].params["W1"], runs[1].params["W1"])


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("settings", [{"batch": 500}, {}, {"optimiser": "lbfgs"}])
def test_without_a_path_nothing_else_changes(engine: str, settings: dict[str, Any]) -> None:
    table = {"X": X, "y": y}
    whole, bare = (st.descend(COST, table, epochs=20, engine=engine, path=kept, **settings) for kept in (True, False))
    assert [epoch for epoch, _ in bare.path] == [0, 20]
    assert len(whole.path) == 21
    assert (bare.history, bare.cost, bare.stop) == (whole.history, whole.cost, whole.stop)
    for name, value in whole.params.items():
        np.testing.assert_array_equal(bare.params[name], value)
        np.testing.assert_array_equal(bare.path[0][1][name], whole.path[0][1][name])
        np.testing.assert_array_equal(bare.path[1][1][name], value)


def test_the_first_call_is_long_only_where_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    advance = array_runner.ArrayRunner.advance

    def watched(self: Any, begin: Any, until: int, rules: StoppingRules, record: Record) -> Any:
        calls.append(until)
        return advance(self, begin, until, rules, record)

    monkeypatch.setattr(array_runner.ArrayRunner, "advance", watched)
    model = FORMULAS["neuron"](20)
    for settings, first in (
        ({}, 12), ({"progress": lambda *_: None}, 1), ({"max_seconds": 9.0}, 1), ({"on_epoch": lambda moment: None}, 1),
    ):  # fmt: skip
        calls.clear()
        assert model.descend("native", epochs=12, batch=6, **settings).epochs == 12
        assert calls[0] == first
    large = st.models.network([300, 300, 300], "tanh", "linear").cost
    runner = array_runner.ArrayRunner(
        gradient_step(prepare(large), "backprop", st.optimisers.gradient_descent(), False, False),
        {"X": np.zeros((5000, 300)), "y": np.zeros((5000, 300))}, 5000, 0.1, "float64", array_runner.Batches(50, 0),
    )  # fmt: skip
    assert runner.pace == 1


def test_parameters_stay_packed_from_call_to_call() -> None:
    w, W, b = params("w"), params("W", shape=(3, 5)), params("b", shape=5)
    where, other = array_layout([W, w, b], 8), array_layout([b, W], 8)
    values = {"W": RNG.normal(size=(3, 5)), "w": np.float64(2), "b": RNG.normal(size=5)}
    memory, again, part = np.zeros(where.length), np.zeros(where.length), np.zeros(other.length)
    where.pack(values, memory)
    packed = where.unpack(memory)
    memory[:] = np.nan  # the next call writes over it
    assert list(packed) == ["W", "w", "b"]
    assert len(packed) == 3
    packed["W"][0, 0] = 7  # a copy
    where.pack(packed, again)
    other.pack(packed, part)
    for name, value in values.items():
        np.testing.assert_array_equal(where.view(again, name), value)
    for name in ("b", "W"):
        np.testing.assert_array_equal(other.view(part, name), values[name])


def test_what_an_optimiser_remembers_at_the_start_is_its_own() -> None:
    """The means of g and g² are both 0·w, which is one expression, but not one array."""
    run = st.descend(COST, {"X": X, "y": y}, optimiser="adam", epochs=0)
    arrays = [array for array in run.memory.values() if np.ndim(array)]
    assert len(arrays) == 8
    assert not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])
    assert not any(np.any(array) for array in run.memory.values())


def test_answers_about_an_expression_are_kept_while_it_lives() -> None:
    asked = []

    @memoised
    def count(root: Any) -> int:
        """How often it was asked."""
        asked.append(str(root))
        return len(asked)

    x = params("x_that_nothing_else_has")
    assert (count(x + 1), count(x + 1), count(x + 2), count(x + 1)) == (1, 2, 3, 4)  # each is dropped at once
    root = x + 1
    assert (count(root), count(root), count(x + 1)) == (5, 5, 5)
    del root
    gc.collect()
    assert count(x + 1) == 6


def test_the_logarithms_of_losses_are_computed_by_lanes_of_samples() -> None:
    step = gradient_step(prepare(COST), "backprop", st.optimisers.adam(), False, False)

    def rowwise(phase: Phase) -> list[Expression]:
        return [
            node for stage in phase.stages for part in (stage.numbers, *(loop.nodes for loop in stage.loops))
            for node in part
        ]  # fmt: skip

    (phase,) = [
        phase for each in rounds(normalised(step.program))
        for phase in each.phases if any(node.operation is op.log1p for node in (*rowwise(phase), *phase.after))
    ]  # fmt: skip
    assert [node.operation.name for node in phase.after if node.operation is op.log1p] == ["log1p"]
    inside = {node for stage in phase.stages for loop in stage.loops for node in loop.nodes}
    assert not any(arg in phase.after for node in inside for arg in node.args)
    assert (rows_at_once(phase, 2), rows_at_once(phase, 8), rows_at_once(phase, 16)) == (2, 4, 4)


def test_whole_numbers_are_classes_without_a_second_look() -> None:
    """Numbers with fractions are refused, and many classes warned about, as scikit-learn does."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Classes.of(np.repeat([3, 1, 2], 20)).labels.tolist() == [1, 2, 3]
        assert Classes.of(np.repeat([True, False], 20)).labels.tolist() == [False, True]
        assert Classes.of(np.repeat([1, 2], 20), given=[0, 1, 2]).labels.tolist() == [0, 1, 2]
    with pytest.warns(UserWarning, match="greater than 50%"):
        Classes.of(np.arange(40))
    with pytest.raises(ValueError, match="continuous"):
        Classes.of(np.linspace(0, 1, 40))
