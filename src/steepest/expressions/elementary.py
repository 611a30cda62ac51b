"""More elementary functions: of circles and hyperbolas, logarithms and roots, whole numbers and limits.

They are entries of the table of operations like those of ``operations.py``, each with an expansion into primitives, so
that every engine and every export has them. Expansions are chosen by their rounding errors: differences are only of
numbers that are exact, or of those that are far apart.
"""

from __future__ import annotations

from math import e, inf, pi
from math import log as logarithm

from steepest.expressions import shapes
from steepest.expressions.expression import Expression, Operation, constant
from steepest.expressions.operations import (
    POSITIVE,
    REAL,
    absolute,
    arctan,
    cos,
    equal,
    exp,
    expm1,
    hypot,
    largest,
    latex_call,
    log,
    log1p,
    maximum,
    minimum,
    operation,
    power,
    sin,
    sqrt,
    sum_,
    tanh,
    where,
)
from steepest.expressions.printing import Template

_SMALL = 1e-8
"""Below it, an odd function of slope 1 at 0 is its argument, to the last digit and with its sign."""
_FAR = 22.0
"""From here on, exp(−x) is nothing beside exp(x), in every precision."""
_LARGE = 2.0**28
"""From here on, 1 is nothing beside x², and x² is far from overflow."""


def _odd(x: Expression, of_size: Expression) -> Expression:
    """Return an odd function with the slope 1 at 0, given its value at |x|."""
    return where(absolute(x) < _SMALL, x, where(x < 0, -of_size, of_size))


def _half_exp(size: Expression) -> Expression:
    """Return exp(size)/2, which overflows later than exp(size); size − 1 is exact."""
    return exp(size - 1) * (e / 2)


# -- circles ---------------------------------------------------------------------------------------------------


tan = operation(
    "tan", 1, "tangent, x in radians",
    partials=(lambda x, r: 1 + r**2,), latex=latex_call(r"\tan", 1), expansion=lambda x: sin(x) / cos(x),
    edges="NaN at ±∞", source="DLMF 4.20.3",
)  # fmt: skip
arcsin = operation(
    "arcsin", 1, "inverse sine, in radians", aliases=("asin",),
    partials=(lambda x, r: 1 / sqrt((1 - x) * (1 + x)),), domain=((-1.0, 1.0),), latex=latex_call(r"\arcsin", 1),
    expansion=lambda x: arctan(x / sqrt((1 - x) * (1 + x))), edges="±π/2 at ±1, NaN beyond", source="DLMF 4.24.1",
)  # fmt: skip
arccos = operation(
    "arccos", 1, "inverse cosine, in radians", aliases=("acos",),
    partials=(lambda x, r: -(1 / sqrt((1 - x) * (1 + x))),), domain=((-1.0, 1.0),), latex=latex_call(r"\arccos", 1),
    expansion=lambda x: 2 * arctan(sqrt((1 - x) / (1 + x))), edges="π at −1, 0 at 1, NaN beyond",
    source="DLMF 4.24.2",
)  # fmt: skip


def _angle(y: Expression, x: Expression) -> Expression:
    origin = equal(absolute(x) + absolute(y), 0)
    near = arctan(y / where(origin, 1, x))
    return where(x < 0, near + where(y < 0, -pi, pi), near)


arctan2 = operation(
    "arctan2", 2, "angle of the point with the coordinates y and x, in radians", aliases=("atan2",),
    partials=(
        lambda y, x, r: x / hypot(x, y) / hypot(x, y),
        lambda y, x, r: -(y / hypot(x, y) / hypot(x, y)),
    ),
    latex=latex_call(r"\operatorname{arctan2}", 2), expansion=_angle, flops=2,
    edges="from −π to π, with a jump where y = 0 and x < 0, at which it is π; 0 at y = x = 0; NaN if both are ±∞",
    source="DLMF 4.23.10",
)  # fmt: skip

# -- hyperbolas ------------------------------------------------------------------------------------------------


def _sinh(x: Expression) -> Expression:
    size = absolute(x)
    above = expm1(size)
    return _odd(x, where(size < _FAR, (above + above / (above + 1)) * 0.5, _half_exp(size)))


def _cosh(x: Expression) -> Expression:
    size = absolute(x)
    growth = exp(size)
    return where(size < _FAR, 0.5 * growth + 0.5 / growth, _half_exp(size))


