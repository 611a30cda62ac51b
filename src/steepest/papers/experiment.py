"""Compute the numbers of a paper once, whatever its format: the check, the training, the times."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from steepest.checking.finite_differences import StepRow, shrinking_steps
from steepest.checking.gradient_check import check
from steepest.checking.report import Report
from steepest.errors import ModelError, SteepestWarning
from steepest.expressions.expression import Expression, toposort
from steepest.inference import Uncertainty, uncertainty_of
from steepest.messages.sentences import short
from steepest.papers.words import parameters_of
from steepest.training.descent import Descent, descend
from steepest.training.initialisers import initial
from steepest.training.schedules import read_schedule

if TYPE_CHECKING:
    from steepest.objectives.specification import Specification
    from steepest.tables.samples import Samples

_MOST_CHECKED = 5000  # numbers of parameters up to which the gradient is checked
_MOST_COMPUTED = 100_000  # numbers of parameters times operations of the cost, up to which the gradient is checked
_MOST_COMPARED = 200  # numbers of parameters up to which finite differences are timed
_LOOKED_AT = 20_000  # rows of the check, times the numbers of parameters
_MOMENT = 0.03  # seconds that a timed descent takes at least
_ROUNDS = 5
_SETTINGS = (
    "rate", "epochs", "optimiser", "batch", "seed", "gradient", "step", "engine", "dtype", "maximise", "tolerance",
    "initial", "validate", "patience",
)  # fmt: skip
_OF_FITS = ("bounds", "fixed", "tied", "restarts")  # settings of Model.fit that one of a file cannot have
_MOST_EPOCHS, _MOST_SECONDS = 10**9, 60.0  # of a training whose settings a file brings
_KINDS = {"schedule": str, "engine": str, "dtype": str, "gradient": str, "maximise": bool}
_GIVE = "give rate and epochs"
_STEPS = tuple(10.0**-k for k in range(1, 15, 2))


@dataclass(frozen=True)
class Timing:
    """Times of an epoch of descent, by the gradient and by finite differences."""

    gradient: float  # seconds an epoch by back-propagation, the least of the rounds
    difference: float  # the same by forward differences
    epochs: tuple[int, int]  # how many of each were timed in a round
    engine: str

    @property
    def ratio(self) -> float:
        """The time by finite differences over that by the gradient."""
        return self.difference / self.gradient


@dataclass(frozen=True)
class Experiment:
    """The numbers that a paper reports."""

    model: Specification
    columns: Mapping[str, NDArray[Any]]  # the data; empty without a table
    source: str  # where the table is from
    rows: int
    start: Mapping[str, Any]  # the parameters at which the gradient is checked and the training begins
    report: Report | None  # None without a table, or for too many parameters
    steps: tuple[StepRow, ...]  # for an ε that shrinks, with respect to the first number among the parameters
    run: Descent | None  # None without a table
    settings: Mapping[str, Any]  # as they were given here, to the fit, or to the command that saved the model
    begun: bool  # whether the start was given, and not drawn from the seed
    na: str  # what became of rows with missing values
    dropped: int  # how many rows were left out for that
    timing: Timing | None
    uncertainty: Uncertainty | None = None  # of the parameters; None without a table, and if rows were held out

    @property
    def parameters(self) -> list[Expression]:
        """The parameters of the cost."""
        return parameters_of(self.model.cost)

    @property
    def numbers(self) -> int:
        """The total size of the parameters."""
        return sum(prod(node.shape) for node in self.parameters)

    @property
    def place(self) -> str:
        """The name of the table in running text."""
        return self.source if self.source.startswith("the built-in") or "." in self.source else "the table"

    @classmethod
    def conduct(
        cls, model: Specification, table: Any, start: Mapping[str, Any] | None, na: str, compare: bool,
        settings: Mapping[str, Any],
    ) -> Experiment:  # fmt: skip
        """Train, check and time the model, and return what the paper reports."""
        if table is None:
            return cls(model, {}, "", 0, {}, None, (), None, dict(settings), start is not None, na, 0, None)
        samples = model.samples(table, na)
        columns = samples.arrays
        model.refuse_targets(columns)
        known, kept = not settings and start is None, model.run is not None and start is None and not settings
        if known:
            settings, start = known_settings(model)
        how = {**settings, "max_seconds": _MOST_SECONDS} if known and not model.fitted else settings
        seed = settings.get("seed", 0)
        begin = dict(model.run.start) if kept and model.run else initial(model.cost, start, seed, "start")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SteepestWarning)  # the paper reports them
            run = model.run if kept else descend(model.prepared, samples, begin, na=na, progress=False, **how)
        if how is not settings and run.stop == "time":
            model.notes.append(f"the training was ended after {_MOST_SECONDS:g} s; {_GIVE} to train longer")
        parameters = parameters_of(model.cost)
        numbers = sum(prod(node.shape) for node in parameters)
        report = None
        if numbers <= _MOST_CHECKED and numbers * len(toposort([model.cost])) <= _MOST_COMPUTED:
            rows = max(_LOOKED_AT // max(numbers, 1), 16)
            report = check(model.prepared, {**samples.head(rows).arrays, **begin})
        scalar = next((node.name for node in parameters if not node.shape), None)
        steps = shrinking_steps(model.cost, {**columns, **begin}, scalar, steps=_STEPS) if scalar else []
        timing = timed(model, columns, begin, settings) if compare and numbers <= _MOST_COMPARED else None
        return cls(
            model, columns, samples.source, samples.rows, begin, report, tuple(steps), run, dict(settings),
            start is not None, na, samples.dropped, timing, _uncertainty(model, samples, run, settings.get("bounds")),
        )  # fmt: skip


def _uncertainty(model: Specification, samples: Samples, run: Descent, bounds: Any) -> Uncertainty | None:
    """Return the uncertainty of the parameters of a run; None if it diverged, or if rows were held out."""
    if run.diverged or run.held_out is not None:
        return None
    if run.uncertain is not None:
        found: Uncertainty = run.uncertainty()
        return found
    return uncertainty_of(model, samples, run.params, bounds=bounds)


def known_settings(model: Specification) -> tuple[dict[str, Any], Mapping[str, ArrayLike] | None]:
    """Return how a model was trained and from where: the arguments of ``fit``, or of the command that saved it."""
    if model.fitted:
        given = {name: value for name, value in model.fitted.items() if name in (*_SETTINGS, *_OF_FITS)}
        return given, model.fitted.get("start")
    saved = {name: value for name, value in model.settings.items() if name in _SETTINGS and value not in (None, False)}
    start, schedule, epochs = (model.settings.get(name) for name in ("start", "schedule", "epochs"))
    if not isinstance(start or {}, Mapping):
        raise ModelError(f"the settings of the model have start = {short(start)}, which are no parameters; {_GIVE}")
    for name, kind in _KINDS.items():
        value = model.settings.get(name)
        if value is not None and not isinstance(value, kind):
            what = f"{name} = {short(value)}, which is no {'truth value' if kind is bool else 'text'}"
            raise ModelError(f"the settings of the model have {what}; {_GIVE}")
    if isinstance(epochs, int) and epochs > _MOST_EPOCHS:
        raise ModelError(f"the settings of the model have more than {_MOST_EPOCHS:,} epochs; {_GIVE}")
    if isinstance(saved.get("validate"), str):  # a file must not name another one to read
        model.notes.append(f"trained without the validation on {short(saved['validate'])}, a file that the model names")
        saved = {name: value for name, value in saved.items() if name not in ("validate", "patience")}
    defaults = {name: parameter.default for name, parameter in inspect.signature(descend).parameters.items()}
    settings = {name: value for name, value in saved.items() if value != defaults[name]}
    if schedule:
        settings["rate"] = read_schedule(schedule, model.settings.get("rate", 0.1), 1000 if epochs is None else epochs)
    return settings, start or None


def timed(
    model: Specification, columns: Mapping[str, Any], start: Mapping[str, Any], settings: Mapping[str, Any]
) -> Timing | None:
    """Time both ways of descending, round by round in turn; None where a descent ends before its time.

    Each is long enough to be distinguished from its overhead; the time of zero epochs is subtracted. The
    shortest of the rounds counts, since other work on a machine only ever adds to a time.
    """
    rate = settings.get("rate", 0.1)
    plain: dict[str, Any] = {"rate": rate if isinstance(rate, float | int) else 0.1, "progress": False, "path": False}
    ways: tuple[dict[str, Any], ...] = ({}, {"gradient": "finite-difference"})
    engine = ""

    def seconds(epochs: int, way: Mapping[str, Any]) -> float:
        nonlocal engine
        begin = time.perf_counter()
        run = descend(model.cost, columns, start, epochs=epochs, **plain, **way)
        engine = run.engine if run.epochs == epochs else ""
        return time.perf_counter() - begin

    counts = []
    for way in ways:
        seconds(10, way)  # compiles
        epochs = 100
        while engine and seconds(epochs, way) < _MOMENT and epochs < 10**8:
            epochs *= 2
        if not engine:
            return None
        counts.append(epochs)
    least = [math.inf, math.inf]
    for _ in range(_ROUNDS):
        for k, way in enumerate(ways):
            idle = min(seconds(0, way) for _ in range(2))
            took = (seconds(counts[k], way) - idle) / counts[k]
            if took > 0:  # else other work fell into the empty descents, and the round says nothing
                least[k] = min(least[k], took)
    return Timing(least[0], least[1], (counts[0], counts[1]), engine) if max(least) < math.inf else None
