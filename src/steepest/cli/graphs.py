"""The commands that draw formulas and models: graph, diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import print_json
from steepest.cli.subjects import built_in_model, built_in_table, columns_in, cost_of, guessed_columns, is_saved
from steepest.messages.hints import nearest

if TYPE_CHECKING:
    from steepest.diagrams.network import Diagram
    from steepest.expressions.expression import Expression
    from steepest.models.model import Model

_NODE = ("node", "operation", "value", "gradient", "local")


@options.command("""
    steepest graph "(x + y)*z" --at x=-2,y=5,z=-4 --explain x
    steepest graph "s = w*x; z = s + b; a = relu(z); e = y - a; e^2" --at w=1,b=1,x=5,y=4 -o graph.svg
    steepest graph "z ~ sigmoid(x*w1 + y*w2 + b)" --table nand --at w1=.3,w2=.6,b=.1 --sample 3 -o graph.html
""")
@click.argument("formula")
@options.assignments(
    "--at", "Values of all names; with a table, of parameters: those left out are drawn from the seed."
)
@click.option("--table", help="Table with the data: CSV, Parquet, '-' or a built-in table.")
@click.option(
    "--sample", type=int, metavar="K", help="Show this row, counted from 0 [default: the range over all rows]."
)
@click.option(
    "--explain",
    "explained",
    multiple=True,
    metavar="NODE",
    help="Explain the chain rule at this node; may be repeated.",
)
@click.option("--unfold", metavar="LAYER,…|all", help="Layers of a large graph to draw node by node.")
@options.output("Draw the graph: .svg, .png, .dot, .tex (TikZ) or .html, in which folded layers can be opened.")
@click.option("--data", callback=options.names, metavar="NAME,…", help="Names that are data, if there is no table.")
@options.cost
@options.seed
@options.na
@options.reading
@options.as_json
def graph(
    formula: str, at: dict[str, float], table: str | None, sample: int | None, explained: tuple[str, ...],
    unfold: str | None, output: str | None, data: list[str] | None, cost: str, seed: int | None, na: str,
    as_json: bool,
) -> int:  # fmt: skip
    """Show the computational graph of FORMULA: values forward, gradients backward, local derivatives at every node.

    FORMULA is an expression, a model 'target ~ prediction' with a cost, or a saved model. 'q = x + y; q*z' names a
    node q. Prints a table of the nodes; with -o, draws the graph.
    """
    from steepest.diagrams.graph import graph as drawn
    from steepest.display.console import table as print_table

    expression, values, names = _asked(formula, at, table, data, cost, seed or 0, na)
    chosen = None if unfold is None else "all" if unfold.strip() == "all" else [p.strip() for p in unfold.split(",")]
    found = drawn(expression, values, names=names, sample=sample, unfold=chosen)
    sentences = {node: found.explain(node) for node in explained}
    if output:
        found.save(output)
        options.tell(f"written to {output}")
    if as_json:
        nodes = [{field: getattr(row, field) for field in _NODE} for row in found.table()]
        print_json({"nodes": nodes, "layers": found.layers, "folded": found.folded, "explain": sentences})
    elif sentences:
        options.say("\n".join(sentences.values()))
    elif not output:
        rows = [[row.node, row.operation, *row.shown, "; ".join(row.local)] for row in found.table()]
        print_table(rows, [*_NODE[:4], "local derivatives"])
    return 0


def _asked(
    formula: str, at: dict[str, float], table: str | None, data: list[str] | None, cost: str, seed: int, na: str
) -> tuple[Expression, dict[str, Any], dict[str, Expression]]:
    """Return the expression that a formula stands for, the values of its names, and the parts that it names."""
    from steepest.expressions.traversal import toposort
    from steepest.training.initialisers import initial

    if is_saved(formula):
        from steepest.models.model import load

        model = load(formula)
        if table is None:
            raise click.UsageError("the graph of a saved model needs data: give --table")
        return model.cost, {**model.samples(tables.opened(table), na).arrays, **model.params, **at}, {}
    opened = None if table is None else tables.opened(table)
    expression, parts = cost_of(formula, cost, data if opened is None else columns_in(formula, opened))
    inside = set(toposort([expression]))
    # A part that the formula does not use, or that is a single name or number, has no node to label.
    names = {name: part for name, part in parts.items() if part in inside and part.args}
    if opened is None:
        _refuse_unknown(at, expression)
        return expression, at, names
    columns = dict(opened.select(expression.data, na=na).arrays)
    point = initial(expression, at, seed, "--at")
    drawn = [name for name in expression.parameters if name not in at]
    if drawn:
        options.tell(f"note: {', '.join(drawn)} drawn from the seed {seed}; set them with --at")
    return expression, {**columns, **point}, names


def _refuse_unknown(at: dict[str, float], expression: Expression) -> None:
    known = [*expression.data, *expression.parameters]
    for name in at:
        if name not in known:
            raise click.UsageError(f"--at has {name!r}, which is not in the formula{nearest(name, known)}")
    missing = [name for name in known if name not in at]
    if missing:
        raise click.UsageError(
            f"the formula needs values of {', '.join(missing)}; give them with --at, or give a --table"
        )


@options.command("""
    steepest diagram "z ~ sigmoid(x*w1 + y*w2 + b)" -o neuron.svg
    steepest diagram "network 2,3,1" -o network.tex
    steepest diagram model.safetensors -o model.svg
""")
@click.argument("model")
@options.output("Draw the diagram: .svg, .png or .tex (TikZ).")
@click.option("--data", callback=options.names, metavar="NAME,…", help="Names that are data (one value per sample).")
@options.as_json
def diagram(model: str, output: str | None, data: list[str] | None, as_json: bool) -> int:
    """Draw MODEL as neurons, weights and biases, with their values if it is fitted.

    MODEL is a saved model, a formula 'target ~ prediction', or a built-in model: linear, neuron, 'chain 3',
    'network 2,3,1', or that of a built-in table. Without -o, prints a description.
    """
    drawn = _model(model, data).diagram()
    if output:
        drawn.save(output)
        options.tell(f"written to {output}")
    if as_json:
        print_json(_diagram_json(drawn))
    elif not output:
        options.say(str(drawn))
    return 0


def _model(text: str, data: list[str] | None) -> Model:
    """Return the model that a text stands for."""
    from steepest.models.model import Model, load

    if is_saved(text):
        return load(text)
    if "~" not in text:
        built = built_in_model(text)
        if built is not None:
            return built
        table = built_in_table(text)
        text, data = table.formula, list(table.columns)
    return Model(text, data=guessed_columns(text) if data is None else data)


def _diagram_json(drawn: Diagram) -> dict[str, Any]:
    """Return the layers, or None in their place if the model is not made of layers."""
    if drawn.structure is None:
        return {"title": drawn.title, "inputs": list(drawn.prediction.data), "layers": None}
    layers = [
        {
            "level": layer.level,
            "neurons": layer.size,
            "output": str(layer.output),
            "weights": [None if term.weight is None else str(term.weight) for term in layer.terms],
            "biases": [str(bias) for bias, _ in layer.biases],
        }
        for layer in drawn.structure.layers
    ]
    return {"title": drawn.title, "inputs": [str(node) for node in drawn.structure.inputs], "layers": layers}
