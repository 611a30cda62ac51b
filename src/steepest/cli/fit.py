"""The command ``fit``: fit a formula or a network to a table."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import files, options, tables
from steepest.cli.fitted_model import DESCRIBING, model_to_fit
from steepest.cli.models import descent_of, held_out, layer_sizes, refuse_absolute_sigma
from steepest.cli.output import announce, check_json, print_json, reasons_of, show_fit, show_summary, show_unscaled
from steepest.errors import StorageError

if TYPE_CHECKING:
    from steepest.checking.report import Report
    from steepest.models.model import Model
    from steepest.models.restricted import Restricted
    from steepest.tables.samples import Samples
    from steepest.training.descent import Descent


# The check before a fit is to take some hundredths of a second, as an example must not wait for it: large arrays are
# looked at along a few random directions, and the product of rows and parameters is bounded.
_MOST_CHECKED = 20_000  # parameters (scalars) up to which the gradient is checked by default
_CHECKED_DIRECTIONS = 4
_CHECKED_UNITS = 20_000  # operations in higher precision
_CHECKED_PRODUCT = 20_000  # rows used by the check times parameters


_RATE = 0.1  # of gradient descent
_LARGE = 10.0  # the typical size of a column
_FAR, _MANY = 0.01, 100  # share of the cost that a Newton step would still take away, after so many epochs
_NOT_OF_DESCENTS = ("engine", "initial", "fixed", "tied", "absolute_sigma")
_NOT_KEPT = (
    "save",
    "as_json",
    "check",
    "plot",
    "summary",
    "unscaled",
    "source",
)  # options that do not affect the fit; a saved model omits them


@options.command("""
    steepest fit nand
    steepest fit iris.csv "virginica ~ sigmoid(petal_length*w1 + petal_width*w2 + b)" --cost cross_entropy
    steepest fit xor --rate 1 --epochs 10000 --restarts 1000
    steepest fit digits.csv digit --layers 32 --optimiser adam --rate 0.01 --batch 32 --epochs 50 --validate 0.2
    steepest fit data.csv "y ~ a*x^2 + b*x + c" --start a=1,b=0 --save model.safetensors
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
@options.scale
@click.option("--balanced", is_flag=True, help="Weight the samples so that all classes count the same.")
@options.named(
    "--optimiser",
    "training.optimisers:OPTIMISERS",
    "Update rule: {} [default: chosen by the cost; gradient-descent with --rate and for built-in tables].",
)
@options.rate("Learning rate; auto finds one by a search [default: 0.1].")
@options.named(
    "--schedule",
    "training.schedules:SCHEDULES",
    "Learning rate schedule: {}; settings are written step:30:0.1, warm-up:5+cosine.",
    metavar="TEXT",
)
@options.batch
@options.shown("--epochs", 1000, "Maximum number of passes through the table.")
@options.start
@click.option(
    "--from",
    "source",
    metavar="MODEL",
    help="Saved model whose parameters to start from; leave FORMULA out for its own.",
)
@options.restrictions
@options.seed
@options.choice("--gradient", ["backprop", "finite-difference", "layerwise"], "How the gradient is computed.")
@options.shown("--step", 1e-3, "ε of finite differences.")
@options.shown("--engine", "auto", "auto, native or reference.", metavar="NAME")
@options.choice("--dtype", ["float64", "float32"])
@click.option("--maximise", is_flag=True, help="Maximise the cost instead.")
@options.restarts
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
@click.option(
    "--check/--no-check", default=None, help="Check the gradient first [default: for up to 20000 parameters]."
)
@click.option(
    "--plot/--no-plot", default=None, help="Plot cost against epoch [default: if the terminal is large enough]."
)
@options.na
@options.reading
@click.option("--save", type=files.Output("model"), help="File to which the model is saved (.safetensors).")
@click.option("--unscaled", is_flag=True, help="Print and save the parameters for columns in their own units.")
@click.option("--summary", is_flag=True, help="Print standard errors, intervals, statistics and correlations.")
@options.as_json
@click.pass_context
def fit(
    ctx: click.Context, /, table: str, formula: str | None, start: dict[str, Any], source: str | None, seed: int | None,
    na: str, save: str | None, as_json: bool, check: bool | None, plot: bool | None, summary: bool, unscaled: bool,
    **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA, 'target ~ prediction', to TABLE by gradient descent.

    TABLE is a CSV, Excel or Parquet file, '-' for standard input, or a built-in table: and, or, nand, xor,
    twice, which has a default formula. Names in the formula that are columns are data, all others parameters.
    With --layers, FORMULA is the name of the target and the model is a network. Defaults of options are read from
    the table [fit] of the file that --config names, or of steepest.toml in the current folder.
    """
    from steepest.objectives.diagnostics import rows_left_out
    from steepest.objectives.scaling import obstacle

    _refuse_files(save, given["checkpoint"], given["resume"])
    if formula is None and "~" in table:
        raise click.UsageError(f"a table is needed as well: steepest fit data.csv '{table}'")
    opened = tables.opened(table)
    found = model_to_fit(ctx, opened, table, formula, source, given)
    model, opened, start = found.model, found.opened, found.start
    notes = list(model.notes)
    if unscaled and model.scales and (why := obstacle(model.prediction, model.target, model.scales)):
        raise click.UsageError(f"--unscaled: {why}")
    given |= {"fixed": given.pop("fix"), "tied": given.pop("tie")}
    usual = held_out(model, opened.rows)
    given |= usual
    settings = _settings(given, table)
    restricted = _refuse(model, settings, start)
    model.refuse_flat()
    if isinstance(settings["validate"], str):
        settings["validate"] = model.held_out(tables.opened(settings["validate"]), na)
    large = settings["batch"] is not None and model.is_read_in_parts(opened)
    samples = None if large else model.read(opened, na)
    report = None
    if samples is not None:
        report = _checked(restricted, samples, start, seed, settings, check)
        if samples.dropped:
            options.tell(rows_left_out(samples.dropped, opened.rows))
    if not as_json:
        announce(model, opened, samples, report)
    options.warn(notes)
    settings |= {"start": start, "seed": seed or 0, "na": na}
    run = descent_of(model, opened if samples is None else samples, settings, as_json)
    if settings["optimiser"] == "auto" and not as_json:
        options.tell(f"note: optimiser: {run.optimiser}")
    if settings["resume"]:
        where = "no checkpoint was found" if run.resumed is None else f"resumed from epoch {run.resumed}"
        options.tell(f"note: {where}")
    model.settings = _kept(ctx, model, settings, start) | usual
    plain = model.unscaled() if unscaled and not run.diverged else None
    failure = _saved(plain or model, run, save)  # before anything is printed, for the reader of a pipe may leave
    if as_json:
        extra = {} if plain is None else _unscaled_document(plain)
        print_json(_document(model, run, samples, report, notes, seed or 0) | extra)
    else:
        show_fit(model, samples, plot)
        if plain is not None:
            show_unscaled(plain)
        if summary:
            show_summary(run)
    if failure is not None:
        raise failure
    _advise(ctx, model, settings, samples)
    return _finish(run, save)


def _kept(ctx: click.Context, model: Model, settings: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the fit that a saved model keeps."""
    assert model.run is not None  # after the fit
    kept = {name: value for name, value in ctx.params.items() if name not in _NOT_KEPT}
    if ctx.params["optimiser"] is None:
        kept["optimiser"] = settings["optimiser"]
    if ctx.params["rate"] is None:
        kept["rate"] = _RATE
    if settings["optimiser"] == "auto":
        kept |= {name: model.fitted[name] for name in ("optimiser", "rate")}
    kept |= {name: value for name, value in model.settings.items() if name in DESCRIBING}  # of a model of --from
    kept |= {"l2": model.objective.l2, "cost": model.cost_name, "engine": model.run.engine}
    return kept | {"start": start}  # it may be that of a built-in table, which the context does not hold


def _advise(ctx: click.Context, model: Model, settings: dict[str, Any], samples: Samples | None) -> None:
    """Name what helps a descent that diverged, crawls, or trains a network on large columns."""
    from steepest.tables.built_in import BUILT_IN

    run = model.run
    assert run is not None  # after the fit
    if ctx.params["table"] in BUILT_IN:
        return
    named = settings["optimiser"] != "auto" and settings["gradient"] == "backprop"
    if named and (run.diverged or _crawls(run)):
        options.tell("note: without --rate and --optimiser, fit chooses a method by the cost")
    if ctx.params["layers"] and model.scale is None and run.reason in ("plateau", "budget") and _is_large(samples):
        options.tell("note: --scale standard standardises the columns, so that they do not saturate the hidden units")


def _is_large(samples: Samples | None) -> bool:
    """Return whether a column in a block of features is so large that it may saturate hidden units."""
    import numpy as np

    blocks = [] if samples is None else [array for array in samples.arrays.values() if array.ndim == 2]
    return any(float(np.sqrt(np.mean(block**2, axis=0)).max()) > _LARGE for block in blocks)


def _crawls(run: Descent) -> bool:
    """Return whether plain descent has used up its epochs, and not a few, far from the minimum."""
    far = run.newton_decrement is not None and run.newton_decrement > _FAR
    return far and run.epochs >= _MANY and run.reason == "budget" and run.optimiser == "gradient descent"


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


def _settings(given: dict[str, Any], table: str) -> dict[str, Any]:
    """Return the settings of the descent, with the schedule in the rate."""
    from steepest.tables.built_in import BUILT_IN
    from steepest.training.schedules import read_schedule

    schedule, rate = given.pop("schedule"), given["rate"]
    if given["optimiser"] is None:
        plain = rate is not None or schedule is not None or table in BUILT_IN or given["gradient"] != "backprop"
        given["optimiser"] = "gradient-descent" if plain or given["engine"] != "auto" else "auto"
    if rate is None:
        rate = _RATE
        given["rate"] = rate
    if schedule is not None:
        if rate == "auto":
            raise click.UsageError("--rate auto finds its own learning rates; leave --schedule out")
        given["rate"] = read_schedule(schedule, rate, given["epochs"])
    return given


def _refuse(model: Model, settings: dict[str, Any], start: dict[str, Any]) -> Restricted[Model]:
    """Raise if the settings are not valid, before anything is computed; return the model with its restrictions."""
    from steepest.engines import choose
    from steepest.models.restricted import Restricted
    from steepest.training.initialisers import Initial
    from steepest.training.settings import Settings
    from steepest.training.starts import refuse_equal

    choose(settings["engine"], settings["dtype"])
    refuse_absolute_sigma(model, settings["absolute_sigma"])
    restricted = Restricted(model, settings["fixed"], settings["tied"], ("--fix", "--tie"))
    restricted.refuse(start, settings["bounds"], ("--start", "--bounds"))
    refuse_equal(start, Initial(restricted.others.cost).shapes, settings["restarts"])
    ours = {name: value for name, value in settings.items() if name not in _NOT_OF_DESCENTS}
    if ours["optimiser"] == "auto":
        ours["optimiser"] = None
    Settings(**ours).check(model.prepared)
    return restricted


def _checked(
    restricted: Restricted[Model], samples: Samples, start: dict[str, Any], seed: int | None, settings: dict[str, Any],
    wanted: bool | None,
) -> Report | None:  # fmt: skip
    """Check the gradient at the start; return None if there are too many parameters for that."""
    import math

    from steepest.expressions.expression import PARAMETER, leaves
    from steepest.training.bounds import read_bounds, within
    from steepest.training.initialisers import initial

    model, others = restricted.model, restricted.others
    limits = read_bounds(settings["bounds"], others.cost)
    begin = initial(others.cost, start, seed or 0, "--start", settings["initial"], limits)
    begin = restricted.whole(within(limits, begin, start))
    model.refuse_targets(samples.arrays)
    numbers = sum(math.prod(leaf.shape) for leaf in leaves([model.cost]) if leaf.operation is PARAMETER)
    if not (numbers <= _MOST_CHECKED if wanted is None else wanted):
        return None
    method = "layerwise" if settings["gradient"] == "layerwise" else "backprop"
    rows = max(_CHECKED_PRODUCT // max(numbers, 1), 16)  # a wrong derivative shows on a few rows, too
    few = {"directions": _CHECKED_DIRECTIONS, "units": _CHECKED_UNITS}
    return model.check(samples.head(rows), at=begin, method=method, **few)


def _document(
    model: Model, run: Descent, samples: Samples | None, report: Report | None, notes: list[str], seed: int
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "formula": model.formula, "params": run.params, "cost": run.cost, "reason": run.reason, "stop": run.stop,
        "message": run.message, "epochs": run.epochs, "seconds": run.seconds, "engine": run.engine,
        "optimiser": run.optimiser, "newton_decrement": run.newton_decrement, "uncertainty": _uncertainty(run),
        "tied": run.tied, "check": None if report is None else check_json(report), "notes": notes,
        "warnings": run.warnings, "rows": None if samples is None else samples.rows,
        "dropped": None if samples is None else samples.dropped, "start": run.start, "seed": seed,
        "scales": {name: {"mean": s.mean, "standard_deviation": s.deviation} for name, s in model.scales.items()},
        "restarts": run.restarts, "reasons": reasons_of(run), "levels": [asdict(level) for level in run.levels or []],
        "validation": run.validation, "best_epoch": run.best_epoch, "settings": model.settings,
    }  # fmt: skip


def _unscaled_document(plain: Model) -> dict[str, Any]:
    """Return the parameters for columns in their own units and their standard errors, or why there are none."""
    errors = plain.parameter_errors
    found = {"refusal": errors.refusal} if errors.refusal else {"standard_errors": errors.standard_errors}
    return {"unscaled": plain.params, "unscaled_uncertainty": found}


def _uncertainty(run: Descent) -> dict[str, Any] | None:
    """Return the standard errors of a fit and its statistics, or why there are none; None for a table in parts."""
    found: dict[str, Any] | None = None if run.uncertain is None or run.diverged else run.uncertainty().as_dict()
    return found


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
    return options.INTERRUPTED if run.stop == "interrupted" else 0
