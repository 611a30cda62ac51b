"""Names of columns come before constants, functions, powers and subscripts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from command_line import Steepest
from command_line import steepest as steepest
from steepest import Model, data, load, params, parse
from steepest.errors import TableWarning
from steepest.language.columns import as_columns, notes_on_spellings
from steepest.language.formula import names_in

rng = np.random.default_rng(0)
ODD = ["pi", "π", "inf", "nan", "e", "x₁", "x²", "x₁²", "log", "x⁻¹", "dense"]


@pytest.mark.parametrize("name", ODD)
def test_a_column_is_data_in_the_prediction(name: str) -> None:
    table = {name: rng.normal(size=20), "x": rng.normal(size=20)}
    table["y"] = 3 * table[name] - 2
    model = Model(f"y ~ a*{name} + b")
    if name == "e":
        model.fit(table)
    else:
        with pytest.warns(TableWarning, match=f"'{name}' is the column of that name here, not "):
            model.fit(table)
    assert model.data == (name, "y")
    assert model.params == pytest.approx({"a": 3.0, "b": -2.0})
    np.testing.assert_allclose(model.predict(table), table["y"])


@pytest.mark.parametrize("name", ODD)
def test_a_column_is_data_as_the_target(name: str) -> None:
    x = rng.normal(size=20)
    model = Model(f"{name} ~ a*x + b")
    if name == "e":
        model.fit({"x": x, name: 5 * x + 1})
    else:
        with pytest.warns(TableWarning, match=name):
            model.fit({"x": x, name: 5 * x + 1})
    assert model.target.name == name
    assert model.params == pytest.approx({"a": 5.0, "b": 1.0})


def test_without_such_a_column_they_mean_what_they_did() -> None:
    x, a, x1 = data("x"), *params("a", "x1")
    assert parse("a*pi*x² + x₁", data=["x"]) is a * np.pi * x**2 + x1
    assert parse("log(x)", data=["x", "log"]) is parse("log(x)", data=["x"])  # a bracket makes it a function
    assert parse("x²", data=["x", "x²"]) is data("x²")
    assert parse("x ²", data=["x", "x²"]) is x**2
    assert parse("x₁", data=["x1"]) is data("x1")
    assert parse("x₁ + x1", data=["x1", "x₁"]) is data("x₁") + data("x1")
    assert parse("x₁²", data=["x₁"]) is data("x₁") ** 2


def test_a_name_that_the_formula_defines_is_that_part() -> None:
    assert as_columns("x₁ = 2*a; y ~ x₁*b", ["x₁", "y"]) == "x₁ = 2*a; y ~ x₁*b"


def test_names_and_notes() -> None:
    columns = ["z", "pi", "x²"]
    assert names_in("z ~ w*pi + x² + x", columns=columns) == ("z", "w", "pi", "x²", "x")
    assert names_in("z ~ w*pi") == ("z", "w")
    assert notes_on_spellings("z ~ w*pi + x² + pi", columns) == [
        "'pi' is the column of that name here, not the number",
        "'x²' is the column of that name here, not a power, which is written x^2",
    ]


def test_a_saved_model_keeps_its_columns(tmp_path: Path) -> None:
    table = {"pi": [1.0, 2.0, 4.0], "x": [1.0, 3.0, 2.0]}
    table["y"] = [2 * p + x * 3.25 for p, x in zip(table["pi"], table["x"], strict=True)]
    with pytest.warns(TableWarning, match="pi"):
        Model("y ~ a*pi + b*x").fit(table).save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    np.testing.assert_allclose(again.predict(table), table["y"])
    assert again.predict({"pi": [10.0], "x": [0.0]}) == pytest.approx([20.0])


def test_a_group_of_columns_leaves_out_a_column_that_the_formula_names() -> None:
    table = {"pi": [1.0, 2.0, 4.0], "u": [1.0, 3.0, 2.0], "y": [1.0, 2.0, 3.0]}
    model = Model("y ~ X @ w + c*pi", features="*", params={"w": 1})
    with pytest.warns(TableWarning, match="pi"):
        model.use(table)
    assert model.blocks == {"X": ("u",)}


def test_commands_print_the_note_once(steepest: Steepest, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("pi,x,y\n1,2,3\n2,5,4\n4,1,9\n", encoding="utf-8")
    note = "note: 'pi' is the column of that name here, not the number"
    model = "y ~ a*pi + b"
    for words in (["fit", "t.csv", model], ["check", model, "t.csv"], ["check", "mean((y - a*pi)^2)", "t.csv"]):
        done = steepest(*words)
        assert done.status == 0
        assert done.err.count(note) == 1
