"""Names may be any printable text: they become identifiers of their own, and comments and strings hold them safely."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st_

import export_harness as harness
import steepest as st
from export_harness import needs_compiler, pointer
from processes import loaded
from steepest.engines.step import RATE
from steepest.errors import DescentError, ModelError, StorageError, ValuesError
from steepest.export import FORMATS, export_bytes, export_model, largest_difference
from steepest.export.names import Identifiers, in_c_comment, in_docstring
from steepest.expressions.printing import quoted

NASTY = [
    "*/ int x; /*", "double", "class", "exp", "fabs", "n", "s", "i", "T", "x[0]", "nasty", "nasty_predict",
    "nasty_sigmoid", "nasty_train", "prediction", "epoch", "epochs", "sum", "t", "t_2", "state", "INFINITY",
    "size_t", "main", "linux", '"""', "'''", '"; import os; "', "\\", "a\\n", "\\u000a", "??/", "???/", "//",
    "/*", "*//", "**/", "#define y 2", "a b", "a_b", "a-b", "a__b", "1st", "_x", "__name__", "σ", "ﬁ", "fi",
    "é", "名前", "x²", "np", "DTYPE", "predict", "lambda", "None", "print", "one_hot", "softplus", "{0}", "{",
    "%s", "h1", "z", "e", "part 1", "X_s", "constant",
]  # fmt: skip


def nasty(columns: list[str], params: list[str]) -> harness.Case:
    """A neuron over columns and parameters of these names, every weight another."""
    terms = [f"{quoted(x)}*{quoted(w)}" for x, w in zip(columns, params, strict=True)]
    rng = np.random.default_rng(len(columns))
    values: dict[str, Any] = {name: rng.normal(size=4) for name in columns}
    values |= {name: rng.normal() for name in params}
    return harness.case(f"sigmoid({' + '.join(terms)})", values, columns)


HALF = len(NASTY) // 2
SPLITS = [(NASTY[:HALF], NASTY[HALF : 2 * HALF]), (NASTY[-HALF:], NASTY[-2 * HALF : -HALF])]


@pytest.mark.parametrize("k", [0, 1])
def test_no_name_breaks_out(k: int) -> None:
    tried = nasty(*SPLITS[k])
    wanted = tried.wanted("float64")
    for to, predict in (("numpy", harness.numpy_predict), ("onnx", harness.onnx_predict)):
        if to == "onnx" and "prediction" in tried.model.prediction.data:
            continue
        np.testing.assert_allclose(predict(export_bytes(tried.model, to), tried, "float64"), wanted, rtol=1e-12)


@needs_compiler
@pytest.mark.parametrize("k", [0, 1])
def test_no_name_breaks_out_of_c(k: int) -> None:
    tried = nasty(*SPLITS[k])
    functions = harness.library([export_bytes(tried.model, "c", name="nasty")], ["-Wcomment", "-Wtrigraphs"])
    found = harness.c_predict(functions, "nasty", tried, "float64")
    np.testing.assert_allclose(found, tried.wanted("float64"), rtol=1e-12)
    training = harness.library([export_bytes(tried.model, "c-train", name="nasty")])
    columns = [np.array(tried.table[name]) for name in tried.model.prediction.data]
    params = [np.atleast_1d(tried.model.params[name]) for name in tried.model.prediction.parameters]
    alone = np.zeros(1)
    training.nasty_predict(*map(pointer, columns), *map(pointer, params), pointer(alone))
    np.testing.assert_allclose(alone, found[:1], rtol=1e-12)


@given(st_.lists(st_.text(min_size=1, max_size=12), min_size=1, max_size=30))
def test_identifiers_are_words_and_differ(names: list[str]) -> None:
    for unicode in (False, True):
        identifiers = Identifiers({"double", "x"}, unicode)
        picked = [identifiers.pick(name) for name in names]
        assert len(set(picked)) == len(names)
        assert all(word.isidentifier() and (unicode or word.isascii()) for word in picked)
        assert not {"double", "x"} & set(picked)
        assert not any(word.startswith("_") for word in picked)


@given(st_.text(alphabet="*/?\\\n\"'ab ", max_size=30))
@settings(max_examples=300)
def test_comments_and_docstrings_hold_any_text(text: str) -> None:
    comment = in_c_comment(text)
    assert not any(mark in comment for mark in ("*/", "/*", "\n", "??"))
    scope: dict[str, Any] = {}
    exec(f'found = """{in_docstring(text)}"""', scope)
    assert scope["found"] == text.replace("\n", " ")


def test_a_column_called_prediction_keeps_its_name_in_onnx() -> None:
    import onnx

    tried = harness.case("prediction*w", {"prediction": [1.0, 2], "w": 3.0}, ["prediction"])
    graph = onnx.load_from_string(export_bytes(tried.model, "onnx")).graph
    assert [each.name for each in graph.input] == ["prediction"]
    assert [each.name for each in graph.output] == ["prediction_2"]


def test_a_part_and_a_parameter_of_its_name() -> None:
    tried = harness.case("x*exp(`part 1`) + `part 1`", {"x": [1.0, 2], "part 1": 3.0}, ["x"])
    found = harness.onnx_predict(export_bytes(tried.model, "onnx"), tried, "float64")
    np.testing.assert_allclose(found, np.array([1, 2]) * np.exp(3) + 3, rtol=1e-15)


