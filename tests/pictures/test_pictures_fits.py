"""Pictures of fits: numbers against statsmodels, SciPy and NumPy, and the structure of what is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

import steepest as st
from picture_parts import group, parsed, words
from steepest.errors import InferenceError, PictureError
from steepest.pictures.fits.numbers import Fit, Residuals, Section

RNG = np.random.default_rng(29)
X, U = RNG.uniform(1, 6, 40), RNG.normal(size=40)
LINE: dict[str, Any] = {"x": X, "u": U, "y": 1 + 0.5 * X - U + 0.3 * RNG.normal(size=40)}
DECAY = {"t": X, "y": 4 * np.exp(-0.7 * X) + 1 + 0.05 * RNG.normal(size=40)}
CLASSES = {"x": np.repeat(X, 3), "z": (RNG.random(120) < 1 / (1 + np.exp(3 - np.repeat(X, 3)))).astype(float)}
COUNTS = {"x": X, "k": RNG.poisson(np.exp(0.3 * X)).astype(float)}


def line() -> st.Model:
    return st.Model("y ~ a + b*x + c*u").fit(LINE)


def logit() -> st.Model:
    return st.Model("z ~ sigmoid(a + b*x)", "cross_entropy").fit(CLASSES)


def decay() -> st.Model:
    return st.Model("y ~ a*exp(-k*t) + c").fit(DECAY, start={"a": 3.0, "k": 1.0, "c": 0.5})


def fit(*given: Any, **more: Any) -> Fit:
    found = st.pictures.fit(*given, **more).numbers
    assert isinstance(found, Fit)
    return found


def residuals(*given: Any, **more: Any) -> Residuals:
    found = st.pictures.residuals(*given, **more).numbers
    assert isinstance(found, Residuals)
    return found


# -- fit ----------------------------------------------------------------------------------------------------------


def test_a_line_has_the_bands_of_statsmodels() -> None:
    found = fit(st.Model("y ~ a + b*x").fit(LINE), LINE, interval=0.9, points=50)
    design = sm.add_constant(found.places)
    true = sm.OLS(LINE["y"], sm.add_constant(X)).fit().get_prediction(design).summary_frame(0.1)
    assert (found.axis, found.constant, found.refusal, len(found.places)) == ("x", {}, None, 50)
    assert found.places[0] < X.min()
    assert found.places[-1] > X.max()
    np.testing.assert_allclose(found.curve, true["mean"], rtol=1e-9)
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-7)
    np.testing.assert_allclose(found.interval, true[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-7)
    np.testing.assert_array_equal(found.y, LINE["y"])


def test_several_inputs_are_drawn_over_the_fitted_value() -> None:
    found = fit(line(), LINE)
    true = sm.OLS(LINE["y"], sm.add_constant(np.column_stack([X, U]))).fit()
    order = np.argsort(true.fittedvalues)
    frame = true.get_prediction().summary_frame(0.05).iloc[order]
    assert found.axis == "fitted"
    np.testing.assert_allclose(found.x, true.fittedvalues, rtol=1e-9)
    np.testing.assert_allclose(found.residuals, true.resid, rtol=1e-7)
    np.testing.assert_allclose(found.places, found.curve, rtol=1e-12)
    np.testing.assert_allclose(found.confidence, frame[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-7)
    np.testing.assert_allclose(found.interval, frame[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-7)


def test_along_one_input_the_others_are_at_their_medians() -> None:
    model, picture = line(), st.pictures.fit(line(), LINE, along="x")
    found, middle = picture.numbers, float(np.median(U))
    assert found.constant == {"u": middle}
    a, b, c = (float(model.params[name]) for name in "abc")
    np.testing.assert_allclose(found.curve, a + b * found.places + c * middle, rtol=1e-9)
    np.testing.assert_allclose(found.y, LINE["y"] - c * (U - middle), rtol=1e-9)
    design = np.column_stack([np.ones(500), found.places, np.full(500, middle)])
    true = sm.OLS(LINE["y"], sm.add_constant(np.column_stack([X, U]))).fit().get_prediction(design).summary_frame(0.05)
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-7)
    shown = " ".join(words(parsed(picture.svg())))
    assert f"at the median u = {middle:.4g}" in shown.replace("−", "-")
    assert "y, adjusted" in shown
    assert "held at their medians" in picture.description


def test_of_many_other_inputs_the_medians_are_in_the_description() -> None:
    table = {name: RNG.normal(size=40) for name in ("p", "q", "r", "s")} | LINE
    picture = st.pictures.fit(st.Model("y ~ a + b*x + c*u + d*p + e*q + f*r").fit(table), table, along="x")
    assert "at the medians of 4 other inputs" in " ".join(words(parsed(picture.svg())))
    for name in ("u", "p", "q", "r"):
        assert f"{name} = {np.median(table[name]):.4g}" in picture.description.replace("−", "-")


def test_groups_of_columns_have_their_own_names() -> None:
    table = {"X": np.column_stack([X, U]), "y": LINE["y"]}
    model = st.Model("y ~ X @ w + b", params={"w": 2}).fit(table)
    found, alike = fit(model, table, along="X[1]"), fit(line(), LINE, along="u")
    np.testing.assert_allclose(found.confidence, alike.confidence, rtol=1e-7)
    np.testing.assert_allclose(found.y, alike.y, rtol=1e-9)
    assert found.constant == {"X[0]": float(np.median(X))}


def test_classes_have_the_intervals_of_statsmodels_and_means_of_groups() -> None:
    picture = st.pictures.fit(logit(), CLASSES, points=30)
    found = picture.numbers
    fitted = sm.GLM(CLASSES["z"], sm.add_constant(CLASSES["x"]), family=sm.families.Binomial()).fit(tol=1e-14)
    true = fitted.get_prediction(sm.add_constant(found.places)).summary_frame(0.05)
    np.testing.assert_allclose(found.confidence, true[["mean_ci_lower", "mean_ci_upper"]].T, rtol=1e-6)
    assert found.interval is None
    order = np.argsort(CLASSES["x"], kind="stable").reshape(10, 12)
    np.testing.assert_allclose(found.groups, [CLASSES[name][order].mean(axis=1) for name in ("x", "z")], rtol=1e-12)
    root = parsed(picture.svg())
    assert {"95 % confidence", "samples", "fit", "means of groups"} <= set(words(root))
    assert group(root, "prediction") is None


def test_a_model_without_inputs_is_drawn_over_the_rows() -> None:
    found = fit(st.Model("y ~ m").fit({"y": LINE["y"]}), {"y": LINE["y"]})
    assert (found.axis, found.x.tolist()) == ("row", list(range(1, 41)))
    half = stats.t.ppf(0.975, 39) * LINE["y"].std(ddof=1) / np.sqrt(40)
    assert found.confidence is not None
    np.testing.assert_allclose(found.confidence[1] - found.curve, half, rtol=1e-9)


def test_a_saved_model_is_drawn_as_the_fitted_one(tmp_path: Path) -> None:
    model = decay()
    model.save(tmp_path / "m.safetensors")
    loaded = st.load(tmp_path / "m.safetensors")
    for make in (st.pictures.fit, st.pictures.residuals, st.pictures.profile):
        assert make(model, DECAY).svg() == make(loaded, DECAY).svg()  # type: ignore[operator]


def test_a_fit_without_errors_is_drawn_without_bands_and_says_why() -> None:
    model = st.Model("y ~ a + b*x").fit(LINE, rate=0.01, epochs=3)
    picture = st.pictures.fit(model, LINE)
    assert (picture.numbers.confidence, picture.numbers.interval) == (None, None)
    assert "There are no bands, as there are no standard errors: the parameters are" in picture.description
    root = parsed(picture.svg())
    assert "no bands: the fit has no standard errors" in words(root)
    assert group(root, "confidence") is None
    assert residuals(model, LINE).kind == "residual"


def test_the_picture_of_a_fit_has_its_parts() -> None:
    picture = st.pictures.fit(decay(), DECAY)
    root = parsed(picture.svg())
    assert {"95 % prediction", "95 % confidence", "samples", "fit", "t", "y", "residual"} <= set(words(root))
    for name in ("prediction", "confidence", "samples", "curve", "residuals"):
        assert group(root, name) is not None, name
    assert [axes.get_ylabel() for axes in picture.figure.axes] == ["y", "residual"]
    code = picture.tikz()
    assert code.count("-- cycle;") == 2
    assert code.count("\\addlegendentry") == 4
    assert [trace.name for trace in picture.interactive().data][-2:] == ["samples", "fit"]
    assert st.pictures.fit(line(), LINE).tikz().count("unbounded coords=jump") == 2
    wide = picture.numbers.interval[1] - picture.numbers.interval[0]
    assert f"± {wide.min() / 2:.4g}" in picture.description


def test_the_prediction_band_of_weighted_samples_is_that_of_weight_1() -> None:
    table = {**LINE, "w": RNG.uniform(50, 90, 40)}
    picture = st.pictures.fit(st.Model("y ~ a + b*x", weights="w").fit(table), table)
    true = sm.WLS(LINE["y"], sm.add_constant(X), weights=table["w"]).fit()
    expected = true.get_prediction(sm.add_constant(picture.numbers.places), weights=1).summary_frame(0.05)
    np.testing.assert_allclose(picture.numbers.interval, expected[["obs_ci_lower", "obs_ci_upper"]].T, rtol=1e-7)
    assert {"95 % prediction, weight 1", "95 % confidence"} <= set(words(parsed(picture.svg())))
    assert "of the prediction band of a value of weight 1 ±" in picture.description


def test_rows_with_missing_values_are_left_out() -> None:
    table = {**LINE, "y": np.where(np.arange(40) == 7, np.nan, LINE["y"])}
    model = st.Model("y ~ a + b*x").fit(table, na="drop")
    assert len(fit(model, table, na="drop").x) == 39
    assert residuals(model, table, na="drop").rows.tolist() == [*range(1, 8), *range(9, 41)]


def test_a_prediction_of_all_samples_together_has_no_curve_over_a_column() -> None:
    """x − mean(x) would be another number on the places of a curve."""
    model = st.Model("y ~ a + b*(x - mean(x))").fit(LINE)
    found, true = fit(model, LINE), sm.OLS(LINE["y"], sm.add_constant(X)).fit()
    assert found.axis == "fitted"
    np.testing.assert_allclose(found.x, true.fittedvalues, rtol=1e-9)
    with pytest.raises(PictureError, match="there is no curve over x; draw it over 'fitted'"):
        fit(model, LINE, along="x")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"along": "v"}, "'v' is no column of the prediction, which has x, u; name one of them, or 'fitted'"),
        ({"interval": 95}, "a confidence level is a number between 0 and 1"), ({"interval": 0}, "between 0 and 1"),
        ({"width": 99}, "a width is"),
    ],
)  # fmt: skip
def test_mistakes_about_a_fit(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(PictureError, match=said):
        st.pictures.fit(line(), LINE, **settings)


def test_several_outputs_are_refused() -> None:
    table = {"x": X, "c": (X > 3).astype(float) + (X > 5)}
    model = st.models.network([1, 3], output="softmax", target="c", features=["x"]).fit(table, epochs=3)
    for make in (st.pictures.fit, st.pictures.residuals):
        with pytest.raises(PictureError, match="each sample has several predictions here"):
            make(model, table)  # type: ignore[operator]


# -- residuals ----------------------------------------------------------------------------------------------------


def test_standardised_residuals_are_those_of_statsmodels() -> None:
    weights = RNG.uniform(0.3, 3, 40)
    table = {**LINE, "w": weights}
    for found, true in (
        (residuals(line(), LINE), sm.OLS(LINE["y"], sm.add_constant(np.column_stack([X, U])))),
        (residuals(st.Model("y ~ a + b*x", weights="w").fit(table), table),
         sm.WLS(LINE["y"], sm.add_constant(X), weights=weights)),
    ):  # fmt: skip
        assert found.kind == "standardised residual"
        # get_influence leaves the weights out of a weighted fit; its equations are those of whitened columns.
        whitened = sm.OLS(true.wendog, true.wexog).fit().get_influence()
        np.testing.assert_allclose(found.values, whitened.resid_studentized_internal, rtol=1e-7)
        theory, ordered = stats.probplot(found.values, fit=False)
        assert np.corrcoef(theory, np.sort(found.normal))[0, 1] > 0.9999  # another rule for the positions
        np.testing.assert_array_equal(found.values[np.argsort(found.normal)], ordered)


def test_quantiles_and_the_line_are_those_of_r() -> None:
    """ppoints(n, 3/8), and qqline through the quartiles."""
    found = residuals(line(), LINE)
    positions = (np.arange(1, 41) - 0.375) / 40.25
    np.testing.assert_allclose(np.sort(found.normal), stats.norm.ppf(positions), rtol=1e-9)
    low, high = np.quantile(found.values, [0.25, 0.75])
    slope = (high - low) / (stats.norm.ppf(0.75) - stats.norm.ppf(0.25))
    assert found.line == pytest.approx((low + slope * stats.norm.ppf(0.75), slope), rel=1e-9)


def test_counts_have_pearson_residuals_and_classes_have_means() -> None:
    model = st.Model("k ~ exp(a + b*x)", "poisson").fit(COUNTS)
    found = residuals(model, COUNTS)
    true = sm.GLM(COUNTS["k"], sm.add_constant(X), family=sm.families.Poisson()).fit(tol=1e-14)
    assert found.kind == "Pearson residual"
    np.testing.assert_allclose(found.values, true.resid_pearson, rtol=1e-6, atol=1e-9)
    picture = st.pictures.residuals(logit(), CLASSES)
    assert (picture.numbers.kind, len(picture.numbers.normal)) == ("residual", 0)
    assert len(picture.figure.axes) == 1
    assert "means of groups" in words(parsed(picture.svg()))


def test_rows_far_away_are_numbered() -> None:
    table = {**LINE, "y": np.where(np.arange(40) == 11, 20.0, LINE["y"])}
    picture = st.pictures.residuals(st.Model("y ~ a + b*x + c*u").fit(table), table)
    assert words(parsed(picture.svg())).count("12") == 2
    assert "The largest are of the rows 12." in picture.description
    assert st.pictures.residuals(line(), LINE).description.count("rows") == 0


def test_of_many_samples_those_far_away_are_drawn() -> None:
    """Some of 7000 are left out, but not the one in the middle that the fit misses most."""
    x = np.linspace(0, 1, 7001)
    y = x + 0.1 * np.random.default_rng(2).normal(size=7001)
    y[3458] = 5.0  # between rows that are drawn
    table = {"x": x, "y": y}
    model = st.Model("y ~ a + b*x").fit(table)
    picture = st.pictures.fit(model, table)
    drawn = next(line for line in picture.figure.axes[0].get_lines() if line.get_gid() == "samples")
    assert 4000 < len(np.asarray(drawn.get_xdata())) < 6000
    assert 5.0 in np.asarray(drawn.get_ydata())
    apart = st.pictures.residuals(model, table)
    assert words(parsed(apart.svg())).count("3459") == 2
    for axes, gid in zip(apart.figure.axes, ("residuals", "quantiles"), strict=True):
        drawn = next(line for line in axes.get_lines() if line.get_gid() == gid)
        assert np.asarray(drawn.get_ydata()).max() == apart.numbers.values[3458]


# -- profiles -----------------------------------------------------------------------------------------------------


def test_profiles_are_the_least_squares_of_scipy() -> None:
    picture = st.pictures.profile(decay(), names=["k"], interval=0.9)
    (section,) = picture.numbers
    assert isinstance(section, Section)

    def squares(k: float) -> float:
        design = np.column_stack([np.exp(-k * X), np.ones(40)])
        return float(np.sum((DECAY["y"] - design @ np.linalg.lstsq(design, DECAY["y"], rcond=None)[0]) ** 2))

    least = optimize.minimize_scalar(squares, bracket=(0.5, 0.9), options={"xtol": 1e-12})
    variance = least.fun / 37
    rises = [(squares(k) - least.fun) / variance for k in section.values]
    np.testing.assert_allclose(section.rises, rises, rtol=1e-6, atol=1e-6)
    cut = stats.t.ppf(0.95, 37) ** 2
    ends = [optimize.brentq(lambda k: (squares(k) - least.fun) / variance - cut, *pair)
            for pair in ((0.3, least.x), (least.x, 1.5))]  # fmt: skip
    assert section.interval == pytest.approx(ends, rel=1e-6)
    assert section.cut == pytest.approx(cut, rel=1e-9)
    assert section.quadratic(np.array([section.estimate + 2 * section.error])) == pytest.approx(4)


def test_the_picture_of_profiles_has_a_panel_for_each_parameter() -> None:
    picture = st.pictures.profile(decay())
    root = parsed(picture.svg())
    assert [axes.get_xlabel() for axes in picture.figure.axes] == ["a", "k", "c"]
    assert {"profile", "quadratic approximation", "95 % interval"} <= set(words(root))
    for k in (1, 2, 3):
        assert group(root, f"profile-{k}") is not None
    assert len(picture.interactive().data) == 3
    for section in picture.numbers:
        assert f"{section.label} is {section.estimate:.4g}" in picture.description


def test_an_interval_of_several_parts_says_so() -> None:
    """a·(1 − exp(−b·x)) fits with a < 0 and b < 0, too, but not with a near 0."""
    table = {"x": np.array([1.0, 2, 3, 5]), "y": np.array([2.1, 3.9, 6.2, 9.6])}
    model = st.Model("y ~ a*(1 - exp(-b*x))").fit(table, start={"a": 20.0, "b": 0.2})
    picture = st.pictures.profile(model, names=["a"])
    (section,) = picture.numbers

    def rise(a: float) -> float:
        sums = [np.sum((table["y"] - a * (1 - np.exp(-b * table["x"]))) ** 2) for b in np.linspace(-3, 9, 100_001)]
        return float((min(sums) - least) / (least / 2))

    least = float(np.sum((table["y"] - model.predict(table)) ** 2))
    assert rise(200.0) < section.cut < rise(2.0)
    assert section.is_parted
    assert "so that the interval has several parts" in picture.description
    assert not any(each.is_parted for each in st.pictures.profile(decay()).numbers)


def test_elements_of_arrays_have_profiles() -> None:
    table = {"X": np.column_stack([X, U]), "y": LINE["y"]}
    model = st.Model("y ~ X @ w + b", params={"w": 2}).fit(table)
    (section,) = st.pictures.profile(model, names=["w[1]"]).numbers
    true = sm.OLS(LINE["y"], sm.add_constant(np.column_stack([X, U]))).fit()
    assert section.interval == pytest.approx(tuple(true.conf_int()[2]), rel=1e-6)
    deep = st.Model("y ~ sum(x*W)", params={"W": (1, 1)}).fit(LINE)
    labels = [
        [each.label for each in st.pictures.profile(deep, names=[name]).numbers] for name in ("W[0,0]", "W[0, 0]")
    ]
    assert labels == [["W[0, 0]"]] * 2


def test_mistakes_about_profiles(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="'q' is no parameter that was fitted; those are a, k, c"):
        st.pictures.profile(decay(), names=["q"])
    with pytest.raises(InferenceError, match="standard errors from the minimum"):
        st.pictures.profile(st.Model("y ~ a + b*x").fit(LINE, rate=0.01, epochs=3))
    exact = st.Model("y ~ a + b*x").fit({"x": X, "y": 1 + 2 * X})
    with pytest.raises(PictureError, match="the error of a is 0, as the fit is exact"):
        st.pictures.profile(exact)
    decay().save(tmp_path / "m.safetensors")
    other = {"t": X, "y": DECAY["y"] + 1}
    with pytest.raises(PictureError, match="a profile needs the table that the model was fitted to"):
        st.pictures.profile(st.load(tmp_path / "m.safetensors"), other)
