"""Named rewrite rules that shorten an expression without changing its value.

A rule is a function from a node to its replacement, or None if it does not apply; its docstring is the rule.
``0·x = 0`` and ``x^0 = 1`` are meant algebraically: they hold wherever x is finite.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from steepest.calculus.polynomials import factors, times
from steepest.calculus.sample_count import with_sample_count
from steepest.expressions import operations as op
from steepest.expressions.arithmetic import ROUNDED, as_written, folded
from steepest.expressions.expression import CONSTANT, OPERATIONS, Expression, Operation, constant, transform, with_args

Rewrite = Callable[[Expression], Expression | None]


@dataclass(frozen=True)
class Rule:
    """A rewrite with the name that derivations show."""

    name: str
    rewrite: Rewrite


def _number(node: Expression) -> float | None:
    return node.value if node.operation is CONSTANT else None


def fold_numbers(node: Expression) -> Expression | None:
    """Fold numbers as on paper: 2 − 1 → 1, 0.1·3 → 0.3; but not 2·π, nor fractions and powers that are not exact."""
    numbers = [_number(arg) for arg in node.args]
    if not numbers or None in numbers or node.operation not in _ARITHMETIC:
        return None
    value = _ARITHMETIC[node.operation](*numbers)
    return None if value is None else constant(value)


def _exact_quotient(x: float, y: float) -> float | None:
    if abs(x) == abs(y) == math.pi:
        return 1.0 if x == y else -1.0
    above, below = as_written(x), as_written(y)
    if above is None or not below or (above / below).denominator != 1:
        return None
    return float(above / below) if above else x / y  # 0/−2 is −0


def _exact_power(x: float, y: float) -> float | None:
    # The bounds keep folded numbers short enough to read in a derivation.
    whole = x == int(x) and y == int(y) and 0 <= y <= 16 if abs(x) < 1e3 and abs(y) < 1e3 else False
    return x**y if whole else None


_ARITHMETIC: dict[Operation, Callable[..., float | None]] = {
    **{OPERATIONS[name]: partial(folded, name) for name in ROUNDED},
    op.divide: _exact_quotient,
    op.power: _exact_power,
    op.less: operator.lt, op.less_equal: operator.le, op.greater: operator.gt, op.greater_equal: operator.ge,
    op.equal: operator.eq, op.not_equal: operator.ne,
}  # fmt: skip


def drop_zero_term(node: Expression) -> Expression | None:
    """x + 0 → x, x − 0 → x, 0 − x → −x."""
    if node.operation not in (op.add, op.subtract):
        return None
    left, right = node.args
    if _number(right) == 0 and left.shape == node.shape:
        return left
    if _number(left) == 0 and right.shape == node.shape:
        return right if node.operation is op.add else -right
    return None


def drop_unit_factor(node: Expression) -> Expression | None:
    """1·x → x, x·1 → x, x/1 → x, (−1)·x → −x."""
    if node.operation not in (op.multiply, op.divide):
        return None
    left, right = node.args
    if _number(right) == 1:
        return left
    if node.operation is op.multiply and _number(left) == 1:
        return right
    if _number(right) == -1:
        return -left
    return -right if node.operation is op.multiply and _number(left) == -1 else None


def zero_product(node: Expression) -> Expression | None:
    """0·x → 0, 0/x → 0, but not 0/0."""
    if node.shape or node.operation not in (op.multiply, op.divide):
        return None
    zero_left = _number(node.args[0]) == 0 and (node.operation is op.multiply or _number(node.args[1]) != 0)
    zero_right = node.operation is op.multiply and _number(node.args[1]) == 0
    return constant(0) if zero_left or zero_right else None


def trivial_power(node: Expression) -> Expression | None:
    """x^1 → x, x^0 → 1."""
    if node.operation is not op.power:
        return None
    base, exponent = node.args
    if _number(exponent) == 1:
        return base
    return constant(1) if _number(exponent) == 0 and not node.shape else None


def known_choice(node: Expression) -> Expression | None:
    """where(1, x, y) → x, where(0, x, y) → y."""
    condition = _number(node.args[0]) if node.operation is op.where else None
    chosen = node if condition is None else node.args[1] if condition != 0 else node.args[2]
    return chosen if chosen is not node and chosen.shape == node.shape else None


def double_negation(node: Expression) -> Expression | None:
    """−(−x) → x."""
    inner = node.args[0] if node.operation is op.negate else None
    return inner.args[0] if inner is not None and inner.operation is op.negate else None


def _without_sign(node: Expression) -> Expression | None:
    """Return x of −x, or the opposite of a negative number."""
    if node.operation is op.negate:
        return node.args[0]
    return constant(-node.value) if node.value < 0 else None  # the value of all but numbers is NaN


def sign_of_term(node: Expression) -> Expression | None:
    """x + (−y) → x − y, x − (−y) → x + y, −x + y → y − x."""
    if node.operation not in (op.add, op.subtract):
        return None
    left, right = node.args
    plain = _without_sign(right)
    if plain is not None:
        return left - plain if node.operation is op.add else left + plain
    if node.operation is op.add and left.operation is op.negate:
        return right - left.args[0]
    return None


def _finished(inner: Expression) -> Expression:
    """Rewrite a node that a rule creates below its own, because the traversal has already passed there."""
    return rewritten(inner)[0]


def sign_of_product(node: Expression) -> Expression | None:
    """(−x)·y → −(x·y), x·(−y) → −(x·y), (−x)/y → −(x/y)."""
    if node.operation not in (op.multiply, op.divide):
        return None
    left, right = node.args
    if left.operation is op.negate:
        return -_finished(node.operation(left.args[0], right))
    return -_finished(node.operation(left, right.args[0])) if right.operation is op.negate else None


def _is_numeric(node: Expression) -> bool:
    """Return whether a node is a number or a product of numbers that is not folded: 2·π."""
    while node.operation is op.multiply and _is_single(node.args[1]):
        node = node.args[0]
    return _is_single(node)


def _is_single(node: Expression) -> bool:
    return all(each.operation is CONSTANT for each in (node.args if node.operation is op.power else (node,)))


def _numeric_product(numbers: Sequence[Expression]) -> Expression:
    """Return the product of numbers, folded as far as it has a short decimal: 3·2·π → 6·π."""
    value, kept = 1.0, []
    for node in numbers:
        together = folded("multiply", value, node.value)  # the value of anything but a number is NaN
        if together is None:
            kept.append(node)
        else:
            value = together
    if value == -1 and kept and kept[0].operation is CONSTANT:
        return times([-kept[0], *kept[1:]])
    return times([*([constant(value)] if value != 1 or not kept else []), *(kept if value else [])])


def number_first(node: Expression) -> Expression | None:
    """x·2 → 2·x, x·(2·y) → 2·(x·y), 2·(3·x) → 6·x, (−1)·… out of −(2·x)."""
    if node.operation is op.negate and node.args[0].operation is op.multiply:
        number, rest = node.args[0].args
        if _is_numeric(node.args[0]):
            return _numeric_product([constant(-1), *factors(node.args[0])])
        return _numeric_product([constant(-1), *factors(number)]) * rest if _is_numeric(number) else None
    if node.operation is not op.multiply:
        return None
    left, right = node.args
    if _is_numeric(right):
        if not _is_numeric(left):
            return right * left
        product = _numeric_product([*factors(left), *factors(right)])
        return None if product is node else product
    if right.operation is not op.multiply or not _is_numeric(right.args[0]):
        return None
    number, rest = right.args
    if not _is_numeric(left):
        return number * _finished(left * rest)
    return _numeric_product([*factors(left), *factors(number)]) * rest


def product_without_brackets(node: Expression) -> Expression | None:
    """x·(y·z) → x·y·z."""
    if node.operation is not op.multiply or node.args[1].operation is not op.multiply:
        return None
    return times([node.args[0], *factors(node.args[1])])


def cancel_factor(node: Expression) -> Expression | None:
    """x·(1/x) → 1, within a longer product too."""
    if node.operation is not op.multiply:
        return None
    parts = factors(node)
    for k, factor in enumerate(parts):
        if factor.operation is op.divide and factor.args[1] in parts:
            kept = [*parts[:k], factor.args[0], *parts[k + 1 :]]
            kept.remove(factor.args[1])
            product = times(kept)
            return product if product.shape == node.shape else None
    return None


def equal_factors(node: Expression) -> Expression | None:
    """x·x → x²."""
    if node.operation is op.multiply and node.args[0] is node.args[1] and node.args[0].operation is not CONSTANT:
        return node.args[0] ** 2
    return None


def numbers_of_a_sum(node: Expression) -> Expression | None:
    """(x + 3) − 1 → x + 2."""
    if node.operation not in (op.add, op.subtract) or node.args[0].operation not in (op.add, op.subtract):
        return None
    last, (x, first) = _number(node.args[1]), node.args[0].args
    inner = _number(first)
    if last is None or inner is None:
        return None
    inner = -inner if node.args[0].operation is op.subtract else inner
    total = folded("add", inner, last if node.operation is op.add else -last)
    return None if total is None else x + constant(total)


def logarithm_unguarded(node: Expression) -> Expression | None:
    """log(1 if x is 0, else x) → log(x); the power rule guards its logarithm so."""
    if node.operation is not op.log or node.args[0].operation is not op.where:
        return None
    condition, one, x = node.args[0].args
    return op.log(x) if _number(one) == 1 and condition is op.equal(x, 0) else None


def _split(product: Expression) -> tuple[Expression | None, Expression]:
    """Return c and x of c·x; None and x for any other x."""
    return (product.args[0], product.args[1]) if product.operation is op.multiply else (None, product)


def _complements(p: Expression, q: Expression) -> tuple[Expression | None, Expression] | None:
    """Return c and y of p = c·(1 − y) and q = c·y; c is None if it is 1."""
    if p is op.subtract(1, q):
        return None, q
    (c, complement), (same, y) = _split(p), _split(q)
    return (c, y) if c is not None and c is same and complement is op.subtract(1, y) else None


def complementary_sigmoids(node: Expression) -> Expression | None:
    """c·(1 − y)·σ(z) − c·y·σ(−z) → c·(σ(z) − y), the adjoint of a cross-entropy, by σ(−z) = 1 − σ(z)."""
    if node.operation is not op.subtract:
        return None
    (p, first), (q, second) = (_split(arg) for arg in node.args)
    if p is None or q is None or first.operation is not op.sigmoid or second.operation is not op.sigmoid:
        return None
    if first.args[0] is not -second.args[0] and second.args[0] is not -first.args[0]:
        return None
    if (found := _complements(p, q)) is not None:
        c, error = found[0], first - found[1]
    elif (found := _complements(q, p)) is not None:
        c, error = found[0], found[1] - second
    else:
        return None
    result = error if c is None else c * error
    return result if result.shape == node.shape else None


def exponentials_over_their_sum(node: Expression) -> Expression | None:
    """1/Σe·e → softmax(x) and c/Σe·e → c·softmax(x) for e = exp(x − max x) with the maximum constant."""
    share, e = _split(node)
    if share is None or share.operation is not op.divide or e.operation is not op.exp or len(e.shape) != 1:
        return None
    c, whole = share.args
    x, largest = e.args[0].args if e.args[0].operation is op.subtract else (e, e)
    if whole is not op.sum_(e) or not x.shape or largest is not op.stop_gradient(op.largest(x)):
        return None
    return op.softmax(x) if _number(c) == 1 else c * op.softmax(x)


def factor_of_a_difference(node: Expression) -> Expression | None:
    """c·x − c·y → c·(x − y)."""
    if node.operation is not op.subtract:
        return None
    (c, x), (same, y) = (_split(arg) for arg in node.args)
    if c is None or c is not same or x.operation is CONSTANT or y.operation is CONSTANT:
        return None
    found = c * (x - y)
    return found if found.shape == node.shape else None


RULES: tuple[Rule, ...] = (
    Rule("arithmetic on numbers", fold_numbers),
    Rule("zero product", zero_product),
    Rule("zero term", drop_zero_term),
    Rule("factor 1", drop_unit_factor),
    Rule("power 1 or 0", trivial_power),
    Rule("known choice", known_choice),
    Rule("double negation", double_negation),
    Rule("sign of a term", sign_of_term),
    Rule("sign of a product", sign_of_product),
    Rule("number in front", number_first),
)
"""Every simplification, in the order in which they are tried: rules that remove a node before those that move one."""

PRESENTATION: tuple[Rule, ...] = (
    *RULES,
    Rule("brackets of a product", product_without_brackets),
    Rule("cancel", cancel_factor),
    Rule("numbers of a sum", numbers_of_a_sum),
    Rule("equal factors", equal_factors),
    Rule("base not 0", logarithm_unguarded),
)
"""The simplifications, and rules that only improve how a line reads."""

ADJOINTS: tuple[Rule, ...] = (
    Rule("complementary sigmoids", complementary_sigmoids),
    Rule("exponentials over their sum", exponentials_over_their_sum),
    Rule("factor of a difference", factor_of_a_difference),
)
"""Rules that shorten the adjoint of a matching activation and cost to prediction − target, as on paper."""


def rewritten(
    node: Expression, rules: tuple[Rule, ...] = RULES, kept: Container[Expression] = ()
) -> tuple[Expression, tuple[str, ...]]:
    """Apply rules at a node until none applies or the node is in ``kept``; return it and the names of the rules."""
    used: list[str] = []
    while node not in kept:
        for rule in rules:
            better = rule.rewrite(node)
            if better is not None and better is not node:
                node = better
                used.append(rule.name)
                break
        else:
            break
    return node, tuple(used)


def simplify(root: Expression, keep: Iterable[Expression] = (), rules: tuple[Rule, ...] = RULES) -> Expression:
    """Shorten an expression by the named rules, from its leaves up.

    Args:
        root: the expression.
        keep: nodes that are not changed, nor anything below them.
        rules: the rewrites to use.

    Returns:
        An expression of the same value.

    >>> from steepest.expressions.expression import params
    >>> x = params("x")
    >>> print(simplify(1 * x ** (3 - 1) * 2 + 0))
    2*x^2

    Source: definition.
    """
    kept = set(keep)

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        return node if node in kept else rewritten(rebuilt(node, args), rules, kept)[0]

    found = transform([root], visit, stop=kept.__contains__ if kept else None)[root]
    return with_sample_count([found], root)[0] if rules is RULES and not kept else found


def rebuilt(node: Expression, args: tuple[Expression, ...]) -> Expression:
    """Return the node on simplified arguments, which may no longer depend on the samples."""
    if not node.operation.over_samples or all(arg.per_sample for arg in args):
        return with_args(node, args)
    if node.operation is op.total_outer:
        left, right = args
        if left.per_sample or right.per_sample:
            return op.outer(*(op.total(arg) if arg.per_sample else arg for arg in args))
        return op.count() * op.outer(left, right)
    return args[0] if node.operation is op.mean else op.count() * args[0]
