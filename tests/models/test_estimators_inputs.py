"""What people bring to the estimators: formulas without a target, names almost right, sparse matrices, huge numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

import steepest as st
from estimator_cases import EVERY, NETWORKS, quick
from steepest.errors import FormulaError, ModelError, StartError, SteepestWarning
from steepest.messages.hints import same_but_for_signs
from steepest.messages.sentences import in_python
from steepest.models.estimators import inputs

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 3))
LINE = 2 * X[:, 0] + 1


def fitted_quietly(estimator: Any, *arguments: Any) -> Any:
    """Fit where no warning is due."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return estimator.fit(*arguments)


# -- formulas that are a prediction alone


@pytest.mark.parametrize(
    ("formula", "parameters"),
    [
        ("a*x0 + b", {"a": 2, "b": 1}),
        ("h = a*x0; h + b", {"a": 2, "b": 1}),
        ("y*x0 + b", {"y": 2, "b": 1}),  # y is a parameter here, so that the target has another name
        ("target*x0 + y", {"target": 2, "y": 1}),
    ],
)
def test_a_formula_without_a_target_is_the_prediction(formula: str, parameters: dict[str, float]) -> None:
    found = fitted_quietly(st.FormulaRegressor(formula), X, LINE)
    assert found.params_ == pytest.approx(parameters)
    assert found.model_.formula.endswith(f"~ {formula.rpartition(';')[2].strip()}")


def test_the_target_has_a_name_that_no_feature_has() -> None:
    frame = pd.DataFrame(X, columns=["y", "target", "z"])
    found = fitted_quietly(st.FormulaRegressor("a*y + b"), frame, LINE)
    assert found.params_ == pytest.approx({"a": 2, "b": 1})


def test_a_classifier_takes_a_prediction_alone() -> None:
    labels = np.where(X[:, 0] + 0.5 * X[:, 1] > 0.3 * np.sin(9 * X[:, 2]), "high", "low")
    alone, whole = (
        st.FormulaClassifier(text).fit(X, labels) for text in ("sigmoid(a*x0 + b)", "y ~ sigmoid(a*x0 + b)")
    )
    assert alone.params_ == pytest.approx(whole.params_)


def test_signs_in_backquotes_belong_to_names() -> None:
    frame = pd.DataFrame(X, columns=["a~b;c", "p", "q"])
    for formula in ("w*`a~b;c` + b", "y ~ w*`a~b;c` + b", "`y;1` ~ w*`a~b;c` + b"):
        assert fitted_quietly(st.FormulaRegressor(formula), frame, LINE).params_ == pytest.approx({"w": 2, "b": 1})


def test_an_error_shows_the_formula_as_it_was_written() -> None:
    with pytest.raises(FormulaError, match=r"found the end \(character 7\)\n    a\*x0 \+\n"):
        st.FormulaRegressor("a*x0 +").fit(X, LINE)


# -- names that are almost those of columns


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_name_without_the_unit_of_its_column_is_warned_of() -> None:
    iris = load_iris(as_frame=True)
    said = (
        "'petal_width' is not a column, so it is a parameter; did you mean 'petal width (cm)', written in backquotes?"
    )
    with pytest.warns(SteepestWarning) as found:
        st.FormulaRegressor("a*petal_width + b").fit(iris.data, iris.target)
    assert said in [str(each.message) for each in found]
    # The advice works.
    right = fitted_quietly(st.FormulaRegressor("a*`petal width (cm)` + b"), iris.data, iris.target)
    line = LinearRegression().fit(iris.data[["petal width (cm)"]], iris.target)
    assert right.params_ == pytest.approx({"a": line.coef_[0], "b": line.intercept_}, rel=1e-6)
    # A model says the same.
    model = st.Model("target ~ a*petal_width + b").fit(iris.frame)
    assert said in model.notes


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("petal_width", "petal width (cm)"), ("petal_width_cm", "petal width (cm)"), ("PetalWidth", "petal.width"),
        ("t", "t [s]"), ("bmi", "BMI (kg/m²)"), ("N", "n"), ("x_1", "x1"), ("pH", "p-H"),
    ],
)  # fmt: skip
def test_names_that_differ_in_signs_only(name: str, column: str) -> None:
    assert same_but_for_signs(name, ["other", column]) == column
    frame = pd.DataFrame(X, columns=["other", column, "c"])
    with pytest.warns(SteepestWarning, match="is not a column, so it is a parameter; did you mean"):
        st.FormulaRegressor(f"{name}*other + b", epochs=1).fit(frame, LINE)


