"""Pictures of models: inputs, neurons, weights and the target, as in the notes' figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from numpy.typing import ArrayLike

from steepest.calculus.layers import decompose
from steepest.diagrams.network_building import lay_out
from steepest.diagrams.network_layout import NetworkLayout, Node, letter_size
from steepest.display.labels import figure, latex_figure, pretty, written
from steepest.display.palette import NEGATIVE, POSITIVE
from steepest.display.picture import Picture
from steepest.display.scene import SIZE, SMALL, Group, Point, Scene, Shape, Text, Wire, text_width
from steepest.display.scene_png import png
from steepest.display.scene_svg import svg
from steepest.display.scene_tikz import tikz
from steepest.expressions.expression import Expression
from steepest.expressions.latex import latex_name, latex_without_index
from steepest.messages.sentences import short

_GAP = 58.0  # points between the middles of two columns: four columns fit into one of a two-column paper
_MARGIN = 4.0  # points around the drawing, more than half the width of any line
_WIDEST = 1.4  # points that the line of the largest weight is wider than that of weight 0
_SPREAD = 0.75  # of the tallest column's height, to which shorter columns are spread so that fewer edges cross
_LABELLED = 12  # edges between two columns up to which they are labelled; more labels would cover each other
_LONGEST = 60  # characters of a formula in a box; a longer one would not fit a page


class Diagram(Picture):
    """A model as neurons in layers.

    Inputs are on the left, the target is on the right. Neurons show their activation. Edges show the name of their
    weight; once the model is fitted, its number, and by colour, dashes and width its sign and size. A number that would
    cover another is shown only as the tooltip of its edge. Wide layers and deep models are drawn by their first and
    last neurons and layers.

    A formula that is not made of layers is drawn as one box between its inputs and its target.

    Made by :meth:`steepest.Model.diagram`.

    Attributes:
        title, description: the model in words, for readers who cannot see the picture.
    """

    def __init__(
        self, prediction: Expression, target: Expression, params: Mapping[str, ArrayLike] | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:  # fmt: skip
        self.prediction, self.target = prediction, target
        known = dict(params or {})
        self.params = known if set(prediction.parameters) <= set(known) else {}
        self.structure = decompose(prediction)
        self._columns = dict(columns or {})
        self.title = f"Model {short(f'{target} ~ {prediction}', 100)}"

    @cached_property
    def _layout(self) -> NetworkLayout | None:
        return None if self.structure is None else lay_out(self.structure, self.target, self.params, self._columns)

    @cached_property
    def description(self) -> str:  # type: ignore[override]  # long, and seldom asked for
        """The model in sentences, layer by layer."""
        if self._layout is None:
            names = ", ".join(self.prediction.parameters)
            return f"A box with the formula between {', '.join(self.prediction.data)} and {self.target}; {names} in it."
        return self._layout.description

    @cached_property
    def scene(self) -> Scene:
        """The drawing."""
        return _draw_box(self) if self._layout is None else _draw(self._layout)

    def svg(self) -> str:
        """Return the model as SVG; a weight's number is the tooltip of its edge."""
        return svg(self.scene, self.title, self.description)

    def tikz(self) -> str:
        """Return the model as a ``tikzpicture`` environment, no wider than a page of LaTeX's article."""
        return tikz(self.scene)

    def png(self) -> bytes:
        """Return the model as PNG, ink on white.

        Raises:
            PictureError: Matplotlib is not installed.
        """
        return png(self.scene, self.title, self.description)

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        """Return the formats in which it can be saved."""
        return {"svg": lambda: self.svg().encode(), "png": self.png, "tex": lambda: self.tikz().encode()}

    def __str__(self) -> str:
        return f"{self.title}. {self.description}"


def _draw(layout: NetworkLayout) -> Scene:
    """Draw columns of neurons, each centred in the height of the drawing."""
    tall = max(column.height for column in layout.columns)
    places: dict[str, Point] = {}
    x = _MARGIN + max(text_width(node.label) for node in layout.columns[0].nodes)
    for k, column in enumerate(layout.columns):
        if k:
            x += max(_GAP, column.radius + layout.columns[k - 1].radius + layout.gap(k))
        # Few nodes are spread further apart, so that edges and their labels cross less.
        extra = max(0.0, _SPREAD * tall - column.height) / max(len(column.nodes) - 1, 1)
        whole = column.height + extra * (len(column.nodes) - 1)
        y = _MARGIN + tall / 2 - whole / 2
        for row, node in enumerate(column.nodes):
            places[node.key] = (x, y + node.offset + extra * row)
    for edge in layout.edges:
        if edge.gap == "target":  # each target level with its neuron
            places[edge.target] = (places[edge.target][0], places[edge.source][1])
    top = _MARGIN + tall
    groups = _edges(layout, places)
    groups += [_node(node, places[node.key], column.radius) for column in layout.columns for node in column.nodes]
    right = x + max(text_width(node.label) for node in layout.columns[-1].nodes) + _MARGIN
    for column in layout.columns:
        if column.caption and column.nodes:
            at = places[column.nodes[0].key][0]
            lines = [Text(at, top + 6 + 9 * k, *line, SMALL, role="caption") for k, line in enumerate(column.caption)]
            groups.append(Group(tuple(lines), role="captions"))
            right = max(right, at + max(text_width(text, SMALL) for text, _ in column.caption) / 2 + _MARGIN)
    bottom = top + 9 * max(len(column.caption) for column in layout.columns) + _MARGIN
    if layout.largest:
        groups.append(_legend(layout.largest, bottom + 4))
        bottom += 12
        right = max(right, _MARGIN + 180)  # the width of the legend
    return Scene(right, bottom, tuple(groups))


