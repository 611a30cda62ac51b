"""What scikit-learn tests of its MLPs, asked of the network estimators: a test for each behaviour.

| scikit-learn's test | here |
|---|---|
| alpha | a larger ``l2`` shrinks the weights |
| fit | a step of gradient descent is the one by hand |
| gradient | the model of an estimator passes the check of its gradient |
| lbfgs_classification, lbfgs_regression | L-BFGS separates classes and fits curves with every activation |
| lbfgs_classification_maxfun, lbfgs_regression_maxfun | ``epochs`` limits L-BFGS, with a warning |
| learning_rate_warmstart | a schedule starts again with every fit; ``invscaling`` is answered by a sentence |
| multilabel_classification, predict_proba_multilabel | several labels have a sigmoid each |
| multioutput_regression | several targets |
| partial_fit_classes_error, partial_fit_errors, partial_fit_unseen_classes | classes of parts |
| partial_fit_classification, partial_fit_regression | passes over all samples are epochs of a fit |
| nonfinite_params | features that overflow are an error that names their scale |
| predict_proba_binary, predict_proba_multiclass | probabilities and their logarithms |
| shuffle | batches take samples in another order by the seed; there is no ``shuffle=False`` |
| sparse_matrices | in ``test_estimators_inputs.py`` |
| tolerance | ends a descent |
| verbose_sgd | shows progress, on standard error |
| early_stopping, n_iter_no_change | ``validation_fraction`` with ``patience``, on the loss |
| n_iter_no_change_inf | ``patience=None``; infinity is refused |
| adaptive_learning_rate | is the schedule ``plateau`` |
| warm_start | other classes are refused |
| warm_start_full_iteration, warm_start_no_convergence | ``n_iter_`` is that of the last fit |
| early_stopping_stratified | validation samples are drawn at random, not by classes |
| mlp_early_stopping_string_labels | labels may be texts |
| mlp_classifier_dtypes_casting, mlp_regressor_dtypes_casting | float32 and float64 features predict the same |
| mlp_param_dtypes | parameters have ``dtype``, whatever the features have |
| mlp_loading_from_joblib_partial_fit | what was pickled goes on |
| preserve_feature_names | names of columns are known, with validation samples, too |
| mlp_warm_start_with_early_stopping | validation losses are added up |
| mlp_partial_fit_after_fit | a part after a fit with validation is a pass without it, where MLPs refuse it |
| mlp_diverging_loss | a warning; the last finite parameters are kept |
| mlp_sample_weight_with_early_stopping | weights of 1 are no weights |
| mlp_vs_poisson_glm_equivalent | without hidden layers, ``exp`` and ``poisson`` are Poisson regression |
| minimum_input_sample_size | a share without a sample to validate on is refused |
"""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

import steepest as st
from estimator_cases import NAMES, NETWORKS, SPECIES, WIDTH, X, quick, target
from steepest.errors import DescentError, StartError

ACTIVATIONS = ["linear", "sigmoid", "tanh", "relu"]
BINARY = SPECIES > 0
MAY_NOT_CONVERGE = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# -- what a fit finds


def test_a_larger_penalty_gives_smaller_weights() -> None:
    sizes = [
        [np.abs(coef).sum() for coef in quick(st.NetworkClassifier, l2=l2, epochs=100).fit(X, BINARY).coefs_]
        for l2 in (0.0, 1.0)
    ]
    assert (np.array(sizes[0]) > sizes[1]).all()


