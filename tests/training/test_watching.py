"""Validation, patience, callbacks and progress: against loops by hand, with both engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import steepest as st
from batch_cases import FORMULAS, gaps, network
from engine_cases import Model
from places import SUPPORT
from sampling import sampled
from steepest import schedules
from steepest.errors import SteepestError
from steepest.expressions import operations as op
from steepest.training.callbacks import EpochInfo

ENGINES = ("reference", "native")
WAYS: dict[str, dict[str, Any]] = {
    "whole": {}, "batches": {"batch": 7}, "adam in batches": {"batch": 7, "optimiser": "adam", "rate": 0.02},
    "cosine": {"rate": schedules.cosine(0.2, 40)}, "lbfgs": {"optimiser": "lbfgs"}, "auto": {"rate": "auto"},
    "adam": {"optimiser": "adam", "rate": 0.02},
    "differences": {"gradient": "finite-difference", "step": 1e-4},
}  # fmt: skip

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_way = pytest.mark.parametrize("way", WAYS)


def curve(rows: int = 14, seed: int = 3) -> Model:
    """A row of powers through few noisy points, which is learnt by heart: the validation cost falls and rises again."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, rows)
    X = np.stack([x**k for k in range(9)], axis=1)
    P, v = st.data("P", shape=9), st.params("v", shape=9)
    cost = op.mean((P @ v + st.params("b") - st.data("y")) ** 2)
    return Model(cost, {"P": X, "y": np.sin(3 * x) + 0.5 * rng.normal(size=rows)}, {"v": np.zeros(9), "b": 0.0}, 0.1)


def parted(model: Model, learnt: Any, apart: Any) -> tuple[Model, dict[str, Any]]:
    """The model on some rows, and a table of others."""
    tables = [{name: np.asarray(column)[part] for name, column in model.table.items()} for part in (learnt, apart)]
    return Model(model.cost, tables[0], model.start, model.rate), tables[1]


# -- validation ----------------------------------------------------------------------------------------------------


@every_engine
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_rows_held_out_are_not_learnt_from(share: float, engine: str) -> None:
    """Each row in turn gets another target: either the parameters change, or the validation costs do, never both."""
    model, rows = curve(20), 20
    settings: dict[str, Any] = {"epochs": 5, "batch": 4, "validate": share, "seed": 2}
    before = model.descend(engine, **settings)
    held_out = []
    for row in range(rows):
        targets = np.array(model.table["y"])
        targets[row] += 1e6
        run = Model(model.cost, {**model.table, "y": targets}, model.start, model.rate).descend(engine, **settings)
        learnt = not np.array_equal(run.params["v"], before.params["v"])
        assert run.validation is not None
        assert before.validation is not None
        assert (run.validation[0] == before.validation[0]) == learnt  # at the start only the rows matter
        if not learnt:
            held_out.append(row)
            assert run.params["b"] == before.params["b"]
            assert run.history == before.history
    assert len(held_out) == round(rows * share)
    # and so the share is a table of these rows
    rest, table = parted(model, [row for row in range(rows) if row not in held_out], held_out)
    again = rest.descend(engine, **{**settings, "validate": table})
    assert again.validation == before.validation
    assert np.array_equal(again.params["v"], before.params["v"])


def test_which_rows_depends_on_the_seed() -> None:
    model = curve(20)
    runs = [model.descend("native", epochs=0, validate=0.3, seed=seed).validation for seed in (0, 0, 1, 2)]
    assert runs[0] == runs[1]
    assert len({tuple(run or ()) for run in runs}) == 3


