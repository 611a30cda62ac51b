"""Descents by steps within a trust region: Levenberg–Marquardt for sums of squares, Newton's method for other costs.

In each epoch a quadratic model of the cost is minimised over the steps whose length, in the parameters' own scales, is
at most a radius. The radius shrinks where the model is poor and grows where it is good, so that each epoch lowers the
cost, far from the minimum as well as near it.

With bounds, parameters at a limit beyond which the cost falls are held there, the model is one of the others, and a
step is projected to the limits before it is judged (Kelley 1999, section 5.4).

Source: Moré 1978, The Levenberg–Marquardt algorithm: implementation and theory; Nocedal and Wright 2006, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from steepest.engines.step import DescentState, EpochCounter, Params, Rate, Record, Stop, StoppingRules
from steepest.errors import DescentError
from steepest.tables.values import number_array
from steepest.training.parameter_vector import Vector
from steepest.training.quadratic import Quadratic

_FIRST_RADIUS = 100.0  # times |D θ|: Moré 1978, section 5, for the first trust region
_ACCEPTED = 1e-4  # share of the predicted decrease from which on a step is accepted
_POOR, _GOOD = 0.25, 0.75  # shares of the predicted decrease below and above which the region shrinks and grows
_ROUNDED = 10.0  # share of a small predicted decrease above which round-off is what lowers the cost
_TRIALS = 60  # of radii per epoch; the region has then shrunk by a factor of at least 1e18
_REFINED = 1e-7  # share of the cost below which round-off may hide what a step gains
_EPS = float(np.finfo(float).eps)
REFINEMENTS = 20
"""The most refinements of a descent, since they and steps by which the cost falls but for round-off may alternate.

