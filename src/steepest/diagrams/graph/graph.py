"""The computational graph of an expression at some values: a picture, a table, and the chain rule at each node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike

from steepest.diagrams.graph import explaining
from steepest.diagrams.graph.drawing import dot, draw
from steepest.diagrams.graph.folding import find_groups, folded
from steepest.diagrams.graph.names import layer_names, name_nodes
from steepest.diagrams.graph.numbers import Numbers, compute
from steepest.diagrams.graph.page import page
from steepest.diagrams.graph.view import View, Viewer
from steepest.display.labels import described
from steepest.display.picture import Picture
from steepest.display.scene import Scene
from steepest.display.scene_png import png
from steepest.display.scene_svg import svg
from steepest.display.scene_tikz import tikz
from steepest.errors import FormulaError, PictureError
from steepest.expressions.expression import DATA, PARAMETER, Expression
from steepest.language.formula import parse_formula
from steepest.messages.hints import nearest
from steepest.messages.sentences import in_python, listed, short


@dataclass(frozen=True, eq=False)
class Row:
    """One node of a graph.

    Attributes:
        node: its name.
        operation: its operation and arguments, as ``x + y``; ``data`` or ``parameter`` for a leaf.
        value: a number or array; of a node with one value a sample the chosen sample's, or ``(n, …)``.
        gradient: the derivative of the whole with respect to it, of the same shape.
        local: its derivatives with respect to its arguments, each as ``∂q/∂x = 1``.
        shown: value and gradient in a few signs.
    """

    node: str
    operation: str
    value: Any
    gradient: Any
    local: tuple[str, ...]
    shown: tuple[str, str]


class ComputationalGraph(Picture):
    """An expression as a graph of gates, with each node's value and the derivative with respect to it.

    The value of the forward pass is above each wire, the gradient of the backward pass below it. A name with several
    users is drawn once; each of its wires shows the gradient from that user, and Σ beneath the name their sum.

    Made by :func:`steepest.graph`.

    Attributes:
        expression: the whole.
        names: the name of each node.
        layers: the names of the layers that can be folded.
        title, description: the graph in words, for readers who cannot see the picture.
    """

    def __init__(
        self, numbers: Numbers, names: Mapping[Expression, str], unfold: str | Iterable[str] | None = None
    ) -> None:
        self.numbers, self.names = numbers, dict(names)
        self.expression = numbers.root
        self._groups = find_groups(numbers.root, numbers.nodes, names)
        self.layers = tuple(group.name for group in self._groups)
        self._folded = folded(self._groups, unfold, len(numbers.nodes))
        layers = {node: name for node, name in layer_names(numbers.root).items() if names.get(node) == name}
        several = sum(name.startswith("a") for name in layers.values()) > 1
        self._viewer = Viewer(numbers, names, layers if several else {})
        self.title = f"Computational graph of {names[numbers.root]} = {short(numbers.root, 80)}"

    def table(self) -> tuple[Row, ...]:
        """Return a row for every node, also those in folded layers, arguments before what uses them."""
        return tuple(self._row(node) for node in self.numbers.nodes)

    def explain(self, node: str | Expression) -> str:
        """Return the chain rule at a node, with its numbers: ``∂f/∂x = ∂f/∂q · ∂q/∂x = −4 · 1 = −4``.

        Args:
            node: its name in the picture, an expression, or the formula text of one.

        Raises:
            PictureError: the graph has no such node.
        """
        return explaining.explain(self.numbers, self.names, self._find(node))

    def unfold(self, *layers: str) -> ComputationalGraph:
        """Return the same graph with these layers (by default all) drawn node by node, and the others folded."""
        return ComputationalGraph(self.numbers, self.names, layers or "all")

    def fold(self) -> ComputationalGraph:
        """Return the same graph with a box for each layer."""
        return ComputationalGraph(self.numbers, self.names, ())

    @property
    def folded(self) -> tuple[str, ...]:
        """The layers that are drawn as boxes."""
        return tuple(name for group in self._folded for name in group.members)

    @cached_property
    def view(self) -> View:
        """The boxes and links that are drawn."""
        return self._viewer.view(self._folded)

    @cached_property
    def scene(self) -> Scene:
        """The drawing.

        Raises:
            PictureError: pygraphviz, which lays it out, is not installed.
        """
        return draw(self.view)

    @cached_property
    def description(self) -> str:  # type: ignore[override]  # long, and seldom asked for
        """The graph in sentences, node by node."""
        shown = [f"{box.title}." for box in self.view.boxes[:40]]
        if len(self.view.boxes) > len(shown):
            shown.append(f"And {len(self.view.boxes) - len(shown)} more.")
        return " ".join(["Values run forward from left to right, and gradients come back.", *shown])

    def svg(self) -> str:
        """Return the graph as SVG: the value above each wire, the gradient below it, local derivatives as tooltips."""
        return svg(self.scene, self.title, self.description)

    def tikz(self) -> str:
        """Return the graph as a ``tikzpicture`` environment, no wider than a page of LaTeX's article."""
        return tikz(self.scene)

    def dot(self) -> str:
        """Return the graph as DOT text, which needs no Graphviz."""
        return dot(self.view, self.title)

    def png(self) -> bytes:
        """Return the graph as PNG, ink on white.

        Raises:
            PictureError: Matplotlib or pygraphviz is not installed.
        """
        return png(self.scene, self.title, self.description)

    def html(self) -> str:
        """Return the graph as one page that needs no network: the picture, each folded layer to open, and the table."""
        table = self.table()
        # A generator, since explaining a node takes long and the page shows the first of many nodes only.
        rows = ((row.node, row.operation, *row.shown, "; ".join(row.local), self.explain(row.node)) for row in table)
        return page(self.title, self.svg(), self._folded, lambda name: self.unfold(name).svg(), rows, len(table))

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        """Return the formats in which it can be saved."""
        return {
            "svg": lambda: self.svg().encode(),
            "png": self.png,
            "dot": lambda: self.dot().encode(),
            "tex": lambda: self.tikz().encode(),
            "html": lambda: self.html().encode(),
        }

    def __str__(self) -> str:
        rows = [("node", "operation", "value", "gradient", "local derivatives")]
        rows += [(r.node, r.operation, *r.shown, "; ".join(r.local)) for r in self.table()]
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        return "\n".join(
            "   ".join([*(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)), row[4]]).rstrip()
            for row in rows
        )

    def _row(self, node: Expression) -> Row:
        numbers, viewer = self.numbers, self._viewer
        value = numbers.of_sample(numbers.values[node], node.per_sample)
        gradient = numbers.of_sample(numbers.adjoints[node], node.per_sample)
        local = tuple(viewer.local(node, k) for k, arg in enumerate(node.args) if arg in self.names)
        return Row(
            self.names[node], described(node, self.names), value[()], gradient[()], tuple(dict.fromkeys(local)),
            (viewer.value(node), viewer.gradient(node)),
        )  # fmt: skip

    def _find(self, wanted: str | Expression) -> Expression:
        if isinstance(wanted, Expression):
            if wanted in self.names:
                return wanted
            raise PictureError(f"{wanted} is not a node of the graph; {self._nodes()}")
        by_name = {name: node for node, name in self.names.items()}
        if wanted in by_name:
            return by_name[wanted]
        shapes = {node.name: node.shape for node in self.names if node.operation is DATA}
        params = {node.name: node.shape for node in self.names if node.operation is PARAMETER}
        # The formula may use the names of inner nodes, if they are few and short.
        inner = [f"{name} = ({node}); " for name, node in by_name.items() if node.args and name.isidentifier()]
        named = "".join(inner) if len(inner) <= 50 else ""
        try:
            found = parse_formula(named + wanted, shapes, params).expression
        except FormulaError:
            found = None
        if found is not None and found in self.names:
            return found
        raise PictureError(
            f"there is no node {in_python(wanted)} in the graph{nearest(wanted, by_name)}; {self._nodes()}"
        )

    def _nodes(self) -> str:
        return f"its nodes are {listed(list(self.names.values()))}"