@every_engine
@every_way
def test_validation_costs_are_those_of_the_path(way: str, engine: str) -> None:
    model, table = parted(curve(), range(10), range(10, 14))
    given = dict(WAYS[way])
    if way == "differences" or engine == "reference":
        given["engine"] = "reference"
    run = st.descend(model.cost, model.table, model.start, **{"rate": 0.1, "epochs": 12, "engine": engine, **given},
                     validate=table)  # fmt: skip
    assert run.validation is not None
    assert [epoch for epoch, _ in run.validation] == list(range(run.epochs + 1))
    for (epoch, cost), (same, place) in zip(run.validation, run.path, strict=True):
        assert epoch == same
        assert cost == pytest.approx(float(st.evaluate(model.cost, {**table, **place})), rel=1e-12)
    assert run.best_epoch is None  # nothing was chosen by it
    # and looking on changes nothing
    without = st.descend(model.cost, model.table, model.start, **{"rate": 0.1, "epochs": 12, "engine": engine, **given})
    assert np.array_equal(run.params["v"], without.params["v"])
    assert run.history == without.history


@every_engine
@pytest.mark.parametrize("patience", [1, 5, 40])
@pytest.mark.parametrize("batch", [None, 4])
def test_patience_by_hand(batch: int | None, patience: int, engine: str) -> None:
    """One epoch after another by hand, in plain NumPy; the parameters kept are those of the lowest validation cost."""
    from steepest.engines.step import Batches

    model, table = parted(curve(), range(8), range(8, 14))
    P, y = np.asarray(model.table["P"]), np.asarray(model.table["y"])
    Q, z = np.asarray(table["P"]), np.asarray(table["y"])
    v, b, best, best_epoch, kept = np.zeros(9), 0.0, np.inf, 0, (np.zeros(9), 0.0)
    costs = []
    for epoch in range(3001):
        costs.append(float(np.mean((Q @ v + b - z) ** 2)))
        if costs[-1] < best:
            best, best_epoch, kept = costs[-1], epoch, (v, b)
        if epoch - best_epoch >= patience:
            break
        order = np.arange(8) if batch is None else Batches(batch, 0).order(epoch, 8)
        for begin in range(0, 8, batch or 8):
            some = order[begin : begin + (batch or 8)]
            off = 2 * (P[some] @ v + b - y[some]) / len(some)
            v, b = v - 0.1 * P[some].T @ off, b - 0.1 * off.sum()
    assert epoch < 3000
    run = model.descend(engine, epochs=3000, batch=batch, validate=table, patience=patience)
    assert (run.stop, run.epochs, run.best_epoch) == ("validation", epoch, best_epoch)
    assert run.validation is not None
    np.testing.assert_allclose([cost for _, cost in run.validation], costs, rtol=1e-10)
    np.testing.assert_allclose(run.params["v"], kept[0], rtol=1e-9)
    assert run.params["b"] == pytest.approx(kept[1], rel=1e-9)
    assert run.cost == pytest.approx(float(np.mean((P @ kept[0] + kept[1] - y) ** 2)), rel=1e-10)
    # the history goes on to where it stopped
    assert run.history[-1][0] == epoch
    assert run.history[-1][1] == pytest.approx(float(np.mean((P @ v + b - y) ** 2)), rel=1e-9)
    assert "validation" in run.message


@every_engine
def test_patience_without_a_better_epoch_gives_the_start(engine: str) -> None:
    w, x = st.params("w"), st.data("x")
    cost = op.mean((w - x) ** 2)
    run = st.descend(cost, {"x": [5.0]}, {"w": 0.0}, 0.1, 50, engine=engine, validate={"x": [-5.0]}, patience=3)
    assert (run.stop, run.epochs, run.best_epoch, run.params) == ("validation", 3, 0, {"w": 0.0})
    # a validation cost outside its domain is no better than any
    wild = op.mean(op.log(x + w) ** 2)
    run = st.descend(wild, {"x": [5.0]}, {"w": 0.0}, 0.1, 50, engine=engine, validate={"x": [-9.0]}, patience=3)
    assert (run.stop, run.epochs, run.best_epoch, run.params) == ("validation", 3, 0, {"w": 0.0})


