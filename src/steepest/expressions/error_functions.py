"""The Gaussian function, the error functions, and the normal distribution.

exp(−x²) is exp(−h²)·exp(−(x − h)(x + h)) with h next to x and of few binary digits, so that h² and x − h are exact:
the rounding of x² would be magnified by x². The tails are exp(−x²) times S(t)/(1 + 2x) with t = (x − 3)/(x + 3), where
S is one polynomial on the half-line (Shepherd and Laframboise 1981), a minimax polynomial with 23 terms; near 0,
erf x is x times a polynomial in x² with 11 terms. Their relative errors are below 1e-16.

Source: M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x²) erfc x, Mathematics of
Computation 36 (1981); DLMF, chapter 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

from steepest.expressions.elementary import floor
from steepest.expressions.expression import Expression, Operation, constant
from steepest.expressions.operations import absolute, exp, latex_call, minimum, operation, sqrt, where
from steepest.expressions.printing import POWER, Template

ERROR_FUNCTION = (
    1.1283791670955126,
    -0.37612638903183715,
    0.11283791670952481,
    -0.026866170644402474,
    0.00522397761512222,
    -0.0008548326169086706,
    0.00012055288777041775,
    -1.4924176632691115e-05,
    1.6430388145896353e-06,
    -1.5937599399351558e-07,
    1.1463755433347718e-08,
)
"""c₀, c₁, … of erf x ≈ x·(c₀ + c₁x² + …) for |x| ≤ 0.75; ``benchmarks/minimax.py`` computes both."""

TAIL = (
    1.2530080582697296,
    -0.13562110612458192,
    -0.04756229435345591,
    0.12964515870285176,
    -0.11927366341501276,
    0.06830802734065647,
    -0.023770514924899365,
    0.0025293918723660255,
    0.0018886904210103186,
    -0.0007798328032992323,
    -0.00010516009641087039,
    0.00012510239703875388,
    4.9499553085719625e-06,
    -2.0111589044731023e-05,
    -7.297203627309995e-07,
    3.4976876994190763e-06,
    3.461491132630919e-07,
    -6.52035656778303e-07,
    -1.1842023335096193e-07,
    1.2895246417738455e-07,
    1.721315747958281e-08,
    -2.1135274096085712e-08,
    2.7523483844277515e-09,
)
"""c₀, c₁, … of (1 + 2x)·exp(x²)·erfc x ≈ c₀ + c₁t + … for x ≥ 0.46 and t = (x − 3)/(x + 3)."""

_CENTRE = 3.0
_STEPS = 256.0
_BEYOND = 45.0
"""From here on exp(−x²/2) is 0 in every precision."""


def _polynomial(x: Expression, coefficients: Sequence[float]) -> Expression:
    """Return Σ cₖ xᵏ by Horner's rule."""
    found: Expression = constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        found = found * x + coefficient
    return found


def _gauss(size: Expression, factor: float = 1.0) -> Expression:
    """Return exp(−factor·size²) for size ≥ 0 and a factor that is a power of two."""
    bounded = minimum(size, _BEYOND)
    near = floor(bounded * _STEPS) * (1 / _STEPS)
    rest = (bounded - near) * (bounded + near)
    return exp(near * near * -factor) * exp(rest * -factor)


def _scaled_tail(size: Expression) -> Expression:
    """Return exp(x²)·erfc x for x ≥ 0.46."""
    t = 1 - 2 * _CENTRE / (size + _CENTRE)
    return _polynomial(t, TAIL) / (1 + 2 * size)


def _near(x: Expression) -> Expression:
    """Return erf x for |x| ≤ 0.75."""
    return x * _polynomial(x * x, ERROR_FUNCTION)


def _erf(x: Expression) -> Expression:
    size = absolute(x)
    far = 1 - _gauss(size) * _scaled_tail(size)
    return where(size < 0.75, _near(x), where(x < 0, -far, far))


def _erfc(x: Expression) -> Expression:
    size = absolute(x)
    tail = _gauss(size) * _scaled_tail(size)
    return where(size < 0.5, 1 - _near(x), where(x < 0, 2 - tail, tail))


def distribution(x: Expression) -> Expression:
    """Return Φ(x) in primitives."""
    size = absolute(x)
    scaled = size * 0.5**0.5
    tail = 0.5 * (_gauss(size, 0.5) * _scaled_tail(scaled))
    return where(scaled < 0.5, 0.5 + 0.5 * _near(x * 0.5**0.5), where(x < 0, tail, 1 - tail))


gauss: Operation = operation(
    "gauss", 1, "exp(−x²), exact for large x", partials=(lambda x, r: -2 * x * r,),
    latex=Template("e^{{-{0}^{{2}}}}", POWER, (POWER + 1,)), expansion=lambda x: _gauss(absolute(x)),
    edges="0 at ±∞", source="DLMF 7.2.1",
)  # fmt: skip
erf = operation(
    "erf", 1, "error function", partials=(lambda x, r: 2 / sqrt(constant(pi)) * gauss(x),),
    latex=latex_call(r"\operatorname{erf}", 1), expansion=_erf, edges="±1 at ±∞", source="DLMF 7.2.1",
)  # fmt: skip
erfc = operation(
    "erfc", 1, "complementary error function 1 − erf(x), exact in the tail",
    partials=(lambda x, r: -(2 / sqrt(constant(pi)) * gauss(x)),), latex=latex_call(r"\operatorname{erfc}", 1),
    expansion=_erfc, edges="2 at −∞, 0 at ∞", source="DLMF 7.2.2",
)  # fmt: skip
normal_pdf: Operation = operation(
    "normal_pdf", 1, "density of the standard normal distribution", partials=(lambda x, r: -x * r,),
    latex=latex_call(r"\varphi", 1), expansion=lambda x: _gauss(absolute(x), 0.5) * (2 * pi) ** -0.5,
    edges="0 at ±∞", source="DLMF 7.20.1",
)  # fmt: skip
normal_cdf: Operation = operation(
    "normal_cdf", 1, "distribution function of the standard normal distribution",
    partials=(lambda x, r: normal_pdf(x),), latex=latex_call(r"\Phi", 1), expansion=distribution,
    edges="0 at −∞, 1 at ∞", source="DLMF 7.20.1",
)  # fmt: skip