def graph(
    expression: Expression, values: Mapping[str, ArrayLike], *, names: Mapping[str, Expression] | None = None,
    sample: int | None = None, unfold: str | Iterable[str] | None = None,
) -> ComputationalGraph:  # fmt: skip
    """Return the computational graph of an expression: each node's value, and the derivative with respect to it.

    The adjoint of a node v is v̄ = Σ_u ū ∂u/∂v over the users u of v, the chain rule gate by gate. A cost over several
    samples is drawn once for all of them: a node with one value a sample shows the range of its values and derivatives
    (three samples or fewer are listed), a parameter its full gradient. With ``sample=k`` such nodes show the value of
    sample k and the derivative with respect to it; a wire from a parameter then shows the contribution of sample k, and
    the sum Σ beneath the parameter its full gradient. Vectors and matrices are shown by their shape and norm.

    Args:
        expression: one number, or one number a sample.
        values: a number or array for each name; columns ``(n,)`` or ``(n, d)``, or one sample's values.
        names: names for nodes in the picture: ``{"q": x + y}``.
        sample: the sample, from 0, to be shown.
        unfold: names of the layers (``"a1"``) to draw node by node, or ``"all"``; the others get a box each. If left
            out, graphs of up to 60 nodes are drawn whole.

    Returns:
        A picture with a table, and :meth:`~steepest.diagrams.graph.ComputationalGraph.explain`.

    Raises:
        PictureError: the expression is not one number (a sample), or a name, sample or layer does not occur.
        ValuesError: a name has no value, or one of a wrong shape.

    >>> from steepest.expressions.expression import params
    >>> x, y, z = params("x", "y", "z")
    >>> graph((x + y) * z, {"x": -2, "y": 5, "z": -4}, names={"q": x + y}).explain("x")
    '∂f/∂x = ∂f/∂q · ∂q/∂x = −4 · 1 = −4'

    Source: Griewank and Walther 2008, section 3.2; row E6 of the notes.
    """
    numbers = compute(expression, values, sample)
    return ComputationalGraph(numbers, name_nodes(expression, numbers.nodes, names), unfold)