@pytest.mark.parametrize(("name", "column"), [("t", "(s)"), ("a", "b"), ("w", "width"), ("", "(cm)")])
def test_names_that_differ_in_letters_are_others(name: str, column: str) -> None:
    assert same_but_for_signs(name, [column]) is None


def test_a_start_says_that_a_name_is_a_parameter() -> None:
    frame = pd.DataFrame(X, columns=["other", "petal width (cm)", "c"])
    fitted_quietly(st.FormulaRegressor("petal_width*other + b", start={"petal_width": 1}), frame, LINE)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_beyond_the_columns_of_an_array_are_warned_of() -> None:
    with pytest.warns(SteepestWarning, match="'x3' is not a column, so it is a parameter; X has 3 columns, x0 to x2"):
        st.FormulaRegressor("x3*x0 + b").fit(X, LINE)
    with pytest.warns(SteepestWarning, match="'x1' is not a column, so it is a parameter; X has one column, x0"):
        st.FormulaRegressor("x1*x0 + b").fit(X[:, :1], LINE)
    fitted_quietly(st.FormulaRegressor("x3*x0 + b", start={"x3": 1}), X, LINE)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_formula_without_any_column_is_warned_of() -> None:
    with pytest.warns(SteepestWarning, match="the prediction uses no column of the table, which has 'x0', 'x1', 'x2'"):
        st.FormulaRegressor("a*x + b").fit(X, LINE)


# -- sparse matrices

SPARSE = scipy.sparse.random(70, 20, density=0.2, format="csr", random_state=3)
DENSE = SPARSE.toarray()
SUM = DENSE[:, :3].sum(axis=1)
CONTAINERS = [scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_matrix, scipy.sparse.csr_array]


def of_sparse(kind: Any) -> Any:
    return np.where(np.median(SUM) < SUM, "much", "little") if "Classifier" in kind.__name__ else SUM


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.__name__)
@pytest.mark.parametrize("kind", EVERY)
def test_sparse_matrices_give_the_numbers_of_dense_ones(kind: Any, container: Any) -> None:
    settings: dict[str, Any] = {"l2": 0.01} if kind not in NETWORKS else {}
    y, sparse = of_sparse(kind), container(DENSE)
    expected, found = (quick(kind, **settings).fit(features, y) for features in (DENSE, sparse))
    for name, value in expected.params_.items():
        np.testing.assert_array_equal(found.params_[name], value)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(found, method):
            np.testing.assert_array_equal(getattr(found, method)(sparse), getattr(expected, method)(DENSE))
    assert found.score(sparse, y) == expected.score(DENSE, y)


def test_features_of_text_are_taken() -> None:
    texts = ["a good film", "a bad film", "good music", "bad music", "the good book", "a bad book"]
    y = ["yes", "no"] * 3
    pipe = make_pipeline(TfidfVectorizer(), st.NetworkClassifier((4,), rate=0.1, random_state=0)).fit(texts, y)
    assert pipe.predict(["good", "bad"]).tolist() == ["yes", "no"]


def test_sparse_columns_have_names_in_formulas() -> None:
    found = fitted_quietly(st.FormulaRegressor("a*x0 + b*x1 + c*x2"), SPARSE, SUM)
    assert found.params_ == pytest.approx({"a": 1, "b": 1, "c": 1})


def test_sparse_labels_are_taken() -> None:
    y = np.column_stack([SUM > 1, DENSE[:, 0] > 0]).astype(int)
    expected, found = (quick(st.NetworkClassifier).fit(SPARSE, labels) for labels in (y, scipy.sparse.csr_array(y)))
    np.testing.assert_array_equal(found.predict(SPARSE), expected.predict(DENSE))