def test_a_step_is_the_one_by_hand() -> None:
    """A network 2-1-1 of sigmoids and one sample: the chain rule in four lines of arithmetic."""
    network = st.NetworkClassifier(
        (1,), "sigmoid", optimiser="gradient-descent", rate=0.5, l2=0.2, epochs=0, dtype="float64", random_state=0
    ).fit([[0.0, 0.0], [1.0, 1.0]], [0, 1])
    network.model_.params = {
        "W1": np.array([[0.3], [-0.2]]), "b1": np.array([0.1]), "W2": np.array([[0.7]]), "b2": np.array([-0.4])
    }  # fmt: skip
    network.partial_fit([[0.5, -1.5]], [1])

    def sigmoid(z: float) -> float:
        return float(1 / (1 + np.exp(-z)))

    hidden = sigmoid(0.5 * 0.3 + 1.5 * 0.2 + 0.1)
    outer = sigmoid(0.7 * hidden - 0.4) - 1
    inner = outer * 0.7 * hidden * (1 - hidden)
    np.testing.assert_allclose(network.coefs_[1], [[0.7 - 0.5 * (outer * hidden + 0.2 * 0.7)]], rtol=1e-13)
    np.testing.assert_allclose(network.intercepts_[1], [-0.4 - 0.5 * outer], rtol=1e-13)
    np.testing.assert_allclose(
        network.coefs_[0],
        [[0.3 - 0.5 * (inner * 0.5 + 0.2 * 0.3)], [-0.2 - 0.5 * (-inner * 1.5 - 0.2 * 0.2)]],
        rtol=1e-13,
    )
    np.testing.assert_allclose(network.intercepts_[0], [0.1 - 0.5 * inner], rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_pass_the_check(activation: str) -> None:
    for labels in (BINARY, SPECIES):
        fitted = quick(st.NetworkClassifier, activation=activation, dtype="float64", epochs=1).fit(X, labels)
        assert fitted.model_.check({"X": X[:10], "y": labels[:10].astype(float)}).ok


@MAY_NOT_CONVERGE
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_line_search_fits(activation: str) -> None:
    settings: dict[str, Any] = {
        "activation": activation, "optimiser": "lbfgs", "rate": None, "epochs": 150, "dtype": "float64"
    }  # fmt: skip
    for labels in (BINARY, NAMES):
        fitted = quick(st.NetworkClassifier, **settings).fit(X, labels)
        assert fitted.score(X, labels) > 0.95
        assert fitted.predict(X).dtype == labels.dtype
    assert quick(st.NetworkRegressor, **settings).fit(X, WIDTH).score(X, WIDTH) > (
        0.8 if activation == "linear" else 0.95
    )


@pytest.mark.parametrize("kind", NETWORKS)
def test_epochs_limit_a_line_search(kind: Any) -> None:
    limited = quick(kind, optimiser="lbfgs", rate=None, epochs=5)
    with pytest.warns(ConvergenceWarning, match="after 5 epochs"):
        limited.fit(X, target(kind))
    assert limited.n_iter_ == 5


def test_several_labels() -> None:
    y = np.stack([SPECIES > 0, X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    whole = quick(st.NetworkClassifier, epochs=300).fit(X, y)
    parts = quick(st.NetworkClassifier)
    for _ in range(40):
        parts.partial_fit(X, y, classes=[0, 1, 2])
    assert min(whole.score(X, y), parts.score(X, y)) > 0.8
    probability, logarithm = whole.predict_proba(X), whole.predict_log_proba(X)
    assert probability.shape == y.shape
    np.testing.assert_array_equal(probability > 0.5, whole.predict(X))
    np.testing.assert_allclose(np.exp(logarithm), probability)
    assert np.abs(probability.sum(axis=1) - 1).max() > 0.5
    stopped = quick(st.NetworkClassifier, validation_fraction=0.1, patience=3).fit(X, y)
    assert stopped.predict(X).shape == y.shape


def test_several_targets() -> None:
    y = X @ np.random.default_rng(0).normal(size=(4, 5))
    fitted = quick(st.NetworkRegressor, hidden=(30,), epochs=200).fit(X, y)
    assert (fitted.predict(X).shape, fitted.n_outputs_) == (y.shape, 5)
    assert fitted.score(X, y) > 0.9


def test_without_hidden_layers_it_is_poisson_regression() -> None:
    x = np.linspace(0, 1, 100)[:, None]
    y = np.random.default_rng(1).poisson(np.exp(x[:, 0] + 1))
    settings: dict[str, Any] = {"hidden": (), "optimiser": "lbfgs", "rate": None, "dtype": "float64", "epochs": 200}
    ours = quick(st.NetworkRegressor, output="exp", loss="poisson", **settings).fit(x, y)
    theirs = PoissonRegressor(alpha=0, tol=1e-10).fit(x, y)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-5)
    line = quick(st.NetworkRegressor, **settings).fit(x, y)
    assert not np.allclose(line.predict(x), theirs.predict(x), rtol=1e-4)


@pytest.mark.parametrize("labels", [BINARY, SPECIES], ids=["two", "three"])
def test_probabilities(labels: Any) -> None:
    fitted = quick(st.NetworkClassifier).fit(X, labels)
    found, logarithm = fitted.predict_proba(X), fitted.predict_log_proba(X)
    assert found.shape == (150, len(np.unique(labels)))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(found.argmax(axis=1), logarithm.argmax(axis=1))
    np.testing.assert_allclose(logarithm, np.log(found), rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(fitted.classes_[found.argmax(axis=1)], fitted.predict(X))


# -- parts


def test_classes_of_parts() -> None:
    fitted = quick(st.NetworkClassifier).partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    fitted.partial_fit([[4]], ["d"])
    assert fitted.classes_.tolist() == ["a", "b", "c", "d"]
    assert fitted.predict_proba([[1]]).shape == (1, 4)
    with pytest.raises(ValueError, match=r"`classes=\['b', 'c'\]` is not the same as on last call"):
        fitted.partial_fit([[1]], ["b"], classes=["b", "c"])
    with pytest.raises(ValueError, match=r"classes=\[2\] is one label; give all labels of all parts"):
        quick(st.NetworkClassifier).partial_fit([[1], [2]], [0, 1], classes=[2])
    with pytest.raises(ValueError, match=r"y has the class 1, which is not among classes=\[2, 3\]"):
        quick(st.NetworkClassifier).partial_fit([[1], [2]], [2, 1], classes=[2, 3])
    assert not hasattr(quick(st.NetworkClassifier, optimiser="lbfgs"), "partial_fit")


@pytest.mark.parametrize("optimiser", ["gradient-descent", "momentum"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_passes_over_all_samples_are_epochs(kind: Any, optimiser: str) -> None:
    settings: dict[str, Any] = {"optimiser": optimiser, "batch": None, "dtype": "float64", "epochs": 20, "rate": 0.05}
    whole, parts = quick(kind, **settings).fit(X, target(kind)), quick(kind, **settings)
    named = {"classes": np.unique(NAMES)} if kind is st.NetworkClassifier else {}
    for _ in range(20):
        parts.partial_fit(X, target(kind), **named)
    np.testing.assert_allclose(whole.coefs_[0], parts.coefs_[0], rtol=1e-9)
    assert whole.score(X, target(kind)) == pytest.approx(parts.score(X, target(kind)))
    assert whole.score(X, target(kind)) > 0.5


def test_what_was_stored_goes_on() -> None:
    stored = io.BytesIO()
    joblib.dump(st.NetworkRegressor((8,), rate=0.02, random_state=0).fit([[2.0]], [4.0]), stored)
    stored.seek(0)
    loaded = joblib.load(stored)
    assert loaded.predict([[2.0]]) == pytest.approx([4.0], rel=1e-2)
    for _ in range(60):
        loaded.partial_fit([[2.0]], [1.0])
    assert loaded.predict([[2.0]]) == pytest.approx([1.0], abs=0.2)


def test_a_part_after_a_fit_with_validation() -> None:
    fitted = quick(st.NetworkClassifier, validation_fraction=0.2, patience=5).fit(X, NAMES)
    before, losses = fitted.n_iter_, len(fitted.validation_loss_curve_)
    fitted.partial_fit(X, NAMES)
    assert (fitted.n_iter_, len(fitted.validation_loss_curve_)) == (before + 1, losses)


# -- ends


def test_samples_are_shuffled_by_the_seed() -> None:
    settings: dict[str, Any] = {"hidden": (1,), "epochs": 1, "batch": 1, "initial": "zeros"}
    first, same = (quick(st.NetworkRegressor, **settings).fit(X, WIDTH) for _ in range(2))
    np.testing.assert_array_equal(first.intercepts_[1], same.intercepts_[1])
    other = quick(st.NetworkRegressor, **{**settings, "random_state": 1}).fit(X, WIDTH)
    assert not np.array_equal(first.intercepts_[1], other.intercepts_[1])
    with pytest.raises(TypeError, match="each epoch takes the samples in another order, by the seed"):
        st.NetworkRegressor(shuffle=False)  # type: ignore[call-arg]


def test_a_tolerance_ends_a_descent() -> None:
    fitted = quick(st.NetworkClassifier, tolerance=0.5, epochs=3000).fit([[3, 2], [1, 6]], [1, 0])
    assert fitted.n_iter_ < 3000
    assert fitted.model_.run.stop == "tolerance"


def test_verbose_shows_progress_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    quick(st.NetworkClassifier, verbose=True, epochs=2).fit([[3, 2], [1, 6]], [1, 0])
    said = capfd.readouterr()
    assert said.out == ""
    assert "2/2" in said.err


@pytest.mark.parametrize("kind", NETWORKS)
def test_patience(kind: Any) -> None:
    fitted = quick(kind, validation_fraction=0.2, patience=4, epochs=3000, rate=0.1).fit(X, target(kind))
    losses = fitted.validation_loss_curve_
    assert len(losses) == fitted.n_iter_ < 3000
    assert fitted.model_.run.stop == "validation"
    assert np.argmin(losses) == len(losses) - 1 - 4  # four epochs without a lower loss
    assert fitted.model_.run.best_epoch == len(losses) - 4
    whole = quick(kind).fit(X, target(kind))
    assert (whole.validation_loss_curve_, whole.n_iter_) == (None, 30)
    with pytest.raises(DescentError, match="patience is a whole number from 1, not inf"):
        quick(kind, validation_fraction=0.2, patience=np.inf).fit(X, target(kind))


def test_an_adaptive_rate_is_a_plateau() -> None:
    """The words of an MLP work, and the text of ours finds the same parameters."""
    ends = [
        quick(st.NetworkRegressor, rate=0.05, optimiser="gradient-descent", schedule=text, epochs=40).fit(X, WIDTH)
        for text in ("adaptive", "plateau")
    ]
    np.testing.assert_array_equal(ends[0].coefs_[0], ends[1].coefs_[0])
    assert st.NetworkRegressor(learning_rate="adaptive", epochs=2).fit(X, WIDTH).n_iter_ == 2  # type: ignore[call-arg]
    with pytest.raises(DescentError, match=r"no schedule 'invscaling'; it is not offered; exponential:0.95"):
        st.NetworkRegressor(learning_rate="invscaling").fit(X, WIDTH)  # type: ignore[call-arg]


@MAY_NOT_CONVERGE
@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("optimiser", ["gradient-descent", "adam", "lbfgs"])
def test_a_warm_start_has_all_epochs_again(kind: Any, optimiser: str) -> None:
    rate = {"gradient-descent": 0.01, "adam": 0.01}.get(optimiser)
    fitted = quick(kind, optimiser=optimiser, rate=rate, epochs=10, warm_start=True, dtype="float64").fit(
        X, target(kind)
    )
    assert fitted.n_iter_ == 10
    earlier = fitted.loss_
    assert fitted.set_params(epochs=20).fit(X, target(kind)).n_iter_ == 20
    assert fitted.loss_ < earlier


def test_a_warm_start_needs_the_same_classes() -> None:
    fitted = quick(st.NetworkClassifier, warm_start=True).fit(X, SPECIES)
    fitted.fit(X, np.sort(SPECIES)[::-1])
    for labels in (SPECIES % 2, SPECIES + SPECIES // 2, np.arange(150) % 4):
        said = rf"continues with the classes \[0, 1, 2\], but y has \[{', '.join(map(str, np.unique(labels)))}\]"
        with pytest.raises(ValueError, match=said):
            fitted.fit(X, labels)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_warm_start_adds_validation_losses_up(kind: Any) -> None:
    fitted = quick(kind, epochs=10, warm_start=True, validation_fraction=0.1, patience=50).fit(X, target(kind))
    assert len(fitted.validation_loss_curve_) == 10
    assert len(fitted.set_params(epochs=20).fit(X, target(kind)).validation_loss_curve_) == 30


def test_samples_to_validate_on() -> None:
    few, y = [[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1]
    with pytest.raises(DescentError, match=r"validation_fraction=0.1 of 4 samples leaves none to validate on"):
        quick(st.NetworkClassifier, validation_fraction=0.1, patience=3).fit(few, y)
    with pytest.raises(DescentError, match=r"validation_fraction=0.9 of 2 samples leaves none to fit"):
        quick(st.NetworkRegressor, validation_fraction=0.9).fit(few[:2], y[:2])
    for share in (-0.5, 1.0, 0, "a"):
        with pytest.raises(DescentError, match=f"validation_fraction is a share .* between 0 and 1, .*not {share!r}"):
            quick(st.NetworkRegressor, validation_fraction=share).fit(few, y)
    with pytest.raises(DescentError, match=r"patience counts epochs .*; give validation_fraction=0.2, too"):
        quick(st.NetworkRegressor, patience=3).fit(few, y)
    with pytest.raises(TypeError, match=r"give patience=, with validation_fraction=$"):
        st.NetworkRegressor(early_stopping=True)  # type: ignore[call-arg]
    # The advice works; labels may be texts.
    fitted = quick(st.NetworkClassifier, validation_fraction=0.25, patience=3).fit(X, NAMES)
    assert np.isfinite(fitted.validation_loss_curve_).all()


def test_weights_of_one_are_no_weights() -> None:
    settings: dict[str, Any] = {"validation_fraction": 0.1, "patience": 10, "batch": 10}
    plain, weighted = (
        quick(st.NetworkRegressor, **settings).fit(X, WIDTH, weights) for weights in (None, np.ones_like(WIDTH))
    )
    np.testing.assert_allclose(plain.predict(X), weighted.predict(X), rtol=1e-5)


def test_a_descent_that_diverges_keeps_finite_parameters() -> None:
    wild = quick(st.NetworkRegressor, activation="linear", rate=50.0, optimiser="momentum", validation_fraction=0.1)
    with pytest.warns(ConvergenceWarning, match="diverged at epoch"):
        wild.set_params(patience=10).fit(X, WIDTH)
    assert all(np.isfinite(coef).all() for coef in wild.coefs_)
    assert np.isfinite(wild.predict(X)).all()


@MAY_NOT_CONVERGE
def test_features_that_overflow_are_named() -> None:
    huge = np.finfo(np.float64).max * np.random.default_rng(0).uniform(size=(10, 2))
    with pytest.raises(StartError, match=r"'column 0', 'column 1' have values up to .*e\+308 in size, too large"):
        st.NetworkRegressor(random_state=0).fit(huge, np.arange(10))


# -- types and names


@pytest.mark.parametrize("kind", NETWORKS)
def test_precisions(kind: Any) -> None:
    for dtype in ("float32", "float64"):
        ends = [quick(kind, dtype=dtype).fit(X.astype(features), target(kind)) for features in ("float32", "float64")]
        for fitted in ends:
            assert {value.dtype for value in (*fitted.coefs_, *fitted.intercepts_)} == {np.dtype(dtype)}
        if kind is st.NetworkRegressor:
            np.testing.assert_allclose(ends[0].predict(X), ends[1].predict(X), rtol=1e-3, atol=1e-4)
            assert fitted.predict(X.astype("float32")).dtype == dtype
        else:
            np.testing.assert_array_equal(ends[0].predict(X), ends[1].predict(X))


@pytest.mark.parametrize("kind", NETWORKS)
def test_names_of_columns_are_known_with_validation_samples(kind: Any) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = quick(kind, validation_fraction=0.2, patience=5).fit(frame, pd.Series(target(kind), name="y"))
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert fitted.predict(frame).shape == (150,)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[["b", "a", "c", "d"]])
