"""Repairs of sums and products: signs, powers, and factors and terms that are scaled, extra or missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steepest.proofreading.causes.repairs import Repair, is_number, squared, with_arg, with_other_sign, without_factor
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import Node, make, number, same, times, walk

_SUMMABLE = ("add", "multiply", "symbol", "call", "power", "divide", "negate", "number")
_WHOLE = ("divide", "group", "sqrt", "call", "sum", "negate")
"""Nodes whose arguments may be sums without brackets."""

_TWO, _HALF = number(2), make("divide", (number(1), number(2)))


def other_signs(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield sums with the sign of a term changed, negations without their sign, and calls of negated arguments."""
    for part in parts:
        if part.kind == "add":
            for k in range(len(part.args)):
                yield Repair("sign", part, with_other_sign(part, k), "sign")
        elif part.kind == "negate":
            yield Repair("sign", part, part.args[0], "sign")
        elif part.kind == "call" and part.args[0].kind in ("function", "symbol"):
            for k, argument in enumerate(part.args[1:], start=1):
                if argument.kind not in ("number", "negate"):
                    yield Repair("sign", part, with_arg(part, k, make("negate", (argument,))), "sign")


def scaled_parts(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield twice or half the argument of a call, and twice or half a term of a sum."""
    for part in parts:
        if part.kind == "call" and len(part.args) == 2 and part.args[1].kind != "number":
            for factor in (_TWO, _HALF):
                yield Repair("factor", part, with_arg(part, 1, times(factor, part.args[1])), "scaled")
        for k, term in enumerate(part.args) if part.kind == "add" else ():
            if term.kind == "number":
                continue
            inner, signs = (term.args, term.value) if term.kind == "multiply" else ((term,), ())
            for factor in (_TWO, _HALF):
                scaled = make("multiply", (factor, *inner), ("", *signs))
                yield Repair("factor", part, with_arg(part, k, scaled), "scaled")
            if is_number(inner[0], 2) and len(inner) > 1:
                yield Repair("factor", part, with_arg(part, k, without_factor(term, 0)), "scaled")


def dropped_parts(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield products without a factor, sums without a term, and quotients without their denominator."""
    for part in parts:
        if part.kind == "multiply" and len(part.args) > 1:
            for k, factor in enumerate(part.args):
                plain = all(n.kind in ("number", "divide", "group", "negate") for n in walk(factor))
                yield Repair("factor" if plain else "term", part, without_factor(part, k), "extra-factor")
        elif part.kind == "add":
            for k in range(len(part.args)):
                kept, signs = part.args[:k] + part.args[k + 1 :], part.value[:k] + part.value[k + 1 :]
                sole = kept[0] if len(kept) == 1 else make("add", kept, signs)
                yield Repair("term", part, make("negate", kept) if signs == (-1,) else sole, "extra-term")
        elif part.kind == "divide":
            yield Repair("term", part, part.args[0], "extra-factor")


def other_exponents(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield powers with the exponent next to the one written."""
    for part in parts:
        if part.kind != "power":
            continue
        base, exponent = part.args
        if exponent.kind == "number":
            value = int(float(exponent.value))
            for other in (value - 1, value + 1):
                if other >= 1:
                    new = base if other == 1 else make("power", (base, number(other)))
                    yield Repair("term", part, new, "exponent")
        elif exponent.kind in ("add", "symbol"):
            less = make("add", (exponent, number(1)), (1, -1))
            for other_exponent in (less, *exponent.args[:1]) if exponent.kind == "add" else (less,):
                yield Repair("term", part, make("power", (base, other_exponent)), "exponent")


def inserted_parts(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield parts with one more factor, divisor or term of the lines around."""
    kinds = ("multiply", "symbol", "group", "call", "power", "derivative")
    factors = {id(a) for q in parts if q.kind == "multiply" for a in q.args}
    places = [p for p in parts if (p.kind in kinds or p is root) and p.kind != "sum" and id(p) not in factors]
    for factor in around.factors:
        for part in places:
            yield Repair("term", part, _multiplied(part, factor), "missing-factor")
    for part in parts:
        if part.kind == "divide" and is_number(part.args[0], 1):
            yield from (Repair("term", part.args[0], factor, "missing-factor") for factor in around.factors)
    for factor in around.factors:
        yield from (Repair("term", part, make("divide", (part, factor)), "missing-divisor") for part in places)
    yield from _inserted_terms(parts, root, around)


def _multiplied(part: Node, factor: Node) -> Node:
    """Return a part times a factor, which follows a number at the beginning."""
    if same(part, factor):
        return squared(part)
    if part.kind == "multiply" and part.args[0].kind == "number":
        return make("multiply", (part.args[0], factor, *part.args[1:]), ("", *part.value))
    return times(make("group", (part,), "(") if part.kind == "add" else part, factor)


def _inserted_terms(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    whole = {id(a) for q in parts if q.kind in _WHOLE for a in q.args}
    terms = {id(a) for q in parts if q.kind == "add" for a in q.args}
    for part in parts:
        if part.kind not in _SUMMABLE or id(part) in terms:
            continue
        if id(part) not in whole and part is not root and part.kind != "add":
            continue
        args, signs = (part.args, part.value) if part.kind == "add" else ((part,), (1,))
        for term in (*around.terms, number(1)):
            for sign in (1, -1):
                yield Repair("term", part, make("add", (*args, term), (*signs, sign)), "missing-term")
                if term.kind == "number" and part.kind != "add":
                    yield Repair("term", part, make("add", (term, part), (1, sign)), "missing-term")
