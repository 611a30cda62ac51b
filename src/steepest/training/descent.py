"""``descend``: gradient descent over the samples of a table."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.calculus.prepared import PreparedCost, prepare
from steepest.display.progress import Progress, bar
from steepest.engines import choose
from steepest.engines.step import Params
from steepest.errors import DescentError
from steepest.expressions.expression import DATA, Expression, leaves
from steepest.messages.numbers import is_number
from steepest.messages.vocabulary import takes_aliases
from steepest.tables.parts import Parts, is_read_in_parts
from steepest.tables.samples import Samples
from steepest.tables.table import Table, open_table
from steepest.tables.values import bind
from steepest.training.bounds import read_bounds, within
from steepest.training.callbacks import OnEpoch
from steepest.training.initialisers import Initial, Scheme
from steepest.training.initialisers import initial as initial
from steepest.training.optimisers import LBFGS, Optimiser, SecondOrder
from steepest.training.restarts import batched, sequential
from steepest.training.result import Descent as Descent
from steepest.training.schedules import Plateau, Schedule
from steepest.training.settings import Settings
from steepest.training.setup import DescentSetup
from steepest.training.starts import refuse_equal


@takes_aliases
def descend(
    cost: Expression | PreparedCost,
    table: Any = None,
    start: Mapping[str, Any] | None = None,
    rate: float | str | Schedule | Plateau = 0.1,
    epochs: int = 1000,
    *,
    gradient: str = "backprop",
    step: float = 1e-3,
    scheme: str = "forward",
    engine: str = "auto",
    dtype: str = "float64",
    maximise: bool = False,
    optimiser: str | Optimiser | LBFGS | SecondOrder | None = None,
    batch: int | None = None,
    tolerance: float | None = None,
    gradient_tolerance: float | None = None,
    max_seconds: float | None = None,
    restarts: int | None = None,
    seed: int = 0,
    initial: Scheme | None = None,
    na: str = "error",
    validate: Any = None,
    patience: int | None = None,
    on_epoch: OnEpoch | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    memory: Mapping[str, ArrayLike] | None = None,
    path: bool = True,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    progress: Progress | bool | None = None,
) -> Descent:
    """Minimise a cost by gradient descent over the samples of a table: repeat w := w − α ∂C/∂w.

    Args:
        cost: a scalar expression, or one that is prepared.
        table: the data: a dict of arrays, a DataFrame, a path, a built-in name, or samples that were read before;
            None for a function without data.
        start: parameters to start from: numbers or arrays by name, or ranges (low, high) to draw from by the seed,
            log-uniform if both ends are positive or both negative, else uniform; those left out are drawn, too.
        rate: the learning rate α, positive; a schedule (:mod:`steepest.schedules`); or ``"auto"`` for a line search by
            Armijo's rule in each epoch, so that the cost never rises.
        epochs: maximum number of passes through the samples; without batches an epoch is one update.
        gradient: ``"backprop"``, ``"finite-difference"`` or ``"layerwise"``.
        step, scheme: ε and ``"forward"`` or ``"central"``, for finite differences.
        engine: ``"native"`` (compiled), ``"reference"`` (NumPy) or ``"auto"``, the first that can run it.
        dtype: ``"float64"`` or ``"float32"``.
        maximise: ascend instead.
        optimiser: the update rule: a value or a name of :mod:`steepest.optimisers`; plain gradient descent if left out.
        batch: samples per update, drawn without replacement, shuffled each epoch; all if left out.
        tolerance: stop when the relative change of the cost in an epoch is below this.
        gradient_tolerance: stop when the Euclidean norm of the gradient is below this.
        max_seconds: time limit, s, of all restarts together.
        restarts: run this many starts and keep the best; start k is drawn from ``seed + k``, and has the numbers that
            ``start`` has.
        seed: the seed of the starts, the order of samples and the validation rows; it makes results reproducible.
        initial: how starts are drawn, as for :func:`steepest.training.initialisers.initial`.
        na: ``"drop"`` leaves out rows with missing values.
        validate: the share of rows held out for validation after each epoch, or a table for it.
        patience: stop when the validation cost has not fallen for this many epochs, and keep the best parameters.
        on_epoch: called with a :class:`steepest.training.callbacks.EpochInfo` after each epoch; stops the descent by
            returning True.
        checkpoint: a file for the state of the descent, written from time to time and at the end.
        checkpoint_every: epochs between two checkpoints; one a minute if left out.
        resume: continue from the checkpoint, if it exists; the result is the same as without interruption, bit for bit.
        memory: the optimiser's state to continue with: ``run.memory`` of another descent with the same optimiser.
        path: whether to record parameters of the epochs between the first and the last.
        bounds: the lowest and highest value of parameters by name, None for no bound; steps are projected to them.
        progress: a bar if standard error is a terminal (None), always, never, or a function (epoch, epochs, cost).

    Returns:
        A Descent: ``.params``, ``.cost``, ``.reason``, ``.history``, ``.path``, ``.warnings``, ``.engine``; with
        restarts the best one, with ``.restarts`` (the final cost of each), ``.levels`` and ``.reasons``; its message
        says how many starts ended as low, and where the others did.

    Raises:
        DescentError: a setting is invalid, or the cost is not finite at the start.
        TableError: the table cannot be read.
        StorageError: the checkpoint cannot be written, or belongs to another descent.

    >>> from steepest.expressions.expression import params
    >>> x = params("x")
    >>> run = descend((x - 3) ** 2, start={"x": 0}, rate=0.25, epochs=60)
    >>> float(run.params["x"]), run.reason
    (3.0, 'converged')

    Source: Cauchy 1847; rows A5, A6, D5 and E4 of the notes.
    """
    prepared = prepare(cost)
    cost = prepared.cost
    settings = Settings(
        rate, epochs, gradient, step, scheme, dtype, maximise, optimiser, batch, tolerance, gradient_tolerance,
        max_seconds, restarts, seed, validate, patience, checkpoint, checkpoint_every, resume, path, bounds,
    )  # fmt: skip
    settings.check(prepared)
    if on_epoch is not None and not callable(on_epoch):
        raise DescentError(f"on_epoch is a function that takes an EpochInfo, not {on_epoch!r}")
    if memory is not None and not isinstance(memory, Mapping):
        raise DescentError(f"memory is run.memory of another descent, not {memory!r}")
    choose(engine, dtype)
    opened = _opened(cost, table)
    drawing = Initial(cost, initial)
    refuse_equal(start, drawing.shapes, restarts)
    limits = read_bounds(bounds, cost)
    starts = [within(limits, drawing.draw(seed + k, start, bounds=limits), start) for k in range(restarts or 1)]
    parts = _parts(cost, opened, starts[0], na, dtype) if isinstance(opened, Table) and batch is not None else None
    samples = None if opened is None or parts is not None else _samples(cost, opened, na)
    held_out, rows_out = None, None
    if validate is not None and not is_number(validate):
        held_out = _samples(cost, validate, na)
    elif validate is not None:
        if samples is None:
            raise DescentError("a share of a table that is read in parts cannot be held out; give validate= a table")
        samples, held_out, rows_out = samples.split(validate, seed)
    columns: Mapping[str, Any] = {} if samples is None else samples.arrays
    bound = bind([cost], {**(columns if parts is None else parts.read(0)[0]), **starts[0]}, dtype)
    apart = None if held_out is None else bind([cost], {**held_out.arrays, **starts[0]}, dtype)
    ready = DescentSetup(prepared, settings, engine, bound, apart, parts)
    initials = [ready.initial_values(each, memory) for each in starts]
    loop = ready.loop(on_epoch, initials[0])
    with bar(progress if isinstance(progress, bool) else None if progress is None else False, loop.details) as shown:
        on_progress = progress if callable(progress) else shown
        ensemble = None if restarts is None or restarts == 1 else ready.ensemble(restarts, loop)
        if restarts is None:
            run = loop.run(initials[0], on_progress)
        elif ensemble is not None:
            run = batched(initials, ensemble, loop, on_progress)
        else:

            def alone(each: Params, how: Settings, shown: Progress | None) -> Descent:
                own = loop if loop.callbacks is None else ready.loop(on_epoch, each)  # callbacks belong to one descent
                own.settings = how
                run = own.run(each, shown)
                if not run.diverged:
                    own.lowest = min(own.lowest, settings.sign * run.cost)
                return run

            run = sequential(initials, alone, settings, on_progress)
    return ready.judged(replace(run, engine=ready.engine.name, held_out=rows_out, optimiser=settings.solver.name))


def _opened(cost: Expression, table: Any) -> Table | Samples | None:
    """Return the table, opened but not read; samples as they are; None for a cost without data columns."""
    if isinstance(table, Mapping):
        for word, value in table.items():
            if word in cost.parameters and np.ndim(value) == 0:
                raise DescentError(f"{word!r} is a parameter of the cost, not a column; give it in start={{…}}")
    if not cost.data:
        return None
    return table if isinstance(table, Samples) else open_table(table)


def _samples(cost: Expression, table: Any, na: str) -> Samples:
    return table.select(cost.data) if isinstance(table, Samples) else open_table(table).select(cost.data, na=na)


def _parts(cost: Expression, table: Table, start: Params, na: str, dtype: str) -> Parts | None:
    """Return the table in parts, if it is on disk and too large to be read at once."""
    width = sum(math.prod(node.shape) for node in leaves([cost]) if node.operation is DATA)
    if not is_read_in_parts(table, width):
        return None

    def convert(columns: Mapping[str, Any]) -> Mapping[str, Any]:
        return bind([cost], {**columns, **start}, dtype).data

    return Parts(table, cost.data, na, convert, width)
