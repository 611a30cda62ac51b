"""Folding a large graph by layer: which nodes go into one box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from steepest.calculus.layers import find_layers
from steepest.errors import PictureError
from steepest.expressions.expression import DATA, Expression
from steepest.expressions.traversal import toposort
from steepest.messages.hints import nearest
from steepest.messages.sentences import listed

UNFOLDED_UP_TO = 60
"""Nodes up to which a graph is drawn whole by default: about as many as a page shows legibly."""
MOST_DRAWN = 5000
"""Nodes that are drawn at most: a bound on the time of the layout."""
_ENDS = 2  # layers at either end of a run of folded ones that keep a box of their own
COST = "cost"


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes that are drawn as one box."""

    name: str  # of the layer's activation, a1, a2, …, or ``cost``; of several layers ``a3…a98``
    label: str  # the text in the box
    nodes: frozenset[Expression]
    members: tuple[str, ...]  # the names of the layers in it


def find_groups(root: Expression, nodes: Sequence[Expression], names: Mapping[Expression, str]) -> list[Group]:
    """Return the layers of a graph, from the data up, and last the nodes of the cost; empty if there are no layers.

    A parameter goes into the box of the layer that uses it, unless another uses it too; data are never folded.
    """
    layers = [layer.output for layer in find_layers(root)]
    place: dict[Expression, int] = {}
    for k, layer in enumerate([*layers, root] if layers and layers[-1] is not root else layers):
        for node in toposort([layer], stop=place.__contains__):
            if node.args:
                place.setdefault(node, k)
    users: dict[Expression, set[int]] = {}
    for node in nodes:
        for arg in node.args:
            if not arg.args:
                users.setdefault(arg, set()).add(place.get(node, -1))
    for leaf, using in users.items():
        if len(using) == 1 and leaf.operation is not DATA:
            place[leaf] = next(iter(using))
    inside: dict[int, list[Expression]] = {}
    for node in nodes:
        if layers and node in place:
            inside.setdefault(place[node], []).append(node)
    groups = []
    for k, members in sorted(inside.items()):
        name = names[layers[k]] if k < len(layers) else COST
        label = f"layer {k + 1}" if k < len(layers) else COST
        groups.append(Group(name, label, frozenset(members), (name,)))
    return groups


def folded(groups: Sequence[Group], unfold: str | Iterable[str] | None, size: int) -> list[Group]:
    """Return the groups that are drawn as boxes in a graph of so many nodes.

    The others are drawn node by node: those named, or ``"all"``; if left out, all of a graph of few nodes.
    """
    known = [group.name for group in groups]
    if unfold is None:
        unfold = "all" if size <= UNFOLDED_UP_TO else ()
    wanted = set(known if unfold == "all" else [unfold] if isinstance(unfold, str) else unfold)
    for name in wanted:
        if name not in known:
            there = f"the layers are {listed(known, 8)}" if known else "this graph has no layers, so it is drawn whole"
            raise PictureError(f"there is no layer {name!r} to unfold{nearest(name, known)}; {there}")
    boxes: list[Group] = []
    for is_open, run in groupby(groups, lambda group: group.name in wanted):
        boxes += [] if is_open else _joined(list(run))
    drawn = size - sum(len(box.nodes) - 1 for box in boxes)
    if drawn > MOST_DRAWN:
        remedy = "unfold fewer layers" if groups else "take a part of the formula"
        raise PictureError(f"this graph has {drawn:,} nodes, and at most {MOST_DRAWN:,} are drawn; {remedy}")
    return boxes


def _joined(run: list[Group]) -> list[Group]:
    """Join neighbouring folded layers: the middle of a long run gets one box."""
    if len(run) <= 2 * _ENDS + 2:
        return run
    first, middle, last = run[:_ENDS], run[_ENDS:-_ENDS], run[-_ENDS:]
    nodes = frozenset[Expression]().union(*(group.nodes for group in middle))
    members = tuple(name for group in middle for name in group.members)
    label = f"layers {middle[0].label.removeprefix('layer ')} … {middle[-1].label.removeprefix('layer ')}"
    return [*first, Group(f"{members[0]}…{members[-1]}", label, nodes, members), *last]
