"""The commands ``check`` and ``tangent``: a gradient against differences, a tangent against the function."""

from __future__ import annotations

import click

from steepest.cli import options
from steepest.cli.output import check_json, print_json, show_check
from steepest.cli.subjects import subject


@click.command(
    cls=options.Command,
    examples="""
    steepest check "mean((sigmoid(x*w1 + y*w2 + b) - z)^2)" nand --at w1=.3,w2=.6,b=.1
    steepest check "y ~ abs(x*w)" table.csv --at w=0
    """,
)
@click.argument("formula")
@click.argument("table")
@options.assignments("--at", "Parameters at which to check.")
@options.cost
@click.option("--gradient", type=click.Choice(["backprop", "layerwise"]), default="backprop", show_default=True)
@options.seed
@options.na
@options.as_json
def check(
    formula: str,
    table: str,
    at: dict[str, float],
    cost: str,
    gradient: str,
    seed: int | None,
    na: str,
    as_json: bool,
) -> int:
    """Check the gradient of FORMULA on TABLE against finite differences, parameter by parameter.

    Exits 1 unless every partial derivative is correct.
    """
    from steepest.calculus.prepared import PreparedCost
    from steepest.checking.gradient_check import check as check_gradient
    from steepest.models.model import Model
    from steepest.tables.table import open_table
    from steepest.training.initialisers import initial

    opened = open_table(table)
    asked = subject(formula, opened, cost)
    prepared = asked.prepared if isinstance(asked, Model) else PreparedCost(asked)
    if not prepared.cost.parameters:
        raise click.UsageError(f"every name of the formula is a column of {opened.source}; there is nothing to check")
    samples = asked.samples(opened, na) if isinstance(asked, Model) else opened.select(asked.data, na=na)
    point = initial(prepared.cost, at, seed or 0, "--at")
    report = check_gradient(prepared, {**samples.arrays, **point}, method=gradient)
    if as_json:
        print_json({"ok": report.ok, "check": check_json(report), "at": point})
    else:
        show_check(report)
    return 0 if report.ok else options.FOUND


@click.command(cls=options.Command, examples='steepest tangent "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1')
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
        click.echo(str(found))
    return 0
