"""What newcomers stumbled over: each was once wrong or misleading."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steepest as st
from command_line import Steepest
from command_line import steepest as steepest
from steepest.derivations.line_by_line import derive

w = st.params("w")


def test_the_whole_has_no_name_that_the_formula_uses() -> None:
    """f² was derived as \"f = f²\", a false equation."""
    f, C = st.params("f"), st.data("C")
    assert str(derive(f**2, "f")).startswith("F is the function, because f is a parameter.\n\nF = f²\n")
    cost = st.mean((f * st.data("x") - C) ** 2)
    assert str(derive(cost, "f")).startswith("F is the cost, because C is a data column.\n\nF = 1/n Σ")


def test_a_factor_and_its_reciprocal_cancel() -> None:
    """Cross-entropy of a sigmoid: the 1/a of the logarithm meets the a of the sigmoid's slope."""
    x, z = st.data("x", "z")
    a = st.sigmoid(x * w)
    cost = st.mean(-(z * st.log(a) + (1 - z) * st.log(1 - a)))
    *_, before, last = str(derive(cost, "w")).splitlines()
    assert "−(z_i·(1 − a_i)·x_i − (1 − z_i)·a_i·x_i)" in before
    assert "1/n Σ (a_i − z_i)·x_i" in last
    assert str(derive(w * st.log(w) - w, "w").result) == "log(w)"


def test_numbers_alone_on_a_line_have_no_decimal_point() -> None:
    assert str(derive(3 * w, "w")).splitlines()[-1].split("= ")[1].startswith("3 ")


def test_a_moving_exponent_is_the_exponential_rule() -> None:
    assert [step.rule for step in derive(2**w, "w").steps] == ["exponential rule"]
    assert [step.rule for step in derive(w**2, "w").steps] == ["power rule"]


def test_lines_of_a_full_derivation_differ() -> None:
    for formula in (w**2 * st.exp(-w), 1 / (1 + st.exp(-w)), st.log(-w), -w * st.exp(-w)):
        rows = str(derive(formula, "w", "full")).splitlines()[2:]
        lines = [row.split("= ", 1)[1].split("   ")[0] for row in rows]
        assert len(lines) > 3
        assert all(one != two for one, two in pairwise(lines))


@pytest.mark.parametrize("size", [1.0, 20.0, 300.0])
def test_the_rate_that_a_diverged_descent_names_descends(size: float) -> None:
    """On columns of any size; the bound of a line through the origin is 1/mean(x²)."""
    x = size * np.array([1.0, 2.0, 3.0])
    cost = st.mean((st.data("x") * w - st.data("y")) ** 2)
    run = st.descend(cost, {"x": x, "y": 2 * x}, start={"w": 0.0}, rate=100.0)
    assert run.diverged
    named = float(run.message.split("try ")[1].split(". ")[0])
    assert named < 1 / np.mean(x**2)
    again = st.descend(cost, {"x": x, "y": 2 * x}, start={"w": 0.0}, rate=named)
    assert again.params["w"] == pytest.approx(2, abs=1e-9)
    assert not again.warnings


