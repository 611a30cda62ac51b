"""The drawing of a graph: gates and names, the value above each wire and the gradient below it; and its DOT text."""

from __future__ import annotations

from steepest.diagrams.graph.view import Box, Link, View
from steepest.display import graphviz
from steepest.display.labels import latex_figure
from steepest.display.palette import BLUE, GREEN, VERMILION
from steepest.display.scene import SMALL, Group, Point, Scene, Shape, Text, Wire, point_at, text_width

VALUE, GRADIENT = GREEN, VERMILION
# All lengths are in points, for letters of 8 and 6.5 points.
_GATE = 17.0  # the diameter of a gate with one sign: twice the height of its letters
_NAME = 11.0  # the height of a name: its letters with a little air, so that wires do not touch them
_MARGIN = 3.0  # around the drawing, more than half the width of any line
_BELOW = 9.0  # the height of a line of small letters beneath a box
_GAP = 7.0  # between ranks where labels have boxes of their own, which keep them apart already
_WIDE_GAP = 44.0  # between ranks where labels have none: about as wide as a label of six digits
_MANY = 800  # boxes and links up to which labels have boxes: more would keep Graphviz busy for minutes


def draw(view: View) -> Scene:
    """Lay a view out and draw it."""
    many = len(view.boxes) + len(view.links) > _MANY
    boxes = [graphviz.Box(box.key, _width(box), _height(box)) for box in view.boxes]
    boxes.append(graphviz.Box("out", 0.5, 0.5))
    arcs = [graphviz.Arc(link.source, link.target or "out", None if many else _label_size(link)) for link in view.links]
    layout = graphviz.lay_out(boxes, arcs, _WIDE_GAP if many else _GAP)
    groups: list[Group] = []
    known = {box.key: box for box in view.boxes}
    for link, curve, label in zip(view.links, layout.curves, layout.labels, strict=True):
        first = _edge_of(known[link.source], layout.places[link.source], curve[0])
        last = _edge_of(known[link.target], layout.places[link.target], curve[-1]) if link.target else curve[-1]
        middle = None if label is None else _moved(label)[0]
        groups.append(_link(link, _moved(first, *curve[1:-1], last), middle))
    for box in view.boxes:
        groups.append(_box(box, *_moved(layout.places[box.key])[0]))
    return Scene(layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN, tuple(groups))


def _moved(*points: Point) -> tuple[Point, ...]:
    """Move points by the margin around the drawing."""
    return tuple((x + _MARGIN, y + _MARGIN) for x, y in points)


def _width(box: Box) -> float:
    beneath = text_width(f"Σ {box.gradient}", SMALL) if box.gradient else 0.0
    return max(_body(box), text_width(box.below, SMALL), beneath)


def _body(box: Box) -> float:
    """Return the width of the gate itself."""
    if box.kind == "leaf":
        return max(text_width(box.label) + 3, 8.0)
    own = text_width(box.label) + 8
    return max(own, _GATE) if box.kind == "operation" else max(own, 40.0)


def _height(box: Box) -> float:
    # Lines beneath a gate take as much space above it, since Graphviz ends wires at the middle of a box.
    body = _NAME if box.kind == "leaf" else _GATE
    return body + 2 * _BELOW * (bool(box.below) + bool(box.gradient))


def _label_size(link: Link) -> tuple[float, float]:
    return max(text_width(link.value, SMALL), text_width(link.gradient, SMALL)) + 4, 2 * SMALL + 5


def _box(box: Box, x: float, y: float) -> Group:
    marks: list[Shape | Text] = []
    body = _body(box)
    if box.kind == "leaf":
        marks.append(Text(x, y, box.label, box.latex, role="name", italic=True))
        base = y + _NAME / 2
    else:
        fill = BLUE if box.kind == "group" else ""
        marks.append(Shape(x, y, body, _GATE, "circle" if _is_round(box) else "box", fill=fill))
        marks.append(Text(x, y, box.label, box.latex, role="operation" if box.kind == "operation" else "label"))
        base = y + _GATE / 2
    if box.below:
        base += _BELOW / 2
        marks.append(Text(x, base, box.below, box.latex_below, SMALL, role="name", italic=box.kind == "operation"))
        base += _BELOW / 2
    if box.gradient:
        latex = f"$\\Sigma$ {latex_figure(box.gradient)}"
        marks.append(Text(x, base + _BELOW / 2, f"Σ {box.gradient}", latex, SMALL, colour=GRADIENT, role="sum"))
    return Group(tuple(marks), box.title, box.kind, box.name)


def _link(link: Link, curve: tuple[Point, ...], label: Point | None) -> Group:
    x, y = label or point_at(curve, 0.5)
    marks: list[Wire | Text] = [
        Wire(curve, arrow=bool(link.target)),
        Text(x, y - SMALL / 2 - 1.5, link.value, latex_figure(link.value), SMALL, colour=VALUE, role="value"),
        Text(x, y + SMALL / 2 + 1.5, link.gradient, latex_figure(link.gradient), SMALL, colour=GRADIENT,
             role="gradient"),
    ]  # fmt: skip
    return Group(tuple(marks), link.title, "edge", f"{link.source} {link.target}".strip())


def _edge_of(box: Box, middle: Point, point: Point) -> Point:
    """Return the point where an edge meets the drawn box rather than Graphviz's cell."""
    dx, dy = point[0] - middle[0], point[1] - middle[1]
    if not (dx or dy):
        return point
    half = _body(box) / 2
    if _is_round(box):
        share = half / (dx * dx + dy * dy) ** 0.5
    else:
        tall = _NAME if box.kind == "leaf" else _GATE
        share = min(half / abs(dx) if dx else 1e9, tall / 2 / abs(dy) if dy else 1e9)
    return middle[0] + share * dx, middle[1] + share * dy


def _is_round(box: Box) -> bool:
    return box.kind == "operation" and _body(box) <= _GATE


_SHAPES = {"leaf": "plaintext", "operation": "circle", "group": "box"}


def dot(view: View, title: str) -> str:
    """Write the boxes and links with their labels and numbers as DOT text, for Graphviz and other programs."""
    lines = [
        f"digraph {_quoted(title)} {{",
        "  rankdir=LR",
        '  node [fontname="Helvetica" fontsize=10] edge [fontname="Helvetica" fontsize=8]',
    ]
    for box in view.boxes:
        below = f" xlabel={_quoted(box.below)}" if box.below else ""
        label = f"label={_quoted(box.label)} shape={_SHAPES[box.kind]}{below}"
        lines.append(f"  {box.key} [{label} tooltip={_quoted(box.title)}]")
    lines.append('  out [label="" shape=none width=0 height=0]')
    for link in view.links:
        label = _quoted(f"{link.value}\n{link.gradient}")
        lines.append(f"  {link.source} -> {link.target or 'out'} [label={label} tooltip={_quoted(link.title)}]")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    """Return a quoted text as DOT reads it, with backslashes taken literally."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'
