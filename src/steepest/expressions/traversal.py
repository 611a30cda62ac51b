"""Traverse and rebuild expression graphs, without recursion: depth is limited by memory, not by Python's stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from steepest.errors import ValuesError
from steepest.expressions.printing import N, Operator

Answer = TypeVar("Answer")


def toposort(roots: Iterable[N], stop: Callable[[N], bool] | None = None) -> list[N]:
    """Return every node of the roots' graphs once, arguments before the nodes that use them.

    Nodes for which ``stop`` is true are included, but not their arguments.
    """
    seen: set[N] = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if stop is not None and stop(node):
            continue
        for arg in node.args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return sorted(seen, key=lambda node: node.uid)


def in_reading_order(roots: Iterable[N], stop: Callable[[N], bool] | None = None) -> list[N]:
    """Return every node of the roots' graphs once, in post-order from left to right.

    Unlike that of :func:`toposort`, this order does not depend on what was built before. Nodes for which ``stop`` is
    true are included, but not their arguments.
    """
    found: dict[N, None] = {}
    stack = [(root, False) for root in roots][::-1]
    while stack:
        node, below_done = stack.pop()
        if node in found:
            continue
        if below_done:
            found[node] = None
        else:
            stack.append((node, True))
            below = node.args if stop is None or not stop(node) else ()
            stack.extend((arg, False) for arg in reversed(below) if arg not in found)
    return list(found)


def dependents(nodes: Iterable[N], leaf: Operator) -> set[N]:
    """Return which nodes, in topological order, are leaves of a kind (DATA or PARAMETER) or depend on one."""
    found: set[N] = set()
    for node in nodes:
        if node.operation is leaf or any(arg in found for arg in node.args):
            found.add(node)
    return found


def leaves(roots: Iterable[N]) -> list[N]:
    """Return the data columns and parameters, in reading order."""
    return list(dict.fromkeys(leaf for root in roots for leaf in root.leaves))


def memoised(find: Callable[[N], Answer]) -> Callable[[N], Answer]:
    """Decorate a function of an expression with a cache.

    Entries are weak in the expression, so answers must not refer to expressions.
    """
    answers: WeakKeyDictionary[N, Answer] = WeakKeyDictionary()

    @wraps(find)
    def found(root: N) -> Answer:
        if root not in answers:
            answers[root] = find(root)
        return answers[root]

    return found


def check_names(roots: Iterable[N]) -> list[N]:
    """Return the leaves of the expressions; raise if two different ones have the same name."""
    found: dict[str, N] = {}
    for leaf in leaves(roots):
        other = found.setdefault(leaf.name, leaf)
        if other is not leaf:
            kinds = " and ".join(f"{x.operation.name} of shape {x.shape}" for x in (other, leaf))
            raise ValuesError(f"the name {leaf.name!r} is used twice, for {kinds}; rename one")
    return list(found.values())


def transform(
    roots: Sequence[N], visit: Callable[[N, tuple[N, ...]], N], stop: Callable[[N], bool] | None = None
) -> dict[N, N]:
    """Rebuild a graph from its leaves up; ``visit(node, new_args)`` returns the replacement of each node."""
    new: dict[N, N] = {}
    for node in toposort(roots, stop):
        below = node.args if stop is None or not stop(node) else ()
        new[node] = visit(node, tuple(new[arg] for arg in below))
    return new


def tree_size(root: N) -> float:
    """Return the number of nodes of the expression as a tree, without sharing (∞ above 1e308)."""
    size: dict[N, float] = {}
    for node in toposort([root]):
        size[node] = 1.0 + sum(size[arg] for arg in node.args)
    return size[root]
