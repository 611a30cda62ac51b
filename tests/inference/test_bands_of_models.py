"""Bands of fitted and saved models against statsmodels, lmfit and NumPy, and what files without errors are answered."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import lmfit
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

import steepest as st
from model_files import ABOUT, forge
from peer_models import LIKELIHOODS, SQUARES, WEIGHTED
from steepest.errors import InferenceError, StorageError

RNG = np.random.default_rng(17)
X, U = RNG.uniform(0, 4, 30), RNG.normal(size=30)
TABLE = {"x": X, "u": U, "y": 1 + 0.5 * X - U + 0.4 * RNG.normal(size=30)}
NEW = {"x": np.array([-1.0, 0.0, 2.5, 7.0]), "u": np.array([0.0, 1.0, -1.0, 3.0])}


def again(model: st.Model, folder: Path) -> st.Model:
    """The model from a file."""
    model.save(folder / "m.safetensors")
    return st.load(folder / "m.safetensors")


def test_a_regression_with_two_inputs_is_that_of_statsmodels(tmp_path: Path) -> None:
    model = again(st.Model("y ~ a + b*x + c*u").fit(TABLE), tmp_path)
    design, new = (sm.add_constant(np.column_stack([t["x"], t["u"]]), has_constant="add") for t in (TABLE, NEW))
    true = sm.OLS(TABLE["y"], design).fit().get_prediction(new).summary_frame(0.1)
    found = model.bands(NEW, 0.9)
    np.testing.assert_allclose(found.standard_errors, true["mean_se"], rtol=1e-8)
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-8)
    assert found.interval is not None
    np.testing.assert_allclose(found.interval, true[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-8)


def test_a_weighted_regression_is_that_of_statsmodels(tmp_path: Path) -> None:
    peer = WEIGHTED["line"]
    model = again(st.Model(peer.formula, weights="w").fit(peer.table), tmp_path)
    new = np.array([0.0, 9.0])
    fitted = sm.WLS(peer.y, sm.add_constant(peer.x), weights=peer.table["w"]).fit()
    true = fitted.get_prediction(sm.add_constant(new), weights=1).summary_frame(0.05)
    found = model.bands({"x": new})
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-7)
    assert found.interval is not None
    np.testing.assert_allclose(found.interval, true[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-7)


@pytest.mark.parametrize("name", ["Misra1a", "DanWood", "Rat42"])
def test_curves_have_the_errors_of_lmfit(tmp_path: Path, name: str) -> None:
    peer = SQUARES[name]
    model = again(st.Model(peer.formula).fit({"x": peer.x, "y": peer.y}, start=peer.start), tmp_path)
    new = np.linspace(peer.x.min(), 1.2 * peer.x.max(), 7)
    peers = lmfit.Model(peer.function, independent_vars=["x"]).fit(
        peer.y, x=peer.x, **{key: lmfit.Parameter(key, value) for key, value in peer.start.items()}
    )
    found = model.bands({"x": new}, 0.9)
    # lmfit differs in its covariance, by numerical derivatives, and in nothing else.
    np.testing.assert_allclose(found.standard_errors * stats.t.ppf(0.95, len(peer.x) - len(peer.start)),
                               peers.eval_uncertainty(x=new, sigma=0.9), rtol=2e-3)  # fmt: skip
    assert found.interval is not None
    reach = (found.interval[1] - found.interval[0]) / 2
    np.testing.assert_allclose(reach, peers.dely_predicted, rtol=2e-3)


@pytest.mark.parametrize("name", ["logit", "counts"])
def test_probabilities_and_counts_have_the_intervals_of_statsmodels(tmp_path: Path, name: str) -> None:
    peer = LIKELIHOODS[name]
    model = again(st.Model(peer.formula, peer.cost).fit({"x": peer.x, "y": peer.y}, start=peer.start), tmp_path)
    family = sm.families.Binomial() if name == "logit" else sm.families.Poisson()
    fitted = sm.GLM(peer.y, sm.add_constant(peer.x), family=family).fit(tol=1e-14)
    true = fitted.get_prediction(sm.add_constant(NEW["x"])).summary_frame(0.05)
    found = model.bands({"x": NEW["x"]})
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-6)
    assert found.interval is None


def test_fixed_parameters_have_no_error(tmp_path: Path) -> None:
    model = st.Model("y ~ a + b*x + c*u").fit(TABLE, fixed={"b": 0.5})
    true = sm.OLS(TABLE["y"] - 0.5 * X, sm.add_constant(U)).fit()
    expected = true.get_prediction(sm.add_constant(NEW["u"])).summary_frame(0.05)
    for each in (model, again(model, tmp_path)):
        found = each.bands(NEW)
        np.testing.assert_allclose(found.standard_errors, expected["mean_se"], rtol=1e-8)
        assert {**each.uncertainty(TABLE).standard_errors} == pytest.approx(dict(zip("ac", true.bse, strict=True)))


def test_a_saved_model_keeps_every_digit(tmp_path: Path) -> None:
    model = st.Model("y ~ a + b*x + c*u").fit(TABLE)
    before, after = model.bands(NEW), again(model, tmp_path).bands(NEW)
    for one, other in ((before.confidence, after.confidence), (before.interval, after.interval)):
        np.testing.assert_array_equal(one, other)
    model = again(model, tmp_path)
    model.save(tmp_path / "n.safetensors")  # and saved again
    np.testing.assert_array_equal(st.load(tmp_path / "n.safetensors").bands(NEW).confidence, before.confidence)


def test_outputs_and_layers_of_one_output() -> None:
    several = st.Model("Y ~ x*b + c", params={"b": 2, "c": 2})
    found = several.fit({"x": X, "Y": np.column_stack([TABLE["y"], -TABLE["y"]])}).bands(NEW)
    np.testing.assert_allclose(found.confidence[0][:, 0], -found.confidence[1][:, 1], rtol=1e-9)
    layer = st.Model("y ~ X @ W + b", params={"W": (2, 1), "b": (1,)})
    alike = layer.fit({"X": np.column_stack([X, U]), "y": TABLE["y"]})
    plain = st.Model("y ~ a + b*x + c*u").fit(TABLE)
    if alike.parameter_errors.refusal is None:
        shapes = alike.bands({"X": np.column_stack([NEW["x"], NEW["u"]])}).confidence[0].shape
        assert shapes == plain.bands(NEW).confidence[0].shape == (4,)


NETWORK = st.models.network([2, 3, 1], output="linear")


@pytest.mark.parametrize(
    ("model", "settings", "said"),
    [
        (st.Model("y ~ a + b*x"), {"rate": 0.01, "epochs": 5}, "standard errors from the minimum"),
        (st.Model("y ~ a + b*x", l2=0.1), {}, "the penalty l2 pulls"),
        (st.Model("y ~ a + b*x", "huber"), {}, "neither a sum of squares nor a likelihood"),
        (st.Model("y ~ a + b*x + c*x"), {}, "the Hessian is singular: 'b', 'c'"),
        (st.Model("y ~ a + b*x"), {"bounds": {"b": (None, 0.1)}}, "the parameter 'b' is at its bound 0.1"),
        (st.Model("y ~ a + b*x"), {"validate": 0.3}, "not fitted to all rows of a table in memory"),
        (st.Model("y ~ a*tanh(b*x) + c*tanh(d*x)"), {"epochs": 3}, "2 tanh units inside"),
    ],
    ids=lambda each: str(each)[:40],
)
def test_what_has_no_errors_says_why_from_the_file_too(
    tmp_path: Path, model: st.Model, settings: dict[str, Any], said: str
) -> None:
    model.fit(TABLE, **settings)
    for each in (model, again(model, tmp_path)):
        with pytest.raises(InferenceError, match=said):
            each.bands(NEW)
        with pytest.raises(InferenceError, match=said):
            each.uncertainty(TABLE)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan, "0.95", True])
def test_levels_are_between_0_and_1(level: Any) -> None:
    with pytest.raises(InferenceError, match="a confidence level is a number between 0 and 1"):
        st.Model("y ~ a + b*x").fit(TABLE).bands(NEW, level)


def test_parameters_that_were_changed_have_no_errors(tmp_path: Path) -> None:
    model = again(st.Model("y ~ a + b*x").fit(TABLE), tmp_path)
    model.params["b"] += 1
    with pytest.raises(InferenceError, match="are not those at which a fit of this model ended"):
        model.bands(NEW)
    model.fit(TABLE)
    assert model.bands(NEW).interval is not None
    by_hand = st.Model("y ~ a + b*x", data=["x", "y"])
    by_hand.params = {"a": 1.0, "b": 2.0}
    with pytest.raises(InferenceError, match="are not those at which a fit of this model ended"):
        again(by_hand, tmp_path).bands(NEW)


def test_another_fit_has_other_errors_at_the_same_estimates() -> None:
    model, values = st.Model("y ~ m"), [1.0, 2, 3, 6]
    for copies in (1, 2):
        model.fit({"y": values * copies})
        assert float(model.params["m"]) == 3
        error = float(np.std(values * copies, ddof=1)) / math.sqrt(4 * copies)
        assert model.bands({"x": [0.0]}).standard_errors[0] == pytest.approx(error, rel=1e-12)


def test_files_of_older_versions_are_read(tmp_path: Path) -> None:
    model = st.load(forge(tmp_path / "m.safetensors", ABOUT))
    assert model.predict({"x": [3.0]}).tolist() == [6.0]
    with pytest.raises(InferenceError, match="as an older version wrote it; fit the model again and save it"):
        model.bands({"x": [3.0]})


GOOD = {"labels": ["a"], "covariance": [0.25], "variance": 4.0, "freedom": 3.0}


def test_a_forged_covariance_is_used(tmp_path: Path) -> None:
    """So that what is refused below is refused for what is wrong with it."""
    found = st.load(forge(tmp_path / "m.safetensors", {**ABOUT, "uncertainty": GOOD})).bands({"x": [3.0]})
    assert found.standard_errors.tolist() == [1.5]
    assert found.interval is not None
    assert float(found.interval[1][0]) == pytest.approx(6 + stats.t.ppf(0.975, 3) * 2.5, rel=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ["b"]}, {"labels": []}, {"labels": "a"}, {"labels": ["a", "a"], "covariance": [1, 1, 1]},
        {"labels": [["a"]]}, {"covariance": []}, {"covariance": [1.0, 2.0]}, {"covariance": [-1.0]},
        {"covariance": ["1"]}, {"covariance": [True]}, {"covariance": [None]}, {"covariance": [math.nan]},
        {"covariance": [10**400]}, {"covariance": 1.0}, {"variance": -1}, {"variance": math.inf}, {"variance": "4"},
        {"freedom": 0}, {"freedom": -2}, {"freedom": [3]}, {"refusal": 7}, {"refusal": ""}, {"refusal": "a\x1b[2J"},
        {"refusal": "x" * 2000}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_errors_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = forge(tmp_path / "m.safetensors", {**ABOUT, "uncertainty": {**GOOD, **change}})
    with pytest.raises(StorageError, match=r"is not a usable model: (its|the) [a-z ]+"):
        st.load(path)


@pytest.mark.parametrize("value", [None, [], 7, "x"])
def test_errors_of_another_type_are_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(StorageError, match="is not a usable model: its standard errors cannot be read"):
        st.load(forge(tmp_path / "m.safetensors", {**ABOUT, "uncertainty": value}))


def test_a_correlation_above_1_is_refused(tmp_path: Path) -> None:
    about = {"formula": "y ~ a*x + b", "cost": "mse", "data": {"x": [], "y": []}, "parameter": {"a": [], "b": []}}
    for covariance, good in (([1.0, 0.9, 1.0], True), ([1.0, 1.1, 1.0], False)):
        errors = {"labels": ["a", "b"], "covariance": covariance, "variance": None, "freedom": None}
        path = forge(tmp_path / "m.safetensors", {**about, "uncertainty": errors}, {"a": 1.0, "b": 2.0})
        if good:
            assert st.load(path).bands({"x": [1.0]}).standard_errors[0] == pytest.approx(math.sqrt(3.8))
        else:
            with pytest.raises(StorageError, match="its covariance is not that of any estimates"):
                st.load(path)
