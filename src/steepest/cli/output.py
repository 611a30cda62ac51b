"""Print results: JSON for programs, tables for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.messages.sentences import counted, visible_json

if TYPE_CHECKING:
    from steepest.checking.report import Report
    from steepest.display.picture import Picture
    from steepest.models.model import Model
    from steepest.tables.samples import Samples
    from steepest.tables.table import Table
    from steepest.training.descent import Descent

_MOST_SHOWN = 20  # classes whose confusion matrix still fits a terminal
_MEASURES = {
    "accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1", "roc_auc": "ROC-AUC",
    "log_loss": "log-loss", "brier": "Brier score", "calibration_error": "calibration error", "r2": "R²",
    "rmse": "root mean squared error", "mse": "mean squared error", "mae": "mean absolute error", "cost": "cost",
}  # fmt: skip
_MOST_WIDE = 10  # rows and columns of a parameter that is printed with every element
_MOST_LEVELS = 12  # levels of cost in a table
_MOST_JUDGED = 500  # ends of restarts whose reasons --json prints
_FEW_EPOCHS = 10  # below this a plot shows nothing


def print_json(document: dict[str, Any]) -> None:
    """Print a document to standard output as JSON."""
    from steepest.display.console import is_plain

    click.echo(visible_json(json.dumps(plain(document), ensure_ascii=is_plain(), indent=2, allow_nan=False)))


def plain(value: Any) -> Any:
    """Convert a value for JSON: arrays to lists, numbers that are not finite to None."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def reasons_of(run: Descent) -> list[str] | None:
    """Return what the ends of restarts mean; None for more of them than are judged in about a second."""
    return None if run.restarts is None or len(run.restarts) > _MOST_JUDGED else [str(each) for each in run.reasons]


def check_json(report: Report) -> dict[str, Any]:
    """Return the verdicts of a gradient check by parameter."""
    fields = ("verdict", "given", "expected", "error", "factor", "detail")
    return {row.name: {field: getattr(row, field) for field in fields} for row in report}


def show_check(report: Report) -> None:
    """Print the verdicts of a gradient check as a table."""
    from steepest.checking.report import CELLS
    from steepest.display.console import table

    table([row.cells() for row in report], CELLS, right=[2])


def finish(picture: Picture, path: str, as_json: bool) -> int:
    """Write a picture and print its description."""
    picture.save(path)
    if as_json:
        print_json({"title": picture.title, "description": picture.description, "output": path})
    else:
        options.say(picture.description)
    options.tell(f"written to {path}")
    return 0


def number(value: float) -> str:
    """Return a number in at most 12 digits."""
    return f"{value:z.12g}"


def announce(model: Model, opened: Table, samples: Samples | None, report: Report | None) -> None:
    """Print the model, its cost, the table (read in parts if without samples), and the check of the gradient."""
    from steepest.display.console import say, table
    from steepest.messages.sentences import listed

    rows = opened.rows if samples is None else samples.rows
    blocks = [
        [name, f"{counted(len(columns), 'column')}: {listed(columns, 8)}"] for name, columns in model.blocks.items()
    ]
    if model.scales:
        blocks.append(["scale", f"{listed(model.scales, 8)} standardised: (value − mean)/standard deviation"])
    table(
        [
            ["model", model.formula], *blocks, ["cost", f"{model.cost_name}, C = {model.cost}"],
            ["table", f"{opened.source}, {rows:,} row{'s'[rows == 1 :]}{', read in parts' * (samples is None)}"],
        ]
    )  # fmt: skip
    say()
    if report is not None:
        say("The gradient at the start, checked against finite differences:")
        show_check(report)
        say()


