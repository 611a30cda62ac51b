"""Starts from ranges: their distribution, their bounds, the seed, and how they are written in files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

import steepest as st
from command_line import Steepest, table
from command_line import steepest as steepest
from steepest.errors import DescentError
from steepest.training.initialisers import initial

A, TAU, W = st.params("a"), st.params("tau"), st.params("W", shape=(20, 30))
COST = (A - 1) ** 2 + (TAU - 3) ** 2
T = np.linspace(0.2, 5, 30)
DATA = {"t": T, "y": 2.5 * np.exp(-T / 1.25) + 0.03 * np.random.default_rng(1).standard_normal(30)}
DECAY = "y ~ a*exp(-t/tau)"


def draws(given: Any, count: int = 600, **bounds: Any) -> Any:
    limits = tuple((name, *ends) for name, ends in bounds.items())
    return np.array([float(initial(COST, {"tau": given}, seed, bounds=limits)["tau"]) for seed in range(count)])


@pytest.mark.parametrize(
    ("given", "distribution"),
    [
        ((0.01, 100), scipy.stats.loguniform(0.01, 100)),
        ("1e-3:2", scipy.stats.loguniform(1e-3, 2)),
        ((0, 10), scipy.stats.uniform(0, 10)),
        ((-1, 3), scipy.stats.uniform(-1, 4)),
        ((-1e308, 1e308), scipy.stats.uniform(-1, 2)),
    ],
    ids=lambda value: str(value) if isinstance(value, str | tuple) else "distribution",
)
def test_the_distribution(given: Any, distribution: Any) -> None:
    drawn = draws(given) / (1e308 if given == (-1e308, 1e308) else 1)
    assert scipy.stats.kstest(drawn, distribution.cdf).pvalue > 1e-3


def test_negative_ranges_are_log_uniform_in_size() -> None:
    drawn = draws((-100, -0.01))
    assert scipy.stats.kstest(-drawn, scipy.stats.loguniform(0.01, 100).cdf).pvalue > 1e-3


def test_each_element_of_an_array_is_drawn() -> None:
    drawn = np.ravel(initial(st.sum(W), {"W": (0.1, 10)}, seed=4)["W"])
    assert len(set(drawn.tolist())) == 600
    assert scipy.stats.kstest(drawn, scipy.stats.loguniform(0.1, 10).cdf).pvalue > 1e-3
    pair = st.params("v", shape=2)
    for given in ([0.1, 10], (0.1, 10)):  # the value of an array of two
        assert initial(st.sum(pair), {"v": given})["v"].tolist() == [0.1, 10]
    assert 0.1 < initial(st.sum(pair), {"v": "0.1:10"})["v"][0] < 10


def test_draws_are_within_the_bounds() -> None:
    drawn = draws((-5, 50), tau=(0.5, 20.0))
    assert scipy.stats.kstest(drawn, scipy.stats.loguniform(0.5, 20).cdf).pvalue > 1e-3
    run = st.descend(COST, start={"tau": (-5, 50)}, bounds={"tau": (45, None)}, epochs=0, restarts=30)
    assert run.start["tau"] >= 45


def test_a_range_changes_no_other_draw() -> None:
    plain, ranged = initial(COST, seed=7), initial(COST, {"a": (1, 2)}, seed=7)
    assert ranged["tau"] == plain["tau"]
    assert initial(COST, {"a": (1, 2), "tau": (3, 4)}, seed=7)["a"] == ranged["a"]
    assert initial(COST, {"a": (1, 2)}, seed=8)["a"] != ranged["a"]


def test_restarts_draw_anew_and_share_numbers() -> None:
    ends: list[Any] = [st.descend(COST, start={"a": 4, "tau": (0.1, 100)}, seed=5 + k, epochs=1) for k in range(6)]
    assert len({run.start["tau"] for run in ends}) == 6
    best = st.descend(COST, start={"a": 4, "tau": (0.1, 100)}, seed=5, epochs=1, restarts=6)
    assert best.restarts == pytest.approx([run.cost for run in ends], rel=1e-12)
    assert best.start in [run.start for run in ends]
    assert best.start["a"] == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((10, 0.1), r"the range \(10, 0.1\) of 'tau' in start does not go from low to high"),
        ((2, 2), "is empty; give the number 2 alone"),
        ((None, 3), "lacks an end; give both, as 0.1:10"),
        ("3:", "lacks an end"),
        ((1, math.inf), "are not finite; give finite numbers"),
        ((math.nan, 1), "are not finite"),
        ((1, 10**400), "are not finite"),
        ("1:x", "is not of the form low:high, with finite numbers"),
        ("1:2:3", "is not of the form low:high"),
        ((1, 2, 3), "the shape"),
    ],
)
def test_what_is_no_range(given: Any, words: str) -> None:
    with pytest.raises(st.errors.SteepestError, match=words) as found:
        st.descend(COST, start={"tau": given})
    assert "\n" not in str(found.value)


def test_a_range_outside_of_the_bounds() -> None:
    for bounds in ((5, 9), (None, 1), (2, None)):
        with pytest.raises(DescentError, match="the range of 'tau' in start, 1 to 2, has no part within its bounds"):
            st.descend(COST, start={"tau": (1, 2)}, bounds={"tau": bounds})


def test_restarts_that_would_be_the_same() -> None:
    with pytest.raises(DescentError, match="all 3 restarts would be the same"):
        st.descend(COST, start={"tau": 1, "a": 2}, restarts=3)
    assert len(st.descend(COST, start={"tau": 1, "a": 2}, restarts=1, epochs=3).restarts or []) == 1


@pytest.fixture
def decay(tmp_path: Path) -> str:
    rows = zip(DATA["t"], DATA["y"], strict=True)
    return table(tmp_path / "t.csv", "t,y\n" + "".join(f"{a},{b}\n" for a, b in rows))


def test_the_command_line(steepest: Steepest, decay: str) -> None:
    said = steepest("fit", decay, DECAY, "--start", "tau=0.1:10,a=1.5", "--seed", "3", "--json")
    wanted = st.Model(DECAY).fit(DATA, start={"tau": (0.1, 10), "a": 1.5}, seed=3).run
    assert wanted is not None
    found = json.loads(said.out)
    assert found["start"] == pytest.approx(wanted.start, rel=1e-12)
    assert found["start"]["a"] == 1.5
    several = json.loads(steepest("fit", decay, DECAY, "--start", "tau=0.1:10", "--restarts", "4", "--json").out)
    assert len(several["restarts"]) == 4
    for given, words in (("tau=9:1", "does not go from low to high"), ("tau=1:", "lacks an end")):
        said = steepest("fit", decay, DECAY, "--start", given)
        assert (said.status, words in said.err, said.err.count("\n")) == (2, True, 1)
    same = steepest("fit", decay, DECAY, "--start", "tau=1,a=2", "--restarts", "3")
    assert same.status == 2
    assert "in --start, so that all 3 restarts would be the same; give a range, as --start w=0.1:10" in same.err


@pytest.mark.parametrize("written", ['start = "tau=0.1:10"', 'start = {tau = "0.1:10"}'])
def test_files_of_options(steepest: Steepest, decay: str, tmp_path: Path, written: str) -> None:
    (tmp_path / "options.toml").write_text(f"[fit]\n{written}\n")
    typed = steepest("fit", decay, DECAY, "--start", "tau=0.1:10", "--json")
    read = steepest("fit", decay, DECAY, "--config", str(tmp_path / "options.toml"), "--json")
    assert json.loads(read.out)["start"] == json.loads(typed.out)["start"]


def test_saved_settings_and_papers(steepest: Steepest, decay: str, tmp_path: Path) -> None:
    said = steepest("fit", decay, DECAY, "--start", "tau=0.1:10,a=1.5", "--rate", "0.1", "--save", "m.safetensors",
                    "--json")  # fmt: skip
    loaded = st.load("m.safetensors")
    assert loaded.settings["start"] == {"tau": "0.1:10", "a": 1.5}
    paper = loaded.paper(DATA, compare=False)
    assert paper.experiment.run is not None
    assert paper.experiment.run.start == pytest.approx(json.loads(said.out)["start"], rel=1e-12)
    assert steepest("paper", "m.safetensors", decay, "-o", "p.md", "--no-compare").status == 0
    ranged = steepest("paper", DECAY, decay, "-o", "q.md", "--start", "tau=0.1:10", "--no-compare")
    assert ranged.status == 0, ranged.err
