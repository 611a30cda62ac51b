"""Layout by Graphviz, through pygraphviz: the positions of boxes and the curves of wires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steepest.display.scene import Point
from steepest.errors import MissingLibraryError

_POINT = 72.0  # points an inch, in which Graphviz states sizes
_MANY = 800  # boxes, with those of labels, beyond which the layout is coarser, since a good one would take minutes
_SPANNED = 15000  # ranks that all arcs together may span: Graphviz adds a box for each rank that an arc crosses


@dataclass(frozen=True)
class Box:
    """A box to be placed: its name and size in points."""

    name: str
    width: float
    height: float


@dataclass(frozen=True)
class Arc:
    """An arc from one box to another; ``label`` is the size of its label, None if it has no label."""

    source: str
    target: str
    label: tuple[float, float] | None = None


@dataclass(frozen=True)
class Layout:
    """The positions of boxes, arcs and labels, in points from the upper left corner."""

    width: float
    height: float
    places: dict[str, Point]  # the middle of each box
    curves: list[tuple[Point, ...]]  # Bézier points of each arc, as they were given
    labels: list[Point | None]  # the middle of each arc's label, if it has one


def lay_out(boxes: Sequence[Box], arcs: Sequence[Arc], gap: float = 10.0) -> Layout:
    """Place boxes from left to right.

    A label is placed as a box of its own through which its arc runs straight, so that its text lies above and below
    the line and nothing crosses it.
    """
    try:
        import pygraphviz
    except ImportError:
        raise MissingLibraryError(
            "laying out a graph needs", "pygraphviz", "pictures", "take the table or the DOT text, which do without"
        ) from None
    free = beyond_budget(boxes, arcs)
    graph = pygraphviz.AGraph(_text(boxes, [None if k in free else arc for k, arc in enumerate(arcs)], gap))
    graph.layout("dot")
    _, _, width, height = map(float, graph.graph_attr["bb"].split(","))

    def points(part: Any) -> tuple[Point, ...]:
        """Return the middle of a box, or the points of an edge, from the upper left corner."""
        pairs = (map(float, pair.split(",")) for pair in part.attr["pos"].split())
        return tuple((x, height - y) for x, y in pairs)

    places = {box.name: points(graph.get_node(box.name))[0] for box in boxes}
    curves: list[tuple[Point, ...]] = []
    labels: list[Point | None] = []
    size = {box.name: box.width for box in boxes}
    for k, arc in enumerate(arcs):
        if k in free:
            (x0, y0), (x1, y1) = places[arc.source], places[arc.target]
            curves.append(((x0 + size[arc.source] / 2, y0), (x1 - size[arc.target] / 2, y1)))
            labels.append(None)
        elif arc.label is None:
            curves.append(points(graph.get_edge(arc.source, arc.target, f"e{k}")))
            labels.append(None)
        else:
            first = points(graph.get_edge(arc.source, f"label{k}", f"e{k}a"))
            second = points(graph.get_edge(f"label{k}", arc.target, f"e{k}b"))
            curves.append((*first, first[-1], second[0], *second))
            labels += points(graph.get_node(f"label{k}"))
    graph.close()
    return Layout(width, height, places, curves, labels)


def beyond_budget(boxes: Sequence[Box], arcs: Sequence[Arc]) -> set[int]:
    """Return the longest arcs of a large graph, which are left out of the layout and drawn straight.

    An arc over k ranks is k − 1 boxes to Graphviz: a name that each of a thousand terms of a sum uses would take
    minutes. Each box keeps its shortest arc, so that nothing falls apart.
    """
    into: dict[str, list[str]] = {box.name: [] for box in boxes}
    users: dict[str, list[int]] = {box.name: [] for box in boxes}
    for k, arc in enumerate(arcs):
        into[arc.target].append(arc.source)
        users[arc.source].append(k)
    rank: dict[str, int] = {}
    for box in boxes:  # the source of an arc comes before its target
        rank[box.name] = max((rank[source] + 1 for source in into[box.name]), default=0)
    for name, sources in into.items():
        if not sources and users[name]:  # a box without incoming arcs is placed just before its first user
            rank[name] = min(rank[arcs[k].target] for k in users[name]) - 1
    span = [rank[arc.target] - rank[arc.source] for arc in arcs]
    kept = {min(using, key=span.__getitem__) for using in users.values() if using}
    spare = sum(span) - _SPANNED
    found: set[int] = set()
    for k in sorted(set(range(len(arcs))) - kept, key=lambda k: -span[k]):
        if spare <= 0:
            break
        found.add(k)
        spare -= span[k]
    return found


def _text(boxes: Sequence[Box], arcs: Sequence[Arc | None], gap: float) -> str:
    """Return the graph in DOT, with sizes alone."""
    many = len(boxes) + sum(arc is not None and arc.label is not None for arc in arcs) > _MANY
    # Limits on the iterations that improve order and positions, which would go on for minutes with thousands of boxes.
    tuned = "nslimit=1 nslimit1=1 mclimit=0.1 splines=line" if many else "splines=true ordering=in"
    lines = [
        "digraph {",
        f"rankdir=LR ranksep={gap / _POINT:.3f} nodesep={(4.0 if many else 7.0) / _POINT:.3f} {tuned}",
        'node [shape=box fixedsize=true label=""] edge [dir=none]',
    ]
    lines += [f"{box.name} [width={box.width / _POINT:.4f} height={box.height / _POINT:.4f}]" for box in boxes]
    for k, arc in enumerate(arcs):
        if arc is None:
            continue
        if arc.label is None:
            lines.append(f"{arc.source} -> {arc.target} [key=e{k}]")
            continue
        width, height = arc.label
        lines.append(f"label{k} [width={width / _POINT:.4f} height={height / _POINT:.4f}]")
        lines.append(f"{arc.source} -> label{k} [key=e{k}a headport=w]")
        lines.append(f"label{k} -> {arc.target} [key=e{k}b tailport=e]")
    return "\n".join([*lines, "}"])
