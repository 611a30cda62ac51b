"""The code of the native engine's elementary functions: vectors only, and constants that can be computed again."""

from __future__ import annotations

import re

import mpmath
import pytest
from mpmath import mp

import minimax
import native_harness
from native_harness import FUNCTIONS
from steepest.engines.native.functions import arctangent, coefficients, exponential, trigonometric

MACHINES = [("skylake-avx512", "x86_64-linux-gnu"), ("haswell", "x86_64-linux-gnu"), ("generic", "aarch64-linux-gnu")]
EXTERNAL = ("sin", "cos")
"""The functions of the C library that the emitted code may call: double to double."""
CALL = re.compile(r"^\s+(?:callq?|blr?)\s+\"?([\w.*%]+)", re.MULTILINE)
ONE_LANE = re.compile(
    r"^\s+(v?p?gather\w+|vf?n?m?(?:add|sub)\d*s[sd]|v(?:mul|div|add|sub)s[sd]|v?cvt\w*2s[id])\b", re.MULTILINE
)


@pytest.mark.parametrize(("cpu", "triple"), MACHINES, ids=[cpu for cpu, _ in MACHINES])
@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_lane_is_computed_at_once(name: str, width: int, cpu: str, triple: str) -> None:
    text = native_harness.assembly(name, width, 8, cpu, triple)
    called = {each for each in CALL.findall(text) if not each.startswith("*")}  # the C library, by its address
    assert called <= ({name, f"steepest.{name}.large"} if name in EXTERNAL else set())
    assert name in EXTERNAL or "*%" not in text
    assert not ONE_LANE.search(text)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_nothing_is_emitted_with_fast_math_flags(name: str) -> None:
    text = native_harness.source(name, 64, 8)
    assert not re.search(r"\b(fast|nnan|ninf|nsz|arcp|contract|afn|reassoc)\b", text)


def test_external_functions_are_all_that_is_declared_besides_intrinsics() -> None:
    declared = set()
    for name in FUNCTIONS:
        found = re.findall(r'^declare\s.*?@"?([\w.]+)"?\(', native_harness.source(name, 64, 4), re.MULTILINE)
        declared |= {each for each in found if not each.startswith("llvm.")}
    assert declared == set(EXTERNAL)


@pytest.mark.parametrize("wanted", minimax.FITS, ids=lambda wanted: f"{wanted.name}-{wanted.width}")
def test_coefficients_are_those_of_the_minimax_computation(wanted: minimax.Fit) -> None:
    stored = getattr(coefficients, wanted.name)[wanted.width]
    if wanted.name in ("EXPONENTIAL", "LOGARITHM", "SINE"):  # the others take longer and are made alike
        assert minimax.fit(wanted)[0] == pytest.approx(stored, rel=1e-9)
    with mp.workdps(40):
        low, high = (mpmath.mpf(end) for end in wanted.interval)
        for k in range(1, 40):
            x = low + (high - low) * k / mpmath.mpf("40.001")
            error = (mp.polyval(stored[::-1], x) - wanted.target(x)) * wanted.weight(x)
            assert abs(error) <= mpmath.mpf(2) ** (-56 if wanted.width == 64 else -27)


def test_parts_of_constants_sum_to_them() -> None:
    with mp.workdps(60):
        assert abs(sum(map(mpmath.mpf, trigonometric.HALF_PI)) - mp.pi / 2) < mpmath.mpf(2) ** -156
        for width, bits in ((64, 92), (32, 43)):
            parts = [mpmath.mpf(exponential.LN2_HIGH[width]), mpmath.mpf(exponential.LN2_LOW[width])]
            assert abs(sum(parts) - mp.ln2) < mpmath.mpf(2) ** -bits
        for width, bits in ((64, 108), (32, 78)):
            for angle, parts in zip((mp.atan(0.5), mp.pi / 4, mp.pi / 2), arctangent.ANGLES[width], strict=True):
                assert abs(sum(map(mpmath.mpf, parts)) - angle) < mpmath.mpf(2) ** -bits
                assert parts[0] == minimax.rounded(angle, width)
        for j, (root, lacking) in enumerate(zip(exponential.ROOTS, exponential.LACKING, strict=True)):
            assert abs(mp.log(root) + lacking - j * mp.ln2 / 4) < mpmath.mpf(2) ** -105


def test_products_with_the_high_parts_are_exact() -> None:
    for largest, high in ((4328, exponential.LN2_HIGH[64]), *((2**20, part) for part in trigonometric.HALF_PI[:3])):
        numerator, _ = float(high).as_integer_ratio()
        assert (numerator * largest).bit_length() - (numerator & -numerator).bit_length() < 53
    numerator, _ = exponential.LN2_HIGH[32].as_integer_ratio()
    assert (numerator * 152).bit_length() <= 24
