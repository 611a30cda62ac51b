"""Pictures of models: inputs, neurons, weights and the target, as in the notes' figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from steepest.expression import Expression
from steepest.neurons import Edge, Sheet, spread
from steepest.render.labels import figure, latex_figure, pretty, written
from steepest.render.latex import latex, latex_name
from steepest.render.palette import NEGATIVE, POSITIVE
from steepest.render.picture import Picture
from steepest.render.scene import SIZE, SMALL, Group, Point, Scene, Shape, Text, Wire, text_width
from steepest.render.scene_png import png
from steepest.render.scene_svg import svg
from steepest.render.scene_tikz import tikz
from steepest.structure import decompose

_GAP = 58.0  # between the middles of two columns
_MARGIN = 4.0
_LABELLED = 12  # edges between two columns up to which each says its weight
_LONGEST = 60  # characters of a formula that stands in a box


class Diagram(Picture):
    """A model as neurons in layers.

    Inputs stand on the left, the target on the right. A neuron says its activation; an edge its weight by name, or,
    once the model is fitted, by its number, its colour (and dashes where it is negative) and its width. Of wide layers
    the first and last neurons are drawn, and so are the first and last layers of a deep model.

    A formula that is not made of layers is drawn as one box between its inputs and its target.

    Made by :meth:`steepest.Model.diagram`.

    Attributes:
        title, description: for those who cannot see it.
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
        formula = f"{target} ~ {prediction}"
        self.title = f"Model {formula if len(formula) <= 100 else formula[:99] + '…'}"

    @cached_property
    def _sheet(self) -> Sheet | None:
        return None if self.structure is None else spread(self.structure, self.target, self.params, self._columns)

    @cached_property
    def description(self) -> str:  # type: ignore[override]  # long, and seldom asked for
        """What is to be seen, layer by layer."""
        if self._sheet is None:
            names = ", ".join(self.prediction.parameters)
            return f"A box with the formula between {', '.join(self.prediction.data)} and {self.target}; {names} in it."
        return self._sheet.description

    @cached_property
    def scene(self) -> Scene:
        """The drawing."""
        return _draw_box(self) if self._sheet is None else _draw(self._sheet)

    def svg(self) -> str:
        """The model as SVG; a weight's number is where one points at its edge."""
        return svg(self.scene, self.title, self.description)

    def tikz(self) -> str:
        """The model as a ``tikzpicture`` environment, no wider than a page of LaTeX's article."""
        return tikz(self.scene)

    def png(self) -> bytes:
        """The model as PNG, ink on white.

        Raises:
            PictureError: Matplotlib is not installed.
        """
        return png(self.scene, self.title, self.description)

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        """What it can be saved as."""
        return {"svg": lambda: self.svg().encode(), "png": self.png, "tex": lambda: self.tikz().encode()}

    def __str__(self) -> str:
        return f"{self.title}. {self.description}"


def _draw(sheet: Sheet) -> Scene:
    """Columns of neurons, each in the middle of the sheet's height."""
    tall = max(column.height for column in sheet.columns)
    left = max(text_width(spot.label) for spot in sheet.columns[0].spots)
    places: dict[str, Point] = {}
    x = _MARGIN + left
    for k, column in enumerate(sheet.columns):
        if k:
            x += max(_GAP, column.radius + sheet.columns[k - 1].radius + sheet.gap(k))
        y = _MARGIN + tall / 2 - column.height / 2
        for spot in column.spots:
            places[spot.key] = (x, y + spot.offset)
    top = _MARGIN + tall
    groups = _edges(sheet, places)
    radius = {spot.key: column.radius for column in sheet.columns for spot in column.spots}
    for column in sheet.columns:
        for spot in column.spots:
            groups.append(_spot(spot, places[spot.key], radius[spot.key]))
    right = x + max(text_width(spot.label) for spot in sheet.columns[-1].spots) + _MARGIN
    for column in sheet.columns:
        if column.caption and column.spots:
            at = places[column.spots[0].key][0]
            lines = [
                Text(at, top + 6 + 9 * k, text, tex, SMALL, role="caption")
                for k, (text, tex) in enumerate(column.caption)
            ]  # fmt: skip
            groups.append(Group(tuple(lines), role="captions"))
            right = max(right, at + max(text_width(text, SMALL) for text, _ in column.caption) / 2 + _MARGIN)
    bottom = top + 9 * max(len(column.caption) for column in sheet.columns) + _MARGIN
    if sheet.largest:
        groups.append(_legend(sheet.largest, bottom + 4))
        bottom += 12
        right = max(right, _MARGIN + 150)
    return Scene(right, bottom, tuple(groups))


