"""Standardised columns: means and deviations by NumPy, the same predictions by every way out, sound saved files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.datasets
import statsmodels.api as sm
from sklearn.preprocessing import StandardScaler

import steepest as st
from export_harness import library
from steepest.errors import ModelError, StorageError, TableError
from steepest.export import export_bytes, largest_difference
from steepest.models.builders import network_for
from steepest.models.estimators import NetworkClassifier
from steepest.storage import tensors
from steepest.tables import parts
from steepest.tables.standardised import scale_of, standardised
from steepest.tables.table import open_table

RNG = np.random.default_rng(5)


def wine() -> pd.DataFrame:
    return sklearn.datasets.load_wine(as_frame=True).frame.rename(columns=lambda name: name.split("/")[0])


@pytest.fixture(scope="module")
def network() -> st.Model:
    table = wine()
    return network_for(open_table(table), "proline", [3], scale="standard").fit(table, epochs=50)


# -- the columns ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "linnerud"])
def test_scales_are_those_of_scikit_learn(name: str) -> None:
    X = getattr(sklearn.datasets, f"load_{name}")().data
    found = scale_of(open_table({"X": X}), "X")
    wanted = StandardScaler().fit(X)
    np.testing.assert_allclose(found.mean, wanted.mean_, rtol=1e-13, atol=1e-15 * float(np.abs(X).max()))
    np.testing.assert_allclose(found.deviation, wanted.scale_, rtol=1e-12)


def test_the_deviation_of_values_far_from_zero_keeps_its_digits() -> None:
    values = np.array([1.0, 2.0, 4.0])
    found = scale_of(open_table({"x": 1e9 + values}), "x")
    assert float(found.deviation) == pytest.approx(float(values.std()), rel=1e-14)


@pytest.mark.parametrize("value", [0.0, 0.1, -7e300, 1e-300])
def test_a_constant_column_becomes_zero(value: float) -> None:
    table = open_table({"x": np.full(11, value)})
    assert standardised(table, {"x": scale_of(table, "x")}).select(["x"]).arrays["x"].tolist() == [0.0] * 11


def test_missing_values_do_not_count() -> None:
    found = scale_of(open_table({"x": [1.0, None, 3.0]}), "x")
    assert (float(found.mean), float(found.deviation)) == (2.0, 1.0)


def test_a_table_in_parts_has_the_scale_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG.normal(1e3, 2, 5000)
    pl.DataFrame({"x": values}).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(parts, "WHOLE_BYTES", 8000)
    monkeypatch.setattr("steepest.tables.standardised.PART_BYTES", 8 * 700)
    found = scale_of(open_table(tmp_path / "t.parquet"), "x")
    assert float(found.mean) == pytest.approx(float(values.mean()), rel=1e-14)
    assert float(found.deviation) == pytest.approx(float(values.std()), rel=1e-12)


def test_descents_in_parts_read_standardised_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = RNG.normal(1e4, 50, 4000)
    pl.DataFrame({"x": x, "y": 3 * x + 7}).write_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(parts, "WHOLE_BYTES", 8000)
    monkeypatch.setattr(parts, "PART_BYTES", 8 * 2 * 500)
    model = st.Model("y ~ a*x + b", scale="standard").fit(tmp_path / "t.parquet", batch=50, epochs=40)
    assert model.is_read_in_parts(model.use(tmp_path / "t.parquet"))
    found = model.unscaled().params
    assert float(found["a"]) == pytest.approx(3, rel=1e-3)


# -- what is standardised -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "settings", "names"),
    [
        ("y ~ a*x + b", {}, {"x", "y"}),
        ("y ~ b - x*a + c*k", {}, {"x", "k", "y"}),
        ("y ~ a*exp(-x/tau) + b", {}, {"x", "y"}),
        ("y ~ a*x + b", {"cost": "huber"}, {"x", "y"}),
        ("y ~ a*x", {}, {"x"}),  # no parameter takes up the mean of y
        ("y ~ exp(a*x + b)", {"cost": "poisson"}, {"x"}),
        ("y ~ a*x + b*a", {}, {"x"}),
        ("y ~ x + b", {}, {"x"}),  # the slope is fixed
        ("log(y) ~ a*x + b", {}, {"x"}),
        ("y ~ a*x + b + y", {}, {"x"}),
        ("y ~ sigmoid(a*x + b)", {}, {"x"}),
        ("y ~ a*x + b", {"class_weight": {1.0: 2.0}}, {"x"}),
    ],
)
def test_inputs_are_standardised_and_targets_that_parameters_can_undo(
    formula: str, settings: dict[str, Any], names: set[str]
) -> None:
    model = st.Model(formula, scale="standard", **settings)
    model.use({"x": [1.0, 2.0, 4.0], "k": [3.0, 1.0, 9.0], "y": [1.0, 5.0, 4.0]})
    assert set(model.scales) == names


def test_other_scales_are_refused() -> None:
    with pytest.raises(TableError, match="scale is \"standard\", or None for columns in their own units, not 'minmax'"):
        st.Model("y ~ a*x", scale="minmax")


# -- fits -----------------------------------------------------------------------------------------------------


def test_plain_descent_arrives_on_a_table_in_large_units() -> None:
    sqft = RNG.uniform(500, 4000, 80)
    table = {"sqft": sqft, "price": 150 * sqft + 2e4 + RNG.normal(0, 1e4, 80)}
    with pytest.warns(st.SteepestWarning, match="diverged"):
        st.Model("price ~ a*sqft + b").fit(table, rate=0.1, epochs=200)
    model = st.Model("price ~ a*sqft + b", scale="standard").fit(table, rate=0.1, epochs=200)
    wanted = sm.OLS(table["price"], sm.add_constant(sqft)).fit().params
    found = model.unscaled().params
    np.testing.assert_allclose([float(found["b"]), float(found["a"])], wanted, rtol=1e-8)


def test_errors_of_a_standardised_fit_are_those_of_the_same_regression() -> None:
    table = {"x": RNG.uniform(100, 200, 30), "y": RNG.normal(5, 1, 30)}
    table["y"] = table["y"] + 0.1 * table["x"]
    model = st.Model("y ~ a*x + b", scale="standard").fit(table)
    peer = sm.OLS(table["y"], sm.add_constant(StandardScaler().fit_transform(table["x"][:, None]))).fit()
    scale = float(model.scales["y"].deviation)
    found = model.run.uncertainty()
    np.testing.assert_allclose(float(found.standard_errors["a"]) * scale, peer.bse[1], rtol=1e-9)
    assert found.residual_sd == pytest.approx(float(np.sqrt(peer.scale)), rel=1e-10)  # in the unit of y
    assert model.evaluate(table)["r2"] == pytest.approx(peer.rsquared, rel=1e-10)


# -- the same predictions everywhere --------------------------------------------------------------------------


def by_hand(model: st.Model, table: pd.DataFrame) -> np.ndarray:
    X, y = table[list(model.blocks["X"])].to_numpy(), table["proline"].to_numpy()
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    p = model.params
    return y.mean() + y.std() * (np.tanh(Z @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"])[:, 0]


def test_predictions_are_in_the_units_of_the_table(network: st.Model, tmp_path: Path) -> None:
    table = wine()
    wanted = by_hand(network, table)
    np.testing.assert_allclose(network.predict(table), wanted, rtol=1e-12)
    np.testing.assert_allclose(network.predict(network.samples(table)), wanted, rtol=1e-12)
    np.testing.assert_allclose(network.unscaled().predict(table), wanted, rtol=1e-9)
    network.save(tmp_path / "m.safetensors")
    loaded = st.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(table), network.predict(table))
    assert loaded.scale == "standard"
    few = table.iloc[:3]  # not standardised by their own means
    np.testing.assert_allclose(loaded.predict(few), wanted[:3], rtol=1e-12)
    assert network.evaluate(table)["mse"] == pytest.approx(float(np.mean((wanted - table["proline"]) ** 2)))


def test_exported_files_take_columns_in_their_own_units(network: st.Model, tmp_path: Path) -> None:
    table, wanted = wine(), by_hand(network, wine())
    network.export(tmp_path / "m.onnx")
    assert largest_difference(network, tmp_path / "m.onnx", table) < 1e-9 * np.abs(wanted).max()
    scope: dict[str, Any] = {}
    exec(export_bytes(network, "numpy"), scope)
    X = np.ascontiguousarray(table[list(network.blocks["X"])].to_numpy())
    np.testing.assert_allclose(scope["predict"](X=X), wanted, rtol=1e-11)
    functions = library([export_bytes(network, "c")])
    assert functions.model_predict is not None
    assert b"X_mean" in export_bytes(network, "numpy")


def test_c_that_trains_is_refused_for_standardised_columns(network: st.Model) -> None:
    with pytest.raises(ModelError, match="standardised"):
        export_bytes(network, "c-train")


def test_unscaled_parameters_of_formulas() -> None:
    table = {"x": RNG.uniform(10, 20, 25), "k": RNG.normal(1e3, 5, 25), "y": RNG.normal(-50, 4, 25)}
    for formula in ("y ~ b - a*x + c*k", "y ~ w*tanh(u*x + v*k + q) + b", "y ~ b + x*a - (k*c)"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", st.SteepestWarning)
            model = st.Model(formula, scale="standard").fit(table, epochs=20)
        plain = model.unscaled()
        np.testing.assert_allclose(plain.predict(table), model.predict(table), rtol=1e-9)
        assert plain.scales == {}


@pytest.mark.parametrize("formula", ["y ~ a*x^2 + b", "y ~ a*exp(-x/tau) + b", "y ~ a*x + b*x + c*a"])
def test_parameters_that_nothing_undoes_are_refused(formula: str) -> None:
    model = st.Model(formula, scale="standard").fit({"x": [1.0, 2.0, 3.0, 5.0], "y": [1.0, 4.0, 2.0, 8.0]}, epochs=3)
    with pytest.raises(ModelError, match="no parameters of the formula undo its scale"):
        model.unscaled()


# -- saved files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scales", "said"),
    [
        ({"x": [0.0, 0.0]}, "no positive standard deviation"),
        ({"x": [0.0, -1.0]}, "no positive standard deviation"),
        ({"x": [[0.0], [1.0]]}, "do not fit its columns"),
        ({"q": [0.0, 1.0]}, "do not fit its columns"),
        ({"x": [0.0, 1e400]}, "do not fit its columns"),
        ({"x": [0.0]}, "metadata is incomplete"),
        ({"x": "ab"}, "metadata is incomplete"),
        ([1], "metadata is incomplete"),
    ],
)
def test_forged_scales_are_refused(scales: Any, said: str, tmp_path: Path) -> None:
    about = {"version": "1", "formula": "y ~ a*x", "cost": "mse", "data": {"x": [], "y": []}, "parameter": {"a": []}}
    tensors.save(tmp_path / "m", {"a": 1.0}, {**about, "scales": scales})
    with pytest.raises(StorageError, match=said):
        st.load(tmp_path / "m")


def test_only_files_with_scales_need_a_new_steepest(network: st.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "scaled")
    network.unscaled().save(tmp_path / "plain")
    heads = [(tmp_path / name).read_bytes()[8:].partition(b'"}}')[0] for name in ("scaled", "plain")]
    assert [b'\\"format\\": 2' in head for head in heads] == [True, False]


# -- estimators -----------------------------------------------------------------------------------------------


def test_networks_name_columns_that_saturate() -> None:
    found = sklearn.datasets.load_wine(as_frame=True)
    with pytest.warns(UserWarning, match="'magnesium', 'proline' are so large that the hidden units saturate"):
        NetworkClassifier((8,), "sigmoid", random_state=0, epochs=2).fit(
            found.data.drop(columns="alcalinity_of_ash"), found.target
        )
    with pytest.warns(UserWarning, match="'magnesium', 'proline' are so large that a network may"):
        NetworkClassifier((8,), "relu", random_state=0, epochs=2).fit(found.data, found.target)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkClassifier((8,), "tanh", random_state=0, epochs=2).fit(
            StandardScaler().fit_transform(found.data), found.target
        )
