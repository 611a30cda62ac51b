"""The descent: gradient, update, repeat, until a reason to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest import operations as op
from steepest.engines import Compiler, choose
from steepest.errors import DescentError
from steepest.expression import PARAMETER, Expression, constant, leaf, leaves
from steepest.gradient import gradient as differentiate
from steepest.optimisers import Optimiser, gradient_descent
from steepest.render.progress import Progress, bar
from steepest.stability import stabilise
from steepest.table import open_table
from steepest.values import bind, fit_shape, nearest, number_array

Array = NDArray[Any]
Params = dict[str, Any]
GRADIENTS = ("backprop", "finite-difference", "layerwise")

_ROWS_KEPT = 1000  # of history and path; twice as many are held before every second one goes
_HOPELESS = 1e10  # a cost that has grown by this factor will not come back
_BREATH = 0.05  # seconds between two looks at the clock's consequences


@dataclass
class Descent:
    """A descent that has ended.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: why it stopped: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"time"``, ``"diverged"`` or
            ``"interrupted"``.
        message: the same as a sentence.
        epochs: how many updates were made.
        seconds: how long they took, s.
        engine: the engine that made them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise.
        warnings: sentences about what a reader of the result should know.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several.
    """

    params: Params
    cost: float
    reason: str
    message: str
    epochs: int
    seconds: float
    engine: str
    history: list[tuple[int, float]]
    path: list[tuple[int, Params]]
    start: Params
    warnings: list[str] = field(default_factory=list)
    restarts: list[float] | None = None

    @property
    def diverged(self) -> bool:
        """Whether the cost or a parameter left the finite numbers, or was on its way there."""
        return self.reason == "diverged"

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {_short(value)}" for name, value in self.params.items())
        lines = [f"cost {self.cost:.10g} after {self.epochs} epochs; {self.message}", values, *self.warnings]
        return "\n".join(lines)


def _short(value: Any) -> str:
    return f"{float(value):.10g}" if np.ndim(value) == 0 else f"array of shape {np.shape(value)}"


@dataclass(frozen=True)
class _Stops:
    epochs: int
    tolerance: float | None
    gradient_tolerance: float | None
    seconds: float | None


class _Track:
    """Rows by epoch, thinned to a bounded number by leaving out every second one."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Any]] = []
        self._stride = 1

    def add(self, epoch: int, row: Any) -> None:
        if epoch % self._stride == 0:
            self.rows.append((epoch, row))
            if len(self.rows) >= 2 * _ROWS_KEPT:
                self._stride *= 2
                self.rows = [kept for kept in self.rows if kept[0] % self._stride == 0]

    def end(self, epoch: int, row: Any) -> list[tuple[int, Any]]:
        """All rows, the last one being this."""
        return [kept for kept in self.rows if kept[0] < epoch] + [(epoch, row)]


Advance = Callable[[Params], tuple[float, float, Params]]


def _training_step(
    cost: Expression, method: str, optimiser: Optimiser, rate: float, maximise: bool, norm: bool, compiler: Compiler,
    dtype: str, data: Params, rows: int,
) -> Advance:  # fmt: skip
    """Cost, gradient and update as one program: parameters in; cost, gradient norm and parameters out."""
    partials = differentiate(cost, method=method)
    moved = []
    pace = leaf(PARAMETER, "(rate)")
    squares = constant(0)
    for node in leaves([cost]):
        if node.operation is PARAMETER:
            partial = partials[node.name]
            squares = squares + (op.sum_(partial**2) if partial.shape else partial**2)
            state = optimiser.init(node)
            after, _ = optimiser.update(node, -partial if maximise else partial, state, pace)
            moved.append((node.name, after))
    stable = stabilise([cost])[cost]
    run = compiler([stable, op.sqrt(squares) if norm else constant(0), *(after for _, after in moved)], dtype)
    values = {**data, "(rate)": np.asarray(rate, dtype)[()]}

    def advance(params: Params) -> tuple[float, float, Params]:
        value, size, *after = run({**values, **params}, rows)
        return float(value), float(size), dict(zip((name for name, _ in moved), after, strict=True))

    return advance


