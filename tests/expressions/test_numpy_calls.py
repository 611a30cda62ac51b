"""Functions of NumPy called with expressions: the same values as NumPy computes on arrays, or a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import steepest as st

X = np.array([0.2, 0.7, 1.3])
Y = np.array([1.1, 0.4, 2.5])
x, y = st.data("x", "y")
v, u = st.data("v", "u", shape=3)
ROWS = np.arange(6.0).reshape(2, 3) / 4

ELEMENTWISE: list[Callable[..., Any]] = [
    np.sin, np.cos, np.tanh, np.exp, np.log, np.log1p, np.expm1, np.sqrt, np.abs, np.fabs, np.arctan, np.sign,
    np.negative, np.positive, np.square, scipy.special.expit, scipy.special.erf, scipy.special.ndtr, np.tan, np.sinh,
    np.arcsin, np.arcsinh, np.floor, np.rint, np.log2, np.cbrt, np.reciprocal,
]  # fmt: skip
PAIRS = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.maximum,
    np.minimum,
    np.hypot,
    np.logaddexp,
    np.fmax,
    np.arctan2,
    np.mod,
]
COMPARISONS = [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal]


@pytest.mark.parametrize("function", ELEMENTWISE, ids=lambda f: f.__name__)
def test_elementwise(function: Callable[..., Any]) -> None:
    made = function(x - 0.25)
    assert isinstance(made, st.Expression)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = function(X - 0.25)
    finite = np.isfinite(expected)
    assert st.evaluate(made, {"x": X[finite]}) == pytest.approx(expected[finite], rel=1e-15)


@pytest.mark.parametrize("function", [*PAIRS, *COMPARISONS], ids=lambda f: f.__name__)
def test_pairs(function: Callable[..., Any]) -> None:
    assert st.evaluate(function(x, y), {"x": X, "y": Y}) == pytest.approx(function(X, Y).astype(float), rel=1e-15)
    if function not in COMPARISONS[-2:]:
        assert st.evaluate(function(x, 2.5), {"x": X}) == pytest.approx(function(X, 2.5).astype(float), rel=1e-15)
        assert st.evaluate(function(np.float64(2.5), x), {"x": X}) == pytest.approx(
            function(2.5, X).astype(float), rel=1e-15
        )


def test_the_same_object_as_by_our_functions() -> None:
    assert np.sin(x) is st.sin(x)
    assert np.mean(x) is st.mean(x)
    assert np.float64(2) * x is 2 * x


def test_functions_that_are_no_ufuncs() -> None:
    values = {"x": X, "y": Y, "v": ROWS[:1], "u": ROWS[1:]}
    assert st.evaluate(np.mean(x), values) == pytest.approx(X.mean())
    assert st.evaluate(np.where(x < y, x, 0), values) == pytest.approx(np.where(X < Y, X, 0))
    assert st.evaluate(np.sum(v), {"v": ROWS}) == pytest.approx(ROWS.sum(axis=1))
    assert st.evaluate(np.dot(v, u), {"v": ROWS, "u": ROWS}) == pytest.approx((ROWS**2).sum(axis=1))


def test_matrices() -> None:
    a, b = np.arange(6.0).reshape(2, 3), np.arange(6.0).reshape(3, 2)
    A, B = st.params("A", shape=(2, 3)), st.params("B", shape=(3, 2))
    assert st.evaluate(np.matmul(A, B), {"A": a, "B": b}).tolist() == (a @ b).tolist()
    assert st.evaluate(np.transpose(A), {"A": a}).tolist() == a.T.tolist()


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: np.interp(x, X, Y), r"np\.interp does not take expressions; 'steepest ops' lists"),
        (lambda: scipy.special.gammaln(x), "np.gammaln does not take expressions; gammaln is not offered"),
        (lambda: np.cumsum(x), r"np\.cumsum does not take expressions"),
        (lambda: np.sum(v, axis=0), r"takes no axis=; write st\.sum"),
        (lambda: np.add.reduce(v), r"np\.add\.reduce does not take expressions"),
        (lambda: np.sin(x, out=np.zeros(3)), "takes no out="),
        (lambda: X * x, r"got an array; name it with st\.data or st\.params"),
        (lambda: st.constant(X), "a constant is one number; name an array"),
        (lambda: st.constant([1.0, 2.0]), "a constant is one number; name an array"),
    ],
)
def test_a_sentence_where_there_is_no_operation(call: Callable[[], Any], expected: str) -> None:
    with pytest.raises(TypeError, match=expected):
        call()


def test_equality_with_numbers_compares_objects() -> None:
    assert (np.float64(2) == x) is False
    assert np.float64(2) != x
    assert np.equal(x, y) is st.equal(x, y)
