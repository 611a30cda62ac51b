"""The polynomials of the native engine's elementary functions: computed by Remez' exchange, with mpmath.

Each polynomial is the one whose largest weighted error on its interval is least (E. Remez 1934; Muller, Elementary
Functions, 3rd ed., chapter 3). Its coefficients are then rounded to the precision that they are used in. Prints the
largest error of each, rounding included, and the text of ``functions/coefficients.py``
and of the tables in ``expressions/error_functions.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpmath import mp, mpf

from timing import Options, benchmark, table

Real = Any
DIGITS = 50


@dataclass(frozen=True)
class Fit:
    """What a polynomial is to come near to.

    Attributes:
        name: of the coefficients.
        width: bits of the precision that they serve.
        terms: how many coefficients.
        interval: where; numbers as text, read with full precision.
        target: the function.
        weight: what an error is multiplied by, so that it is the relative error of the function that uses it.
        rounded_to: bits of the numbers that the coefficients are, 0 for ``width``.
    """

    name: str
    width: int
    terms: int
    interval: tuple[str, str]
    target: Callable[[Real], Real]
    weight: Callable[[Real], Real]
    rounded_to: int = 0


def _exponential(r: Real) -> Real:
    return (mp.expm1(r) - r - r**2 / 2) / r**3


def _logarithm(z: Real) -> Real:
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / (s * z)


def _area_tangent(z: Real) -> Real:
    s = mp.sqrt(z)
    return ((mp.atanh(s) / s - 1) / z - mpf(1) / 3) / z


def _tangent(z: Real) -> Real:
    x = mp.sqrt(z)
    return (mp.tanh(x) / x - 1) / z


def _arc_tangent(z: Real) -> Real:
    t = mp.sqrt(z)
    return (mp.atan(t) / t - 1) / z


def _sine(z: Real) -> Real:
    r = mp.sqrt(z)
    return (mp.sin(r) - r) / (r * z)


def _cosine(z: Real) -> Real:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


# The intervals reach a little beyond what the reductions leave, whose rounding to whole multiples is not exact.
_HALF_LN2 = ("-0.34660", "0.34660")
_ATANH = ("1e-30", "0.029438")  # s = f/(2 + f) with 1 + f from √½ to √2
_EIGHTH = ("1e-30", "0.61687")  # (π/4)²
_SMALL = ("1e-30", "0.3025")  # 0.55²
_REDUCED = ("1e-30", "0.1765")  # 0.42²

FITS = (
    Fit("EXPONENTIAL", 64, 6, ("-0.08666", "0.08666"), _exponential, lambda r: r**3 / mp.exp(r)),
    Fit("EXPONENTIAL", 32, 4, _HALF_LN2, _exponential, lambda r: r**3 / mp.exp(r)),
    Fit("LESS_ONE", 64, 10, _HALF_LN2, _exponential, lambda r: r**3 / mp.expm1(r)),
    Fit("LESS_ONE", 32, 5, _HALF_LN2, _exponential, lambda r: r**3 / mp.expm1(r)),
    Fit("LOGARITHM", 64, 7, _ATANH, _logarithm, lambda z: z / 2),
    Fit("LOGARITHM", 32, 3, _ATANH, _logarithm, lambda z: z / 2),
    Fit("AREA_TANGENT", 64, 8, _ATANH, _area_tangent, lambda z: z**2),
    Fit("TANGENT", 64, 11, _SMALL, _tangent, lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z))),
    Fit("TANGENT", 32, 5, _SMALL, _tangent, lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z))),
    Fit("ARC_TANGENT", 64, 11, _REDUCED, _arc_tangent, lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z))),
    Fit("ARC_TANGENT", 32, 5, _REDUCED, _arc_tangent, lambda z: z * mp.sqrt(z) / mp.atan(mp.sqrt(z))),
    Fit("SINE", 64, 6, _EIGHTH, _sine, lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z))),
    Fit("SINE", 32, 4, _EIGHTH, _sine, lambda z: z * mp.sqrt(z) / mp.sin(mp.sqrt(z)), 64),
    Fit("COSINE", 64, 6, _EIGHTH, _cosine, lambda z: z**2 / mp.cos(mp.sqrt(z))),
    Fit("COSINE", 32, 4, _EIGHTH, _cosine, lambda z: z**2 / mp.cos(mp.sqrt(z)), 64),
)
"""Every polynomial that ``functions/coefficients.py`` holds."""


def _error_function(z: Real) -> Real:
    x = mp.sqrt(z)
    return mp.erf(x) / x


def _tail(t: Real) -> Real:
    """(1 + 2x)·exp(x²)·erfc x at x = 3(1 + t)/(1 − t); beyond 1e4 by the asymptotic series (DLMF 7.12.1)."""
    if t == 1:
        return 2 / mp.sqrt(mp.pi)
    x = 3 * (1 + t) / (1 - t)
    if x < 1e4:
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)
    return (1 + 2 * x) / (x * mp.sqrt(mp.pi)) * (1 - 1 / (2 * x**2) + 3 / (4 * x**4) - 15 / (8 * x**6))


OF_EXPRESSIONS = (
    Fit("ERROR_FUNCTION", 64, 11, ("1e-30", "0.5625"), _error_function, lambda z: 1 / _error_function(z)),
    Fit("TAIL", 64, 23, ("-0.7341", "1"), _tail, lambda t: 1 / _tail(t)),
)
"""The polynomials of ``expressions/error_functions.py``, which serve every precision."""


def rounded(value: Real, width: int) -> float:
    """The nearest number of the precision with this many bits."""
    if width == 64:
        return float(value)
    near: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    return near


def remez(
    target: Callable[[Real], Real], weight: Callable[[Real], Real], interval: tuple[Real, Real], powers: range
) -> tuple[list[Real], Real]:
    """The coefficients of x^k, k in ``powers``, of least largest weighted error, and that error.

    Args:
        target: what to come near to.
        weight: what errors are multiplied by.
        interval: from where to where.
        powers: the powers there are.
    """
    low, high = interval
    count = len(powers)
    steps = 40 * count + 1  # odd: no point at the centre, where a target may be 0/0
    grid = [low + (high - low) * (1 - mp.cos(mp.pi * k / steps)) / 2 for k in range(steps + 1)]
    targets, weights = [target(x) for x in grid], [abs(weight(x)) for x in grid]
    chosen = [round(k * (len(grid) - 1) / count) for k in range(count + 1)]
    found: list[Real] = []
    for _ in range(30):
        rows = [[weights[i] * grid[i] ** p for p in powers] + [(-1) ** row] for row, i in enumerate(chosen)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([weights[i] * targets[i] for i in chosen]))
        found, level = list(solution[:count]), abs(solution[count])
        errors = [
            (sum(a * x**p for a, p in zip(found, powers, strict=True)) - f) * w
            for x, f, w in zip(grid, targets, weights, strict=True)
        ]
        chosen = _alternation(errors, count + 1)
        largest = max(abs(e) for e in errors)
        if largest <= level * mpf("1.001"):
            return found, largest
    return found, largest


def _alternation(errors: list[Real], count: int) -> list[int]:
    """Where errors of alternating sign are largest: ``count`` places with the largest errors among them."""
    places: list[int] = []
    for k, error in enumerate(errors):
        if places and (error > 0) == (errors[places[-1]] > 0):
            if abs(error) > abs(errors[places[-1]]):
                places[-1] = k
        else:
            places.append(k)
    while len(places) > count:  # the smaller end goes
        del places[0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1]
    return places


def fit(wanted: Fit) -> tuple[tuple[float, ...], Real]:
    """The rounded coefficients, lowest power first, and their largest weighted error, 2^-53 or 2^-24 being 1."""
    with mp.workdps(DIGITS):
        low, high = mpf(wanted.interval[0]), mpf(wanted.interval[1])
        exact, _ = remez(wanted.target, wanted.weight, (low, high), range(wanted.terms))
        found = tuple(rounded(a, wanted.rounded_to or wanted.width) for a in exact)
        grid = [low + (high - low) * mpf(2 * k + 1) / 4000 for k in range(2000)]
        errors = [abs((mp.polyval(found[::-1], x) - wanted.target(x)) * wanted.weight(x)) for x in grid]
        return found, max(errors) * 2 ** (53 if wanted.width == 64 else 24)


@benchmark(__doc__, rounds=1, quick_rounds=1)
def main(options: Options) -> dict[str, Any]:
    """Compute, print, and return what goes into the JSON."""
    found = {
        f"{wanted.name}_{wanted.width}": fit(wanted)
        for wanted in (FITS[:2] if options.quick else FITS + OF_EXPRESSIONS)
    }
    rows = [(name, len(numbers), f"{float(error):.2g}") for name, (numbers, error) in found.items()]
    options.write(table(("polynomial", "coefficients", "largest error, 2^-53 or 2^-24"), rows) + "\n")
    for name, (numbers, _) in found.items():
        options.write(f"{name} = (\n" + "".join(f"    {number!r},\n" for number in numbers) + ")")
    return {name: {"coefficients": numbers, "error": float(error)} for name, (numbers, error) in found.items()}


if __name__ == "__main__":
    main()
