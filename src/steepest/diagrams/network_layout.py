"""The layout of a network diagram: columns of nodes, the edges between them, their sizes and distances."""

from __future__ import annotations

from dataclasses import dataclass, replace

from steepest.display.scene import SIZE, SMALL, text_width

_WIDEST = 19.0  # points: a column of a two-column paper holds the inputs, three layers of such neurons and the target
_LEAST_RADIUS = 9.0  # points: a circle that looks like a neuron also around a single letter
_PADDING = 3.0  # points between the letters in a neuron and its circle
_CROSSING, _CROWDED = 4, 8  # labels in a gap beyond which its width is that of two, and of three: crossing edges have
# their labels at different shares of the way


@dataclass(frozen=True)
class Node:
    """An input, a neuron, an ellipsis or a target."""

    key: str  # what edges refer to
    kind: str  # ``input``, ``neuron``, ``ellipsis`` or ``target``
    label: str
    latex: str
    title: str
    below: str = ""  # the bias of a fitted neuron
    colour: str = ""
    offset: float = 0.0  # down from the top of its column


@dataclass(frozen=True)
class Column:
    """Nodes from top to bottom, and the lines of text beneath them, as text and as LaTeX."""

    nodes: tuple[Node, ...]
    caption: tuple[tuple[str, str], ...] = ()
    radius: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Edge:
    """An edge from one node to another; edges with the same ``gap`` share the space for labels."""

    source: str
    target: str
    label: str
    latex: str
    title: str
    value: float | None
    gap: str


@dataclass(frozen=True)
class NetworkLayout:
    """The columns and edges of a network diagram."""

    columns: tuple[Column, ...]
    edges: tuple[Edge, ...]
    largest: float  # the largest absolute weight of a fitted model; 0 for one that is not fitted
    description: str  # the model in sentences

    def gap(self, k: int) -> float:
        """Return the space between column k and the one before, for the labels of edges."""
        keys = {node.key for node in self.columns[k].nodes}
        widths = [text_width(edge.label, SMALL) for edge in self.edges if edge.target in keys and edge.label]
        labels = 1 if len(widths) <= _CROSSING else 2 if len(widths) <= _CROWDED else 3
        return 22.0 + labels * max(widths, default=0.0)  # 11 points at either end, where edges come close together


def letter_size(label: str) -> float:
    """Return the size of the letters in a neuron: small where the usual ones would make it wide."""
    return SIZE if text_width(label) / 2 + _PADDING <= _WIDEST else SMALL


def fits_neuron(label: str) -> bool:
    """Return whether a label fits into a neuron, at least in small letters."""
    return _radius(label) <= _WIDEST


def _radius(label: str) -> float:
    """Return the radius of a neuron that holds this label."""
    return text_width(label, letter_size(label)) / 2 + _PADDING


def place_nodes(column: Column, number: int) -> Column:
    """Return the column with the positions of its nodes."""
    neurons = [node for node in column.nodes if node.kind == "neuron"]
    radius = max([_LEAST_RADIUS, *(_radius(node.label) for node in neurons)]) if neurons else 0.0
    biased = any(node.below for node in neurons)
    pitch = 2 * radius + (13.0 if biased else 7.0) if neurons else SIZE + 10.0  # a bias takes a line below its neuron
    nodes, y = [], 0.0
    for k, node in enumerate(column.nodes):
        height = pitch if node.kind != "ellipsis" else 16.0
        nodes.append(replace(node, offset=y + height / 2, key=node.key or f"more{number}-{k}"))
        y += height
    return replace(column, nodes=tuple(nodes), radius=radius, height=y)
