"""Restarts with every optimiser: each ends as it does alone, and the message says how far the ends agree."""

from __future__ import annotations

import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import steepest as st
from command_line import Steepest, table
from command_line import steepest as steepest
from steepest.errors import StartError
from steepest.training.loop import Loop
from steepest.training.optimisers import OPTIMISERS
from steepest.training.restarts import agreement, levels

T = np.linspace(0, 4, 60)
Y = 1.5 * np.sin(3.1 * T + 0.4) + 0.1 * np.random.default_rng(2).standard_normal(60)
DATA = {"t": T, "y": Y}
WAVE = "y ~ a*sin(k*t + p)"  # a wrong frequency k leads to local minima
RANGES = {"a": (0.5, 2), "k": (0.5, 12), "p": (-3, 3)}
METHODS = [{"rate": "auto"}, {"optimiser": "auto"}, *({"optimiser": name} for name in OPTIMISERS)]


def fitted(**settings: Any) -> st.Descent:
    run = st.Model(WAVE).fit(DATA, start=RANGES, **settings).run
    assert run is not None
    return run


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(next(iter(method.values()))))
def test_each_restart_ends_as_alone(method: dict[str, Any]) -> None:
    given: dict[str, Any] = {"epochs": 40, **method}
    if method.get("optimiser") not in ("auto", "lm", "newton", "lbfgs") and "rate" not in method:
        given["rate"] = 0.01
    cost = st.Model(WAVE, data=["t", "y"]).cost
    plain = {**given, "optimiser": "lm"} if method.get("optimiser") == "auto" else given
    single = [st.descend(cost, DATA, RANGES, seed=9 + k, **plain) for k in range(5)]
    run = fitted(restarts=5, seed=9, **given)
    assert run.restarts == pytest.approx([each.cost for each in single], rel=1e-9)
    best = min(single, key=lambda each: (each.diverged, each.cost))
    assert run.cost == pytest.approx(best.cost, rel=1e-9)
    assert (run.reason, run.stop) == (best.reason, best.stop)
    assert run.start == best.start
    assert run.reasons == [each.reason for each in single]
    assert run.message.startswith(best.message)
    assert len(run.ends) == 5


