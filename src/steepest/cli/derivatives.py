"""The commands derive, check, tangent and ops: derivatives line by line, against differences, of operations."""

from __future__ import annotations

import click

from steepest.cli import options, tables
from steepest.cli.output import check_json, print_json, show_check
from steepest.cli.subjects import cost_of, subject
from steepest.display.console import is_plain, table


@options.command("""
    steepest derive "mean((x*w - y)^2)" --wrt w
    steepest derive "z ~ sigmoid(x*w1 + y*w2 + b)" --wrt w1,w2,b --format latex
    steepest derive "x^2*exp(-x)" --wrt x --level full
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
@options.cost
@options.as_json
def derive(
    formula: str, wrt: list[str], form: str, level: str, data: list[str] | None, cost: str, as_json: bool
) -> int:
    """Derive the partial derivatives of FORMULA line by line.

    FORMULA is an expression, or a model 'target ~ prediction' with a cost. Without sums over samples every
    name is a parameter; otherwise --data names the data.
    """
    from steepest.derivations.line_by_line import derive as by_rules

    expression, _ = cost_of(formula, cost, data, wrt)
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


@options.command("""
    steepest check "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)" nand --at w1=.3,w2=.6,b=.1
    steepest check "y ~ abs(x*w)" table.csv --at w=0
""")
@click.argument("formula")
@click.argument("table")
@options.assignments("--at", "Parameters at which to check.")
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
    formula: str, table: str, at: dict[str, float], cost: str, gradient: str, directions: int | None,
    seed: int | None, na: str, as_json: bool,
) -> int:  # fmt: skip
    """Check the gradient of FORMULA on TABLE against differences of the cost, parameter by parameter.

    The differences are computed in as many digits as it takes, from both sides. At a kink a number between the two
    slopes is called a kink, any other is wrong. Exits 1 unless every partial derivative is correct.
    """
    from steepest.calculus.prepared import PreparedCost
    from steepest.checking.gradient_check import check as check_gradient
    from steepest.models.model import Model
    from steepest.training.initialisers import initial

    opened = tables.opened(table)
    asked = subject(formula, opened, cost)
    prepared = asked.prepared if isinstance(asked, Model) else PreparedCost(asked)
    if not prepared.cost.parameters:
        raise click.UsageError(f"every name of the formula is a column of {opened.source}; there is nothing to check")
    samples = asked.samples(opened, na) if isinstance(asked, Model) else opened.select(asked.data, na=na)
    point = initial(prepared.cost, at, seed or 0, "--at")
    values = {**samples.arrays, **point}
    report = check_gradient(prepared, values, method=gradient, seed=seed or 0, directions=directions)
    if as_json:
        print_json({"ok": report.ok, "check": check_json(report), "at": point})
    else:
        show_check(report)
    return 0 if report.ok else options.FOUND


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
    """List the operations that formulas may use, with derivatives; with NAME also domain, kinks and source."""
    from steepest.expressions.listing import describe, find
    from steepest.expressions.operations import TABLE

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
