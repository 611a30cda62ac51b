"""Write about the training: its course, the parameters, the predictions, and the cost around its path."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from steepest.derivations.lines import formula
from steepest.documents.document import Block, Figure, Formula, Heading, Inlines, Paragraph, Reference, Table
from steepest.engines import evaluate
from steepest.errors import MissingLibraryError, PictureError
from steepest.expressions.expression import PARAMETER, Expression, leaves
from steepest.papers.words import count, duration, element_of, name_of, number
from steepest.training.optimisers import OPTIMISERS

if TYPE_CHECKING:
    from steepest.papers.experiment import Experiment
    from steepest.training.descent import Descent

_MOST_ROWS = 12  # of a table of predictions, or numbers of a parameter that are written out


def training_of(experiment: Experiment) -> list[Block]:
    """Return the section about the training and its result."""
    from steepest import pictures

    run = experiment.run
    assert run is not None  # document_of calls this only after a training
    blocks: list[Block] = [Heading(("The training",)), Paragraph(_course(experiment, run)), *_update(experiment)]
    if run.epochs:
        picture = pictures.training(run, experiment.model.cost, experiment.columns)
        caption = ("The course of the training.",)
        blocks.append(Figure(picture.svg(), picture.tikz(), picture.description, caption, "training"))
    blocks += [Paragraph((sentence[0].upper() + sentence[1:] + ".",)) for sentence in run.warnings]
    return [*blocks, _parameters(run), *_predictions(experiment, run)]


def _course(experiment: Experiment, run: Descent) -> Inlines:
    rate = experiment.settings.get("rate", 0.1)
    steps_itself = experiment.settings.get("optimiser") in ("lm", "newton")
    at = f" at the rate {rate:g}" if isinstance(rate, float | int) and not steps_itself else ""
    batch = experiment.settings.get("batch")
    drawn = f", in batches of {batch} samples that are drawn anew in each epoch" if batch else ""
    left = f"; {count(experiment.dropped, 'row')} with a missing value left out" if experiment.dropped else ""
    first, last = run.history[0][1], run.history[-1][1]
    return (
        f"On {experiment.place} ({count(experiment.rows, 'sample')}{left}), {count(run.epochs, 'epoch')} of "
        f"{_optimiser(experiment)}{at}{drawn}, in {duration(run.seconds)} with the {run.engine} engine. "
        "The cost goes from ",
        number(first), " to ", number(last, 10), f"; the descent {run.message}. Table ", Reference("parameters"),
        " lists the parameters.",
    )  # fmt: skip


def _optimiser(experiment: Experiment) -> str:
    """Return the name of the optimiser; names of people with a capital."""
    given = experiment.settings.get("optimiser")
    name = given if isinstance(given, str) else getattr(given, "name", None) or "gradient descent"
    names = {"adam": "Adam", "adamw": "AdamW", "nesterov": "Nesterov's gradient", "rmsprop": "RMSProp", "lion": "Lion",
             "adagrad": "Adagrad", "lbfgs": "L-BFGS", "gradient-descent": "gradient descent",
             "lm": "Levenberg–Marquardt", "newton": "Newton's method"}  # fmt: skip
    return names.get(name, name)


def _update(experiment: Experiment) -> list[Block]:
    """Describe the update of an optimiser in the words of its own docstring."""
    given = experiment.settings.get("optimiser")
    if not isinstance(given, str) or given not in OPTIMISERS or given == "gradient-descent":
        return []
    said = inspect.getdoc(OPTIMISERS[given]) or ""
    rule = " ".join(said.split("\n\n")[0].split())
    if rule.startswith("Return "):  # of a method that is no rule for a single parameter
        return [Paragraph((f"The method is {rule.removeprefix('Return ')}",))]
    return [Paragraph((f"The update of a parameter w is as follows. {rule}",))]


def _parameters(run: Descent) -> Table:
    rows: list[tuple[Inlines, ...]] = []
    if all(np.size(value) <= _MOST_ROWS for value in run.params.values()):
        for name, value in run.params.items():
            for place in np.ndindex(*np.shape(value)):
                begin, end = (float(np.asarray(each)[place]) for each in (run.start[name], value))
                shown = element_of(name, place) if place else name_of(name)
                rows.append(((shown,), (number(begin, 6),), (number(end, 12),)))
        header: tuple[Inlines, ...] = (("parameter",), ("start",), ("end",))
        return Table(header, tuple(rows), ("The parameters before and after the training.",), (1, 2), "parameters")
    for name, value in run.params.items():
        array = np.asarray(value, float)
        figures = (array.min(), array.max(), array.mean(), np.linalg.norm(array))
        shape = " × ".join(map(str, array.shape)) or "a number"
        rows.append(((name_of(name),), (shape,), *((number(float(each), 5),) for each in figures)))
    header = (("parameter",), ("shape",), ("smallest",), ("largest",), ("mean",), ("norm",))
    return Table(header, tuple(rows), ("The parameters after the training.",), (2, 3, 4, 5), "parameters")


def _feature(name: str, number: str) -> Formula:
    return Formula(name_of(name, number).latex, name + number)


def _predictions(experiment: Experiment, run: Descent) -> list[Block]:
    """Return the predictions of a small table, or their quality for a large one."""
    model = experiment.model
    if run.diverged:
        return []
    values = {**experiment.columns, **run.params}
    found, target = (_per_sample(each, values, experiment.rows) for each in (model.prediction, model.target))
    if experiment.rows <= _MOST_ROWS and found[0].size == 1:
        header: list[Inlines] = []
        columns = []
        for node in leaves([model.prediction]):
            if node.operation is not PARAMETER:
                parts = np.asarray(experiment.columns[node.name]).reshape(experiment.rows, -1).T
                indices = [""] if len(parts) == 1 else [str(k + 1) for k in range(len(parts))]
                header += [(_feature(node.name, k) if k else formula(node),) for k in indices]
                columns += list(parts)
        header += [(formula(model.target),), ("prediction",)]
        columns += [target.ravel(), found.ravel()]
        rows = tuple(tuple((number(float(v), 6),) for v in row) for row in zip(*columns, strict=True))
        caption, numeric = ("The targets and the predictions.",), tuple(range(len(header)))
        return [Table(tuple(header), rows, caption, numeric, "predictions")]
    return [Paragraph(_worth(model, found, target))]


def _per_sample(expression: Expression, values: Mapping[str, Any], rows: int) -> NDArray[Any]:
    """Evaluate an expression; one without data, such as a single parameter, has the same value for every sample."""
    found: NDArray[Any] = np.asarray(evaluate(expression, values))
    return found if expression.per_sample else np.broadcast_to(found, (rows, *found.shape))


def _worth(model: Any, found: Any, target: Any) -> Inlines:
    """State the accuracy for classes, or R² for quantities."""
    if found.ndim == 2 and found.shape[1] > 1 and target.ndim == 1:
        return (f"The accuracy on these samples is {np.mean(found.argmax(axis=1) == target):.2%}.",)
    one = found.reshape(len(found), -1)[:, 0] if found.ndim == 2 and found.shape[1] == 1 else found
    if model.prediction.operation.name == "sigmoid" and set(np.unique(target)) <= {0.0, 1.0}:
        return (f"The accuracy on these samples is {np.mean((one >= 0.5) == (target == 1)):.2%}.",)
    spread = float(((target - target.mean(axis=0)) ** 2).sum())
    share = 1 - float(((target - one) ** 2).sum()) / spread if spread else float("nan")
    explained = Formula(f"R^2 = {share:.4f}", f"R² = {share:.4f}")
    return ("The predictions explain ", explained, " of the target's variance.")


def surface_of(experiment: Experiment) -> list[Block]:
    """Return the section about the cost around the path of the training."""
    from steepest import pictures

    run = experiment.run
    assert run is not None  # document_of calls this only after a training
    if not run.epochs or run.diverged:
        return []
    points = 80 if experiment.numbers < 1000 else 40
    try:
        picture = pictures.surface(experiment.model.cost, experiment.columns, run.params, paths=run, points=points)
        svg, tikz = picture.svg(), picture.tikz()
    except MissingLibraryError:
        raise
    except PictureError as error:
        return [Heading(("The cost around the path",)), Paragraph((f"No surface is drawn: {error}.",))]
    return [
        Heading(("The cost around the path",)),
        Paragraph(("The cost as a function of its parameters, with the path of the training. ", picture.description)),
        Figure(svg, tikz, picture.description, ("The cost and the path of the training.",), "surface"),
    ]  # fmt: skip