def test_a_sparse_matrix_too_large_to_be_dense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    size = DENSE.size * 4  # of float32, in which networks are fitted
    monkeypatch.setattr(inputs, "MOST_DENSE", size)
    monkeypatch.setattr(inputs, "_ROWS_TOGETHER", DENSE.shape[1] * 8 * 9)  # 9 rows at a time
    network = quick(st.NetworkRegressor, batch=35).fit(SPARSE, SUM)
    np.testing.assert_allclose(network.predict(SPARSE), network.predict(DENSE), rtol=1e-12, atol=1e-15)
    monkeypatch.setattr(inputs, "MOST_DENSE", size - 1)
    with pytest.raises(ModelError, match=r"X is sparse, 70 rows of 20 columns, and would take .* GiB .* partial_fit"):
        network.fit(SPARSE, SUM)
    # The advice works: parts, and fewer columns; what was fitted predicts rows in parts.
    network.partial_fit(SPARSE[:35], SUM[:35]).partial_fit(SPARSE[35:], SUM[35:])
    assert network.predict(SPARSE).shape == SUM.shape
    quick(st.NetworkRegressor).fit(SPARSE[:, :10], SUM)
    with pytest.raises(ModelError, match=r"more than the .* GiB allowed; .* TruncatedSVD$"):  # it takes no parts
        st.FormulaRegressor().fit(SPARSE, SUM)


def test_the_bound_is_said_in_gibibytes() -> None:
    wide = scipy.sparse.coo_array(([1.0, 1.0], ([0, 1], [0, 199_999])), shape=(20_000, 200_000))
    with pytest.raises(ModelError, match=r"20,000 rows of 200,000 columns, and would take 14\.9 GiB .* than the 2 GiB"):
        st.NetworkClassifier().fit(wide, np.arange(20_000) % 2)


def test_predictions_that_need_all_rows_take_sparse_ones() -> None:
    found = st.FormulaRegressor("a*(x0 - mean(x0)) + b", epochs=50).fit(SPARSE, SUM)
    np.testing.assert_array_equal(found.predict(SPARSE), found.predict(DENSE))


# -- messages show plain numbers


def test_messages_show_plain_values() -> None:
    labels = np.arange(60) % 2
    warm = st.NetworkClassifier(epochs=1, warm_start=True, random_state=0).fit(X, labels)
    with pytest.raises(ValueError, match=r"continues with the classes \[0, 1\], but y has \[0, 1, 2\]; give"):
        warm.fit(X, np.arange(60) % 3)
    with pytest.raises(ValueError, match=r"`classes=\[1, 2\]` is not the same as on last call .*: \[0, 1\]"):
        warm.partial_fit(X, labels, classes=np.array([1, 2]))
    with pytest.raises(ValueError, match=r"`classes=\[1, 2\]` is not"):
        warm.partial_fit(X, labels, classes=[np.int64(1), np.int64(2)])
    with pytest.raises(ValueError, match=r"has the class 7, which is not among \[0, 1\]"):
        st.NetworkClassifier(class_weight={np.int64(7): 1.0}).fit(X, labels)
    with pytest.raises(ModelError, match=r"weight -inf; classes"):
        st.NetworkClassifier(class_weight={0: np.float64("-inf")}).fit(X, labels)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden": np.array([3, 0])}, r"such as \(100,\), not \[3, 0\]"),
        ({"rate": np.float64(-1)}, "not -1.0"),
        ({"tolerance": np.float32(-0.5)}, "not -0.5"),
        ({"epochs": np.float64(2.5)}, "not 2.5"),
        ({"l2": np.float64("nan")}, "not nan"),
        ({"validation_fraction": np.float64(1.5)}, "not 1.5"),
    ],
)
def test_settings_of_numpy_are_shown_as_plain_numbers(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as found:
        st.NetworkRegressor(**settings).fit(X, LINE)
    assert "np." not in str(found.value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.int64(3), "3"), (np.str_("a"), "'a'"), (np.array([1.5, 2]), "[1.5, 2.0]"), ([np.bool_(True)], "[True]"),
        ({np.int64(1): [np.float64(2)]}, "{1: [2.0]}"), ((np.int8(1), "b"), "(1, 'b')"), (None, "None"),
    ],
)  # fmt: skip
def test_values_in_messages(value: object, shown: str) -> None:
    assert in_python(value) == shown


