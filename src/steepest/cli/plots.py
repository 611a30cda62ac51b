"""The command ``plot`` with its kinds: activation, training, predictions (boundary, predicted, confusion) and fits."""

from __future__ import annotations

from typing import Any

import click

from steepest.cli import options, tables
from steepest.cli.models import descent_of, layer_sizes, method_of, model_of
from steepest.cli.output import finish
from steepest.cli.subjects import is_saved
from steepest.cli.surface import surface


@click.group(
    cls=options.Group,
    examples="""
    steepest plot activation sigmoid tanh relu -o activations.svg
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o course.svg
    steepest plot confusion model.safetensors test.csv -o confusion.png
    steepest plot fit "y ~ a*x + b" test.csv -o fit.svg
    """,
)
def plot() -> None:
    """Draw costs, activations, trainings, predictions and fits; each kind has its own command."""


plot.add_command(surface)


@plot.command(
    examples="""
    steepest plot activation sigmoid -o sigmoid.svg
    steepest plot activation relu leaky_relu "z*sigmoid(z)" --range -4:4 --width page -o some.pdf
    """
)
@click.argument("names", nargs=-1, required=True)
@options.shown("--range", "-8:8", "Range of z.", name="span", metavar="LOW:HIGH")
@options.width()
@options.title
@options.picture
@options.as_json
def activation(
    names: tuple[str, ...], span: str, width: float | str, title: str | None, output: str, as_json: bool
) -> int:
    """Draw activations and their derivatives, with kinks and saturated regions marked.

    NAMES are operations that 'steepest ops' lists, or formulas in one name.
    """
    from steepest import pictures

    options.refuse_format(output)
    match = options.RANGE.fullmatch(span)
    try:
        if match is None or match[1] is not None:
            raise ValueError
        low, high = float(match[2]), float(match[3])
    except ValueError:
        raise click.UsageError(f"--range {span!r} is not of the form low:high, as -4:4") from None
    return finish(pictures.activation(*names, low=low, high=high, width=width, title=title), output, as_json)


def _fitting(*methods: options.Decorator) -> options.Decorator:
    """Return the options of a fit, a selection of those of ``fit``, with these of its method."""
    return options.together(
        options.converted("--layers", layer_sizes, "N,…", "Fit a network; FORMULA is then the name of the target."),
        click.option("--features", metavar="PATTERN", help="Columns grouped as X."),
        options.shown("--activation", "tanh", "Activation of hidden layers."),
        click.option("--cost", metavar="NAME", help="Cost, as for fit."),
        options.scale,
        *methods,
        options.shown("--epochs", 1000, "Number of epochs."),
        options.batch,
        click.option("--validate", type=float, metavar="SHARE", help="Share of rows held out for validation."),
        click.option("--patience", type=int, help="Stop after this many epochs without a lower validation cost."),
        options.start,
        options.seed,
        options.na,
        options.reading,
    )


_by_descent = _fitting(
    options.shown("--optimiser", "gradient-descent", "Update rule.", metavar="NAME"),
    options.shown("--rate", 0.1, "Learning rate."),
)
_by_the_cost = _fitting(
    options.weights,
    click.option("--optimiser", metavar="NAME", help="Update rule [default: chosen by the cost]."),
    options.rate("Learning rate [default: that of the optimiser]."),
    options.restrictions,
    options.restarts,
)


def _fitted(what: str, table: str, given: dict[str, Any]) -> Any:
    """Load a saved model, or fit a formula to a table."""
    from steepest.models.model import load

    start, seed, na = given.pop("start"), given.pop("seed"), given.pop("na")
    if is_saved(what):
        return load(what)
    extras = {"output": "auto", "weights": None, "l1": 0.0, "l2": 0.0, "balanced": False}
    opened = tables.opened(table)
    settings = {**extras, **given}
    if "fix" in settings:  # else the optimiser and the rate have defaults
        settings |= {"fixed": settings.pop("fix"), "tied": settings.pop("tie")}
        settings |= method_of(settings["optimiser"], settings["rate"])
    model = model_of(opened, what, settings)
    model.use(opened)
    options.warn(model.notes)
    run = descent_of(model, opened, {**settings, "start": start or None, "seed": seed or 0, "na": na}, quiet=False)
    options.warn([*run.warnings, *([run.message] if run.diverged else [])])
    return model


