"""The result of a descent: parameters, cost, reason, history, path and warnings, with a summary and a plot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steepest.display.axes import CostPlot, cost_plot
from steepest.display.summaries import ReprMixin, Summary, facts_table, value_text, values_table
from steepest.engines.step import Params


@dataclass
class Descent(ReprMixin):
    """The result of a descent.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: why it stopped: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"time"``, ``"diverged"``,
            ``"interrupted"``, ``"validation"`` or ``"callback"``.
        message: the reason in words, such as ``"ran all 1000 epochs; the cost was still falling"``.
        epochs: how many updates were made.
        seconds: their duration, s.
        engine: the engine that ran them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise; fewer for many parameters, to stay below 64 MB.
        warnings: sentences on what to know before using the result.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several: the last finite one if it diverged, NaN
            if it started outside the domain.
        levels: the levels of these costs, the lowest first, without the diverged ones.
        validation: rows (epoch, cost of the validation rows), if there were any.
        best_epoch: the epoch of the lowest validation cost, whose parameters these are; None without ``patience``.
        memory: the optimiser's state, with which another descent can continue.
        held_out: the numbers, from 0, of the rows held out for validation; None if no share of the table was.
        resumed: the epoch of the checkpoint from which it was resumed; None without one.
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
    levels: list[Level] | None = None
    validation: list[tuple[int, float]] | None = None
    best_epoch: int | None = None
    memory: Params = field(default_factory=dict, repr=False)
    held_out: NDArray[np.intp] | None = field(default=None, repr=False)
    resumed: int | None = None

    @property
    def diverged(self) -> bool:
        """Whether the cost or a parameter became infinite or NaN, or the cost grew beyond all bounds."""
        return self.reason == "diverged"

    def cost_plot(self) -> CostPlot | None:
        """Return the plot of the cost and the validation cost by epoch; None after less than two epochs."""
        return cost_plot(self.history, self.validation)

    def card(self) -> Summary:
        """Return a summary: facts, parameters, cost by epoch."""
        facts = [("cost", f"{self.cost:.10g}"), ("epochs", f"{self.epochs:,} in {self.seconds:.2g} s")]
        facts += [("stopped", self.message), ("engine", self.engine)]
        if self.validation:
            facts.append(("lowest validation cost", f"{min(cost for _, cost in self.validation):.10g}"))
        if self.restarts is not None:
            facts.append(("starts", f"{len(self.restarts):,}; this is the best"))
        tables = (facts_table("Descent", facts), values_table("Parameters", self.params))
        title = f"Cost {self.cost:.6g} after {self.epochs:,} epochs"
        return Summary(title, tables, self.cost_plot(), tuple(self.warnings))

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value_text(value)}" for name, value in self.params.items())
        return "\n".join([f"cost {self.cost:.10g}; {self.message}", values, *self.warnings])


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
