"""Repairs of symbols: their indices, other letters, transposes and the order of matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from steepest.proofreading.causes.repairs import Repair, distinct, exchanged
from steepest.proofreading.causes.surroundings import Surroundings
from steepest.proofreading.reading.tree import (
    Node,
    bound,
    make,
    number,
    same,
    signature,
    symbols,
    walk,
)


def other_indices(parts: Sequence[Node], root: Node, around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "sum":
            yield Repair("index", part, part.args[0], "sum")
    letters = list(dict.fromkeys([*around.indices, *bound(root)]))
    for part in parts:
        if part.kind != "symbol":
            continue
        for k, (role, index) in enumerate(zip(part.roles, part.args, strict=True)):
            for other in _index_choices(role, index, letters):
                yield Repair("index", part, _reindexed(part, k, other), "index")
        if len(part.args) == 2 and part.roles[0] == part.roles[1]:
            yield Repair("index", part, replace(part, args=part.args[::-1], start=-1, end=-1), "index")
        for like in around.letters:
            if like.base == part.base and like.roles != part.roles:
                missing = [(r, a) for r, a in zip(like.roles, like.args, strict=True) if r not in part.roles]
                if len(missing) == 1 and len(like.roles) == len(part.roles) + 1:
                    node = make("symbol", (*part.args, missing[0][1]), (part.base, (*part.roles, missing[0][0])))
                    yield Repair("index", part, node, "index-missing")
                    for letter in letters:
                        index = make("symbol", (), (letter, ()))
                        yield Repair("index", part, make("symbol", (*part.args, index), node.value), "index-missing")
        for k, role in enumerate(part.roles):
            args = part.args[:k] + part.args[k + 1 :]
            roles = part.roles[:k] + part.roles[k + 1 :]
            if any(like.base == part.base and like.roles == roles for like in around.letters):
                yield Repair("index", part, make("symbol", args, (part.base, roles)), "index-extra")
            del role
    for part in parts:
        if part.kind == "sum" and len(part.args) == 1:
            for letter in letters:
                if letter != part.value:
                    yield Repair("index", part, make("sum", part.args, letter), "index")


def _index_choices(role: str, index: Node, letters: Sequence[str]) -> Iterator[Node]:
    if index.kind == "number" and float(index.value) == int(float(index.value)):
        value = int(float(index.value))
        for other in (value - 1, value + 1, *(k for k in (1, 2, 3) if abs(k - value) > 1)):
            if other >= 0:
                yield number(other)
        for letter in letters:
            yield make("symbol", (), (letter, ()))
    if role != "sub" and index.kind == "symbol":
        for sign in (-1, 1):
            yield make("add", (index, number(1)), (1, sign))
    if index.kind == "add" and index.args[0].kind == "symbol":
        yield index.args[0]
        yield make("add", index.args, tuple(-s if k else s for k, s in enumerate(index.value)))
    if index.kind == "symbol":
        for letter in letters:
            if letter != index.base:
                yield make("symbol", (), (letter, ()))


def _reindexed(part: Node, place: int, index: Node) -> Node:
    return make("symbol", (*part.args[:place], index, *part.args[place + 1 :]), part.value)


def in_conditions(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """Another letter in all conditions of some cases at once."""
    for part in parts:
        if part.kind in ("cases", "iverson"):
            for old in distinct([s for c in walk(part) if c.kind == "compare" for s in symbols(c)]):
                for like in distinct([*around.inputs, *around.letters]):
                    if not same(like, old):
                        yield Repair("variable", part, exchanged(part, old, like), "variable")


def other_letters(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    """One letter in the place of another."""
    seen = set()
    for part in parts:
        if part.kind != "symbol":
            continue
        for like in around.letters:
            new = like
            if like.base == part.base and like.roles == part.roles:
                continue
            if sorted(like.roles) == sorted(part.roles) and part.args:
                new = make("symbol", part.args, (like.base, part.roles))
            mark = (id(part), signature(new))
            if mark not in seen and not same(new, part):
                seen.add(mark)
                yield Repair("variable", part, new, "variable")
    for part in parts:
        if part.kind in ("compare", "cases", "iverson", "derivative"):
            continue
        if part.kind == "multiply":  # all of one letter at once, as z(1 - z) for a(1 - a)
            for old in distinct(list(symbols(part))):
                if sum(same(s, old) for s in symbols(part)) > 1:
                    for like in around.letters:
                        if not same(like, old):
                            yield Repair("variable", part, exchanged(part, old, like), "variable")


def other_transposes(parts: Sequence[Node]) -> Iterator[Repair]:
    for part in parts:
        if part.kind in ("symbol", "cost_gradient", "transpose"):
            yield Repair("transpose", part, _transposed(part), "transpose")
    for part in parts:
        if part.kind == "multiply":
            for k in range(len(part.args) - 1):
                if part.value[k] not in ("*",):
                    args = list(part.args)
                    args[k], args[k + 1] = args[k + 1], args[k]
                    yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
            for k, sign in enumerate(part.value):
                if sign in ("", "dot", "*"):
                    other = "*" if sign != "*" else ""
                    signs = tuple(other if j == k else s for j, s in enumerate(part.value))
                    yield Repair("transpose", part, make("multiply", part.args, signs), "product")
    for part in parts:
        if part.kind == "multiply":
            for k in range(len(part.args) - 1):
                args = list(part.args)
                args[k], args[k + 1] = _transposed(args[k + 1]), args[k]
                yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
                args = list(part.args)
                args[k], args[k + 1] = args[k + 1], _transposed(args[k])
                yield Repair("transpose", part, make("multiply", tuple(args), part.value), "order")
        if part.kind == "array_sum" and part.value is not None:
            yield Repair("transpose", part, make("array_sum", part.args, 1 - int(part.value)), "axis")
    for part in parts:
        if part.kind in ("cost_gradient", "symbol"):
            yield Repair("transpose", part, make("array_sum", (part,), 1), "axis")


def transposed_letters(parts: Sequence[Node], around: Surroundings) -> Iterator[Repair]:
    for part in parts:
        if part.kind == "symbol":
            for like in around.letters:
                if not same(like, part):
                    yield Repair("variable", part, make("transpose", (like,)), "variable")


def _transposed(node: Node) -> Node:
    return node.args[0] if node.kind == "transpose" else make("transpose", (node,))
