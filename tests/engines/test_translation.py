"""Functions in a subset of Python, run as Python and as machine code, and what is outside of the subset."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from machine import machine
from steepest.engines.native.methods.intrinsics import Floats, Words, after, floats_at, later
from steepest.engines.native.methods.translation import TranslationError, Translator

TINY = 5e-324
EDGES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    math.inf,
    -math.inf,
    math.nan,
    TINY,
    -TINY,
    2.2e-308,
    1.7e308,
    -1.7e308,
    0.1,
    2.0**53,
    3.5,
]
WHOLE = [0, 1, -1, 2, -2, 3, -3, 7, -7, 8, 2**31, -(2**31), 2**53 + 1, 2**62 - 1, -(2**62)]
HALF, COUNT, ON = 0.5, 3, True


def _same(found: Any, wanted: Any) -> None:
    """Assert equality bit by bit; NaN has any bits."""
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    known = ~np.isnan(wanted)
    assert found[known].tobytes() == wanted[known].tobytes()


def _pairs(edges: list[Any], draw: Callable[[], Any]) -> list[tuple[Any, Any]]:
    return [(a, b) for a in edges for b in edges] + [(draw(), draw()) for _ in range(200)]


def _run(function: Callable[..., None], floats: Any, words: Any, size: int = 64) -> None:
    """Assert that a function of floats, whole numbers and two arrays of results does the same either way."""
    found, counts = np.zeros(size), np.zeros(size, np.int64)
    wanted, known = np.zeros(size), np.zeros(size, np.int64)
    # np.float64 divides by 0 as machine code does; whole numbers of Python grow where np.int64 would wrap
    with np.errstate(all="ignore"):
        function(floats.copy(), words.tolist(), wanted, known)
    machine(function)(floats.copy(), words.copy(), found, counts)
    _same(found, wanted)
    assert counts.tolist() == known.tolist()


def numbers(x: Floats, k: Words, out: Floats, counts: Words) -> None:
    a, b = x[0], x[1]
    out[0] = a + b
    out[1] = a - b
    out[2] = a * b
    out[3] = a / b
    out[4] = -a
    out[5] = abs(a)
    out[6] = min(a, b)
    out[7] = max(a, b)
    out[8] = math.copysign(a, b)
    out[9] = math.sqrt(abs(a))
    out[10] = a if a < b else b
    out[11] = HALF * a + math.inf
    out[12] = 2 * a
    out[13] = -0.0
    out[14] = 5e-324
    counts[0] = 1 if a < b else 0
    counts[1] = 1 if a <= b else 0
    counts[2] = 1 if a > b else 0
    counts[3] = 1 if a >= b else 0
    counts[4] = 1 if a == b else 0
    counts[5] = 1 if a != b else 0
    counts[6] = 1 if math.isfinite(a) else 0
    counts[7] = 1 if 0.0 <= a <= b < 1e300 else 0
    counts[8] = 1 if not a < b else 0
    counts[9] = 1 if bool(a < b and not b > 1.0) or a != a else 0
    counts[10] = 1 if ON and min(a, 0.0) < max(0.5, b) else 0


def test_arithmetic_of_floats() -> None:
    rng = np.random.default_rng(1)
    for a, b in _pairs(EDGES, lambda: float(rng.standard_normal() * 10.0 ** rng.integers(-300, 300))):
        _run(numbers, np.array([a, b]), np.zeros(1, np.int64))


def wholes(x: Floats, k: Words, out: Floats, counts: Words) -> None:
    a, b = k[0], k[1]
    counts[0] = a + b
    counts[1] = a - b
    counts[2] = a % 1000 * (b % 1000)
    counts[3] = -a
    counts[4] = abs(a)
    counts[5] = min(a, b)
    counts[6] = max(a, b)
    counts[7] = a // b if b != 0 else 0
    counts[8] = a % b if b != 0 else 0
    counts[9] = 1 if a < b else 2 if a == b else 3
    counts[10] = 1 if -COUNT <= a != b >= 0 else 0
    out[0] = float(a)
    out[1] = a + 0.5
    out[2] = 2 * x[0] * b
    out[3] = a / 3.0


def test_arithmetic_of_whole_numbers() -> None:
    """Quotients and remainders of negative numbers are rounded down, as in Python."""
    rng = np.random.default_rng(2)
    for a, b in _pairs(WHOLE, lambda: int(rng.integers(-(2 ** int(rng.integers(1, 61))), 2**61))):
        _run(wholes, np.array([1.5]), np.array([a, b]))


def branches(x: Floats, k: Words, out: Floats, counts: Words) -> None:
    n = k[0]
    total, turns = 0.0, 0
    for i in range(n):
        if x[i] > 1.0:
            continue
        for j in range(n - 1, i, -1):
            turns += 1
            if x[j] * x[i] > 2.0:
                break
            if x[j] < -1.5:
                continue
            total += x[i] - x[j]
        else_reached = i
        counts[1] = else_reached
    i = 0
    while i < n and x[i] < 1.5:
        i += 1
        if i % 3 == 0:
            continue
        if x[i - 1] < -2.0:
            break
        total -= x[i - 1]
    for i in range(1, n, 2):
        total += x[i]
        i = 100
    a, b = x[0], x[1]
    a, b = b, a
    x[0], x[1] = x[1], x[0]
    x[2] *= 3.0
    counts[2] += i
    out[0], out[1], out[2], out[3], out[4], out[5] = total, a, b, x[0], x[1], x[2]
    counts[0] = turns
    for _ in range(5, 5):
        counts[3] = 1
    for i in range(3, 9, 4):
        counts[4 + i] = i


def test_loops_and_assignments() -> None:
    rng = np.random.default_rng(3)
    for n in [*range(2, 12)] * 4:
        _run(branches, 2 * rng.standard_normal(max(n, 3)), np.array([n]))


def _first(n: int, x: Floats, limit: float) -> int:
    for i in range(n):
        if x[i] > limit:
            return i
    return -1


def _sign(value: float) -> float:
    if value > 0.0:
        return 1.0
    elif value < 0.0:  # noqa: RET505 - elif is to be translated
        return -1.0
    else:
        return 0.0


def _is_small(value: float) -> bool:
    return abs(value) < 0.5


def _factorial(n: int) -> int:
    return 1 if n < 2 else n * _factorial(n - 1)


def _swap(x: Floats, i: int, j: int) -> None:
    if i == j:
        return
    x[i], x[j] = x[j], x[i]


def calls(x: Floats, k: Words, out: Floats, counts: Words) -> None:
    n = k[0]
    counts[0] = _first(n, x, 0.5)
    counts[1] = _first(n - 2, after(x, 2), 0.0)
    counts[2] = _factorial(n) + later(k, 1)[0]
    counts[3] = 1 if _is_small(x[0]) or _is_small(x[1]) else 0
    out[0] = _sign(x[0]) + 2 * _sign(0.0)
    part = after(x, 1) if n > 4 else x
    out[1] = part[0]
    _swap(x, 0, n - 1)
    _swap(x, 1, 1)
    out[2] = x[0] + 2.0 * x[n - 1]
    rest: float = 0.5 * x[1]
    out[3] = rest


def test_calls_of_other_functions() -> None:
    rng = np.random.default_rng(4)
    for n in [*range(2, 12)] * 4:
        _run(calls, rng.standard_normal(n), np.array([n, 17]))


def lazily(k: Words, far: Words, out: Words) -> None:
    n, address = k[0], k[1]
    out[0] = 1 if n > 0 and floats_at(address)[0] > 0.0 else 0
    out[1] = 1 if n == 0 or floats_at(address)[0] > 0.0 else 0
    out[2] = 1 if 0 < n < far[k[2]] else 0
    out[3] = far[k[2]] if n > 0 else 7
    out[4] = 1 if not (n == 0 or far[k[2]] > 0) else 0


def test_later_operands_are_left_alone() -> None:
    """A read at address 0, or far outside of an array, would end the process."""
    out = np.zeros(5, np.int64)
    machine(lazily)(np.array([0, 0, 1 << 50]), np.zeros(1, np.int64), out)
    assert out.tolist() == [0, 1, 0, 7, 0]


def test_arrays_at_addresses() -> None:
    held = np.array([1.5, -2.0])
    out = np.zeros(5, np.int64)
    given = np.array([1, held.ctypes.data, 0]), np.array([9])
    machine(lazily)(*given, out)
    wanted = np.zeros(5, np.int64)
    lazily(*given, wanted)
    assert out.tolist() == wanted.tolist() == [1, 1, 1, 9, 0]


# What is outside of the subset. The functions are translated, not called.


def _no_float_floor(x: Floats) -> None:
    x[0] = x[1] // x[2]


def _no_power(x: Floats) -> None:
    x[0] = x[1] ** 2


def _no_quotient_of_whole(x: Floats, k: Words) -> None:
    x[0] = k[0] / k[1]


def _no_mixed_comparison(x: Floats, k: Words) -> None:
    x[0] = 1.0 if x[1] < k[0] else 0.0


def _no_chained_assignment(x: Floats) -> None:
    x[0] = x[1] = 2.0


def _no_unpacking(x: Floats) -> None:
    x[0], x[1] = x


def _no_uneven_unpacking(x: Floats) -> None:
    x[0], x[1] = 1.0, 2.0, 3.0  # type: ignore[misc]


def _no_else_of_for(x: Floats) -> None:
    for i in range(3):
        x[i] = 0.0
    else:
        x[0] = 1.0


def _no_else_of_while(x: Floats) -> None:
    while x[0] > 0.0:
        x[0] = 0.0
    else:
        x[0] = 1.0


def _no_enumerate(x: Floats) -> None:
    for i in enumerate(x):  # type: ignore[assignment]
        x[0] = i


def _no_loop_over_elements(x: Floats) -> None:
    for value in x:
        x[0] = value


def _no_varying_step(x: Floats, k: Words) -> None:
    for i in range(0, 9, k[0]):
        x[i] = 0.0


def _no_step_of_nothing(x: Floats) -> None:
    for i in range(0, 9, 0):
        x[i] = 0.0


def _no_not_of_number(x: Floats, k: Words) -> None:
    x[0] = 1.0 if not k[0] else 0.0


def _no_truth_of_number(x: Floats) -> None:
    if x[0]:
        x[0] = 0.0


def _no_bool_of_number(x: Floats, k: Words) -> None:
    x[0] = 1.0 if bool(k[0]) else 0.0


def _no_negated_bool(x: Floats) -> None:
    x[0] = -(x[0] > 1.0)


def _no_sum_of_bools(x: Floats) -> None:
    x[0] = (x[0] > 1.0) + 1.0


def _no_three_minima(x: Floats) -> None:
    x[0] = min(x[0], x[1], x[2])


def _no_sine(x: Floats) -> None:
    x[0] = math.sin(x[1])


def _no_floor(x: Floats) -> None:
    x[0] = math.floor(x[1])


def _no_numpy(x: Floats) -> None:
    x[0] = np.pi


def _no_numpy_function(x: Floats) -> None:
    x[0] = np.sqrt(x[1])


def _no_keywords(x: Floats) -> None:
    x[0] = min(x[0], x[1], key=abs)


def _no_missing_argument(x: Floats) -> None:
    x[0] = _sign()  # type: ignore[call-arg]


def _no_change_of_type(x: Floats) -> None:
    a = 1
    a = x[0]  # type: ignore[assignment]
    x[1] = a


def _no_unknown_name(x: Floats) -> None:
    x[0] = unknown  # type: ignore[name-defined]  # noqa: F821


def _no_name_before_its_value(x: Floats) -> None:
    x[0] = HALF  # noqa: F823
    HALF = 2.0  # noqa: F841


def _no_outside_array(x: Floats) -> None:
    x[0] = EDGES[0]


def _no_large_number(k: Words) -> None:
    k[0] = 9223372036854775808


def _no_text(x: Floats) -> None:
    a = "a"  # noqa: F841


def _no_result_of_nothing(x: Floats) -> None:
    a = _swap(x, 0, 1)  # type: ignore[func-returns-value]  # noqa: F841


def _no_slices(x: Floats) -> None:
    x[1:] = x[:1]


def _no_float_index(x: Floats) -> None:
    x[0] = x[x[1]]


def _no_element_of_number(x: Floats) -> None:
    a = 1
    x[0] = a[0]  # type: ignore[index]


def _no_try(x: Floats) -> None:
    try:
        x[0] = 1.0
    finally:
        x[1] = 1.0


def _no_assert(x: Floats) -> None:
    assert x[0] > 0.0


def _no_list(x: Floats) -> None:
    x[0] = sum([x[1], x[2]])


def _no_walrus(x: Floats) -> None:
    if (a := x[0]) > 0.0:
        x[1] = a


def _no_identity(x: Floats) -> None:
    x[0] = 1.0 if x is x else 0.0


def _no_declaration(x: Floats) -> None:
    a: float
    a = 1.0
    x[0] = a


def _no_default(x: Floats, n: int = 1) -> None:
    x[0] = 1.0


def _no_star(*x: Floats) -> None:
    pass


def _no_annotation(x) -> None:  # type: ignore[no-untyped-def]
    x[0] = 1.0


def _no_other_type(x: list[float]) -> None:
    x[0] = 1.0


def _ends_without_result(x: Floats) -> float:  # type: ignore[return]  # noqa: RET503
    if x[0] > 0.0:
        return 1.0


def _no_end(x: Floats) -> None:
    x[0] = _ends_without_result(x)


def _no_result(x: Floats) -> None:
    return x[0]  # type: ignore[return-value]


def _float_as_whole(x: Floats) -> int:
    return x[0]  # type: ignore[return-value]


def _no_float_as_whole(x: Floats) -> None:
    x[0] = _float_as_whole(x)


REFUSED = [function for name, function in globals().items() if name.startswith("_no_")]


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_refused(function: Callable[..., None]) -> None:
    name = function.__name__
    with pytest.raises(TranslationError, match=r"line \d+: .+: \w+|is no plain|other than plain|the type|ends without"):
        Translator("test").translate(function, name)


def test_functions_of_one_name_are_told_apart() -> None:
    """Two modules may have a function of the same name."""

    def first(x: Floats) -> None:
        x[0] = 1.0

    def second(x: Floats) -> None:
        x[0] = 2.0

    second.__name__ = "first"
    translator = Translator("test")
    assert translator.translate(first).name != translator.translate(second).name


def test_lambdas_are_refused() -> None:
    with pytest.raises(TranslationError, match="is no plain function"):
        Translator("test").translate(_LAMBDA)


_LAMBDA = lambda x: None  # noqa: E731
