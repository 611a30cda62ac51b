"""The check of a gradient against the derivative of its cost: a verdict with its error bar for each parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.gradient import gradient as derived
from steepest.calculus.prepared import PreparedCost
from steepest.checking.checker import MOST_UNITS, Checker
from steepest.checking.functions import check_function, to_numbers
from steepest.checking.report import Report
from steepest.errors import GradientError
from steepest.expressions import operations as op
from steepest.expressions.expression import PARAMETER, Expression, constant, expect_expression, leaf
from steepest.messages.hints import nearest
from steepest.messages.sentences import in_python
from steepest.tables.values import bind


def check(
    cost: Expression | PreparedCost | Callable[[Any], Any], values: Any = None, gradient: Any = None,
    method: str = "backprop", wrt: Sequence[str] | None = None, seed: int = 0, directions: int | None = None,
    units: int = MOST_UNITS, *, at: Any = None, order: int = 1,
) -> Report:  # fmt: skip
    """Check a gradient against the derivative of the cost, parameter by parameter.

    ``check(cost, values)`` checks the gradient that steepest derives of a formula, ``check(cost, values, gradient)``
    another one of the same formula, ``check(function, gradient, at=point)`` that of any function.

    The derivative is the limit of differences. Those of a formula are computed as it is written, in as many digits as
    it takes, with steps far below the distance of two doubles, from both sides; if that would take too long, the
    complex step and differences in double precision with a bound of their round-off decide where they can. Of other
    functions only values in their own precision are known. Arguments of ``stop_gradient`` are constant.

    Args:
        cost: a scalar expression; or a function of an array, or of a dict of arrays, that returns a number. The arrays
            are of NumPy, JAX or PyTorch, as those of ``at`` are.
        values: a value for every name in the expression; of a function, the gradient under test.
        gradient: the partial derivatives under test: a dict of expressions or arrays by name, or a function from a dict
            of values to such a dict; if left out, the gradient that steepest derives by ``method``. Of a function: a
            function of the same argument, or arrays; if left out, the one that JAX or PyTorch derives.
        method: ``"backprop"`` or ``"layerwise"``.
        wrt: the parameters to check; all if left out.
        seed: the seed of what is drawn: elements of large arrays, directions, and the points at which a wrong partial
            derivative is tested for a constant factor.
        directions: the number of random directions along which arrays with more elements are looked at, instead of
            element by element; of functions, arrays of more than 256 elements take 8 if it is left out. A fault in one
            of very many elements may not show in them.
        units: the operations in higher precision that the check may take, about a million in a second.
        at: the point at which a function is checked; of an expression, the same as ``values``.
        order: 2 for the second derivatives: the gradient of a random combination of the partial derivatives.

    Returns:
        A Report with a verdict for each parameter:

        - *correct*: the derivative, within round-off, which is below 3e-5 of it, or 5e-3 for functions in float32;
        - *wrong by a factor*: of a formula, given/expected is the same number at several points;
        - *wrong*: anything else that is not the derivative, NaN included; at a kink, a number that is not between the
          one-sided derivatives;
        - *kink*: the one-sided derivatives differ here, and the number is one of them or between; the detail has them;
        - *inconclusive*: round-off is too large to tell, or the cost is not finite; the detail says which.

    Raises:
        GradientError: a partial derivative is missing, or a function does not return a number.

    >>> from steepest.expressions.expression import params
    >>> w = params("w")
    >>> check(w**3, {"w": 2.0}).ok, check(w**3, {"w": 2.0}, gradient={"w": 6 * w**2})["w"].factor
    (True, 2.0)
    >>> print(check(lambda x: np.sum(x**3), lambda x: 3 * x**2, at=np.array([1.0, 2.0]))["x"].verdict)
    correct

    Source: Nocedal and Wright 2006, section 8.1; Squire and Trapp 1998; Ridders 1982.
    """
    if order not in (1, 2):
        raise GradientError(f"order is 1 for the gradient or 2 for the second derivatives, not {in_python(order)}")
    if callable(cost) and not isinstance(cost, Expression | PreparedCost):
        return _check_function(cost, values, gradient, at, directions, seed, wrt, order)
    if not isinstance(cost, PreparedCost):
        expect_expression(cost, "check")
        cost = PreparedCost(cost)  # derived anew: a check does not take the gradient of an earlier descent on trust
    prepared = cost
    known = prepared.cost.parameters
    names = tuple(wrt) if wrt is not None else known
    for name in names:
        if name not in known:
            raise GradientError(f"{name!r} is not a parameter of the cost{nearest(name, known)}")
    point = dict(at if values is None else values)
    if order == 2:
        prepared, point = _second(prepared, point, method, gradient, seed)
        gradient = {name: prepared.partials().get(name, constant(0)) for name in prepared.cost.parameters}
        names = tuple(name for name in names if name in prepared.cost.parameters)
    own = method if gradient is None else ""
    tested = prepared.partials(method) if gradient is None else gradient
    arrays = bind([prepared.cost], point).arrays
    return Checker(prepared, arrays, tested, seed, directions, units, own).report(names)


def _check_function(
    cost: Callable[[Any], Any], values: Any, gradient: Any, at: Any, directions: int | None, seed: int,
    wrt: Sequence[str] | None, order: int,
) -> Report:  # fmt: skip
    if at is None:
        raise GradientError("to check the gradient of a function give the point: check(function, gradient, at=point)")
    tested = values if gradient is None else gradient
    if order == 1:
        return check_function(cost, tested, at, directions, seed, wrt)
    if tested is None or isinstance(at, Mapping):
        raise GradientError(
            "of a function, second derivatives are checked as check(gradient, hessian, at=array, order=2)"
        )
    shape = np.shape(at)
    way = np.random.default_rng(seed).uniform(0.5, 1.5, shape)
    whole = to_numbers(tested(at) if callable(tested) else tested)
    if whole.size != way.size**2:
        raise GradientError(
            f"the Hessian of {way.size} variables has the shape {whole.shape}; give one of n × n numbers"
        )
    combined = (way.ravel() @ whole.reshape(way.size, way.size)).reshape(shape).astype(whole.dtype)
    return check_function(lambda x: float((way * to_numbers(cost(x))).sum()), combined, at, directions, seed, wrt)


def _second(
    prepared: PreparedCost, values: Mapping[str, ArrayLike], method: str, given: Any, seed: int
) -> tuple[PreparedCost, dict[str, Any]]:
    """Return a random combination of the partial derivatives as a cost, and the values with its coefficients."""
    if given is not None:
        raise GradientError("with order=2 the derived gradient is differentiated again; leave gradient out")
    rng = np.random.default_rng(seed)
    point = dict(values)
    terms = []
    for name, part in derived(prepared.cost, method=method).items():
        shape = part.shape
        point[f"(weight of {name})"] = rng.uniform(0.5, 1.5, shape)
        weight = op.stop_gradient(leaf(PARAMETER, f"(weight of {name})", shape))
        terms.append(op.sum_(weight * part) if shape else weight * part)
    combined = terms[0]
    for term in terms[1:]:
        combined = combined + term
    return PreparedCost(combined), point
