"""Small dense matrices, column by column in one array: QR and singular value decomposition.

The functions are translated to machine code; see :mod:`steepest.engines.native.methods.translation`.
"""

from __future__ import annotations

import math

from steepest.engines.native.methods.intrinsics import Floats, after

_EPS = 2.220446049250313e-16
_SWEEPS = 40  # of rotations; six to ten suffice


def copy(n: int, source: Floats, target: Floats) -> None:
    """Copy n numbers."""
    for i in range(n):
        target[i] = source[i]


def dot(n: int, a: Floats, b: Floats) -> float:
    """Return Σ a_i b_i, as four sums, which a processor adds at once."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        first += a[i] * b[i]
        second += a[i + 1] * b[i + 1]
        third += a[i + 2] * b[i + 2]
        fourth += a[i + 3] * b[i + 3]
    for i in range(whole, n):
        first += a[i] * b[i]
    return (first + second) + (third + fourth)


def norm(n: int, a: Floats) -> float:
    """Return the Euclidean norm."""
    return math.sqrt(dot(n, a, a))


def reflect(n: int, v: Floats, factor: float, x: Floats) -> None:
    """Replace x by x − factor (v·x) v."""
    share = factor * dot(n, v, x)
    for i in range(n):
        x[i] = x[i] - share * v[i]


def factorise(m: int, n: int, a: Floats, b: Floats, r: Floats) -> None:
    """Compute QR = A by Householder's reflections, for m ≥ n.

    Args:
        m, n: the numbers of rows and columns.
        a: A, ``(m, n)``; overwritten.
        b: ``(m,)``, replaced by Qᵀb.
        r: R, ``(n, n)``, is written here.

    Source: Golub and Van Loan 2013, algorithms 5.1.1 and 5.2.1.
    """
    for k in range(n):
        column = after(a, k * m + k)
        length = m - k
        size = norm(length, column)
        if size > 0.0:
            diagonal = -size if column[0] > 0.0 else size  # of the sign that does not cancel
            column[0] = column[0] - diagonal
            factor = 1.0 / (size * abs(column[0]))
            for j in range(k + 1, n):
                reflect(length, column, factor, after(a, j * m + k))
            reflect(length, column, factor, after(b, k))
            r[k * n + k] = diagonal
        else:
            r[k * n + k] = 0.0
        for i in range(k):
            r[k * n + i] = a[k * m + i]
        for i in range(k + 1, n):
            r[k * n + i] = 0.0


def rotate(n: int, a: Floats, b: Floats, cosine: float, sine: float) -> None:
    """Replace two vectors by cosine·a − sine·b and sine·a + cosine·b."""
    for i in range(n):
        x = a[i]
        y = b[i]
        a[i] = cosine * x - sine * y
        b[i] = sine * x + cosine * y


def orthogonalise(n: int, w: Floats, v: Floats) -> None:
    """Rotate the columns of W until they are orthogonal: W V = U S, the singular value decomposition of W.

    Args:
        n: the number of rows and columns.
        w: W, ``(n, n)``, replaced by U S.
        v: V, ``(n, n)``, is written here.

    Source: Demmel and Veselić 1992, Jacobi's method is more accurate than QR; one-sided rotations.
    """
    for i in range(n * n):
        v[i] = 0.0
    for i in range(n):
        v[i * n + i] = 1.0
    for _ in range(_SWEEPS):
        turned = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                first, second = after(w, p * n), after(w, q * n)
                a = dot(n, first, first)
                b = dot(n, second, second)
                c = dot(n, first, second)
                if abs(c) > _EPS * math.sqrt(a) * math.sqrt(b):
                    turned = True
                    zeta = 0.5 * (b - a) / c
                    slope = math.copysign(1.0, zeta) / (abs(zeta) + math.sqrt(1.0 + zeta * zeta))
                    cosine = 1.0 / math.sqrt(1.0 + slope * slope)
                    rotate(n, first, second, cosine, cosine * slope)
                    rotate(n, after(v, p * n), after(v, q * n), cosine, cosine * slope)
        if not turned:
            break
