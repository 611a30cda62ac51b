"""What the estimators keep and predict, and how they go on: warm starts, parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss

import steepest as st
from estimator_cases import NAMES, NETWORKS, SPECIES, WIDTH, X, quick, target
from steepest.errors import ModelError

# -- what is kept


@pytest.mark.parametrize("kind", NETWORKS)
def test_attributes(kind: Any) -> None:
    fitted = quick(kind, hidden=(8, 5)).fit(X, target(kind))
    outputs = 3 if "Classifier" in kind.__name__ else 1
    assert [coef.shape for coef in fitted.coefs_] == [(4, 8), (8, 5), (5, outputs)]
    assert [intercept.shape for intercept in fitted.intercepts_] == [(8,), (5,), (outputs,)]
    assert set(fitted.params_) == {"W1", "b1", "W2", "b2", "W3", "b3"}
    assert fitted.coefs_[0] is fitted.params_["W1"]
    assert fitted.n_iter_ == len(fitted.loss_curve_) == 30
    assert fitted.loss_ < fitted.loss_curve_[-1] < fitted.loss_curve_[0]
    assert fitted.validation_loss_curve_ is None
    assert (fitted.n_features_in_, fitted.n_outputs_) == (4, outputs)
    assert isinstance(fitted.model_, st.Model)
    assert fitted.model_.run.stop == "epochs"
    assert fitted.params_["W1"].dtype == np.float32


def test_the_loss_is_the_cross_entropy_of_the_training_samples() -> None:
    fitted = quick(st.NetworkClassifier).fit(X, NAMES)
    assert fitted.loss_ == pytest.approx(log_loss(NAMES, fitted.predict_proba(X)), rel=1e-5)


def test_the_model_is_one_of_the_library() -> None:
    """Its prediction is that of the estimator, it derives, and it is checked."""
    fitted = quick(st.NetworkClassifier, dtype="float64").fit(X, NAMES)
    np.testing.assert_allclose(fitted.model_.predict({"X": X}), fitted.predict_proba(X), rtol=1e-12)
    assert fitted.model_.check({"X": X, "y": SPECIES}).ok


def test_a_descent_of_the_same_seed_ends_at_the_same_parameters() -> None:
    fitted = quick(st.NetworkClassifier, random_state=5, initial=None, batch=50).fit(X, NAMES)
    net = st.models.network([4, 8, 3], "relu", "softmax")
    run = st.descend(
        net.cost, {"X": X, "y": SPECIES}, rate=0.05, epochs=30, optimiser="adam", batch=50, dtype="float32", seed=5
    )
    np.testing.assert_array_equal(fitted.params_["W1"], run.params["W1"])


def test_starts_are_drawn_as_those_of_mlps() -> None:
    """Matrices and biases of a layer are uniform within ±√(6/(inputs + outputs)), by the size of 10,000 numbers."""
    wide = st.NetworkRegressor((2000,), epochs=0, random_state=0).fit(X, WIDTH)
    bound = math.sqrt(6 / 2004)
    for drawn in (wide.coefs_[0], wide.intercepts_[0]):
        assert 0.99 * bound < np.abs(drawn).max() <= bound
        assert drawn.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert abs(np.corrcoef(wide.coefs_[0][0], wide.intercepts_[0])[0, 1]) < 0.1
    assert not st.NetworkRegressor((5,), epochs=0, initial="glorot").fit(X, WIDTH).intercepts_[0].any()


@pytest.mark.parametrize("state", [None, np.random.RandomState(3)])
def test_random_states(state: Any) -> None:
    """Another start each time, unless the state is a number."""
    starts = [quick(st.NetworkRegressor, epochs=0, random_state=state).fit(X, WIDTH).params_["W1"] for _ in range(2)]
    assert not np.allclose(*starts)
    same = [quick(st.NetworkRegressor, epochs=0, random_state=3).fit(X, WIDTH).params_["W1"] for _ in range(2)]
    np.testing.assert_array_equal(*same)


# -- predicting


def test_probabilities_are_stable_far_out() -> None:
    """Where a class has the probability e^-400 its logarithm is still known, to the digits of a double."""
    far = np.array([[400.0], [-400.0]])
    two = st.FormulaClassifier("y ~ sigmoid(k*x0)", start={"k": 1.0}, epochs=0).fit([[0.0], [1.0]], ["a", "b"])
    np.testing.assert_allclose(two.predict_log_proba(far), [[-400, 0], [0, -400]], atol=1e-12)
    np.testing.assert_allclose(two.predict_proba(far), [[math.exp(-400), 1], [1, math.exp(-400)]], rtol=1e-12)
    far = np.array([[1000.0, 0.0, 0.0], [0.0, 0.0, -1000.0]])
    start = {"k": 1.0}
    three = st.FormulaClassifier("y ~ softmax(k*X)", start=start, epochs=0).fit(np.eye(3), [0, 1, 2])
    expected = [[0, -1000, -1000], [-math.log(2), -math.log(2), -1000 - math.log(2)]]
    np.testing.assert_allclose(three.predict_log_proba(far), expected, rtol=1e-12, atol=1e-12)
    assert three.predict(far).tolist() == [0, 0]


def test_single_precision_predicts_what_double_does() -> None:
    for kind in NETWORKS:
        fitted = quick(kind).fit(X, target(kind))
        name = "predict_proba" if "Classifier" in kind.__name__ else "predict"
        single, double = (getattr(fitted, name)(X.astype(dtype)) for dtype in ("float32", "float64"))
        np.testing.assert_allclose(single, double, rtol=2e-5, atol=1e-6)
        last = fitted.decision_function if "Classifier" in kind.__name__ else fitted.predict
        assert [last(X.astype(dtype)).dtype for dtype in ("float32", "float64")] == ["float32", "float64"]
        # In the precision of the features, so that a row alone is predicted as it is among others.
        np.testing.assert_allclose(np.concatenate([last(row[None]) for row in X]), last(X), rtol=1e-12, atol=1e-13)
        assert fitted.score(X.astype(np.float32), target(kind)) == pytest.approx(
            fitted.score(X, target(kind)), abs=1e-4
        )


def test_many_rows_are_predicted_as_few_are() -> None:
    fitted = quick(st.NetworkRegressor).fit(X, WIDTH)
    many = np.tile(X, (9, 1))
    np.testing.assert_allclose(fitted.predict(many), np.tile(fitted.predict(X), 9), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:the prediction uses no column")
def test_predictions_may_be_written_to() -> None:
    """Also those of a formula without data, which is one number."""
    for estimator in (quick(st.NetworkRegressor), st.FormulaRegressor("y ~ b")):
        found = estimator.fit(X, WIDTH).predict(X)
        found += 1
        assert found.shape == (150,)
    assert found[0] == pytest.approx(WIDTH.mean() + 1)


def test_a_formula_of_all_samples_is_predicted_in_one() -> None:
    """x − mean(x) is that of the table that is predicted, however many rows it has."""
    centred = st.FormulaRegressor("y ~ a*(x0 - mean(x0)) + b").fit(X[:, :1], X[:, 0] * 2 + 1)
    many = np.linspace(0, 1, 2000)[:, None]
    expected = centred.params_["a"] * (many[:, 0] - 0.5) + centred.params_["b"]
    np.testing.assert_allclose(centred.predict(many), expected, rtol=1e-9, atol=1e-12)


def test_decisions() -> None:
    """Two classes have one number, also where a softmax has two outputs; its sign is the class."""
    two = SPECIES > 0
    for output in ("auto", "softmax", "0.5 + 0.5*tanh(z)"):
        fitted = quick(st.NetworkClassifier, output=output, rate=0.01).fit(X, two)
        decision = fitted.decision_function(X)
        assert decision.shape == (150,)
        assert (fitted.predict(X) == (decision > 0)).all()
        assert (np.argsort(decision) == np.argsort(fitted.predict_proba(X)[:, 1], kind="stable")).mean() > 0.9
        np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(fitted.predict_log_proba(X)), fitted.predict_proba(X), atol=1e-6)
    assert fitted.score(X, two) > 0.95


def test_one_against_the_rest() -> None:
    fitted = quick(st.NetworkClassifier, output="sigmoid").fit(X, NAMES)
    assert fitted.decision_function(X).shape == fitted.predict_proba(X).shape == (150, 3)
    np.testing.assert_allclose(fitted.predict_proba(X).sum(axis=1), 1)
    assert fitted.score(X, NAMES) > 0.9


def test_several_labels() -> None:
    y = np.stack([SPECIES > 0, X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    fitted = quick(st.NetworkClassifier, epochs=200).fit(X, y)
    assert fitted.predict(X).shape == (150, 3)
    assert (fitted.predict(X) == y).mean() > 0.95
    unsure = quick(st.NetworkClassifier, epochs=1).fit(X, y)
    near = np.abs(unsure.predict_proba(X) - 0.5) < 0.1
    assert near.sum() > 10
    for each in (fitted, unsure):
        assert ((each.predict_proba(X) > 0.5) == each.predict(X)).all()
    with pytest.raises(ValueError, match="y has 3 labels per sample"):
        quick(st.NetworkClassifier, output="softmax").fit(X, y)
    with pytest.raises(ModelError, match="one class a sample"):
        quick(st.NetworkClassifier, class_weight="balanced").fit(X, y)


@pytest.mark.parametrize("labels", [[0, 1, 2], ["a", "b", "c"], [-5, 7, 100], [2.0, 3.0, 4.0]])
def test_labels_of_any_type(labels: list[Any]) -> None:
    fitted = quick(st.NetworkClassifier).fit(X, np.array(labels)[SPECIES])
    assert fitted.classes_.tolist() == labels
    assert (fitted.predict(X) == np.array(labels)[SPECIES]).mean() > 0.9
    assert quick(st.NetworkClassifier).fit(X, SPECIES == 1).predict(X).dtype == bool


# -- going on


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_warm_start_goes_on(kind: Any) -> None:
    """Without batches thirty epochs and then thirty are sixty: the optimiser's memory is kept, too."""
    settings = {"batch": None, "dtype": "float64"}
    twice = quick(kind, warm_start=True, **settings).fit(X, target(kind)).fit(X, target(kind))
    once = quick(kind, epochs=60, **settings).fit(X, target(kind))
    np.testing.assert_allclose(twice.params_["W1"], once.params_["W1"], rtol=1e-9)
    np.testing.assert_allclose(twice.loss_curve_, once.loss_curve_, rtol=1e-9)
    assert (twice.n_iter_, len(twice.loss_curve_)) == (30, 60)  # those of the last fit, as of scikit-learn's MLPs
    cold = quick(kind, **settings).fit(X, target(kind)).fit(X, target(kind))
    assert cold.n_iter_ == 30