def _difference_step(
    cost: Expression, optimiser: Optimiser, rate: float, maximise: bool, step: float, scheme: str, compiler: Compiler,
    dtype: str, data: Params, rows: int,
) -> Advance:  # fmt: skip
    """The same with the gradient by finite differences: P + 1 evaluations of the cost an epoch."""
    run = compiler([stabilise([cost])[cost]], dtype)
    epsilon, pace = np.asarray(step, dtype)[()], np.asarray(rate, dtype)[()]

    def cost_at(params: Params) -> Any:
        return run({**data, **params}, rows)[0]

    def advance(params: Params) -> tuple[float, float, Params]:
        here = cost_at(params)
        after: Params = {}
        squares = 0.0
        for name, value in params.items():
            partial = np.empty_like(value)
            for index in np.ndindex(value.shape):
                high, low = value.copy(), value.copy()
                high[index] += epsilon
                low[index] -= epsilon
                if scheme == "forward":
                    partial[index] = (cost_at({**params, name: high}) - here) / epsilon
                else:
                    partial[index] = (cost_at({**params, name: high}) - cost_at({**params, name: low})) / (2 * epsilon)
            squares += float(np.sum(partial.astype(np.float64) ** 2))
            moved, _ = optimiser.update(value, -partial if maximise else partial, optimiser.init(value), pace)
            after[name] = np.asarray(moved)
        return float(here), math.sqrt(squares), after

    return advance


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
        engine: ``"auto"`` or the name of an engine.
        dtype: ``"float64"`` or ``"float32"``.
        maximise: climb instead.
        optimiser: how a parameter moves; plain gradient descent if left out.
        tolerance: stop when the cost changes by less than this share of itself in an epoch.
        gradient_tolerance: stop when the Euclidean norm of the gradient is below this.
        max_seconds: stop after this time, s.
        restarts: descend from this many starts drawn from the seed and keep the best.
        seed: of the starts; the same seed gives the same result.
        na: ``"drop"`` leaves out rows with missing values.
        progress: a bar if standard error is a terminal (None), always, never, or a function (epoch, epochs, cost).

    Returns:
        A Descent: ``.params``, ``.cost``, ``.reason``, ``.history``, ``.path``, ``.warnings``.

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
    stops = _Stops(epochs, tolerance, gradient_tolerance, max_seconds)
    _check_settings(stops, rate, gradient, step, scheme, restarts)
    name, compiler = choose(engine, dtype)
    if cost.per_sample or cost.shape:
        raise DescentError("a cost is one number; take the mean or total over the samples, and a sum over features")
    if not cost.parameters:
        raise DescentError("the cost has no parameters to move; in a formula, every name that is no column is one")
    columns: Params = dict(open_table(table).select(cost.data, na=na).arrays) if cost.data else {}
    method = optimiser or gradient_descent()

    def one(begin: Params) -> Descent:
        bound = bind([cost], {**columns, **begin}, dtype)
        if gradient == "finite-difference":
            advance = _difference_step(
                cost, method, rate, maximise, step, scheme, compiler, dtype, bound.data, bound.rows
            )
        else:
            norm = gradient_tolerance is not None
            advance = _training_step(
                cost, gradient, method, rate, maximise, norm, compiler, dtype, bound.data, bound.rows
            )
        final = compiler([stabilise([cost])[cost]], dtype)
        loop = _Loop(advance, lambda p: float(final({**bound.data, **p}, bound.rows)[0]), stops, rate, maximise)
        loop.exact, loop.over_data = gradient == "backprop", bool(cost.data)
        with bar(progress if isinstance(progress, bool) else None if progress is None else False) as shown:
            return replace(loop.run(bound.params, progress if callable(progress) else shown), engine=name)

    if restarts is None:
        return one(initial(cost, start, seed))
    if start is not None:
        raise DescentError("restarts draws every start from the seed; leave start out")
    runs = [one(initial(cost, None, seed + k)) for k in range(restarts)]
    best = min(runs, key=lambda run: (run.diverged, -run.cost if maximise else run.cost))
    best.restarts = [run.cost for run in runs]
    return best


