"""The model that the options of ``fit`` and ``plot`` describe: a formula, or a network of layers."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import files, options
from steepest.errors import CacheWarning, SteepestWarning, TableWarning

if TYPE_CHECKING:
    from steepest.models.model import Model
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table
    from steepest.training.descent import Descent

# A target of whole numbers is probably a class when it has few distinct values and each occurs in several rows.
_MOST_CLASSES = 20
_ROWS_PER_CLASS = 5
# The training of networks that the user does not describe: chosen on held-out rows of five data sets (decision 31).
_L2 = 0.003  # without a penalty, the cross-entropy of classes that can be separated has no minimum
_HELD_OUT, _PATIENCE = 0.2, 50
_LEAST_ROWS = 100  # fewer are all needed to train on
_TRAINING = (
    "rate", "schedule", "optimiser", "batch", "epochs", "tolerance", "max_seconds", "maximise", "gradient", "validate",
    "patience", "restarts", "checkpoint", "resume",
)  # fmt: skip


def layer_sizes(ctx: click.Context, param: click.Parameter, value: Any) -> list[int] | None:
    """Convert ``32,16`` to numbers, for click."""
    if value is None:
        return None
    parts = value if isinstance(value, list) else str(value).split(",")
    try:
        return [int(str(part)) for part in parts]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form 32,16: neurons of each layer", ctx, param) from None


def model_of(opened: Table, formula: str, given: dict[str, Any]) -> Model:
    """Return the model that the options describe, which are taken out of ``given``."""
    from steepest.models.builders import network_for
    from steepest.models.model import Model

    layers, output, activation = given.pop("layers"), given.pop("output"), _several(given.pop("activation"))
    cost, features = given.pop("cost"), given.pop("features")
    features = [part.strip() for part in features.split(",")] if features and "," in features else features
    extras = {name: given.pop(name) for name in ("weights", "l1", "l2")}
    extras["class_weight"] = "balanced" if given.pop("balanced") else None
    scale = given.pop("scale", None)
    # The tables of the notes are of order 1, and their networks are trained as they are.
    standard = scale == "standard" or (scale is None and layers is not None and not _is_built_in(opened))
    extras["scale"] = "standard" if standard else None
    if layers is None:
        _refuse_network_options()
        return Model(formula, cost or "mse", features=features, **extras)
    if "~" in formula:
        raise click.UsageError("with --layers, FORMULA is the name of the target alone; leave out one of the two")

    def network(**penalty: float) -> Model:
        return network_for(
            opened, formula, layers, activation, output, cost, features=features, **{**extras, **penalty}
        )

    model = network()
    if standard and _is_left("l1", "l2") and model.cost_name == "cross_entropy":
        model = network(l2=_L2)
        options.tell(f"note: the weights have the penalty --l2 {_L2:g}; --l2 0 leaves it out")
    _note_classes(opened, formula, model)
    if features is None:
        inside = {formula, extras["weights"], *model.features["X"]}
        left_out = [name for name in opened.names if name not in inside]
        if left_out:
            options.tell(f"note: {', '.join(left_out)} left out, because they are not numeric")
    return model


def held_out(model: Model, rows: int) -> dict[str, Any]:
    """Return the settings by which the fit of a network holds out rows and ends when their cost rises, and say so.

    There are none if the columns are not standardised, the user describes the training, or there are few rows.
    """
    if model.scale is None or not _is_left(*_TRAINING) or rows < _LEAST_ROWS or not _is_network():
        return {}
    options.tell(
        f"note: {_HELD_OUT:.0%} of the rows are held out, and the parameters with the lowest cost on them are kept; "
        "--epochs 1000 trains on all rows"
    )
    return {"validate": _HELD_OUT, "patience": _PATIENCE}


def descent_of(model: Model, source: Table | Samples, settings: dict[str, Any], quiet: bool) -> Descent:
    """Fit the model and return the descent, whose warnings are still to be printed.

    Its errors are those of ``absolute_sigma`` if the settings have it.

    Raises:
        click.UsageError: the cost has no such errors.
    """
    settings = dict(settings)
    absolute = settings.pop("absolute_sigma", False)
    refuse_absolute_sigma(model, absolute)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)
        warnings.simplefilter("default", CacheWarning)
        warnings.simplefilter("always", TableWarning)
        model.fit(source, progress=False if quiet else None, **settings)
    run = model.run
    assert run is not None  # fit has just set it
    if absolute and run.uncertain is not None:
        model.run = run = replace(run, uncertain=partial(run.uncertain, absolute_sigma=True))
    return run


def refuse_absolute_sigma(model: Model, wanted: bool) -> None:
    """Raise if errors by absolute standard deviations are wanted for a cost that is no sum of squares."""
    from steepest.inference.fitted import Kind
    from steepest.inference.of_models import kind_of

    if wanted and kind_of(model) is not Kind.SQUARES:
        raise click.UsageError("--absolute-sigma is for least squares; leave it out for this cost")


def method_of(optimiser: str | None, rate: float | str | None) -> dict[str, Any]:
    """Return the settings of the method for these options: by the cost, unless there is a rate or an optimiser."""
    plain = optimiser is None and rate is not None
    return {"optimiser": "gradient-descent" if plain else optimiser or "auto", "rate": 0.1 if rate is None else rate}


def _is_network() -> bool:
    return click.get_current_context().params.get("layers") is not None


def _is_left(*names: str) -> bool:
    """Return whether the command has options of these names and the user gave none of them."""
    ctx = click.get_current_context()
    sources = [ctx.get_parameter_source(name) for name in names]
    return all(source is click.core.ParameterSource.DEFAULT for source in sources)


def _is_built_in(opened: Table) -> bool:
    from steepest.tables.built_in import BUILT_IN

    return any(opened.source == f"the built-in table {name}" for name in BUILT_IN)


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

    if model.classes:
        return
    column = opened.select([target], na="drop").arrays[target]
    values = np.unique(column)
    few = len(values) <= min(_MOST_CLASSES, len(column) // _ROWS_PER_CLASS) and np.array_equal(values, np.floor(values))
    if few and model.prediction.operation.name not in ("softmax", "sigmoid"):
        found = ", ".join(f"{value:g}" for value in values)
        options.tell(f"note: {target} is treated as a quantity; to make {found} classes, number them from 0")
