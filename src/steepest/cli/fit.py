"""The command ``fit``: fit a formula or a network to a table."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import files, options
from steepest.cli.output import announce, check_json, print_json, show_fit
from steepest.errors import CacheWarning, SteepestWarning, StorageError

if TYPE_CHECKING:
    from steepest.checking.gradient_check import Report
    from steepest.models.model import Model
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table
    from steepest.training.descent import Descent


# The check costs several evaluations of the cost per parameter: for 200 parameters well under a second, and the
# product of rows and parameters is bounded so that it stays so for large tables.
_MOST_CHECKED = 200  # parameters (scalars) up to which the gradient is checked by default
_CHECKED_PRODUCT = 20_000  # rows used by the check times parameters
# A target of whole numbers is probably a class when it has few distinct values and each occurs in several rows.
_MOST_CLASSES = 20
_ROWS_PER_CLASS = 5


def layer_sizes(ctx: click.Context, param: click.Parameter, value: Any) -> list[int] | None:
    """Convert ``32,16`` to numbers, for click."""
    if value is None:
        return None
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        return [int(str(part)) for part in parts]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form 32,16: neurons of each layer", ctx, param) from None


_NOT_KEPT = ("save", "as_json", "check", "plot")  # options that do not affect the fit; a saved model omits them


@options.command("""
    steepest fit nand
    steepest fit iris.csv "virginica ~ sigmoid(petal_length*w1 + petal_width*w2 + b)" --cost cross_entropy
    steepest fit xor --rate 1 --epochs 10000 --restarts 1000
    steepest fit digits.csv digit --layers 32 --optimiser adam --rate 0.01 --batch 32 --epochs 50 --validate 0.2
    steepest fit data.csv "y ~ a*x^2 + b*x + c" --rate auto --start a=1,b=0 --save model.safetensors
    cat data.csv | steepest fit - "y ~ x*w" --json
""")
@click.argument("table")
@click.argument("formula", required=False)
@options.cost
@click.option(
    "--features", metavar="PATTERN", help="Columns grouped as X: 'pixel_*' or a,b,c; with --layers, by default all."
)
@options.converted("--layers", layer_sizes, "N,…", "Fit a network with hidden layers of these sizes.")
@options.shown(
    "--activation", "tanh", "Activation of hidden layers: a name, a formula in z, or one per layer (relu,tanh)."
)
@options.shown("--output", "auto", "Output activation: sigmoid, softmax, linear, …; auto chooses by the target.")
@options.named(
    "--initial",
    "training.initialisers:SCHEMES",
    "Initial values: {} or normal(0.1) [default: chosen by the activation].",
    metavar="SCHEME",
)
@options.penalties
@click.option("--balanced", is_flag=True, help="Weight the samples so that all classes count the same.")
@options.named("--optimiser", "training.optimisers:OPTIMISERS", "Update rule: {}.", default="gradient-descent")
@options.rate("Learning rate; auto finds one by a search.", default=0.1, show_default=True)
@options.named(
    "--schedule",
    "training.schedules:SCHEDULES",
    "Learning rate schedule: {}; settings are written step:30:0.1, warm-up:5+cosine.",
    metavar="TEXT",
)
@options.batch
@options.shown("--epochs", 1000, "Maximum number of passes through the table.")
@options.start
@options.seed
@options.choice("--gradient", ["backprop", "finite-difference", "layerwise"], "How the gradient is computed.")
@options.shown("--step", 1e-3, "ε of finite differences.")
@options.shown("--engine", "auto", "auto, native or reference.", metavar="NAME")
@options.choice("--dtype", ["float64", "float32"])
@click.option("--maximise", is_flag=True, help="Maximise the cost instead.")
@click.option("--restarts", type=int, metavar="K", help="Run K random starts and keep the best.")
@click.option("--tolerance", type=float, help="Stop when the relative change of the cost is below this.")
@click.option("--max-seconds", type=float, help="Stop after this time.")
@options.converted(
    "--validate",
    options.number_or_word,
    "SHARE|TABLE",
    "Share of rows, or a table, held out for validation after each epoch.",
)
@click.option(
    "--patience",
    type=int,
    help="Stop after this many epochs without a lower validation cost; keep the best parameters.",
)
@click.option("--checkpoint", type=files.Output("checkpoint"), help="File to which the state is saved every minute.")
@click.option("--checkpoint-every", type=int, metavar="EPOCHS", help="Save the state after this many epochs instead.")
@click.option("--resume", is_flag=True, help="Continue from the checkpoint, if there is one.")
@click.option("--check/--no-check", default=None, help="Check the gradient first [default: for up to 200 parameters].")
@click.option(
    "--plot/--no-plot", default=None, help="Plot cost against epoch [default: if the terminal is large enough]."
)
@options.na
@click.option("--save", type=files.Output("model"), help="File to which the model is saved (.safetensors).")
@options.as_json
@click.pass_context
def fit(
    ctx: click.Context, /, table: str, formula: str | None, start: dict[str, float], seed: int | None, na: str,
    save: str | None, as_json: bool, check: bool | None, plot: bool | None, **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA, 'target ~ prediction', to TABLE by gradient descent.

    TABLE is a CSV or Parquet file, '-' for CSV on standard input, or a built-in table: and, or, nand, xor,
    twice, which has a default formula. Names in the formula that are columns are data, all others parameters.
    With --layers, FORMULA is the name of the target and the model is a network. Defaults of options are read from
    the table [fit] of the file that --config names, or of steepest.toml in the current folder.
    """
    from steepest.objectives.diagnostics import rows_left_out
    from steepest.tables.table import open_table

    _refuse_files(save, given["checkpoint"], given["resume"])
    opened = open_table(table)
    if formula is None:
        formula, usual = _built_in(table, bool(given["layers"]))
        start = usual if not start and seed is None and given["restarts"] is None else start
    if ctx.get_parameter_source("cost") is click.core.ParameterSource.DEFAULT:
        given["cost"] = None  # a network chooses its cost by its output
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
    options.warn(notes)
    if settings["restarts"] is None:
        settings["start"] = start
    run = descent_of(model, opened if samples is None else samples, {**settings, "seed": seed or 0, "na": na}, as_json)
    if settings["resume"]:
        where = "no checkpoint was found" if run.resumed is None else f"resumed from epoch {run.resumed}"
        options.tell(f"note: {where}")
    effective = {name: value for name, value in ctx.params.items() if name not in _NOT_KEPT}
    # The start may be that of a built-in table, which the context does not hold.
    model.settings = {**effective, "start": start, "cost": model.cost_name, "engine": run.engine}
    failure = _saved(model, run, save)  # before anything is printed, for the reader of a pipe may leave
    if as_json:
        print_json(_document(model, run, samples, report, notes, seed or 0))
    else:
        show_fit(model, samples, plot)
    if failure is not None:
        raise failure
    return _finish(run, save)


