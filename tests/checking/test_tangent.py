"""The tangent, against the numbers of rows E2 and E3 and against calculus."""

from __future__ import annotations

import math

import pytest

import steepest as st
from steepest.checking.tangent import tangent
from steepest.errors import GradientError, ValuesError


def test_e3_pieces_and_truth() -> None:
    """2x² + y²: 0.75 at (.5, .5), 0.97 at (.6, .5), 1.08 at (.6, .6); Δz ≈ 0.2 + 0.1; 1.05; error 0.03."""
    x, y = st.params("x", "y")
    found = tangent(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1})
    assert found.path == pytest.approx((0.75, 0.97, 1.08), abs=1e-14)
    assert found.value == pytest.approx(0.75, abs=1e-15)
    assert found.partials == pytest.approx({"x": 2.0, "y": 1.0}, abs=1e-15)
    assert found.terms == pytest.approx({"x": 0.2, "y": 0.1}, abs=1e-15)
    assert found.move == {"x": 0.1, "y": 0.1}
    assert found.estimate == pytest.approx(0.3, abs=1e-15)
    assert found.tangent_value == pytest.approx(1.05, abs=1e-15)
    assert found.change == pytest.approx(0.33, abs=1e-14)
    assert found.error == pytest.approx(0.03, abs=1e-14)


def test_path_follows_the_order_of_the_moves() -> None:
    x, y = st.params("x", "y")
    found = tangent(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"y": 0.1, "x": 0.1})
    assert found.path == pytest.approx((0.75, 0.86, 1.08), abs=1e-14)


@pytest.mark.parametrize("h", [0.1, -0.2, 1e-3])
def test_e2_slope_of_one_variable(h: float) -> None:
    """f(x + h) ≈ f(x) + f′(x)h, for f = x² e⁻ˣ with f′ = (2x − x²) e⁻ˣ."""
    x = st.params("x")

    def f(at: float) -> float:
        return at**2 * math.exp(-at)

    slope = (2 * 0.7 - 0.7**2) * math.exp(-0.7)
    found = tangent(x**2 * st.exp(-x), at={"x": 0.7}, move={"x": h})
    assert found.tangent_value == pytest.approx(f(0.7) + slope * h, rel=1e-14)
    assert found.change == pytest.approx(f(0.7 + h) - f(0.7), rel=1e-11)
    assert found.error == pytest.approx(f(0.7 + h) - f(0.7) - slope * h, abs=1e-15)


@pytest.mark.parametrize(("at", "trend"), [(1.0, "increasing"), (-1.0, "decreasing"), (0.0, "stationary")])
def test_e2_increasing_decreasing_stationary(at: float, trend: str) -> None:
    found = tangent(st.params("x") ** 2, at={"x": at}, move={"x": 0.1})
    assert found.trend("x") == trend
    assert trend in str(found)


def test_text_shows_every_piece() -> None:
    x, y = st.params("x", "y")
    text = str(tangent(2 * x**2 + y**2, at={"x": 0.5, "y": 0.5}, move={"x": 0.1, "y": 0.1}))
    assert text.splitlines() == [
        "f = 0.75",
        "∂f/∂x · Δx = 2 · 0.1 = 0.2   (increasing)",
        "∂f/∂y · Δy = 1 · 0.1 = 0.1   (increasing)",
        "Δf ≈ 0.3, so f ≈ 1.05",
        "Δf = 0.33, so f = 1.08",
        "error 0.03",
    ]


def test_text_shows_the_move_where_the_slope_is_0() -> None:
    text = str(tangent(st.params("x") ** 2, at={"x": 0}, move={"x": 0.1}))
    assert "= 0 · 0.1 = 0 " in text


def test_names_that_do_not_move_stay() -> None:
    x, y = st.params("x", "y")
    found = tangent(x * y, at={"x": 3.0, "y": 2.0}, move={"x": 0.5})
    assert found.path == (6.0, 7.0)
    assert list(found.partials) == ["x"]


@pytest.mark.parametrize(
    ("text", "at", "move", "says"),
    [
        ("x^2", {"x": 1.0}, {"z": 0.1}, "'z' is in move"),
        ("x^2", {"x": 1.0, "speed": 1.0}, {"x": 0.1}, "'speed' has a value"),
        ("log(x)", {"x": 0.0}, {"x": 0.1}, "f at the point is -inf"),
        ("log(x)", {"x": 1.0}, {"x": -1.0}, "f after the move is -inf"),
        ("sqrt(x)", {"x": 0.0}, {"x": 1.0}, "∂f/∂x at the point is inf"),
    ],
)
def test_errors_say_what_is_wrong(text: str, at: dict[str, float], move: dict[str, float], says: str) -> None:
    with pytest.raises(GradientError) as caught:
        tangent(st.parse(text), at, move)
    assert says in str(caught.value)


def test_a_name_without_a_value() -> None:
    with pytest.raises(ValuesError, match="'y'"):
        tangent(st.parse("x*y"), {"x": 1.0}, {"x": 1.0})


def test_one_number_only() -> None:
    v = st.params("v", shape=3)
    with pytest.raises(GradientError, match="scalar cost"):
        tangent(2 * v, {"v": 1.0}, {"v": 1.0})


def test_at_a_kink_there_is_none() -> None:
    x, y = st.params("x", "y")
    with pytest.raises(GradientError, match=r"the slope in x jumps at abs\(x\), where x = 0; choose other numbers"):
        tangent(st.parse("abs(x) + y"), at={"x": 0.0, "y": 1.0}, move={"y": 0.1, "x": 0.1})
    assert tangent(st.parse("abs(x) + y"), at={"x": 0.0, "y": 1.0}, move={"y": 0.1}).partials == {"y": 1.0}
    assert tangent(x**2 * y, at={"x": 0.0, "y": 1.0}, move={"x": 0.1}).partials == {"x": 0.0}
