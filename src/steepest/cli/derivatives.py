"""The commands derive, check, tangent and ops: derivatives line by line, against differences, of operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import check_json, print_json, show_check
from steepest.cli.subjects import cost_of, is_saved, subject, with_shapes_of
from steepest.display.console import is_plain, table
from steepest.expressions.traversal import toposort

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression
    from steepest.models.model import Model
    from steepest.tables.table import Table


@options.command("""
    steepest derive "mean((x*w - y)^2)" --wrt w
    steepest derive "z ~ sigmoid(x*w1 + y*w2 + b)" --wrt w1,w2,b --format latex
    steepest derive "x^2*exp(-x)" --wrt x --level full
    steepest derive "v @ A @ v" --wrt A --shape v=3,A=3x3
""")
@click.argument("formula")
@click.option(
    "--wrt", required=True, callback=options.names, metavar="NAME,…", help="Names to differentiate with respect to."
)
@options.choice("--format", ["text", "latex", "markdown"], name="form")
@options.choice(
    "--level", ["terse", "textbook", "full"], "full applies one rule per line; textbook only takes 1/n out of a mean."
)
@click.option("--data", callback=options.names, metavar="NAME,…", help="Names that are data (one value per sample).")
@options.shapes
@options.cost
@options.as_json
def derive(
    formula: str, wrt: list[str], form: str, level: str, data: list[str] | None, shape: dict[str, tuple[int, ...]],
    cost: str, as_json: bool,
) -> int:  # fmt: skip
    """Derive the partial derivatives of FORMULA line by line.

    FORMULA is an expression, a model 'target ~ prediction' with a cost, or a saved model. Without sums over samples
    every name is a parameter; otherwise --data names the data. A cost with vectors or matrices, whose sizes --shape
    gives, is derived node by node.
    """
    from steepest.derivations.line_by_line import derive as by_rules

    if is_saved(formula):
        from steepest.models.model import load

        expression = load(formula).cost
    else:
        expression, _ = cost_of(formula, cost, data, wrt, shape)
    if any(leaf.shape for leaf in expression.leaves):
        return _derive_arrays(expression, wrt, form, as_json)
    derivations = [by_rules(expression, name, level) for name in wrt]
    if as_json:
        found = {}
        for d in derivations:
            steps = [{"before": str(step.before), "rule": step.rule, "after": str(step.after)} for step in d.steps]
            found[d.wrt] = {"result": str(d.result), "steps": steps}
        print_json(found)
    else:
        texts = [d.text(plain=is_plain()) if form == "text" else getattr(d, form)() for d in derivations]
        options.say("\n\n".join(texts))
    return 0


def _derive_arrays(cost: Expression, wrt: list[str], form: str, as_json: bool) -> int:
    """Print the derivation of a cost with vectors or matrices, node by node, for the named parameters."""
    from steepest.derivations.lines import formula as written
    from steepest.derivations.nodewise import derive_nodes
    from steepest.expressions.ascii import transliterated
    from steepest.messages.hints import nearest

    for name in wrt:
        if name not in cost.parameters:
            raise click.UsageError(
                f"--wrt has {name!r}, which is not a parameter of the formula{nearest(name, cost.parameters)}; its "
                f"parameters are {', '.join(cost.parameters)}"
            )
    if cost.shape or cost.per_sample:
        raise click.UsageError("a cost with vectors or matrices is one number; take the sum, or v @ u of two vectors")
    if form == "markdown":
        raise click.UsageError("a derivation of vectors and matrices is printed as text or latex")
    found = derive_nodes(cost)
    own = dict(zip(cost.parameters, found.backward.lines[-len(cost.parameters) :], strict=True))
    left_out = [id(line) for name, line in own.items() if name not in wrt]
    lines = [line for line in found.lines if id(line) not in left_out]
    rows = [(written(line.right if line.left is None else line.left), written(line.right), line.rule) for line in lines]
    shown = transliterated if is_plain() else str
    if as_json:
        print_json({"lines": [{"left": left.text, "right": right.text, "rule": rule} for left, right, rule in rows]})
    elif form == "latex":
        body = " \\\\\n".join(f"{left.latex} &= {right.latex}" for left, right, _ in rows)
        options.say(f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}")
    else:
        options.say("\n".join(shown(f"{a.text} = {b.text}{rule and f'    [{rule}]'}") for a, b, rule in rows))
    return 0


@options.command("""
    steepest check "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)" nand --at w1=.3,w2=.6,b=.1
    steepest check "y ~ abs(x*w)" table.csv --at w=0
    steepest check "x^2*exp(-x)" --at x=1
    steepest check "v @ A @ v" --at "v=[1,2],A=[[2,1],[1,3]]"
