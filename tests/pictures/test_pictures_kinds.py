"""Activations, trainings, predictions, live pictures: numbers against NumPy and closed forms, and their structure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, r2_score

import steepest as st
from picture_parts import NAND_START, TWICE, group, parsed, paths, words
from steepest.display.labels import power
from steepest.errors import ModelError, PictureError
from steepest.expressions.operations import TABLE
from steepest.objectives.activations import is_elementwise
from steepest.pictures.activations.numbers import Response
from steepest.pictures.trainings.numbers import Course
from steepest.training.callbacks import EpochInfo

SQUARES = st.parse("mean((x*w - y)^2)", data=["x", "y"])
GATE = {"X": np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), "y": np.array([0, 1, 1, 0.0])}

# -- activations --------------------------------------------------------------------------------------------------


def response(*given: Any, **more: Any) -> Response:
    found = st.pictures.activation(*given, **more).numbers[0]
    assert isinstance(found, Response)
    return found


TRUTH: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "sigmoid": (lambda z: 1 / (1 + math.exp(-z)), lambda z: math.exp(-z) / (1 + math.exp(-z)) ** 2),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
    "relu": (lambda z: max(0.0, z), lambda z: float(z > 0)),
    "leaky_relu": (lambda z: max(0.01 * z, z), lambda z: 1.0 if z > 0 else 0.01),
    "z*sigmoid(z)": (
        lambda z: z / (1 + math.exp(-z)),
        lambda z: (1 + math.exp(-z) + z * math.exp(-z)) / (1 + math.exp(-z)) ** 2,
    ),
}


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_d2_values_and_derivatives(name: str) -> None:
    found, (value, slope) = response(name), TRUTH[name]
    kept = np.isfinite(found.values)
    assert kept.sum() >= 400
    np.testing.assert_allclose(found.values[kept], [value(z) for z in found.x[kept]], rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(found.slopes[kept], [slope(z) for z in found.x[kept]], rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("row", [row.name for row in TABLE if is_elementwise(row) and row.arity])
def test_every_elementwise_row_has_a_picture_whose_slope_is_that_of_differences(row: str) -> None:
    found = response(row, points=200)
    step = 1e-6
    z, held = st.data("z"), (2.0, 0.0)
    operation = next(each for each in TABLE if each.name == row)
    body = operation(z, *held[: operation.arity - 1])
    jumps = [kink.x for kink in found.kinks] + [2.0] * (row in ("equal", "not_equal"))
    inside = [k for k in range(0, len(found.x), 7) if np.isfinite(found.slopes[k])
              and all(abs(found.x[k] - jump) > 1e-3 for jump in jumps)]  # fmt: skip
    places = found.x[inside]
    with np.errstate(all="ignore"):
        above, below = (np.asarray(st.evaluate(body, {"z": places + h})) for h in (step, -step))
    slopes = (above - below) / (2 * step)
    sound = np.isfinite(slopes) if row not in ("where", "stop_gradient") else np.zeros(len(places), bool)
    np.testing.assert_allclose(found.slopes[inside][sound], slopes[sound], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "kinks"),
    [
        ("relu", [(0, (0, 0), (0, 1))]), ("leaky_relu", [(0, (0, 0), (0.01, 1))]), ("abs", [(0, (0, 0), (-1, 1))]),
        ("step", [(0, (0, 1), (0, 0))]), ("sign", [(0, (-1, 1), (0, 0))]), ("maximum", [(2, (2, 2), (0, 1))]),
        ("max(z, 1.5) + abs(z + 1)", [(-1, (1.5, 1.5), (-1, 1)), (1.5, (4, 4), (1, 2))]),
        ("tanh", []), ("abs(z)^3", []),
    ],
)  # fmt: skip
def test_kinks_and_jumps_are_found_with_both_sides(name: str, kinks: list[tuple[float, Any, Any]]) -> None:
    found = response(name).kinks
    assert len(found) == len(kinks)
    for kink, (x, values, slopes) in zip(found, kinks, strict=True):
        assert kink.x == pytest.approx(x, abs=1e-9)
        assert kink.values == pytest.approx(values, abs=1e-6)
        assert kink.slopes == pytest.approx(slopes, abs=1e-6)


def test_no_line_goes_through_a_jump() -> None:
    found = response("step")
    (at,) = np.flatnonzero(found.x == 0)
    assert math.isnan(found.values[at])
    assert (found.values[at - 1], found.values[at + 1]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        # σ′ is a hundredth of its largest value 1/4 where σ(1 − σ) = 1/400; tanh′ = 1/100 where tanh² = 0.99.
        ("sigmoid", [math.log((1 + math.sqrt(0.99)) / (1 - math.sqrt(0.99)))] * 2),
        ("tanh", [math.atanh(math.sqrt(0.99))] * 2), ("relu", [0.0]), ("softplus", [-math.log(1 / 0.01 - 1)]),
        ("leaky_relu", []), ("sin", []), ("stop_gradient", []), ("exp", [math.log(0.01)]),
    ],
)  # fmt: skip
def test_saturated_regions_begin_where_the_slope_is_small(name: str, edges: list[float]) -> None:
    found = response(name, points=1601).saturated
    assert len(found) == len(edges)
    for region, edge in zip(found, edges, strict=True):
        inner = region.high if region.low == -8 else region.low
        assert abs(inner) == pytest.approx(abs(edge), abs=0.011)


def test_activations_stand_in_a_grid_with_their_marks() -> None:
    picture = st.pictures.activation("sigmoid", "relu", "z*sigmoid(z)", width="page")
    root = parsed(picture.svg())
    assert {"sigmoid(z)", "relu(z)", "z*sigmoid(z)", "value", "derivative", "saturated", "kink or jump"} <= set(
        words(root)
    )
    assert len(picture.figure.axes) == 3
    assert group(root, "kink") is not None
    for sentence in ("At z = 0 its slope jumps from 0 to 1.", "saturated near 1", "0.25"):
        assert sentence in picture.description
    assert [trace.name for trace in picture.interactive().data][:2] == ["sigmoid(z)", "derivative of sigmoid(z)"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "nothing to draw"), (("sigmod",), "did you mean 'sigmoid'"), (("softmax",), "does not act on each number"),
        (("matmul",), "does not act on each number"), (("x + y",), "has 2 names"), (("log(z - 100)",), "not finite"),
    ],
)  # fmt: skip
def test_what_is_no_activation_is_refused(given: tuple[str, ...], said: str) -> None:
    with pytest.raises(PictureError, match=said):
        st.pictures.activation(*given)


# -- trainings ----------------------------------------------------------------------------------------------------


def course(*given: Any, **more: Any) -> Course:
    found = st.pictures.training(*given, **more).numbers[0]
    assert isinstance(found, Course)
    return found


def test_course_of_a2_is_that_of_the_closed_form() -> None:
    """C = 6(w − 2)², |C′| = 12|w − 2|, and w − 2 shrinks by 1 − 12α."""
    run = st.descend(SQUARES, TWICE, start={"w": 0}, rate=0.05, epochs=9)
    found, away = course(run, SQUARES, TWICE), 2 * 0.4 ** np.arange(10)
    np.testing.assert_allclose(found.cost.values, 6 * away**2, rtol=1e-9)
    assert found.gradient is not None
    np.testing.assert_allclose(found.gradient.values, 12 * away, rtol=1e-9)
    np.testing.assert_allclose(found.norms["w"].values, 2 - away, rtol=1e-12)


def test_gradients_are_those_of_the_rows_that_were_learnt_from() -> None:
    rng = np.random.default_rng(7)
    table = {"x": rng.normal(size=40), "y": rng.normal(size=40)}
    model = st.Model("y ~ x*w").fit(table, start={"w": 1.0}, rate=0.1, epochs=30, validate=0.25)
    run = model.run
    assert run is not None
    assert run.held_out is not None
    found = course(model, table=table)
    assert found.gradient is not None
    learnt = np.delete(np.arange(40), run.held_out)
    places = dict(run.path)
    for epoch, norm in zip(found.gradient.epochs, found.gradient.values, strict=True):
        residual = table["x"][learnt] * places[epoch]["w"] - table["y"][learnt]
        assert norm == pytest.approx(abs(2 * np.mean(residual * table["x"][learnt])), rel=1e-9, abs=1e-12)
    assert found.validation is not None
    assert found.validation.values.tolist() == [cost for _, cost in run.validation or []]


def test_training_has_a_panel_for_each_thing_there_is() -> None:
    model = st.models.network([2, 2, 1], activation="sigmoid", cost="mse")
    run = st.descend(model.cost, GATE, rate=1.0, epochs=200, restarts=8)
    for given, labels in (
        ((run,), ["cost", "norm of the parameters", "final cost"]),
        ((run, model.cost, GATE), ["cost", "norm of the gradient", "norm of the parameters", "final cost"]),
    ):
        figure = st.pictures.training(*given).figure
        assert [axes.get_ylabel() for axes in figure.axes] == labels
    numbers = st.pictures.training(*given).numbers[0]
    wide = ["log" if max(v) >= 10 * min(v) else "linear" for v in (numbers.cost.values, numbers.gradient.values)]
    assert [axes.get_yscale() for axes in figure.axes] == [*wide, "linear", "linear"]
    assert [axes.get_xscale() for axes in figure.axes] == ["symlog", "symlog", "symlog", "linear"]
    found = st.pictures.training(run).numbers[0]
    assert found.restarts.tolist() == sorted(run.restarts or [])


@pytest.mark.parametrize(("offset", "scale"), [(17.0, "linear"), (0.0, "log")])
def test_an_axis_is_logarithmic_only_where_it_has_several_round_ticks(offset: float, scale: str) -> None:
    """w² + 17 goes from 20.24 to 17; w² from 3.24 to 1e-12: ticks of the first are no powers of ten."""
    w = st.params("w")
    picture = st.pictures.training(st.descend(w**2 + offset, start={"w": 1.8}, rate=0.3, epochs=15))
    axes = picture.figure.axes[0]
    picture.svg()
    low, high = axes.get_ylim()
    shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert axes.get_yscale() == scale
    assert len(shown) >= 3
    assert ("ymode=log" in picture.tikz()) == (scale == "log")
    assert picture.interactive().layout.yaxis.type == scale
    if scale == "log":
        told = re.search(r"ytick=\{([^}]*)\}", picture.tikz())
        assert told is not None
        assert len(told[1].split(",")) >= 3
        assert all(math.log10(float(tick)) == round(math.log10(float(tick))) for tick in told[1].split(","))
        assert re.search(r"yticklabels=\{.*\$10\^\{-4\}\$", picture.tikz())


def test_costs_below_zero_have_a_straight_axis() -> None:
    x, y = st.params("x", "y")
    run = st.descend(x * y, start={"x": 4, "y": -3}, rate=0.2, epochs=3, maximise=True)
    assert [axes.get_yscale() for axes in st.pictures.training(run).figure.axes] == ["linear", "linear"]


def test_several_trainings_share_a_legend_and_a_description() -> None:
    runs = {f"rate {rate}": st.descend(SQUARES, TWICE, start={"w": 0}, rate=rate, epochs=9) for rate in (0.05, 0.1)}
    picture = st.pictures.training(runs, SQUARES, TWICE)
    root = parsed(picture.svg())
    assert {"rate 0.05", "rate 0.1"} <= set(words(root))
    for name in ("cost-1", "cost-2", "gradient-1", "gradient-2", "norm-1", "norm-2"):
        assert group(root, name) is not None, name
    assert "rate 0.05: the cost goes from 24 to" in picture.description


def test_the_epoch_whose_parameters_were_kept_is_marked() -> None:
    rng = np.random.default_rng(8)
    table = {"x": rng.normal(size=30), "y": rng.normal(size=30)}
    model = st.Model("y ~ x*w + b").fit(table, start={"w": 0.5, "b": 1.0}, validate=0.3, patience=5, epochs=200)
    assert model.run is not None
    root = parsed(st.pictures.training(model, table=table).svg())
    assert f"kept, epoch {model.run.best_epoch}" in words(root)
    assert group(root, "best") is not None


def test_ticks_of_logarithmic_axes_are_short() -> None:
    told = [power(value) for value in (0.0, 1.0, 1000.0, 0.005, 10_000.0, 2e-5, 1e300)]
    assert told == ["0", "1", "1000", "0.005", "10⁴", "2·10⁻⁵", "10³⁰⁰"]


def test_a_model_that_was_not_fitted_here_has_no_course() -> None:
    with pytest.raises(PictureError, match="does not contain the history of its training"):
        st.pictures.training(st.models.neuron())
    with pytest.raises(PictureError, match="made no epoch"):
        st.pictures.training(st.descend(SQUARES, TWICE, start={"w": 0}, epochs=0))


# -- predictions --------------------------------------------------------------------------------------------------


def test_predicted_against_true() -> None:
    rng = np.random.default_rng(9)
    table = {"x": rng.normal(size=60), "y": rng.normal(size=60)}
    model = st.Model("y ~ x*w + b").fit(table, rate=0.3, epochs=100, validate=0.2)
    picture = st.pictures.predicted(model, table)
    expected = table["x"] * model.params["w"] + model.params["b"]
    np.testing.assert_allclose(picture.numbers.predicted, expected, rtol=1e-12)
    assert picture.numbers.r2 == pytest.approx(r2_score(table["y"], expected))
    lines = {line.get_gid(): line for line in picture.figure.axes[0].get_lines()}
    assert (len(lines["samples"].get_xdata()), len(lines["held-out"].get_xdata())) == (48, 12)
    np.testing.assert_allclose(lines["equal"].get_xdata(), lines["equal"].get_ydata())
    assert f"R² = {picture.numbers.r2:.4g}".replace("-", "−") in words(parsed(picture.svg()))


def test_confusion_is_that_of_scikit_learn_with_its_counts_written() -> None:
    rng = np.random.default_rng(10)
    X = rng.normal(size=(90, 2))
    table = {"X": X, "y": (X[:, 0] > 0).astype(float) + (X[:, 1] > 0.4)}
    model = st.models.network([2, 3], output="softmax").fit(table, rate=0.5, epochs=100)
    picture = st.pictures.confusion(model, table)
    expected = confusion_matrix(table["y"], model.predict(table).argmax(axis=1))
    np.testing.assert_array_equal(picture.numbers.counts, expected)
    root = parsed(picture.svg())
    assert sorted(words(root)).count(str(expected[2, 2])) >= 1
    assert len(paths(root, "cells")) == 9
    assert {"predicted (y)", "true y"} <= set(words(root))


def test_a_boundary_comes_about_along_the_path() -> None:
    model = st.models.neuron().fit("nand", start=NAND_START, rate=1.0, epochs=3000)
    picture = st.pictures.boundary(model, "nand", points=31)
    found = picture.numbers
    assert found.epochs[0] == 0
    assert found.epochs[-1] == 3000
    assert len(picture.figure.axes) == 4 + 1  # panels and the bar of colours
    across, up = np.meshgrid(found.x, found.y)
    for k, params in ((0, NAND_START), (-1, model.params)):
        z = across * params["w1"] + up * params["w2"] + params["b"]
        np.testing.assert_allclose(found.predicted[k], 1 / (1 + np.exp(-z)), rtol=1e-12)
    assert found.accuracies[-1] == 1.0
    root = parsed(picture.svg())
    assert {"epoch 0", "epoch 3000", "z = 0", "z = 1"} <= {part for text in words(root) for part in text.split(", ")}
    assert group(root, "boundary") is not None


def test_a_boundary_of_a_block_of_classes_and_of_a_quantity() -> None:
    rng = np.random.default_rng(11)
    X = rng.normal(size=(60, 2))
    classes = {"X": X, "y": (X[:, 0] > 0).astype(float) + (X[:, 1] > 0.4)}
    three = st.models.network([2, 3], output="softmax").fit(classes, rate=0.5, epochs=50)
    found = st.pictures.boundary(three, classes, points=11, panels=2).numbers
    assert found.classes == 3
    assert set(np.unique(found.predicted)) <= {0.0, 1.0, 2.0}
    right = np.mean(three.predict(classes).argmax(axis=1) == classes["y"])
    assert found.accuracies[-1] == pytest.approx(right)
    one = st.models.network([2, 3, 1]).fit({"X": X, "y": (X[:, 0] > 0) * 1.0}, rate=0.5, epochs=50)
    found = st.pictures.boundary(one, {"X": X, "y": (X[:, 0] > 0) * 1.0}, points=11).numbers
    assert 0 < found.predicted.min() < found.predicted.max() < 1
    chances = one.predict({"X": X})
    assert ((chances > 0.5) & (chances < 0.9)).any()
    assert found.accuracies[-1] == np.mean((chances > 0.5) == (X[:, 0] > 0))
    table = {"u": X[:, 0], "v": X[:, 1], "t": X[:, 0] - 2 * X[:, 1]}
    line = st.Model("t ~ a*u + c*v").fit(table, rate=0.1, epochs=100)
    picture = st.pictures.boundary(line, table, panels=1, points=11)
    assert picture.numbers.classes == 0
    assert picture.title == "The prediction of t over u and v"


def test_what_cannot_be_drawn_of_a_model_is_said() -> None:
    line = st.models.linear().fit(TWICE, rate=0.05)
    with pytest.raises(PictureError, match="not of classes"):
        st.pictures.confusion(line, TWICE)
    with pytest.raises(PictureError, match="over two inputs; this model has 1"):
        st.pictures.boundary(line, TWICE)
    with pytest.raises(ModelError, match="has no value yet"):
        st.pictures.boundary(st.models.neuron(), "nand")
    softmax = st.models.network([2, 2], output="softmax").fit({"X": GATE["X"], "y": GATE["y"]}, epochs=5)
    with pytest.raises(PictureError, match="several predictions"):
        st.pictures.predicted(softmax, {"X": GATE["X"], "y": GATE["y"]})


# -- live ---------------------------------------------------------------------------------------------------------


class Shown:
    """What a notebook's display was given, and what its handle was updated with."""

    def __init__(self) -> None:
        self.pictures: list[Any] = []
        self.handles = 0

    def __call__(self, picture: Any, display_id: bool) -> Shown:
        assert display_id
        self.handles += 1
        self.pictures.append(picture)
        return self

    def update(self, picture: Any) -> None:
        self.pictures.append(picture)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    display = pytest.importorskip("IPython.display")
    made = Shown()
    monkeypatch.setattr(display, "display", made)
    return made


