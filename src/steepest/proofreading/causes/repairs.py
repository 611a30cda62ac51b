"""Defines a repair, a small change of a wrong side, and the changes of trees that repairs are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steepest.proofreading.reading.tree import Node, make, number, same, signature, transform


@dataclass(frozen=True, eq=False)
class Repair:
    """A change of one part of a side."""

    cause: str  # one of ``findings.CAUSES``
    old: Node  # the part that is wrong
    new: Node  # the part that replaces it
    kind: str  # the kind of mistake, a key of the sentences


def distinct(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return the first of all nodes that are written alike, in order."""
    first: dict[object, Node] = {}
    for node in nodes:
        first.setdefault(signature(node), node)
    return tuple(first.values())


def parts(root: Node) -> list[Node]:
    """Return the parts of a tree that repairs change: no indices, limits of sums or variables of derivatives."""
    found: list[Node] = []
    stack = [root]
    while stack:
        part = stack.pop()
        found.append(part)
        if part.kind == "symbol":
            continue
        args = part.args[:1] if part.kind in ("sum", "product", "derivative") else part.args
        stack.extend(reversed(args[1:] if part.kind == "call" else args))
    return found


def with_arg(node: Node, k: int, new: Node) -> Node:
    """Return a node with one of its arguments replaced."""
    return make(node.kind, (*node.args[:k], new, *node.args[k + 1 :]), node.value)


def with_other_sign(node: Node, k: int) -> Node:
    """Return a sum with the sign of one of its terms changed."""
    return make("add", node.args, tuple(-sign if j == k else sign for j, sign in enumerate(node.value)))


def without_factor(node: Node, k: int) -> Node:
    """Return a product without one of its factors; the sign before that factor goes with it."""
    args = node.args[:k] + node.args[k + 1 :]
    if len(args) == 1:
        return args[0]
    return make(node.kind, args, node.value[1:] if k == 0 else node.value[: k - 1] + node.value[k:])


def is_number(node: Node, value: float) -> bool:
    """Return whether a node is a certain number."""
    return node.kind == "number" and float(node.value) == value


def one_minus(node: Node) -> Node:
    """Return ``(1 - u)``."""
    return make("group", (make("add", (number(1), node), (1, -1)),), "(")


def squared(node: Node) -> Node:
    """Return ``u^2``."""
    return make("power", (node, number(2)))


def exchanged(root: Node, old: Node, new: Node) -> Node:
    """Return a tree with every symbol that is written like one replaced by another."""
    changed = transform(root, lambda n: new if n.kind == "symbol" and same(n, old) else None)
    return replace(changed, start=-1, end=-1) if changed is not root else changed
