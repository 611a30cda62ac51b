"""Models: how names become data or parameters, fitting, predicting, truth tables, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import steepest as st
from places import IRIS
from plain_loops import NAND, START, nand_loop, sigmoid
from steepest.errors import FormulaError, ModelError, SteepestError, TableError

NEURON = "z ~ sigmoid(x*w1 + y*w2 + b)"


def csv_path(folder: Path) -> Path:
    path = folder / "gate.csv"
    path.write_text("x,y,z,comment\n0,0,1,a\n0,1,1,b\n1,0,1,c\n1,1,0,d\n", encoding="utf-8")
    return path


KINDS = {
    "built-in": lambda folder: "nand",
    "dict": lambda folder: {name: list(column) for name, column in NAND.items()},
    "pandas": lambda folder: pd.DataFrame(NAND),
    "polars": lambda folder: pl.DataFrame(NAND),
    "csv": csv_path,
    "text path": lambda folder: str(csv_path(folder)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_table(kind: str, tmp_path: Path) -> None:
    """Each gives the numbers of row A6."""
    table = KINDS[kind](tmp_path)
    model = st.Model(NEURON).fit(table, start=START, rate=0.1, epochs=1000)
    assert model.params == pytest.approx(
        {"w1": -1.7435789139926, "w2": -1.7347777264922, "b": 2.7718489622682}, abs=5e-13
    )
    assert model.run is not None
    assert model.run.cost == pytest.approx(0.0626237279065, abs=5e-14)
    p = nand_loop(1000)[1][-1]
    expected = sigmoid(NAND["x"] * p[0] + NAND["y"] * p[1] + p[2])
    np.testing.assert_allclose(model.predict(table), expected, rtol=1e-12)


def test_columns_are_data_and_others_parameters() -> None:
    model = st.Model("y ~ a*x + b")
    model.fit({"x": [0, 1, 2], "y": [1, 3, 5], "unused": ["p", "q", "r"]}, rate=0.2, epochs=500)
    assert model.data == ("x", "y")
    assert set(model.params) == {"a", "b"}
    assert model.params == pytest.approx({"a": 2, "b": 1}, abs=1e-9)
    both = st.Model("y ~ a*x + b").fit({"x": [0, 1], "y": [1, 3], "a": [2, 2]}, rate=0.2, epochs=500)
    assert set(both.params) == {"b"}
    assert both.params["b"] == pytest.approx(1, abs=1e-9)


def test_refit_on_another_table_keeps_the_roles() -> None:
    """A later table that has a column with a parameter's name does not change what is a parameter."""
    model = st.Model("y ~ a*x").fit({"x": [1.0, 2], "y": [2.0, 4]}, rate=0.1, epochs=300)
    assert model.params["a"] == pytest.approx(2, abs=1e-12)
    model.fit({"y": [3.0, 6, 9], "x": [1.0, 2, 3], "a": [0.0, 0, 0]}, rate=0.1, epochs=300)
    assert model.params == {"a": pytest.approx(3, abs=1e-12)}
    assert st.models.neuron().fit({**NAND, "b": np.zeros(4)}, epochs=1).data == ("x", "y", "z")


def test_predict_needs_no_target() -> None:
    model = st.Model("y ~ a*x + b").fit({"x": [0, 1, 2], "y": [1, 3, 5]}, rate=0.2, epochs=500)
    np.testing.assert_allclose(model.predict({"x": [10, -1]}), [21, -1], atol=1e-7)
    np.testing.assert_allclose(model.predict({"x": [10]}, params={"a": 1, "b": 5}), [15])


def test_predict_at_given_parameters_before_any_fit() -> None:
    model = st.Model("y ~ a*x + b")
    np.testing.assert_array_equal(model.predict({"x": [1, 2]}, params={"a": 3, "b": 4}), [7, 10])
    model.fit({"x": [0, 1, 2], "y": [1, 3, 5], "b": [1, 1, 1]}, rate=0.2, epochs=500)  # its roles are still open
    assert set(model.params) == {"a"}


def test_predict_of_a_constant() -> None:
    model = st.Model("y ~ a").fit({"y": [1.0, 2, 6]}, rate=0.3, epochs=200)
    found = model.predict({"y": [0.0, 0]})
    assert found.shape == (2,)
    np.testing.assert_allclose(found, 3, atol=1e-12)


def test_names_in_backticks_and_unicode() -> None:
    table = {"petal length": [1.0, 2, 3], "größe": [2.0, 4, 6]}
    model = st.Model("größe ~ `petal length`*ω").fit(table, rate=0.1, epochs=200)
    assert model.params == {"ω": pytest.approx(2, abs=1e-12)}