def _edges(layout: NetworkLayout, places: Mapping[str, Point]) -> list[Group]:
    """Draw the edges, and their weights where there are few enough."""
    radius = {node.key: column.radius for column in layout.columns for node in column.nodes}
    kinds = {node.key: node.kind for column in layout.columns for node in column.nodes}
    per_gap = Counter(edge.gap for edge in layout.edges)
    lines = {}
    for edge in layout.edges:
        start, end = places[edge.source], places[edge.target]
        first = _end(kinds[edge.source], start, end, radius[edge.source], 1.0)
        lines[edge] = first, _end(kinds[edge.target], end, start, radius[edge.target], -1.0)
    groups, texts = [], []
    taken = [_bias_box(node, places[node.key], radius[node.key]) for column in layout.columns for node in column.nodes]
    for edge, (first, last) in lines.items():
        colour = "" if edge.value is None else NEGATIVE if edge.value < 0 else POSITIVE
        share = abs(edge.value) / layout.largest if edge.value is not None and layout.largest else 0.0
        line = 0.7 if edge.value is None else 0.4 + _WIDEST * share
        ends = (edge.source + _SIDES.get(kinds[edge.source], ""), edge.target + _SIDES.get(kinds[edge.target], ""))
        wire = Wire((first, last), colour=colour, line=line, dashed=(edge.value or 0.0) < 0, ends=ends)
        groups.append(Group((wire,), edge.title, "weight", f"{edge.source} {edge.target}"))
        if edge.label and per_gap[edge.gap] <= _LABELLED:
            others = [line for other, line in lines.items() if other.gap == edge.gap and other is not edge]
            place = _free_place(edge.label, first, last, others, taken)
            if place is None:  # its number is only in the tooltip of the edge
                continue
            text = Text(*place, edge.label, edge.latex, SMALL, colour=colour, role="weight", halo=True)
            texts.append(Group((text,), edge.title, "label", f"{edge.source} {edge.target}"))
    return [*groups, *texts]


_SIDES = {"input": ".east", "target": ".west"}


def _end(kind: str, place: Point, other: Point, radius: float, side: float) -> Point:
    """Return the point where an edge meets the mark of a node."""
    if kind == "neuron":
        dx, dy = other[0] - place[0], other[1] - place[1]
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        return place[0] + radius * dx / length, place[1] + radius * dy / length
    return place[0] + side * (8.0 if kind == "ellipsis" else 3.0), place[1]


_COVERED = 1000  # the cost of covering another label, above that of any number of lines: such a place is not taken
_Box = tuple[float, float, float, float]
# Shares of the way along an edge at which its label is tried: near the middle first, where edges are far from the
# neurons, and before the middle, where those to the same neuron are still apart.
_ALONG = (0.45, 0.35, 0.55, 0.28, 0.65, 0.22, 0.72, 0.16, 0.8)


def _free_place(
    label: str, first: Point, last: Point, others: list[tuple[Point, Point]], taken: list[_Box]
) -> Point | None:
    """Return a position for a label next to its line that covers few lines; None if it would cover a label."""
    width = text_width(label, SMALL) + 2
    slope = (last[1] - first[1]) / ((last[0] - first[0]) or 1.0)
    best: tuple[int, Point, _Box] | None = None
    off = SMALL / 2 + 2 + abs(slope) * width / 2
    aside = width / 2 + 3 + SMALL / 2 / (abs(slope) or 1.0)
    # Above or below a flat line, to the left or right of a steep one.
    moves = ((0.0, -off), (0.0, off)) if abs(slope) < 0.6 else ((-aside, 0.0), (aside, 0.0))
    for share in _ALONG:
        for dx, dy in moves:
            x = first[0] + share * (last[0] - first[0]) + dx
            y = first[1] + share * (last[1] - first[1]) + dy
            box = (x - width / 2, y - SMALL / 2, x + width / 2, y + SMALL / 2)
            cost = (
                4 * (box[0] < first[0] + 1 or box[2] > last[0] - 4)
                + sum(_COVERED for other in taken if _overlap(box, other))
                + sum(_crosses(line, box) for line in others)
            )
            if best is None or cost < best[0]:
                best = (cost, (x, y), box)
    assert best is not None  # there are places to try
    if best[0] >= _COVERED:
        return None
    taken.append(best[2])
    return best[1]


