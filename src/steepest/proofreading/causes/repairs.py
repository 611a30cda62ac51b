"""A repair: a small change of a wrong side; and what all repairs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from steepest.proofreading.reading.tree import Node, make, number, same, signature, transform


@dataclass(frozen=True, eq=False)
class Repair:
    """A change of one part.

    Attributes:
        cause: of the mistake, one of ``findings.CAUSES``.
        old: the part that is wrong.
        new: what stands there instead.
        kind: what is wrong with it, for the sentence.
    """

    cause: str
    old: Node
    new: Node
    kind: str


def distinct(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Nodes without those that are written alike."""
    seen, found = set(), []
    for node in nodes:
        mark = signature(node)
        if mark not in seen:
            seen.add(mark)
            found.append(node)
    return tuple(found)


def parts(root: Node) -> list[Node]:
    """The parts of a tree that are no indices, limits of sums or variables of derivatives."""
    found: list[Node] = []
    stack = [root]
    while stack:
        part = stack.pop()
        found.append(part)
        if part.kind == "symbol":
            continue
        args = part.args[:1] if part.kind in ("sum", "product", "derivative") else part.args
        if part.kind == "call":
            args = part.args[1:]
        stack.extend(reversed(args))
    return found


def one_minus(node: Node) -> Node:
    """``(1 - u)``"""
    return make("group", (make("add", (number(1), node), (1, -1)),), "(")


def squared(node: Node) -> Node:
    """``u^2``"""
    return make("power", (node, number(2)))


def exchanged(root: Node, old: Node, new: Node) -> Node:
    """A tree with every symbol like one replaced by another."""
    changed = transform(root, lambda n: new if n.kind == "symbol" and same(n, old) else None)
    return replace(changed, start=-1, end=-1) if changed is not root else changed
