"""The command ``fit``: fit a formula or a network to a table."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.output import announce, check_json, print_json, show_fit

if TYPE_CHECKING:
    from steepest.checking.gradient_check import Report
    from steepest.models.model import Model
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table

_MOST_CHECKED = 200  # numbers of parameters up to which the gradient is checked without being asked
_FEW = 20  # different whole numbers that may be meant as classes
_EACH = 5  # rows of each that make classes of them rather than quantities
_LOOKED_AT = 20_000  # rows that such a check looks at, times these numbers


def _layers(ctx: click.Context, param: click.Parameter, value: Any) -> list[int] | None:
    """``32,16`` as numbers."""
    if value is None:
        return None
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        return [int(part) for part in parts]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form 32,16: neurons of each layer", ctx, param) from None


def _validate(ctx: click.Context, param: click.Parameter, value: Any) -> float | str | None:
    """A share of the rows, or a table."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return str(value)


_NOT_KEPT = ("save", "as_json", "check", "plot")  # options that say nothing of how a model was fitted
_choice = click.Choice


@click.command(
    cls=options.Command,
    examples="""
    steepest fit nand
    steepest fit iris.csv "virginica ~ sigmoid(petal_length*w1 + petal_width*w2 + b)" --cost cross_entropy
    steepest fit xor --rate 1 --epochs 10000 --restarts 1000
    steepest fit digits.csv digit --layers 32 --optimiser adam --rate 0.01 --batch 32 --epochs 50 --validate 0.2
    steepest fit data.csv "y ~ a*x^2 + b*x + c" --rate auto --start a=1,b=0 --save model.safetensors
    cat data.csv | steepest fit - "y ~ x*w" --json
    """,
)
@click.argument("table")
@click.argument("formula", required=False)
@options.cost
@click.option(
    "--features", metavar="PATTERN", help="The columns that are X together, as 'pixel_*' or a,b,c; with --layers all."
)
@click.option(
    "--layers",
    callback=_layers,
    type=click.UNPROCESSED,
    metavar="N,…",
    help="A network with hidden layers of so many neurons.",
)
@click.option(
    "--activation",
    default="tanh",
    show_default=True,
    help="Activation of hidden layers: a name, a formula in z, or one for each, as relu,tanh.",
)
@click.option(
    "--output", default="auto", show_default=True, help="sigmoid, softmax, linear, …; auto goes by the target."
)
@click.option(
    "--initial",
    cls=options.Named,
    registry="training.initialisers:SCHEMES",
    metavar="SCHEME",
    help="Initial values: {} or normal(0.1); chosen by the activation if left out.",
)
@click.option("--l1", type=float, default=0.0, help="Adds this times the sum of the weights' sizes.")
@click.option("--l2", type=float, default=0.0, help="Adds half of this times the sum of the weights' squares.")
@click.option("--weights", metavar="COLUMN", help="The column of the samples' weights.")
@click.option("--balanced", is_flag=True, help="Let all classes of the target weigh the same.")
@click.option("--optimiser", cls=options.Named, registry="training.optimisers:OPTIMISERS", default="gradient-descent",
              show_default=True, metavar="NAME", help="Update rule: {}.")  # fmt: skip
@click.option(
    "--rate", type=options.Rate(), default=0.1, show_default=True, help="Learning rate; auto searches for it."
)
@click.option(
    "--schedule",
    cls=options.Named,
    registry="training.schedules:SCHEDULES",
    metavar="TEXT",
    help="Schedule of the rate: {}; with settings as step:30:0.1, warm-up:5+cosine.",
)
@click.option("--batch", type=int, help="Samples per update; all if left out.")
@click.option("--epochs", type=int, default=1000, show_default=True, help="Maximum number of passes through the table.")
@options.assignments("--start", "Parameters to start from.")
@options.seed
@click.option("--gradient", type=_choice(["backprop", "finite-difference", "layerwise"]), default="backprop",
              show_default=True, help="How the gradient is computed.")  # fmt: skip
