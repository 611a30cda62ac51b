"""What a descent returns: parameters, cost, reason, history, path, warnings, with its summary and plot."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from steepest.display.axes import CostPlot, cost_plot
from steepest.display.cards import ReprMixin, Summary, facts_sheet, value_text, values_sheet
from steepest.engines.step import Params


@dataclass
class Descent(ReprMixin):
    """A descent that has ended.

    Attributes:
        params: the final parameters, numbers or arrays by name.
        cost: the cost at ``params``.
        reason: why it stopped: ``"epochs"``, ``"gradient"``, ``"tolerance"``, ``"time"``, ``"diverged"``,
            ``"interrupted"``, ``"validation"`` or ``"callback"``.
        message: the same as a sentence.
        epochs: how many updates were made.
        seconds: how long they took, s.
        engine: the engine that made them.
        history: rows (epoch, cost), at most 2000, first and last included.
        path: rows (epoch, parameters), likewise; fewer where there are many parameters, to stay below 64 MB.
        warnings: sentences about what a reader of the result should know.
        start: the parameters at epoch 0.
        restarts: the final cost of every restart, if there were several: the last finite one where it diverged, NaN
            where it began outside the domain.
        levels: the levels on which those costs lie, the lowest first, without the diverged ones.
        validation: rows (epoch, cost of the validation rows), if there were any.
        best_epoch: the epoch whose parameters these are, where the lowest validation cost decided.
        memory: what the optimiser remembers, for another descent to go on with.
        held_out: the rows, from 0, of those learnt from and held out together, that a share for validation took; None
            without one.
        resumed: the epoch of the checkpoint that it went on from; None if it began at its start.
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
        """Whether the cost or a parameter left the finite numbers, or was on its way there."""
        return self.reason == "diverged"

    def cost_plot(self) -> CostPlot | None:
        """The cost by epoch, and that of the validation rows, ready to be drawn; None after less than two epochs."""
        return cost_plot(self.history, self.validation)

    def card(self) -> Summary:
        """What came of it, the parameters and the cost by epoch."""
        facts = [("cost", f"{self.cost:.10g}"), ("epochs", f"{self.epochs:,} in {self.seconds:.2g} s")]
        facts += [("stopped", self.message), ("engine", self.engine)]
        if self.validation:
            facts.append(("lowest validation cost", f"{min(cost for _, cost in self.validation):.10g}"))
        if self.restarts is not None:
            facts.append(("starts", f"{len(self.restarts):,}, of which this is the best"))
        sheets = (facts_sheet("Descent", facts), values_sheet("Parameters", self.params))
        title = f"Cost {self.cost:.6g} after {self.epochs:,} epochs"
        return Summary(title, sheets, self.cost_plot(), tuple(self.warnings))

    def __str__(self) -> str:
        values = ", ".join(f"{name} = {value_text(value)}" for name, value in self.params.items())
        lines = [f"cost {self.cost:.10g} after {self.epochs} epochs; {self.message}", values, *self.warnings]
        return "\n".join(lines)


@dataclass(frozen=True)
class Level:
    """Final costs of restarts without a gap between them.

    Attributes:
        lowest, highest: the costs between which they lie.
        starts: how many there are.
    """

    lowest: float
    highest: float
    starts: int