@every_engine
def test_patience_when_the_epochs_end_first(engine: str) -> None:
    model, table = parted(curve(), range(8), range(8, 14))
    run = model.descend(engine, epochs=400, validate=table, patience=10_000, rate=0.2)
    assert run.validation is not None
    lowest = min(cost for _, cost in run.validation)
    assert run.best_epoch == next(epoch for epoch, cost in run.validation if cost == lowest)
    assert run.best_epoch < 400
    assert (run.stop, run.epochs) == ("epochs", 400)
    assert np.array_equal(run.params["v"], run.path[run.best_epoch][1]["v"])


@every_engine
@every_way
def test_patience_with_every_way(way: str, engine: str) -> None:
    """The parameters kept are those of the epoch in the path."""
    model, table = parted(curve(), range(8), range(8, 14))
    given: dict[str, Any] = {"rate": 0.1, **WAYS[way], "epochs": 300, "validate": table, "patience": 8}
    run = model.descend(engine if way != "differences" else "native", **given)
    assert run.best_epoch is not None
    assert run.validation is not None
    assert min(run.validation, key=lambda row: row[1])[0] == run.best_epoch
    kept = dict(run.path)[run.best_epoch]
    assert np.array_equal(run.params["v"], kept["v"])
    assert run.params.keys() == kept.keys() == {"v", "b"}
    assert run.cost == pytest.approx(float(st.evaluate(model.cost, {**model.table, **kept})), rel=1e-12)
    assert run.memory.keys() == model.descend(engine, **{**given, "epochs": 2, "patience": None}).memory.keys()


@every_engine
def test_climbing_keeps_the_highest(engine: str) -> None:
    model, table = parted(curve(), range(8), range(8, 14))
    negative = Model(-model.cost, model.table, model.start, model.rate)
    settings: dict[str, Any] = {"epochs": 2000, "validate": table, "patience": 20}
    up, down = negative.descend(engine, maximise=True, **settings), model.descend(engine, **settings)
    assert (up.epochs, up.best_epoch) == (down.epochs, down.best_epoch)
    np.testing.assert_allclose(up.params["v"], down.params["v"], rtol=1e-9)


def test_engines_agree() -> None:
    from random import Random

    for seed in range(3):
        model = network(Random(seed + 40), 60)
        for extra in ({}, {"batch": 16, "optimiser": "momentum"}):
            settings: dict[str, Any] = {"epochs": 10, "validate": 0.3, "patience": 4, "rate": 0.02, **extra}
            assert gaps(model.descend("native", **settings), model.descend("reference", **settings)) < 1e-9


# -- callbacks and progress ----------------------------------------------------------------------------------------


@every_engine
@every_way
def test_a_callback_sees_every_epoch(way: str, engine: str) -> None:
    model = curve()
    given: dict[str, Any] = {"rate": 0.1, "epochs": 15, **WAYS[way]}
    if way == "differences":
        given["engine"] = "native"
    given = {"engine": engine, **given}
    seen: list[EpochInfo] = []
    run = st.descend(model.cost, model.table, model.start, on_epoch=seen.append, validate=0.2, **given)
    assert [moment.epoch for moment in seen] == list(range(1, run.epochs + 1))
    assert run.validation is not None
    for moment, (_, place), (_, cost), (_, validation) in zip(
        seen, run.path[1:], run.history, run.validation[1:], strict=False
    ):
        assert moment.params.keys() == {"v", "b"}
        assert np.array_equal(moment.params["v"], place["v"])
        assert moment.params["b"] == place["b"]
        assert (moment.cost, moment.validation) == (cost, validation)
    assert all(a.seconds <= b.seconds for a, b in pairwise(seen))


@every_engine
@every_way
def test_a_callback_stops(way: str, engine: str) -> None:
    """By True alone; what it answers otherwise does not count. The result is that of so many epochs."""
    model = curve()
    given: dict[str, Any] = {"rate": 0.1, **WAYS[way]}
    run = model.descend(engine, **{**given, "epochs": 30}, on_epoch=lambda moment: moment.epoch == 6 or "no")
    assert (run.stop, run.epochs) == ("callback", 6)
    assert "on_epoch" in run.message
    same = model.descend(engine, **{**given, "epochs": 6})
    assert np.array_equal(run.params["v"], same.params["v"])
    assert run.history == same.history