def _sech(x: Expression) -> Expression:
    decay = exp(-absolute(x))
    return 2 * decay / (1 + decay * decay)


def _arcsinh(x: Expression) -> Expression:
    size = absolute(x)
    square = size * size
    return _odd(x, where(size < _LARGE, log1p(size + square / (1 + sqrt(1 + square))), log(size) + logarithm(2)))


def _arccosh(x: Expression) -> Expression:
    above = x - 1
    near = log1p(above + sqrt(above) * sqrt(above + 2))
    return where(x < _LARGE, near, log(x) + logarithm(2))


def _arctanh(x: Expression) -> Expression:
    size = absolute(x)
    return _odd(x, 0.5 * log1p(2 * size / (1 - size)))


sinh: Operation = operation(
    "sinh", 1, "hyperbolic sine", partials=(lambda x, r: cosh(x),), latex=latex_call(r"\sinh", 1), expansion=_sinh,
    edges="±∞ beyond ±710.47", source="DLMF 4.28.1",
)  # fmt: skip
cosh: Operation = operation(
    "cosh", 1, "hyperbolic cosine", partials=(lambda x, r: sinh(x),), latex=latex_call(r"\cosh", 1), expansion=_cosh,
    edges="∞ beyond ±710.47", source="DLMF 4.28.2",
)  # fmt: skip
sech = operation(
    "sech", 1, "hyperbolic secant, 1/cosh(x)", partials=(lambda x, r: -r * tanh(x),), expansion=_sech,
    latex=latex_call(r"\operatorname{sech}", 1), edges="0 at ±∞", source="DLMF 4.28.6",
)  # fmt: skip
arcsinh = operation(
    "arcsinh", 1, "inverse hyperbolic sine", aliases=("asinh",), partials=(lambda x, r: 1 / hypot(1, x),),
    latex=latex_call(r"\operatorname{arsinh}", 1), expansion=_arcsinh, edges="±∞ at ±∞", source="DLMF 4.37.16",
)  # fmt: skip
arccosh = operation(
    "arccosh", 1, "inverse hyperbolic cosine", aliases=("acosh",),
    partials=(lambda x, r: 1 / (sqrt(x - 1) * sqrt(x + 1)),), domain=((1.0, inf),),
    latex=latex_call(r"\operatorname{arcosh}", 1), expansion=_arccosh, edges="0 at 1, NaN below",
    source="DLMF 4.37.19",
)  # fmt: skip
arctanh = operation(
    "arctanh", 1, "inverse hyperbolic tangent", aliases=("atanh",),
    partials=(lambda x, r: 1 / ((1 - x) * (1 + x)),), domain=((-1.0, 1.0),),
    latex=latex_call(r"\operatorname{artanh}", 1), expansion=_arctanh, edges="±∞ at ±1, NaN beyond",
    source="DLMF 4.37.24",
)  # fmt: skip

# -- logarithms and roots --------------------------------------------------------------------------------------

log2 = operation(
    "log2", 1, "logarithm to the base 2",
    partials=(lambda x, r: 1 / (x * log(constant(2))),), domain=(POSITIVE,), latex=latex_call(r"\log_{2}", 1),
    expansion=lambda x: log(x) / logarithm(2), edges="log2 0 is −∞, NaN below", source="DLMF 4.2.26",
)  # fmt: skip
log10 = operation(
    "log10", 1, "logarithm to the base 10",
    partials=(lambda x, r: 1 / (x * log(constant(10))),), domain=(POSITIVE,), latex=latex_call(r"\log_{10}", 1),
    expansion=lambda x: log(x) / logarithm(10), edges="log10 0 is −∞, NaN below", source="DLMF 4.2.26",
)  # fmt: skip
exp2 = operation(
    "exp2", 1, "2 to the power x", partials=(lambda x, r: r * log(constant(2)),), latex=Template("2^{{{0}}}", 50),
    expansion=lambda x: power(2, x), edges="∞ from 1024 on", source="DLMF 4.7.10",
)  # fmt: skip


def _cbrt(x: Expression) -> Expression:
    """Return a power that is nearly the root, after a step of Newton's method, which a rounded 1/3 needs."""
    size = absolute(x)
    usual = (size > 0) * (size < inf)
    near = power(where(usual, size, 1), 1 / 3)
    root = near + (size / (near * near) - near) / 3
    return where(usual, where(x < 0, -root, root), x)


