"""Blocks of columns: which columns a pattern takes and in what order, and models that are fitted with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import steepest as st
from steepest.errors import ModelError, SteepestError, TableError
from steepest.tables.feature_groups import resolve, spelt_out, with_blocks
from steepest.tables.table import open_table

RNG = np.random.default_rng(31)
X = RNG.normal(size=(12, 11))
Y = RNG.integers(0, 3, 12)
NAMES = [f"pixel_{k}" for k in range(11)]
COLUMNS: dict[str, Any] = {"id": list("abcdefghijkl"), **{n: X[:, k] for k, n in enumerate(NAMES)}, "digit": Y}
FORMULA = "digit ~ softmax(dense(tanh(dense(X, 4)), 3))"


def found(features: Any, columns: Any = COLUMNS, names: Any = ("digit", "X"), taken: Any = ("digit",)) -> Any:
    return resolve(spelt_out(features), open_table(columns), names, taken)


def test_a_pattern_takes_columns_in_the_order_of_the_table() -> None:
    """So pixel_10 stands behind pixel_9, and a table in another order gives another block."""
    assert found("pixel_*") == {"X": tuple(NAMES)}
    turned = {name: COLUMNS[name] for name in reversed(COLUMNS)}
    assert found("pixel_*", turned) == {"X": tuple(reversed(NAMES))}
    assert found("pixel_?") == {"X": tuple(NAMES[:10])}
    assert found("pixel_[23]") == {"X": ("pixel_2", "pixel_3")}


def test_a_list_keeps_its_own_order_and_may_hold_patterns() -> None:
    assert found(["pixel_3", "pixel_1"]) == {"X": ("pixel_3", "pixel_1")}
    assert found(["pixel_10", "pixel_?"]) == {"X": ("pixel_10", *NAMES[:10])}
    assert found({"X": "pixel_1*", "Z": ["pixel_0"]}, names=("X", "Z")) == {
        "X": ("pixel_1", "pixel_10"), "Z": ("pixel_0",),
    }  # fmt: skip


def test_a_pattern_leaves_out_what_the_formula_names() -> None:
    columns = {"a": [1.0], "y": [2.0], "w": [1.0], "[b]": [4.0]}
    assert found("*", columns, ("y", "X"), ("y", "w")) == {"X": ("a", "[b]")}
    assert found(["[b]"], columns, ("y", "X")) == {"X": ("[b]",)}  # a column of that very name is no pattern
    assert found(["y"], columns, ("y", "X")) == {"X": ("y",)}  # whoever lists it means it


@pytest.mark.parametrize(
    ("features", "names", "kind", "says"),
    [
        ("pixl_*", ("X",), TableError, "no column matches 'pixl_*'; did you mean 'pixel_"),
        ("image", ("X",), TableError, "there is no column 'image'"),
        (["pixel_1", "pixel_99"], ("X",), TableError, "there is no column 'pixel_99' (did you mean"),
        ("pixel_*", ("Y",), ModelError, "the feature group 'X' is not in the formula"),
        ({"digit": "pixel_*"}, ("digit",), TableError, "there is a column 'digit' already"),
    ],
)
def test_errors_of_columns(features: Any, names: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind) as caught:
        found(features, names=names)
    assert says in str(caught.value)


@pytest.mark.parametrize("features", [5, [], "", [3], {"X": []}, {3: "a*"}, {"X": 7}])
def test_features_that_are_none(features: Any) -> None:
    with pytest.raises(ModelError, match="features has"):
        st.Model(FORMULA, features=features)


def test_columns_of_texts_and_holes_are_named() -> None:
    table = with_blocks(open_table(COLUMNS), {"X": ["pixel_0", "id"]})
    with pytest.raises(TableError, match="data row 1 of column 'id'"):
        table.select(["X"])
    holes = {"a": [1.0, 2], "b": [3.0, None], "y": [5.0, 6]}
    table = with_blocks(open_table(holes), {"X": ["a", "b"]})
    with pytest.raises(TableError, match="data row 2 of column 'b' has no value"):
        table.select(["y", "X"])
    columns = table.select(["y", "X"], na="drop")
    assert (columns.arrays["X"].tolist(), columns.arrays["y"].tolist(), columns.dropped) == ([[1.0, 3.0]], [5.0], 1)
    assert list(columns.arrays) == ["y", "X"]
    wide = with_blocks(open_table({"a": [[1.0, 2], [3, 4]]}), {"X": ["a"]})
    with pytest.raises(TableError, match=r"column 'a' has shape \(2,\) per row"):
        wide.select(["X"])


# -- in models -------------------------------------------------------------------------------------------------


def csv(folder: Path) -> Path:
    pl.DataFrame(COLUMNS).write_csv(folder / "digits.csv")
    return folder / "digits.csv"


KINDS = {
    "dict": lambda folder: COLUMNS,
    "pandas": lambda folder: pd.DataFrame(COLUMNS),
    "polars": lambda folder: pl.DataFrame(COLUMNS),
    "csv": csv,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_a_block_is_that_of_the_array(kind: str, tmp_path: Path) -> None:
    table = KINDS[kind](tmp_path)
    model = st.Model(FORMULA, "cross_entropy", features="pixel_*").fit(table, epochs=20, seed=4)
    array = st.Model(FORMULA, "cross_entropy").fit({"X": X, "digit": Y}, epochs=20, seed=4)
    for name, value in array.params.items():
        np.testing.assert_array_equal(model.params[name], value)
    np.testing.assert_array_equal(model.predict(table), array.predict({"X": X}))
    np.testing.assert_array_equal(model.predict({"X": X}), array.predict({"X": X}))  # the block itself is taken too
    assert model.check(table).ok
    assert model.notes == []


def test_two_blocks() -> None:
    columns = {**COLUMNS, "a": RNG.normal(size=12), "b": RNG.normal(size=12), "t": RNG.normal(size=12)}
    model = st.Model("t ~ sum(dense(X, 1)) + sum(dense(Z, 1))", features={"X": "pixel_*", "Z": ["b", "a"]})
    model.fit(columns, epochs=3)
    assert {name: np.shape(value) for name, value in model.params.items()} == {
        "W1": (11, 1), "b1": (1,), "W2": (2, 1), "b2": (1,),
    }  # fmt: skip
    by_hand = X @ model.params["W1"] + model.params["b1"]
    by_hand = by_hand + np.column_stack([columns["b"], columns["a"]]) @ model.params["W2"] + model.params["b2"]
    np.testing.assert_allclose(model.predict(columns), by_hand[:, 0], rtol=1e-12)


def test_the_columns_of_the_first_fit_stay(tmp_path: Path) -> None:
    """Another table in another order, with more columns that match, gives the same predictions; so does a file."""
    model = st.Model(FORMULA, "cross_entropy", features="pixel_*").fit(COLUMNS, epochs=5)
    other = {"pixel_99": [1e9] * 12, **{name: COLUMNS[name] for name in reversed(COLUMNS)}}
    np.testing.assert_array_equal(model.predict(other), model.predict(COLUMNS))
    model.save(tmp_path / "m.safetensors")
    back = st.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(back.predict(other), model.predict(COLUMNS))
    np.testing.assert_array_equal(back.predict({"X": X}), model.predict(COLUMNS))
    refitted = back.fit(other, start=back.params, epochs=2)
    again = model.fit(COLUMNS, start=model.params, epochs=2)
    np.testing.assert_array_equal(refitted.params["W1"], again.params["W1"])
    with pytest.raises(TableError, match="no column 'pixel_3'"):
        model.predict({name: COLUMNS[name] for name in COLUMNS if name != "pixel_3"})


def test_a_network_with_a_block() -> None:
    model = st.models.network([11, 4, 3], output="softmax", target="digit", features="pixel_*").fit(COLUMNS, epochs=2)
    assert model.predict(COLUMNS).shape == (12, 3)
    with pytest.raises(ModelError, match="the block 'X' has 11 columns of the dict given, but the model"):
        st.models.network([10, 4, 3], output="softmax", target="digit", features="pixel_*").fit(COLUMNS)


def test_all_columns_but_those_named() -> None:
    columns = {name: COLUMNS[name] for name in COLUMNS if name != "id"} | {"w": np.arange(12.0)}
    model = st.Model(FORMULA, "cross_entropy", features="*", weights="w").fit(columns, epochs=1)
    assert model.params["W1"].shape == (11, 4)


def test_predict_at_given_parameters_before_any_fit() -> None:
    model = st.Model("y ~ sum(X*v)", features=["a", "b"], params={"v": 2})
    assert model.predict({"b": [1.0, 2], "a": [5.0, 7]}, params={"v": [10.0, 1]}).tolist() == [51.0, 72.0]


def test_errors_in_models() -> None:
    for model, table in (
        (st.Model("y ~ sum(dense(Z, 1))", features="a*"), {"a": [1.0], "y": [1.0]}),
        (st.Model("y ~ sum(dense(X, 1))", features="q*"), {"a": [1.0], "y": [1.0]}),
        (st.Model("y ~ sum(dense(X, 1))", features="a"), {"a": ["one"], "y": [1.0]}),
    ):
        with pytest.raises(SteepestError) as caught:
            model.fit(table)
        assert "\n" not in str(caught.value)
