"""Polynomials by Estrin's scheme: as deep as the logarithm of their degree, since latency counts, not operations.

Source: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 5.1.5.
"""

from __future__ import annotations

from collections.abc import Sequence

from steepest.engines.native.functions.vectors import Real


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Return Σ cₖ xᵏ, lowest power first.

    Neighbours are joined into a + b·x, these in pairs into a + b·x², and so on; a degree below 2ᵐ takes m steps.
    """
    terms = [x.constant(c) for c in coefficients]
    power = x
    while len(terms) > 1:
        joined = [b.times(power, plus=a) for a, b in zip(terms[0::2], terms[1::2], strict=False)]
        terms = joined + terms[2 * len(joined) :]
        if len(terms) > 1:
            power = power * power
    return terms[0]
