"""The command ``plot`` with its kinds: activation, training, boundary, predicted, confusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.fit import layer_sizes, model_of
from steepest.cli.picture_options import (
    RANGE,
    finish,
    inches,
    picture_output,
    picture_title,
    picture_width,
    refuse_format,
)
from steepest.cli.subjects import is_saved

if TYPE_CHECKING:
    from steepest.pictures import MatplotlibPicture


@click.group(
    cls=options.Group,
    examples="""
    steepest plot activation sigmoid tanh relu -o activations.svg
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o course.svg
    steepest plot confusion model.safetensors test.csv -o confusion.png
    """,
)
def plot() -> None:
    """Draw activations, trainings and predictions; each kind has its own command."""


@plot.command(
    examples="""
    steepest plot activation sigmoid -o sigmoid.svg
    steepest plot activation relu leaky_relu "z*sigmoid(z)" --range -4:4 --width page -o some.pdf
    """
)
@click.argument("names", nargs=-1, required=True)
@click.option("--range", "span", default="-8:8", show_default=True, metavar="LOW:HIGH", help="Range of z.")
@picture_width
@picture_title
@picture_output
@options.as_json
def activation(names: tuple[str, ...], span: str, width: str, title: str | None, output: str, as_json: bool) -> int:
    """Draw activations and their derivatives, with kinks and saturated regions marked.

    NAMES are operations that 'steepest ops' lists, or formulas in one name.
    """
    from steepest import pictures

    refuse_format(output)
    match = RANGE.fullmatch(span)
    try:
        if match is None or match[1] is not None:
            raise ValueError
        low, high = float(match[2]), float(match[3])
    except ValueError:
        raise click.UsageError(f"--range {span!r} is not of the form low:high, as -4:4") from None
    made = pictures.activation(*names, low=low, high=high, width=inches(width), title=title)
    return finish(made, output, as_json)


_FITTING: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--layers", callback=layer_sizes, metavar="N,…", help="Fit a network; FORMULA is then the name of the target."
    ),
    click.option("--features", metavar="PATTERN", help="Columns grouped as X."),
    click.option("--activation", default="tanh", show_default=True, help="Activation of hidden layers."),
    click.option("--cost", metavar="NAME", help="Cost, as for fit."),
    click.option("--optimiser", default="gradient-descent", show_default=True, metavar="NAME", help="Update rule."),
    click.option("--rate", type=float, default=0.1, show_default=True, help="Learning rate."),
    click.option("--epochs", type=int, default=1000, show_default=True, help="Number of epochs."),
    click.option("--batch", type=int, help="Samples per update [default: all]."),
    click.option("--validate", type=float, metavar="SHARE", help="Share of rows held out for validation."),
    click.option("--patience", type=int, help="Stop after this many epochs without a lower validation cost."),
    options.assignments("--start", "Parameters to start from."),
    options.seed,
    options.na,
)
"""The options of a training, a selection of those of ``fit``."""


def _fitting(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_FITTING):
        command = option(command)
    return command


def _fitted(what: str, table: str, given: dict[str, Any]) -> Any:
    """Load a saved model, or fit a formula to a table."""
    import warnings

    from steepest.errors import SteepestWarning
    from steepest.models.model import load
    from steepest.tables.table import open_table

    start, seed, na = given.pop("start"), given.pop("seed"), given.pop("na")
    if is_saved(what):
        return load(what)
    extras = {"output": "auto", "weights": None, "l1": 0.0, "l2": 0.0, "balanced": False}
    opened = open_table(table)
    settings = {**given, **extras}
    model = model_of(opened, what, settings)
    model.use(opened)
    for note in model.notes:
        options.tell(f"warning: {note}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)  # printed below
        model.fit(opened, start=start or None, seed=seed or 0, na=na, **settings)
    run = model.run
    assert run is not None  # fit has just set it
    for sentence in [*run.warnings, *([run.message] if run.diverged else [])]:
        options.tell(f"warning: {sentence}")
    return model


@plot.command(
    examples="""
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 --epochs 5000 -o course.svg
    steepest plot training digit digits.csv --layers 32 --validate 0.2 -o course.pdf
    """,
)
@click.argument("formula")
@click.argument("table")
@_fitting
@click.option("--restarts", type=int, metavar="K", help="Run K random starts, and show where they ended.")
@picture_width
@picture_title
@picture_output
@options.as_json
def training(
    formula: str, table: str, restarts: int | None, width: str, title: str | None, output: str, as_json: bool,
    **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA to TABLE, and draw the cost, the validation cost and the norms of gradient and parameters.

    A saved model cannot be drawn, because it does not contain the history of its training.
    """
    from steepest import pictures

    refuse_format(output)
    if is_saved(formula):
        raise click.UsageError(
            f"{formula} is a saved model, which does not contain the history of its training; give its formula to "
            "fit it again"
        )
    na = given["na"]
    if restarts is not None:
        if given["start"]:
            raise click.UsageError("--restarts draws every start from the seed; leave --start out")
        given["restarts"] = restarts
    model = _fitted(formula, table, given)
    made = pictures.training(model, table=table, width=inches(width), title=title, na=na)
    return finish(made, output, as_json)


def _of_model(name: str, about: str, examples: str, draw: Callable[..., MatplotlibPicture], width: str) -> None:
    """Add a command that draws a model over a table."""

    @plot.command(name, help=about, examples=examples)
    @click.argument("model")
    @click.argument("table")
    @_fitting
    @click.option("--width", default=width, show_default=True, metavar="WIDTH", help="column, page or inches.")
    @picture_title
    @picture_output
    @options.as_json
    def command(model: str, table: str, width: str, title: str | None, output: str, as_json: bool, **given: Any) -> int:
        refuse_format(output)
        na = given["na"]
        loaded = _fitted(model, table, given)
        return finish(draw(loaded, table, width=inches(width), title=title, na=na), output, as_json)


def _boundary(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.boundary(model, table, **given)


def _predicted(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.predicted(model, table, **given)


def _confusion(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.confusion(model, table, **given)


_WHAT = "MODEL is a saved model, or a formula that is first fitted to TABLE with the options of a training."
_of_model(
    "boundary",
    f"Draw the predictions of MODEL over its two inputs, and the decision boundary.\n\n{_WHAT} A model that is "
    "fitted here is drawn at several epochs.",
    """
    steepest plot boundary "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o boundary.svg
    steepest plot boundary model.safetensors test.csv -o boundary.png
    """,
    _boundary, "page",
)  # fmt: skip
_of_model(
    "predicted",
    f"Draw predicted against true values of TABLE.\n\n{_WHAT}",
    """
    steepest plot predicted model.safetensors test.csv -o predicted.svg
    steepest plot predicted "y ~ x*w" twice --rate 0.05 -o predicted.svg
    """,
    _predicted, "column",
)  # fmt: skip
_of_model(
    "confusion",
    f"Draw the confusion matrix of MODEL on TABLE.\n\n{_WHAT}",
    """
    steepest plot confusion model.safetensors test.csv -o confusion.svg
    steepest plot confusion z xor --layers 4 --rate 1 -o confusion.svg
    """,
    _confusion, "column",
)  # fmt: skip