@click.option("--step", type=float, default=1e-3, show_default=True, help="ε of finite differences.")
@click.option("--engine", default="auto", show_default=True, metavar="NAME", help="auto, native or reference.")
@click.option("--dtype", type=_choice(["float64", "float32"]), default="float64", show_default=True)
@click.option("--maximise", is_flag=True, help="Maximise the cost instead.")
@click.option("--restarts", type=int, metavar="K", help="Run K random starts and keep the best.")
@click.option("--tolerance", type=float, help="Stop when the cost changes by less than this share of itself.")
@click.option("--max-seconds", type=float, help="Stop after this time.")
@click.option(
    "--validate",
    callback=_validate,
    type=click.UNPROCESSED,
    metavar="SHARE|TABLE",
    help="Share of rows, or a table, held out for validation after each epoch.",
)
@click.option("--patience", type=int, help="Stop after so many epochs without a lower validation cost; keep the best.")
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="Save the state here every minute.")
@click.option("--checkpoint-every", type=int, metavar="EPOCHS", help="Write it after so many epochs instead.")
@click.option("--resume", is_flag=True, help="Continue from the checkpoint, if there is one.")
@click.option("--check/--no-check", default=None, help="Check the gradient first; done for up to 200 numbers.")
@click.option("--plot/--no-plot", default=None, help="Draw the cost by epoch; done on a terminal with room for it.")
@options.na
@click.option("--save", type=click.Path(dir_okay=False), help="Save the model here (.safetensors).")
@options.as_json
@click.pass_context
def fit(
    ctx: click.Context, /, table: str, formula: str | None, start: dict[str, float], seed: int | None, na: str,
    save: str | None, as_json: bool, check: bool | None, plot: bool | None, **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA, 'target ~ prediction', to TABLE by gradient descent.

    TABLE is a CSV or Parquet file, '-' for CSV on standard input, or a built-in table: and, or, nand, xor,
    twice, which brings its formula. Names of the formula that are columns are data, all others parameters.
    With --layers FORMULA is the target's name, and the model a network. Options may also stand in a file
    steepest.toml of this folder, in a table [fit].
    """
    from steepest.objectives.diagnostics import rows_left_out
    from steepest.storage.tensors import refuse_place
    from steepest.tables.table import BUILT_IN, open_table

    if formula is None:
        if table not in BUILT_IN:
            raise click.UsageError('a formula is needed, as "y ~ a*x + b"; only the built-in tables bring their own')
        formula = BUILT_IN[table].formula
        if not start and seed is None and given["restarts"] is None:
            start = dict(BUILT_IN[table].start)
    for place in (save, given["checkpoint"]):
        if place:
            refuse_place(place)
    if given["checkpoint"] and Path(given["checkpoint"]).exists() and not given["resume"]:
        raise click.UsageError(
            f"{given['checkpoint']} is there already; go on from it by --resume, or name another file"
        )
    opened = open_table(table)
    if ctx.get_parameter_source("cost") is click.core.ParameterSource.DEFAULT:
        given["cost"] = None  # a network's goes by its output
    model = model_of(opened, formula, given)
    opened = model.use(opened)
    notes = list(model.notes)
    settings = _settings(given)
    _refuse(model, settings, start)
    model.refuse_flat()
    if isinstance(settings["validate"], str):
        settings["validate"] = model.held_out(settings["validate"], na)
    large = settings["batch"] is not None and model.is_read_in_parts(opened)
    samples = None if large else model.read(opened, na)
    report = None
    if samples is not None:
        report = _checked(model, samples, start, seed, settings, check)
        if samples.dropped:
            options.tell(rows_left_out(samples.dropped, opened.rows))
    if not as_json:
        announce(model, opened, samples, report)
    begin = {} if settings["restarts"] is not None else {"start": start}
    effective = {name: value for name, value in ctx.params.items() if name not in _NOT_KEPT}
    effective["start"] = start  # a built-in table brings one
    with warnings.catch_warnings():
        from steepest.errors import SteepestWarning

        warnings.simplefilter("ignore", SteepestWarning)  # said below, with the exit status
        source = opened if samples is None else samples
        model.fit(source, seed=seed or 0, na=na, progress=False if as_json else None, **{**settings, **begin})
    run = model.run
    assert run is not None  # fit has just set it
    if settings["resume"]:
        where = "there was no checkpoint to go on from" if run.resumed is None else f"went on from epoch {run.resumed}"
        options.tell(f"note: {where}")
    model.settings = {**effective, "cost": model.cost_name, "engine": run.engine}
    return _report(model, samples, report, notes, save, as_json, seed or 0, plot)


def model_of(opened: Table, formula: str, given: dict[str, Any]) -> Model:
    """The model that the options describe."""
    from steepest.models.builders import network_for
    from steepest.models.model import Model

    layers, output, activation = given.pop("layers"), given.pop("output"), _several(given.pop("activation"))
    cost, features = given.pop("cost"), given.pop("features")
    features = [part.strip() for part in features.split(",")] if features and "," in features else features
    extras = {name: given.pop(name) for name in ("weights", "l1", "l2")}
    extras["class_weight"] = "balanced" if given.pop("balanced") else None
    if layers is None:
        return Model(formula, cost or "mse", features=features, **extras)
    if "~" in formula:
        raise click.UsageError("with --layers FORMULA is the target's name alone; leave --layers out, or the formula")
    model = network_for(opened, formula, layers, activation, output, cost, features=features, **extras)
    _note_classes(opened, formula, model)
    if features is None:
        inside = {formula, extras["weights"], *model.features["X"]}
        left_out = [name for name in opened.names if name not in inside]
        if left_out:
            options.tell(f"note: {', '.join(left_out)} left out, as they hold no numbers")
    return model


def _several(activation: str) -> str | list[str]:
    """``relu,tanh`` as one for each layer; a formula may have commas of its own."""
    parts = [part.strip() for part in activation.split(",")]
    return parts if len(parts) > 1 and all(part.isidentifier() for part in parts) else activation


def _note_classes(opened: Table, target: str, model: Model) -> None:
    """Say so if whole numbers are taken for a quantity that may have been meant as classes."""
    import numpy as np

    column = opened.select([target], na="drop").arrays[target]
    values = np.unique(column)
    few = len(values) <= min(_FEW, len(column) // _EACH) and np.array_equal(values, np.floor(values))
    if few and model.prediction.operation.name not in ("softmax", "sigmoid"):
        found = ", ".join(f"{value:g}" for value in values)
        options.tell(f"note: {target} is taken as a quantity; to have {found} as classes, number them from 0")


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """The settings of the descent."""
    from steepest.training.schedules import read_schedule

    schedule, rate = given.pop("schedule"), given["rate"]
    if schedule is not None:
        if rate == "auto":
            raise click.UsageError("--rate auto finds its own rates; leave --schedule out")
        given["rate"] = read_schedule(schedule, rate, given["epochs"])
    return given


def _refuse(model: Model, settings: dict[str, Any], start: dict[str, float]) -> None:
    """Errors of the settings, before anything is computed."""
    from steepest.engines import choose
    from steepest.training.descent import check_settings

    choose(settings["engine"], settings["dtype"])
    if settings["restarts"] is not None and start:
        raise click.UsageError("--restarts draws every start from the seed; leave --start out")
    ours = {name: value for name, value in settings.items() if name not in ("engine", "initial")}
    check_settings(model.cost, **ours)


def _checked(
    model: Model, samples: Samples, start: dict[str, float], seed: int | None, settings: dict[str, Any],
    wanted: bool | None,
) -> Report | None:  # fmt: skip
    """The verdicts on the gradient at the start, unless there are too many numbers."""
    import math

    from steepest.expressions.expression import PARAMETER, leaves
    from steepest.training.initialisers import initial

    begin = initial(model.cost, start, seed or 0, "--start", settings["initial"])
    model.refuse_targets(samples.arrays)
    numbers = sum(math.prod(leaf.shape) for leaf in leaves([model.cost]) if leaf.operation is PARAMETER)
    if not (numbers <= _MOST_CHECKED if wanted is None else wanted):
        return None
    method = "layerwise" if settings["gradient"] == "layerwise" else "backprop"
    rows = max(_LOOKED_AT // max(numbers, 1), 16)  # a wrong derivative is wrong on few rows, too
    return model.check(samples.head(rows), at=begin, method=method)


def _report(
    model: Model, samples: Samples | None, report: Report | None, notes: list[str], save: str | None, as_json: bool,
    seed: int, plot: bool | None,
) -> int:  # fmt: skip
    """Show or print the result, save it, and say what went wrong; the exit status."""
    run = model.run
    assert run is not None  # fit has just set it
    if as_json:
        document = {
            "formula": model.formula, "params": run.params, "cost": run.cost, "reason": run.reason,
            "message": run.message, "epochs": run.epochs, "seconds": run.seconds, "engine": run.engine,
            "check": None if report is None else check_json(report), "notes": notes,
            "warnings": run.warnings, "rows": None if samples is None else samples.rows,
            "dropped": None if samples is None else samples.dropped, "start": run.start, "seed": seed,
            "restarts": run.restarts, "levels": [asdict(level) for level in run.levels or []],
            "validation": run.validation, "best_epoch": run.best_epoch, "settings": model.settings,
        }  # fmt: skip
        print_json(document)
    else:
        show_fit(model, samples, plot)
    if save and not run.diverged:
        model.save(save)
        options.tell(f"saved to {save}")
    for sentence in [*notes, *run.warnings]:
        options.tell(f"warning: {sentence}")
    if run.diverged:
        options.tell(f"steepest: {run.message}{f'; nothing was saved to {save}' if save else ''}")
        return options.FOUND
    return options.INTERRUPTED if run.reason == "interrupted" else 0
