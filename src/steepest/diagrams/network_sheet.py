"""A structure spread over a sheet: which neurons of which layers are drawn, what they and their edges say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.calculus.layers import Structure, Term, WeightedLayer
from steepest.display.labels import figure, latex_figure, latex_sign, pretty, sign, written
from steepest.display.palette import NEGATIVE, POSITIVE
from steepest.display.scene import SIZE, SMALL, text_width
from steepest.engines import evaluate
from steepest.expressions.expression import CONSTANT, Expression, leaf
from steepest.expressions.expression import DATA as _DATA
from steepest.expressions.latex import latex, latex_name

MOST = 7
"""Spots of a column; of more the first and the last are drawn."""
_MOST_COLUMNS = 8  # layers; of more the first three and the last two are drawn
_WIDEST = 19.0  # the largest radius of a neuron
_CROSSING, _CROWDED = 4, 8  # edges beyond which labels stand two, and three, side by side
_BIASED = 8  # neurons of a column up to which each says its bias

Array = NDArray[Any]


@dataclass(frozen=True)
class Spot:
    """Something in a column: an input, a neuron, an ellipsis or the target.

    Attributes:
        below: the bias of a fitted neuron.
        offset: down from the top of its column.
    """

    key: str
    kind: str
    label: str
    latex: str
    title: str
    below: str = ""
    colour: str = ""
    offset: float = 0.0


@dataclass(frozen=True)
class Column:
    """Spots one above the other, and lines beneath them, as text and as LaTeX."""

    spots: tuple[Spot, ...]
    caption: tuple[tuple[str, str], ...] = ()
    radius: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Edge:
    """From one spot to another; ``gap`` tells the edges that share the room for labels."""

    source: str
    target: str
    label: str
    latex: str
    title: str
    value: float | None
    gap: str


@dataclass(frozen=True)
class Sheet:
    """All that is drawn.

    Attributes:
        largest: the size of the largest weight of a fitted model; 0 for one that is not.
        description: it in sentences.
    """

    columns: tuple[Column, ...]
    edges: tuple[Edge, ...]
    largest: float
    description: str

    def gap(self, k: int) -> float:
        """Room between column k and the one before, for the labels of edges."""
        keys = {spot.key for spot in self.columns[k].spots}
        widths = [text_width(edge.label, SMALL) for edge in self.edges if edge.target in keys and edge.label]
        beside = 1 if len(widths) <= _CROSSING else 2 if len(widths) <= _CROWDED else 3
        return 22.0 + beside * max(widths, default=0.0)


@dataclass
class _Spreader:
    """Collects spots and edges."""

    structure: Structure
    target: Expression
    params: Mapping[str, ArrayLike]
    columns: Mapping[str, Sequence[str]]
    keys: dict[tuple[Expression, int], str] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.depth = max(layer.level for layer in self.structure.layers)
        self.layered = self.depth > 1 and all(
            _digits(name) == str(layer.level)
            for layer in self.structure.layers
            for part in [*(term.weight for term in layer.terms), *(bias for bias, _ in layer.biases)]
            if part is not None
            for name in part.parameters
        )

    # -- what things are called --------------------------------------------------------------------------------

    def name(self, part: Expression, negative: bool = False) -> tuple[str, str]:
        """A weight or bias, as text and as LaTeX."""
        sign_ = "−" if negative else ""
        if part.operation is CONSTANT:
            text = figure(-part.value if negative else part.value)
            return text, latex_figure(text)
        if part.name:
            written_ = latex_name(part.name, layer=self.layered)
            return sign_ + pretty(part.name, self.layered), f"${'-' if negative else ''}{written_}$"
        return f"{sign_}{written(part, {})}", f"${'-' if negative else ''}{latex(part)}$"

    def value(self, part: Expression | None, negative: bool = False) -> Array | None:
        """The numbers of a weight or bias, if they are known; 1 for no weight."""
        if part is None:
            found = np.asarray(1.0)
        elif part.parameters and not self.params:
            return None
        else:
            found = np.asarray(evaluate(part, self.params))
        return -found if negative else found


def spread(
    structure: Structure, target: Expression, params: Mapping[str, ArrayLike], columns: Mapping[str, Sequence[str]]
) -> Sheet:
    """Spread a structure over columns.

    Args:
        structure: the layers.
        target: what the prediction is for.
        params: the fitted parameters; empty for a model that is not fitted.
        columns: the names of the columns of a block.
    """
    maker = _Spreader(structure, target, params, columns)
    found = [_inputs(maker)]
    levels = range(1, maker.depth + 1)
    hidden = list(levels)[3:-2] if maker.depth > _MOST_COLUMNS else []
    for level in levels:
        if level in hidden:
            if level == hidden[0]:
                label = f"layers {hidden[0]} to {hidden[-1]} are not drawn"
                found.append(Column((Spot("skipped", "ellipsis", "⋯", r"$\cdots$", label),)))
            continue
        found.append(_column(maker, level))
    _wire(maker, hidden)
    found.append(_targets(maker, structure.layers[-1]))
    laid = tuple(_laid(column, k) for k, column in enumerate(found))
    fitted = [abs(edge.value) for edge in maker.edges if edge.value is not None and maker.params]
    return Sheet(laid, tuple(maker.edges), max(fitted, default=0.0), _described(maker))


def _digits(name: str) -> str:
    return name[len(name.rstrip("0123456789")) :]


def _kept(size: int) -> list[int | None]:
    """The elements that are drawn, None for an ellipsis."""
    return list(range(size)) if size <= MOST else [*range(MOST - 3), None, size - 1]


def _inputs(maker: _Spreader) -> Column:
    spots: list[Spot] = []
    everything = [(node, k) for node in maker.structure.inputs for k in range(node.shape[0] if node.shape else 1)]
    for at in _kept(len(everything)):
        if at is None:
            spots.append(_ellipsis(f"{len(everything)} inputs"))
            continue
        node, k = everything[at]
        text, tex = _input_name(maker, node, k)
        key = f"x{at + 1}"
        maker.keys[node, k] = key
        spots.append(Spot(key, "input", text, tex, f"input {text}"))
    return Column(tuple(spots))


def _input_name(maker: _Spreader, node: Expression, k: int) -> tuple[str, str]:
    if not node.shape:
        if node.name:
            return pretty(node.name), f"${latex_name(node.name)}$"
        return written(node, {}), f"${latex(node).replace('_{i}', '')}$"
    named = maker.columns.get(node.name)
    if named and len(named) == node.shape[0]:
        return named[k], f"${latex_name(named[k])}$"
    stem = node.name.lower() if len(node.name) == 1 else node.name or "x"
    return pretty(f"{stem}{k + 1}"), f"${latex_name(f'{stem}{k + 1}')}$"


def _ellipsis(title: str) -> Spot:
    return Spot("", "ellipsis", "⋮", r"$\vdots$", title)


def _column(maker: _Spreader, level: int) -> Column:
    """The neurons of one level."""
    layers = [layer for layer in maker.structure.layers if layer.level == level]
    everything = [(layer, k) for layer in layers for k in range(layer.size)]
    spots: list[Spot] = []
    caption: dict[tuple[str, str], None] = {}
    for at in _kept(len(everything)):
        if at is None:
            spots.append(_ellipsis(f"{len(everything)} neurons"))
            continue
        layer, k = everything[at]
        spots.append(_neuron(maker, layer, k, f"n{level}-{at + 1}", len(everything), caption))
    for layer in layers:
        if layer.output.shape and not maker.params:
            caption |= dict.fromkeys(_shapes(maker, layer))
    if len(everything) > MOST:
        caption = {(f"{len(everything)} neurons",) * 2: None, **caption}
    return Column(tuple(spots), tuple(caption))


def _neuron(
    maker: _Spreader, layer: WeightedLayer, k: int, key: str, beside: int, caption: dict[tuple[str, str], None]
) -> Spot:
    maker.keys[layer.output, k] = key
    text, tex = _activation(layer, caption)
    said = f"neuron {k + 1} of layer {layer.level}, {text or 'a weighted sum'}"
    values = [maker.value(bias, negative) for bias, negative in layer.biases]
    below = colour = ""
    if maker.params and layer.biases:
        total = sum(float(v if v is None or not v.ndim else v[k]) for v in values if v is not None)
        said += f", bias {figure(total)}"
        if beside <= _BIASED:
            below, colour = figure(total, 3), NEGATIVE if total < 0 else POSITIVE
    elif not layer.output.shape:
        names = [maker.name(bias, negative) for bias, negative in layer.biases]
        said += "".join(f", bias {name}" for name, _ in names)
        alone = _alone(layer) if maker.depth == 1 else None
        if alone is not None:  # the notes write the one weight of a line into its neuron
            text, tex = maker.name(alone)
        elif names:
            text = ", ".join([text or "Σ", *(name for name, _ in names)])
            tex = "$" + ", ".join([tex.strip("$"), *(name.strip("$") for _, name in names)]) + "$"
    return Spot(key, "neuron", text or "Σ", tex, said, below, colour)


def _alone(layer: WeightedLayer) -> Expression | None:
    """The weight of a layer that does nothing but multiply by it."""
    if not layer.is_linear or layer.biases or len(layer.terms) != 1 or layer.terms[0].negative:
        return None
    return layer.terms[0].weight


def _activation(layer: WeightedLayer, caption: dict[tuple[str, str], None]) -> tuple[str, str]:
    """The sign of what is applied to the sum; a formula that is too long for a neuron stands beneath the column."""
    if layer.is_linear:
        return "", r"$\Sigma$"
    if layer.output.args == (layer.total,):
        text, tex = sign(layer.output), f"${latex_sign(layer.output)}$"
        if "•" not in text and radius_of(text) <= _WIDEST:
            return text, tex
        if "•" not in text:
            caption[(f"g = {text}", rf"$g = {tex.strip('$')}$")] = None
            return "g", "$g$"
    z = leaf(_DATA, "z", layer.total.shape)
    body = layer.activation(z)
    caption[(f"g(z) = {written(body, {})}", f"$g(z) = {latex(body).replace('_{i}', '')}$")] = None
    return "g", "$g$"


def _shapes(maker: _Spreader, layer: WeightedLayer) -> list[tuple[str, str]]:
    """The names of matrices and vectors with their shapes."""
    lines = []
    for part in [*(term.weight for term in layer.terms), *(bias for bias, _ in layer.biases)]:
        if part is not None and part.shape:
            text, tex = maker.name(part)
            size = " × ".join(map(str, part.shape))
            lines.append((f"{text}: {size}", f"{tex}: ${size.replace('×', chr(92) + 'times')}$"))
    return lines


def _wire(maker: _Spreader, hidden: Sequence[int]) -> None:
    """The edges between spots that are drawn."""
    level_of = {layer.output: layer.level for layer in maker.structure.layers}
    for layer in maker.structure.layers:
        if layer.level in hidden:
            continue
        for term in layer.terms:
            value = maker.value(term.weight, term.negative)
            gap = f"{level_of.get(term.source, 0)} {layer.level}"
            if level_of.get(term.source) in hidden:
                for j in range(layer.size):
                    if (layer.output, j) in maker.keys:
                        to = maker.keys[layer.output, j]
                        maker.edges.append(Edge("skipped", to, "", "", "", None, gap))
                continue
            for (source, i), start in list(maker.keys.items()):
                if source is term.source:
                    _join(maker, layer, term, i, start, value, gap)
    if hidden:
        for layer in maker.structure.layers:
            if layer.level == hidden[0] - 1:
                for j in range(layer.size):
                    if (layer.output, j) in maker.keys:
                        start = maker.keys[layer.output, j]
                        maker.edges.append(Edge(start, "skipped", "", "", "", None, "skipped"))


def _join(
    maker: _Spreader, layer: WeightedLayer, term: Term, i: int, start: str, value: Array | None, gap: str
) -> None:
    """The edges from one element of a source."""
    for j in range(layer.size):
        end, place = maker.keys.get((layer.output, j)), term.place(i, j)
        if end is None or place is None:
            continue
        number = None if value is None else float(value[place] if value.ndim else value)
        label, tex = "", ""
        named = maker.name(term.weight)[0] if term.weight is not None else "1"
        where = f"[{', '.join(str(p + 1) for p in place)}]" if place else ""
        title = f"{'−' if term.negative else ''}{named}{where}" + (f" = {figure(number)}" if number is not None else "")
        if number is not None and maker.params and term.weight is not None:
            label = figure(number, 3)
            tex = latex_figure(label)
        elif term.weight is not None and not term.weight.shape and not _is_written_inside(maker, layer):
            label, tex = maker.name(term.weight, term.negative)
        elif term.weight is None and term.negative:
            label, tex = "−", "$-$"
        shown = number if maker.params else None
        maker.edges.append(Edge(start, end, label, tex, title, shown, gap))


def _is_written_inside(maker: _Spreader, layer: WeightedLayer) -> bool:
    return maker.depth == 1 and _alone(layer) is not None and not layer.output.shape


def _targets(maker: _Spreader, last: WeightedLayer) -> Column:
    """The target, or one for each of the last layer's neurons, and the edges to them."""
    drawn = [(j, maker.keys[last.output, j]) for j in range(last.size) if (last.output, j) in maker.keys]
    name = written(maker.target, {})
    tex = latex(maker.target).replace("_{i}", "")
    spots: list[Spot] = []
    for position, (j, start) in enumerate(drawn):
        if position and j != drawn[position - 1][0] + 1:
            spots.append(_ellipsis(f"{last.size} outputs"))
        if last.size == 1:
            text, latex_text = pretty(name), f"${tex}$"
        elif last.output.operation.name == "softmax" and not maker.target.shape:
            text, latex_text = f"{name} = {j}", f"${tex} = {j}$"
        else:
            text, latex_text = pretty(f"{name}{j + 1}"), f"${tex}_{{{j + 1}}}$"
        key = f"y{j + 1}"
        spots.append(Spot(key, "target", text, latex_text, f"target {text}"))
        maker.edges.append(Edge(start, key, "", "", f"the prediction of {text}", None, "target"))
    return Column(tuple(spots))


