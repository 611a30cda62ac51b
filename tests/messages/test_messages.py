"""What messages are made of: hints, shortened values, checks of numbers and registries of choices."""

from __future__ import annotations

import math

import pytest

from steepest.errors import DescentError, ModelError
from steepest.messages.hints import nearest
from steepest.messages.numbers import from_zero, is_finite, is_number, positive, share, whole
from steepest.messages.registry import Registry
from steepest.messages.sentences import line, shown


def test_a_hint_names_what_was_probably_meant() -> None:
    assert "'momentum'" in nearest("momentun", ["adam", "momentum"])
    assert nearest("xyz", ["adam", "momentum"]) == ""
    assert nearest(3, ["adam", "momentum"]) == ""  # what is no name is refused by its user, and closest to nothing


def test_values_are_shown_on_one_short_line() -> None:
    assert shown("a\nb") == "'a\\nb'"
    assert len(shown("x" * 1000)) < 80
    assert shown("x" * 1000).endswith("'")


def test_errors_of_other_libraries_are_put_on_one_short_line() -> None:
    assert line(ValueError("first\n  second")) == "first second"
    assert line(ValueError()) == "ValueError"
    assert len(line(ValueError("word " * 100))) < 150


def test_booleans_and_numbers_beyond_float64_are_no_finite_numbers() -> None:
    assert is_number(1)
    assert not is_number(True)
    assert not is_number("1")
    assert not any(map(is_finite, (math.nan, math.inf, 10**400, True)))


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (positive, (0.5, 3), (0, -1, math.inf, math.nan, True, "1")),
        (from_zero, (0, 2.5), (-1, math.inf, "0")),
        (share, (0, 0.5, 1), (-0.1, 1.1, math.nan, True)),
    ],
)
def test_ranges(check: object, good: tuple[float, ...], bad: tuple[object, ...]) -> None:
    assert callable(check)
    for value in good:
        assert check("rate", value, DescentError) == value
    for value in bad:
        with pytest.raises(DescentError, match="rate is a"):
            check("rate", value, DescentError)


def test_whole_numbers_have_a_lowest_one() -> None:
    assert whole("epochs", 3, 1, DescentError) == 3
    for value in (0, 2.0, True):
        with pytest.raises(DescentError, match="epochs is a whole number from 1"):
            whole("epochs", value, 1, DescentError)


def test_a_registry_finds_its_choices_and_names_them_where_one_is_unknown() -> None:
    costs = Registry[int]("cost", ModelError)
    costs.register("mse", "the mean of the squared errors")(1)
    costs.add("mae", 2, "the mean of the errors' sizes")
    assert (costs.find("mae"), costs.help("mse"), list(costs), len(costs)) == (
        2,
        "the mean of the squared errors",
        ["mse", "mae"],
        2,
    )
    with pytest.raises(ModelError, match="mae"):
        costs.find("mee")
    with pytest.raises(ModelError, match="already"):
        costs.add("mse", 3, "again")
    costs.remove("mse")
    assert [entry.name for entry in costs.entries()] == ["mae"]