def test_a_warm_start_may_change_settings_but_not_the_network() -> None:
    fitted = quick(st.NetworkClassifier, warm_start=True).fit(X, NAMES)
    fitted.set_params(rate=0.001, batch=16, loss="mse").fit(X, NAMES)
    fitted.set_params(optimiser="momentum").fit(X, NAMES)
    assert (fitted.n_iter_, len(fitted.loss_curve_)) == (30, 90)
    with pytest.warns(ConvergenceWarning, match="30 epochs"):
        fitted.set_params(optimiser=None, rate="auto", batch=None).fit(X, NAMES)
    fitted.set_params(rate=0.001).fit(X, NAMES)
    assert (fitted.n_iter_, len(fitted.loss_curve_)) == (30, 150)
    with pytest.raises(ModelError, match=r"had parameters W1 \(4, 8\).*warm_start=False"):
        fitted.set_params(hidden=(9,)).fit(X, NAMES)
    with pytest.raises(ValueError, match="warm_start continues with the classes"):
        fitted.set_params(hidden=(8,)).fit(X, NAMES == "setosa")


@pytest.mark.parametrize("kind", NETWORKS)
def test_parts(kind: Any) -> None:
    """Passes over the whole table are epochs of a fit; they take other orders, so the ends are near, not equal."""
    parts, whole = quick(kind, batch=None, dtype="float64"), quick(kind, batch=None, dtype="float64")
    names = {"classes": np.unique(NAMES)} if kind is st.NetworkClassifier else {}
    for _ in range(30):
        parts.partial_fit(X, target(kind), **names)
    whole.fit(X, target(kind))
    np.testing.assert_allclose(parts.params_["W1"], whole.params_["W1"], rtol=1e-9)
    assert parts.n_iter_ == len(parts.loss_curve_) == 30
    shuffled = quick(kind, batch=32)
    for _ in range(30):
        for rows in (slice(0, 80), slice(80, 150)):
            shuffled.partial_fit(X[::-1][rows], target(kind)[::-1][rows], **names)
    assert shuffled.n_iter_ == 60
    assert shuffled.score(X, target(kind)) > 0.8


