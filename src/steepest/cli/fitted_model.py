"""The model that ``fit`` fits, and its start: of a formula, a built-in table, a network, or a saved model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.models import model_of

if TYPE_CHECKING:
    from steepest.models.model import Model
    from steepest.tables.table import Table

DESCRIBING = (
    "cost", "features", "layers", "activation", "output", "l1", "l2", "weights", "balanced", "scale",
)  # fmt: skip
"""The options that describe a model, which a saved one has already."""


@dataclass(frozen=True)
class ToFit:
    """A model, the table that it has opened, and the start of its fit."""

    model: Model
    opened: Table
    start: dict[str, Any]


def model_to_fit(
    ctx: click.Context, opened: Table, table: str, formula: str | None, source: str | None, given: dict[str, Any]
) -> ToFit:
    """Return the model that the arguments describe; options of the model are taken out of ``given``.

    Args:
        ctx: the command.
        opened, table: the table and how it was named.
        formula: None for that of a built-in table or of the saved model.
        source: the saved model to continue from, if there is one.
        given: the options; the parameters that the saved model was tied to are added.
    """
    start = dict(ctx.params["start"])
    if source is not None:
        return _continued(ctx, opened, formula, source, given)
    if formula is None:
        formula, usual = _built_in(table, bool(given["layers"]))
        is_left = ctx.params["seed"] is None and given["restarts"] is None
        start = usual if not start and is_left else start
    if ctx.get_parameter_source("cost") is click.core.ParameterSource.DEFAULT:
        given["cost"] = None  # a network chooses its cost by its output
    model = model_of(opened, formula, given)
    return ToFit(model, model.use(opened), start)


def _continued(
    ctx: click.Context, opened: Table, formula: str | None, source: str, given: dict[str, Any]
) -> ToFit:  # fmt: skip
    """Return the saved model itself, or that of a formula with the parameters of the saved one."""
    from steepest.models.model import load

    saved = load(source)
    if formula is None:
        for name in DESCRIBING:
            if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
                flag = next(param.opts[0] for param in ctx.command.params if param.name == name)
                raise click.UsageError(
                    f"{flag} is a part of the model in {source}; leave it out, or give FORMULA as well"
                )
            given.pop(name)
        model = saved
        given["tie"] = given["tie"] or dict(saved.tied)
    else:
        if ctx.get_parameter_source("cost") is click.core.ParameterSource.DEFAULT:
            given["cost"] = None
        model = model_of(opened, formula, given)
    used = model.use(opened)
    if model is not saved and saved.scales:
        if set(model.scales) != set(saved.scales):
            raise click.UsageError(
                f"the parameters in {source} are those of the standardised columns {', '.join(saved.scales)}; leave "
                "FORMULA out, or give one with these columns and --scale standard"
            )
        model.scales = dict(saved.scales)
        used = model.use(opened)
    own = _parameters(model, saved, {*given["fix"], *given["tie"]})
    return ToFit(model, used, {**own, **ctx.params["start"]})


def _parameters(model: Model, saved: Model, kept: set[str]) -> dict[str, Any]:
    """Return the parameters of a saved model that another one has, without those that do not move by themselves."""
    import numpy as np

    from steepest.expressions.expression import PARAMETER, leaves

    shapes = {leaf.name: leaf.shape for leaf in leaves([model.prediction]) if leaf.operation is PARAMETER}
    own = {name: value for name, value in saved.params.items() if shapes.get(name) == np.shape(value)}
    others = [name for name in saved.params if name not in own]
    drawn = [name for name in shapes if name not in own and name not in kept]
    if not own:
        raise click.UsageError(
            f"the saved model has the parameters {', '.join(saved.params)}, of which the formula has none in the same "
            "shape; leave --from out"
        )
    if others:
        options.tell(f"note: {', '.join(others)} of the saved model left out, as the formula has no such parameter")
    if drawn:
        options.tell(f"note: {', '.join(drawn)} not in the saved model; drawn unless --start has a value")
    return {name: np.asarray(value).tolist() for name, value in own.items() if name not in kept}


def _built_in(table: str, layers: bool) -> tuple[str, dict[str, float]]:
    """Return the formula and the start of a built-in table; of a network on it, the target."""
    from steepest.tables.built_in import BUILT_IN

    if table not in BUILT_IN:
        needed = "the name of the target is needed, as FORMULA" if layers else 'a formula is needed, as "y ~ a*x + b"'
        raise click.UsageError(f"{needed}; only the built-in tables have a default one")
    known = BUILT_IN[table]
    return (known.formula.partition("~")[0].strip(), {}) if layers else (known.formula, dict(known.start))
