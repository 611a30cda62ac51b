"""The command ``paper``: write a paper about a model to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import print_json
from steepest.cli.subjects import built_in_model, built_in_table
from steepest.documents import FORMATS, check_format

if TYPE_CHECKING:
    from steepest.models.model import Model

_FORMATS = ", ".join(f"{entry.name} ({entry.help})" for entry in FORMATS.entries())


@options.command("""
    steepest paper nand -o neuron.html
    steepest paper "y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)" data.csv -o chain.tex --rate 0.5
    steepest paper model.safetensors data.csv -o model.ipynb
""")
@click.argument("model")
@click.argument("table", required=False)
@options.output(f"File to write: {_FORMATS}.", required=True)
@options.cost
@click.option("--data", callback=options.names, metavar="NAME,…", help="Names that are data, if there is no table.")
@click.option("--title", help="Title; replaces the default one.")
@click.option(
    "--symbolic/--explicit", default=None, help="Write layers for a general l, or each one [default: by their number]."
)
@options.start
@options.penalties
@options.rate("Learning rate [default: 0.1]; auto finds one by a search.")
@click.option("--epochs", type=int, help="Epochs of the training [default: 1000].")
@click.option("--optimiser", metavar="NAME", help="Update rule, as for fit [default: gradient descent].")
@options.batch
@options.seed
@click.option("--compare/--no-compare", default=True, help="Time finite differences, too; takes a second.")
@options.na
@options.reading
@options.as_json
def paper(
    model: str, table: str | None, output: str, cost: str, data: list[str] | None, title: str | None,
    symbolic: bool | None, start: dict[str, Any], l1: float, l2: float, weights: str | None,
    rate: float | str | None, epochs: int | None, optimiser: str | None, batch: int | None, seed: int | None,
    compare: bool, na: str, as_json: bool,
) -> int:  # fmt: skip
    """Write a paper about MODEL: diagram, cost, derivation, gradient check, training, times, cost surface.

    MODEL is a formula 'target ~ prediction', a saved model (.safetensors), which is trained again with its settings,
    a built-in table, which has a default formula, or linear, neuron, 'chain 3', 'network 2,3,1'. Without TABLE the
    paper ends with the derivation. The LaTeX needs no other file, the HTML no network. Exits 1 if training diverged.
    """
    check_format(Path(output).suffix)
    extras = {"l1": l1, "l2": l2, "weights": weights}
    subject, table, begin = _subject(model, table, cost, data, start, extras)
    settings: dict[str, Any] = {"rate": rate, "epochs": epochs, "optimiser": optimiser, "batch": batch, "seed": seed}
    chosen = {name: value for name, value in settings.items() if table and value is not None}
    written = subject.paper(
        tables.opened(table) if table else None,
        start=begin or None,
        symbolic=symbolic,
        title=title,
        na=na,
        compare=compare,
        **chosen,
    )
    written.save(output)
    options.warn(subject.notes)
    run = written.experiment.run
    if as_json:
        print_json({"output": output, "cost": getattr(run, "cost", None), "params": getattr(run, "params", None)})
    else:
        options.tell(f"wrote {output}")
    if run is not None and run.diverged:
        options.tell(f"steepest: {run.message}")
        return options.FOUND
    return 0


def _subject(
    model: str, table: str | None, cost: str, data: list[str] | None, start: dict[str, Any], extras: dict[str, Any]
) -> tuple[Model, str | None, dict[str, Any]]:
    """Return the model, its table and the starting parameters."""
    from steepest.language.formula import guess_data
    from steepest.models.model import Model, load

    if model.endswith(".safetensors"):
        if any(extras.values()):
            raise click.UsageError(
                "a saved model has its own penalties and weights; leave out --l1, --l2 and --weights"
            )
        return load(model), table, start
    if "~" in model:
        if table is not None:
            data = None  # the table tells
        elif data is None:
            data = guess_data(model, [])
        return Model(model, cost, data=data, **extras), table, start
    built = built_in_model(model)
    if built is not None:
        if any(extras.values()):
            raise click.UsageError(f"--l1, --l2 and --weights need a formula; leave them out for {model!r}")
        return built, table, start
    known = built_in_table(model, "a saved model (.safetensors)")
    return Model(known.formula, cost, **extras), table or model, start or dict(known.start)
