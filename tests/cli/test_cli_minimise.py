"""The command minimise, and formulas without a table, against SciPy and closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, special, stats

import steepest as st
from command_line import Steepest, steepest, table
from steepest.training.ends import Reason
from steepest.training.rescue import rescued

__all__ = ["steepest"]

ROSENBROCK = "100*(y - x^2)^2 + (1 - x)^2"


def minimise(steepest: Steepest, *words: str) -> dict[str, object]:
    said = steepest("minimise", *words, "--json")
    assert said.status == 0, said.err
    found: dict[str, object] = said.json
    return found


# -- functions of parameters -------------------------------------------------------------------------------------


def test_a_function_without_a_table(steepest: Steepest) -> None:
    expected = optimize.minimize(optimize.rosen, [-1.2, 1.0], jac=optimize.rosen_der, tol=1e-12)
    found = minimise(steepest, ROSENBROCK, "--start", "x=-1.2,y=1")
    assert found["params"] == pytest.approx({"x": expected.x[0], "y": expected.x[1]}, abs=1e-6)
    assert found["cost"] == pytest.approx(0, abs=1e-20)
    assert (found["reason"], found["start"]) == ("converged", {"x": -1.2, "y": 1.0})
    assert "lm" in str(found["optimiser"])  # a sum of squares


def test_what_is_printed(steepest: Steepest) -> None:
    said = steepest("minimise", ROSENBROCK, "--start", "x=-1.2,y=1")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert (said.status, said.err) == (0, "")
    assert lines[0] == "cost 100*(y - x^2)^2 + (1 - x)^2"
    assert "optimiser lm (Levenberg–Marquardt), as the cost is a sum of squares" in lines
    assert lines[-3:] == ["y 1", "x 1", "cost 0"]
    assert any(line.startswith("converged after ") for line in lines)


def test_maximise(steepest: Steepest) -> None:
    found = minimise(steepest, "x*exp(-x)", "--maximise", "--start", "x=0.5")
    assert found["params"] == pytest.approx({"x": 1}, abs=1e-8)
    assert found["cost"] == pytest.approx(np.exp(-1), rel=1e-14)


def test_maximise_from_a_start_outside_of_the_domain(steepest: Steepest) -> None:
    """log(x) is not defined for half of the starts that are drawn; the best of the others is the highest."""
    for seed in range(6):
        found = minimise(steepest, "log(x) - x^2/8", "--maximise", "--seed", str(seed))
        assert found["params"] == pytest.approx({"x": 2}, abs=1e-7)


@pytest.mark.parametrize(("maximise", "best"), [(True, 24.0), (False, 1.0)])
def test_the_best_of_other_starts_is_the_highest_or_the_lowest(maximise: bool, best: float) -> None:
    first = st.descend(st.params("x") ** 2, start={"x": 1.0}, epochs=1, rate=0.1)  # ends by its epochs
    first = replace(first, cost=12.0)
    costs = iter(range(1, 25))
    found = rescued(
        first, lambda start: replace(first, reason=Reason.CONVERGED, cost=float(next(costs))), 0, maximise=maximise
    )
    assert found.cost == best


def test_the_american_spelling(steepest: Steepest) -> None:
    assert steepest("minimize", "(x - 3)^2", "--maximize", "--epochs", "2", "--rate", "0.1", "--json").json["maximise"]


def test_bounds(steepest: Steepest) -> None:
    bounds = [(1.5, None), (None, 2.0)]
    expected = optimize.minimize(optimize.rosen, [2.0, 1.0], bounds=bounds, method="L-BFGS-B", tol=1e-14)
    found = minimise(steepest, ROSENBROCK, "--start", "x=2,y=1", "--bounds", "x=1.5:,y=:2")
    assert found["params"] == pytest.approx({"x": expected.x[0], "y": expected.x[1]}, abs=1e-5)


def test_a_named_optimiser_and_a_rate(steepest: Steepest) -> None:
    found = minimise(steepest, "(x - 3)^2", "--start", "x=0", "--rate", "0.25", "--epochs", "3")
    assert found["params"] == pytest.approx({"x": 3 * (1 - 0.5**3)}, abs=1e-15)
    assert (found["optimiser"], found["epochs"], found["reason"]) == ("gradient descent", 3, "budget")
    found = minimise(steepest, "abs(x - 3) + y^2", "--optimiser", "lbfgs", "--seed", "1")
    assert found["params"] == pytest.approx({"x": 3, "y": 0}, abs=1e-6)


def test_restarts_find_the_lower_minimum(steepest: Steepest) -> None:
    """x⁴ − 8x² + x has two minima; SciPy has the lower one from −2."""
    lower = optimize.minimize(lambda p: p[0] ** 4 - 8 * p[0] ** 2 + p[0], [-2.0], tol=1e-12)
    words = ("--start", "x=-3:3", "--restarts", "12", "--seed", "0")
    found = minimise(steepest, "x^4 - 8*x^2 + x", *words)
    assert found["params"] == pytest.approx({"x": lower.x[0]}, abs=1e-6)
    assert len(found["restarts"]) == 12  # type: ignore[arg-type]
    assert len(found["levels"]) == 2  # type: ignore[arg-type]


def test_vectors_and_matrices(steepest: Steepest) -> None:
    """The lowest Rayleigh quotient is the smallest eigenvalue."""
    matrix = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]])
    terms = "2*a^2 + 3*b^2 + 4*c^2 + 2*a*b + 2*b*c"
    found = minimise(steepest, f"({terms})/(a^2 + b^2 + c^2)", "--start", "a=1,b=-1,c=1", "--optimiser", "newton")
    assert found["cost"] == pytest.approx(np.linalg.eigvalsh(matrix)[0], rel=1e-10)
    words = ("--shape", "A=2x2,u=2", "--start", "v=[1,2]", "--seed", "2")
    found = minimise(steepest, "sum((A @ v - u)^2) + sum((v - 1)^2) + sum((u - 3)^2)", *words)
    params = {name: np.array(value) for name, value in found["params"].items()}  # type: ignore[attr-defined]
    assert params["v"] == pytest.approx(np.ones(2), abs=1e-6)
    assert params["A"] @ params["v"] == pytest.approx(np.full(2, 3.0), abs=1e-6)


def test_small_arrays_are_printed_in_full_and_large_ones_by_shape(steepest: Steepest) -> None:
    said = steepest("minimise", "sum((v - 2)^2) + sum(u^2)", "--shape", "v=3,u=11", "--rate", "0.5", "--epochs", "2")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[lines.index("v, 3:") + 1] == "2 2 2"
    assert "u array of shape (11,)" in lines
    assert not any(line.startswith("u, 11") for line in lines)


def test_a_picture_of_the_path(steepest: Steepest, tmp_path: Path) -> None:
    said = steepest("minimise", ROSENBROCK, "--start", "x=-1.2,y=1", "-o", "path.svg")
    assert (said.status, said.err) == (0, "written to path.svg\n")
    assert (tmp_path / "path.svg").stat().st_size > 5000


def test_a_cost_without_a_minimum_exits_1(steepest: Steepest) -> None:
    said = steepest("minimise", "x", "--start", "x=0")
    assert said.status == 1
    assert "the cost falls beyond all numbers" in said.err
    said = steepest("minimise", "x", "--start", "x=0", "--bounds", "x=-2:", "--json")  # the advice
    assert (said.status, said.json["params"]) == (0, {"x": -2.0})
    assert steepest("minimise", "x^4", "--start", "x=9", "--rate", "5").status == 1


# -- likelihoods over a table ------------------------------------------------------------------------------------


def test_the_likelihood_of_a_gamma_distribution(steepest: Steepest, tmp_path: Path) -> None:
    """SciPy's fit; the logarithm of the gamma function by Stirling's series, which is exact to 1e-12 here."""
    sample = stats.gamma.rvs(9.0, scale=0.5, size=300, random_state=0)
    table(tmp_path / "t.csv", "x,other\n" + "".join(f"{x!r},a\n" for x in sample.tolist()))
    expected_k, _, expected_s = stats.gamma.fit(sample, floc=0)
    stirling = "((k - 0.5)*log(k) - k + 0.5*log(2*pi) + 1/(12*k) - 1/(360*k^3) + 1/(1260*k^5) - 1/(1680*k^7))"
    cost = f"mean(-((k - 1)*log(x) - x/s - k*log(s) - {stirling}))"
    found = minimise(steepest, cost, "t.csv", "--start", "k=3,s=1", "--bounds", "k=1:,s=0.01:")
    assert found["params"] == pytest.approx({"k": expected_k, "s": expected_s}, rel=1e-4)
    assert found["cost"] == pytest.approx(-stats.gamma.logpdf(sample, expected_k, scale=expected_s).mean(), rel=1e-8)
    assert (found["rows"], found["dropped"]) == (300, 0)


def test_a_mixture_in_either_order_with_missing_values(steepest: Steepest, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    sample = np.where(rng.random(400) < 0.3, rng.normal(-2, 1, 400), rng.normal(2, 1, 400))
    table(tmp_path / "t.csv", "k,x\n" + "".join(f"1,{x!r}\n" for x in sample.tolist()) + "1,\n")

    def negative(p: np.ndarray) -> float:
        share = special.expit(p[0])
        density = share * stats.norm.pdf(sample, p[1]) + (1 - share) * stats.norm.pdf(sample, p[2])
        return float(-np.log(density).mean() - 0.5 * np.log(2 * np.pi))

    expected = optimize.minimize(negative, [0.0, -1.0, 1.0], method="Nelder-Mead", tol=1e-10)
    cost = "mean(-log(sigmoid(q)*exp(-(x - a)^2/2) + (1 - sigmoid(q))*exp(-(x - b)^2/2)))"
    words = ("t.csv", cost, "--start", "q=0,a=-1,b=1", "--na", "drop")
    said = steepest("minimise", *words, "--json")
    assert said.json["params"] == pytest.approx(dict(zip("qab", expected.x, strict=True)), abs=1e-5)
    assert said.json["cost"] == pytest.approx(expected.fun, abs=1e-10)
    assert (said.json["rows"], said.json["dropped"]) == (400, 1)
    assert "1 of 401 rows has a missing value and was left out" in said.err


# -- check, derive and surface of a formula alone ----------------------------------------------------------------


def test_check_needs_no_table(steepest: Steepest) -> None:
    found = steepest("check", "x^2*exp(-x)", "--at", "x=1.5", "--json")
    assert found.status == 0
    slope = (2 * 1.5 - 1.5**2) * np.exp(-1.5)
    assert found.json["check"]["x"]["given"] == pytest.approx(slope, rel=1e-14)
    assert steepest("check", "abs(x)", "--at", "x=0").status == 1  # a kink


def test_check_of_vectors_and_matrices(steepest: Steepest) -> None:
    v, matrix = np.array([1.0, 2.0]), np.array([[2.0, 1.0], [1.0, 3.0]])
    found = steepest("check", "v @ A @ v", "--at", "v=[1,2],A=[[2,1],[1,3]]", "--json").json
    assert found["ok"]
    assert found["at"] == {"v": v.tolist(), "A": matrix.tolist()}
    assert found["check"]["v"]["given"] == pytest.approx(((matrix + matrix.T) @ v)[0], rel=1e-14)
    assert found["check"]["A"]["given"] == pytest.approx(np.outer(v, v)[0, 0], rel=1e-14)
    found = steepest("check", "sum(A @ A)", "--shape", "A=3x3", "--seed", "4", "--json").json
    assert (found["ok"], np.shape(found["at"]["A"])) == (True, (3, 3))


def test_surface_of_a_formula_alone(steepest: Steepest) -> None:
    words = ("surface", "(x - 1)^2 + 2*(y + 1)^2", "--at", "x=0,y=0", "-o", "s.svg", "--json")
    said = steepest(*words)
    assert said.status == 0, said.err
    assert "The cost over x and y" in said.json["title"]
    assert steepest("plot", *words).json == said.json


def test_derive_of_matrices(steepest: Steepest) -> None:
    """The text of each line; its numbers are verified in tests/derivations/test_nodewise.py."""
    said = steepest("derive", "v @ A @ v", "--wrt", "A", "--shape", "v=3,A=3x3")
    assert said.status == 0, said.err
    assert "∂C/∂A = " in said.out
    assert "∂C/∂v = " not in said.out
    assert "∂C/∂v = " in steepest("derive", "v @ A @ v", "--wrt", "A,v", "--shape", "v=3,A=3x3").out
    assert steepest("derive", "v @ A @ v", "--wrt", "A", "--shape", "v=3,A=3x3", "--format", "latex").out.startswith(
        "\\begin{aligned}"
    )
    lines = steepest("derive", "v @ A @ v", "--wrt", "A", "--shape", "v=3,A=3x3", "--json").json["lines"]
    assert lines[-1]["left"] == "∂C/∂A"


def test_a_paper_says_which_names_are_data(steepest: Steepest) -> None:
    said = steepest("paper", "y ~ w*x + b", "-o", "p.md")
    assert said.status == 0
    assert "note: reading y, x as data and w, b as parameters; change that with --data" in said.err
    said = steepest("paper", "y ~ Vmax*S/(Km+S)", "-o", "q.md")
    assert said.status == 2
    assert "say which of Vmax, S, Km are data with --data" in said.err
    said = steepest("paper", "y ~ Vmax*S/(Km+S)", "-o", "q.md", "--data", "S")
    assert said.status == 0, said.err
    assert "Vmax" in Path("q.md").read_text(encoding="utf-8")


# -- mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["minimise", "y ~ a*x"], "without '~'; 'steepest fit'"),
        (["minimise", "(x - a)^2", "t.csv"], "one value for each row; write its mean or total"),
        (["minimise", "mean(x)", "t.csv"], "every name of the formula is a column of t.csv"),
        (["minimise", "x^2", "--start", "z=1"], "--start has 'z'"),
        (["minimise", "x^2", "--bounds", "z=0:1"], "--bounds has 'z', which is not a parameter of the cost"),
        (["minimise", "step(x)"], "this cost cannot be minimised by its gradient"),
        (["minimise", "3"], "the cost has no parameters"),
        (["minimise", "sum(v^2)", "--shape", "v=x"], "'v=x' is not of the form name=d or name=dxh"),
        (["minimise", "sum(v^2)", "--shape", "w=3"], "--shape has 'w', which is not in the formula"),
        (["minimise", "mean((x - a)^2)", "t.csv", "--shape", "x=3"], "--shape has 'x', which is a column"),
        (["minimise", "sum(v^2)", "--shape", "v=99999999x99999999"], "the limit for a text"),
        (["minimise", "sum(v^2)", "--start", "v=[1,[2]]"], "neither a vector, as v=[1,2], nor a matrix"),
        (["minimise", "sum(v^2)", "--start", "v=[1,nan]"], "neither a vector"),
        (["minimise", "sum(v^2)", "--start", "v=[]"], "neither a vector"),
        (["minimise", "sum(v^2)", "--start", "v=[1,2]", "--shape", "v=3"], "has the shape (2,), expected (3,)"),
        (["minimise", "x^2", "-o", "p.xyz"], "no format 'xyz'"),
        (["minimise", "x^2", "absent.csv"], "absent.csv: there is no such file"),
        (["check", "y ~ a*x"], "a model needs its TABLE"),
        (["check", "3"], "there is nothing to check"),
        (["derive", "v @ A", "--wrt", "A", "--shape", "v=3,A=3x3"], "is one number"),
        (["derive", "v @ v", "--wrt", "u", "--shape", "v=3"], "--wrt has 'u'"),
        (["derive", "v @ v", "--wrt", "v", "--shape", "u=3"], "--shape has 'u', which is not in the formula"),
    ],
)  # fmt: skip
def test_mistakes(steepest: Steepest, tmp_path: Path, words: list[str], expected: str) -> None:
    table(tmp_path / "t.csv", "x\n1\n2\n4\n")
    said = steepest(*words)
    assert (said.status, said.out) == (2, ""), said
    assert expected in said.err
    assert "Traceback" not in said.err
