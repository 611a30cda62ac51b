"""The commands that take a saved model: predict, evaluate, export."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import plain, print_json

if TYPE_CHECKING:
    from steepest.models.model import Model
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table


_HALF = 0.5  # the probability from which on class 1 is the likelier one
_NO_INTERVAL = "note: no prediction_lower and prediction_upper: the cost does not say how far a new value scatters"


@options.command("""
    steepest predict model.safetensors new.csv
    steepest predict model.safetensors new.csv -o predictions.csv
    steepest predict model.safetensors new.csv --interval 0.95
    steepest predict model.safetensors new.csv --keep -o predictions.csv
""")
@click.argument("model")
@click.argument("table")
@click.option(
    "--interval",
    type=float,
    metavar="LEVEL",
    help="Add the confidence band of the prediction and the prediction band of a new value, with this probability.",
)
@click.option("--keep", is_flag=True, help="Write the columns of TABLE, too, before those of the prediction.")
@options.output("File for the CSV [default: standard output].", "predictions")
@options.na
@options.reading
@options.as_json
def predict(
    model: str, table: str, interval: float | None, keep: bool, output: str | None, na: str, as_json: bool
) -> int:
    """Predict every row of TABLE with a saved MODEL; prints a CSV column 'prediction'.

    For several classes there is a column of probabilities for each, and the likeliest class in the column 'class'; a
    model that was saved from an estimator has the labels of its classes.
    With --na drop, the column 'row' gives the number of each remaining row, counted from 1. With --keep, the columns of
    TABLE come first, as they are written there. With --interval 0.95, the
    columns 'lower' and 'upper' contain the expected value with this probability, 'prediction_lower' and
    'prediction_upper' a new value of the target; the model must be a fit that has standard errors.
    """
    from steepest.models.model import load
    from steepest.objectives.diagnostics import rows_left_out
    from steepest.storage.files import write_atomically
    from steepest.tables.cells import csv_lines

    loaded = load(model)
    opened = tables.opened(table)
    columns = loaded.inputs(opened, na)
    found = {"prediction": loaded.predict(columns), **_ends(loaded, columns, interval)}
    classes = _classes(loaded, found["prediction"])
    kept = _kept(opened, columns, ["row", *found, *classes]) if keep else {}
    if as_json:
        level = {} if interval is None else {"interval": interval}
        document = {**found, "row": columns.kept + 1, "dropped": columns.dropped, **classes, **level}
        document |= {"columns": kept} if keep else {}
        text = json.dumps(plain(document), allow_nan=False)
    else:
        shown: dict[str, Any] = {"row": columns.kept + 1} if na == "drop" else {}
        for name, values in found.items():
            shown |= {name: values} if values.ndim == 1 else {f"{name}_{k}": part for k, part in enumerate(values.T)}
        text = csv_lines(kept | {name: map(_cell, values.tolist()) for name, values in (shown | classes).items()})
    if output:
        write_atomically(output, (text + "\n").encode())
    else:
        options.say(text)
    if interval is not None and "prediction_lower" not in found:
        options.tell(_NO_INTERVAL)
    elif interval is not None and loaded.objective.weighted:
        options.tell("note: prediction_lower and prediction_upper are those of a value of weight 1")
    if columns.dropped:
        options.tell(rows_left_out(columns.dropped, opened.rows))
    return 0


def _classes(model: Model, prediction: Any) -> dict[str, Any]:
    """Return the column of the likeliest classes, by their labels if the model has any; none if it has no classes."""
    import numpy as np

    operation = model.prediction.operation.name
    if operation == "softmax":
        numbers = prediction.argmax(axis=1)
    elif operation == "sigmoid" and len(model.classes) == 2 and prediction.ndim == 1:
        numbers = (prediction > _HALF).astype(int)
    else:
        return {}
    return {"class": np.array(model.classes, object)[numbers] if model.classes else numbers}


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _kept(opened: Table, columns: Samples, taken: list[str]) -> dict[str, list[str]]:
    """Return the cells of a table in the rows of a prediction, by the names of their columns.

    Raises:
        click.UsageError: a column has a name that a column of the prediction has.
    """
    for name in opened.names:
        if name in taken:
            raise click.UsageError(
                f"{opened.source} has a column {name!r}, as the output has; rename it, or leave --keep out"
            )
    texts = {name: opened.cells(name) for name in opened.names}
    return {name: [column[k] for k in columns.kept.tolist()] for name, column in texts.items()}


def _ends(model: Model, columns: Samples, level: float | None) -> dict[str, Any]:
    """Return the ends of the confidence and the prediction band by the names of their columns."""
    if level is None:
        return {}
    bands = model.bands(columns, level)
    found = dict(zip(("lower", "upper"), bands.confidence, strict=True))
    if bands.interval is not None:
        found |= zip(("prediction_lower", "prediction_upper"), bands.interval, strict=True)
    return found


@options.command("""
    steepest evaluate model.safetensors test.csv
    steepest evaluate model.safetensors test.csv --json
    steepest evaluate model.safetensors test.csv --target y
