"""The command ``ops``: the table of operations."""

from __future__ import annotations

import click

from steepest.cli import options
from steepest.cli.output import print_json


@click.command(
    cls=options.Command,
    examples="""
    steepest ops
    steepest ops sigmoid
    """,
)
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
    from steepest.display.console import table

    legend = "r is the result; x̄ is the adjoint of x, the derivative of the cost with respect to x"
    if name:
        texts = {key: ", ".join(value) if isinstance(value, list) else str(value) for key, value in rows[0].items()}
        table([[key, text] for key, text in texts.items() if text and key != "primitive"])
    else:
        table(
            [[row["written"], row["meaning"], "; ".join(row["derivatives"])] for row in rows],
            ["written", "meaning", "derivatives"],
        )  # fmt: skip
    click.echo(f"note: {legend}", err=True)
    return 0
