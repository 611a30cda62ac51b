"""The command ``show``: print what a saved model contains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.output import number, print_json, show_arrays, written

if TYPE_CHECKING:
    from steepest.models.model import Model

_OF_FILES = ("table", "formula", "checkpoint", "resume")  # settings that are printed elsewhere, or have no effect later


@options.command("""
    steepest show model.safetensors
    steepest show model.safetensors --json
""")
@click.argument("model")
@options.as_json
def show(model: str, as_json: bool) -> int:
    """Print what a saved MODEL contains: formula, cost, parameters with standard errors, its fit, its table, settings.

    Vectors and matrices of up to 10 rows and columns are printed with every element; --json has all of them.
    """
    from steepest.models.model import load

    loaded = load(model)
    if as_json:
        print_json(_document(loaded))
    else:
        _show(loaded)
    return 0


def _errors(model: Model) -> dict[str, Any]:
    """Return the standard errors of parameters by name, numbers or arrays; without those that were fixed."""
    import numpy as np

    from steepest.training.parameter_vector import ParameterVector

    found = model.parameter_errors
    if found.refusal is not None:
        return {}
    by_label = dict(zip(found.labels, np.sqrt(np.diag(found.covariance)).tolist(), strict=True))
    vector, errors, k = ParameterVector(model.prediction), dict[str, Any](), 0
    for name, shape in vector.shapes.items():
        size = int(np.prod(shape))
        own = [by_label.get(label) for label in vector.labels[k : k + size]]
        k += size
        if None not in own:
            errors[name] = np.reshape(np.array(own, np.float64), shape)[()]
    return errors


def _settings(model: Model) -> dict[str, Any]:
    """Return the settings of the fit that were given, or chosen."""
    return {
        name: value for name, value in model.settings.items()
        if name not in _OF_FILES and value not in (None, False, "", [], {}) and value != 0.0
    }  # fmt: skip


def _document(model: Model) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    objective, refusal = model.objective, model.parameter_errors.refusal
    fixed = model.parameter_errors.fixed(model)
    return {
        "formula": model.formula, "cost": model.cost_name, "columns": list(model.data), "params": model.params,
        "standard_errors": None if refusal else _errors(model), "refusal": refusal, "fixed": fixed,
        "tied": dict(model.tied), "features": {name: list(block) for name, block in model.blocks.items()},
        "scales": {name: {"mean": s.mean, "standard_deviation": s.deviation} for name, s in model.scales.items()},
        "classes": list(model.classes), "weights": model.weights, "class_weight": model.class_weight,
        "l1": objective.l1, "l2": objective.l2, "run": model.record.get("run"), "table": model.record.get("table"),
        "settings": model.settings,
    }  # fmt: skip


def _show(model: Model) -> None:
    from steepest.display.console import say, table
    from steepest.messages.sentences import listed

    rows = [["model", model.formula], ["cost", f"{model.cost_name}, C = {model.cost}"]]
    rows += [[name, f"{len(columns)} columns: {listed(columns, 8)}"] for name, columns in model.blocks.items()]
    if model.scales:
        rows.append(["scale", f"{listed(model.scales, 8)} standardised: (value − mean)/standard deviation"])
    if model.classes:
        rows.append(["classes", listed(map(str, model.classes), 20)])
    if model.weights is not None:
        rows.append(["weights", f"the column {model.weights}"])
    table([*rows, *_of_fit(model.record)])
    say()
    say("Parameters:")
    table(_parameters(model), right=[1])
    if refusal := model.parameter_errors.refusal:
        say(refusal)
    show_arrays(model.params)
    settings = _settings(model)
    if settings:
        say()
        say("Settings of the fit:")
        table([[name, str(value)] for name, value in settings.items()])


def _of_fit(record: Any) -> list[list[str]]:
    """Return rows on the table and on the end of the fit, as far as the file says."""
    rows, table, run = [], record.get("table", {}), record.get("run", {})
    if {"source", "rows"} <= {*table}:
        out = f", {table['dropped']:,} more left out" if table.get("dropped") else ""
        rows.append(["fitted to", f"{table['source']}, {table['rows']:,} row{'s'[table['rows'] == 1 :]}{out}"])
    if {"reason", "epochs", "cost"} <= {*run}:
        how = f" by {run['optimiser']}" if run.get("optimiser") else ""
        rows.append(["fit", f"{run['reason']} after {run['epochs']:,} epochs{how}; final cost {number(run['cost'])}"])
    return rows


def _parameters(model: Model) -> list[list[str]]:
    """Return a row for each parameter: name, value or shape, and its standard error, that it was fixed or its tie."""
    import numpy as np

    errors, fixed = _errors(model), model.parameter_errors.fixed(model)
    rows = []
    for name, value in model.params.items():
        error = errors.get(name)
        said = "fixed" if name in fixed else "" if error is None or np.ndim(error) else f"± {error:.2g}"
        rows.append([name, written(value), f"{said} = {model.tied[name]}".lstrip() if name in model.tied else said])
    return rows