# -- numbers of huge size


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_features_near_1e30_are_answered_by_their_scale() -> None:
    said = "'column 0', 'column 1', 'column 2' have values up to .*e.30 in size, too large for a descent; divide each"
    with pytest.raises(StartError, match=said) as found:
        st.NetworkRegressor(random_state=0).fit(X * 1e30, LINE)
    assert "choose another start" not in str(found.value)
    with pytest.warns(ConvergenceWarning, match=f"diverged at epoch 1: {said}"):
        st.NetworkClassifier(random_state=0).fit(X * 1e30, LINE > 1)
    # The advice works.
    scaled = make_pipeline(MaxAbsScaler(), st.NetworkRegressor(rate=0.02, batch=20, random_state=0))
    assert scaled.fit(X * 1e30, LINE).score(X * 1e30, LINE) > 0.9


def test_targets_near_1e30_are_answered_by_their_scale() -> None:
    said = r"'y' has values up to .*e\+30 in size, too large for a descent; divide it by 1e\+30, or standardise it$"
    with pytest.raises(StartError, match=said):
        st.NetworkRegressor(random_state=0).fit(X, LINE * 1e30)
    with pytest.warns(ConvergenceWarning, match=f"not converged: {said}"):
        st.NetworkRegressor(epochs=3, dtype="float64", random_state=0).fit(X, LINE * 1e30)
    with pytest.warns(ConvergenceWarning, match=f"not converged: {said}"):
        st.FormulaRegressor("a*x0 + b", start={"a": 1.0, "b": 0.0}).fit(X, LINE * 1e30)
    with pytest.warns(ConvergenceWarning, match="from a drawn start the fit did not converge .*the best of 24 others"):
        drawn = st.FormulaRegressor("a*x0 + b").fit(X, LINE * 1e30)  # from starts of the size of the columns
    assert drawn.score(X, LINE * 1e30) == pytest.approx(1)
    assert fitted_quietly(st.FormulaRegressor("a*x0 + b"), X, LINE * 1e30 / 1e30).score(X, LINE) == pytest.approx(1)


def test_a_model_says_it_too() -> None:
    table = {"x": X[:, 0], "y": LINE * 1e30}
    run = st.Model("y ~ a*x + b").fit(table, start={"a": 1.0, "b": 0.0}).run
    assert "not converged: 'y' has values up to" in run.message
    run = st.Model("y ~ a*x + b").fit({"x": X[:, 0] * 1e200, "y": LINE}).run
    assert "not converged: 'x' has values up to" in run.message
    with pytest.raises(StartError, match=r"'x' has values up to .*e.200 in size"):
        st.Model("y ~ a*x + b").fit({"x": X[:, 0] * 1e200, "y": LINE}, start={"a": 1.0, "b": 0.0})
    run = st.Model("y ~ a*x + b", scale="standard").fit(table).run
    assert (run.reason, run.params["a"]) == ("converged", pytest.approx(1))


def test_a_start_outside_the_domain_is_still_said_to_be_one() -> None:
    with pytest.raises(
        StartError, match="the cost is nan at the start; choose another start, or check for a logarithm"
    ):
        st.Model("y ~ log(a*x)").fit({"x": [1.0, 2.0], "y": [0.0, 1.0]}, start={"a": -1.0})
    with pytest.raises(
        StartError, match=r"is nan at the start: 'x' has values up to 2e\+12.*, or check for a logarithm"
    ):
        st.Model("y ~ log(a*x)").fit({"x": [1.0, 2e12], "y": [0.0, 1.0]}, start={"a": -1.0})


def test_large_numbers_that_are_no_obstacle_are_not_mentioned() -> None:
    found = fitted_quietly(st.FormulaRegressor("a*x0 + b"), X * 1e12, LINE * 1e12)
    assert found.score(X * 1e12, LINE * 1e12) == pytest.approx(1)
    assert "too large" not in found.model_.run.message


def test_a_feature_comes_before_a_number_of_its_name() -> None:
    frame = pd.DataFrame({"pi": X[:, 0], "z": X[:, 1]})
    with pytest.warns(SteepestWarning, match="'pi' is the column of that name here"):
        found = st.FormulaRegressor("a*pi + b*z").fit(frame, 3 * frame.pi - frame.z)
    assert found.params_ == pytest.approx({"a": 3.0, "b": -1.0})
    assert found.predict(pd.DataFrame({"pi": [1.0], "z": [2.0]})) == pytest.approx([1.0])
