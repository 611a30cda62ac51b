"""What makes short descents short: one thread at first, orders drawn when needed, steps derived once."""

from __future__ import annotations

import numpy as np
import pytest

import steepest as st
from steepest.engines.native.arrays import descending
from steepest.preparing import _derived

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(3000, 20)), RNG.integers(0, 3, 3000)
COST = st.models.network([20, 8, 3], "tanh", "softmax").cost


@pytest.mark.parametrize("epochs", [1, 3, 60])
def test_orders_are_those_of_the_reference(epochs: int) -> None:
    """Sixty epochs are walked in several legs, whose orders are drawn beside the descent where there are many."""
    settings = {"rate": 0.05, "epochs": epochs, "batch": 500, "seed": 4}
    native, reference = (
        st.descend(COST, {"X": X, "y": y}, engine=name, **settings) for name in ("native", "reference")
    )
    np.testing.assert_allclose(native.params["W1"], reference.params["W1"], rtol=1e-9, atol=1e-12)


def test_orders_in_legs_of_any_length() -> None:
    batches = descending.Batches(100, 7)
    orders = descending._Orders(batches, 3000)
    epoch = 0
    for length in (1, 2, 40, 40, 3, 30, 1):  # 40 epochs of 3000 rows are drawn ahead
        found = orders.take(epoch, epoch + length)
        expected = [batches.order(k, 3000) for k in range(epoch, epoch + length)]
        np.testing.assert_array_equal(found, expected)
        epoch += length
    np.testing.assert_array_equal(orders.take(5, 8), [batches.order(k, 3000) for k in range(5, 8)])  # and back


def test_threads_start_where_a_leg_is_long() -> None:
    crew = descending._Crew(4)
    assert crew.choose(1000) == 1  # nobody knows yet how long an epoch takes
    crew.note(1, 1e-4)
    assert crew.choose(10) == 1
    assert crew.choose(100) == 4  # it is tried
    crew.note(4, 5e-5)
    assert crew.choose(100) == 4
    crew.note(4, 1e-2)
    assert crew.choose(100) == 1
    assert {crew.choose(100) for _ in range(25)} == {1, 4}  # and tried again now and then
    assert descending._Crew(1).choose(10**9) == 1


def test_a_step_is_derived_once() -> None:
    adam = st.optimisers.adam()
    _derived.cache_clear()
    runs = [st.descend(COST, {"X": X, "y": y}, optimiser=adam, rate=0.01, epochs=2, seed=k) for k in range(3)]
    assert (_derived.cache_info().misses, _derived.cache_info().hits) == (1, 2)
    st.descend(COST, {"X": X, "y": y}, optimiser=st.optimisers.adam(0.5), rate=0.01, epochs=2)
    assert _derived.cache_info().misses == 2
    assert not np.array_equal(runs[0].params["W1"], runs[1].params["W1"])
