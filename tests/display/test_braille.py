"""Plots of dots: decoded back to points and compared with the data, their axes with the values beside them."""

from __future__ import annotations

import math

import pytest

from steepest.display.axes import Axis, Point, axis, written
from steepest.display.braille import Dots, plot
from steepest.display.cost_plot import cost_plot

FALLING = [(k, 5 * 0.99**k + 1e-3) for k in range(1001)]


def decoded(text: str, plain: bool) -> list[tuple[int, int]]:
    """Column and row, from the left and the bottom, of every dot between the axes of a plot."""
    edges = ("|", "+") if plain else ("│", "┤")
    lines = text.splitlines()[1:-2]
    found = []
    for r, line in enumerate(reversed(lines)):
        at = min(line.index(edge) for edge in edges if edge in line)
        for c, sign in enumerate(line[at + 1 :]):
            if plain:
                found += [(c, 2 * r + 1)] * (sign in "':") + [(c, 2 * r)] * (sign in ".:")
            elif sign != " ":
                # The Unicode Standard numbers the dots 1 2 3 7 in the left column from the top, 4 5 6 8 in the right.
                bits = ord(sign) - 0x2800
                for number, (x, y) in enumerate([(0, 3), (0, 2), (0, 1), (1, 3), (1, 2), (1, 1), (0, 0), (1, 0)]):
                    if bits >> number & 1:
                        found.append((2 * c + x, 4 * r + y))
    return found


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("width", "height"), [(60, 10), (40, 5), (100, 20)])
def test_the_dots_are_the_curve(plain: bool, width: int, height: int) -> None:
    found = cost_plot(FALLING)
    assert found is not None
    text = plot(found, width, height, plain)
    across, down = (1, 2) if plain else (2, 4)
    margin = len(text.splitlines()[-2].partition("+" if plain else "└")[0]) + 1
    columns, rows = (width - margin) * across, height * down
    dots = decoded(text, plain)
    assert {x for x, _ in dots} == set(range(columns))  # a line without gaps
    # Every dot lies on the curve, from its value at the dot's left edge to that at its right one, up to half a dot.
    for x, y in dots:
        epochs = [1000 ** (min(max(x + side, 0), columns - 1) / (columns - 1)) for side in (-0.5, 0.5)]
        costs = [5 * 0.99**epoch + 1e-3 for epoch in (epochs[0] * 0.999, epochs[1] * 1.001)]
        low, high = (math.log(c / FALLING[-1][1]) / math.log(FALLING[1][1] / FALLING[-1][1]) for c in costs[::-1])
        # Between the whole epochs at the left the curve is straight on the sheet.
        assert low * (rows - 1) - 1.2 <= y <= high * (rows - 1) + 1.2
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.isascii() is plain


def test_values_beside_the_axes_stand_where_they_belong() -> None:
    found = cost_plot([(k, 1000.0 / k) for k in range(1, 1001)])
    assert found is not None
    lines = plot(found, 60, 13).splitlines()[1:]
    rows = {line.split("┤")[0].strip(): k for k, line in enumerate(reversed(lines[:-2])) if "┤" in line}
    assert rows == {"1": 0, "10": 4, "100": 8, "1000": 12}
    ticks, labels = lines[-2], lines[-1]
    marks = [k for k, sign in enumerate(ticks) if sign == "┬"]
    assert labels.split() == ["1", "10", "100", "1000"]
    columns = len(ticks) - ticks.index("└") - 1
    assert marks == [ticks.index("└") + 1 + round(k / 3 * (columns - 1)) for k in range(4)]
    for mark, label in zip(marks, labels.split(), strict=True):
        begin = labels.index(f" {label}" if label == "1" else label, max(0, mark - 4))
        assert begin - 1 <= mark <= begin + len(label)
    # A straight line on logarithmic axes: its dots lie on the diagonal.
    dots = decoded("\n".join(["title", *lines]), False)
    width = max(x for x, _ in dots)
    assert all(abs(y - 51 * (1 - x / width)) <= 1.5 for x, y in dots)


def test_a_validation_cost_is_drawn_as_dots_and_named() -> None:
    found = cost_plot([(0, 4.0), (10, 1.0)], [(0, 8.0), (5, 6.0), (10, 2.0)])
    assert found is not None
    text = plot(found, 50, 8)
    assert text.startswith("cost (line), validation cost (dots) by epoch")
    dots = decoded(text, False)
    # The costs 8, 4 and 1 are 3, 2 and 0 doublings above the lowest; the line has a dot in every column.
    assert [y for x, y in dots if x == 0] == [21, 31] or [y for x, y in sorted(dots) if x == 0] == [21, 31]
    width = max(x for x, _ in dots)
    assert sorted(y for x, y in dots if x == width) == [0, 10]
    assert len(dots) - len({x for x, _ in dots}) < 20
    assert "validation cost falls from 8 at epoch 0 to 2 at epoch 10" in found.description


@pytest.mark.parametrize(
    "history", [[], [(0, 1.0)], [(0, math.nan), (1, math.inf)], [(0, 1.0), (50, math.nan)]], ids=str
)
def test_nothing_is_drawn_of_less_than_two_costs(history: list[tuple[int, float]]) -> None:
    assert cost_plot(history) is None


@pytest.mark.parametrize(
    "history",
    [[(0, 1.0), (1, 1.0)], [(0, 0.0), (5, 0.0)], [(0, -3.0), (100, -5.0), (200, -5.5)], [(0, 1e300), (9, 1e-300)]],
)
@pytest.mark.parametrize("plain", [False, True])
def test_odd_costs_are_drawn(history: list[tuple[int, float]], plain: bool) -> None:
    found = cost_plot(history)
    assert found is not None
    assert decoded(plot(found, 50, 8, plain), plain)


def test_axes() -> None:
    assert Axis(0, 10).place(2.5) == 0.25
    assert Axis(1e-4, 1e4, log=True).place(1.0) == pytest.approx(0.5)
    assert axis([3.0, 3.0]).place(3.0) == 0.5
    assert axis([3.0, 3.0], log=True).place(3.0) == pytest.approx(0.5)
    for low, high in ((0.0, 1.0), (-3.2, 7.9), (1e-7, 3e-7), (-1e9, 1e12)):
        for most in (2, 3, 5, 9):
            ticks = Axis(low, high).ticks(most)
            assert len(ticks) <= most
            assert all(low - 1e-12 <= tick <= high * (1 + 1e-12) for tick in ticks)
    assert [written(v) for v in (0.1, 1e-5, 123456.0, 2.5e6, 1000.0, -0.25)] == [
        "0.1", "1e-5", "1.23456e5", "2.5e6", "1000", "-0.25",
    ]  # fmt: skip


def test_the_corners_of_a_sheet() -> None:
    sheet = Dots(2, 1)
    points: list[Point] = [(0, 0), (3, 3)]
    for x, y in points:
        sheet.put(int(x), int(y))
    assert sheet.lines() == ["\u2840\u2808"]  # dot 7, and dot 4