def show_fit(model: Model, samples: Samples | None, plot: bool | None = None) -> None:
    """Print the result of a fit: parameters, costs, a plot, and how well the predictions match the targets.

    Without samples, as the table is read in parts, no prediction is shown. ``plot`` None means a plot of cost against
    epoch if the terminal is large enough.
    """
    import numpy as np

    from steepest.display.console import say, table

    run = model.run
    assert run is not None  # a model is shown after its fit
    show_descent(run, plot)
    if run.diverged or samples is None:
        return
    say()
    predicted, arrays = model.predict(samples), model.columns_in_own_units(samples.arrays)
    names = [name for name in model.data if np.ndim(arrays[name]) == 1]
    if len(predicted) <= 16 and predicted.ndim == 1:
        cells = [[f"{arrays[name][k]:zg}" for name in names] + [f"{predicted[k]:z.6g}"] for k in range(len(predicted))]
        table(cells, [*names, "prediction"], right=range(len(names) + 1))
    elif model.target.name in arrays and arrays[model.target.name].ndim == 1:
        target, held_out = arrays[model.target.name], run.held_out
        if held_out is None:
            say(_summary(predicted, target, model.objective.weighted))
        else:
            training = np.delete(np.arange(len(target)), held_out)
            say(f"training:   {_summary(predicted[training], target[training], model.objective.weighted)}")
            say(f"validation: {_summary(predicted[held_out], target[held_out], model.objective.weighted)}")


def show_descent(run: Descent, plot: bool | None = None) -> None:
    """Print why a descent ended, its parameters and cost, and a plot of the cost; None as for :func:`show_fit`."""
    import numpy as np

    from steepest.display.console import say, table

    how = f"diverged after {counted(run.epochs, 'epoch')}; the last finite parameters" if run.diverged else run.message
    many = "" if run.restarts is None else f"{counted(len(run.restarts), 'descent')}; the best one "
    ended, *clauses = re.split(r"(?<=;) |(?<=epochs:) |(?<=epoch:) ", f"{how}:")
    say(f"{many}{ended[:-1]} ({run.seconds:.2g} s, engine {run.engine}){ended[-1]}")
    for clause in clauses:  # one a line, as a terminal may be narrow
        say(clause)
    params = {name: written(value) for name, value in run.params.items()}
    rows = [*map(list, params.items()), ["cost", number(run.cost)]]
    errors = _errors(run)
    for row in rows if errors or run.fixed or run.tied else ():
        error = errors.get(row[0])
        if row[0] in run.fixed:
            row.append("fixed")
            continue
        row.append("" if error is None or np.ndim(error) else f"± {error:.2g}")
        if row[0] in run.tied:
            row.append(f"= {run.tied[row[0]]}")
    if run.validation:
        epoch, lowest = min(run.validation, key=lambda row: row[1])
        last = lowest if run.best_epoch is not None else run.validation[-1][1]
        rows += [["validation cost", number(last)], [f"lowest, epoch {epoch}", number(lowest)]]
    table(rows, right=[1])
    if run.levels is not None:
        say()
        _show_levels(run)
    _show_plot(run, plot)


def written(value: Any) -> str:
    """Return the value of a parameter; of an array its shape."""
    shape = getattr(value, "shape", ())
    return f"array of shape {shape}" if shape else number(value)


def show_arrays(params: Mapping[str, Any]) -> None:
    """Print vectors and matrices, those of up to 10 rows and columns with every element."""
    import numpy as np

    from steepest.display.console import say, table

    for name, value in params.items():
        if 0 < np.ndim(value) <= 2 and max(np.shape(value)) <= _MOST_WIDE:
            rows = [[number(float(element)) for element in row] for row in np.atleast_2d(value)]
            say()
            say(f"{name}, {' × '.join(map(str, np.shape(value)))}:")
            table(rows, right=range(len(rows[0])))


def show_unscaled(model: Model) -> None:
    """Print the parameters for columns in their own units, with standard errors if there are any."""
    from steepest.display.console import say, table

    found = model.parameter_errors
    errors = found.standard_errors if found.refusal is None else {}
    say()
    say("Parameters for the columns in their own units:")
    rows = [
        [name, written(value)] + [f"± {errors[name]:.2g}"] * (name in errors) for name, value in model.params.items()
    ]
    table(rows, right=[1])


def show_summary(run: Descent) -> None:
    """Print how sure the parameters are."""
    from steepest.display.console import say

    say()
    say(run.summary() if run.uncertain is not None else "no standard errors: the table was read in parts")


def _errors(run: Descent) -> dict[str, Any]:
    """Return the standard errors of a converged fit; nothing if it has none."""
    if run.uncertain is None or run.reason != "converged":
        return {}
    found = run.uncertainty()
    return found.standard_errors if found.refusal is None else {}