cbrt = operation(
    "cbrt", 1, "cube root, also of negative numbers",
    partials=(lambda x, r: 1 / (3 * r**2),), latex=latex_call(r"\operatorname{cbrt}", 1),
    kinks=(lambda x: x,), expansion=_cbrt, edges="infinite slope at 0", source="DLMF 4.7.10",
)  # fmt: skip


def _norm(x: Expression) -> Expression:
    size = absolute(x)
    top = largest(size)
    shares = size / where((top > 0) * (top < inf), top, 1)
    return where((top > 0) * (top < inf), top, 1) * sqrt(sum_(shares * shares))


norm = operation(
    "norm", 1, "Euclidean norm: the root of the sum of the squares of the features, never overflowing",
    adjoints=(lambda adj, x, r: where(equal(r, 0), 0, adj / where(r, r, 1)) * x,), shape=shapes.sum_shape,
    kinks=(lambda x: largest(absolute(x)),), latex=Template(r"\left\lVert {0} \right\rVert"),
    expansion=_norm, edges="slope 0 is taken at 0", source="DLMF 3.2.13",
)  # fmt: skip

# -- whole numbers and limits ----------------------------------------------------------------------------------


def _round(x: Expression) -> Expression:
    """Return the nearest whole number: x less the one below is exact."""
    below = floor(x)
    rest = x - below
    even = 2 * floor((below + 1) / 2)
    return where(rest < 0.5, below, where(rest > 0.5, below + 1, even))


floor: Operation = operation(
    "floor", 1, "largest whole number that is not above x",
    partials=(lambda x, r: 0,), latex=Template(r"\left\lfloor {0} \right\rfloor"),
    kinks=(lambda x: x - round_(x),), edges="jumps at whole numbers", source="Graham, Knuth and Patashnik 1994, 3.1",
)  # fmt: skip
ceil = operation(
    "ceil", 1, "smallest whole number that is not below x",
    partials=(lambda x, r: 0,), latex=Template(r"\left\lceil {0} \right\rceil"),
    kinks=(lambda x: x - round_(x),), expansion=lambda x: -floor(-x), edges="jumps at whole numbers",
    source="Graham, Knuth and Patashnik 1994, 3.1",
)  # fmt: skip
round_: Operation = operation(
    "round", 1, "nearest whole number, the even one of two", partials=(lambda x, r: 0,),
    kinks=(lambda x: x - floor(x) - 0.5,), expansion=_round, edges="jumps half-way between whole numbers",
    source="IEEE 754-2019, 4.3.1",
)  # fmt: skip
fmod: Operation = operation(
    "fmod", 2, "remainder of x ÷ y, with the sign of x, exact",
    partials=(lambda x, y, r: 1, lambda x, y, r: (r - x) / y), kinks=(lambda x, y: x / y - round_(x / y),), flops=20,
    domain=(REAL, POSITIVE), edges="jumps where x/y is a whole number but 0; NaN if y is 0 or x is ±∞",
    source="ISO C, 7.12.10.1",
)  # fmt: skip


def _modulo(x: Expression, y: Expression) -> Expression:
    rest = fmod(x, y)
    other = where(rest, where(rest < 0, 1 - (y < 0), y < 0), 0)
    return rest + where(other, y, 0)


mod = operation(
    "mod", 2, "remainder of x ÷ y, with the sign of y",
    partials=(lambda x, y, r: 1, lambda x, y, r: -floor(x / y)), kinks=(lambda x, y: x / y - round_(x / y),), flops=20,
    domain=(REAL, POSITIVE), latex=Template(r"{0} \bmod {1}", 20, (30, 30)), expansion=_modulo,
    edges="jumps where x/y is a whole number; NaN if y is 0 or x is ±∞", source="Graham, Knuth and Patashnik 1994, 3.4",
)  # fmt: skip
clip = operation(
    "clip", 3, "x, but no less than the second argument and no more than the third",
    partials=(
        lambda x, low, high, r: where(x < low, 0, where(x > high, 0, 1)),
        lambda x, low, high, r: where(x < low, where(low > high, 0, 1), 0),
        lambda x, low, high, r: where(maximum(x, low) > high, 1, 0),
    ),
    kinks=(lambda x, low, high: x - low, lambda x, low, high: x - high),
    expansion=lambda x, low, high: minimum(maximum(x, low), high),
    edges="x counts as within the limits at either; the third argument if the limits are crossed",
)  # fmt: skip
