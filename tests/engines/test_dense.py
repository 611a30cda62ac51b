"""QR and singular value decomposition of small matrices, as Python and as machine code, against LAPACK and mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from machine import machine
from steepest.engines.native.methods.dense import dot, factorise, norm, orthogonalise
from steepest.engines.native.methods.intrinsics import Floats, Words

EPS = float(np.finfo(float).eps)


def factorised(sizes: Words, a: Floats, b: Floats, r: Floats) -> None:
    factorise(sizes[0], sizes[1], a, b, r)


def orthogonalised(sizes: Words, w: Floats, v: Floats) -> None:
    orthogonalise(sizes[0], w, v)


def measured(sizes: Words, a: Floats, b: Floats, out: Floats) -> None:
    out[0] = dot(sizes[0], a, b)
    out[1] = norm(sizes[0], a)


def _alike(function: Callable[..., None], sizes: Any, *arrays: Any) -> list[Any]:
    """Return arrays after a call of machine code, which leaves the same bits as Python."""
    found, wanted = [array.copy() for array in arrays], [array.copy() for array in arrays]
    machine(function)(np.array(sizes), *found)
    with np.errstate(all="ignore"):
        function(np.array(sizes), *wanted)
    for one, other in zip(found, wanted, strict=True):
        assert one.tobytes() == other.tobytes()
    return found


def _matrix(rng: np.random.Generator, m: int, n: int, kind: str) -> Any:
    a = rng.standard_normal((m, n))
    if kind == "deficient" and n > 1:
        a[:, rng.integers(n)] = a[:, 0] - 2 * a[:, -1]
    if kind == "zeros":
        a[:, rng.integers(n, size=(n + 1) // 2)] = 0.0
    if kind == "rows of zeros":
        a[rng.integers(m, size=m // 2)] = 0.0
    if kind == "tiny":
        a *= 1e-150
    if kind == "huge":
        a *= 1e150
    if kind == "columns apart":
        a *= 10.0 ** rng.integers(-150, 150, n)
    return a


KINDS = ("plain", "deficient", "zeros", "rows of zeros", "tiny", "huge", "columns apart")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", range(1, 13))
def test_factorisation(n: int, kind: str) -> None:
    """QR = A column by column: R is LAPACK's but for signs, and Qᵀb is of the same Q."""
    rng = np.random.default_rng(n)
    for m in (n, n + 1, 3 * n + 2):
        a, b = _matrix(rng, m, n, kind), rng.standard_normal(m)
        _, qtb, r = _alike(factorised, [m, n], np.ascontiguousarray(a.T).ravel(), b, np.full(n * n, 7.0))
        r = r.reshape(n, n).T
        assert np.array_equal(r, np.triu(r))
        scales = np.linalg.norm(a, axis=0)
        safe = np.where(scales > 0, scales, 1.0)
        ours, scaled = r / safe, a / safe
        np.testing.assert_allclose(ours.T @ ours, scaled.T @ scaled, atol=50 * m * EPS)
        np.testing.assert_allclose(ours.T @ qtb[:n], scaled.T @ b, atol=100 * m * EPS)
        assert np.linalg.norm(qtb) == pytest.approx(np.linalg.norm(b), rel=1e-13)
        if kind in ("plain", "tiny", "huge"):
            wanted = np.linalg.qr(scaled, mode="r")
            np.testing.assert_allclose(np.abs(ours), np.abs(wanted), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", range(1, 13))
def test_orthogonalisation(n: int, kind: str) -> None:
    """WV = US, with orthogonal columns on both sides; the norms of US are the singular values of LAPACK."""
    rng = np.random.default_rng(n)
    w = _matrix(rng, n, n, kind)
    us, v = _alike(orthogonalised, [n], np.ascontiguousarray(w.T).ravel(), np.full(n * n, 7.0))
    us, v = us.reshape(n, n).T, v.reshape(n, n).T
    np.testing.assert_allclose(v.T @ v, np.eye(n), atol=1e-13)
    size = float(np.abs(w).max()) or 1.0
    np.testing.assert_allclose(w / size @ v, us / size, atol=1e-13)
    norms = np.linalg.norm(us / size, axis=0)
    safe = np.where(norms > 0, norms, 1.0)
    cosines = (us / size / safe).T @ (us / size / safe)
    large = norms > 1e-13
    np.testing.assert_allclose(cosines[np.ix_(large, large)], np.eye(int(large.sum())), atol=1e-13)
    np.testing.assert_allclose(np.sort(norms)[::-1], np.linalg.svd(w / size, compute_uv=False), atol=1e-13)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("step", [1.0, 1.5, 3.0])
def test_small_singular_values_keep_their_digits(n: int, step: float) -> None:
    """Of a matrix with columns of very different size, each singular value is right to nearly all digits."""
    rng = np.random.default_rng(n)
    w = rng.standard_normal((n, n)) * 10.0 ** (-step * np.arange(n))
    us, _ = _alike(orthogonalised, [n], np.ascontiguousarray(w.T).ravel(), np.zeros(n * n))
    found = np.sort(np.linalg.norm(us.reshape(n, n), axis=1))[::-1]
    with mp.workdps(120):
        wanted = sorted(
            (float(mp.sqrt(abs(value))) for value in mp.eigsy(mp.matrix(w).T * mp.matrix(w))[0]), reverse=True
        )
    np.testing.assert_allclose(found, wanted, rtol=2e-14 * n * np.linalg.cond(w / np.linalg.norm(w, axis=0)))


def test_graded_triangles_keep_their_digits() -> None:
    """The triangle of QR, in the order of the norms of the columns, of a Jacobian matrix with 1e40 between them."""
    rng = np.random.default_rng(8)
    m, n = 30, 6
    a = rng.standard_normal((m, n)) * 10.0 ** (-8.0 * np.arange(n))
    _, _, r = _alike(factorised, [m, n], np.ascontiguousarray(a.T).ravel(), rng.standard_normal(m), np.zeros(n * n))
    us, _ = _alike(orthogonalised, [n], r, np.zeros(n * n))
    found = np.sort(np.linalg.norm(us.reshape(n, n), axis=1))[::-1]
    with mp.workdps(200):
        wanted = sorted(
            (float(mp.sqrt(abs(value))) for value in mp.eigsy(mp.matrix(a).T * mp.matrix(a))[0]), reverse=True
        )
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.parametrize("n", range(14))
def test_sums(n: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.standard_normal(n + 1), rng.standard_normal(n + 1)  # the last one is not read
    _, _, out = _alike(measured, [n], a, b, np.zeros(2))
    assert out[0] == pytest.approx(math.fsum(a[:n] * b[:n]), rel=1e-14, abs=1e-15)
    assert out[1] == pytest.approx(np.linalg.norm(a[:n]), rel=1e-15)
