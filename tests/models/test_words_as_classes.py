"""Targets of words: classes, sorted, in networks and formulas, in saved models, and where they are no classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import steepest as st
from steepest.errors import ModelError, TableError, TableWarning
from steepest.models.builders import network_for
from steepest.tables.labels import labels_in

IRIS = load_iris()
NAMES = IRIS.target_names[IRIS.target]
FRAME = pd.DataFrame(IRIS.data, columns=["a", "b", "c", "d"]).assign(kind=NAMES)
TWO = FRAME[FRAME.kind != "setosa"].reset_index(drop=True)
LOGIT = "kind ~ sigmoid(u*c + v*d + w)"


def table(kind: str, tmp_path: Path) -> Any:
    """The same table as a DataFrame, a categorical one, a dict, and a file."""
    if kind == "categories":
        return TWO.assign(kind=pd.Categorical(TWO.kind))
    if kind == "dict":
        return {name: TWO[name].tolist() for name in TWO}
    if kind == "file":
        TWO.to_csv(tmp_path / "two.csv", index=False)
        return tmp_path / "two.csv"
    return TWO


@pytest.mark.parametrize("kind", ["frame", "categories", "dict", "file"])
def test_a_formula_with_two_classes_is_that_of_scikit_learn(kind: str, tmp_path: Path) -> None:
    model = st.Model(LOGIT, "cross_entropy")
    with pytest.warns(TableWarning, match=r"kind has the classes 'versicolor', 'virginica', with the numbers 0 to 1"):
        run = model.fit(table(kind, tmp_path)).run
    assert run is not None
    assert run.reason == "converged"
    assert model.classes == ("versicolor", "virginica")
    peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(TWO[["c", "d"]], TWO.kind)
    wanted = [*peer.coef_[0], peer.intercept_[0]]
    np.testing.assert_allclose([run.params[name] for name in "uvw"], wanted, rtol=1e-4)


def test_a_network_knows_the_classes_when_it_comes_back(tmp_path: Path) -> None:
    opened = st.open_table(FRAME)
    with pytest.warns(TableWarning, match="'setosa', 'versicolor', 'virginica'"):
        model = network_for(opened, "kind", [4])
    assert model.formula.endswith("softmax(tanh(X @ W1 + b1) @ W2 + b2)")
    model.fit(FRAME, optimiser="adam", rate=0.05, epochs=300)
    model.save(tmp_path / "kind.safetensors")
    back = st.load(tmp_path / "kind.safetensors")
    assert back.classes == ("setosa", "versicolor", "virginica")
    found = back.evaluate(FRAME)
    assert found["accuracy"] > 0.9
    chosen = np.array(back.classes)[back.predict(FRAME).argmax(axis=1)]
    assert (chosen == NAMES).mean() == pytest.approx(found["accuracy"])


def test_formulas_that_give_no_such_classes_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"the words 'versicolor', 'virginica', which are 2 classes; end .* in sigmoid"
    ):
        st.Model("kind ~ u*c + w").fit(TWO)
    with pytest.raises(ModelError, match=r"3 classes; end the prediction in softmax.* of 3 numbers"):
        st.Model(LOGIT).fit(FRAME)
    model = st.Model(LOGIT)
    with pytest.raises(ModelError):
        model.fit(FRAME)
    with pytest.warns(TableWarning, match="'versicolor', 'virginica'"):
        model.fit(TWO)  # the refusal left nothing behind


def test_a_word_that_the_model_does_not_know_is_named() -> None:
    model = st.Model(LOGIT, "cross_entropy")
    with pytest.warns(TableWarning, match="classes"):
        model.fit(TWO)
    with pytest.raises(TableError, match="column 'kind' has 'setosa' in data row 1, which is none of the classes"):
        model.evaluate(FRAME)


def test_a_slip_among_numbers_is_no_class() -> None:
    slip = {"x": [1.0, 2.0, 3.0], "y": ["1", "2", "3x"]}
    assert labels_in(st.open_table(slip), "y") == ()
    with pytest.raises(TableError, match="column 'y' holds the text"):
        st.Model("y ~ a*x").fit(slip)


def test_missing_words_are_missing() -> None:
    gone = {"x": [1.0, 2.0, 3.0, 4.0, 2.5], "y": ["no", "yes", "NA", "yes", "no"]}
    assert labels_in(st.open_table(gone), "y") == ("no", "yes")
    model = st.Model("y ~ sigmoid(a*x + b)", "cross_entropy", l2=0.1)
    with pytest.warns(TableWarning, match="'no', 'yes'"):
        run = model.fit(gone, na="drop").run
    assert run is not None
    assert run.reason == "converged"
    assert model.samples(gone, na="drop").dropped == 1
