"""The native engine's elementary functions: zeros, infinities, NaN, denormal numbers, and every width of vector."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import native_harness
import native_samples
from native_harness import FUNCTIONS

Array = NDArray[Any]
KINDS = native_samples.KINDS
LANES = (1, 2, 4, 8, 16, 32, 64)
INF, NAN = float("inf"), float("nan")

SPECIAL: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (NAN, NAN), (1e4, INF), (-1e4, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (NAN, NAN), (1e4, INF), (-1e4, -1.0), (-50.0, -1.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (-1e-30, NAN), (NAN, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-INF, NAN), (-1.5, NAN), (NAN, NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (NAN, NAN), (25.0, 1.0), (-25.0, -1.0), (-1e30, -1.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (NAN, NAN), (50.0, 1.0), (1e4, 1.0), (-1e4, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (NAN, NAN), (1e4, 1e4), (-1e4, 0.0), (1e30, 1e30)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "arctan": [
        (0.0, 0.0),
        (-0.0, -0.0),
        (INF, np.pi / 2),
        (-INF, -np.pi / 2),
        (NAN, NAN),
        (1e30, np.pi / 2),
        (1.0, np.pi / 4),
    ],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), (NAN, NAN), (4.0, 2.0)],
}
"""Arguments and values of ISO C, Annex F, and of the two that it does not know."""

LIKE_X = ("expm1", "log1p", "tanh", "sin", "arctan")
"""The functions that are x itself for the smallest x."""


def same(found: Array, wanted: Array) -> Array:
    """Whether numbers are equal, zeros in sign as well; NaN is NaN."""
    alike = (found == wanted) & (np.signbit(found) == np.signbit(wanted))
    return alike | (np.isnan(found) & np.isnan(wanted))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_special_values_are_those_of_annex_f(name: str, width: int, lanes: int) -> None:
    given, wanted = (np.array(column, KINDS[width]) for column in zip(*SPECIAL[name], strict=True))
    found = native_harness.run(name, given, lanes=lanes)
    assert same(found, wanted).all(), list(zip(given, found, wanted, strict=True))


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", LIKE_X)
def test_the_smallest_arguments_are_their_own_values(name: str, width: int) -> None:
    least = np.finfo(KINDS[width]).smallest_subnormal
    given = np.array([least, 3 * least, np.finfo(KINDS[width]).tiny, 77 * least], KINDS[width])
    given = np.concatenate([given, -given])
    assert same(native_harness.run(name, given), given).all()


@pytest.mark.parametrize("width", [64, 32])
def test_denormal_values_are_not_flushed(width: int) -> None:
    x = -720.0 if width == 64 else -95.0
    for name in ("exp", "sigmoid", "softplus"):
        (found,) = native_harness.run(name, np.array([x], KINDS[width]))
        assert found == pytest.approx(np.exp(x), rel=1e-5)
        assert 0 < found < np.finfo(KINDS[width]).tiny


@pytest.mark.parametrize("width", [64, 32])
def test_powers_have_the_special_values_of_the_c_library(width: int) -> None:
    kind = KINDS[width]
    about = np.finfo(kind)
    numbers = [0.0, 1e-30, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0, 64.0, 1e4, 2.0**23, 2.0**24 - 1, 2.0**24, 2.0**52 + 1,
               2.0**53 - 1, 2.0**53, 2.0**53 + 2, 1e30, INF, NAN]  # fmt: skip
    numbers += [float(x) for x in (about.tiny, about.smallest_subnormal, about.max, 1 - about.epsneg, 1 + about.eps)]
    signed = np.array([sign * x for x in numbers for sign in (1, -1)], kind)
    base, exponent = (np.array(column, kind) for column in zip(*itertools.product(signed, signed), strict=True))
    with np.errstate(all="ignore"):
        wanted = np.power(base, exponent)
    exact = np.isnan(wanted) | np.isinf(wanted) | (wanted == 0) | (np.abs(base) == 1) | (exponent == 0)
    for lanes in (1, 4, 16):
        found = native_harness.run("power", base, exponent, lanes=lanes)
        wrong = np.flatnonzero(exact & ~same(found, wanted))
        assert not wrong.size, [(base[k], exponent[k], found[k], wanted[k]) for k in wrong[:10]]
        assert np.allclose(found[~exact], wanted[~exact], rtol=4 * about.eps, atol=about.smallest_subnormal)


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh", "sigmoid", "softplus", "arctan", "sqrt"])
def test_monotone_functions_never_step_back_by_more_than_their_error(name: str, width: int) -> None:
    x = np.sort(native_samples.everywhere(width, 1 << 14, seed=3))
    y = native_harness.run(name, x)
    y = y[np.isfinite(y)]
    assert y.size > 4000
    assert (np.diff(y) >= -2 * np.spacing(np.abs(y[1:]))).all()


@pytest.mark.parametrize("width", [64, 32])
def test_odd_functions_are_odd_and_the_cosine_is_even(width: int) -> None:
    x = native_samples.everywhere(width, 1 << 14, seed=4)
    for name in ("tanh", "sin", "arctan"):
        assert same(native_harness.run(name, -x), -native_harness.run(name, x)).all(), name
    assert same(native_harness.run("cos", -x), native_harness.run("cos", x)).all()


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_value_does_not_depend_on_the_width_of_the_vector(name: str, width: int) -> None:
    arguments = [np.concatenate(column) for column in zip(*native_samples.samples(name, width, 256), strict=True)]
    expected = native_harness.run(name, *arguments, lanes=1)
    for lanes in LANES[1:]:
        found = native_harness.run(name, *arguments, lanes=lanes)
        wrong = np.flatnonzero(~same(found, expected))
        assert not wrong.size, (lanes, [tuple(x[k] for x in (*arguments, found, expected)) for k in wrong[:5]])
