"""The command ``paper``: write a paper about a model to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.output import print_json
from steepest.documents import FORMATS, check_format

if TYPE_CHECKING:
    from steepest.models.model import Model

_FORMATS = ", ".join(f"{entry.name} ({entry.help})" for entry in FORMATS.entries())


@click.command(
    cls=options.Command,
    examples="""
    steepest paper nand -o neuron.html
    steepest paper "y ~ sigmoid(sigmoid(x*w1 + b1)*w2 + b2)" data.csv -o chain.tex --rate 0.5
    steepest paper model.safetensors data.csv -o model.ipynb
    """,
)
@click.argument("model")
@click.argument("table", required=False)
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help=f"The file: {_FORMATS}.")
@options.cost
@click.option("--data", callback=options.names, metavar="NAME,…", help="Without a table: the names that are data.")
@click.option("--title", help="The title, if not made from the model.")
@click.option(
    "--symbolic/--explicit", default=None, help="Layers for any l, or one by one; by their number if left out."
)
@options.assignments("--start", "Parameters to start from.")
@click.option("--l1", type=float, default=0.0, help="Adds this times the sum of the weights' sizes.")
@click.option("--l2", type=float, default=0.0, help="Adds half of this times the sum of the weights' squares.")
@click.option("--weights", metavar="COLUMN", help="The column of the samples' weights.")
@click.option("--rate", type=options.Rate(), help="The step length, 0.1 if left out; auto searches for it.")
@click.option("--epochs", type=int, help="Of the training; 1000 if left out.")
@click.option("--optimiser", metavar="NAME", help="As for fit; gradient descent if left out.")
@click.option("--batch", type=int, help="Samples of an update; all if left out.")
@options.seed
@click.option("--compare/--no-compare", default=True, help="Time finite differences beside descent; takes a second.")
@options.na
@options.as_json
def paper(
    model: str, table: str | None, output: str, cost: str, data: list[str] | None, title: str | None,
    symbolic: bool | None, start: dict[str, float], l1: float, l2: float, weights: str | None,
    rate: float | str | None, epochs: int | None, optimiser: str | None, batch: int | None, seed: int | None,
    compare: bool, na: str, as_json: bool,
) -> int:  # fmt: skip
    """Write a paper about MODEL: picture, cost, derivation, check, training, times, surface.

    MODEL is a formula 'target ~ prediction', a saved model (.safetensors), which is trained again as it was, a
    built-in table, which brings its formula, or linear, neuron, 'chain 3', 'network 2,3,1'. Without TABLE the paper
    ends with the derivation. LaTeX needs no other file; HTML no network. Exits 1 if the training diverged.
    """
    check_format(Path(output).suffix)
    extras = {"l1": l1, "l2": l2, "weights": weights}
    subject, table, begin = _subject(model, table, cost, data, start, extras)
    settings: dict[str, Any] = {"rate": rate, "epochs": epochs, "optimiser": optimiser, "batch": batch, "seed": seed}
    chosen = {name: value for name, value in settings.items() if value is not None}
    written = subject.paper(
        table, start=begin or None, symbolic=symbolic, title=title, na=na, compare=compare, **(chosen if table else {})
    )
    written.save(output)
    for note in subject.notes:
        options.tell(f"warning: {note}")
    run = written.experiment.run
    if as_json:
        found = {
            "output": output,
            "cost": None if run is None else run.cost,
            "params": None if run is None else run.params,
        }
        print_json(found)
    else:
        options.tell(f"wrote {output}")
    if run is not None and run.diverged:
        options.tell(f"steepest: {run.message}")
        return options.FOUND
    return 0


def _subject(
    model: str, table: str | None, cost: str, data: list[str] | None, start: dict[str, float], extras: dict[str, Any]
) -> tuple[Model, str | None, dict[str, float]]:
    """The model, its table, and where it starts."""
    from steepest.language.formula import guess_data
    from steepest.models.model import Model, load
    from steepest.tables.table import BUILT_IN

    if model.endswith(".safetensors"):
        if any(extras.values()):
            raise click.UsageError("a saved model brings its penalties and weights; leave --l1, --l2 and --weights out")
        return load(model), table, start
    built = options.built_in(model) if "~" not in model else None
    if built is not None:
        if any(extras.values()):
            raise click.UsageError(f"--l1, --l2 and --weights go with a formula; leave them out for {model!r}")
        return built, table, start
    if "~" not in model:
        if model not in BUILT_IN:
            raise click.UsageError(
                f"{model!r} is neither a saved model (.safetensors) nor a formula 'target ~ prediction'; built in are "
                f"linear, neuron, 'chain 3', 'network 2,3,1', {', '.join(BUILT_IN)}"
            )
        known = BUILT_IN[model]
        return Model(known.formula, cost, **extras), table or model, start or dict(known.start)
    if table is None:
        return Model(model, cost, data=data if data is not None else guess_data(model, []), **extras), None, start
    return Model(model, cost, **extras), table, start