def test_a_live_picture_is_drawn_again_in_one_place(shown: Shown) -> None:
    live = st.pictures.Live(every=0)
    run = st.descend(SQUARES, TWICE, start={"w": 0}, rate=0.05, epochs=6, on_epoch=live, validate=0.2)
    assert run.epochs == 6
    assert shown.handles == 1
    assert len(shown.pictures) == 5  # from the second epoch on
    last = shown.pictures[-1]
    assert last.title.startswith("Epoch 6, ")
    course = last.numbers[0]
    assert course.cost.epochs.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(course.validation.values) == 6
    assert group(parsed(last.svg()), "validation-1") is not None


def test_a_live_picture_keeps_few_rows_and_draws_now_and_then(shown: Shown) -> None:
    live = st.pictures.Live(every=1000, epochs=9000)
    for epoch in range(1, 9001):
        live(EpochInfo(epoch, 1 / epoch, None, {}, 0.1))
    assert len(shown.pictures) == 0  # the first epoch alone is no line, and then there was no time
    live.draw()
    live.draw()  # nothing new
    assert len(shown.pictures) == 1
    course = shown.pictures[0].numbers[0]
    assert len(course.cost.epochs) <= 2001
    assert course.cost.epochs[-1] == 9000
    assert shown.pictures[0].title.startswith("Epoch 9000 of 9000")