def _bias_box(node: Node, place: Point, radius: float) -> _Box:
    """Return the box of a neuron's bias."""
    half = text_width(node.below, SMALL) / 2
    y = place[1] + radius + 5
    return place[0] - half, y - SMALL / 2, place[0] + half, y + SMALL / 2


def _overlap(a: _Box, b: _Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _crosses(line: tuple[Point, Point], box: _Box) -> bool:
    """Return whether a line passes through a box, by its heights at the left and right of the box."""
    (x0, y0), (x1, y1) = line
    shares = (min(max((x - x0) / ((x1 - x0) or 1.0), 0.0), 1.0) for x in (box[0], box[2]))
    heights = [y0 + share * (y1 - y0) for share in shares]
    return min(heights) < box[3] and max(heights) > box[1]


def _node(node: Node, place: Point, radius: float) -> Group:
    x, y = place
    if node.kind == "neuron":
        marks: list[Shape | Text] = [
            Shape(x, y, 2 * radius, 2 * radius, "circle", node.key),
            Text(x, y, node.label, node.latex, letter_size(node.label), role="activation"),
        ]
        if node.below:
            below = latex_figure(node.below)
            marks.append(Text(x, y + radius + 5, node.below, below, SMALL, colour=node.colour, role="bias", halo=True))
        return Group(tuple(marks), node.title, "neuron", node.key)
    if node.kind == "ellipsis":
        return Group((Text(x, y, node.label, node.latex, role="ellipsis"),), node.title, "ellipsis")
    width = text_width(node.label)
    at, anchor = (x - width / 2, "end") if node.kind == "input" else (x + width / 2, "start")
    area = Shape(at, y, width + 4, SIZE + 4, "none", node.key)  # not drawn; edges of TikZ end at it
    text = Text(x, y, node.label, node.latex, anchor=anchor, role="name", italic=True)
    return Group((area, text), node.title, node.kind, node.key)


def _legend(largest: float, y: float) -> Group:
    """Draw the legend of colours and widths."""
    most = figure(largest, 3)
    marks = (
        Wire(((_MARGIN, y), (_MARGIN + 16, y)), False, POSITIVE, 1.6),
        Text(_MARGIN + 20, y, "> 0", "$>0$", SMALL, "start", role="legend"),
        Wire(((_MARGIN + 40, y), (_MARGIN + 56, y)), False, NEGATIVE, 1.6, True),
        Text(_MARGIN + 60, y, "< 0", "$<0$", SMALL, "start", role="legend"),
        Text(_MARGIN + 80, y, f"thickest line: |w| = {most}", f"thickest line: $|w| =$ {latex_figure(most)}", SMALL,
             "start", role="legend"),
    )  # fmt: skip
    return Group(marks, "Weights by sign and size", "legend")


def _draw_box(diagram: Diagram) -> Scene:
    """Draw inputs, one box with the formula, the target."""
    prediction, target = diagram.prediction, diagram.target
    names = list(prediction.data) or [""]
    text = written(prediction, {})
    tex = f"${latex_without_index(prediction)}$"
    if len(text) > _LONGEST:
        listed = prediction.parameters
        few = [*listed[:3], "…", listed[-1]] if len(listed) > 4 else listed
        text = f"f({', '.join(names[:3])}{', …' if len(names) > 3 else ''}; {', '.join(few)})"
        tex = ""
    left = _MARGIN + max(text_width(name) for name in names)
    width, height = text_width(text) + 16, max(24.0, 16.0 * len(names))
    x, y = left + 30 + width / 2, _MARGIN + height / 2
    groups = []
    for k, name in enumerate(names):
        if name:
            at = y + 16.0 * (k - (len(names) - 1) / 2)
            marks = (Text(left, at, pretty(name), f"${latex_name(name)}$", anchor="end", role="name", italic=True),
                     Wire(((left + 3, at), (x - width / 2, at))))  # fmt: skip
            groups.append(Group(marks, f"input {name}", "input", name))
    box = Shape(x, y, width, height, "box", "f"), Text(x, y, text, tex, role="formula")
    groups.append(Group(box, f"{diagram.title}; parameters {', '.join(_valued(diagram))}", "formula"))
    end = x + width / 2 + 30
    shown = str(target)
    named = Text(end + 3, y, pretty(shown), f"${latex_without_index(target)}$", anchor="start", role="name",
                 italic=True)  # fmt: skip
    groups.append(Group((Wire(((x + width / 2, y), (end, y))), named), f"target {shown}", "target", shown))
    return Scene(end + 6 + text_width(shown) + _MARGIN, height + 2 * _MARGIN, tuple(groups))


def _valued(diagram: Diagram) -> list[str]:
    """Return the names of the parameters, with their values where these are known numbers."""
    found = []
    for name in diagram.prediction.parameters:
        value = diagram.params.get(name)
        number = isinstance(value, float | int) or (value is not None and getattr(value, "ndim", 1) == 0)
        found.append(f"{name} = {figure(float(value))}" if number else name)  # type: ignore[arg-type]
    return found
