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


_NO_INTERVAL = "note: no prediction_lower and prediction_upper: the cost does not say how far a new value scatters"


@options.command("""
    steepest predict model.safetensors new.csv
    steepest predict model.safetensors new.csv -o predictions.csv
    steepest predict model.safetensors new.csv --interval 0.95
""")
@click.argument("model")
@click.argument("table")
@click.option(
    "--interval",
    type=float,
    metavar="LEVEL",
    help="Add the confidence band of the prediction and the prediction band of a new value, with this probability.",
)
@options.output("File for the CSV [default: standard output].", "predictions")
@options.na
@options.reading
@options.as_json
def predict(model: str, table: str, interval: float | None, output: str | None, na: str, as_json: bool) -> int:
    """Predict every row of TABLE with a saved MODEL; prints a CSV column 'prediction'.

    For several classes there is a column of probabilities for each, and the likeliest class in the column 'class'.
    With --na drop, the column 'row' gives the number of each remaining row, counted from 1. With --interval 0.95, the
    columns 'lower' and 'upper' contain the expected value with this probability, 'prediction_lower' and
    'prediction_upper' a new value of the target; the model must be a fit that has standard errors.
    """
    from steepest.models.model import load
    from steepest.objectives.diagnostics import rows_left_out
    from steepest.storage.files import write_atomically

    loaded = load(model)
    opened = tables.opened(table)
    columns = loaded.inputs(opened, na)
    found = {"prediction": loaded.predict(columns), **_ends(loaded, columns, interval)}
    classes = {"class": found["prediction"].argmax(axis=1)} if loaded.prediction.operation.name == "softmax" else {}
    if as_json:
        level = {} if interval is None else {"interval": interval}
        document = {**found, "row": columns.kept + 1, "dropped": columns.dropped, **classes, **level}
        text = json.dumps(plain(document), allow_nan=False)
    else:
        shown: dict[str, Any] = {"row": columns.kept + 1} if na == "drop" else {}
        for name, values in found.items():
            shown |= {name: values} if values.ndim == 1 else {f"{name}_{k}": part for k, part in enumerate(values.T)}
        rows = zip(*(column.tolist() for column in (shown | classes).values()), strict=True)
        text = "\n".join([",".join(shown | classes), *(",".join(map(repr, row)) for row in rows)])
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
""")
@click.argument("model")
@click.argument("table")
@options.na
@options.reading
@options.as_json
def evaluate(model: str, table: str, na: str, as_json: bool) -> int:
    """Evaluate the predictions of a saved MODEL on TABLE, which must contain the target.

    Prints accuracy, log-loss and the confusion matrix of probabilities, R² and errors of other predictions.
    """
    from steepest.cli.output import show_evaluation
    from steepest.models.model import load
    from steepest.objectives.diagnostics import rows_left_out

    loaded = load(model)
    opened = loaded.use(tables.opened(table))
    found = loaded.evaluate(opened, na)
    if found["dropped"]:
        options.tell(rows_left_out(found["dropped"], opened.rows))
    if as_json:
        print_json(found)
    else:
        show_evaluation(found)
    return 0


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
