"""What each per-element operation gives at the edges of its domain, and where it has kinks, from IEEE 754.

Expected numbers are rounded to float32 where that is tested, so each line holds in both precisions.
"""

from __future__ import annotations

from math import exp, inf, log, nan, pi

Case = tuple[tuple[float, ...], float]
BIG, TINY = 3e38, 1e-38  # near the ends of float32

EDGES: dict[str, list[Case]] = {
    "add": [
        ((inf, 1), inf), ((inf, -inf), nan), ((0.0, -0.0), 0.0),
        ((-0.0, -0.0), -0.0), ((1.7e308, 1.7e308), inf),
    ],
    "subtract": [((inf, inf), nan), ((0.0, 0.0), 0.0), ((-0.0, 0.0), -0.0), ((1, inf), -inf)],
    "multiply": [
        ((0.0, inf), nan), ((-0.0, 3), -0.0), ((-inf, 2), -inf),
        ((1e300, 1e300), inf), ((1e-300, 1e-300), 0.0),
    ],
    "divide": [
        ((1, 0.0), inf), ((1, -0.0), -inf), ((-1, 0.0), -inf),
        ((0.0, 0.0), nan), ((1, inf), 0.0), ((inf, inf), nan),
    ],
    "negate": [((0.0,), -0.0), ((-0.0,), 0.0), ((inf,), -inf)],
    "power": [
        ((0.0, 0.0), 1), ((-2, 3), -8), ((-2, 4), 16), ((-2, -1), -0.5), ((-2, 0.5), nan), ((0.0, -1), inf),
        ((0.0, 2), 0.0), ((-0.0, 3), -0.0), ((2, inf), inf), ((0.5, inf), 0.0), ((inf, 0.0), 1),
        ((inf, -1), 0.0), ((10, 400), inf), ((10, -400), 0.0), ((-inf, 3), -inf), ((-inf, 2), inf),
        ((nan, 0.0), 1), ((1, nan), 1), ((0.0, 0.5), 0.0), ((2, -inf), 0.0),
    ],
    "exp": [((0.0,), 1), ((710,), inf), ((-750,), 0.0), ((inf,), inf), ((-inf,), 0.0)],
    "log": [((0.0,), -inf), ((-0.0,), -inf), ((-1,), nan), ((-inf,), nan), ((inf,), inf), ((1,), 0.0)],
    "log1p": [
        ((-1,), -inf), ((-2,), nan), ((inf,), inf),
        ((0.0,), 0.0), ((-0.0,), -0.0), ((1e-30,), 1e-30),
    ],
    "expm1": [
        ((710,), inf), ((-750,), -1), ((-inf,), -1),
        ((inf,), inf), ((-0.0,), -0.0), ((1e-30,), 1e-30),
    ],
    "sqrt": [((-1,), nan), ((0.0,), 0.0), ((-0.0,), -0.0), ((inf,), inf), ((-inf,), nan), ((4,), 2)],
    "hypot": [
        ((3, 4), 5), ((-3, -4), 5), ((0.0, 0.0), 0.0), ((0.0, -2), 2), ((3e38, 0.0), 3e38), ((1e-44, 0.0), 1e-44),
        ((-inf, 1), inf), ((1e38, 1e38), 1e38 * 2**0.5), ((1e-30, 1e-30), 1e-30 * 2**0.5),
    ],
    "logaddexp": [
        ((0.0, 0.0), log(2)), ((1000, 0.0), 1000), ((-1000, -1000), log(2) - 1000), ((inf, 1), inf),
        ((-inf, 3), 3), ((50, -50), 50),
    ],
    "sin": [((inf,), nan), ((-inf,), nan), ((0.0,), 0.0), ((-0.0,), -0.0), ((1e-30,), 1e-30)],
    "cos": [((inf,), nan), ((-inf,), nan), ((0.0,), 1), ((-0.0,), 1)],
    "arctan": [
        ((inf,), pi / 2), ((-inf,), -pi / 2), ((1,), pi / 4), ((-BIG,), -pi / 2), ((0.0,), 0.0), ((-0.0,), -0.0),
        ((1e-30,), 1e-30), ((-1e-44,), -1e-44),
    ],
    "tanh": [((inf,), 1), ((-inf,), -1), ((1000,), 1), ((-1000,), -1), ((-0.0,), -0.0), ((1e-30,), 1e-30)],
    "sigmoid": [((inf,), 1), ((-inf,), 0.0), ((1000,), 1), ((-1000,), 0.0), ((0.0,), 0.5), ((-0.0,), 0.5)],
    "softplus": [
        ((inf,), inf), ((-inf,), 0.0), ((1000,), 1000),
        ((-1000,), 0.0), ((0.0,), log(2)), ((-60,), exp(-60)),
    ],
    "relu": [((inf,), inf), ((-inf,), 0.0), ((-BIG,), 0.0), ((0.0,), 0.0), ((TINY,), TINY)],
    "leaky_relu": [((inf,), inf), ((-inf,), -inf), ((0.0,), 0.0), ((-100,), -1), ((BIG,), BIG)],
    "step": [((0.0,), 1), ((-0.0,), 1), ((-TINY,), 0.0), ((inf,), 1), ((-inf,), 0.0), ((TINY,), 1)],
    "abs": [((-0.0,), 0.0), ((-inf,), inf), ((inf,), inf), ((-3,), 3)],
    "sign": [((0.0,), 0.0), ((inf,), 1), ((-inf,), -1), ((-TINY,), -1)],
    "maximum": [((inf, 1), inf), ((-inf, 1), 1), ((2, 2), 2), ((nan, inf), nan)],
    "minimum": [((inf, 1), 1), ((-inf, 1), -inf), ((2, 2), 2), ((nan, -inf), nan)],
    "where": [
        ((nan, 1, 2), 1), ((0.0, 1, 2), 2), ((-0.0, 1, 2), 2),
        ((-3, 1, 2), 1), ((1, 1, nan), 1), ((0.0, inf, 2), 2),
    ],
    "less": [((1, 2), 1), ((2, 2), 0.0), ((nan, 1), 0.0), ((-inf, inf), 1), ((-0.0, 0.0), 0.0)],
    "less_equal": [((2, 2), 1), ((3, 2), 0.0), ((nan, nan), 0.0), ((inf, inf), 1), ((0.0, -0.0), 1)],
    "greater": [((2, 1), 1), ((2, 2), 0.0), ((1, nan), 0.0), ((inf, -inf), 1), ((0.0, -0.0), 0.0)],
    "greater_equal": [((2, 2), 1), ((1, 2), 0.0), ((nan, nan), 0.0), ((-inf, -inf), 1), ((-0.0, 0.0), 1)],
    "equal": [((0.0, -0.0), 1), ((nan, nan), 0.0), ((inf, inf), 1), ((inf, -inf), 0.0), ((pi, 3), 0.0)],
    "not_equal": [((0.0, -0.0), 0.0), ((nan, nan), 1), ((inf, inf), 0.0), ((1, nan), 1)],
    "stop_gradient": [((inf,), inf), ((-0.0,), -0.0), ((-3,), -3)],
}  # fmt: skip

