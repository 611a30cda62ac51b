"""Settings of the estimators: validation, callbacks, schedules, what MLPs lack; warnings and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import log_loss

import steepest as st
from estimator_cases import EVERY, NAMES, NETWORKS, WIDTH, X, quick, target
from steepest.errors import DescentError, ModelError, SteepestError
from steepest.training.callbacks import EpochInfo
from steepest.training.schedules import cosine

# -- validation, callbacks, schedules


def test_the_validation_loss_is_noted_and_ends_a_fit() -> None:
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(150) < 0.3, rng.permutation(NAMES), NAMES)
    settings: dict[str, Any] = {"hidden": (50,), "rate": 0.05, "validation_fraction": 0.3, "epochs": 300}
    noted = quick(st.NetworkClassifier, **settings).fit(X, noisy)
    curve = noted.validation_loss_curve_
    assert len(curve) == len(noted.loss_curve_) == noted.n_iter_ == 300
    assert curve[-1] > 1.2 * min(curve)  # it learns the noise
    patient = quick(st.NetworkClassifier, **settings, patience=10).fit(X, noisy)
    assert patient.n_iter_ == int(np.argmin(curve)) + 1 + 10 < 300
    assert patient.model_.run.stop == "validation"
    assert patient.validation_loss_curve_ == curve[: patient.n_iter_]
    # The parameters are those of the lowest one: the split is that of st.descend.
    order = np.random.default_rng([0, 150]).permutation(150)[:45]
    found = log_loss(noisy[order], patient.predict_proba(X[order]))
    assert found == pytest.approx(min(curve), rel=1e-4)


def test_callbacks() -> None:
    seen: list[EpochInfo] = []

    def look(moment: EpochInfo) -> bool:
        seen.append(moment)
        return moment.epoch == 7

    fitted = quick(st.NetworkClassifier, on_epoch=look, validation_fraction=0.2).fit(X, NAMES)
    assert [moment.epoch for moment in seen] == list(range(1, 8))
    assert fitted.n_iter_ == 7
    assert [moment.validation for moment in seen] == fitted.validation_loss_curve_
    assert [moment.cost for moment in seen] == pytest.approx(fitted.loss_curve_)


def test_schedules_and_rates() -> None:
    """A text may stand for the rate, or beside a number; the usual rate is that of the optimiser."""
    settings = {"batch": None, "dtype": "float64", "epochs": 40}
    ways = [{"rate": "cosine"}, {"rate": None, "schedule": "cosine"}, {"rate": 0.001, "schedule": "cosine"},
            {"rate": cosine(0.001, 40)}]  # fmt: skip
    ends = [quick(st.NetworkRegressor, **settings, **way).fit(X, WIDTH).params_["W1"] for way in ways]
    for end in ends[1:]:
        np.testing.assert_array_equal(end, ends[0])
    constant = quick(st.NetworkRegressor, **settings, rate=None).fit(X, WIDTH).params_["W1"]
    assert not np.allclose(constant, ends[0])
    with pytest.warns(ConvergenceWarning, match="after 50 epochs"):
        auto = quick(st.NetworkRegressor, optimiser=None, rate="auto", epochs=50).fit(X, WIDTH)
    assert all(later <= earlier for earlier, later in zip(auto.loss_curve_, auto.loss_curve_[1:], strict=False))
    for wrong in ({"rate": "cosine", "schedule": "cosine"}, {"rate": "auto", "schedule": "cosine"}, {"rate": "cosin"}):
        with pytest.raises(DescentError, match="schedule"):
            quick(st.NetworkRegressor, **wrong).fit(X, WIDTH)


# -- what MLPs lack


def test_a_loss_of_ones_own() -> None:
    """The pinball loss at 0.9 leaves a tenth of the samples above the line: as text and as a function."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 1))
    y = x[:, 0] + rng.exponential(1, 400)

    def pinball(prediction: st.Expression, target: st.Expression) -> st.Expression:
        error = target - prediction
        return st.maximum(0.9 * error, -0.1 * error)

    for loss in (pinball, "e = target - prediction; max(0.9*e, -0.1*e)"):
        fitted = st.NetworkRegressor((8,), "tanh", loss=loss, rate=0.02, epochs=300, random_state=0).fit(x, y)
        assert (y > fitted.predict(x)).mean() == pytest.approx(0.1, abs=0.02)
    focal = "p = prediction; -(target*(1-p)^2*log(p) + (1-target)*p^2*log(1-p))"
    assert (
        quick(st.NetworkClassifier, loss=focal, epochs=100).fit(X, NAMES == "setosa").score(X, NAMES == "setosa") == 1
    )


def test_an_activation_for_each_layer() -> None:
    each = ["sin", "max(0.1*z, z)", lambda z: z * st.sigmoid(z)]
    fitted = quick(st.NetworkClassifier, hidden=(6, 5, 4), activation=each, epochs=100).fit(X, NAMES)
    assert "sin(X @ W1 + b1)" in fitted.model_.formula
    z = np.sin(X @ fitted.coefs_[0] + fitted.intercepts_[0]) @ fitted.coefs_[1] + fitted.intercepts_[1]
    z = np.maximum(0.1 * z, z) @ fitted.coefs_[2] + fitted.intercepts_[2]
    z = z / (1 + np.exp(-z)) @ fitted.coefs_[3] + fitted.intercepts_[3]
    np.testing.assert_allclose(fitted.decision_function(X), z, rtol=1e-4, atol=1e-5)
    assert fitted.score(X, NAMES) > 0.9