""")
@click.argument("formula")
@click.argument("table", required=False)
@options.point("--at", "Parameters at which to check; the others are those of a saved model, or drawn from the seed.")
@options.shapes
@options.cost
@options.choice("--gradient", ["backprop", "layerwise"])
@click.option(
    "--directions", type=click.IntRange(1), metavar="N", help="Look at larger arrays along N random directions."
)
@options.seed
@options.na
@options.reading
@options.as_json
def check(
    formula: str, table: str | None, at: dict[str, Any], shape: dict[str, tuple[int, ...]], cost: str, gradient: str,
    directions: int | None, seed: int | None, na: str, as_json: bool,
) -> int:  # fmt: skip
    """Check the gradient of FORMULA on TABLE against differences of the cost, parameter by parameter.

    FORMULA is an expression, which needs no TABLE if it has no data, a model 'target ~ prediction', or a saved model.
    The differences are computed in as many digits as it takes, from both sides. At a kink a number between the two
    slopes is called a kink, any other is wrong. Exits 1 unless every partial derivative is correct.
    """
    from steepest.calculus.prepared import PreparedCost
    from steepest.checking.gradient_check import check as check_gradient
    from steepest.models.model import Model
    from steepest.training.initialisers import initial

    opened = None if table is None else tables.opened(table)
    asked = subject(formula, opened, cost, with_shapes_of(at, shape))
    prepared = asked.prepared if isinstance(asked, Model) else PreparedCost(asked)
    if not prepared.cost.parameters:
        where = "" if opened is None else f"every name of the formula is a column of {opened.source}; "
        raise click.UsageError(f"{where}there is nothing to check")
    known = asked.params if isinstance(asked, Model) else {}
    point = initial(prepared.cost, {**known, **at}, seed or 0, "--at")
    values = {**_columns(asked, opened, na), **point}
    report = check_gradient(prepared, values, method=gradient, seed=seed or 0, directions=directions)
    if as_json:
        print_json({"ok": report.ok, "check": check_json(report), "at": point})
    else:
        show_check(report)
    return 0 if report.ok else options.FOUND


def _columns(asked: Model | Expression, opened: Table | None, na: str) -> Mapping[str, Any]:
    """Return the columns of the cost of a model, or of an expression, which may have none."""
    if not hasattr(asked, "samples"):
        return opened.select(asked.data, na).arrays if opened is not None else {}
    if opened is None:
        raise click.UsageError(f"the check of a model needs its TABLE, with the columns {', '.join(asked.data)}")
    return asked.samples(opened, na).arrays


@options.command('steepest tangent "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1')
@click.argument("formula")
@options.assignments("--at", "The point.", required=True)
@options.assignments("--move", "How far each name moves.", required=True)
@options.as_json
def tangent(formula: str, at: dict[str, float], move: dict[str, float], as_json: bool) -> int:
    """Compare the change that the tangent predicts for a small move with the true change."""
    from steepest.checking.tangent import tangent as at_point
    from steepest.language.formula import parse

    found = at_point(parse(formula), at, move)
    if as_json:
        fields = ("value", "partials", "terms", "estimate", "tangent_value", "change", "error", "path")
        print_json({field: getattr(found, field) for field in fields})
    else:
        options.say(str(found))
    return 0


@options.command("""
    steepest ops
    steepest ops sigmoid
""")
@click.argument("name", required=False)
@options.as_json
def ops(name: str | None, as_json: bool) -> int:
    """List the operations that formulas may use, with derivatives; with NAME also domain, kinks and source.

    If NAME is a saved model, list the operations of its prediction.
    """
    from steepest.expressions.listing import describe, find
    from steepest.expressions.operations import TABLE

    if name and is_saved(name):
        from steepest.models.model import load

        used = {node.operation for node in toposort([load(name).prediction])}
        rows, name = [describe(row) for row in TABLE if row in used], None
    else:
        rows = [describe(row) for row in ([find(name)] if name else TABLE)]
    if as_json:
        print_json({"operations": rows})
        return 0
    if name:
        texts = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in rows[0].items()}
        table([[key, text] for key, text in texts.items() if text and key != "primitive"])
    else:
        cells = [[row["written"], row["meaning"], "; ".join(row["derivatives"])] for row in rows]
        table(cells, ["written", "meaning", "derivatives"])
    options.tell("note: r is the result; x̄ is the adjoint of x, the derivative of the cost with respect to x")
    return 0
