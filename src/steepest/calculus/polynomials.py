"""Algebra for the last lines of a derivation: split sums and products, cancel fractions, multiply out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import product
from operator import mul

from steepest.expressions import operations as op
from steepest.expressions.arithmetic import as_number, as_written
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


@dataclass(frozen=True)
class _Coefficient:
    """The number before a monomial, and from how many terms it was added."""

    value: Fraction
    terms: int = 1

    def __add__(self, other: _Coefficient) -> _Coefficient:
        return _Coefficient(self.value + other.value, self.terms + other.terms)

    def __mul__(self, other: _Coefficient) -> _Coefficient:
        return _Coefficient(self.value * other.value, self.terms * other.terms)

    def __neg__(self) -> _Coefficient:
        return _Coefficient(-self.value, self.terms)


_NONE, _ONE = _Coefficient(Fraction(0), 0), _Coefficient(Fraction(1))
Polynomial = dict[Monomial, _Coefficient]


def worked_out(line: Expression) -> tuple[Expression, str] | None:
    """Return a polynomial multiplied out with like terms collected, and what was done; None if that is not shorter.

    >>> from steepest.expressions.expression import params
    >>> a, b, c = params("α", "β", "γ")
    >>> for line in ((a + b) * (a - b) - a * a, a * b - b * a, 2 * a * (b - c) + 6 * a * c, a * a * a * b * a):
    ...     result, done = worked_out(line)
    ...     print(f"{result}: {done}")
    -β^2: multiply out, like terms cancel
    0: like terms cancel
    (2*β + 4*γ)*α: multiply out, add like terms, take out common factors
    α^4*β: write equal factors as a power
    """
    polynomials = _polynomials(line)
    if polynomials is None:
        return None
    parts = {monomial: c for monomial, c in polynomials[line].items() if c.value}
    common = _common_factors(parts)
    found = _factored(parts, common)
    if found is None or len(toposort([found])) >= len(toposort([line])):
        return None
    return found, _what_was_done(line, polynomials, common, found)


def _polynomials(line: Expression) -> dict[Expression, Polynomial] | None:
    """Return every part of a line as a polynomial; None if one has too many terms, or a number that is not finite."""
    polynomials: dict[Expression, Polynomial] = {}
    for node in toposort([line], stop=lambda each: each.operation not in _POLYNOMIAL):
        operation = node.operation
        if operation is CONSTANT:
            written = as_written(node.value)
            polynomials[node] = {((node, 1),): _ONE} if written is None else {(): _Coefficient(written)}
        elif operation not in _POLYNOMIAL:
            polynomials[node] = {((node, 1),): _ONE}
        elif operation is op.negate:
            polynomials[node] = {m: -c for m, c in polynomials[node.args[0]].items()}
        elif operation is op.multiply:
            left, right = (polynomials[arg] for arg in node.args)
            if len(left) * len(right) > _MOST_TERMS:
                return None
            polynomials[node] = _multiplied(left, right)
        else:
            joined = dict(polynomials[node.args[0]])
            for monomial, c in polynomials[node.args[1]].items():
                joined[monomial] = joined.get(monomial, _NONE) + (c if operation is op.add else -c)
            polynomials[node] = joined
    return polynomials


def _common_factors(parts: Polynomial) -> dict[Expression, int]:
    """Return the factors that all of several terms have, with their powers."""
    if len(parts) < 2:
        return {}
    common = dict(next(iter(parts)))
    for monomial in parts:
        powers = dict(monomial)
        common = {base: min(n, powers[base]) for base, n in common.items() if base in powers}
    return common


def _factored(parts: Polynomial, common: dict[Expression, int]) -> Expression | None:
    """Return a polynomial as a sum, with common factors taken out; None if a number in it has no short decimal."""
    inner = []
    for monomial, c in parts.items():
        rest = tuple((base, n - common.get(base, 0)) for base, n in monomial if n > common.get(base, 0))
        coefficient = as_number(abs(c.value))
        if coefficient is None:
            return None
        inner.append((1 if c.value > 0 else -1, _term(rest, coefficient)))
    outer = [base if n == 1 else base**n for base, n in common.items()]
    return times([added(inner), *outer])


def _what_was_done(
    line: Expression, polynomials: dict[Expression, Polynomial], common: dict[Expression, int], found: Expression
) -> str:
    """Name the steps from a line to its polynomial: what happened to its sums, to its terms, to its factors."""
    numbers, bases = _all_factors(line)
    sums = [base for base in bases if len(polynomials.get(base, ())) > 1]
    outside = {base: n for base, n in bases.items() if base not in sums}
    one_product = len(sums) == 1 and sums[0] is not line and outside == common
    inside = toposort([sums[0] if one_product else line], stop=lambda each: each.operation not in _POLYNOMIAL)
    spread = any(_is_spread(node, polynomials, {} if one_product else common) for node in inside)
    together = [c for c in polynomials[line].values() if c.terms > 1]
    done = ["multiply out"] if spread else []
    done += [f"multiply {numbers} into the brackets"] if one_product and numbers else []
    done += ["add like terms"] if any(c.value for c in together) else []
    done += ["like terms cancel"] if not all(c.value for c in together) else []
    done += ["take out common factors"] if common and not one_product else []
    if done:
        return ", ".join(done)
    done = [f"multiply {numbers}"] if numbers.endswith("s") or " and " in numbers else []
    done += ["write equal factors as a power"] if any(n > 1 for n in bases.values()) else []
    return ", ".join(done) or "reorder factors"


def _all_factors(line: Expression) -> tuple[str, dict[Expression, int]]:
    """Return what numbers and signs a product has, in words, and its other factors with their powers."""
    stack, numbers, signs = [line], 0, 0
    bases: dict[Expression, int] = {}
    while stack:
        node = stack.pop()
        if node.operation in (op.multiply, op.negate):
            stack += node.args
            signs += node.operation is op.negate
        elif node.operation is CONSTANT and as_written(node.value) is not None:
            numbers += 1
        else:
            bases[node] = bases.get(node, 0) + 1
    named = [f"the {name}{'s' * (n > 1)}" for name, n in (("number", numbers), ("sign", signs)) if n]
    return " and ".join(named), bases


def _is_spread(node: Expression, polynomials: dict[Expression, Polynomial], common: dict[Expression, int]) -> bool:
    """Return whether a factor was multiplied with each term of a sum and not taken out again as a common factor."""
    if node.operation is not op.multiply:
        return False
    for this, other in (node.args, node.args[::-1]):
        ((monomial, c), *more) = polynomials[other].items()
        taken = not more and c.value == 1 and all(common.get(base, 0) >= n for base, n in monomial)
        if len(polynomials[this]) > 1 and not taken:
            return True
    return False


_MOST_TERMS = 1 << 10  # of a product; a polynomial with more is not shorter, unless nearly all cancel
_POLYNOMIAL = (op.add, op.subtract, op.multiply, op.negate)


def _multiplied(a: Polynomial, b: Polynomial) -> Polynomial:
    found: Polynomial = {}
    for (first, c), (second, d) in product(a.items(), b.items()):
        powers = dict(first)
        for base, exponent in second:
            powers[base] = powers.get(base, 0) + exponent
        # Numbers without a short decimal, such as π, come first.
        key = tuple(sorted(powers.items(), key=lambda item: (item[0].operation is not CONSTANT, item[0].uid)))
        found[key] = found.get(key, _NONE) + c * d
    return found


def _term(monomial: Monomial, coefficient: float) -> Expression:
    parts = [base if exponent == 1 else base**exponent for base, exponent in monomial]
    return times([*([constant(coefficient)] if coefficient != 1 or not parts else []), *parts])
