"""Schedules against Optax's, at every update; rates that follow the cost; texts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import optax
import pytest

import steepest as st
from batch_cases import FORMULAS, gaps
from engine_cases import Model
from steepest import schedules as s
from steepest.errors import DescentError, SteepestError
from steepest.expressions import operations as op
from steepest.training.optimisers import Optimiser
from steepest.training.schedules import Plateau, Schedule, read_schedule

ENGINES = ("reference", "native")

EPOCHS, ROWS, BATCH = 12, 50, 8
STEPS = -(-ROWS // BATCH)  # updates of an epoch


PAIRS: dict[str, tuple[Schedule, Callable[[int], Callable[[int], Any]]]] = {
    "constant": (s.constant(0.3), lambda n: optax.constant_schedule(0.3)),
    "step": (s.step(0.3, 3, 0.5), lambda n: optax.exponential_decay(0.3, 3 * n, 0.5, staircase=True)),
    "step up": (s.step(0.1, 5, 1.5), lambda n: optax.exponential_decay(0.1, 5 * n, 1.5, staircase=True)),
    "exponential": (s.exponential(0.3, 0.8), lambda n: optax.exponential_decay(0.3, n, 0.8)),
    "cosine": (s.cosine(0.3, 9), lambda n: optax.cosine_decay_schedule(0.3, 9 * n)),
    "cosine to a tenth": (s.cosine(0.3, 12, 0.1), lambda n: optax.cosine_decay_schedule(0.3, 12 * n, 0.1)),
    "warm-up": (s.warm_up(4, 0.3), lambda n: optax.linear_schedule(0.0, 0.3, 4 * n)),
    "warm-up from a fifth": (s.warm_up(4, 0.3, 0.2), lambda n: optax.linear_schedule(0.06, 0.3, 4 * n)),
    "warm-up and cosine": (
        s.warm_up(3, s.cosine(0.3, 7), 0.1),
        lambda n: optax.warmup_cosine_decay_schedule(0.03, 0.3, 3 * n, 10 * n),
    ),
    "warm-up and exponential": (
        s.warm_up(2, s.exponential(0.3, 0.7)),
        lambda n: optax.join_schedules(
            [optax.linear_schedule(0.0, 0.3, 2 * n), optax.exponential_decay(0.3, n, 0.7)], [2 * n]
        ),
    ),
}  # fmt: skip
"""Ours in epochs, Optax's in updates: a function of how many an epoch has."""