def test_target_may_be_an_expression_of_columns() -> None:
    model = st.Model("log(y) ~ a*x").fit({"x": [1.0, 2], "y": [np.exp(3), np.exp(6)]}, rate=0.1, epochs=300)
    assert model.params["a"] == pytest.approx(3, abs=1e-10)


# -- rows and notes ----------------------------------------------------------------------------------------------


def test_rows_with_holes() -> None:
    table = {"x": [1.0, None, 3.0, 4.0], "y": [2.0, 4.0, None, 8.0], "other": [None, 1, 1, 1]}
    with pytest.raises(TableError, match="data row 2 of column 'x' has no value"):
        st.Model("y ~ a*x").fit(table)
    model = st.Model("y ~ a*x").fit(table, na="drop", rate=0.01, epochs=2000)
    assert model.notes == ["2 of 4 rows have a missing value and were left out"]
    assert model.params["a"] == pytest.approx(2, abs=1e-10)
    assert len(model.predict(table, na="drop")) == 3  # y is not needed


def test_a_parameter_that_looks_like_a_column_is_noted() -> None:
    model = st.Model("virginica ~ sigmoid(petal_lenght*w1 + petal_width*w2 + b)").fit(IRIS, epochs=1)
    assert model.notes == ["'petal_lenght' is not a column, so it is a parameter; did you mean 'petal_length'?"]
    plain = st.Model("virginica ~ sigmoid(petal_length*slope + shift)").fit(IRIS, epochs=1)
    assert plain.notes == []
    table = {"petal_length": [1.0, 2], "virginica": [0.0, 1], "slope": [7.0, 7], "slop": [7.0, 7]}
    assert plain.fit(table, epochs=1).notes == []


# -- truth tables at given weights (E1, D1) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "weights"),
    [
        ("or", {"w1": 1, "w2": 1, "b": -1}),
        ("and", {"w1": 1, "w2": 1, "b": -2}),
        ("nand", {"w1": -1, "w2": -1, "b": 1}),
    ],
)
def test_e1_threshold_unit_as_a_gate(gate: str, weights: dict[str, float]) -> None:
    truth = {"or": [0, 1, 1, 1], "and": [0, 0, 0, 1], "nand": [1, 1, 1, 0]}
    assert st.models.threshold_unit().predict(gate, params=weights).tolist() == truth[gate]