def _edges(sheet: Sheet, places: Mapping[str, Point]) -> list[Group]:
    """The edges, and their weights where there is room for them."""
    radius = {spot.key: column.radius for column in sheet.columns for spot in column.spots}
    shown = {spot.key: spot for column in sheet.columns for spot in column.spots}
    per_gap: dict[str, int] = {}
    for edge in sheet.edges:
        per_gap[edge.gap] = per_gap.get(edge.gap, 0) + 1
    groups = []
    taken: list[tuple[float, float, float, float]] = []
    for edge in sheet.edges:
        start, end = places[edge.source], places[edge.target]
        plain = shown[edge.source].kind != "neuron"
        before = text_width(shown[edge.source].label) / 2 if plain else radius[edge.source]
        first = (start[0] + 3, start[1]) if plain else _on_circle(start, end, before)
        last = (
            (end[0] - 3, end[1]) if shown[edge.target].kind != "neuron" else _on_circle(end, start, radius[edge.target])
        )
        if shown[edge.target].kind == "ellipsis":
            last = (end[0] - 8, end[1])
        if shown[edge.source].kind == "ellipsis":
            first = (start[0] + 8, start[1])
        colour = "" if edge.value is None else NEGATIVE if edge.value < 0 else POSITIVE
        line = 0.7 if edge.value is None else 0.4 + 2.0 * abs(edge.value) / sheet.largest if sheet.largest else 0.4
        marks: list[Wire | Text] = [
            Wire(
                (first, last), colour=colour, line=line, dashed=(edge.value or 0.0) < 0, ends=(edge.source, edge.target)
            )
        ]
        if edge.label and per_gap[edge.gap] <= _LABELLED:
            text = _weight(edge, first, last, taken, colour)
            if text is not None:
                marks.append(text)
        groups.append(Group(tuple(marks), edge.title, "weight", f"{edge.source} {edge.target}"))
    return groups


def _on_circle(middle: Point, towards: Point, radius: float) -> Point:
    dx, dy = towards[0] - middle[0], towards[1] - middle[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    return middle[0] + radius * dx / length, middle[1] + radius * dy / length


_ALONG = (0.45, 0.35, 0.55, 0.28, 0.65, 0.2, 0.74)


def _weight(
    edge: Edge, first: Point, last: Point, taken: list[tuple[float, float, float, float]], colour: str
) -> Text | None:
    """The label of an edge, above its line and clear of other labels; None if there is no room."""
    width = text_width(edge.label, SMALL)
    slope = (last[1] - first[1]) / ((last[0] - first[0]) or 1.0)
    for share in _ALONG:
        x, y = (first[axis] + share * (last[axis] - first[axis]) for axis in (0, 1))
        y -= SMALL / 2 + 1 + abs(slope) * width / 2
        box = (x - width / 2, y - SMALL / 2, x + width / 2, y + SMALL / 2)
        if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            taken.append(box)
            return Text(x, y, edge.label, edge.latex, SMALL, colour=colour, role="weight")
    return None


def _spot(spot: Any, place: Point, radius: float) -> Group:
    x, y = place
    if spot.kind == "neuron":
        marks: list[Shape | Text] = [Shape(x, y, 2 * radius, 2 * radius, "circle", spot.key)]
        marks.append(Text(x, y, spot.label, spot.latex, role="activation"))
        if spot.below:
            below = latex_figure(spot.below)
            marks.append(Text(x, y + radius + 5, spot.below, below, SMALL, colour=spot.colour, role="bias"))
        return Group(tuple(marks), spot.title, "neuron", spot.key)
    if spot.kind == "ellipsis":
        return Group((Text(x, y, spot.label, spot.latex, role="ellipsis"),), spot.title, "ellipsis")
    width = text_width(spot.label)
    at = x - width / 2 if spot.kind == "input" else x + width / 2
    anchor = "end" if spot.kind == "input" else "start"
    room = Shape(at, y, width + 4, SIZE + 4, "none", spot.key)
    text = Text(x, y, spot.label, spot.latex, anchor=anchor, role="name", italic=True)
    return Group((room, text), spot.title, spot.kind, spot.key)


def _legend(largest: float, y: float) -> Group:
    """What colours and widths mean."""
    most = figure(largest, 3)
    marks = (
        Wire(((_MARGIN, y), (_MARGIN + 16, y)), False, POSITIVE, 1.6),
        Text(_MARGIN + 20, y, "> 0", "$>0$", SMALL, "start", role="legend"),
        Wire(((_MARGIN + 40, y), (_MARGIN + 56, y)), False, NEGATIVE, 1.6, True),
        Text(_MARGIN + 60, y, "< 0", "$<0$", SMALL, "start", role="legend"),
        Text(_MARGIN + 80, y, f"widest: {most}", f"widest: {latex_figure(most)}", SMALL, "start", role="legend"),
    )
    return Group(marks, "Weights by sign and size", "legend")


def _draw_box(diagram: Diagram) -> Scene:
    """Inputs, one box with the formula, the target."""
    prediction, target = diagram.prediction, diagram.target
    names = list(prediction.data) or [""]
    text = written(prediction, {})
    tex = f"${latex(prediction).replace('_{i}', '')}$"
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
    title = f"{diagram.title}; parameters {', '.join(_valued(diagram))}"
    groups.append(
        Group((Shape(x, y, width, height, "box", "f"), Text(x, y, text, tex, role="formula")), title, "formula")
    )  # fmt: skip
    end = x + width / 2 + 30
    shown = str(target)
    named = Text(end + 3, y, pretty(shown), f"${latex(target).replace('_{i}', '')}$", anchor="start", role="name",
                 italic=True)  # fmt: skip
    groups.append(Group((Wire(((x + width / 2, y), (end, y))), named), f"target {shown}", "target", shown))
    return Scene(end + 6 + text_width(shown) + _MARGIN, height + 2 * _MARGIN, tuple(groups))


def _valued(diagram: Diagram) -> list[str]:
    """The parameters, with their numbers if they are known."""
    found = []
    for name in diagram.prediction.parameters:
        value = diagram.params.get(name)
        number = isinstance(value, float | int) or (value is not None and getattr(value, "ndim", 1) == 0)
        found.append(f"{name} = {figure(float(value))}" if number else name)  # type: ignore[arg-type]
    return found
