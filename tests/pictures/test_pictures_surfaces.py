"""The numbers of a surface: against closed forms, NumPy, scikit-learn and the numbers of the notes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

import steepest as st
from picture_parts import NAND_START, TWICE, group, line_costs, parsed, words
from steepest.checking.tangent import tangent
from steepest.errors import PictureError
from steepest.pictures.common.levels import levels
from steepest.pictures.surfaces.numbers import Curve, Surface

x, y = st.params("x", "y")
SQUARES = st.parse("mean((x*w - y)^2)", data=["x", "y"])


def sheet(*given: Any, **more: Any) -> Surface:
    found = st.pictures.surface(*given, **more).numbers
    assert isinstance(found, Surface)
    return found


def curve(*given: Any, **more: Any) -> Curve:
    found = st.pictures.surface(*given, **more).numbers
    assert isinstance(found, Curve)
    return found


# -- over one parameter -------------------------------------------------------------------------------------------


def test_a2_is_a_parabola() -> None:
    """x = 0…4, y = 2x: C(w) = 6(w − 2)², C′(w) = 12(w − 2)."""
    found = curve(SQUARES, TWICE, at={"w": 3}, ranges={"w": (-1, 5)})
    np.testing.assert_allclose(found.costs, 6 * (found.x - 2) ** 2, rtol=1e-13, atol=1e-13)
    assert (found.x[0], found.x[-1], len(found.x)) == (-1, 5, 200)
    assert found.tangent is not None
    assert (found.tangent.value, found.tangent.slope) == pytest.approx((6, 12), rel=1e-14)
    assert found.tangent.height(4) == pytest.approx(18)
    assert found.tangent.trend == "increasing"


@pytest.mark.parametrize(("w", "trend"), [(0, "decreasing"), (2, "stationary"), (3.5, "increasing")])
def test_e2_trend_of_the_tangent(w: float, trend: str) -> None:
    found = curve(SQUARES, TWICE, at={"w": w}).tangent
    assert found is not None
    assert found.slope == pytest.approx(12 * (w - 2), abs=1e-13)
    assert found.trend == trend


def test_a_descent_over_one_parameter_is_that_of_the_closed_form() -> None:
    """w − 2 shrinks by 1 − 12α an epoch."""
    run = st.descend(SQUARES, TWICE, start={"w": 0}, rate=0.05, epochs=9)
    (trail,) = curve(SQUARES, TWICE, paths=run).trails
    w = 2 - 2 * 0.4 ** np.arange(10)
    np.testing.assert_allclose(trail.coordinates[:, 0], w, rtol=1e-13)
    np.testing.assert_allclose(trail.heights, 6 * (w - 2) ** 2, rtol=1e-10)
    assert trail.epochs.tolist() == list(range(10))


def test_without_a_point_there_is_no_tangent() -> None:
    assert curve(SQUARES, TWICE).tangent is None


# -- over two -----------------------------------------------------------------------------------------------------


def test_e3_move_and_tangent_plane() -> None:
    """2x² + y²: 0.75, 0.97, 1.08; the plane is 1.05 high above C, error 0.03; as st.tangent says."""
    f, at, by = 2 * x**2 + y**2, {"x": 0.5, "y": 0.5}, {"x": 0.1, "y": 0.1}
    move = sheet(f, at=at, move=by).move
    assert move is not None
    assert move.costs == pytest.approx((0.75, 0.97, 1.08), abs=1e-14)
    assert move.slopes == pytest.approx((2, 1), abs=1e-14)
    assert move.tangent_value == pytest.approx(1.05, abs=1e-14)
    assert move.error == pytest.approx(0.03, abs=1e-14)
    assert move.point.plane(0.6, 0.5) == pytest.approx(0.95)
    t = tangent(f, at, by)
    assert move.costs == pytest.approx(t.path, abs=1e-13)
    assert (move.tangent_value, move.error) == pytest.approx((t.tangent_value, t.error), abs=1e-13)


def test_a_marked_point_has_its_slopes_and_tangent_plane() -> None:
    point = sheet(2 * x**2 + y**2, at={"x": -1, "y": 2}).point
    assert point is not None
    assert (point.cost, *point.slopes) == pytest.approx((6, -4, 4), abs=1e-13)
    assert point.plane(0, 0) == pytest.approx(6 - 4 - 8)


def test_e4_path_of_the_ascent() -> None:
    run = st.descend(x * y, start={"x": 4, "y": -3}, rate=0.2, epochs=3, maximise=True)
    found = sheet(x * y, paths=run)
    (trail,) = found.trails
    places = [(4, -3), (3.4, -2.2), (2.96, -1.52), (2.656, -0.928)]
    np.testing.assert_allclose(trail.coordinates, places, rtol=1e-14)
    np.testing.assert_allclose(trail.costs, [-12, -7.48, -4.4992, -2.464768], rtol=1e-14)
    assert found.x[0] < 2.656 < 4 < found.x[-1]
    assert found.y[0] < -3 < -0.928 < found.y[-1]


def test_grid_over_a_table_is_that_of_numpy_at_random_points() -> None:
    cost, table = line_costs()
    found = sheet(cost, table, ranges={"w": (-2, 5), "b": (-1, 4)})
    assert found.costs.shape == (200, 200)
    rng = np.random.default_rng(1)
    for row, column in rng.integers(200, size=(40, 2)):
        residual = found.x[column] * table["x"] + found.y[row] - table["y"]
        assert found.costs[row, column] == pytest.approx(np.mean(residual**2), rel=1e-12)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_grid_is_what_evaluate_says(engine: str) -> None:
    model = st.models.neuron()
    at = {"w1": 0.3, "w2": -0.6, "b": 0.1}
    found = sheet(model, "nand", at, names=("b", "w2"), points=25, engine=engine)
    table = {"x": [0, 0, 1, 1], "y": [0, 1, 0, 1], "z": [1, 1, 1, 0]}
    rng = np.random.default_rng(2)
    for row, column in rng.integers(25, size=(20, 2)):
        point = {**at, "b": found.x[column], "w2": found.y[row]}
        expected = float(st.evaluate(model.cost, {**table, **point}))
        assert found.costs[row, column] == pytest.approx(expected, rel=1e-12)


def test_elements_of_matrices_and_directions_are_axes() -> None:
    net = st.models.network([2, 3, 1])
    gate = {"X": np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), "y": np.array([0, 1, 1, 0.0])}
    rng = np.random.default_rng(3)
    at = {
        "W1": rng.normal(size=(2, 3)),
        "b1": rng.normal(size=3),
        "W2": rng.normal(size=(3, 1)),
        "b2": rng.normal(size=1),
    }
    direction = {"W2": rng.normal(size=(3, 1)), "b1": rng.normal(size=3)}
    found = sheet(net.cost, gate, at, names=("W1[1,2]", direction), points=21, ranges={"direction 2": (-2, 2)})
    for row, column in rng.integers(21, size=(10, 2)):
        point = {name: value.copy() for name, value in at.items()}
        point["W1"][1, 2] = found.x[column]
        for name, part in direction.items():
            point[name] = point[name] + found.y[row] * part
        assert found.costs[row, column] == pytest.approx(float(st.evaluate(net.cost, {**gate, **point})), rel=1e-12)


def test_the_field_is_the_gradient() -> None:
    """∇(2x² + y²) = (4x, 2y)."""
    field = sheet(2 * x**2 + y**2, at={"x": 1, "y": 1}, field=True).field
    assert field is not None
    assert len(field.x) == 225
    np.testing.assert_allclose(field.u, 4 * field.x, rtol=1e-13)
    np.testing.assert_allclose(field.v, 2 * field.y, rtol=1e-13)


def test_outside_the_domain_there_is_no_cost() -> None:
    found = sheet(st.log(x) + y**2, ranges={"x": (-1, 2), "y": (-1, 1)})
    np.testing.assert_array_equal(np.isfinite(found.costs).any(axis=0), found.x > 0)


# -- descents -----------------------------------------------------------------------------------------------------


def test_principal_directions_are_those_of_scikit_learn_and_of_the_covariance() -> None:
    model = st.models.neuron().fit("nand", start=NAND_START, rate=1.0, epochs=300)
    run = model.run
    assert run is not None
    found = sheet(model, "nand", points=10)
    matrix = np.array([[float(params[name]) for name in ("w1", "w2", "b")] for _, params in run.path])
    order = list(model.cost.parameters)
    matrix = matrix[:, [["w1", "w2", "b"].index(name) for name in order]]
    pca = PCA(2).fit(matrix)
    variances, vectors = np.linalg.eigh(np.cov(matrix.T))
    for k, axis in enumerate(found.axes):
        assert abs(axis.direction @ pca.components_[k]) == pytest.approx(1, abs=1e-9)
        assert abs(axis.direction @ vectors[:, -1 - k]) == pytest.approx(1, abs=1e-9)
        assert axis.share == pytest.approx(pca.explained_variance_ratio_[k], rel=1e-9)
        assert axis.share == pytest.approx(variances[-1 - k] / variances.sum(), rel=1e-9)
    assert found.share == pytest.approx(float(pca.explained_variance_ratio_.sum()))


def test_the_plane_goes_through_the_end_of_the_path() -> None:
    model = st.models.neuron().fit("nand", start=NAND_START, rate=1.0, epochs=300)
    assert model.run is not None
    (trail,) = sheet(model, "nand", points=10).trails
    np.testing.assert_allclose(trail.coordinates[-1], 0, atol=1e-12)
    assert trail.heights[-1] == pytest.approx(model.run.cost, rel=1e-9)
    np.testing.assert_allclose(trail.costs[0], model.run.history[0][1], rtol=1e-9)


def test_shares_of_named_parameters_are_theirs_of_the_variance() -> None:
    model = st.models.neuron().fit("nand", start=NAND_START, rate=1.0, epochs=50)
    assert model.run is not None
    found = sheet(model, "nand", names=("w1", "b"), points=5)
    columns = {name: np.array([float(p[name]) for _, p in model.run.path]) for name in NAND_START}
    whole = sum(np.var(column) for column in columns.values())
    assert found.axes[0].share == pytest.approx(np.var(columns["w1"]) / whole, rel=1e-9)
    assert found.axes[1].share == pytest.approx(np.var(columns["b"]) / whole, rel=1e-9)


def test_paths_of_one_plane_with_oblique_directions_are_projected() -> None:
    """A path in the plane of two directions that are not at right angles has the coordinates it was made of."""
    a, b, c = st.params("a", "b", "c")
    cost = a**2 + b**2 + c**2
    first, second = {"a": 1.0, "b": 1.0}, {"b": 2.0, "c": 1.0}
    run = st.descend(cost, start={"a": 3.0, "b": 7.0, "c": 2.0}, rate=0.25, epochs=4)  # 3·first + 2·second, halved
    (trail,) = sheet(cost, at={"a": 0, "b": 0, "c": 0}, names=(first, second), paths=run, points=5).trails
    np.testing.assert_allclose(trail.coordinates, np.outer(0.5 ** np.arange(5), [3, 2]), atol=1e-12)
    np.testing.assert_allclose(trail.costs, trail.heights, rtol=1e-12)


def test_a_descent_that_ran_away_does_not_stretch_the_picture() -> None:
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 1.0}, rate=1.5, epochs=1000)
    assert run.diverged
    found = sheet(x**2 + y**2, paths=run)
    assert np.max(np.abs(found.x)) < 100
    assert "diverged" in st.pictures.surface(x**2 + y**2, paths=run).description


def test_many_points_of_a_path_are_thinned_with_first_and_last_kept() -> None:
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 1.0}, rate=1e-4, epochs=1800)
    (trail,) = sheet(x**2 + y**2, paths=run, points=5).trails
    assert len(trail.epochs) <= 500
    assert (trail.epochs[0], trail.epochs[-1]) == (0, 1800)


def test_levels_of_a_paraboloid_are_even_rings() -> None:
    """The radii √(level/2) of 2r² are evenly spaced."""
    across, up = np.meshgrid(np.linspace(-1, 1, 101), np.linspace(-1, 1, 101))
    found = levels(2 * (across**2 + up**2))
    np.testing.assert_allclose(np.diff(np.sqrt(found.heights / 2)), np.sqrt(2) / 13, rtol=1e-10)
    assert not found.capped
    np.testing.assert_allclose(found.shares(found.heights), np.linspace(0, 1, 14), atol=1e-12)


def test_levels_of_a_plain_and_of_a_steep_wall() -> None:
    assert len(levels(np.full((3, 3), 7.0)).heights) == 2
    wall = np.array([[0.0, 1.0, 2.0, 1e9]])
    found = levels(wall)
    assert found.capped
    assert found.heights[-1] < 100


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cost": x * st.data("t")}, "take the mean, total or sum"),
        ({"cost": st.mean(x * st.data("t"))}, "give the table that has it"),
        ({"names": ("x", "u")}, "'u' is not a parameter of the cost; those are x, y"),
        ({"names": ("x", "x"), "at": {"y": 0}}, "x and x are one direction"),
        ({"names": ("x", "y", "x")}, "not 3"),
        ({"names": ("x[0]", "y")}, "is not one number"),
        ({"names": ({"u": 1.0}, "y")}, "'u', which is no parameter"),
        ({"names": ({"x": 0.0}, "y")}, "a direction is 0"),
        ({"names": "principal"}, "those of a descent's path"),
        ({"names": "x"}, "the parameter 'y' has no value"),
        ({"at": {"u": 1}}, "'u' has a value but is no parameter"),
        ({"ranges": {"x": (1, 1)}}, "from 1 to 1"),
        ({"ranges": {"u": (0, 1)}}, "a range is given for 'u'"),
        ({"move": {"x": 0.1, "u": 0.1}}, "'u'"),
        ({"names": "x", "at": {"y": 0}, "field": True}, "takes two axes"),
        ({"cost": st.log(x) + y, "ranges": {"x": (-2, -1)}}, "not finite anywhere"),
        ({"look": "upside down"}, "contours, 3d, both"),
        ({"width": "pages"}, "'column', 'page'"),
        ({"paths": 7}, "paths are results of st.descend"),
        ({"cost": 7}, "not of int"),
    ],
)
def test_errors_are_one_sentence_that_names_the_thing(given: dict[str, Any], said: str) -> None:
    cost = given.pop("cost", x**2 + y**2)
    with pytest.raises(PictureError, match=said.replace("[", r"\[")):
        st.pictures.surface(cost, points=5, **given)


def test_a_path_of_another_cost_is_refused() -> None:
    run = st.descend(st.params("q") ** 2, start={"q": 1.0}, epochs=3)
    with pytest.raises(PictureError, match="descent of another cost"):
        st.pictures.surface(x * y, paths=run)


def test_a_path_too_short_for_principal_directions_is_refused() -> None:
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 2.0}, epochs=1)
    with pytest.raises(PictureError, match="no two principal directions"):
        st.pictures.surface(x**2 + y**2, names="principal", paths=run)


# -- where there is no tangent ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "where"),
    [
        ("abs(x)", "abs(x), where x = 0"),
        ("relu(2*x)*3", "relu(2*x), where 2*x = 0"),
        ("maximum(x, -x)", "maximum(x, -x), where x - -x = 0"),
        ("x^0.5", "the slope is not finite"),
    ],
)
def test_at_a_kink_a_curve_has_a_point_but_no_tangent(formula: str, where: str) -> None:
    """|x|, 6·max(0, x), |x| again have two slopes at 0, √x an infinite one."""
    picture = st.pictures.surface(st.parse(formula), at={"x": 0})
    found = picture.numbers.tangent
    assert np.isnan(found.slope)
    assert where in found.missing
    assert "There is no tangent at x = 0, where the cost is 0: " in picture.description
    root = parsed(picture.svg())
    assert group(root, "point") is not None
    assert group(root, "tangent") is None
    assert "tangent, slope" not in picture.tikz()
    assert not any("slope" in (trace.name or "") for trace in picture.interactive().data)


def test_what_only_looks_like_a_kink_has_its_tangent() -> None:
    """relu(x)² has the slope 0 from both sides of 0."""
    found = curve(st.parse("relu(x)^2 + x"), at={"x": 0}).tangent
    assert found is not None
    assert (found.slope, found.missing) == (1, "")


@pytest.mark.parametrize("formula", ["abs(x) + abs(y)", "abs(x + y) - abs(x - y)", "maximum(x, y)", "abs(y) + x"])
def test_at_a_kink_a_surface_has_no_tangent_plane(formula: str) -> None:
    """|x + y| − |x − y| is 0 along both axes, and 2|t| along (t, t)."""
    picture = st.pictures.surface(st.parse(formula), at={"x": 0, "y": 0}, look="3d", points=20)
    assert "and there is no tangent plane: the slope jumps at " in picture.description
    root = parsed(picture.svg())
    assert group(root, "plane") is None
    assert not any("slopes" in text for text in words(root))
    smooth = st.pictures.surface(st.parse(formula), at={"x": 1.0, "y": 0.5}, look="3d", points=20)
    assert group(parsed(smooth.svg()), "plane") is not None
    with pytest.raises(PictureError, match="there is no tangent plane at A, x = 0, y = 0: the slope jumps at "):
        st.pictures.surface(st.parse(formula), at={"x": 0, "y": 0}, move={"x": 0.1, "y": 0.1})


def test_at_a_kink_of_samples_and_along_a_direction() -> None:
    """Σ|x·w − y| has its kinks at w = y/x = 2, and at none of the others; along (1, −2) x + y/2 stays."""
    cost = st.parse("mean(abs(x*w - y))", data=["x", "y"])
    assert "for sample 2" in curve(cost, TWICE, at={"w": 2}).tangent.missing  # type: ignore[union-attr]
    assert curve(cost, TWICE, at={"w": 3}).tangent.missing == ""  # type: ignore[union-attr]
    edge = st.parse("abs(x + y/2)")
    for direction, missing in (({"x": 1.0, "y": -2.0}, False), ({"x": 1.0, "y": 1.0}, True)):
        found = curve(edge, at={"x": 0, "y": 0}, names=[direction]).tangent
        assert found is not None
        assert bool(found.missing) == missing


def test_no_point_is_marked_where_the_cost_is_not_finite() -> None:
    with pytest.raises(PictureError, match=r"the cost is nan at x = -1, so there is no point to mark"):
        st.pictures.surface(st.parse("log(x)"), at={"x": -1})
    with pytest.raises(PictureError, match=r"the cost is nan at x = -1, y = 2"):
        st.pictures.surface(st.parse("log(x) + y"), at={"x": -1, "y": 2}, points=20)
    with pytest.raises(PictureError, match=r"the cost is nan at B, x = -1, y = 2"):
        st.pictures.surface(st.parse("log(x) + y"), at={"x": 1, "y": 2}, move={"x": -2, "y": 1}, points=20)


# -- what is said -------------------------------------------------------------------------------------------------


def test_numbers_in_sentences_have_a_minus_of_their_own() -> None:
    picture = st.pictures.surface(x**2 - 5 * y, at={"x": -2.0, "y": 3.0}, look="3d", points=20)
    assert not re.search(r"-\d", picture.description)
    assert "At (−2, 3) it is −11, with the slopes −4 and −5." in picture.description
    assert any("slopes −4, −5" in text for text in words(parsed(picture.svg())))


@pytest.mark.parametrize("w", [0.1, 0.7, 1 / 3, 2.2])
def test_a_slope_that_is_round_off_is_0(w: float) -> None:
    """mean((w·x − y)²) with y = w·x + r, where Σ x·r = 0: its slope at w is 0, but for the rounding of y."""
    t = np.array([0.1, 0.2, 0.7])
    found = curve(SQUARES, {"x": t, "y": w * t + 0.1 * np.array([1, 2, -5 / 7])}, at={"w": w}).tangent
    assert found is not None
    assert (found.slope, found.trend) == (0, "stationary")


def test_a_small_slope_that_is_no_round_off_stays() -> None:
    found = curve(st.parse("w^10"), at={"w": 0.001}).tangent
    assert found is not None
    assert found.slope == pytest.approx(1e-26, rel=1e-12)
    assert found.trend == "increasing"


def test_ticks_of_colours_are_round_and_apart() -> None:
    """Of costs from 17.03 to 21.74, in steps that grow: two to four digits, in their order, within the range."""
    cost = st.parse("17.03 + 4.71*(x^2 + y^2)/8")
    picture = st.pictures.surface(cost, points=60)
    picture.svg()
    bar = picture.figure.axes[1]
    shown = [label.get_text() for label in bar.get_yticklabels()]
    assert len(shown) >= 4
    assert all(len(text.replace(".", "")) <= 4 for text in shown)
    assert [float(text) for text in shown] == pytest.approx(bar.get_yticks())
    assert sorted(float(text) for text in shown) == [float(text) for text in shown]
    labels = re.search(r"yticklabels=\{([^}]*)\}", picture.tikz())
    assert labels is not None
    assert all(len(text.strip("$").replace(".", "")) <= 4 for text in labels[1].split(","))


# -- paths that are not in the plane ------------------------------------------------------------------------------

THREE = st.parse("a^2 + 2*b^2 + 3*(c - 1)^2")


def test_what_is_held_is_said_with_its_values() -> None:
    """From (1, 2, 3) at rate 0.1 a shrinks by 0.8, b by 0.6 and c − 1 by 0.4 an epoch."""
    run = st.descend(THREE, start={"a": 1, "b": 2, "c": 3}, rate=0.1, epochs=2)
    picture = st.pictures.surface(THREE, names=["a", "b"], paths=run, points=20)
    end = 1 + 2 * 0.4**2
    assert f"Fixed where descent ended: c = {end:.4g}." in picture.description
    began, in_plane = 1 + 8 + 12, 1 + 8 + 3 * (end - 1) ** 2
    assert f"with the cost {began} ({in_plane:.4g} at the projected point) and ended at" in picture.description
    points = np.array([[p[name] for name in "abc"] for _, p in run.path])
    away = ((points - points.mean(axis=0)) ** 2).sum(axis=0)
    assert f"The plane carries {away[:2].sum() / away.sum():.1%} of the variance of the path" in picture.description
    line = st.pictures.surface(THREE, names="a", paths=run)
    assert f"Fixed where descent ended: b = {2 * 0.6**2:.4g}, c = {end:.4g}." in line.description
    assert f"The line carries {away[0] / away.sum():.1%} of the variance of the path" in line.description
    given = st.pictures.surface(THREE, at={"a": 0, "b": 0, "c": -4}, names=["a", "b"], points=20)
    assert "Fixed as given: c = −4." in given.description


def test_without_names_more_than_two_numbers_are_seen_along_the_path() -> None:
    run = st.descend(THREE, start={"a": 1, "b": 2, "c": 3}, rate=0.1, epochs=5)
    picture = st.pictures.surface(THREE, paths=run, points=20)
    assert [axis.label for axis in picture.numbers.axes] == ["principal direction 1", "principal direction 2"]
    assert "Fixed" not in picture.description
    W = st.params("W", shape=2)
    pair = st.pictures.surface(st.sum(W**2), at={"W": np.array([1.0, 2.0])}, points=20)
    assert [axis.label for axis in pair.numbers.axes] == ["W[0]", "W[1]"]
    assert pair.numbers.whole


def test_the_legend_names_the_marked_point_by_its_coordinates_or_as_the_end_of_a_path() -> None:
    w = st.params("w")
    run = st.descend(w**2, start={"w": 1.0}, rate=0.25, epochs=3)
    for at, legend in ((run.params, "end, cost 0.01562"), ({"w": 1.0}, "at w = 1, cost 1")):
        found = st.pictures.surface(w**2, at=at, paths=run, points=20).numbers
        assert isinstance(found, Curve)
        assert found.legend == legend
        assert found.trails[0].legend == "descent, 3 epochs: cost 0.0156"
    x, y = st.params("x", "y")
    plane = st.descend(2 * x**2 + y**2, start={"x": 1.0, "y": 2.0}, rate=0.25, epochs=1)
    for place, legend in ((plane.params, "end, cost 1"), ({"x": 1.0, "y": 2.0}, "at (1, 2), cost 6")):
        picture = st.pictures.surface(2 * x**2 + y**2, at=place, paths=plane, points=20)
        assert isinstance(picture.numbers, Surface)
        assert picture.numbers.legend == legend
        assert legend in picture.svg()
        assert legend in picture.tikz()
