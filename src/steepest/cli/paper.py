"""The command ``paper``: write a paper about a model to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.models import descent_of, method_of
from steepest.cli.output import print_json
from steepest.cli.subjects import built_in_model, built_in_table, guessed_columns, is_saved
from steepest.documents import FORMATS, check_format
from steepest.tables.built_in import BUILT_IN

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
@click.option(
    "--optimiser",
    metavar="NAME",
    help="Update rule [default: as for fit, chosen by the cost; gradient-descent with --rate and for built-in tables].",
)
@options.batch
@options.restrictions
@options.restarts
@options.seed
@click.option("--compare/--no-compare", default=True, help="Time finite differences, too; takes a second.")
@options.na
@options.reading
@options.as_json
def paper(
    model: str, table: str | None, output: str, cost: str, data: list[str] | None, title: str | None,
    symbolic: bool | None, start: dict[str, Any], l1: float, l2: float, weights: str | None, absolute_sigma: bool,
    compare: bool, na: str, as_json: bool, **given: Any,
) -> int:  # fmt: skip
    """Write a paper about MODEL: diagram, cost, derivation, gradient check, training, times, cost surface.

    MODEL is a formula 'target ~ prediction', a saved model (.safetensors), which is trained again with its settings,
    a built-in table, which has a default formula, or linear, neuron, 'chain 3', 'network 2,3,1'. Without TABLE the
    paper ends with the derivation, and a note says which names are taken as data. The LaTeX needs no other file, the
    HTML no network. Exits 1 if training diverged.
    """
    check_format(Path(output).suffix)
    extras = {"l1": l1, "l2": l2, "weights": weights}
    subject, table, begin = _subject(model, table, cost, data, start, extras)
    of_fits = {"fixed": given.pop("fix"), "tied": given.pop("tie"), "bounds": given.pop("bounds")}
    of_fits |= {"restarts": given.pop("restarts"), "absolute_sigma": absolute_sigma}
    of_fits = {name: value for name, value in of_fits.items() if value}
    chosen = {name: value for name, value in given.items() if table and value is not None}
    if table is not None and not is_saved(model) and (of_fits or table not in BUILT_IN):
        begin, chosen = _fitted(subject, table, {**chosen, **of_fits, "start": begin or None, "na": na}), {}
    elif of_fits:
        flags = "--fix, --tie, --bounds, --restarts and --absolute-sigma"
        raise click.UsageError(f"{flags} need a formula and a TABLE; a saved model has its own settings")
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


def _fitted(model: Model, table: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit the model as the command ``fit`` does; the paper is about this training, so that there is no other start."""
    if table in BUILT_IN:
        settings = {"optimiser": "gradient-descent", **settings}
    settings |= method_of(settings.get("optimiser"), settings.get("rate"))
    descent_of(model, model.use(table), settings, quiet=True)
    return {}


def _subject(
    model: str, table: str | None, cost: str, data: list[str] | None, start: dict[str, Any], extras: dict[str, Any]
) -> tuple[Model, str | None, dict[str, Any]]:
    """Return the model, its table and the starting parameters."""
    from steepest.models.model import Model, load

    if is_saved(model):
        if any(extras.values()):
            raise click.UsageError(
                "a saved model has its own penalties and weights; leave out --l1, --l2 and --weights"
            )
        return load(model), table, start
    if "~" in model:
        if table is not None:
            data = None  # the table tells
        elif data is None:
            data = guessed_columns(model)
        return Model(model, cost, data=data, **extras), table, start
    built = built_in_model(model)
    if built is not None:
        if any(extras.values()):
            raise click.UsageError(f"--l1, --l2 and --weights need a formula; leave them out for {model!r}")
        return built, table, start
    known = built_in_table(model, "a saved model (.safetensors)")
    return Model(known.formula, cost, **extras), table or model, start or dict(known.start)