def test_rare_classes_count_more() -> None:
    """Weighted so, the rare class is found: its recall rises."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(1.2, 1, (20, 2))])
    y = np.repeat(["common", "rare"], [300, 20])
    recalls = [
        (quick(st.NetworkClassifier, class_weight=weight, epochs=60).fit(x, y).predict(x[300:]) == "rare").mean()
        for weight in (None, "balanced", {"rare": 15.0, "common": 1.0})
    ]
    assert recalls[0] <= 0.5
    assert min(recalls[1:]) >= 0.7


# -- warnings and errors


def test_a_descent_that_diverged_warns() -> None:
    with pytest.warns(ConvergenceWarning, match="diverged"):
        quick(st.NetworkRegressor, optimiser="gradient-descent", rate=50.0).fit(X * 10, WIDTH)


def test_epochs_that_were_too_few_warn_only_where_an_end_was_asked_for() -> None:
    with pytest.warns(ConvergenceWarning, match="still changing after 3 epochs"):
        st.FormulaRegressor(epochs=3, optimiser="lbfgs").fit(X, WIDTH)
    with pytest.warns(ConvergenceWarning, match="still changing after 30 epochs"):
        quick(st.NetworkRegressor, tolerance=1e-9).fit(X, WIDTH)
    ended = quick(st.NetworkRegressor, tolerance=0.05).fit(X, WIDTH)
    assert ended.n_iter_ < 30
    assert ended.model_.run.stop == "tolerance"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"hidden": (0,)}, r"hidden has the sizes of the hidden layers, such as \(100,\), not \(0,\)"),
    ({"hidden": (2.5,)}, "hidden has the sizes"),
    ({"batch": "all"}, "batch is a whole number, None for the whole table, or 'auto', not 'all'"),
    ({"optimiser": "adm"}, "there is no optimiser 'adm'; did you mean 'adam'"),
    ({"optimiser": "lbfgs", "batch": 10}, "leave batch out"),
    ({"output": "step", "loss": "mse"}, "cannot be trained by its gradient"),
    ({"loss": "hubber"}, "there is no cost 'hubber'; did you mean 'huber'"),
    ({"l2": -1}, "l2 is a finite number from 0"),
    ({"patience": 3}, "patience counts epochs without a lower validation cost"),
    ({"engine": "nativ"}, "there is no engine 'nativ'"),
    ({"dtype": "float16"}, "there is no dtype 'float16'"),
    ({"initial": "glorott"}, "there is no scheme of initial values 'glorott'"),
]


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize(
    ("settings", "message"), BAD, ids=lambda case: next(iter(case)) if isinstance(case, dict) else ""
)
def test_settings_that_make_no_sense(kind: Any, settings: dict[str, Any], message: str) -> None:
    estimator = quick(kind, **settings)  # which says nothing yet, as scikit-learn asks
    with pytest.raises(SteepestError, match=message):
        estimator.fit(X, target(kind))


@pytest.mark.parametrize("kind", EVERY)
def test_one_weight_for_all_samples_changes_nothing(kind: Any) -> None:
    weighted, plain = (quick(kind).fit(X, target(kind), sample_weight=weight).params_ for weight in (2.0, None))
    assert all(np.array_equal(weighted[name], plain[name]) for name in plain)


@pytest.mark.parametrize("kind", EVERY)
def test_inputs_that_make_no_sense(kind: Any) -> None:
    estimator, y = quick(kind), target(kind)
    for method in ("predict", "score") + (("predict_proba", "decision_function") if y is NAMES else ()):
        with pytest.raises(NotFittedError):
            getattr(estimator, method)(*((X, y) if method == "score" else (X,)))
    for name in ("params_", *(("coefs_",) if kind in NETWORKS else ())):
        assert not hasattr(estimator, name)
    wrong: list[tuple[Any, str]] = [
        (np.full(150, -1.0), "Negative values"), (np.zeros(150), "at least one non-zero"),
        (np.ones(149), "inconsistent"), (np.ones((150, 2)), "1D"), (np.full(150, np.nan), "NaN"),
    ]  # fmt: skip
    for weights, message in wrong:
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, y, sample_weight=weights)
    if y is NAMES:
        with pytest.raises(ValueError, match="one class, 'a';"):
            estimator.fit(X, ["a"] * 150)
        with pytest.raises(ValueError, match="class_weight has the class 'rose'"):
            quick(kind, class_weight={"rose": 2.0}).fit(X, y)
        for weight in ("balance", {"setosa": -1.0}, {"setosa": "much"}, {}):
            with pytest.raises(ModelError, match="class_weight"):
                quick(kind, class_weight=weight).fit(X, y)
    assert not hasattr(estimator, "model_")