def test_passes_take_other_orders() -> None:
    """Two passes in batches are two epochs of other orders, not the same one twice."""
    first = quick(st.NetworkRegressor, batch=10, optimiser=None, rate=0.05).partial_fit(X, WIDTH)
    net = st.models.network([4, 8, 1], "relu", "linear")
    table, start = {"X": X, "y": WIDTH}, dict(first.params_)
    again = {
        seed: st.descend(net.cost, table, start, 0.05, 1, batch=10, dtype="float32", seed=seed).params["W1"]
        for seed in (0, 1)
    }
    second = first.partial_fit(X, WIDTH).params_["W1"]
    np.testing.assert_array_equal(second, again[1])
    assert not np.array_equal(second, again[0])


def test_classes_of_parts() -> None:
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick(st.NetworkClassifier).partial_fit(X, NAMES)
    fitted = quick(st.NetworkClassifier).partial_fit(X[:50], NAMES[:50], classes=np.unique(NAMES))  # all setosa
    assert fitted.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="not the same as on last call"):
        fitted.partial_fit(X, NAMES, classes=["setosa", "versicolor"])
    with pytest.raises(ValueError, match=r"y has the class 'rose', which is not among classes=\['setosa', "):
        fitted.partial_fit(X[:2], ["rose", "setosa"])