@every_engine
def test_a_callback_gets_copies(engine: str) -> None:
    def spoil(moment: EpochInfo) -> None:
        moment.params["v"][:] = np.nan

    model = curve()
    run = model.descend(engine, epochs=10, on_epoch=spoil, batch=5)
    assert np.array_equal(run.params["v"], model.descend(engine, epochs=10, batch=5).params["v"])


@every_engine
def test_a_callback_that_fails_or_is_interrupted(engine: str) -> None:
    class OwnError(Exception):
        pass

    def fail(moment: EpochInfo) -> None:
        if moment.epoch == 4:
            raise OwnError

    def interrupt(moment: EpochInfo) -> None:
        if moment.epoch == 4:
            raise KeyboardInterrupt

    with pytest.raises(OwnError):
        curve().descend(engine, epochs=10, on_epoch=fail)
    run = curve().descend(engine, epochs=10, on_epoch=interrupt)
    assert (run.stop, run.epochs) == ("interrupted", 4)
    assert np.array_equal(run.params["v"], curve().descend(engine, epochs=4).params["v"])
    with pytest.raises(SteepestError, match="on_epoch is a function"):
        curve().descend(engine, epochs=10, on_epoch="print")


@every_engine
def test_with_restarts_each_start_is_watched(engine: str) -> None:
    epochs: list[int] = []
    model = FORMULAS["neuron"](20)
    run = model.descend(engine, restarts=3, epochs=4, batch=6, on_epoch=lambda moment: epochs.append(moment.epoch))
    assert epochs == [1, 2, 3, 4] * 3
    assert run.restarts is not None
    assert run.cost == min(run.restarts)


@every_engine
def test_progress_is_told(engine: str) -> None:
    told: list[tuple[int, int, float]] = []
    run = curve().descend(engine, epochs=60, batch=5, progress=lambda *row: told.append(row))
    assert told[-1] == (60, 60, run.cost)
    assert [epoch for epoch, _, _ in told] == sorted(epoch for epoch, _, _ in told)
    assert told[0][0] == 1


@every_engine
def test_time_is_up(engine: str) -> None:
    begin = time.perf_counter()
    run = curve().descend(engine, epochs=10**9, batch=5, max_seconds=0.3)
    assert run.stop == "time"
    assert time.perf_counter() - begin < 3
    assert 0 < run.epochs == run.history[-1][0]


# -- Control-C -----------------------------------------------------------------------------------------------------

_LONG = """
import sys
import numpy as np
import steepest as st
from batch_cases import network
from random import Random
model = network(Random(3), int(sys.argv[1]))
settings = {"rate": 1e-4, "batch": 16, "optimiser": "adam"}
if sys.argv[2] == "watched":
    settings |= {"validate": 0.2, "patience": 10**9}
model.descend("native", epochs=1, **settings)
print("ready", flush=True)
run = model.descend("native", epochs=10**9, **settings)
finite = all(np.isfinite(value).all() for value in run.params.values())
same = model.descend("native", epochs=run.epochs, **settings)
equal = all(np.array_equal(run.params[name], same.params[name]) for name in run.params)
print(run.stop, run.epochs > 0, finite, equal, run.history == same.history, flush=True)
"""


@pytest.mark.parametrize("way", sampled(["alone", "watched"], 2))
def test_a_real_interruption_of_batches(way: str) -> None:
    """SIGINT ends it within a second, with the parameters of so many epochs and no others."""
    if os.name == "nt":
        pytest.skip("there is no SIGINT to send")
    process = subprocess.Popen(
        [sys.executable, "-c", _LONG, "300", way], cwd=SUPPORT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        answer = process.stdout.readline()
        assert answer == "interrupted True True True True\n", (answer, process.stderr.read())
    finally:
        process.kill()
        process.communicate()