def _rates(engine: str, schedule: Schedule, batch: int | None, dtype: str = "float64") -> list[float]:
    """α as a descent feels it: at every epoch, with batches at the last two updates of each.

    An optimiser that puts α where the parameter was, and the parameter where it remembers.
    """
    notes = Optimiser("notes", lambda w: (0 * w,), lambda w, g, state, rate, t: (rate + 0 * g, (w,)))
    x, w = st.data("x"), st.params("w")
    settings: dict[str, Any] = {"engine": engine, "batch": batch, "dtype": dtype, "optimiser": notes}
    rates = []
    for epochs in range(1, EPOCHS + 1):
        run = st.descend(op.mean(x) * w, {"x": np.ones(ROWS)}, {"w": 0.0}, schedule, epochs, **settings)
        rates += [float(run.params["w"])] if batch is None else [float(run.memory["(notes 1) w"]), run.params["w"]]
    return rates


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PAIRS)
def test_as_optax_once_an_epoch(name: str, engine: str) -> None:
    """Optax computes in float32 here and there, to some 1e-7."""
    ours, its = PAIRS[name]
    wanted = [float(its(1)(k)) for k in range(EPOCHS)]
    np.testing.assert_allclose(_rates(engine, ours, None), wanted, rtol=2e-6, atol=1e-8)
    np.testing.assert_allclose(_rates(engine, ours, None, "float32"), wanted, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", PAIRS)
def test_as_optax_within_batches(name: str, engine: str) -> None:
    """The rates of the last two updates of each epoch; an epoch is seven updates, the last one of two samples."""
    ours, its = PAIRS[name]
    schedule = its(STEPS)
    wanted = [float(schedule(k * STEPS - back)) for k in range(1, EPOCHS + 1) for back in (2, 1)]
    np.testing.assert_allclose(_rates(engine, ours, BATCH), wanted, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("name", PAIRS)
def test_every_update_of_a_descent(name: str) -> None:
    """The times that a descent asks for, at every update of an epoch."""
    ours, its = PAIRS[name]
    asked: list[float] = []

    def watched(times: Any) -> Any:
        asked.extend(np.ravel(times).tolist())
        return ours.factor(times)

    model = FORMULAS["line"](ROWS)
    for engine in ENGINES:
        asked.clear()
        model.descend(engine, epochs=EPOCHS, batch=BATCH, rate=Schedule("watched", watched, 0.01))
        times = asked[-EPOCHS * STEPS :]
        assert times == [epoch + k / STEPS for epoch in range(EPOCHS) for k in range(STEPS)]
    schedule = its(STEPS)
    wanted = [float(schedule(k)) for k in range(EPOCHS * STEPS)]
    np.testing.assert_allclose(ours(times), wanted, rtol=2e-6, atol=1e-8)


@pytest.mark.parametrize("settings", [{}, {"batch": 6}, {"optimiser": "adam"}, {"dtype": "float32"}])
@pytest.mark.parametrize("gradient", ["backprop", "finite-difference"])
@pytest.mark.parametrize("name", PAIRS)
def test_engines_agree(name: str, gradient: str, settings: dict[str, Any]) -> None:
    """Differences divide round-off of the cost by 2ε; in float32 both round each parameter once an epoch."""
    model = FORMULAS["neuron"](20)
    engine = "auto" if settings.get("batch") and gradient != "backprop" else "native"
    given: dict[str, Any] = {"rate": PAIRS[name][0], "epochs": 40, "gradient": gradient, "step": 0.05, **settings}
    near = 1e-10 if "dtype" not in settings else 2e-4
    assert gaps(model.descend(engine, **given), model.descend("reference", **given)) < near


def test_a_descent_with_a_schedule_by_hand() -> None:
    """w²/2 with rates α_k: w is the product of all 1 − α_k."""
    w = st.params("w")
    schedule = s.warm_up(3, s.exponential(0.4, 0.9))
    for engine in ENGINES:
        run = st.descend(w**2 / 2, None, {"w": 1.0}, schedule, 20, engine=engine)
        factors = [1 - 0.4 * k / 3 if k < 3 else 1 - 0.4 * 0.9 ** (k - 3) for k in range(20)]
        assert run.params["w"] == pytest.approx(math.prod(factors), rel=1e-13)


# -- plateau -------------------------------------------------------------------------------------------------------


def _followed(rates: list[float], costs: list[float], plateau: Plateau, sign: float = 1.0) -> None:
    """The rule in a few lines: α falls when ``patience`` epochs in turn have not fallen below the lowest so far."""
    rate, lowest, waited = plateau.rate, math.inf, 0
    for found, cost in zip(rates, costs, strict=True):
        assert found == pytest.approx(rate, rel=1e-9)
        if sign * cost < lowest - plateau.threshold * abs(lowest if math.isfinite(lowest) else 0):
            lowest, waited = sign * cost, 0
        else:
            waited += 1
            if waited == plateau.patience:
                rate, waited = rate * plateau.factor, 0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("batch", [None, 16])
@pytest.mark.parametrize("plateau", [s.plateau(0.4), s.plateau(1.2, 0.7, 3, 0.0), s.plateau(0.5, 0.1, 1, 0.05)])
def test_plateau_by_a_few_lines(plateau: Plateau, batch: int | None, engine: str) -> None:
    """A second parameter, which only falls by α each update, tells the rates."""
    x, y, w, told = st.data("x"), st.data("y"), st.params("w"), st.params("told")
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=48), "y": rng.normal(size=48)}
    cost = op.mean((w * x - y) ** 2 + op.absolute(w)) + 1e-9 * told
    costs: list[float] = []
    run = st.descend(
        cost, table, {"w": 2.0, "told": 0.0}, plateau, 90, engine=engine, batch=batch,
        on_epoch=lambda moment: costs.append(moment.cost),
    )  # fmt: skip
    updates = 1 if batch is None else 3
    rates = -np.diff([row["told"] for _, row in run.path]) / 1e-9 / updates
    assert rates[-1] < 0.8 * plateau.rate
    _followed(list(rates), costs, plateau)


def test_plateau_looks_at_the_validation_cost() -> None:
    """Which rises from the start here, while the cost falls."""
    w, told, x = st.params("w"), st.params("told"), st.data("x")
    cost = op.mean((w - x) ** 2) + 1e-9 * told
    for engine in ENGINES:
        run = st.descend(
            cost, {"x": [1.0, 1.0]}, {"w": 0.0, "told": 0.0}, s.plateau(0.01, 0.5, 4), 20, engine=engine,
            validate={"x": [-1.0]},
        )  # fmt: skip
        rates = -np.diff([row["told"] for _, row in run.path]) / 1e-9
        assert run.validation is not None
        _followed(list(rates), [value for _, value in run.validation[1:]], s.plateau(0.01, 0.5, 4))
        assert rates[-1] == pytest.approx(0.01 / 16, rel=1e-6)


# -- texts and errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "schedule"), [
    ("constant", s.constant(0.2)), ("step:30", s.step(0.2, 30)), ("step:30:0.5", s.step(0.2, 30, 0.5)),
    ("exponential:0.95", s.exponential(0.2, 0.95)), ("cosine", s.cosine(0.2, 50)), ("cosine:20", s.cosine(0.2, 20)),
    ("cosine:20:0.1", s.cosine(0.2, 20, 0.1)), ("warm-up:5", s.warm_up(5, 0.2)),
    ("warm-up:5:0.5", s.warm_up(5, 0.2, 0.5)), ("warm-up:5+cosine", s.warm_up(5, s.cosine(0.2, 45))),
    ("warm-up:2.5+cosine", s.warm_up(2.5, s.cosine(0.2, 47.5))),
    ("warm-up:5:0.1+step:10:0.3", s.warm_up(5, s.step(0.2, 10, 0.3), 0.1)),
    ("warm-up:60+cosine", s.warm_up(60, s.cosine(0.2, 1))),
])  # fmt: skip
def test_texts(text: str, schedule: Schedule) -> None:
    found = read_schedule(text, 0.2, 50)
    assert isinstance(found, Schedule)
    assert found.name == schedule.name
    times = np.linspace(0, 80, 321)
    assert found(times).tolist() == schedule(times).tolist()