Also the most steps of one."""
RADIUS, SCALES, REFINED = "(region) radius", "(region) scales", "(region) refinements"


def restored_region(memory: Mapping[str, Any], numbers: int, who: str) -> Params:
    """Return the state in ``run.memory`` of an earlier descent of as many numbers, to continue with it.

    Raises:
        DescentError: the state belongs to another optimiser or to other parameters.
    """
    shapes: dict[str, tuple[int, ...]] = {RADIUS: (), SCALES: (numbers,), REFINED: ()}
    found: Params = {}
    for name, value in memory.items():
        array = number_array(name, value, "float64")
        if shapes.get(name) != array.shape:
            raise DescentError(
                f"memory has {name!r} of the shape {array.shape}, which is not in the state of {who} for these "
                "parameters; give run.memory of a descent of the same kind"
            )
        found[name] = array[()]
    return found


class Modelled(Protocol):
    """A cost with quadratic models, as a function of the parameters in one vector."""

    shapes: dict[str, tuple[int, ...]]
    limits: tuple[Vector, Vector] | None
    factor: float

    def flat(self, params: Mapping[str, Any]) -> Vector: ...

    def named(self, flat: Vector) -> Params: ...

    def merit(self, flat: Vector) -> float:
        """Return what the model models, which ``factor`` times is the cost, but for sign and constants."""
        ...

    def model(self, flat: Vector, scales: Vector) -> Quadratic | None:
        """Return the model at some parameters, given the scales so far; None if a derivative is not finite."""
        ...

    def exact_gradient(self, flat: Vector) -> Vector:
        """Return the gradient of the merit, ``(p,)``, in which cancellation loses no digits, if there is a way."""
        ...


class TrustRegion:
    """A descent by steps within a trust region; see :class:`steepest.engines.step.Runner`.

    Args:
        modelled: the cost and its models.
        cost_at: the cost as a function of parameters by name.
    """

    pace = 1

    def __init__(self, modelled: Modelled, cost_at: Callable[[dict[str, Any]], float]) -> None:
        self._modelled, self._cost = modelled, cost_at
        self.rate: Rate = 1.0

    def cost_at(self, params: Params) -> float:
        """Return the cost at some parameters."""
        return float(self._cost({name: params[name] for name in self._modelled.shapes}))

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the rows unchanged."""
        return list(rows)

    @np.errstate(all="ignore")  # a trial step may overflow; it is then rejected as too long
    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`. An interruption becomes the stop."""
        counter = EpochCounter(state, rules, record)
        try:
            while counter.epoch < until and not counter.stop:
                self._epoch(counter)
        except KeyboardInterrupt:
            counter.stop = Stop.INTERRUPTED
        return counter.state()

    def _epoch(self, counter: EpochCounter) -> None:
        flat = self._modelled.flat(counter.params)
        now = self._modelled.named(flat)
        value = self.cost_at(now)
        scales = counter.params.get(SCALES, np.zeros(len(flat)))
        model = self._modelled.model(flat, scales)
        counter.judge(value, math.nan if model is None else self._modelled.factor * model.steepness)
        if counter.stop:
            return
        refined = float(counter.params.get(REFINED, 0.0))
        found = None if model is None else self._step(model, flat, counter.params)
        if model is not None and found is None and refined < REFINEMENTS:
            found, refined = self._refined(model, flat), refined + 1
        if model is None or found is None:
            counter.keep(value, now)
            counter.stop = Stop.STALLED  # no step lowers the cost beyond round-off
            return
        new, radius = found
        after = {**self._modelled.named(new), RADIUS: np.float64(radius), SCALES: model.scales}
        if refined:
            after[REFINED] = np.float64(refined)
        counter.go_on(value, after, now)

    def _step(self, model: Quadratic, flat: Vector, params: Mapping[str, Any]) -> tuple[Vector, float] | None:
        """Return the next parameters and the radius for the next epoch; None if no step lowers the cost."""
        if not model.slopes.size or not (model.slopes.any() or (model.curvatures < 0).any()):
            return None
        before = self._modelled.merit(flat)
        start = float(np.linalg.norm(model.scales * flat))
        radius = float(params.get(RADIUS, _FIRST_RADIUS * start if start else _FIRST_RADIUS))
        small = model.decrement <= _REFINED * abs(before)
        for k in range(_TRIALS):
            step, decrease, length = model.step(radius)
            if k == 0 and RADIUS not in params:
                radius = min(radius, length)
            new = self._within(flat + step)
            decrease = decrease if self._modelled.limits is None else model.predicted(new - flat)
            if np.array_equal(new, flat) or (not decrease > 0 and self._modelled.limits is None):
                return None
            gained = before - self._modelled.merit(new)
            share = gained / decrease if math.isfinite(gained) and decrease > 0 else -1.0
            if share < _POOR:
                radius = max(0.1, min(0.5, 0.5 / (1 - share))) * min(radius, 10 * length)
            elif share > _GOOD:
                radius = max(radius, 2 * length)
            if share > _ROUNDED and small:
                return None
            if share >= _ACCEPTED:
                return new, radius
        return None

    def _within(self, flat: Vector) -> Vector:
        """Return the nearest parameters within the limits."""
        limits = self._modelled.limits
        found: Vector = flat if limits is None else np.clip(flat, *limits)
        return found

    def _refined(self, model: Quadratic, flat: Vector) -> tuple[Vector, float] | None:
        """Return full steps whose gain round-off hides, as long as each leaves a smaller slope; None if none does.

        It is iterative refinement, which gains digits of the parameters where the cost has no more to give: curvatures
        stay those of the model, slopes are exact. Where a full step predicts so little, the point is nearer to the
        minimum if the next step predicts less still.

        Source: Higham 2002, Accuracy and Stability of Numerical Algorithms, section 12.1.
        """
        before = self._modelled.merit(flat)
        if not model.slopes.size or not 0 < model.decrement <= _REFINED * abs(before):
            return None
        found, here = None, model.sloping(self._modelled.exact_gradient(flat))
        for _ in range(REFINEMENTS):
            step, _, length = here.step(math.inf)
            new = flat + step
            after = model.sloping(self._modelled.exact_gradient(new))
            if not np.array_equal(self._within(new), new) or not after.decrement < here.decrement / 4:
                break
            found, flat, here = (new, length), new, after
            if (np.abs(step) <= _EPS * np.abs(new)).all():
                break
        level = found is None or self._modelled.merit(flat) <= before + _REFINED * abs(before)
        return found if level else None
