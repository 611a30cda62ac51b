"""The descent: gradient, update, repeat, until a reason to stop."""

from __future__ import annotations

import itertools
import math
import numbers
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.engines import choose
from steepest.engines.step import Leg, Params, Record, Rules, Walker
from steepest.errors import DescentError, nearest
from steepest.expression import Expression, expect_expression
from steepest.initial import Initial, Scheme
from steepest.initial import initial as initial
from steepest.loop import Descent as Descent
from steepest.loop import Level as Level
from steepest.loop import Loop, Stops
from steepest.optimisers import Optimiser, gradient_descent
from steepest.render.progress import Progress, bar
from steepest.restarts import one_by_one, side_by_side
from steepest.table import open_table
from steepest.training import difference_step, gradient_step, is_quadratic
from steepest.values import bind, number_array

GRADIENTS = ("backprop", "finite-difference", "layerwise")


def descend(
    cost: Expression,
    table: Any = None,
    start: Mapping[str, ArrayLike] | None = None,
    rate: float = 0.1,
    epochs: int = 1000,
    *,
    gradient: str = "backprop",
    step: float = 1e-3,
    scheme: str = "forward",
    engine: str = "auto",
    dtype: str = "float64",
    maximise: bool = False,
    optimiser: Optimiser | None = None,
    tolerance: float | None = None,
    gradient_tolerance: float | None = None,
    max_seconds: float | None = None,
    restarts: int | None = None,
    seed: int = 0,
    initial: Scheme | None = None,
    na: str = "error",
    progress: Progress | bool | None = None,
) -> Descent:
    """Descend a cost by its gradient over all samples of a table: w := w − α ∂C/∂w, again and again.

    Args:
        cost: an expression of one number.
        table: the data: a dict of arrays, a DataFrame, a path, a built-in name; None for a pure function.
        start: parameters to start from; those left out are drawn from the seed.
        rate: the step length α, positive.
        epochs: how many updates at most.
        gradient: ``"backprop"``, ``"finite-difference"`` or ``"layerwise"``.
        step, scheme: ε and ``"forward"`` or ``"central"``, for finite differences.
        engine: ``"native"`` (compiled), ``"reference"`` (NumPy) or ``"auto"``, the first of them that fits.
        dtype: ``"float64"`` or ``"float32"``.
        maximise: climb instead.
        optimiser: how a parameter moves; plain gradient descent if left out.
        tolerance: stop when the cost changes by less than this share of itself in an epoch.
        gradient_tolerance: stop when the Euclidean norm of the gradient is below this.
        max_seconds: stop after this time, s.
        restarts: descend from this many starts and keep the best; start k is drawn from ``seed + k``.
        seed: of the starts; the same seed gives the same result.
        initial: how starts are drawn, as for :func:`steepest.initial.initial`.
        na: ``"drop"`` leaves out rows with missing values.
        progress: a bar if standard error is a terminal (None), always, never, or a function (epoch, epochs, cost).

    Returns:
        A Descent: ``.params``, ``.cost``, ``.reason``, ``.history``, ``.path``, ``.warnings``, ``.engine``; with
        restarts the best one, with ``.restarts`` (the final cost of each) and ``.levels``.

    Raises:
        DescentError: the settings make no sense, or the cost is not finite at the start.
        TableError: the table cannot be read.

    >>> from steepest.expression import params
    >>> x = params("x")
    >>> run = descend((x - 3) ** 2, start={"x": 0}, rate=0.25, epochs=60)
    >>> float(run.params["x"]), run.reason
    (3.0, 'epochs')

    Source: Cauchy 1847; rows A5, A6, D5 and E4 of the notes.
    """
    expect_expression(cost, "descend")
    stops = Stops(epochs, tolerance, gradient_tolerance, max_seconds)
    check_settings(
        cost, rate, epochs, gradient=gradient, step=step, scheme=scheme, tolerance=tolerance,
        gradient_tolerance=gradient_tolerance, max_seconds=max_seconds, restarts=restarts, optimiser=optimiser,
    )  # fmt: skip
    choose(engine, dtype)
    if isinstance(table, Mapping):
        for word, value in table.items():
            if word in cost.parameters and np.ndim(value) == 0:
                raise DescentError(f"{word!r} is a parameter of the cost, not a column; give it in start={{…}}")
    columns: Params = dict(open_table(table).select(cost.data, na=na).arrays) if cost.data else {}
    method = optimiser or gradient_descent()

    norm = gradient_tolerance is not None
    if gradient == "finite-difference":
        training = difference_step(cost, step, scheme, method, maximise, norm)
    else:
        training = gradient_step(cost, gradient, method, maximise, norm)
    chosen = choose(engine, dtype, training)

    if restarts is not None and start is not None:
        raise DescentError("restarts draws every start from the seed; leave start out")
    drawing = Initial(cost, initial)
    starts = [drawing.draw(seed + k, start) for k in range(restarts or 1)]
    bound = bind([cost], {**columns, **starts[0]}, dtype)
    placed = (training, bound.data, bound.rows, rate, dtype)

    def gentler(begin: Params) -> float | None:
        exact = training
        if gradient != "backprop":
            exact = gradient_step(cost, "backprop", method, maximise, norm=False)
        return gentler_rate(chosen.walk(exact, *placed[1:]), begin, maximise)

    loop = Loop(
        chosen.walk(*placed), stops, rate, maximise, exact=gradient == "backprop",
        may_trap=bool(cost.data) and not is_quadratic(cost), dtype=dtype, gentler=gentler,
    )  # fmt: skip
    begins = [{name: number_array(name, value, dtype) for name, value in each.items()} for each in starts]
    with bar(progress if isinstance(progress, bool) else None if progress is None else False) as shown:
        told = progress if callable(progress) else shown
        if restarts is None:
            run = loop.run(begins[0], told)
        elif restarts > 1 and chosen.crowd is not None and training.difference is None:
            run = side_by_side(begins, chosen.crowd(*placed, restarts), loop, told)
        else:
            run = one_by_one(begins, lambda begin: loop.run(begin, told), maximise)
    return replace(run, engine=chosen.name)