def _measure(value: float, digits: int = 12) -> str:
    return "undefined" if math.isnan(value) else f"{value:.{digits}g}"


def show_evaluation(found: dict[str, Any]) -> None:
    """Print metrics of predictions, and the confusion matrix."""
    from steepest.display.console import say, table

    rows = [["rows", f"{found['rows']:,}"]]
    rows += [[text, _measure(found[name])] for name, text in _MEASURES.items() if name in found]
    table(rows, right=[1])
    if "confusion" not in found:
        return
    say()
    counts, names = found["confusion"], ("precision", "recall", "f1", "roc_auc")
    if 2 < len(counts) <= _MOST_SHOWN:
        rows = [[str(row["class"]), *(_measure(row[name], 6) for name in names)] for row in found["classes"]]
        table(rows, ["class", *(_MEASURES[name] for name in names)], right=range(1, 5))
        say()
    rows = [[str(r["samples"]), _measure(r["probability"], 4), _measure(r["share"], 4)] for r in found["calibration"]]
    say("Calibration (where the probabilities are right, their mean is the share of samples for which they came true):")
    table(rows, ["samples", "probability", "share"], right=range(3))
    say()
    if len(counts) > _MOST_SHOWN:
        say(f"{len(counts)} classes; --json prints the confusion matrix")
        return
    say("Confusion matrix (rows: true class, columns: predicted):")
    labels = [str(row["class"]) for row in found["classes"]]
    rows = [[labels[k], *map(str, row)] for k, row in enumerate(counts)]
    table(rows, ["class", *labels], right=range(1, len(counts) + 1))


def _show_levels(run: Descent) -> None:
    """Print the costs at which the random starts ended."""
    from steepest.display.console import say, table

    assert run.restarts is not None
    assert run.levels is not None
    starts = len(run.restarts)
    when = "so far" if run.stop in ("interrupted", "time") else "final"
    say(f"Costs of {starts} start{'s'[starts == 1 :]} ({when}):")
    rows = [
        [f"{level.lowest:.6g}", f"{level.highest:.6g}", str(level.starts), f"{level.starts / starts:.1%}"]
        for level in run.levels[:_MOST_LEVELS]
    ]
    if rows:
        table(rows, ["from", "to", "starts", "share"], right=range(4))
    if left := run.levels[_MOST_LEVELS:]:
        say(f"  and {sum(level.starts for level in left)} more, up to {left[-1].highest:.6g}")
    lost = starts - sum(level.starts for level in run.levels)
    if lost:
        say(f"  {lost} ({lost / starts:.1%}) diverged or started where the cost is not finite")


def _show_plot(run: Descent, wanted: bool | None) -> None:
    """Print a small plot of cost against epoch."""
    from steepest.display.console import say, show_plot

    found = run.cost_plot() if wanted or (wanted is None and run.epochs >= _FEW_EPOCHS) else None
    if found is not None:
        show_plot(found, always=bool(wanted))
    elif wanted:
        say("  (too few epochs with a finite cost to draw)")


def _summary(predicted: Any, target: Any, weighted: bool = False) -> str:
    """Return one line on the quality of predictions: accuracy for classes, R² for numbers, without weights."""

    if predicted.ndim == 2:
        right = int((predicted.argmax(axis=1) == target).sum())
        return f"accuracy {100 * right / len(predicted):.3g} % ({right} of {counted(len(predicted), 'row')})"
    if set(target.tolist()) <= {0.0, 1.0} and predicted.min() >= 0 and predicted.max() <= 1:
        right = int(((predicted > 0.5) == (target > 0.5)).sum())
        return f"accuracy {100 * right / len(target):.3g} % ({right} of {counted(len(target), 'row')}; threshold 0.5)"
    spread = float(((target - target.mean()) ** 2).sum())
    error = float(((target - predicted) ** 2).sum())
    if not spread:
        return f"{counted(len(target), 'row')} predicted"
    share = 1 - error / spread
    if share < 1e-6:
        return (
            f"the prediction is no better than the mean of {counted(len(target), 'row')} (R² = {min(share, 0.0):.4g})"
        )
    return f"R² = {share:.6g} over {counted(len(target), 'row')}{', which count the same here' * weighted}"