def _built_in(table: str, layers: bool) -> tuple[str, dict[str, float]]:
    """Return the formula and the start of a built-in table; of a network on it, the target."""
    from steepest.tables.built_in import BUILT_IN

    if table not in BUILT_IN:
        needed = "the name of the target is needed, as FORMULA" if layers else 'a formula is needed, as "y ~ a*x + b"'
        raise click.UsageError(f"{needed}; only the built-in tables have a default one")
    known = BUILT_IN[table]
    return (known.formula.partition("~")[0].strip(), {}) if layers else (known.formula, dict(known.start))


def _refuse_files(save: str | None, checkpoint: str | None, resume: bool) -> None:
    """Raise if a file cannot be written, before anything is computed."""
    from steepest.storage.files import refuse_place

    for place in (save, checkpoint):
        if place:
            refuse_place(place)
    if checkpoint and os.path.exists(checkpoint) and not resume and not files.is_forced(click.get_current_context()):
        raise click.UsageError(
            f"{checkpoint} already exists; "
            "continue from it with --resume, replace it with --force, or name another file"
        )


def descent_of(model: Model, source: Table | Samples, settings: dict[str, Any], quiet: bool) -> Descent:
    """Fit the model and return the descent, whose warnings are still to be printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        warnings.simplefilter("default", CacheWarning)
        model.fit(source, progress=False if quiet else None, **settings)
    run = model.run
    assert run is not None  # fit has just set it
    return run


def model_of(opened: Table, formula: str, given: dict[str, Any]) -> Model:
    """Return the model that the options describe, which are taken out of ``given``."""
    from steepest.models.builders import network_for
    from steepest.models.model import Model

    layers, output, activation = given.pop("layers"), given.pop("output"), _several(given.pop("activation"))
    cost, features = given.pop("cost"), given.pop("features")
    features = [part.strip() for part in features.split(",")] if features and "," in features else features
    extras = {name: given.pop(name) for name in ("weights", "l1", "l2")}
    extras["class_weight"] = "balanced" if given.pop("balanced") else None
    if layers is None:
        _refuse_network_options()
        return Model(formula, cost or "mse", features=features, **extras)
    if "~" in formula:
        raise click.UsageError("with --layers, FORMULA is the name of the target alone; leave out one of the two")
    model = network_for(opened, formula, layers, activation, output, cost, features=features, **extras)
    _note_classes(opened, formula, model)
    if features is None:
        inside = {formula, extras["weights"], *model.features["X"]}
        left_out = [name for name in opened.names if name not in inside]
        if left_out:
            options.tell(f"note: {', '.join(left_out)} left out, because they are not numeric")
    return model


def _refuse_network_options() -> None:
    """Raise if an option was given that has an effect on networks only."""
    ctx = click.get_current_context()
    for param in ctx.command.params:
        is_file = isinstance(param.type, files.Output)
        of_networks = param.name == "activation" or (param.name == "output" and not is_file)
        if of_networks and ctx.get_parameter_source(str(param.name)) is not click.core.ParameterSource.DEFAULT:
            flag = param.opts[0]
            raise click.UsageError(f"{flag} is for networks; give --layers as well, or leave {flag} out")


def _several(activation: str) -> str | list[str]:
    """Split ``relu,tanh`` into one activation per layer; a formula may contain commas itself."""
    parts = [part.strip() for part in activation.split(",")]
    return parts if len(parts) > 1 and all(part.isidentifier() for part in parts) else activation


def _note_classes(opened: Table, target: str, model: Model) -> None:
    """Print a note if the target is treated as a quantity but its values look like classes."""
    import numpy as np

    column = opened.select([target], na="drop").arrays[target]
    values = np.unique(column)
    few = len(values) <= min(_MOST_CLASSES, len(column) // _ROWS_PER_CLASS) and np.array_equal(values, np.floor(values))
    if few and model.prediction.operation.name not in ("softmax", "sigmoid"):
        found = ", ".join(f"{value:g}" for value in values)
        options.tell(f"note: {target} is treated as a quantity; to make {found} classes, number them from 0")


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the descent, with the schedule in the rate."""
    from steepest.training.schedules import read_schedule

    schedule, rate = given.pop("schedule"), given["rate"]
    if schedule is not None:
        if rate == "auto":
            raise click.UsageError("--rate auto finds its own learning rates; leave --schedule out")
        given["rate"] = read_schedule(schedule, rate, given["epochs"])
    return given


