"""Algebra for the last lines of a derivation: split sums and products, cancel fractions, multiply out."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, constant, toposort


def factors(product: Expression) -> list[Expression]:
    """Return the factors of a product, from the left."""
    found: list[Expression] = []
    stack = [product]
    while stack:
        node = stack.pop()
        if node.operation is op.multiply:
            stack.extend(reversed(node.args))
        else:
            found.append(node)
    return found


def times(parts: Sequence[Expression]) -> Expression:
    """Return the product of some expressions; 1 if there are none."""
    product: Expression | None = None
    for part in parts:
        product = part if product is None else product * part
    return constant(1) if product is None else product


def terms(line: Expression) -> list[tuple[int, Expression]]:
    """Return the terms of a sum with their signs, from the left."""
    found: list[tuple[int, Expression]] = []
    stack: list[tuple[int, Expression]] = [(1, line)]
    while stack:
        sign, node = stack.pop()
        if node.operation is op.add:
            stack.extend([(sign, node.args[1]), (sign, node.args[0])])
        elif node.operation is op.subtract:
            stack.extend([(-sign, node.args[1]), (sign, node.args[0])])
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
    sums = terms(outer)
    parts = factors(inner)
    found: list[tuple[int, Expression]] = []
    met = False
    for sign, term in sums:
        left = list(parts)
        kept: list[Expression] = []
        for factor in factors(term):
            if factor.operation is op.divide:
                if factor.args[1] not in left:
                    return None
                left.remove(factor.args[1])
                met = True
                kept.append(factor.args[0])
            else:
                kept.append(factor)
        found.append((sign, times([*[k for k in kept if not (k.operation is CONSTANT and k.value == 1)], *left])))
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
            polynomials[node] = _multiplied(*(polynomials[arg] for arg in node.args))
        else:
            sign = 1 if operation is op.add else -1
            joined = dict(polynomials[node.args[0]])
            for monomial, c in polynomials[node.args[1]].items():
                joined[monomial] = joined.get(monomial, 0.0) + sign * c
            polynomials[node] = joined
    parts = {monomial: c for monomial, c in polynomials[line].items() if c}
    found = _factored(parts)
    return found if _size(found) < _size(line) else None


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


_POLYNOMIAL = (op.add, op.subtract, op.multiply, op.negate)


def _multiplied(a: dict[Monomial, float], b: dict[Monomial, float]) -> dict[Monomial, float]:
    found: dict[Monomial, float] = {}
    for first, c in a.items():
        for second, d in b.items():
            powers = dict(first)
            for base, exponent in second:
                powers[base] = powers.get(base, 0) + exponent
            key = tuple(sorted(powers.items(), key=lambda item: item[0].uid))
            found[key] = found.get(key, 0.0) + c * d
    return found


def _term(monomial: Monomial, coefficient: float) -> Expression:
    parts = [base if exponent == 1 else base**exponent for base, exponent in monomial]
    return times([*([constant(coefficient)] if coefficient != 1 or not parts else []), *parts])


def _size(line: Expression) -> int:
    return len(toposort([line]))
