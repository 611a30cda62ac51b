"""What ``print`` and notebooks show of results: a screen, plain words, no negative zeros, "1 column"."""

from __future__ import annotations

import math
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

import steepest as st
from steepest.display.cost_plot import cost_plot
from steepest.display.labels import sentence_start
from steepest.display.summaries import SummaryTable, value_text
from steepest.messages.sentences import counted
from steepest.training.descent import Descent

LINE = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.0]}
WRONG = "$f = x^2$ so $\\frac{df}{dx} = 3x$ and $2x + x = 3x$\n"


def descent(epochs: int = 1000, rate: float = 0.02) -> Descent:
    w, x, y = st.params("w"), st.data("x"), st.data("y")
    return st.descend(st.mean((w * x - y) ** 2), LINE, start={"w": 0.0}, rate=rate, epochs=epochs)


def network_run() -> Descent:
    table = {"X": np.linspace(-1, 1, 60).reshape(30, 2), "y": np.linspace(0, 1, 30)}
    return st.descend(st.models.network([2, 30, 1], output="linear").cost, table, rate=0.01, epochs=300)


# -- results of descents


def test_the_repr_of_a_descent_is_a_screen() -> None:
    """History and path are counts: they took 115 KB."""
    for run in (descent(), network_run()):
        lines = repr(run).splitlines()
        assert len(lines) <= 24
        assert len(repr(run)) < 1500
        assert f"history with {counted(len(run.history), 'row')}, path with {counted(len(run.path), 'row')}" in repr(
            run
        )
        for fact in (f"{run.cost:.10g}", str(run.reason), run.message, run.engine):
            assert fact in repr(run)
        assert all(f"  {name} " in repr(run) for name in run.params)


def test_repr_str_and_notebooks_show_the_same_parameters() -> None:
    run = descent(epochs=30)
    number = f"{run.params['w']:.10g}"
    html = "".join(ElementTree.fromstring(run._repr_html_()).itertext())
    for shown in (repr(run), str(run), html, run._repr_mimebundle_()["text/plain"]):
        assert number in shown
        assert run.message in shown


def test_one_epoch_is_one() -> None:
    assert repr(descent(epochs=1)).startswith("Cost ")
    assert " after 1 epoch\n" in repr(descent(epochs=1))
    assert " after 0 epochs\n" in repr(descent(epochs=0))


def test_many_parameters_are_cut() -> None:
    table = SummaryTable("Parameters", (), tuple((f"w{k}", "1") for k in range(60)))
    assert table.text().count("\n") == 60
    assert table.text(most=40).splitlines()[-2:] == ["  w39   1", "  … and 20 more"]
    assert table.text(most=60) == table.text()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1.5, "1.5"), (np.float32(-0.0), "0"), (-0.0, "0"), (np.array([1.0, -0.0]), "[1, 0]"),
        (np.array([[1, 2], [3, 4.5]]), "[[1, 2], [3, 4.5]]"), (np.array([math.nan]), "[nan]"),
    ],
)  # fmt: skip
def test_values(value: object, shown: str) -> None:
    assert value_text(value) == shown


def test_large_arrays_show_shape_norm_and_first_numbers() -> None:
    value = np.arange(12.0).reshape(3, 4)
    assert value_text(value) == f"array of shape (3, 4), norm {np.linalg.norm(value):.6g}: 0, 1, 2, …"
    assert value_text(np.full(7, 1e200)).startswith(f"array of shape (7,), norm {1e200 * math.sqrt(7):.6g}:")


# -- models


def test_a_model_that_diverged_is_not_called_fitted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = st.Model("y ~ a*x + b").fit(LINE, rate=100.0, start={"a": 0.0, "b": 0.0})
    title = model.card().title
    assert title == "y ~ a*x + b, diverged"
    assert "fitted" not in model.card().text()
    assert model.run is not None
    assert model.run.message in model.card().text()
    assert repr(model.run).splitlines()[0].endswith(" epochs, diverged")
    model.params = {"a": 1.0, "b": 0.0}  # set by hand since
    assert model.card().title == "y ~ a*x + b, fitted"
    assert st.Model("y ~ a*x + b").fit(LINE).card().title == "y ~ a*x + b, fitted"
    assert st.Model("y ~ a*x + b").card().title == "y ~ a*x + b, not fitted yet"