def test_after_its_cell_a_live_picture_shows_the_last_epoch(shown: Shown) -> None:
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    shell = shell_module.InteractiveShell.instance()
    try:
        shell.run_cell(
            "import steepest as st; w = st.params('w')\n"
            "live = st.pictures.Live(every=1000)\n"
            "run = st.descend(w**2, start={'w': 1.0}, epochs=20, on_epoch=live)"
        )
        assert [picture.numbers[0].cost.epochs[-1] for picture in shown.pictures] == [20]
        shell.run_cell("1")
        assert len(shown.pictures) == 1
    finally:
        shell.history_manager.end_session()
        shell_module.InteractiveShell.clear_instance()


def test_a_new_descent_begins_a_new_line(shown: Shown) -> None:
    live = st.pictures.Live(every=1000)
    for epochs in (5, 3):
        st.descend(SQUARES, TWICE, start={"w": 0}, rate=0.05, epochs=epochs, on_epoch=live)
    assert live.picture().numbers[0].cost.epochs.tolist() == [1, 2, 3]


def test_live_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(PictureError, match="need IPython"):
        st.pictures.Live()


def test_regions_of_three_classes_are_those_of_the_formula() -> None:
    """softmax of (−3x, −4, 3x): class 1 lies nowhere between 0 and 2, whose border is x = 0.

    Class 1 would lead where −4 > 3|x|, which is nowhere.
    """
    rng = np.random.default_rng(2)
    X = rng.uniform(-1, 1, (40, 2))
    table = {"X": X, "y": np.where(X[:, 0] < 0, 0.0, 2.0)}
    start = {"W1": np.array([[-3.0, 0, 3], [0, 0, 0]]), "b1": np.array([0.0, -4, 0])}
    model = st.models.network([2, 3], output="softmax").fit(table, start=start, rate=1e-12, epochs=1)
    picture = st.pictures.boundary(model, table, panels=1, points=40)
    places = rng.uniform(-1, 1, (300, 2)) * [1, 0.9]
    places = places[np.abs(places[:, 0]) > 1e-6]
    for c, true in ((0, places[:, 0] < 0), (2, places[:, 0] > 0)):
        (drawn,) = [part for part in picture.figure.axes[0].collections if part.get_gid() == f"region-{c}"]
        assert np.array_equal(drawn.get_paths()[0].contains_points(places), true)
    root = parsed(picture.svg())
    assert group(root, "region-1") is None
    assert group(root, "boundary-1") is None
    (border,) = paths(root, "boundary-0")
    xs = {float(pair.split()[0]) for pair in re.findall(r"[ML] ([-\d. ]+)", border.get("d") or "")}
    assert max(xs) - min(xs) < 1e-3
    (heat,) = [part for part in picture.interactive().data if part.type == "heatmap"]
    assert sorted(set(np.asarray(heat.z).ravel())) == [0, 2]