def test_e1_xor_by_a_network_set_by_hand() -> None:
    """Hidden units OR and NAND, their AND as the output."""
    weights = {"W1": [[1, -1], [1, -1]], "b1": [-1, 1], "W2": [[1], [1]], "b2": [-2]}
    model = st.models.network([2, 2, 1], activation="step", output="step", cost="mse")
    X = [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert model.predict({"X": X}, params=weights).tolist() == [0, 1, 1, 0]


def test_a_threshold_unit_says_why_it_cannot_be_fitted() -> None:
    with pytest.raises(ModelError) as caught:
        st.models.threshold_unit().fit("and")
    for part in ("cannot be trained by its gradient", "the derivative of step is 0", "use sigmoid"):
        assert part in str(caught.value)


def test_one_moving_parameter_is_enough_to_fit() -> None:
    """A step somewhere does not stop a model that has another way to move."""
    model = st.Model("y ~ step(x*w) + c").fit({"x": [1.0, 2], "y": [4.0, 4]}, start={"w": 1}, rate=0.3, epochs=100)
    assert model.params["c"] == pytest.approx(3, abs=1e-12)


# -- check and derive --------------------------------------------------------------------------------------------


def test_check_passes_and_finds_the_layerwise_factor() -> None:
    model = st.models.chain(2)
    table = {"x": [0.2, -0.4, 1, 0.7], "y": [0.3, 0.6, 0.9, 0.1]}
    at = {"w1": 0.8, "b1": 0.1, "w2": -1.2, "b2": 0.2}
    assert model.check(table, at=at).ok
    wrong = {row.name: row.factor for row in model.check(table, at=at, method="layerwise")}
    assert wrong == {"w1": pytest.approx(2), "b1": pytest.approx(2), "w2": None, "b2": None}


def test_check_takes_the_fitted_parameters() -> None:
    """At the minimum the slope is 0; at the drawn start it is not."""
    table = {"x": [1.0, 2], "y": [2.0, 5]}
    model = st.Model("y ~ a*x")
    assert abs(next(iter(model.check(table))).given) > 0.1
    model.fit(table, rate=0.1, epochs=500)
    assert abs(next(iter(model.check(table))).given) < 1e-12
    with pytest.raises(SteepestError, match="at has 'q'"):
        model.check(table, at={"q": 1})


def test_derive_ends_in_the_gradient() -> None:
    model = st.models.linear()
    assert str(model.derive("w").result) == "mean(2*(x*w - y)*x)"


# -- errors ------------------------------------------------------------------------------------------------------


def raises(kind: type[SteepestError], says: str, action: Any) -> None:
    with pytest.raises(kind) as caught:
        action()
    assert says in str(caught.value)


def test_errors_of_formulas() -> None:
    raises(FormulaError, "no '~'", lambda: st.Model("x*w + b").fit("nand"))
    raises(FormulaError, "", lambda: st.Model("z ~ x*(w").fit("nand"))
    raises(ModelError, "no cost 'msee'; did you mean 'mse'?", lambda: st.Model(NEURON, "msee"))


def test_a_target_that_is_not_a_column() -> None:
    raises(ModelError, "did you mean 'virginica'?", lambda: st.Model("virginia ~ sigmoid(petal_length*w)").fit(IRIS))
    raises(ModelError, "'z2', which is not a column", lambda: st.Model("z2 ~ x*w").fit("nand"))


def test_errors_of_use_before_a_fit(tmp_path: Path) -> None:
    raises(ModelError, "'a' has no value yet", lambda: st.Model("y ~ a*x", data=["x", "y"]).predict({"x": [1]}))
    raises(ModelError, "'a' has no value yet", lambda: st.Model("y ~ a*x").predict({"x": [1]}))
    raises(ModelError, "no parameters to save yet", lambda: st.Model("y ~ a*x").save(tmp_path / "m.safetensors"))
    raises(ModelError, "which names are columns", lambda: st.Model("y ~ a*x").prediction)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_column() -> None:
    model = st.Model("y ~ a*x").fit({"x": [1.0, 2], "y": [2.0, 4]}, epochs=1)
    raises(TableError, "no column 'x'", lambda: model.predict({"X1": [1.0]}))
    raises(TableError, "no column 'y'", lambda: model.fit({"x": [1.0]}))


def test_a_cost_of_your_own_works_and_is_not_saved(tmp_path: Path) -> None:
    def quartic(prediction: st.Expression, target: st.Expression) -> st.Expression:
        return st.mean((prediction - target) ** 4)

    model = st.Model("y ~ a*x", quartic).fit({"x": [1.0], "y": [2.0]}, start={"a": 1.0}, rate=0.1, epochs=1)
    assert model.params["a"] == pytest.approx(1 + 0.1 * 4, abs=1e-15)
    raises(ModelError, "only a model with a named cost", lambda: model.save(tmp_path / "m.safetensors"))

    def mse(prediction: st.Expression, target: st.Expression) -> st.Expression:
        return quartic(prediction, target)

    impostor = st.Model("y ~ a*x", mse).fit({"x": [1.0], "y": [2.0]}, epochs=1)
    raises(ModelError, "only a model with a named cost", lambda: impostor.save(tmp_path / "m.safetensors"))
    assert list(tmp_path.iterdir()) == []


# -- real data ---------------------------------------------------------------------------------------------------


def test_iris_converges_to_maximum_likelihood() -> None:
    """Logistic regression on two standardised columns, against scikit-learn without penalty."""
    from sklearn import linear_model

    frame = pl.read_csv(IRIS).select("sepal_width", "petal_width", "virginica").to_numpy().astype(float)
    X, z = (frame[:, :2] - frame[:, :2].mean(axis=0)) / frame[:, :2].std(axis=0), frame[:, 2]
    oracle = linear_model.LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(X, z)
    model = st.Model("z ~ sigmoid(x*w1 + y*w2 + b)", "cross_entropy")
    model.fit({"x": X[:, 0], "y": X[:, 1], "z": z}, rate=2.0, epochs=20_000, gradient_tolerance=1e-9)
    assert model.run is not None
    assert model.run.stop == "gradient"
    found = [model.params[name] for name in ("w1", "w2", "b")]
    np.testing.assert_allclose(found, [*oracle.coef_[0], oracle.intercept_[0]], rtol=1e-4)
    a = sigmoid(X @ np.array(found[:2]) + found[2])
    slope = np.array([*((a - z) @ X), np.sum(a - z)]) / len(z)
    assert np.abs(slope).max() < 1e-8