# A row whose answer to NaN in the k-th argument (the others being 0.7, 0.4, 0.2) is a number.
NAN_ALLOWED: dict[tuple[str, int], float] = {
    ("where", 0): 0.4,
    ("where", 2): 0.4,
    **{(name, k): 0.0 for k in (0, 1) for name in ("less", "less_equal", "greater", "greater_equal")},
    ("equal", 0): 0.0,
    ("equal", 1): 0.0,
    ("not_equal", 0): 1.0,
    ("not_equal", 1): 1.0,
}

# Where the slope jumps, and the slope that is taken there for each argument (as ``edges`` in the table says).
KINKS: dict[str, list[tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "sqrt": [((0.0,), (inf,))],
    "hypot": [((0.0, 0.0), (0, 0))],
    "relu": [((0.0,), (0,))],
    "leaky_relu": [((0.0,), (0.01,))],
    "step": [((0.0,), (0,))],
    "abs": [((0.0,), (0,))],
    "sign": [((0.0,), (0,))],
    "maximum": [((1.5, 1.5), (1, 0)), ((0.0, 0.0), (1, 0))],
    "minimum": [((1.5, 1.5), (1, 0)), ((-2.0, -2.0), (1, 0))],
    **{
        name: [((1.5, 1.5), (0, 0))]
        for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
    },
}
