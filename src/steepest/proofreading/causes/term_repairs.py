"""Repairs of sums and products: signs, factors and terms that are missing, extra or scaled, and powers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from steepest.proofreading.causes.repairs import Repair, squared
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import (
    Node,
    make,
    number,
    same,
    times,
    walk,
)

_SUMMABLE = ("add", "multiply", "symbol", "call", "power", "divide", "negate", "number")


def other_signs(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "add":
            for k in range(len(part.args)):
                signs = tuple(-s if j == k else s for j, s in enumerate(part.value))
                yield Repair("sign", part, make("add", part.args, signs), "sign")
        elif part.kind == "negate":
            yield Repair("sign", part, part.args[0], "sign")
        elif part.kind == "call" and part.args[0].kind in ("function", "symbol"):
            for k, argument in enumerate(part.args[1:], start=1):
                if argument.kind not in ("number", "negate"):
                    new = (*part.args[:k], make("negate", (argument,)), *part.args[k + 1 :])
                    yield Repair("sign", part, make("call", new, part.value), "sign")


def scaled_parts(parts: Sequence[Node]) -> Iterator[Repair]:
    """Twice or half of one term of a sum."""
    for part in parts:
        if part.kind == "call" and len(part.args) == 2 and part.args[1].kind != "number":
            for factor in (number(2), make("divide", (number(1), number(2)))):
                yield Repair(
                    "factor", part, make("call", (part.args[0], times(factor, part.args[1])), part.value), "scaled"
                )
        if part.kind != "add":
            continue
        for k, term in enumerate(part.args):
            if term.kind == "number":
                continue
            inner = term.args if term.kind == "multiply" else (term,)
            signs = term.value if term.kind == "multiply" else ()
            for factor in (number(2), make("divide", (number(1), number(2)))):
                new = make("multiply", (factor, *inner), ("", *signs))
                args = (*part.args[:k], new, *part.args[k + 1 :])
                yield Repair("factor", part, make("add", args, part.value), "scaled")
            if inner[0].kind == "number" and float(inner[0].value) == 2 and len(inner) > 1:
                rest = inner[1] if len(inner) == 2 else make("multiply", inner[1:], signs[1:])
                args = (*part.args[:k], rest, *part.args[k + 1 :])
                yield Repair("factor", part, make("add", args, part.value), "scaled")


def dropped_parts(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "multiply" and len(part.args) > 1:
            for k, factor in enumerate(part.args):
                kept = part.args[:k] + part.args[k + 1 :]
                signs = part.value[1:] if k == 0 else part.value[: k - 1] + part.value[k:]
                new = kept[0] if len(kept) == 1 else make("multiply", kept, signs)
                plain = all(n.kind in ("number", "divide", "group", "negate") for n in walk(factor))
                yield Repair("factor" if plain else "term", part, new, "extra-factor")
        elif part.kind == "add":
            for k in range(len(part.args)):
                kept = part.args[:k] + part.args[k + 1 :]
                signs = part.value[:k] + part.value[k + 1 :]
                new = (
                    make("negate", kept) if signs == (-1,) else kept[0] if len(kept) == 1 else make("add", kept, signs)
                )
                yield Repair("term", part, new, "extra-term")
        elif part.kind == "divide":
            yield Repair("term", part, part.args[0], "extra-factor")


def other_exponents(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "power" and part.args[1].kind == "number":
            value = int(float(part.args[1].value))
            for other in (value - 1, value + 1):
                if other > 1:
                    yield Repair("term", part, make("power", (part.args[0], number(other))), "exponent")
                elif other == 1:
                    yield Repair("term", part, part.args[0], "exponent")
        elif part.kind == "power" and part.args[1].kind in ("add", "symbol"):
            base, exponent = part.args
            one = make("add", (exponent, number(1)), (1, -1))
            yield Repair("term", part, make("power", (base, one)), "exponent")
            if exponent.kind == "add":
                yield Repair("term", part, make("power", (base, exponent.args[0])), "exponent")


def inserted_parts(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    places = [p for p in parts if p.kind in ("multiply", "symbol", "group", "call", "power", "derivative") or p is root]
    outer = [p for p in places if not any(q.kind == "multiply" and any(a is p for a in q.args) for q in parts)]
    for factor in around.factors:
        for part in outer:
            if part.kind == "sum":
                continue
            if same(part, factor):
                yield Repair("term", part, squared(part), "missing-factor")
                continue
            base = make("group", (part,), "(") if part.kind == "add" else part
            if part.kind == "multiply" and part.args[0].kind == "number":
                args = (part.args[0], factor, *part.args[1:])
                yield Repair("term", part, make("multiply", args, ("", *part.value)), "missing-factor")
            else:
                yield Repair("term", part, times(*_flat(base), factor), "missing-factor")
    ones = [
        p.args[0] for p in parts if p.kind == "divide" and p.args[0].kind == "number" and float(p.args[0].value) == 1
    ]
    for one in ones:
        for factor in around.factors:
            yield Repair("term", one, factor, "missing-factor")
    for factor in around.factors:
        for part in outer:
            if part.kind != "sum":
                yield Repair("term", part, make("divide", (part, factor)), "missing-divisor")
    whole = {id(a) for q in parts if q.kind in ("divide", "group", "sqrt", "call", "sum", "negate") for a in q.args}
    for part in [p for p in parts if p.kind in _SUMMABLE]:
        inside = any(q.kind == "add" and any(a is part for a in q.args) for q in parts)
        if inside or (id(part) not in whole and part is not root and part.kind != "add"):
            continue
        for term in (*around.terms, number(1)):
            for sign in (1, -1):
                args, signs = (part.args, part.value) if part.kind == "add" else ((part,), (1,))
                yield Repair("term", part, make("add", (*args, term), (*signs, sign)), "missing-term")
                if term.kind == "number" and part.kind != "add":
                    yield Repair("term", part, make("add", (term, part), (1, sign)), "missing-term")


def _flat(node: Node) -> tuple[Node, ...]:
    return node.args if node.kind == "multiply" and set(node.value) <= {""} else (node,)