@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("settings", [{"rate": "auto"}, {"optimiser": "newton"}], ids=str)
def test_the_path_is_that_of_the_best(
    settings: dict[str, Any], maximise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are only made for starts that end better than all before them."""
    made: list[float] = []
    path = Loop._path
    monkeypatch.setattr(Loop, "_path", lambda self, *rest: (made.append(self.lowest), path(self, *rest))[1])
    x = st.params("x")
    cost = x**2 * (x**2 - 2) + x / 4
    given = {"start": {"x": (-2, 2)}, "epochs": 60, "maximise": maximise, **settings}
    run = st.descend(-cost if maximise else cost, restarts=12, seed=3, **given)
    assert run.restarts is not None
    signed = [-each if maximise else each for each in run.restarts]
    assert len(made) == sum(each < min(signed[:k], default=math.inf) for k, each in enumerate(signed)) < 12
    best = signed.index(min(signed))
    assert best > 0
    alone = st.descend(-cost if maximise else cost, seed=3 + best, **given)
    assert run.path == alone.path
    assert run.history == alone.history


def test_the_best_of_many_is_the_global_minimum() -> None:
    run = fitted(restarts=30)
    exact = scipy.optimize.differential_evolution(
        lambda p: float(np.mean((p[0] * np.sin(p[1] * T + p[2]) - Y) ** 2)), [(0.5, 2), (0.5, 12), (-3, 3)], rng=1,
        tol=1e-12,
    )  # fmt: skip
    assert run.reason == "converged"
    assert run.cost == pytest.approx(exact.fun, rel=1e-9)
    assert run.restarts is not None
    costs = np.array(run.restarts)
    low = costs <= run.cost * 1.001
    assert 0 < low.sum() < 30
    said = re.search(r"; (\d+) of 30 starts ended at the lowest cost (\S+); the others between (\S+) and (\S+)$",
                     run.message)  # fmt: skip
    assert said is not None
    assert int(said[1]) == low.sum()
    wanted = [run.cost, costs[~low].min(), costs[~low].max()]
    assert [float(said[k]) for k in (2, 3, 4)] == pytest.approx(wanted, rel=5e-3)
    assert run.levels is not None
    assert run.levels[0].starts == low.sum()


def test_starts_that_agree() -> None:
    run = st.Model("y ~ a + b*t").fit(DATA, restarts=20).run
    assert run is not None
    assert run.message.endswith(f"; all 20 starts ended at the cost {run.cost:.6g}")
    assert set(run.reasons) == {"converged"}


def test_an_exact_fit_is_one_level() -> None:
    for method in ("lm", "newton"):
        run = st.Model("y ~ a*exp(-k*t)").fit(
            {"t": T, "y": 2 * np.exp(-0.7 * T)}, optimiser=method, start={"a": (1, 3), "k": (0.5, 1)}, restarts=12
        ).run  # fmt: skip
        assert run is not None
        assert run.levels is not None
        assert len(run.levels) == 1, method


def test_wide_starts_do_not_hide_that_they_disagree() -> None:
    """A start with a huge cost is no scale for the differences of ends."""
    w = st.params("w")
    run = st.descend((w**2 - 1) ** 2 + 0.3 * w, start={"w": (-1e6, 1e6)}, optimiser="newton", restarts=12)
    assert run.levels is not None
    assert len(run.levels) == 2
    ends = {level.starts for level in st.descend(w**4, start={"w": (-1e3, 1e3)}, rate=1e-9, restarts=9).levels or []}
    assert max(ends) < 9


def test_a_climb_names_the_highest() -> None:
    x = st.params("x")
    run = st.descend(x**2 * (2 - x**2) + x / 4, optimiser="newton", maximise=True, restarts=12, start={"x": (-2, 2)})
    assert re.search(rf"; \d+ of 12 starts ended at the highest cost {run.cost:.6g}; the others? ", run.message)


def test_starts_outside_of_the_domain() -> None:
    w = st.params("w")
    run = st.descend(w - st.log(w), start={"w": (-1, 3)}, optimiser="newton", restarts=20)
    assert run.restarts is not None
    lost = int(np.isnan(run.restarts).sum())
    assert 0 < lost < 20
    assert run.message.endswith(f"; {lost} diverged or started where the cost is not finite")
    assert [reason == "diverged" for reason in run.reasons] == np.isnan(run.restarts).tolist()
    with pytest.raises(StartError):
        st.descend(w - st.log(w), start={"w": (-3, -1)}, optimiser="newton", restarts=4)


class Interrupt:
    """Progress that interrupts within or after a start, of 30 epochs each."""

    def __init__(self, after: int) -> None:
        self.epoch = 30 * after

    def __call__(self, epoch: int, epochs: int, cost: float) -> None:
        assert epochs == 30 * 9
        if epoch > self.epoch:
            self.epoch = epochs
            raise KeyboardInterrupt


@pytest.mark.parametrize("method", [{"optimiser": "lm"}, {"optimiser": "lbfgs"}, {"rate": "auto"}], ids=str)
def test_an_interrupt_keeps_the_best_so_far(method: dict[str, Any]) -> None:
    whole = fitted(restarts=9, epochs=30, **method)
    run = fitted(restarts=9, epochs=30, progress=Interrupt(5), **method)
    assert run.stop == "interrupted"
    assert run.restarts is not None
    assert whole.restarts is not None
    assert run.restarts[:5] == whole.restarts[:5]
    assert len(run.restarts) == 6
    assert run.cost == min(run.restarts)
    assert "was interrupted in start 6 of 9; these are the best parameters so far" in run.message


def test_an_interrupt_between_two_starts() -> None:
    calls: list[int] = []

    def progress(epoch: int, epochs: int, cost: float) -> None:
        calls.append(epoch)
        if epoch == 2 and calls.count(2) == 2:  # the report of the end, outside of the loop that catches interrupts
            raise KeyboardInterrupt

    run = st.descend(st.params("w") ** 2, start={"w": (1, 2)}, rate=0.1, epochs=1, restarts=5, engine="reference",
                     progress=progress)  # fmt: skip
    assert run.stop == "interrupted"
    assert len(run.restarts or []) == 1
    assert run.message.startswith("was interrupted in start 2 of 5")


def test_all_restarts_share_the_time_limit() -> None:
    run = fitted(restarts=20_000, optimiser="lm", max_seconds=0.3)
    assert run.restarts is not None
    assert len(run.restarts) < 20_000
    assert run.seconds < 3
    assert f"stopped at the time limit after start {len(run.restarts)} of 20000" in run.message


def test_the_side_by_side_ends_are_judged_too() -> None:
    w = st.params("w")
    settings: dict[str, Any] = {"rate": 0.05, "epochs": 4000, "start": {"w": (-1.3, 1.3)}}
    cost = (w**2 - 1) ** 2 + 0.3 * w
    run = st.descend(cost, restarts=8, engine="native", **settings)
    single = [st.descend(cost, seed=k, engine="reference", **settings) for k in range(8)]
    assert run.reasons == [each.reason for each in single]
    assert pickle.loads(pickle.dumps(run)).reasons == run.reasons


def test_the_sentence_of_a_spread_level() -> None:
    run = fitted(restarts=6)
    run.restarts, run.levels = [1.0, 1.05, 2.0], levels([1.0, 1.05, 2.0], 0.1)
    assert agreement(run) == "2 of 3 starts ended at the lowest level, between 1 and 1.05; the other at 2"


def test_the_command_line(steepest: Steepest, tmp_path: Path) -> None:
    path = table(tmp_path / "w.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in zip(T, Y, strict=True)))
    for option in ([], ["--optimiser", "lbfgs"], ["--optimiser", "adam", "--rate", "0.05"], ["--rate", "auto"]):
        given = ["fit", path, WAVE, "--start", "a=0.5:2,k=0.5:12,p=-3:3", "--restarts", "12", "--epochs", "60", *option]
        said = steepest(*given)
        assert said.status == 0, said.err
        assert said.out.count("12 descents; the best one ") == 1
        assert re.search(r"\d+ of 12 starts ended at the lowest ", said.out)
        found = json.loads(steepest(*given, "--json").out)
        assert len(found["restarts"]) == len(found["reasons"]) == 12
