"""Repairs of symbols: their indices, other letters, transposes and the order of matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from steepest.proofreading.causes.repairs import Repair, distinct, exchanged, with_arg
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import Node, bound, make, number, same, signature, symbol, symbols, walk


def other_indices(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    """Yield parts without their sum, symbols with other indices, and sums over other indices."""
    for part in parts:
        if part.kind == "sum":
            yield Repair("index", part, part.args[0], "sum")
    letters = [symbol(letter) for letter in dict.fromkeys([*around.indices, *bound(root)])]
    for part in parts:
        if part.kind == "symbol":
            yield from _reindexed(part, letters, around)
    for part in parts:
        if part.kind == "sum" and len(part.args) == 1:
            for letter in letters:
                if letter.base != part.value:
                    yield Repair("index", part, make("sum", part.args, letter.base), "index")


def _reindexed(part: Node, letters: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Yield a symbol with another index, two indices exchanged, one more index or one less."""
    for k, (role, index) in enumerate(part.indices):
        for other in _index_choices(role, index, letters):
            yield Repair("index", part, with_arg(part, k, other), "index")
    if len(part.args) == 2 and part.roles[0] == part.roles[1]:
        yield Repair("index", part, make("symbol", part.args[::-1], part.value), "index")
    alike = [like for like in around.letters if like.base == part.base]
    for like in alike:
        missing = [(r, a) for r, a in like.indices if r not in part.roles]
        if like.roles != part.roles and len(missing) == 1 and len(like.roles) == len(part.roles) + 1:
            role, index = missing[0]
            for choice in (index, *letters):
                new = make("symbol", (*part.args, choice), (part.base, (*part.roles, role)))
                yield Repair("index", part, new, "index-missing")
    for k in range(len(part.roles)):
        roles = part.roles[:k] + part.roles[k + 1 :]
        if any(like.roles == roles for like in alike):
            new = make("symbol", part.args[:k] + part.args[k + 1 :], (part.base, roles))
            yield Repair("index", part, new, "index-extra")


def _index_choices(role: str, index: Node, letters: Sequence[Node]) -> Iterator[Node]:
    """Yield other indices: neighbouring numbers and layers first, then letters."""
    if index.kind == "number" and float(index.value) == int(float(index.value)):
        value = int(float(index.value))
        others = (value - 1, value + 1, *(k for k in (1, 2, 3) if abs(k - value) > 1))
        yield from (number(other) for other in others if other >= 0)
        yield from letters
    if role != "sub" and index.kind == "symbol":
        for sign in (-1, 1):
            yield make("add", (index, number(1)), (1, sign))
    if index.kind == "add" and index.args[0].kind == "symbol":
        yield index.args[0]
        yield make("add", index.args, tuple(-s if k else s for k, s in enumerate(index.value)))
    if index.kind == "symbol":
        yield from (letter for letter in letters if letter.base != index.base)


def in_conditions(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Yield cases with another letter in all of their conditions."""
    for part in parts:
        if part.kind in ("cases", "iverson"):
            for old in distinct([s for c in walk(part) if c.kind == "compare" for s in symbols(c)]):
                yield from _exchanges(part, old, distinct([*around.inputs, *around.letters]))


def other_letters(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Yield other letters for one symbol, then for all symbols of a product: a(1 − a) for z(1 − z)."""
    seen = set()
    for part in parts:
        if part.kind != "symbol":
            continue
        for like in around.letters:
            if like.base == part.base and like.roles == part.roles:
                continue
            # A letter that is indexed in the same way takes over the indices.
            own = sorted(like.roles) == sorted(part.roles) and part.args
            new = make("symbol", part.args, (like.base, part.roles)) if own else like
            key = (id(part), signature(new))
            if key not in seen and not same(new, part):
                seen.add(key)
                yield Repair("variable", part, new, "variable")
    for part in parts:
        if part.kind == "multiply":
            inner = symbols(part)
            for old in distinct(inner):
                if sum(same(s, old) for s in inner) > 1:
                    yield from _exchanges(part, old, around.letters)


def _exchanges(part: Node, old: Node, letters: Sequence[Node]) -> Iterator[Repair]:
    return (Repair("variable", part, exchanged(part, old, new), "variable") for new in letters if not same(new, old))


def other_transposes(parts: Sequence[Node]) -> Iterator[Repair]:
    """Yield transposes, products in another order or of another kind, and sums over samples."""
    for part in parts:
        if part.kind in ("symbol", "cost_gradient", "transpose"):
            yield Repair("transpose", part, _transposed(part), "transpose")
    for part in (part for part in parts if part.kind == "multiply"):
        for k, (one, other) in enumerate(pairwise(part.args)):
            if part.value[k] != "*":
                yield Repair("transpose", part, with_arg(with_arg(part, k, other), k + 1, one), "order")
        for k, sign in enumerate(part.value):
            if sign in ("", "dot", "*"):
                signs = (*part.value[:k], "" if sign == "*" else "*", *part.value[k + 1 :])
                yield Repair("transpose", part, make("multiply", part.args, signs), "product")
    for part in parts:
        if part.kind == "multiply":
            for k, (one, other) in enumerate(pairwise(part.args)):
                for first, second in ((_transposed(other), one), (other, _transposed(one))):
                    yield Repair("transpose", part, with_arg(with_arg(part, k, first), k + 1, second), "order")
        if part.kind == "array_sum" and part.value is not None:
            yield Repair("transpose", part, make("array_sum", part.args, 1 - int(part.value)), "axis")
    for part in parts:
        if part.kind in ("cost_gradient", "symbol"):
            yield Repair("transpose", part, make("array_sum", (part,), 1), "axis")


def transposed_letters(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Yield other letters, transposed."""
    for part in parts:
        for like in around.letters if part.kind == "symbol" else ():
            if not same(like, part):
                yield Repair("variable", part, make("transpose", (like,)), "variable")


def _transposed(node: Node) -> Node:
    return node.args[0] if node.kind == "transpose" else make("transpose", (node,))
