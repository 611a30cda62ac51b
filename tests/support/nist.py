"""NIST's Statistical Reference Datasets (StRD): nonlinear and linear least squares with certified results.

The nonlinear files give the results themselves, to 11 digits. Those of the linear sets are computed here: the exact
solution, to 60 digits, of least squares on the numbers as they are written in the tables.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import mpmath as mp
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent.parent / "data" / "nist"
_DIGITS = 60  # Filip's normal equations have a condition number of 1e30


@dataclass(frozen=True)
class Certified:
    """Certified results of a set.

    Attributes:
        params: the parameters by name.
        deviations: their standard deviations, with s² = residual_sum / (n − p).
        residual_sum: the residual sum of squares.
    """

    params: dict[str, float]
    deviations: dict[str, float]
    residual_sum: float


@dataclass(frozen=True)
class Problem:
    """A set of data with a model.

    Attributes:
        name: NIST's name.
        formula: ``"y ~ …"`` in the grammar of formulas; all names other than the columns are parameters.
        columns: y and the predictors, ``(n,)`` each.
        starts: NIST's starts by name, the second nearer to the solution; of linear sets zeros, once.
    """

    name: str
    formula: str
    columns: dict[str, NDArray[np.float64]]
    starts: tuple[dict[str, float], ...]

    @cached_property
    def results(self) -> Certified:
        """All certified results; those of linear sets are computed on first use."""
        path = FOLDER / f"{self.name}.dat"
        return _results(path) if path.exists() else _exact(self)

    @property
    def certified(self) -> dict[str, float]:
        """The certified parameters by name."""
        return self.results.params

    @property
    def deviations(self) -> dict[str, float]:
        """The certified standard deviations of the parameters by name."""
        return self.results.deviations

    @property
    def residual_sum(self) -> float:
        """The certified residual sum of squares."""
        return self.results.residual_sum


_GAUSS = "y ~ b1*exp(-b2*x) + b3*exp(-(x - b4)^2/b5^2) + b6*exp(-(x - b7)^2/b8^2)"
_LANCZOS = "y ~ b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
_CUBIC_BY_CUBIC = "y ~ (b1 + b2*x + b3*x^2 + b4*x^3)/(1 + b5*x + b6*x^2 + b7*x^3)"
_NONLINEAR = {
    "Bennett5": "y ~ b1*(b2 + x)^(-1/b3)",
    "BoxBOD": "y ~ b1*(1 - exp(-b2*x))",
    "Chwirut1": "y ~ exp(-b1*x)/(b2 + b3*x)",
    "Chwirut2": "y ~ exp(-b1*x)/(b2 + b3*x)",
    "DanWood": "y ~ b1*x^b2",
    "ENSO": "y ~ b1 + b2*cos(2*pi*x/12) + b3*sin(2*pi*x/12) + b5*cos(2*pi*x/b4) + b6*sin(2*pi*x/b4)"
    " + b8*cos(2*pi*x/b7) + b9*sin(2*pi*x/b7)",
    "Eckerle4": "y ~ (b1/b2)*exp(-0.5*((x - b3)/b2)^2)",
    "Gauss1": _GAUSS,
    "Gauss2": _GAUSS,
    "Gauss3": _GAUSS,
    "Hahn1": _CUBIC_BY_CUBIC,
    "Kirby2": "y ~ (b1 + b2*x + b3*x^2)/(1 + b4*x + b5*x^2)",
    "Lanczos1": _LANCZOS,
    "Lanczos2": _LANCZOS,
    "Lanczos3": _LANCZOS,
    "MGH09": "y ~ b1*(x^2 + x*b2)/(x^2 + x*b3 + b4)",
    "MGH10": "y ~ b1*exp(b2/(x + b3))",
    "MGH17": "y ~ b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "Misra1a": "y ~ b1*(1 - exp(-b2*x))",
    "Misra1b": "y ~ b1*(1 - (1 + b2*x/2)^(-2))",
    "Misra1c": "y ~ b1*(1 - (1 + 2*b2*x)^(-0.5))",
    "Misra1d": "y ~ b1*b2*x*((1 + b2*x)^(-1))",
    "Nelson": "y ~ b1 - b2*x1*exp(-b3*x2)",  # of the logarithm of NIST's y, which the column y holds
    "Rat42": "y ~ b1/(1 + exp(b2 - b3*x))",
    "Rat43": "y ~ b1/((1 + exp(b2 - b3*x))^(1/b4))",
    "Roszman1": "y ~ b1 - b2*x - arctan(b3/(x - b4))/pi",
    "Thurber": _CUBIC_BY_CUBIC,
}


def _polynomial(first: int, last: int) -> str:
    """Return a polynomial in x whose coefficients have the numbers of their powers."""
    terms = {0: "b0", 1: "b1*x"} | {k: f"b{k}*x^{k}" for k in range(2, last + 1)}
    return "y ~ " + " + ".join(terms[k] for k in range(first, last + 1))


_LINEAR = {
    "Norris": _polynomial(0, 1),
    "Pontius": _polynomial(0, 2),
    "NoInt1": _polynomial(1, 1),
    "NoInt2": _polynomial(1, 1),
    "Filip": _polynomial(0, 10),
    "Longley": "y ~ b0 + b1*x1 + b2*x2 + b3*x3 + b4*x4 + b5*x5 + b6*x6",
    **{f"Wampler{k}": _polynomial(0, 5) for k in range(1, 6)},
}


def _lines(path: Path) -> list[list[str]]:
    """Return the words of the lines of a nonlinear file."""
    return [line.split() for line in path.read_text(encoding="ascii").splitlines()]


def _parameter_lines(path: Path) -> dict[str, list[float]]:
    """Return start 1, start 2, the certified value and its standard deviation by parameter."""
    rows = [words for words in _lines(path) if len(words) == 6 and words[1] == "=" and words[0].startswith("b")]
    return {words[0]: [float(word) for word in words[2:]] for words in rows}


def _results(path: Path) -> Certified:
    rows = _parameter_lines(path)
    (total,) = [float(words[-1]) for words in _lines(path) if words[:4] == ["Residual", "Sum", "of", "Squares:"]]
    return Certified({name: row[2] for name, row in rows.items()}, {name: row[3] for name, row in rows.items()}, total)


def _nonlinear(name: str, formula: str) -> Problem:
    path = FOLDER / f"{name}.dat"
    rows = _parameter_lines(path)
    lines = _lines(path)
    (header,) = [k for k, words in enumerate(lines) if words[:2] == ["Data:", "y"]]
    numbers = np.array([[float(word) for word in words] for words in lines[header + 1 :] if words])
    columns = {word: numbers[:, k].copy() for k, word in enumerate(lines[header][1:])}
    if name == "Nelson":
        columns["y"] = np.log(columns["y"])
    starts = tuple({parameter: row[k] for parameter, row in rows.items()} for k in (0, 1))
    return Problem(name, formula, columns, starts)


def _texts(name: str) -> dict[str, list[str]]:
    """Return the columns of a linear set as they are written."""
    with (FOLDER / "linear" / f"{name.lower()}.csv").open(encoding="ascii", newline="") as file:
        rows = list(csv.reader(file))
    return {word: [row[k] for row in rows[1:]] for k, word in enumerate(rows[0])}


def _names(formula: str) -> list[str]:
    """Return the coefficients b0, b1, … of a linear formula in its order."""
    return [term.split("*")[0] for term in formula.removeprefix("y ~ ").split(" + ")]


def _linear(name: str, formula: str) -> Problem:
    columns = {word: np.array(texts, dtype=np.float64) for word, texts in _texts(name).items()}
    return Problem(name, formula, columns, (dict.fromkeys(_names(formula), 0.0),))


def _regressors(name: str, names: list[str]) -> mp.matrix:
    """Return the matrix of regressors, ``(n, p)``, of the decimal numbers in the table."""
    texts = _texts(name)
    rows = len(texts["y"])
    if "x" not in texts:
        columns = [[1] * rows, *([mp.mpf(text) for text in texts[f"x{k}"]] for k in range(1, len(names)))]
    else:
        columns = [[mp.mpf(text) ** int(word[1:]) for text in texts["x"]] for word in names]
    return mp.matrix(columns).T


def _exact(problem: Problem) -> Certified:
    """Solve linear least squares by the normal equations, which lose 30 of 60 digits at most."""
    with mp.workdps(_DIGITS):
        names = _names(problem.formula)
        X, y = _regressors(problem.name, names), mp.matrix([mp.mpf(text) for text in _texts(problem.name)["y"]])
        inverse = (X.T * X) ** -1
        b = inverse * (X.T * y)
        errors = y - X * b
        total = mp.fsum(e**2 for e in errors)
        total = total if total > mp.mpf(10) ** -20 else mp.mpf(0)  # Wampler1 and 2 are fitted exactly
        variance = total / (len(y) - len(names))
        deviations = {name: float(mp.sqrt(variance * inverse[k, k])) for k, name in enumerate(names)}
        return Certified({name: float(b[k]) for k, name in enumerate(names)}, deviations, float(total))


NONLINEAR: Mapping[str, Problem] = {name: _nonlinear(name, formula) for name, formula in _NONLINEAR.items()}
"""The 27 nonlinear sets by name."""

LINEAR: Mapping[str, Problem] = {name: _linear(name, formula) for name, formula in _LINEAR.items()}
"""The 11 linear sets by name."""