def _check_settings(
    stops: _Stops, rate: float, gradient: str, step: float, scheme: str, restarts: int | None
) -> None:
    for label, number in (
        ("rate", rate), ("step", step), ("tolerance", stops.tolerance), ("gradient_tolerance", stops.gradient_tolerance),
        ("max_seconds", stops.seconds),
    ):  # fmt: skip
        if number is not None and not (isinstance(number, int | float) and math.isfinite(number) and number > 0):
            raise DescentError(f"{label} is a positive number, not {number!r}")
    for label, whole, least in (("epochs", stops.epochs, 0), ("restarts", restarts, 1)):
        if whole is not None and (not isinstance(whole, int) or isinstance(whole, bool) or whole < least):
            raise DescentError(f"{label} is a whole number from {least}, not {whole!r}")
    if gradient not in GRADIENTS:
        raise DescentError(f"there is no gradient {gradient!r}{nearest(gradient, GRADIENTS)}; choose {', '.join(GRADIENTS)}")
    if scheme not in ("forward", "central"):
        raise DescentError(f"a descent by differences is 'forward' or 'central', not {scheme!r}")


def initial(cost: Expression, start: Mapping[str, ArrayLike] | None = None, seed: int = 0) -> Params:
    """The parameters to start from: those given, the others drawn from a normal distribution of the seed.

    Numbers and vectors have the standard deviation 1/2; matrices (d, h) have 1/√d.
    """
    given = dict(start or {})
    shapes = {node.name: node.shape for node in leaves([cost]) if node.operation is PARAMETER}
    for name in given:
        if name not in shapes:
            raise DescentError(f"start has {name!r}, which is not a parameter of the cost{nearest(name, shapes)}")
    rng = np.random.default_rng(seed)
    params: Params = {}
    for name, shape in shapes.items():
        # Drawn even if given, so that giving one start does not change the others.
        drawn = rng.normal(0, 0.5 if len(shape) < 2 else shape[0] ** -0.5, shape)
        params[name] = fit_shape(name, number_array(name, given.get(name, drawn), "float64"), shape)
        if not np.all(np.isfinite(params[name])):
            raise DescentError(f"start has a value of {name!r} that is not finite; give finite numbers")
    return params


