"""The contents of a network diagram: which neurons of which layers are drawn, and the labels of nodes and edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.layers import Structure, Term, WeightedLayer
from steepest.diagrams.network_layout import Column, Edge, NetworkLayout, Node, fits_neuron, place_nodes
from steepest.display.labels import figure, latex_figure, latex_sign, pretty, sign, written
from steepest.display.palette import NEGATIVE, POSITIVE
from steepest.engines import evaluate
from steepest.expressions.expression import CONSTANT, DATA, Expression, constant, leaf
from steepest.expressions.latex import latex, latex_name, latex_without_index
from steepest.expressions.maths_text import maths_number
from steepest.expressions.printing import multiple_of_pi
from steepest.messages.sentences import counted
from steepest.tables.values import Array

MOST = 7
"""Nodes that a column shows at most, the first and the last; more would be smaller than the letters."""
_MOST_COLUMNS = 8  # layers, of more the first three and the last two are drawn: a page of text has no space for more
_BIASED = 8  # neurons in a layer up to which their biases are shown; in larger layers these would hide the edges


@dataclass
class _LayoutBuilder:
    """The model to lay out, and the nodes and edges found so far."""

    structure: Structure
    target: Expression
    params: Mapping[str, ArrayLike]
    columns: Mapping[str, Sequence[str]]
    keys: dict[tuple[Expression, int], str] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.depth = max(layer.level for layer in self.structure.layers)
        self.layered = self.depth > 1 and all(
            name[len(name.rstrip("0123456789")) :] == str(layer.level)
            for layer in self.structure.layers
            for part in _parts(layer)
            for name in part.parameters
        )

    def name(self, part: Expression, negative: bool = False) -> tuple[str, str]:
        """Return a weight or bias as text and as LaTeX."""
        minus, latex_minus = ("−", "-") if negative else ("", "")
        if part.operation is CONSTANT:
            value = -part.value if negative else part.value
            if multiple_of_pi(value):
                return maths_number(value)[0], f"${latex(constant(value))}$"
            text = figure(value)
            return text, latex_figure(text)
        if part.name:
            tex = latex_name(part.name, layer=self.layered)
            return minus + pretty(part.name, self.layered), f"${latex_minus}{tex}$"
        return f"{minus}{written(part, {})}", f"${latex_minus}{latex(part)}$"

    def value(self, part: Expression | None, negative: bool = False) -> Array | None:
        """Return the numbers of a weight or bias, if they are known; 1 for no weight."""
        if part is None:
            found = np.asarray(1.0)
        elif part.parameters and not self.params:
            return None
        else:
            found = np.asarray(evaluate(part, self.params))
        return -found if negative else found

    def drawn(self, layer: WeightedLayer) -> list[tuple[int, str]]:
        """Return the neurons of a layer that are drawn, each with its key."""
        return [(j, self.keys[layer.output, j]) for j in range(layer.size) if (layer.output, j) in self.keys]


def _parts(layer: WeightedLayer) -> list[Expression]:
    """Return the weights and biases of a layer."""
    parts = [*(term.weight for term in layer.terms), *(bias for bias, _ in layer.biases)]
    return [part for part in parts if part is not None]


def lay_out(
    structure: Structure, target: Expression, params: Mapping[str, ArrayLike], columns: Mapping[str, Sequence[str]]
) -> NetworkLayout:
    """Lay a structure out in columns; the parameters of a model that is not fitted are empty."""
    builder = _LayoutBuilder(structure, target, params, columns)
    found = [_inputs(builder)]
    levels = range(1, builder.depth + 1)
    hidden = list(levels)[3:-2] if builder.depth > _MOST_COLUMNS else []
    for level in levels:
        if level not in hidden:
            found.append(_column(builder, level))
        elif level == hidden[0]:
            label = f"layers {hidden[0]} to {hidden[-1]} are not drawn"
            found.append(Column((Node("skipped", "ellipsis", "⋯", r"$\cdots$", label),)))
    _wire(builder, hidden)
    found.append(_targets(builder, structure.layers[-1]))
    laid = tuple(place_nodes(column, k) for k, column in enumerate(found))
    fitted = [abs(edge.value) for edge in builder.edges if edge.value is not None and builder.params]
    return NetworkLayout(laid, tuple(builder.edges), max(fitted, default=0.0), _describe(builder))


def _kept(size: int) -> list[int | None]:
    """Return the elements that are drawn, None for an ellipsis."""
    return list(range(size)) if size <= MOST else [*range(MOST - 3), None, size - 1]


def _inputs(builder: _LayoutBuilder) -> Column:
    nodes: list[Node] = []
    everything = [(node, k) for node in builder.structure.inputs for k in range(node.shape[0] if node.shape else 1)]
    for at in _kept(len(everything)):
        if at is None:
            nodes.append(_ellipsis(f"{len(everything)} inputs"))
            continue
        node, k = everything[at]
        text, tex = _input_name(builder, node, k)
        key = builder.keys[node, k] = f"x{at + 1}"
        nodes.append(Node(key, "input", text, tex, f"input {text}"))
    return Column(tuple(nodes))


def _input_name(builder: _LayoutBuilder, node: Expression, k: int) -> tuple[str, str]:
    if not node.shape:
        if node.name:
            return pretty(node.name), f"${latex_name(node.name)}$"
        return written(node, {}), f"${latex_without_index(node)}$"
    named = builder.columns.get(node.name)
    if named and len(named) == node.shape[0]:
        return named[k], f"${latex_name(named[k])}$"
    stem = node.name.lower() if len(node.name) == 1 else node.name or "x"
    return pretty(f"{stem}{k + 1}"), f"${latex_name(f'{stem}{k + 1}')}$"


def _ellipsis(title: str) -> Node:
    return Node("", "ellipsis", "⋮", r"$\vdots$", title)


def _column(builder: _LayoutBuilder, level: int) -> Column:
    """Return the column of one level."""
    layers = [layer for layer in builder.structure.layers if layer.level == level]
    everything = [(layer, k) for layer in layers for k in range(layer.size)]
    nodes: list[Node] = []
    caption: dict[tuple[str, str], None] = {}
    for at in _kept(len(everything)):
        if at is None:
            nodes.append(_ellipsis(f"{len(everything)} neurons"))
            continue
        layer, k = everything[at]
        nodes.append(_neuron(builder, layer, k, f"n{level}-{at + 1}", len(everything), caption))
    for layer in layers:
        if layer.output.shape and not builder.params:
            caption |= dict.fromkeys(_shapes(builder, layer))
    if len(everything) > MOST:
        caption = {(f"{len(everything)} neurons",) * 2: None, **caption}
    return Column(tuple(nodes), tuple(caption))


def _neuron(
    builder: _LayoutBuilder, layer: WeightedLayer, k: int, key: str, neurons: int, caption: dict[tuple[str, str], None]
) -> Node:
    builder.keys[layer.output, k] = key
    text, tex = _activation(layer, caption)
    title = f"neuron {k + 1} of layer {layer.level}, {text or 'a weighted sum'}"
    values = [builder.value(bias, negative) for bias, negative in layer.biases]
    below = colour = ""
    if builder.params and layer.biases:
        total = sum(float(v if v is None or not v.ndim else v[k]) for v in values if v is not None)
        title += f", bias {figure(total)}"
        if neurons <= _BIASED:
            below, colour = figure(total, 3), NEGATIVE if total < 0 else POSITIVE
    elif not layer.output.shape:
        names = [builder.name(bias, negative) for bias, negative in layer.biases]
        title += "".join(f", bias {name}" for name, _ in names)
        alone = _alone(layer) if builder.depth == 1 else None
        if alone is not None:  # as in the notes, the only weight of a line is in its neuron
            text, tex = builder.name(alone)
        elif names:
            text = ", ".join([text or "Σ", *(name for name, _ in names)])
            tex = "$" + ", ".join([tex.strip("$"), *(name.strip("$") for _, name in names)]) + "$"
    return Node(key, "neuron", text or "Σ", tex, title, below, colour)


def _alone(layer: WeightedLayer) -> Expression | None:
    """Return the weight of a layer that only multiplies by it."""
    if not layer.is_linear or layer.biases or len(layer.terms) != 1 or layer.terms[0].negative:
        return None
    return layer.terms[0].weight


def _activation(layer: WeightedLayer, caption: dict[tuple[str, str], None]) -> tuple[str, str]:
    """Return the sign of the activation; a formula too long for a neuron goes into the caption of the column."""
    if layer.is_linear:
        return "", r"$\Sigma$"
    if layer.output.args == (layer.total,):
        text, tex = sign(layer.output), f"${latex_sign(layer.output)}$"
        if "•" not in text and fits_neuron(text):
            return text, tex
        if "•" not in text:
            caption[(f"g = {text}", rf"$g = {tex.strip('$')}$")] = None
            return "g", "$g$"
    z = leaf(DATA, "z", layer.total.shape)
    body = layer.activation(z)
    caption[(f"g(z) = {written(body, {})}", f"$g(z) = {latex_without_index(body)}$")] = None
    return "g", "$g$"


def _shapes(builder: _LayoutBuilder, layer: WeightedLayer) -> list[tuple[str, str]]:
    """Return the names of matrices and vectors with their shapes."""
    lines = []
    for part in _parts(layer):
        if part.shape:
            text, tex = builder.name(part)
            size = " × ".join(map(str, part.shape))
            lines.append((f"{text}: {size}", f"{tex}: ${size.replace('×', chr(92) + 'times')}$"))
    return lines


def _wire(builder: _LayoutBuilder, hidden: Sequence[int]) -> None:
    """Add the edges between nodes that are drawn."""
    level_of = {layer.output: layer.level for layer in builder.structure.layers}
    for layer in builder.structure.layers:
        if layer.level in hidden:
            continue
        for term in layer.terms:
            value = builder.value(term.weight, term.negative)
            gap = f"{level_of.get(term.source, 0)} {layer.level}"
            if level_of.get(term.source) in hidden:
                builder.edges += [Edge("skipped", end, "", "", "", None, gap) for _, end in builder.drawn(layer)]
                continue
            for (source, i), start in list(builder.keys.items()):
                if source is term.source:
                    _join(builder, layer, term, i, start, value, gap)
    for layer in builder.structure.layers if hidden else ():
        if layer.level == hidden[0] - 1:
            for _, start in builder.drawn(layer):
                builder.edges.append(Edge(start, "skipped", "", "", "", None, "skipped"))


def _join(
    builder: _LayoutBuilder, layer: WeightedLayer, term: Term, i: int, start: str, value: Array | None, gap: str
) -> None:
    """Add the edges from one element of a source."""
    written_inside = builder.depth == 1 and _alone(layer) is not None and not layer.output.shape
    for j, end in builder.drawn(layer):
        place = term.place(i, j)
        if place is None:
            continue
        number = None if value is None else float(value[place] if value.ndim else value)
        label, tex = "", ""
        named = builder.name(term.weight)[0] if term.weight is not None else "1"
        where = f"[{', '.join(str(p + 1) for p in place)}]" if place else ""
        title = f"{'−' if term.negative else ''}{named}{where}" + (f" = {figure(number)}" if number is not None else "")
        if number is not None and builder.params and term.weight is not None:
            label = figure(number, 3)
            tex = latex_figure(label)
        elif term.weight is not None and not term.weight.shape and not written_inside:
            label, tex = builder.name(term.weight, term.negative)
        elif term.weight is None and term.negative:
            label, tex = "−", "$-$"
        builder.edges.append(Edge(start, end, label, tex, title, number if builder.params else None, gap))


def _targets(builder: _LayoutBuilder, last: WeightedLayer) -> Column:
    """Return the column of the target, or of one for each of the last layer's neurons, and add the edges to it."""
    drawn = builder.drawn(last)
    name = written(builder.target, {})
    tex = latex_without_index(builder.target)
    nodes: list[Node] = []
    for position, (j, start) in enumerate(drawn):
        if position and j != drawn[position - 1][0] + 1:
            nodes.append(_ellipsis(f"{last.size} outputs"))
        if last.size == 1:
            text, latex_text = pretty(name), f"${tex}$"
        elif last.output.operation.name == "softmax" and not builder.target.shape:
            text, latex_text = f"{name} = {j}", f"${tex} = {j}$"
        else:
            text, latex_text = pretty(f"{name}{j + 1}"), f"${tex}_{{{j + 1}}}$"
        nodes.append(Node(f"y{j + 1}", "target", text, latex_text, f"target {text}"))
        builder.edges.append(Edge(start, f"y{j + 1}", "", "", f"the prediction of {text}", None, "target"))
    return Column(tuple(nodes))


def _describe(builder: _LayoutBuilder) -> str:
    """Describe the model in sentences."""
    inputs = builder.structure.inputs
    named = [written(node, {}) + (f" of {counted(node.shape[0], 'feature')}" if node.shape else "") for node in inputs]
    parts = [f"The inputs are {', '.join(named)}."]
    layers = builder.structure.layers
    for layer in layers if len(layers) <= 12 else [*layers[:6], *layers[-3:]]:
        what = "neuron" if layer.size == 1 else "neurons"
        applied = "a weighted sum" if layer.is_linear else _activation(layer, {})[0]
        weights = [builder.name(term.weight)[0] for term in layer.terms if term.weight is not None]
        biases = [builder.name(bias, negative)[0] for bias, negative in layer.biases]
        parts.append(
            f"Layer {layer.level}: {layer.size} {what}, {applied}; weights {', '.join(weights) or 'none'}; "
            f"bias {', '.join(biases) or 'none'}."
        )
    parts.append(f"The target is {written(builder.target, {})}.")
    if builder.params:
        parts.append("Edges are blue where a weight is positive, and dashed vermilion where it is negative; wide where "
                     "it is large.")  # fmt: skip
    return " ".join(parts)
