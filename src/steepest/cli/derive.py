"""The command ``derive``: partial derivatives line by line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.output import print_json
from steepest.cli.subjects import guessed_columns
from steepest.display.console import is_plain

if TYPE_CHECKING:
    from steepest.expressions.expression import Expression


@click.command(
    cls=options.Command,
    examples="""
    steepest derive "mean((x*w - y)^2)" --wrt w
    steepest derive "z ~ sigmoid(x*w1 + y*w2 + b)" --wrt w1,w2,b --format latex
    steepest derive "x^2*exp(-x)" --wrt x --level full
    """,
)
@click.argument("formula")
@click.option(
    "--wrt", required=True, callback=options.names, metavar="NAME,…", help="Names to differentiate with respect to."
)
@click.option("--format", "form", type=click.Choice(["text", "latex", "markdown"]), default="text", show_default=True)
@click.option(
    "--level",
    type=click.Choice(["terse", "textbook", "full"]),
    default="terse",
    show_default=True,
    help="full applies one rule per line; textbook only takes 1/n out of a mean.",
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

    expression = _cost(formula, cost, data, wrt)
    derivations = [by_rules(expression, name, level) for name in wrt]
    if as_json:
        print_json(
            {
                d.wrt: {
                    "result": str(d.result),
                    "steps": [{"before": str(s.before), "rule": s.rule, "after": str(s.after)} for s in d.steps],
                }
                for d in derivations
            }
        )
        return 0
    writers: dict[str, Callable[[Any], str]] = {
        "text": lambda d: d.text(plain=is_plain()),
        "latex": lambda d: d.latex(),
        "markdown": lambda d: d.markdown(),
    }
    click.echo("\n\n".join(writers[form](d) for d in derivations))
    return 0


def _cost(text: str, cost: str, data: list[str] | None, wrt: list[str]) -> Expression:
    """Return the expression of a formula, or the cost of a model; names that are data are guessed if not given."""
    from steepest.language.formula import parse_formula
    from steepest.objectives.costs import cost_named

    formula = parse_formula(text, data=guessed_columns(text, wrt) if data is None else data)
    if formula.target is None:
        return formula.expression
    return cost_named(cost)(formula.expression, formula.target)