def test_weights_of_parts_are_taken_as_they_are() -> None:
    """Samples of the weight 2 move the parameters twice as far as those of the weight 1, whatever part they are in."""
    start = quick(st.NetworkRegressor, optimiser="gradient-descent", epochs=0, dtype="float64", batch=None)
    moves = []
    for weight in (1.0, 2.0):
        fitted = start.fit(X, WIDTH)
        before = fitted.params_["W1"].copy()
        fitted.partial_fit(X, WIDTH, sample_weight=np.full(150, weight))
        moves.append(fitted.params_["W1"] - before)
    np.testing.assert_allclose(moves[1], 2 * moves[0], rtol=1e-9)
    names = {"classes": np.unique(NAMES)}
    with pytest.raises(ValueError, match="compute_class_weight"):
        quick(st.NetworkClassifier, class_weight="balanced").partial_fit(X, NAMES, **names)
    heavy = quick(st.NetworkClassifier, class_weight={"setosa": 5.0}, epochs=0).fit(X, NAMES)
    light = quick(st.NetworkClassifier, epochs=0).fit(X, NAMES)
    heavy.partial_fit(X[:50], NAMES[:50])
    light.partial_fit(X[:50], NAMES[:50], sample_weight=np.full(50, 5.0))
    np.testing.assert_array_equal(heavy.params_["W1"], light.params_["W1"])


def test_line_searches_take_no_parts() -> None:
    assert not hasattr(st.FormulaRegressor(), "partial_fit")
    assert not hasattr(st.NetworkRegressor(optimiser=None, rate="auto"), "partial_fit")
    assert hasattr(st.FormulaRegressor(optimiser="adam"), "partial_fit")
    fitted = st.FormulaRegressor(optimiser="adam", rate=0.05)
    for _ in range(300):
        fitted.partial_fit(X, WIDTH)
    assert fitted.score(X, WIDTH) > 0.9
