"""Gradients of random costs at hard points, against JAX in double precision and the exact slopes.

An element fails if steepest's derivative is not a finite number though the cost has a finite derivative, if JAX's
derivative is right and steepest's is not, or if it is further from the true one than round-off explains
(:func:`gradient_judge.judge`). Not judged are costs at points where the rules of single operations do not apply, at a
tie or at a root of 0: of 100, two at most may have a derivative that is not found there. The default run judges 100
costs, ``-m slow`` 9,900 more.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import steepest as st
from exact_slopes import Point
from exact_values import KNOWN
from gradient_judge import (
    Judgement,
    elements,
    judge,
    native_gradient,
    reference_gradient,
    seeds,
    within_round_off,
)
from jax_oracle import peer_gradient
from random_costs import described, exact_point, operations_left_out, random_cost
from sampling import sampled
from strategies import BASIC

CHUNKS, SIZE = 100, 100
NATIVE = 10  # every tenth cost is compiled, too


def test_every_operation_is_drawn_and_known() -> None:
    assert {row.name for row in BASIC} <= KNOWN
    assert not operations_left_out([random_cost(seed) for seed in range(600)])


def test_the_same_seed_draws_the_same_cost() -> None:
    assert described(random_cost(7)) == described(random_cost(7))
    assert len({described(random_cost(seed)) for seed in range(50)}) >= 45


@pytest.mark.parametrize(
    ("text", "at", "left", "right"),
    [
        ("exp(w)", 1.0, np.e, np.e),
        ("relu(w)", 0.0, 0.0, 1.0),
        ("sqrt(w^2)^2", 0.0, 0.0, 0.0),
        ("relu(w)^1.5", 0.0, 0.0, 0.0),
        ("sqrt(relu(w))", 0.0, 0.0, None),
        ("step(w)", 0.0, None, 0.0),
        ("where(w < 1, w, log(-1))", 0.5, 1.0, 1.0),
        ("max(w, 1e-300)", 0.0, 0.0, 0.0),
        ("relu(w) - relu(-w)", 0.0, 1.0, 1.0),
        ("tanh(w)", 20.0, 1.6993417021166355e-17, 1.6993417021166355e-17),
        ("log(sigmoid(w))", -800.0, 1.0, 1.0),
        ("stop_gradient(w)*w", 3.0, 3.0, 3.0),
        ("sin(w) - sin(w)", 0.3, 0.0, 0.0),
        ("1e-300*w + 1e300", 1.0, 1e-300, 1e-300),
        ("w^2/(w + 1e-100)", 0.0, 0.0, 0.0),
    ],
)
def test_exact_slopes(text: str, at: float, left: float | None, right: float | None) -> None:
    """The judge itself, on slopes that are known."""
    slopes = Point(st.parse(text), {"w": at}, 1).slopes("w", ())
    for found, known in ((slopes.left, left), (slopes.right, right)):
        assert (found is None) == (known is None)
        if known is not None:
            assert float(found) == pytest.approx(known, rel=1e-14, abs=0)


def test_jax_agrees_with_the_exact_slopes() -> None:
    """The judge again, where everything is smooth and of a usual size."""
    compared = 0
    for seed in range(8):
        case = random_cost(seed, mood="moderate")
        exact, found = exact_point(case), peer_gradient(case.cost, case.values, case.rows)
        for name, index in elements(case):
            number, true = float(found[name][index]), exact.slopes(name, index).derivative
            if true is not None and np.isfinite(number):
                assert number == pytest.approx(float(true), rel=1e-9, abs=1e-12), described(case)
                compared += 1
    assert compared >= 8


@pytest.mark.parametrize("chunk", sampled(range(CHUNKS), CHUNKS))
def test_gradients_of_random_costs(chunk: int) -> None:
    judgement = Judgement()
    for seed in seeds(chunk, SIZE):
        case = random_cost(seed)
        cost, found = reference_gradient(case)
        judge(
            case, found, partial(peer_gradient, case.cost, case.values, case.rows), judgement, bool(np.isfinite(cost))
        )
    assert judgement.counts["judged"] >= SIZE / 2
    assert judgement.counts["costs without a derivative"] <= 2
    if judgement.findings:
        pytest.fail(judgement.report(), pytrace=False)


@pytest.mark.parametrize("chunk", sampled(range(CHUNKS), CHUNKS))
def test_compiled_gradients_of_random_costs(chunk: int) -> None:
    """What a descent by the native engine uses."""
    judgement = Judgement()
    for seed in seeds(chunk, SIZE)[::NATIVE]:
        case = random_cost(seed)
        cost, reference = reference_gradient(case)
        # Where the reference engine has no gradient, the test above fails.
        if np.isfinite(cost) and all(np.all(np.isfinite(part)) for part in reference.values()):
            by_jax = partial(peer_gradient, case.cost, case.values, case.rows)
            found = native_gradient(case)
            # Terms that cancel exactly by one engine's order of operations need not do so by another's.
            judge(case, within_round_off(case, found, reference), by_jax, judgement)
    assert judgement.counts["judged"]
    if judgement.findings:
        pytest.fail(judgement.report(), pytrace=False)
