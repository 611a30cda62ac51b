"""Saved models that come back: what they keep, what takes them, and how a fit continues from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

import steepest as st
from command_line import Steepest, steepest, table
from places import IRIS

__all__ = ["steepest"]

COLUMNS = ["sepal_length", "petal_length"]


@pytest.fixture
def line(steepest: Steepest, tmp_path: Path) -> str:
    """A line that is fitted to 5 rows; one has text and one of them no value."""
    table(tmp_path / "t.csv", 'x,y,name\n0,1.0,"Smith, J."\n1,2.1,b\n2,3.9,\n3,6.2,d\n4,7.7,e\n5,,f\n')
    assert steepest("fit", "t.csv", "y ~ a*x + b", "--na", "drop", "--save", "m.safetensors").status == 0
    return "m.safetensors"


# -- estimators --------------------------------------------------------------------------------------------------


def flowers() -> pl.DataFrame:
    return pl.read_csv(IRIS).rename(lambda name: name.lower().replace(".", "_"))


def test_a_classifier_keeps_columns_and_classes(steepest: Steepest) -> None:
    frame = flowers()
    X, y = frame.select(COLUMNS).to_pandas(), frame["species"].to_numpy()
    fitted = st.FormulaClassifier(random_state=0).fit(X, y)
    assert len(fitted.classes_) == 3
    fitted.model_.save("c.safetensors")
    frame.write_csv("flowers.csv")
    formula = fitted.model_.formula
    found = steepest("predict", "c.safetensors", "flowers.csv", "--json").json
    assert np.array(found["prediction"]) == pytest.approx(fitted.predict_proba(X), abs=1e-12)
    assert found["class"] == fitted.predict(X).tolist()
    evaluated = steepest("evaluate", "c.safetensors", "flowers.csv", "--target", "species", "--json").json
    assert evaluated["accuracy"] == pytest.approx(fitted.score(X, y))
    assert [row["class"] for row in evaluated["classes"]] == fitted.classes_.tolist()
    assert evaluated["confusion"] == metrics.confusion_matrix(y, fitted.predict(X)).tolist()
    shown = steepest("show", "c.safetensors")
    lines = [" ".join(row.split()) for row in shown.out.splitlines()]
    assert "X 2 columns: 'sepal_length', 'petal_length'" in lines
    assert any(row.startswith("classes 'setosa', ") for row in lines)
    assert any(formula in row for row in lines)


def test_a_regressor_of_arrays_has_columns_x0_x1(steepest: Steepest, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = X @ [2.0, -1.0] + 0.5
    st.FormulaRegressor().fit(X, y).model_.save("r.safetensors")
    rows = "\n".join(f"{a!r},{b!r},{c!r}" for (a, b), c in zip(X.tolist(), y.tolist(), strict=True))
    table(tmp_path / "n.csv", f"x0,x1,y\n{rows}\n")
    found = steepest("predict", "r.safetensors", "n.csv", "--json").json["prediction"]
    assert found == pytest.approx(LinearRegression().fit(X, y).predict(X), abs=1e-6)
    assert steepest("evaluate", "r.safetensors", "n.csv", "--json").json["r2"] == pytest.approx(1)


@pytest.mark.parametrize("labels", [[3, 7], [3.0, 7.0], [False, True], ["no", "yes"]])
def test_two_classes_of_any_kind(steepest: Steepest, tmp_path: Path, labels: list[object]) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(80, 1))
    y = np.array(labels)[(rng.random(80) < 1 / (1 + np.exp(-2 * x[:, 0]))).astype(int)]
    fitted = st.FormulaClassifier("kind ~ sigmoid(a*x0 + b)").fit(x, y)
    peer = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)
    fitted.model_.save("k.safetensors")
    rows = "".join(f"{a!r},{b}\n" for (a,), b in zip(x.tolist(), y.tolist(), strict=True))
    table(tmp_path / "k.csv", f"x0,kind\n{rows}")
    found = steepest("predict", "k.safetensors", "k.csv", "--json").json
    assert found["class"] == peer.predict(x).tolist()
    evaluated = steepest("evaluate", "k.safetensors", "k.csv", "--json").json
    assert evaluated["log_loss"] == pytest.approx(metrics.log_loss(y == labels[1], peer.predict_proba(x)[:, 1]))
    assert evaluated["classes"][1]["class"] == labels[1]
    assert st.load("k.safetensors").evaluate({"x0": x[:, 0], "kind": y})["log_loss"] == evaluated["log_loss"]


def test_a_label_that_no_class_has(steepest: Steepest, tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 20)[:, None]
    st.FormulaClassifier("kind ~ sigmoid(a*x0)").fit(x, np.where(np.sin(9 * x[:, 0]) > 0, "b", "a")).model_.save(
        "k.safetensors"
    )
    table(tmp_path / "k.csv", "x0,kind\n1,a\n2,c\n")
    said = steepest("evaluate", "k.safetensors", "k.csv")
    assert said.status == 2
    assert "column 'kind' has 'c' in data row 2, which is none of the classes of the model, 'a', 'b'" in said.err


# -- show --------------------------------------------------------------------------------------------------------


def test_show(steepest: Steepest, line: str) -> None:
    said = steepest("show", line)
    assert (said.status, said.err) == (0, "")
    lines = [" ".join(row.split()) for row in said.out.splitlines()]
    assert "model y ~ a*x + b" in lines
    assert "fitted to t.csv, 5 rows, 1 more left out" in lines
    assert any(row.startswith("fit converged after ") for row in lines)
    x, y = np.arange(5.0), np.array([1.0, 2.1, 3.9, 6.2, 7.7])
    (a, b), covariance = np.polyfit(x, y, 1, cov=True)
    errors = np.sqrt(np.diag(covariance))
    assert f"a {a:.12g} ± {errors[0]:.2g}" in lines or any(row.endswith(f"± {errors[0]:.2g}") for row in lines)
    found = steepest("show", line, "--json").json
    assert found["params"] == pytest.approx({"a": a, "b": b})
    assert found["standard_errors"] == pytest.approx({"a": errors[0], "b": errors[1]})
    assert found["table"] == {"source": "t.csv", "rows": 5, "dropped": 1}
    assert found["run"]["reason"] == "converged"
    assert found["settings"]["na"] == "drop"
    assert found["refusal"] is None


def test_show_arrays_fixed_and_tied_parameters(steepest: Steepest, tmp_path: Path) -> None:
    model = st.models.network([2, 3, 1], output="linear", cost="mse").fit(
        {"X": np.eye(2), "y": [1.0, 2.0]}, epochs=1, rate=0.1
    )
    model.save("n.safetensors")
    lines = [" ".join(row.split()) for row in steepest("show", "n.safetensors").out.splitlines()]
    place = lines.index("W1, 2 × 3:")
    assert [list(map(float, row.split())) for row in lines[place + 1 : place + 3]] == [
        pytest.approx(row, rel=1e-11) for row in np.asarray(model.params["W1"]).tolist()
    ]
    table(tmp_path / "l.csv", "x,y\n0,1\n1,2.1\n2,3.9\n3,6.2\n4,7.7\n")
    steepest("fit", "l.csv", "y ~ a*x + b + c*x^2", "--fix", "c=0.1", "--tie", "b=2*a", "--save", "f.safetensors")
    lines = [" ".join(row.split()) for row in steepest("show", "f.safetensors").out.splitlines()]
    assert "c 0.1 fixed" in lines
    assert any(row.startswith("b ") and row.endswith("= 2*a") for row in lines)
    found = steepest("show", "f.safetensors", "--json").json
    assert (found["fixed"], found["tied"]) == (["c"], {"b": "2*a"})


def test_a_model_that_is_saved_again_keeps_its_record(steepest: Steepest, line: str) -> None:
    st.load(line).save("again.safetensors")
    first, second = (steepest("show", name, "--json").json for name in (line, "again.safetensors"))
    assert first == second


# -- fit --from --------------------------------------------------------------------------------------------------


def test_a_fit_continues_from_a_model(steepest: Steepest, line: str) -> None:
    """Two fits of 5 epochs are one of 10: gradient descent has no memory."""
    words = ("--na", "drop", "--rate", "0.01", "--json")
    steepest("fit", "t.csv", "y ~ a*x + b", *words, "--epochs", "5", "--save", "half.safetensors")
    whole = steepest("fit", "t.csv", "y ~ a*x + b", *words, "--epochs", "10").json
    for formula in ([], ["y ~ a*x + b"]):
        found = steepest("fit", "t.csv", *formula, "--from", "half.safetensors", *words, "--epochs", "5").json
        assert found["params"] == whole["params"]
    assert steepest("fit", "t.csv", "--from", line, "--start", "a=0", *words, "--epochs", "0").json["params"]["a"] == 0


def test_a_fit_continues_with_standardised_columns_and_ties(steepest: Steepest, tmp_path: Path) -> None:
    rows = "".join(f"{k},{100 + 20 * k + (-1) ** k}\n" for k in range(30))
    table(tmp_path / "s.csv", f"x,y\n{rows}")
    table(tmp_path / "half.csv", f"x,y\n{''.join(rows.splitlines(keepends=True)[:15])}")
    steepest("fit", "s.csv", "y ~ a*x + b", "--scale", "standard", "--save", "s.safetensors")
    words = ("--epochs", "0", "--rate", "0.1", "--json")
    first = steepest("show", "s.safetensors", "--json").json
    for extra in ([], ["y ~ a*x + b", "--scale", "standard"]):
        found = steepest("fit", "half.csv", *extra, "--from", "s.safetensors", *words).json
        assert (found["params"], found["scales"]) == (first["params"], first["scales"])
    said = steepest("fit", "half.csv", "y ~ a*x + b", "--from", "s.safetensors", *words)
    assert (said.status, said.out) == (2, "")
    assert "the parameters in s.safetensors are those of the standardised columns" in said.err
    steepest("fit", "s.csv", "y ~ a*x + b", "--tie", "b=5*a", "--save", "t.safetensors")
    found = steepest("fit", "half.csv", "--from", "t.safetensors", "--json").json
    assert found["tied"] == {"b": "5*a"}
    x = np.arange(15.0)
    y = 100 + 20 * x + (-1.0) ** np.arange(15)
    assert found["params"]["a"] == pytest.approx(((x + 5) @ y) / ((x + 5) @ (x + 5)))


def test_a_fit_of_another_formula_takes_the_parameters_that_it_has(steepest: Steepest, line: str) -> None:
    words = ("--na", "drop", "--rate", "0.01", "--epochs", "0")
    said = steepest("fit", "t.csv", "y ~ a*x + c", "--from", line, *words, "--json")
    assert said.json["params"]["a"] == steepest("show", line, "--json").json["params"]["a"]
    assert "note: b of the saved model left out" in said.err
    assert "note: c not in the saved model" in said.err
    said = steepest("fit", "t.csv", "--from", line, "--l2", "1", *words)
    assert (said.status, said.out) == (2, "")
    assert "--l2 is a part of the model in m.safetensors" in said.err
    said = steepest("fit", "t.csv", "y ~ q*x", "--from", line, *words)
    assert (said.status, said.out) == (2, "")
    assert "of which the formula has none in the same shape; leave --from out" in said.err


# -- predict --keep ----------------------------------------------------------------------------------------------


def test_predictions_next_to_the_rows_of_the_table(steepest: Steepest, line: str) -> None:
    said = steepest("predict", line, "t.csv", "--keep")
    assert said.status == 0, said.err
    found = pl.read_csv(said.out.encode())
    written = pl.read_csv("t.csv")
    assert found.drop("prediction").equals(written)
    assert said.out.splitlines()[1].startswith('0,1.0,"Smith, J.",')
    alone = steepest("predict", line, "t.csv").out.split()[1:]
    assert found["prediction"].to_list() == [float(value) for value in alone]
    assert steepest("predict", line, "t.csv", "--keep", "--json").json["columns"]["name"][:2] == ["Smith, J.", "b"]


def test_kept_rows_are_those_with_predictions(steepest: Steepest, line: str, tmp_path: Path) -> None:
    table(tmp_path / "h.csv", "x,name\n1,a\n,b\n3,c\n")
    lines = steepest("predict", line, "h.csv", "--keep", "--na", "drop").out.splitlines()
    assert [row.rsplit(",", 1)[0] for row in lines] == ["x,name,row", "1,a,1", "3,c,3"]
    pl.DataFrame({"x": [1.0, 2.0], "name": ["a", None], "day": ["2020", "2021"]}).write_parquet(tmp_path / "p.parquet")
    lines = steepest("predict", line, "p.parquet", "--keep").out.splitlines()
    assert [row.rsplit(",", 1)[0] for row in lines] == ["x,name,day", "1,a,2020", "2,,2021"]
    assert steepest("predict", line, "twice", "--keep").out.splitlines()[1].startswith("0,0,")
    table(tmp_path / "c.csv", "x,prediction\n1,2\n")
    said = steepest("predict", line, "c.csv", "--keep")
    assert (said.status, said.out) == (2, "")
    assert "c.csv has a column 'prediction', as the output has; rename it, or leave --keep out" in said.err


# -- commands that take a formula --------------------------------------------------------------------------------


def test_commands_that_take_a_formula_take_a_model(steepest: Steepest, line: str) -> None:
    written = steepest("derive", "y ~ a*x + b", "--wrt", "a", "--data", "x,y").out
    assert steepest("derive", line, "--wrt", "a").out == written
    found = steepest("check", line, "t.csv", "--na", "drop", "--json").json
    assert found["at"] == steepest("show", line, "--json").json["params"]
    assert abs(found["check"]["a"]["given"]) < 1e-12  # the fit has converged
    assert {row["name"] for row in steepest("ops", line, "--json").json["operations"]} == {"add", "multiply"}
    assert steepest("diagram", line).status == 0
    assert steepest("graph", line, "--table", "t.csv", "--na", "drop").status == 0
    assert steepest("surface", line, "t.csv", "--na", "drop", "-o", "s.svg").status == 0
    assert steepest("paper", line, "-o", "p.md").status == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["show", "absent.safetensors"], "there is no such file"),
        (["show", "t.csv"], "not a saved model"),
        (["fit", "t.csv", "--from", "absent.safetensors"], "there is no such file"),
        (["check", "m.safetensors"], "the check of a model needs its TABLE, with the columns x, y"),
        (["evaluate", "m.safetensors", "t.csv", "--target", "x"], "t.csv has a column 'y', which is the target"),
        (["derive", "m.safetensors", "--wrt", "q"], "'q'"),
    ],
)
def test_mistakes(steepest: Steepest, line: str, words: list[str], expected: str) -> None:
    said = steepest(*words)
    assert (said.status, said.out) == (2, "")
    assert expected in said.err
    assert "Traceback" not in said.err