# -- to files --------------------------------------------------------------------------------------------------------


def fitted() -> st.Model:
    return st.models.neuron().fit("nand", epochs=5)


def test_the_ending_says_the_medium(tmp_path: Path) -> None:
    model = fitted()
    for name, medium in (("a.onnx", "onnx"), ("b.c", "c"), ("c.py", "numpy")):
        assert export_model(model, tmp_path / name) == medium
        assert (tmp_path / name).read_bytes() == export_bytes(model, medium, name=name[0])
    model.export(tmp_path / "t.c", to="c-train", dtype="float32")
    assert b"double t_train(size_t n, const float *x" in (tmp_path / "t.c").read_bytes()


def test_onnx_agrees_with_the_model_on_a_table(tmp_path: Path) -> None:
    model = fitted()
    for dtype, bound in (("float64", 1e-15), ("float32", 1e-6)):
        model.export(tmp_path / "m.onnx", dtype=dtype)
        assert largest_difference(model, tmp_path / "m.onnx", "nand") < bound
    model.params["b"] += 0.5
    assert largest_difference(model, tmp_path / "m.onnx", "nand") > 0.05


def refused(model: st.Model, to: str, **settings: Any) -> str:
    with pytest.raises((ModelError, ValuesError)) as caught:
        export_bytes(model, to, **settings)
    return str(caught.value)


@pytest.mark.parametrize("to", FORMATS)
def test_what_cannot_be_exported_is_said_in_one_sentence(to: str) -> None:
    unbound = st.Model("y ~ a*x")
    assert "does not know yet which names are columns" in refused(unbound, to)
    known = st.Model("y ~ a*x", data=["x", "y"])
    if to != "c-train":
        assert "'a' has no value yet" in refused(known, to)
        for text in ("y ~ a*(x - mean(x))", "y ~ a*x + total(x)", "y ~ a*x/count()"):
            over = st.Model(text, data=["x", "y"])
            over.params = {"a": 1.0}
            assert "needs all samples at once" in refused(over, to)
        alone = st.Model("y ~ a + b", data=["x", "y"])
        alone.params = {"a": 1.0, "b": 2.0}
        assert "holds no data column" in refused(alone, to)
    known.params = {"a": [1.0, 2.0]}
    if to != "c-train":
        assert "'a' has the shape (2,), expected ()" in refused(known, to)
    known.params = {"a": 1.0}
    assert "no dtype 'float16'" in refused(known, to, dtype="float16")
    diverged = fitted()
    with pytest.warns(st.SteepestWarning):
        diverged = st.Model("y ~ a*x").fit({"x": [1.0, 2], "y": [2.0, 4]}, rate=10.0, epochs=2000)
    if to != "c-train":
        assert "nothing is exported" in refused(diverged, to)


def test_only_what_has_a_slope_is_trained() -> None:
    flat = st.models.threshold_unit()
    assert "cannot be trained by its gradient" in refused(flat, "c-train")
    assert "nothing to train" in refused(st.Model("y ~ 2*x", data=["x", "y"]), "c-train")
    assert "(rate)" in refused(st.Model(f"y ~ `{RATE.name}`*x", data=["x", "y"]), "c-train")


def test_optimisers_are_for_files_that_train() -> None:
    model = fitted()
    assert "does not train" in refused(model, "c", optimiser="adam")
    assert "no form in C" in refused(model, "c-train", optimiser="lbfgs")
    with pytest.raises(DescentError, match="no optimiser 'adm'; did you mean 'adam'"):
        export_bytes(model, "c-train", optimiser="adm")


def test_blocks_are_arrays_whose_columns_the_file_names(tmp_path: Path) -> None:
    table = {"p2": [1.0, 2, 3], "p1": [0.5, 1, 4], "y": [1.0, 0, 1]}
    model = st.Model("y ~ sigmoid(dense(X, 1))", features="p*").fit(table, epochs=3)
    for to in FORMATS:
        assert b"p2, p1" in export_bytes(model, to)
    model.export(tmp_path / "m.onnx")
    assert largest_difference(model, tmp_path / "m.onnx", table) < 1e-15


def test_batch_statistics_train_but_do_not_predict() -> None:
    model = st.Model("y ~ a*(x - mean(x))", data=["x", "y"])
    text = export_bytes(model, "c-train").decode()
    assert "model_train(" in text
    assert "model_predict" not in text


def test_bad_media_and_places(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no export format 'onx'; did you mean 'onnx'"):
        export_bytes(fitted(), "onx")
    with pytest.raises(ModelError, match=r"the suffix of 'm\.txt' is that of no export format"):
        export_model(fitted(), tmp_path / "m.txt")
    with pytest.raises(StorageError, match="cannot write"):
        export_model(fitted(), tmp_path / "nowhere" / "m.c")
    with pytest.raises(StorageError, match="cannot read"):
        largest_difference(fitted(), tmp_path / "m.onnx", "nand")


def test_a_list_of_media_costs_nothing() -> None:
    """So that a command line can offer them."""
    assert not loaded("import steepest.export; list(steepest.export.FORMATS)") & {"numpy", "onnx", "onnxruntime"}


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted()
    model.export(tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="needs the package onnxruntime"):
        largest_difference(model, tmp_path / "m.onnx", "nand")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"needs onnx, .* install 'steepest\[onnx\]'"):
        export_bytes(model, "onnx")