def lettering(label: str) -> float:
    """The size of the letters in a neuron: small where the usual ones would make it wide."""
    return SIZE if text_width(label) / 2 + 3 <= _WIDEST else SMALL


def radius_of(label: str) -> float:
    """The radius of a neuron that holds this."""
    return text_width(label, lettering(label)) / 2 + 3


def _laid(column: Column, number: int) -> Column:
    """The column with the places of its spots."""
    neurons = [spot for spot in column.spots if spot.kind == "neuron"]
    radius = max([9.0, *(radius_of(spot.label) for spot in neurons)]) if neurons else 0.0
    biased = any(spot.below for spot in neurons)
    pitch = 2 * radius + (13.0 if biased else 7.0) if neurons else SIZE + 10.0
    spots, y = [], 0.0
    for k, spot in enumerate(column.spots):
        room = pitch if spot.kind != "ellipsis" else 16.0
        spots.append(replace(spot, offset=y + room / 2, key=spot.key or f"more{number}-{k}"))
        y += room
    return replace(column, spots=tuple(spots), radius=radius, height=y)


def _described(maker: _Spreader) -> str:
    """The model in sentences."""
    inputs = maker.structure.inputs
    named = [f"{written(node, {})} of {node.shape[0]} features" if node.shape else written(node, {}) for node in inputs]
    parts = [f"The inputs are {', '.join(named)}."]
    layers = maker.structure.layers
    for layer in layers if len(layers) <= 12 else [*layers[:6], *layers[-3:]]:
        what = "neuron" if layer.size == 1 else "neurons"
        applied = "a weighted sum" if layer.is_linear else _activation(layer, {})[0]
        weights = [maker.name(term.weight)[0] for term in layer.terms if term.weight is not None]
        biases = [maker.name(bias, negative)[0] for bias, negative in layer.biases]
        said = f"Layer {layer.level}: {layer.size} {what}, {applied}; weights {', '.join(weights) or 'none'}"
        parts.append(f"{said}; bias {', '.join(biases) or 'none'}.")
    parts.append(f"The target is {written(maker.target, {})}.")
    if maker.params:
        parts.append("Edges are blue where a weight is positive, and dashed vermilion where it is negative; wide where "
                     "it is large.")  # fmt: skip
    return " ".join(parts)