def test_a_network_that_diverged_and_was_changed_by_hand_has_a_card() -> None:
    table = {"X": np.eye(2), "y": np.array([0.0, 1.0])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = st.models.network([2, 3, 1], output="linear").fit(table, rate=1e9, epochs=50)
    assert model.card().title.endswith("diverged")
    model.params = {name: value.copy() for name, value in model.params.items()}
    assert model.card().title.endswith("fitted")


# -- plots of costs


def test_plots_of_costs_are_pictures_in_notebooks() -> None:
    plot = descent().cost_plot()
    assert plot is not None
    assert ElementTree.fromstring(plot._repr_svg_()).tag.endswith("svg")
    assert plot._repr_svg_() in plot._repr_html_()
    assert repr(plot) == f"<plot of costs by epoch: {plot.description}>"
    assert str(plot).startswith("cost by epoch\n")
    assert len(repr(plot)) < 300
    both = cost_plot([(0, 2.0), (1, 1.0)], [(0, 3.0), (1, 2.5)])
    assert "validation cost" in repr(both)


# -- proofs


def test_proofs_are_tables_in_notebooks() -> None:
    proof = st.proofread(WRONG)
    (wrong,) = proof.wrong
    root = ElementTree.fromstring(proof._repr_html_())
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    assert rows == [
        ["line", "verdict", "equality", "why", "should be"],
        [f"{wrong.line}:{wrong.column}", "wrong", wrong.source, wrong.message, wrong.corrected],
    ]
    assert [row.get("class") for row in root.iter("tr")] == [None, "bad"]
    assert repr(proof) == "<Proof: 3 equalities: 1 holds, 1 defines something, 1 is wrong>"
    assert wrong.message in proof._repr_mimebundle_()["text/plain"]
    assert wrong.message in str(proof)
    assert "nodes" not in repr(wrong)


def test_a_proof_without_faults_has_no_table() -> None:
    proof = st.proofread("$2x + x = 3x$")
    assert proof.card().text() == "1 equality: 1 holds"
    assert "<table" not in proof._repr_html_()


# -- words


def test_counts_have_the_number_of_their_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert counted(2, "class", "classes") == "2 classes"


def test_names_of_optimisers_stay_as_they_are() -> None:
    assert [sentence_start(label) for label in ("descent", "descent 2", "lbfgs")] == ["Descent", "Descent 2", "lbfgs"]
    w, v = st.params("w"), st.params("v")
    cost = (w - 1) ** 2 + (v + 1) ** 2
    run = st.descend(cost, start={"w": 0.0, "v": 0.0}, optimiser="lbfgs", epochs=1)
    surface = st.pictures.surface(cost, paths={"lbfgs": run}, points=5)
    assert " lbfgs began at (0, 0) " in surface.description
    assert surface.description.endswith("after 1 epoch.")
    training = st.pictures.training({"lbfgs": run})
    assert training.description.startswith("lbfgs: the cost goes from 2 to")
    assert " in 1 epoch." in training.description
    assert "Descent began at" in st.pictures.surface(cost, paths=run, points=5).description


def test_a_product_with_zero_is_not_negative_zero() -> None:
    x, y = st.params("x"), st.params("y")
    found = str(st.tangent(y - 88 * x, {"x": 1.0, "y": 0.0}, {"x": 0.0, "y": 1.0}))
    assert "= -88 · 0 = 0   (decreasing)" in found
    assert "-0" not in found.replace("-0.", "")


def test_one_column_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    model = st.Model("y ~ X @ w", params={"w": 1}, features={"X": ["x"]})
    model.fit(LINE)
    from steepest.cli.output import announce
    from steepest.tables.table import open_table

    announce(model, open_table(LINE), model.samples(LINE), None)
    assert "1 column: 'x'" in capsys.readouterr().out
