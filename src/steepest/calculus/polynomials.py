"""Algebra for the last lines of a derivation: split sums and products, cancel fractions, multiply out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from operator import mul

from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, constant, toposort


def factors(line: Expression) -> list[Expression]:
    """Return the factors of a product, from the left; one that is nested on the right is a factor itself."""
    found = []
    while line.operation is op.multiply:
        line, last = line.args
        found.append(last)
    return [line, *reversed(found)]


def times(parts: Sequence[Expression]) -> Expression:
    """Return the product of some expressions; 1 if there are none."""
    return reduce(mul, parts) if parts else constant(1)


def terms(line: Expression, stop: Callable[[Expression], bool] | None = None) -> list[tuple[int, Expression]]:
    """Return the terms of a sum with their signs, from the left; where ``stop`` is true, a sum is one term."""
    found: list[tuple[int, Expression]] = []
    stack: list[tuple[int, Expression]] = [(1, line)]
    while stack:
        sign, node = stack.pop()
        if stop is not None and stop(node):
            found.append((sign, node))
        elif node.operation in (op.add, op.subtract):
            left, right = node.args
            stack.extend([(sign if node.operation is op.add else -sign, right), (sign, left)])
        elif node.operation is op.negate:
            stack.append((-sign, node.args[0]))
        else:
            found.append((sign, node))
    return found


def added(parts: Sequence[tuple[int, Expression]]) -> Expression:
    """Return the sum of terms with signs, a positive term first if there is one."""
    if not parts:
        return constant(0)
    (sign, first), *rest = sorted(parts, key=lambda part: part[0] < 0)
    total = first if sign > 0 else -first
    for sign, term in rest:
        total = total + term if sign > 0 else total - term
    return total


def cancelled(outer: Expression, inner: Expression) -> Expression | None:
    """Return outer · inner with the denominators of outer cancelled by factors of inner; None if one remains."""
    found: list[tuple[int, Expression]] = []
    met = False
    for sign, term in terms(outer):
        left = factors(inner)
        kept: list[Expression] = []
        for factor in factors(term):
            if factor.operation is op.divide:
                factor, below = factor.args
                if below not in left:
                    return None
                left.remove(below)
                met = True
            kept.append(factor)
        found.append((sign, times([*[k for k in kept if k is not constant(1)], *left])))
    return added(found) if met else None


Monomial = tuple[tuple[Expression, int], ...]


def multiplied_out(line: Expression) -> Expression | None:
    """Return a polynomial multiplied out with like terms collected; None if that is not shorter."""
    polynomials: dict[Expression, dict[Monomial, float]] = {}
    for node in toposort([line], stop=lambda each: each.operation not in _POLYNOMIAL):
        operation = node.operation
        if operation is CONSTANT:
            polynomials[node] = {(): node.value}
        elif operation not in _POLYNOMIAL:
            polynomials[node] = {((node, 1),): 1.0}
        elif operation is op.negate:
            polynomials[node] = {m: -c for m, c in polynomials[node.args[0]].items()}
        elif operation is op.multiply:
            left, right = (polynomials[arg] for arg in node.args)
            if len(left) * len(right) > _MOST_TERMS:
                return None
            polynomials[node] = _multiplied(left, right)
        else:
            sign = 1 if operation is op.add else -1
            joined = dict(polynomials[node.args[0]])
            for monomial, c in polynomials[node.args[1]].items():
                joined[monomial] = joined.get(monomial, 0.0) + sign * c
            polynomials[node] = joined
    parts = {monomial: c for monomial, c in polynomials[line].items() if c}
    found = _factored(parts)
    return found if len(toposort([found])) < len(toposort([line])) else None


def _factored(parts: dict[Monomial, float]) -> Expression:
    """Return a polynomial as a sum, with the common factors of its terms taken out."""
    common = dict(next(iter(parts), ()))
    for monomial in parts:
        powers = dict(monomial)
        common = {base: min(n, powers[base]) for base, n in common.items() if base in powers}
    if len(parts) < 2:
        common = {}
    inner = []
    for monomial, c in parts.items():
        rest = tuple((base, n - common.get(base, 0)) for base, n in monomial if n > common.get(base, 0))
        inner.append((1 if c > 0 else -1, _term(rest, abs(c))))
    outer = [base if n == 1 else base**n for base, n in common.items()]
    return times([added(inner), *outer])


_MOST_TERMS = 1 << 10  # of a product; a polynomial with more is not shorter, unless nearly all cancel
_POLYNOMIAL = (op.add, op.subtract, op.multiply, op.negate)


def _multiplied(a: dict[Monomial, float], b: dict[Monomial, float]) -> dict[Monomial, float]:
    found: dict[Monomial, float] = {}
    for (first, c), (second, d) in product(a.items(), b.items()):
        powers = dict(first)
        for base, exponent in second:
            powers[base] = powers.get(base, 0) + exponent
        key = tuple(sorted(powers.items(), key=lambda item: item[0].uid))
        found[key] = found.get(key, 0.0) + c * d
    return found


def _term(monomial: Monomial, coefficient: float) -> Expression:
    parts = [base if exponent == 1 else base**exponent for base, exponent in monomial]
    return times([*([constant(coefficient)] if coefficient != 1 or not parts else []), *parts])