def test_whoever_interrupts_does_not_wait_for_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate too large is still told of after Control-C, but no trial descents are run."""
    monkeypatch.setattr("steepest.training.setup.suggest_lower_rate", lambda *_: pytest.fail("a search was started"))

    calls: list[int] = []

    def stop(epoch: int, epochs: int, cost: float) -> None:
        calls.append(epoch)
        if len(calls) == 2:
            raise KeyboardInterrupt

    # Just above the bound 1/6 of these columns, so that the cost creeps up for thousands of epochs.
    # Compiled, it would have run away before it could be interrupted.
    cost, settings = (
        st.models.linear().cost,
        {"start": {"w": 0.0}, "rate": 0.1667, "epochs": 10**6, "engine": "reference"},
    )
    run = st.descend(cost, "twice", **settings, progress=stop)
    timed = st.descend(cost, "twice", **settings, max_seconds=0.05)
    assert (run.stop, timed.stop) == ("interrupted", "time")
    assert "try 0.041675" in run.warnings[0]
    assert "try 0.041675" in timed.warnings[0]


def test_a_diverged_model_warns_and_is_not_saved(tmp_path: Path) -> None:
    model = st.Model("y ~ x*w")
    with pytest.warns(st.SteepestWarning, match="diverged"):
        model.fit("twice", rate=0.5)
    with pytest.raises(st.SteepestError, match="nothing is saved"):
        model.save(tmp_path / "m.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_whether_the_cost_still_falls_is_said() -> None:
    short = st.descend(st.models.linear().cost, "twice", start={"w": 0.0}, rate=0.001, epochs=50)
    long = st.descend(st.models.linear().cost, "twice", start={"w": 0.0}, rate=0.1, epochs=2000)
    assert "the cost was still falling, by 2 % an epoch" in short.message
    assert "still" not in long.message


@pytest.mark.parametrize("function", ["check", "derive", "descend", "evaluate", "finite_difference", "gradient"])
def test_a_text_is_answered_by_st_parse(function: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "check": ({},),
        "derive": ("w",),
        "evaluate": ({},),
        "finite_difference": ({},),
    }
    with pytest.raises(st.SteepestError, match=f"st.{function} takes an expression, not str; .*st.parse"):
        getattr(st, function)("w^2", *arguments.get(function, ()))


def test_parameters_among_the_columns_are_told_to_start() -> None:
    with pytest.raises(st.SteepestError, match="'w' is a parameter of the cost, not a column; give it in start"):
        st.descend(st.mean(st.data("x") * w), {"x": [1.0], "w": 3})


def test_a_cost_that_is_not_finite_is_inconclusive() -> None:
    assert st.check(st.log(w), {"w": 0.0})["w"].verdict == "inconclusive"


def test_differences_print_their_error_bars() -> None:
    value, _, bar = str(st.finite_difference(w**2, {"w": 3.0})).removeprefix("w = ").partition(" ± ")
    assert float(value) == pytest.approx(6, abs=1e-12)
    assert 0 < float(bar) < 1e-12


def test_dir_lists_the_public_names_only() -> None:
    assert set(dir(st)) == {*st.__all__, "__version__"}


# -- on the command line ---------------------------------------------------------------------------------------

TABLE = "hours,score\n1,2.1\n2,3.9\n3,6.2\n4,8.1\n"


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "t.csv"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


def test_check_looks_for_columns_as_fit_does(steepest: Steepest, table: str) -> None:
    refused = steepest("check", "scor ~ a*hours", table)
    assert (refused.status, "did you mean 'score'?" in refused.err) == (2, True)
    noted = steepest("check", "score ~ a*hous", table)
    assert "'hous' is not a column, so it is a parameter; did you mean 'hours'?" in noted.err


def test_e_is_said_to_be_a_parameter(steepest: Steepest, table: str) -> None:
    said = steepest("fit", table, "score ~ a*e^(hours*b)", "--start", "a=1,e=2,b=.1", "--rate", "1e-3", "--epochs", "5")
    assert "'e' is a parameter here; the exponential function is written exp(x)" in said.err


def test_a_fit_no_better_than_the_mean_says_so(steepest: Steepest, tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("x,y\n" + "".join(f"{k},{(-1) ** k}\n" for k in range(40)), encoding="utf-8")
    said = steepest("fit", str(path), "y ~ c", "--rate", "0.5")
    assert "no better than the mean of 40 rows" in said.out


def test_a_formula_that_begins_with_a_minus(steepest: Steepest, table: str) -> None:
    said = steepest("derive", "-x^2", "--wrt", "x")
    assert (said.status, "in brackets: '(-x^2)'" in said.err) == (2, True)
    assert "= −2·x" in steepest("derive", "(-x^2)", "--wrt", "x").out


def test_json_of_a_diverged_fit_holds_the_sentence(steepest: Steepest) -> None:
    said = steepest("fit", "twice", "--rate", "0.5", "--json")
    assert said.status == 1
    assert '"message": "the descent diverged' in said.out


def test_ops_finds_signs_and_explains_its_letters(steepest: Steepest) -> None:
    said = steepest("ops", "^")
    assert "x to the power y" in said.out
    assert "r is the result" in said.err