""")
@click.argument("model")
@click.argument("table")
@click.option("--target", metavar="COLUMN", help="Column of the target, if it has another name than in the formula.")
@options.na
@options.reading
@options.as_json
def evaluate(model: str, table: str, target: str | None, na: str, as_json: bool) -> int:
    """Evaluate the predictions of a saved MODEL on TABLE, which must contain the target.

    Prints accuracy, precision, recall, F1, ROC-AUC, log-loss, calibration and the confusion matrix of probabilities,
    those of class 1 of two, else means over the classes; R², RMSE and other errors of predictions of numbers.
    """
    from steepest.cli.output import show_evaluation
    from steepest.models.model import load
    from steepest.objectives.diagnostics import rows_left_out

    loaded = load(model)
    read = tables.opened(table)
    opened = loaded.use(read if target is None else _with_target(read, options.bare(target), loaded))
    found = loaded.evaluate(opened, na)
    if found["dropped"]:
        options.tell(rows_left_out(found["dropped"], opened.rows))
    if as_json:
        print_json(found)
    else:
        show_evaluation(found)
    return 0


def _with_target(opened: Table, column: str, model: Model) -> Table:
    """Return a table in which a column has the name of the model's target, too.

    Raises:
        click.UsageError: the target is no single column, or is in the table by its own name.
    """
    from steepest.tables.table import Table

    name = model.target.name
    if not name:
        raise click.UsageError(f"the target of the model is {model.target}, not a column; leave --target out")
    if name == column:
        return opened
    if name in opened.names:
        raise click.UsageError(f"{opened.source} has a column {name!r}, which is the target; leave --target out")
    if column not in opened.names:
        opened.select([column])  # raises an error that suggests the nearest column
    texts = opened.texts

    def of(word: str) -> str:
        return column if word == name else word

    return Table(
        (*opened.names, name), opened.source, opened.rows, lambda word: opened.read(of(word)),
        texts=None if texts is None else lambda word: texts(of(word)),
    )  # fmt: skip


@options.command("""
    steepest export model.safetensors --to onnx
    steepest export model.safetensors --to c -o model.c --dtype float32
""")
@click.argument("model")
@options.named("--to", "export:FORMATS", "Format: {}.", metavar=None, required=True)
@options.output("File to write [default: next to the model].", "c", "onnx", "py")
@click.option("--optimiser", metavar="NAME", help="Update rule of c-train [default: gradient descent].")
@options.shown("--dtype", "float64", type=click.Choice(["float32", "float64"]))
def export(model: str, to: str, output: str | None, optimiser: str | None, dtype: str) -> int:
    """Write a saved MODEL as ONNX, as C99 that predicts or trains, or as plain NumPy source."""
    from pathlib import Path

    from steepest.export import FORMATS, export_model
    from steepest.models.model import load

    place = output or str(Path(model).with_suffix(FORMATS.find(to).suffix))
    if output is None and os.path.exists(place):
        raise click.UsageError(f"{place} exists; name another file with -o, or replace it with -o {place} --force")
    export_model(load(model), place, to, dtype, optimiser)
    options.tell(f"written to {place}")
    return 0