def test_leads_of_three_classes_are_differences_of_their_probabilities() -> None:
    table = {"X": GATE["X"], "y": np.array([0, 1, 2, 0.0])}
    model = st.models.network([2, 3], output="softmax").fit(table, rate=0.5, epochs=20)
    found = st.pictures.boundary(model, table, panels=1, points=7).numbers
    places = np.stack([part.ravel() for part in np.meshgrid(found.x, found.y)], axis=1)
    logits = places @ model.params["W1"] + model.params["b1"]
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = [share[:, c] - np.delete(share, c, axis=1).max(axis=1) for c in range(3)]
    np.testing.assert_allclose(found.leads[0].reshape(3, -1), truth, atol=1e-14)


def test_two_classes_of_a_softmax_are_drawn_by_the_probability_of_class_1() -> None:
    table = {"X": GATE["X"], "y": np.array([0, 1, 1, 1.0])}
    model = st.models.network([2, 2], output="softmax").fit(table, rate=0.5, epochs=50)
    found = st.pictures.boundary(model, table, panels=1, points=9).numbers
    places = np.stack([part.ravel() for part in np.meshgrid(found.x, found.y)], axis=1)
    logits = places @ model.params["W1"] + model.params["b1"]
    np.testing.assert_allclose(found.predicted[0].ravel(), 1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), rtol=1e-12)


