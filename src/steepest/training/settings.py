"""The settings of a descent: their ranges, and what follows from them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from steepest.calculus.prepared import PreparedCost
from steepest.engines.step import Batches, Rate
from steepest.errors import DescentError
from steepest.messages.hints import nearest
from steepest.messages.numbers import is_number, positive, whole
from steepest.messages.sentences import in_python
from steepest.training.optimisers import LBFGS, Optimiser, SecondOrder, gradient_descent, optimiser_named
from steepest.training.residuals import squares_of
from steepest.training.schedules import Plateau, Schedule, read_schedule

GRADIENTS = ("backprop", "finite-difference", "layerwise")
MOST_RESTARTS = 100_000  # starts and results are all kept in memory


@dataclass(frozen=True)
class Settings:
    """The settings of :func:`steepest.descend`, by the same names; names of choices become their values."""

    rate: Any = 0.1
    epochs: int = 1000
    gradient: str = "backprop"
    step: float = 1e-3
    scheme: str = "forward"
    dtype: str = "float64"
    maximise: bool = False
    optimiser: Any = None
    batch: int | None = None
    tolerance: float | None = None
    gradient_tolerance: float | None = None
    max_seconds: float | None = None
    restarts: int | None = None
    seed: int = 0
    validate: Any = None
    patience: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_every: int | None = None
    resume: bool = False
    path: bool = True
    bounds: Any = None
    solver: Optimiser | LBFGS | SecondOrder = field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.rate, str) and self.rate != "auto":
            whole("epochs", self.epochs, 0, DescentError)  # some schedules last as long as the descent
            object.__setattr__(self, "rate", read_schedule(self.rate, 0.1, self.epochs))
        object.__setattr__(self, "solver", optimiser_named(self.optimiser))

    @property
    def searches(self) -> bool:
        """Whether each epoch finds by itself how far to go, along a line or within a region."""
        return isinstance(self.solver, LBFGS | SecondOrder) or self.rate == "auto"

    @property
    def in_region(self) -> bool:
        """Whether the steps come from second derivatives, within a trust region."""
        return isinstance(self.solver, SecondOrder)

    @property
    def remembered(self) -> int:
        """The number of updates that L-BFGS remembers; 0 for others."""
        return self.solver.memory if isinstance(self.solver, LBFGS) else 0

    @property
    def update_rule(self) -> Optimiser:
        """The optimiser whose update becomes part of the step."""
        return self.solver if isinstance(self.solver, Optimiser) else gradient_descent()

    @property
    def scheduled_rate(self) -> Rate:
        """α, or α as a function of time."""
        return self.rate if isinstance(self.rate, Schedule) else self.base_rate

    @property
    def base_rate(self) -> float:
        """α, before a schedule multiplies it by a factor."""
        if isinstance(self.rate, Schedule | Plateau):
            return self.rate.rate
        return 1.0 if self.rate == "auto" else float(self.rate)

    @property
    def sign(self) -> float:
        """−1 to climb, else 1."""
        return -1.0 if self.maximise else 1.0

    @property
    def batches(self) -> Batches | None:
        """How an epoch divides the samples; None for all at once."""
        return None if self.batch is None else Batches(int(self.batch), int(self.seed))

    @property
    def is_exact(self) -> bool:
        """Whether each update is one down the true gradient, so that the cost should fall."""
        plain = self.update_rule.name == "gradient descent" and not self.searches
        return plain and self.gradient == "backprop" and self.batch is None

    def check(self, prepared: PreparedCost) -> None:
        """Raise a DescentError unless a descent of this cost could start so."""
        cost = prepared.cost
        self._check_numbers()
        self._check_together()
        if self.gradient not in GRADIENTS:
            raise DescentError(
                f"there is no gradient {self.gradient!r}{nearest(self.gradient, GRADIENTS)}; "
                f"choose {', '.join(GRADIENTS)}"
            )
        if self.scheme not in ("forward", "central"):
            raise DescentError(f"the scheme of a descent is 'forward' or 'central', not {self.scheme!r}")
        if cost.per_sample or cost.shape:
            raise DescentError("a cost is one number; take the mean or total over the samples, and a sum over features")
        if not cost.parameters:
            raise DescentError("the cost has no parameters; in a formula, every name that is not a column is one")
        if self.solver.name == "lm" and (self.maximise or squares_of(prepared) is None):
            what = "this cost is maximised" if self.maximise else "this cost is none"
            raise DescentError(
                f"the optimiser 'lm' minimises sums of squares, as of mse, but {what}; take newton or lbfgs"
            )
        if (self.batch is not None or self.validate is not None) and not cost.data:
            raise DescentError(
                "the cost has no data columns, so there are no samples to divide; leave batch and validate out"
            )

    def _check_numbers(self) -> None:
        for label in ("step", "tolerance", "gradient_tolerance", "max_seconds"):
            if label == "step" or getattr(self, label) is not None:
                positive(label, getattr(self, label), DescentError)
        if not isinstance(self.rate, Schedule | Plateau) and self.rate != "auto":
            positive("rate", self.rate, DescentError, ", a schedule or 'auto'")
        least = {"epochs": 0, "seed": 0, "restarts": 1, "batch": 1, "patience": 1, "checkpoint_every": 1}
        for label, low in least.items():
            if label in ("epochs", "seed") or getattr(self, label) is not None:
                whole(label, getattr(self, label), low, DescentError)
        if self.restarts is not None and self.restarts > MOST_RESTARTS:
            raise DescentError(
                f"restarts is at most {MOST_RESTARTS:,}, not {self.restarts:,}; run several seeds for more"
            )
        if is_number(self.validate) and not 0 < self.validate < 1:
            raise DescentError(
                f"validate is a share of the rows between 0 and 1, or a table, not {in_python(self.validate)}"
            )

    def _check_together(self) -> None:
        if self.searches:
            what = "rate='auto'" if isinstance(self.solver, Optimiser) else f"the optimiser {self.solver.name!r}"
            if self.rate == "auto" and self.update_rule.name != "gradient descent":
                raise DescentError(f"rate='auto' is for plain gradient descent; give {self.update_rule.name} a number")
            if self.batch is not None:
                raise DescentError(f"{what} needs the cost of the whole table; leave batch out")
            if self.in_region and self.gradient != "backprop":
                raise DescentError(f"{what} needs the true gradient; leave gradient={self.gradient!r} out")
            if self.gradient == "finite-difference":
                raise DescentError(f"{what} needs derived gradients; leave gradient='finite-difference' out")
            if isinstance(self.rate, Schedule | Plateau):
                raise DescentError(f"{what} finds its own rates; leave the schedule out")
        if self.gradient_tolerance is not None and self.batch is not None:
            raise DescentError("the gradient of a batch is not that of the cost; leave gradient_tolerance or batch out")
        if self.patience is not None and self.validate is None:
            raise DescentError("patience counts epochs without a lower validation cost; give validate=0.2, or a table")
        if not isinstance(self.path, bool):
            raise DescentError(
                f"path says whether parameters of the epochs are kept: True or False, not {in_python(self.path)}"
            )
        if self.checkpoint is not None and not isinstance(self.checkpoint, str | os.PathLike):
            raise DescentError(f"checkpoint is the path of a file, not {self.checkpoint!r}")
        if self.checkpoint is None and (self.resume or self.checkpoint_every is not None):
            raise DescentError("resume and checkpoint_every need a checkpoint; give checkpoint=, a file")
        if self.checkpoint is not None and self.restarts is not None:
            raise DescentError("a checkpoint belongs to a single descent; leave restarts or checkpoint out")