_HALVINGS, _TRIAL_EPOCHS = 80, 20
_MOST_RESTARTS = 100_000  # whose starts and results are all kept in memory


def gentler_rate(walker: Walker, start: Params, maximise: bool) -> float | None:
    """The largest of half, a quarter, … of a descent's rate at which the cost improves in each of the first epochs."""
    rate, sign = walker.rate, -1.0 if maximise else 1.0
    for _ in range(_HALVINGS):
        rate /= 2
        walker.rate = float(f"{rate:.1g}")
        record = Record()
        leg = Leg(start, start, math.nan)
        while leg.epoch < _TRIAL_EPOCHS and not leg.reason:
            leg = walker.leg(leg, _TRIAL_EPOCHS, Rules(), record)
        values = [sign * value for value in record.costs]
        if len(values) == _TRIAL_EPOCHS and all(b <= a for a, b in itertools.pairwise(values)):
            return walker.rate
    return None


def check_settings(
    cost: Expression, rate: float = 0.1, epochs: int = 1000, *, gradient: str = "backprop", step: float = 1e-3,
    scheme: str = "forward", tolerance: float | None = None, gradient_tolerance: float | None = None,
    max_seconds: float | None = None, restarts: int | None = None, optimiser: Optimiser | None = None,
) -> None:  # fmt: skip
    """Raise unless a descent of this cost could start with these settings, named as for :func:`descend`.

    Raises:
        DescentError: a setting makes no sense, or the cost is not one number with parameters.
    """
    positive: dict[str, Any] = {
        "rate": rate, "step": step, "tolerance": tolerance, "gradient_tolerance": gradient_tolerance,
        "max_seconds": max_seconds,
    }  # fmt: skip
    for label, number in positive.items():
        given = number is not None or label in ("rate", "step")
        if given and not (_is_number(number, numbers.Real) and math.isfinite(number) and number > 0):
            raise DescentError(f"{label} is a positive number, not {number!r}")
    whole: Any
    for label, whole, least in (("epochs", epochs, 0), ("restarts", restarts, 1)):
        given = whole is not None or label == "epochs"
        if given and not (_is_number(whole, numbers.Integral) and whole >= least):
            raise DescentError(f"{label} is a whole number from {least}, not {whole!r}")
    if restarts is not None and restarts > _MOST_RESTARTS:
        raise DescentError(f"restarts is at most {_MOST_RESTARTS:,}, not {restarts:,}; take several seeds for more")
    if gradient not in GRADIENTS:
        raise DescentError(
            f"there is no gradient {gradient!r}{nearest(gradient, GRADIENTS)}; choose {', '.join(GRADIENTS)}"
        )
    if scheme not in ("forward", "central"):
        raise DescentError(f"a descent by differences is 'forward' or 'central', not {scheme!r}")
    if optimiser is not None and not isinstance(optimiser, Optimiser):
        raise DescentError(f"optimiser is an Optimiser, as optimisers.gradient_descent() gives, not {optimiser!r}")
    if cost.per_sample or cost.shape:
        raise DescentError("a cost is one number; take the mean or total over the samples, and a sum over features")
    if not cost.parameters:
        raise DescentError("the cost has no parameters to move; in a formula, every name that is no column is one")


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