def _refuse(model: Model, settings: dict[str, Any], start: dict[str, float]) -> None:
    """Raise if the settings are not valid, before anything is computed."""
    from steepest.engines import choose
    from steepest.training.settings import Settings

    choose(settings["engine"], settings["dtype"])
    if settings["restarts"] is not None and start:
        raise click.UsageError("--restarts draws every start from the seed; leave --start out")
    ours = {name: value for name, value in settings.items() if name not in ("engine", "initial")}
    Settings(**ours).check(model.cost)


def _checked(
    model: Model, samples: Samples, start: dict[str, float], seed: int | None, settings: dict[str, Any],
    wanted: bool | None,
) -> Report | None:  # fmt: skip
    """Check the gradient at the start; return None if there are too many parameters for that."""
    import math

    from steepest.expressions.expression import PARAMETER, leaves
    from steepest.training.initialisers import initial

    begin = initial(model.cost, start, seed or 0, "--start", settings["initial"])
    model.refuse_targets(samples.arrays)
    numbers = sum(math.prod(leaf.shape) for leaf in leaves([model.cost]) if leaf.operation is PARAMETER)
    if not (numbers <= _MOST_CHECKED if wanted is None else wanted):
        return None
    method = "layerwise" if settings["gradient"] == "layerwise" else "backprop"
    rows = max(_CHECKED_PRODUCT // max(numbers, 1), 16)  # a wrong derivative shows on a few rows, too
    return model.check(samples.head(rows), at=begin, method=method)


def _document(
    model: Model, run: Descent, samples: Samples | None, report: Report | None, notes: list[str], seed: int
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "formula": model.formula, "params": run.params, "cost": run.cost, "reason": run.reason,
        "message": run.message, "epochs": run.epochs, "seconds": run.seconds, "engine": run.engine,
        "check": None if report is None else check_json(report), "notes": notes,
        "warnings": run.warnings, "rows": None if samples is None else samples.rows,
        "dropped": None if samples is None else samples.dropped, "start": run.start, "seed": seed,
        "restarts": run.restarts, "levels": [asdict(level) for level in run.levels or []],
        "validation": run.validation, "best_epoch": run.best_epoch, "settings": model.settings,
    }  # fmt: skip


def _saved(model: Model, run: Descent, save: str | None) -> StorageError | None:
    """Save the model if it did not diverge, and return what failed, so that the result is shown nevertheless."""
    try:
        if save and not run.diverged:
            model.save(save)
    except StorageError as error:
        return error
    return None


def _finish(run: Descent, save: str | None) -> int:
    """Print where the model is and warnings, and return the exit status."""
    if save and not run.diverged:
        options.tell(f"saved to {save}")
    options.warn(run.warnings)
    if run.diverged:
        options.tell(f"steepest: {run.message}{f'; nothing was saved to {save}' if save else ''}")
        return options.FOUND
    return options.INTERRUPTED if run.reason == "interrupted" else 0
