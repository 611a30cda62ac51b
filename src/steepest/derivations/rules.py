"""Differentiation in index notation, and the algebra of its last lines.

The derivative of an operation comes from the table of operations. Index notation adds two rules: the elements of an
array are independent, ∂w_pj/∂w_kj = [p = k]; and a sum over p with that bracket reduces to its term p = k.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add

from steepest.calculus.polynomials import factors, times
from steepest.calculus.simplify import PRESENTATION, Rule, simplify
from steepest.derivations.notation import BRACKET, ELEMENT, INDEX, INDEX_SUM, bracket, element, index, index_sum
from steepest.expressions import operations as op
from steepest.expressions.expression import CONSTANT, Expression, constant, substitute, toposort, transform, with_args
from steepest.expressions.traversal import in_reading_order

CHAIN = "chain rule"
ONLY = "only the term {} is left"


def derivative(
    body: Expression, by: Expression, results: Mapping[Expression, Expression] | None = None
) -> tuple[Expression, str]:
    """Return ∂body/∂by, with brackets [p = k] where elements with other indices were met, and the names of the rules.

    ``results`` are names for values of nodes, by which their derivatives are written: a for f(z).
    """
    named = results or {}
    rules: dict[str, None] = {}
    found: dict[Expression, Expression] = {}
    zero = constant(0)
    for node in in_reading_order([body], stop=lambda each: each.operation is ELEMENT):
        row = node.operation
        if node is by:
            found[node] = constant(1)
        elif row is ELEMENT or not node.args:
            found[node] = _of_element(node, by)
        elif row is not INDEX_SUM:
            found[node] = _of_operation(node, [found[arg] for arg in node.args], named, by, rules)
        elif found[node.args[0]] is zero:
            found[node] = zero
        else:
            found[node] = index_sum(found[node.args[0]], *node.attributes)
            rules["sum rule"] = None
    outermost_first = [rule for rule in reversed(rules) if rule != CHAIN]
    return tidy(found[body]), ", ".join([*outermost_first, *([CHAIN] if CHAIN in rules else [])])


def _of_element(node: Expression, by: Expression) -> Expression:
    if node.operation is not ELEMENT or by.operation is not ELEMENT or node.args[0] is not by.args[0]:
        return constant(0)
    pairs = zip(node.attributes, by.attributes, strict=True)
    return times([bracket(index(own), index(other)) for own, other in pairs if own != other])


def _of_operation(
    node: Expression,
    inner: list[Expression],
    named: Mapping[Expression, Expression],
    by: Expression,
    rules: dict[str, None],
) -> Expression:
    """Return the derivative of one operation on arguments whose derivatives are known."""
    row = node.operation
    moving = [not _is_zero(each) for each in inner]
    if not any(moving):
        return constant(0)
    if row is op.multiply and not all(moving):
        rules["constant factor rule"] = None
        return node.args[1] * inner[0] if moving[0] else node.args[0] * inner[1]
    if row is op.divide and not moving[1]:
        rules["constant factor rule"] = None
        return inner[0] / node.args[1]
    if row.differential is not None:
        rules[row.rule] = None
        return row.differential(*node.args, *inner)
    terms = []
    for k, moves in enumerate(moving):
        if moves:
            rules[row.rules[k] if row.rules else row.rule] = None
            part = row.partials[k](*node.args, named.get(node, node))
            part = part if isinstance(part, Expression) else constant(part)
            terms.append(part if inner[k] is constant(1) else part * inner[k])
            if node.args[k] is not by and inner[k].operation is not BRACKET:
                rules[CHAIN] = None
    return reduce(add, terms)


def _quotient(node: Expression) -> Expression | None:
    """Rewrite x·(1/y) → x/y."""
    if node.operation is not op.multiply:
        return None
    for this, other in (node.args, node.args[::-1]):
        if this.operation is not BRACKET and other.operation is op.divide and other.args[0] is constant(1):
            return this / other.args[1]
    return None


def _numbers_of_a_quotient(node: Expression) -> Expression | None:
    """Rewrite 2·x/2 → x, 4·x/2 → 2·x, 2·x/4 → x/2."""
    if node.operation is not op.divide or node.args[1].operation is not CONSTANT:
        return None
    first, *rest = factors(node.args[0])
    below = node.args[1].value
    if first.operation is not CONSTANT or not rest or not first.value or not below:
        return None
    if first.value % below == 0:
        return times([constant(first.value / below), *rest]) if first.value != below else times(rest)
    return times(rest) / (below / first.value) if below % first.value == 0 else None


def _same_choice(node: Expression) -> Expression | None:
    """Rewrite where(c, x, x) → x."""
    return node.args[1] if node.operation is op.where and node.args[1] is node.args[2] else None


_WITHOUT_CANCELLING = tuple(rule for rule in PRESENTATION if rule.name != "cancel")
_RULES = (
    *PRESENTATION,
    Rule("quotient", _quotient),
    Rule("numbers of a quotient", _numbers_of_a_quotient),
    Rule("same choice", _same_choice),
)


def tidy(line: Expression, keep: Iterable[Expression] = (), rules: tuple[Rule, ...] = _RULES) -> Expression:
    """Simplify a line as one does by hand: without zero terms and factors 1; nodes in ``keep`` stay as they are."""
    kept = tuple(keep)
    while (shorter := simplify(line, kept, rules)) is not line:
        line = shorter
    return line


def cancels(line: Expression, keep: Iterable[Expression]) -> bool:
    """Return whether a factor is cancelled where a line is simplified."""
    kept = tuple(keep)
    return tidy(line, kept, PRESENTATION) is not tidy(line, kept, _WITHOUT_CANCELLING)


def collapsed(line: Expression) -> tuple[Expression, str]:
    """Rewrite Σ_p f_p·[p = k] → f_k everywhere; return the line and the rule, empty if there was none."""
    used: dict[str, None] = {}

    def visit(node: Expression, args: tuple[Expression, ...]) -> Expression:
        new = with_args(node, args)
        if new.operation is not INDEX_SUM:
            return new
        letter = str(new.attributes[0])
        body = new.args[0]
        for mark in toposort([body]):
            other = _bracketed(mark, letter)
            # Where the bracket is 0 the whole term must be: then its sum is the term at which it is 1.
            if other is not None and _is_zero(tidy(substitute(body, {mark: constant(0)}))):
                used[ONLY.format(f"{letter} = {other}")] = None
                return renamed(substitute(body, {mark: constant(1)}), letter, other)
        return new

    found = transform([line], visit)[line]
    return tidy(found), ", ".join(used)


def _is_zero(line: Expression) -> bool:
    return line.operation is CONSTANT and line.value == 0


def _bracketed(factor: Expression, letter: str) -> str | None:
    """Return k of [p = k] for the letter p."""
    if factor.operation is not BRACKET or any(arg.operation is not INDEX for arg in factor.args):
        return None
    letters = [str(arg.attributes[0]) for arg in factor.args]
    return letters[1 - letters.index(letter)] if letter in letters else None


def renamed(line: Expression, old: str, new: str) -> Expression:
    """Replace one index of a line by another."""
    found: dict[Expression, Expression] = {}
    for node in toposort([line]):
        if node.operation is ELEMENT:
            found[node] = element(node.args[0], *(new if a == old else str(a) for a in node.attributes))
        elif node.operation is INDEX and node.attributes == (old,):
            found[node] = index(new)
    return substitute(line, found)