def test_every_argument_in_the_meaning_of_an_operation_is_written_as_z() -> None:
    """Also next to digits and superscripts, but not within words."""
    row = replace(next(row for row in TABLE if row.name == "tanh"), meaning="x / √(1 + x²), 2x at most, exactly")
    assert ", z / √(1 + z²), 2z at most, exactly, for z" in st.pictures.activation(row).description


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("relu", "relu(z), max(0, z), for z from −8 to 8; its derivative is largest in absolute value, 1, for z from "
                 "0 to 8."),
        ("abs", "largest in absolute value, 1, for z from −8 to 0 and for z from 0 to 8."),
        ("sigmoid", "sigmoid(z), logistic function 1/(1 + exp(−z)), for z from −8 to 8; its derivative is largest in "
                    "absolute value, 0.25, at z = 0."),
        ("sin(3*z)", "largest in absolute value, 3, at z = 0."),
        ("step", "its derivative is 0 wherever it has one."),
        ("maximum", "maximum(z, 2), the larger of z and 2, for z"),
        ("where", "where(z, 2, 0), 2 if the condition holds (is not 0), else 0, for z"),
    ],
)  # fmt: skip
def test_where_a_derivative_is_largest_is_said_in_one_variable(name: str, sentence: str) -> None:
    """Of relu it is 1 for all z > 0, and none at 0; of |z| it is of the size 1 everywhere else."""
    description = st.pictures.activation(name).description
    assert sentence in description
    assert not re.search(r"\b[xy]\b", description)