class _Loop:
    """One run of a descent: the state that its stopping rules and its report need."""

    def __init__(
        self, advance: Advance, cost_at: Callable[[Params], float], stops: _Stops, rate: float, maximise: bool
    ) -> None:
        self.advance, self.cost_at, self.stops, self.rate, self.maximise = advance, cost_at, stops, rate, maximise
        self.exact = self.over_data = True
        self.costs, self.places = _Track(), _Track()
        self.rose: list[int] = []
        self.rises = 0

    def run(self, params: Params, progress: Progress | None) -> Descent:
        begin, epoch, reason = time.perf_counter(), 0, "epochs"
        first = self.cost_at(params)
        if not math.isfinite(first):
            raise DescentError(
                f"the cost is {first} at the start; choose another start, or look for a logarithm, root or quotient "
                "outside its domain"
            )
        start, last, last_params = params, first, params
        try:
            while epoch < self.stops.epochs:
                value, norm, after = self.advance(params)
                self._look(epoch, value, last)
                stopped = self._stop(epoch, value, last, norm, first, begin)
                if stopped:
                    reason = stopped
                    break
                last, last_params = value, params
                self.costs.add(epoch, value)
                self.places.add(epoch, params)
                params = after
                epoch += 1
                if progress is not None and (epoch == 1 or time.perf_counter() - self._shown > _BREATH):
                    self._shown = time.perf_counter()
                    progress(epoch, self.stops.epochs, value)
                if not all(np.isfinite(value).all() for value in params.values()):
                    reason = "diverged"
                    break
        except KeyboardInterrupt:
            reason = "interrupted"
        value = self.cost_at(params)
        gone = epoch
        if not self._is_sound(params, value, first):
            reason = "diverged"
            if not math.isfinite(value) or not all(np.isfinite(v).all() for v in params.values()):
                params, value, epoch = last_params, last, max(epoch - 1, 0)
        if progress is not None:
            progress(epoch, self.stops.epochs, value)
        seconds = time.perf_counter() - begin
        plain = {name: array[()] for name, array in params.items()}
        history = self.costs.end(epoch, value)
        path = [(k, {n: a[()] for n, a in row.items()}) for k, row in self.places.end(epoch, params)]
        return Descent(
            plain, value, reason, self._message(reason, gone), epoch, seconds, "", history, path,
            {n: a[()] for n, a in start.items()}, self._warnings(reason, history, first),
        )  # fmt: skip

    _shown = 0.0

    def _is_sound(self, params: Params, value: float, first: float) -> bool:
        finite = math.isfinite(value) and all(np.isfinite(array).all() for array in params.values())
        return finite and (self.maximise or value <= _HOPELESS * max(abs(first), 1e-300))

    def _look(self, epoch: int, value: float, last: float) -> None:
        worse = last - value if self.maximise else value - last
        if worse > 1e-9 * abs(last):
            self.rises += 1
            if not self.rose:
                self.rose.append(epoch)

    def _stop(self, epoch: int, value: float, last: float, norm: float, first: float, begin: float) -> str:
        stops = self.stops
        if not math.isfinite(value) or (not self.maximise and value > _HOPELESS * max(abs(first), 1e-300)):
            return "diverged"
        if stops.gradient_tolerance is not None and norm <= stops.gradient_tolerance:
            return "gradient"
        if stops.tolerance is not None and epoch > 0 and abs(value - last) <= stops.tolerance * abs(last):
            return "tolerance"
        if stops.seconds is not None and time.perf_counter() - begin > stops.seconds:
            return "time"
        return ""

    def _message(self, reason: str, epoch: int) -> str:
        if reason == "diverged":
            verb = "climb" if self.maximise else "descent"
            return (
                f"the {verb} diverged at epoch {epoch}: the rate {self.rate:g} is too large here; "
                f"try {self.rate / 10:g}. The parameters are the last finite ones"
            )
        return {
            "epochs": "it stopped after the epochs it was given",
            "gradient": "it stopped because the gradient is as small as asked",
            "tolerance": "it stopped because the cost hardly changes any more",
            "time": "it stopped because its time was up",
            "interrupted": "it was interrupted; these are the parameters so far",
        }[reason]

    def _warnings(self, reason: str, history: Sequence[tuple[int, float]], first: float) -> list[str]:
        found = []
        if self.rises and self.exact and reason != "diverged":
            verb, opposite = ("fell", "ascent") if self.maximise else ("rose", "descent")
            found.append(
                f"the cost {verb} in {self.rises} of the epochs, first at epoch {self.rose[0]}, although the gradient is "
                f"exact: {opposite} by the gradient is sure to first order only, and the rate {self.rate:g} is too large "
                f"for that; try {self.rate / 4:g}"
            )
        last_epoch, last = history[-1]
        before = next((cost for epoch, cost in history if epoch >= 0.9 * last_epoch), last)
        flat = abs(before - last) <= 1e-3 * abs(last)
        if (
            self.over_data and not self.maximise and last_epoch >= 100 and flat and last > 0.25 * first
            and reason in ("epochs", "gradient", "tolerance")
        ):  # fmt: skip
            found.append(
                f"it ended on a plateau: the cost {last:.6g} hardly changes any more but is still {last / first:.0%} of "
                "what it was at the start. That is a local minimum, or all that this formula can explain: "
                "try other starts (another seed) before you trust it"
            )
        return found
