"""Walks over expression graphs. Nothing here recurses: depth is bounded by memory, not by Python's stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

from steepest.errors import ValuesError

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression, Operation

Answer = TypeVar("Answer")


def toposort(roots: Iterable[Expression], stop: Callable[[Expression], bool] | None = None) -> list[Expression]:
    """Every node that the roots are made of, each once, arguments before what uses them.

    Nodes for which ``stop`` is true are met, but not what lies below them.
    """
    seen = set(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if stop is not None and stop(node):
            continue
        for arg in node.args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return sorted(seen, key=_age)


def in_reading_order(roots: Iterable[Expression]) -> list[Expression]:
    """The same in the order in which a reader of the roots is done with them.

    Unlike the order of age, which :func:`toposort` has, this does not depend on what else was built before.
    """
    found: dict[Expression, None] = {}
    stack = [(root, False) for root in roots][::-1]
    while stack:
        node, below_done = stack.pop()
        if node in found:
            continue
        if below_done:
            found[node] = None
        else:
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args) if arg not in found)
    return list(found)


def _age(node: Expression) -> int:
    return node.uid


def dependents(nodes: Iterable[Expression], leaf: Operation) -> set[Expression]:
    """Return those of some nodes, arguments first, that are leaves of a kind (DATA, PARAMETER) or depend on one."""
    found: set[Expression] = set()
    for node in nodes:
        if node.operation is leaf or any(arg in found for arg in node.args):
            found.add(node)
    return found


def leaves(roots: Iterable[Expression]) -> list[Expression]:
    """The data columns and parameters, in the order in which a reader meets them."""
    return list(dict.fromkeys(leaf for root in roots for leaf in root.leaves))


def leaves_below(root: Expression) -> tuple[Expression, ...]:
    """Those of one expression, which keeps them."""
    seen: set[Expression] = set()
    found: list[Expression] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.name:
            found.append(node)
        stack.extend(reversed(node.args))
    return tuple(found)


def memoised(find: Callable[[Expression], Answer]) -> Callable[[Expression], Answer]:
    """A function of an expression that is asked again and again: its answers, which hold no expressions, are kept.

    They are forgotten with the expressions.
    """
    answers: WeakKeyDictionary[Expression, Answer] = WeakKeyDictionary()

    @wraps(find)
    def found(root: Expression) -> Answer:
        if root not in answers:
            answers[root] = find(root)
        return answers[root]

    return found


def check_names(roots: Iterable[Expression]) -> list[Expression]:
    """The leaves of the expressions; an error if a name stands for two different things."""
    found: dict[str, Expression] = {}
    for leaf in leaves(roots):
        other = found.setdefault(leaf.name, leaf)
        if other is not leaf:
            kinds = " and ".join(f"{x.operation.name} of shape {x.shape}" for x in (other, leaf))
            raise ValuesError(f"the name {leaf.name!r} stands for two things, {kinds}; rename one")
    return list(found.values())


def transform(
    roots: Sequence[Expression],
    visit: Callable[[Expression, tuple[Expression, ...]], Expression],
    stop: Callable[[Expression], bool] | None = None,
) -> dict[Expression, Expression]:
    """Rebuild a graph from its leaves up: ``visit(node, new_args)`` gives what stands for each node."""
    new: dict[Expression, Expression] = {}
    for node in toposort(roots, stop):
        below = node.args if stop is None or not stop(node) else ()
        new[node] = visit(node, tuple(new[arg] for arg in below))
    return new


def tree_size(root: Expression) -> float:
    """How many nodes the expression has when every shared part is written out each time (∞ above 1e308)."""
    size: dict[Expression, float] = {}
    for node in toposort([root]):
        size[node] = 1.0 + sum(size[arg] for arg in node.args)
    return size[root]
