"""The native engine's elementary functions against mpmath, over all exponents and where they are hard."""

from __future__ import annotations

import math

import numpy as np
import pytest

import native_accuracy
import native_harness
import native_oracle
import native_samples
from sampling import sampled

BOUND: dict[str, tuple[float, float]] = {
    "exp": (0.9, 1.4),
    "expm1": (1.3, 1.3),
    "log": (0.9, 0.9),
    "log1p": (0.9, 0.9),
    "tanh": (1.4, 1.5),
    "sigmoid": (1.7, 1.9),
    "softplus": (1.7, 1.9),
    "sin": (0.95, 0.51),
    "cos": (0.95, 0.51),
    "arctan": (0.95, 0.95),
    "power": (1.0, 0.51),
    "sqrt": (0.5, 0.5),
}
"""The largest error that the functions' descriptions state, in float64 and float32, ulp."""


@pytest.mark.parametrize("width", sampled([64, 32], 2))
@pytest.mark.parametrize("name", sorted(BOUND))
def test_errors_are_within_the_stated_bounds(name: str, width: int) -> None:
    error, where = native_accuracy.largest(name, width, 1 << (17 if width == 64 else 19))
    assert error <= BOUND[name][width == 32], where


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(BOUND))
def test_errors_are_within_the_stated_bounds_in_large_samples(name: str, width: int) -> None:
    error, where = native_accuracy.largest(name, width, 1 << (21 if width == 64 else 24), seed=2)
    assert error <= BOUND[name][width == 32], where


@pytest.mark.skipif(native_harness.ARCHITECTURE != "x86_64", reason="runs the code of the first 64-bit processors")
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(BOUND))
def test_errors_are_as_small_without_fused_operations(name: str, width: int) -> None:
    error, where = native_accuracy.largest(name, width, 1 << 15, cpu="x86-64")
    assert error <= BOUND[name][width == 32], where


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", ["exp", "sigmoid", "softplus"])
def test_denormal_values_are_rounded_once(name: str, width: int) -> None:
    low, high = (-745.3, -712.0) if width == 64 else (-104.2, -91.0)
    x = np.random.default_rng(6).uniform(low, high, 500).astype(native_samples.KINDS[width])
    x[:20] = np.linspace(low, low + 0.7, 20)  # where the last one vanishes
    found = native_harness.run(name, x)
    errors = [native_oracle.error(y, native_oracle.exact(name, float(a)), width) for a, y in zip(x, found, strict=True)]
    assert max(errors) < 0.55


def test_a_difference_of_one_place_is_one_ulp() -> None:
    assert native_oracle.error(math.nextafter(1.5, 2), native_oracle.exact("sqrt", 2.25), 64) == 1
    assert native_oracle.error(math.inf, native_oracle.exact("exp", 709.0), 64) > 1e15
    found = np.array([np.nextafter(np.float64(2), 3), np.nan])
    assert list(native_oracle.estimates("sqrt", found, np.array([4.0, 4.0]))) == [1, np.inf]