def test_numbers_of_numpy_are_numbers() -> None:
    assert s.constant(np.float32(0.5))([0]).tolist() == [0.5]
    assert s.step(0.5, np.int64(2))([0, 3]).tolist() == [0.5, 0.05]
    assert s.plateau(0.5, patience=np.int64(3)) == Plateau(0.5, patience=3)


def test_texts_of_plateau() -> None:
    assert read_schedule("plateau", 0.2, 50) == Plateau(0.2, 0.5, 10)
    assert read_schedule("plateau:0.1", 0.2, 50) == Plateau(0.2, 0.1, 10)
    assert read_schedule("plateau:0.1:3", 0.2, 50) == Plateau(0.2, 0.1, 3)


@pytest.mark.parametrize("text", [
    "", "cosin", "cosine:a", "step", "step:1:2:3", "step:0", "step:-1", "step:nan", "step:inf", "step:1:0",
    "exponential", "exponential:0", "exponential:-0.5", "cosine:0", "cosine:10:2", "cosine:10:nan", "warm-up",
    "warm-up:nan", "warm-up:inf", "warm-up:0", "warm-up:5:2", "warm-up:5+plateau", "warm-up:5+nothing", "cosine+step:3",
    "plateau:2", "plateau:1", "plateau:0.5:0", "plateau:0.5:2.5", "plateau:0.5:inf", "plateau:0.5:3:1", ":", "+",
    "auto",
])  # fmt: skip
def test_wrong_texts_are_one_sentence(text: str) -> None:
    with pytest.raises(DescentError) as caught:
        read_schedule(text, 0.2, 50)
    assert "\n" not in str(caught.value)


def test_a_wrong_text_names_the_right_one() -> None:
    with pytest.raises(DescentError, match=r"no schedule 'cosin:3'; did you mean 'cosine'\?; write one of constant"):
        read_schedule("cosin:3", 0.2, 50)
    for text in ("step", "step:a", "step:3:0.1:7", "step:3+cosine"):
        with pytest.raises(DescentError, match=rf"'{re.escape(text)}' is not a schedule; the form of step is step:EP"):
            read_schedule(text, 0.2, 50)


@pytest.mark.parametrize("make", [
    lambda: s.constant(0), lambda: s.constant(math.nan), lambda: s.constant("fast"), lambda: s.step(0.1, 0),
    lambda: s.step(-1, 5), lambda: s.exponential(0.1, 0), lambda: s.cosine(0.1, 0), lambda: s.cosine(0.1, 5, -0.1),
    lambda: s.warm_up(0, 0.1), lambda: s.warm_up(5, 0), lambda: s.warm_up(5, 0.1, 1.5), lambda: s.plateau(0),
    lambda: s.plateau(0.1, 1.0), lambda: s.plateau(0.1, 0.5, 0), lambda: s.plateau(0.1, 0.5, 1.5),
    lambda: s.plateau(0.1, threshold=-1), lambda: s.plateau(0.1, threshold=math.nan),
    lambda: s.warm_up(5, s.plateau(0.1)), lambda: s.warm_up(5, "cosine"), lambda: s.cosine(0.1, 5, "x"),
])  # fmt: skip
def test_settings_that_make_no_sense(make: Callable[[], Any]) -> None:
    with pytest.raises(DescentError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_texts_as_rates() -> None:
    """The rate is then the usual one; some schedules last as long as the descent."""
    model: Model = FORMULAS["line"](20)
    for engine in ENGINES:
        found = model.descend(engine, rate="cosine", epochs=30)
        assert found.params == model.descend(engine, rate=s.cosine(0.1, 30), epochs=30).params
        for epochs in (0, 1):
            assert model.descend(engine, rate="warm-up:2+cosine", epochs=epochs).stop == "epochs"
    for wrong in (None, -1, "many", 1.5):
        with pytest.raises(SteepestError, match="epochs is a whole number from 0"):
            model.descend("native", rate="cosine", epochs=wrong)


def test_rates_beyond_the_numbers_are_a_descent_that_diverges() -> None:
    model = FORMULAS["line"](20)
    for engine in ENGINES:
        for batch in (None, 4):
            run = model.descend(engine, rate=s.exponential(0.1, 1e200), epochs=30, batch=batch)
            assert run.stop == "diverged"
            assert "the rate 0.1 is too large; try 0.025" in run.message
            warmed = model.descend(engine, rate=s.warm_up(4, 1e9), epochs=30, batch=batch)
            assert "the rate 1e+09 is too large; try 2.5e+08" in warmed.message
            assert all(np.isfinite(value) for value in run.params.values())
