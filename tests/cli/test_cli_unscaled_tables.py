"""Plain ``steepest fit TABLE FORMULA`` on tables in their own units agrees with statsmodels and SciPy.

No option is given, not even a start. Linear formulas are compared with statsmodels' least squares, standard errors
included, others with the lowest minimum that SciPy finds from the end and from random starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import sklearn.datasets
import statsmodels.api as sm

from command_line import Steepest
from command_line import steepest as steepest


def _statsmodels(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        found: pd.DataFrame = getattr(sm.datasets, name).load_pandas().data
        return found

    return load


def _sklearn(name: str) -> Callable[[], pd.DataFrame]:
    def load() -> pd.DataFrame:
        found: pd.DataFrame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True, **_RAW.get(name, {})).frame
        return found.rename(columns=lambda text: text.split(" (")[0].replace(" ", "_").replace("/", "_"))

    return load


_RAW: dict[str, dict[str, Any]] = {"diabetes": {"scaled": False}}

LINEAR: dict[str, tuple[Callable[[], pd.DataFrame], str, list[str]]] = {
    "longley": (_statsmodels("longley"), "TOTEMP", ["GNPDEFL", "GNP", "UNEMP", "ARMED", "POP", "YEAR"]),
    "stackloss": (_statsmodels("stackloss"), "STACKLOSS", ["AIRFLOW", "WATERTEMP", "ACIDCONC"]),
    "engel": (_statsmodels("engel"), "foodexp", ["income"]),
    "copper": (_statsmodels("copper"), "WORLDCONSUMPTION", ["COPPERPRICE", "INCOMEINDEX", "ALUMPRICE", "TIME"]),
    "ccard": (_statsmodels("ccard"), "AVGEXP", ["AGE", "INCOME", "INCOMESQ", "OWNRENT"]),
    "statecrime": (_statsmodels("statecrime"), "murder", ["hs_grad", "poverty", "single", "urban"]),
    "grunfeld": (_statsmodels("grunfeld"), "invest", ["value", "capital"]),
    "scotland": (_statsmodels("scotland"), "YES", ["COUTAX", "UNEMPF", "MOR", "ACT", "GDP", "AGE"]),
    "iris": (_sklearn("iris"), "petal_width", ["sepal_length", "sepal_width", "petal_length"]),
    "wine": (_sklearn("wine"), "proline", ["alcohol", "magnesium", "color_intensity", "hue"]),
    "diabetes": (_sklearn("diabetes"), "target", ["age", "bmi", "bp", "s1", "s5"]),
}

CURVES: dict[str, tuple[Callable[[], pd.DataFrame], str, str, str, Callable[..., Any]]] = {
    "cancer": (_statsmodels("cancer"), "cancer", "population", "a*population^k", lambda x, a, k: a * x**k),
    "engel": (_statsmodels("engel"), "foodexp", "income", "a*income^k + c", lambda x, a, c, k: a * x**k + c),
    "nile": (_statsmodels("nile"), "volume", "year", "a + b*tanh((year - 1900)/c)",
             lambda x, a, b, c: a + b * np.tanh((x - 1900) / c)),
    "interest": (_statsmodels("interest_inflation"), "R", "Dp", "a + b*exp(c*Dp)",
                 lambda x, a, b, c: a + b * np.exp(c * x)),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_linear_formulas(steepest: Steepest, name: str) -> None:
    load, target, columns = LINEAR[name]
    frame = load()[[target, *columns]]
    frame.to_csv("table.csv", index=False)
    formula = f"{target} ~ b0 + " + " + ".join(f"b{k}*{column}" for k, column in enumerate(columns, 1))
    said = steepest("fit", "table.csv", formula, "--json")
    assert said.status == 0
    truth = sm.OLS(frame[target], sm.add_constant(frame[columns])).fit()
    names = [f"b{k}" for k in range(len(columns) + 1)]
    assert said.json["reason"] == "converged"
    assert [said.json["params"][each] for each in names] == pytest.approx(truth.params.tolist(), rel=1e-7)
    found = said.json["uncertainty"]
    errors = dict(zip(found["labels"], found["standard_errors"], strict=True))
    assert [errors[each] for each in names] == pytest.approx(truth.bse.tolist(), rel=1e-6)
    assert found["r_squared"] == pytest.approx(truth.rsquared, rel=1e-9)


@pytest.mark.parametrize("name", CURVES)
def test_curves(steepest: Steepest, name: str) -> None:
    load, target, column, formula, function = CURVES[name]
    frame = load()[[target, column]]
    frame.to_csv("table.csv", index=False)
    said = steepest("fit", "table.csv", f"{target} ~ {formula}", "--json")
    assert (said.status, said.json["reason"]) == (0, "converged")
    x, y = frame[column].to_numpy(), frame[target].to_numpy()
    names = sorted(said.json["params"])
    ours = [said.json["params"][each] for each in names]
    found, covariance = scipy.optimize.curve_fit(function, x, y, ours, ftol=1e-15, xtol=1e-15, gtol=1e-15)
    assert ours == pytest.approx(found.tolist(), rel=1e-6)
    errors = dict(zip(said.json["uncertainty"]["labels"], said.json["uncertainty"]["standard_errors"], strict=True))
    assert [errors[each] for each in names] == pytest.approx(np.sqrt(np.diag(covariance)).tolist(), rel=1e-4)