@plot.command(
    examples="""
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 --epochs 5000 -o course.svg
    steepest plot training digit digits.csv --layers 32 --validate 0.2 -o course.pdf
    """,
)
@click.argument("formula")
@click.argument("table")
@_by_descent
@click.option("--restarts", type=int, metavar="K", help="Run K random starts, and show where they ended.")
@options.width()
@options.title
@options.picture
@options.as_json
def training(
    formula: str, table: str, restarts: int | None, width: float | str, title: str | None, output: str, as_json: bool,
    **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA to TABLE, and draw the cost, the validation cost and the norms of gradient and parameters.

    A saved model cannot be drawn, because it does not contain the history of its training.
    """
    from steepest import pictures

    options.refuse_format(output)
    if is_saved(formula):
        raise click.UsageError(
            f"{formula} is a saved model, which does not contain the history of its training; give its formula to "
            "fit it again"
        )
    na = given["na"]
    if restarts is not None:
        given["restarts"] = restarts
    model = _fitted(formula, table, given)
    return finish(
        pictures.training(model, table=tables.opened(table), width=width, title=title, na=na), output, as_json
    )


def _of_model(name: str, about: str, examples: str, width: str = "column") -> None:
    """Add a command that draws a model over a table by the function of its name in ``pictures``."""

    @plot.command(name, help=about, examples=examples)
    @click.argument("model")
    @click.argument("table")
    @_by_descent
    @options.width(width)
    @options.title
    @options.picture
    @options.as_json
    def command(
        model: str, table: str, width: float | str, title: str | None, output: str, as_json: bool, **given: Any
    ) -> int:
        from steepest import pictures

        options.refuse_format(output)
        na = given["na"]
        loaded = _fitted(model, table, given)
        made = getattr(pictures, name)(loaded, tables.opened(table), width=width, title=title, na=na)
        return finish(made, output, as_json)


_WHAT = "MODEL is a saved model, or a formula that is first fitted to TABLE with the options of a training."
_of_model(
    "boundary",
    f"Draw the predictions of MODEL over its two inputs, and the decision boundary.\n\n{_WHAT} A model that is "
    "fitted here is drawn at several epochs.",
    """
    steepest plot boundary "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o boundary.svg
    steepest plot boundary model.safetensors test.csv -o boundary.png
    """,
    width="page",
)
_of_model(
    "predicted",
    f"Draw predicted against true values of TABLE.\n\n{_WHAT}",
    """
    steepest plot predicted model.safetensors test.csv -o predicted.svg
    steepest plot predicted "y ~ x*w" twice --rate 0.05 -o predicted.svg
    """,
)
_of_model(
    "confusion",
    f"Draw the confusion matrix of MODEL on TABLE.\n\n{_WHAT}",
    """
    steepest plot confusion model.safetensors test.csv -o confusion.svg
    steepest plot confusion z xor --layers 4 --rate 1 -o confusion.svg
    """,
)


def _of_fit(name: str, about: str, examples: str, *own: options.Decorator, width: str = "column") -> None:
    """Add a command that draws a fit by the function of its name in ``pictures``, with options of its own."""

    @plot.command(name, help=f"{about}\n\n{_WHAT}", examples=examples)
    @click.argument("model")
    @click.argument("table")
    @options.together(*own)
    @_by_the_cost
    @options.width(width)
    @options.title
    @options.picture
    @options.as_json
    def command(
        model: str, table: str, width: float | str, title: str | None, output: str, as_json: bool,
        along: str | None = None, interval: float | None = None, names: list[str] | None = None, **given: Any,
    ) -> int:  # fmt: skip
        from steepest import pictures

        options.refuse_format(output)
        na = given["na"]
        loaded = _fitted(model, table, given)
        chosen = {"along": along and options.bare(along), "interval": interval, "names": names}
        wanted = {word: value for word, value in chosen.items() if value is not None}
        made = getattr(pictures, name)(loaded, tables.opened(table), width=width, title=title, na=na, **wanted)
        return finish(made, output, as_json)


_interval = options.shown("--interval", 0.95, "Probability of the intervals.", metavar="LEVEL")
_of_fit(
    "fit",
    "Draw TABLE, the curve of MODEL with its confidence and prediction bands, and the residuals.\n\nA model of several "
    "inputs is drawn over the fitted value, or with --along over one of them, the others at their medians. Without "
    "standard errors there are no bands, and the description says why.",
    """
    steepest plot fit "y ~ a*x + b" test.csv -o fit.svg
    steepest plot fit "z ~ sigmoid(a + b*x + c*y)" test.csv --cost cross_entropy --along x -o fit.png
    steepest plot fit model.safetensors test.csv --interval 0.9 -o fit.pdf
    """,
    click.option("--along", metavar="COLUMN", help="The horizontal axis: an input, or fitted."),
    _interval,
)
_of_fit(
    "residuals",
    "Draw the residuals of MODEL on TABLE against fitted values and against normal quantiles.",
    """
    steepest plot residuals "y ~ a*x + b" test.csv -o residuals.svg
    steepest plot residuals model.safetensors test.csv -o residuals.png
    """,
    width="page",
)
_of_fit(
    "profile",
    "Draw the profile likelihood of each parameter of MODEL, with its quadratic approximation and interval.",
    """
    steepest plot profile "y ~ a*x + b" test.csv -o profile.svg
    steepest plot profile "y ~ a*exp(b*x)" test.csv --over b --interval 0.9 --start a=1,b=0 -o profile.png
    """,
    click.option("--over", "names", callback=options.elements, metavar="NAME,…", help="Parameters [default: all]."),
    _interval,
    width="page",
)
