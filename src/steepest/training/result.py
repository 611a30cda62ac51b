"""The result of a descent: parameters, cost, reason, history, path and warnings, with a summary and a plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.display.cost_plot import CostPlot, cost_plot
from steepest.display.summaries import MOST_ROWS, ReprMixin, Summary, facts_table, value_text, values_table
from steepest.engines.step import Params
from steepest.errors import InferenceError
from steepest.messages.sentences import counted
from steepest.training.ends import Reason


@dataclass
class Descent(ReprMixin):
    """The result of a descent.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: what the end means, a :class:`steepest.training.ends.Reason`: ``"converged"``; ``"budget"``, all epochs
            or all time used before; ``"plateau"``, a saddle or a part of the formula without effect; ``"diverged"``;
            ``"stalled"``, round-off hides all progress; ``"stopped"``, by a rule or a person, before it converged.
        stop: what stopped it: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"stalled"``, ``"time"``,
            ``"diverged"``, ``"interrupted"``, ``"validation"`` or ``"callback"``.
        message: the reason in words, such as ``"converged after 12 epochs: …"``.
        epochs: how many updates were made.
        seconds: their duration, s.
        engine: the engine that ran them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise; fewer for many parameters, to stay below 64 MB.
        warnings: sentences on what to know before using the result.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several: the last finite one if it diverged, NaN
            if it started outside the domain.
        levels: the levels of these costs, the lowest first, without the diverged ones: costs of which neighbours differ
            by at most 1 % of the cost at a typical start. For ``lm``, ``newton``, ``lbfgs`` and ``rate="auto"``, which
            end at points without slope, they differ by at most 0.1 %.
        ends: where each restart ended; ``reasons`` says what these ends mean.
        validation: rows (epoch, cost of the validation rows), if there were any.
        best_epoch: the epoch of the lowest validation cost, whose parameters these are; None without ``patience``.
        memory: the optimiser's state, with which another descent can continue.
        newton_decrement: how far the cost would still fall by a step of Newton's method, as a share of it; of more than
            200 parameters a lower bound, unless it has converged; None if that is not known.
        undetermined: the parameters that can change together at a converged end without changing the cost.
        fixed: the parameters that kept a number, by name.
        tied: the expressions of the parameters that are tied to others, by name.
        optimiser: its name, or what was chosen for the cost and why.
        uncertain: returns the uncertainty of the parameters; None if it was no fit of a model to a table in memory.
        held_out: the numbers, from 0, of the rows held out for validation; None if no share of the table was.
        resumed: the epoch of the checkpoint from which it was resumed; None without one.
    """

    params: Params
    cost: float
    reason: Reason
    stop: str
    message: str
    epochs: int
    seconds: float
    engine: str
    history: list[tuple[int, float]]
    path: list[tuple[int, Params]]
    start: Params
    warnings: list[str] = field(default_factory=list)
    restarts: list[float] | None = None
    levels: list[Level] | None = None
    validation: list[tuple[int, float]] | None = None
    best_epoch: int | None = None
    memory: Params = field(default_factory=dict, repr=False)
    held_out: NDArray[np.intp] | None = field(default=None, repr=False)
    resumed: int | None = None
    newton_decrement: float | None = None
    optimiser: str = ""
    undetermined: tuple[str, ...] = ()
    fixed: Params = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)
    uncertain: Callable[..., Any] | None = field(default=None, repr=False, compare=False)
    ends: list[End] = field(default_factory=list, repr=False, compare=False)
    judge: Callable[[list[End]], list[Reason]] | None = field(default=None, repr=False, compare=False)

    @property
    def diverged(self) -> bool:
        """Whether the cost or a parameter became infinite or NaN, or the cost grew beyond all bounds."""
        return self.stop == "diverged"

    @cached_property
    def reasons(self) -> list[Reason]:
        """What the end of each restart means, in the order of ``restarts``; of a single descent its own reason.

        A start where the cost is not finite counts as ``"diverged"``. Each end is judged by its derivatives when this
        is first asked for, in some milliseconds.
        """
        return [self.reason] if self.judge is None else self.judge(self.ends)

    def uncertainty(self, **options: Any) -> Any:
        """Return the uncertainty of the parameters: covariance, intervals, profiles, bands, statistics.

        Args:
            options: as for :func:`steepest.inference.uncertainty_of`: ``absolute_sigma``, ``robust``.

        Returns:
            A :class:`steepest.inference.Uncertainty`; its ``refusal`` says why there are no errors, if so.

        Raises:
            InferenceError: the descent was no fit of a model to a table in memory.
        """
        if self.uncertain is None:
            raise InferenceError("errors need a Model that was fitted to a table in memory; this descent was not")
        kept = {*self.fixed, *self.tied}
        moved = {name: value for name, value in self.params.items() if name not in kept}
        return self.uncertain(params=moved, **options)

    @property
    def standard_errors(self) -> dict[str, Any]:
        """The standard error of each parameter, numbers or arrays by name, in the unit of the parameter.

        Raises:
            InferenceError: there is none; the message says why.
        """
        found: dict[str, Any] = self.uncertainty().standard_errors
        return found

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The covariance matrix of the parameters, ``(p, p)``, in the order of ``uncertainty().labels``.

        Raises:
            InferenceError: there is none; the message says why.
        """
        found: NDArray[np.float64] = self.uncertainty().covariance
        return found

    def intervals(self, level: float = 0.95, method: str | None = None) -> dict[str, tuple[Any, Any]]:
        """Return a confidence interval of each parameter, (low, high) by name.

        Args:
            level: the probability with which such an interval contains the parameter.
            method: ``"t"``, ``"z"`` or ``"profile"``; by default t if the variance is estimated, else z.

        Raises:
            InferenceError: there are no standard errors; the message says why.
        """
        found: dict[str, tuple[Any, Any]] = self.uncertainty().intervals(level, method)
        return found

    def summary(self, level: float = 0.95) -> str:
        """Return a summary as text: parameters with standard errors and intervals, statistics, correlations.

        Args:
            level: the probability of the intervals.
        """
        found: str = self.uncertainty().summary(level)
        return found

    def cost_plot(self) -> CostPlot | None:
        """Return the plot of the cost and the validation cost by epoch; None after less than two epochs."""
        return cost_plot(self.history, self.validation)

    def card(self) -> Summary:
        """Return a summary: facts, parameters, cost by epoch."""
        facts = [("cost", f"{self.cost:.10g}"), ("epochs", f"{self.epochs:,} in {self.seconds:.2g} s")]
        facts += [("reason", str(self.reason)), ("stopped", self.message)]
        facts += [("optimiser", self.optimiser)] if self.optimiser else []
        facts.append(("engine", self.engine))
        if self.validation:
            facts.append(("lowest validation cost", f"{min(cost for _, cost in self.validation):.10g}"))
        if self.restarts is not None:
            facts.append(("starts", f"{len(self.restarts):,}; this is the best"))
        kept = [(name, counted(len(rows), "row")) for name, rows in (("history", self.history), ("path", self.path))]
        facts.append(("kept", ", ".join(f"{name} with {rows}" for name, rows in kept)))
        tables = (facts_table("Descent", facts), values_table("Parameters", self.params))
        title = f"Cost {self.cost:.6g} after {counted(self.epochs, 'epoch')}{', diverged' * self.diverged}"
        return Summary(title, tables, self.cost_plot(), tuple(self.warnings))

    def __repr__(self) -> str:
        """Return the summary without its curve: ``history`` and ``path`` have thousands of rows."""
        return replace(self.card(), plot=None).text(most=MOST_ROWS)

    def __str__(self) -> str:
        values = [f"{name} = {value_text(value)}" for name, value in self.params.items()]
        arrays = any(np.ndim(value) for value in self.params.values())
        lines = values if arrays else [", ".join(values)]
        return "\n".join([f"cost {self.cost:z.10g}; {self.message}", *lines, *self.warnings])


@dataclass(frozen=True)
class End:
    """Where one of several descents ended.

    Attributes:
        start: the parameters at epoch 0.
        params: the final parameters; None if the cost was not finite at the start.
        cost: the final cost.
        stop: what stopped it, as of :class:`Descent`.
    """

    start: Params
    params: Params | None
    cost: float
    stop: str


@dataclass(frozen=True)
class Level:
    """A level of final costs of restarts: costs with no gap between them.

    Attributes:
        lowest, highest: the smallest and the largest of these costs.
        starts: how many starts ended here.
    """

    lowest: float
    highest: float
    starts: int
