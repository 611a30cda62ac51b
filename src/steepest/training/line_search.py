"""Line searches: gradient descent by Armijo's rule, and L-BFGS with the strong Wolfe conditions.

Python drives them for every engine: in the step of a line search the gradient is the "next value" of a parameter, so
that one epoch of the engine computes cost and gradient. With bounds, steps are projected to them; see
:mod:`steepest.training.projection`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.engines.step import DescentState, EpochCounter, Params, Rate, Record, Runner, Stop, StoppingRules
from steepest.errors import DescentError
from steepest.tables.values import number_array
from steepest.training.parameter_vector import Vector
from steepest.training.projection import MIN_CURVATURE, Arc, Limits, Point, Trial, free_at, quasi_newton

WOLFE_C2 = 0.9  # Nocedal and Wright 2006, eq. 3.7b: the value that they give for quasi-Newton directions
_HALVINGS = 60  # a step shortened to 2^-60 rarely changes a digit of the parameters
_TRIALS = 40  # per bracketing and per zoom; either needs two or three where the cost is smooth
_MARGIN = 0.1  # share of the bracket that an interpolated minimum keeps from its ends, so that brackets shrink
# Epochs in a row whose direction predicts less than the cost can show. The first of them may still gain digits of the
# parameters; later ones follow round-off, which may lower a sum over many rows by its last digit for many epochs.
_MOST_IDLE = 3
RATE_FOUND, MOVES, IDLE = "(search) rate", "(search) moves", "(search) idle epochs"


class SearchRunner:
    """A descent by line searches; see :class:`steepest.engines.step.Runner`.

    The next values of ``inner`` are the gradient. L-BFGS remembers ``length`` updates; 0 is gradient descent by
    Armijo's rule. The sign is −1 to maximise, ``rate`` is the first trial of the first epoch, and ``limits`` are those
    of the elements of the parameters.
    """

    pace = 1

    def __init__(
        self, inner: Runner, shapes: dict[str, tuple[int, ...]], length: int, sign: float, dtype: str,
        rate: float = 1.0, limits: Limits = None,
    ) -> None:  # fmt: skip
        self._inner, self._shapes, self._length, self._sign, self._dtype = inner, shapes, length, sign, np.dtype(dtype)
        self._edges = list(itertools.accumulate(map(math.prod, shapes.values()), initial=0))
        self.rate: Rate = rate
        self._first = rate
        self._last: Point | None = None
        self._limits, self._round_off = limits, float(np.finfo(self._dtype).eps) / 2

    def cost_at(self, params: Params) -> float:
        """Return the cost at some parameters."""
        return self._inner.cost_at({name: params[name] for name in self._shapes})

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """Return the rows unchanged."""
        return list(rows)

    @np.errstate(all="ignore")  # a trial step may overflow; it is then rejected as too long
    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Run epochs; see :class:`steepest.engines.step.Runner`. An interruption becomes the stop."""
        counter = EpochCounter(state, rules, record)
        try:
            while counter.epoch < until and not counter.stop:
                current = self._evaluate(self._flat(counter.params))
                value = self._sign * current.cost
                slopes = current.gradient[free_at(current.params, current.gradient, self._limits)]
                counter.judge(value, float(np.linalg.norm(slopes)))
                if not counter.stop and not slopes.any():
                    counter.stop = Stop.GRADIENT
                if counter.stop:
                    break
                found, state_after = self._search(current, counter.params)
                if found is current:
                    counter.keep(value, self._named(current.params))
                    counter.stop = Stop.STALLED  # no step lowers the cost beyond round-off
                    break
                counter.go_on(value, {**self._named(found.params), **state_after}, self._named(current.params))
                self._last = found
        except KeyboardInterrupt:
            counter.stop = Stop.INTERRUPTED
        return counter.state()

    def _flat(self, params: Mapping[str, Any]) -> Vector:
        return np.concatenate([np.ravel(params[name]) for name in self._shapes]).astype(np.float64)

    def _named(self, flat: Vector) -> Params:
        pieces = zip(self._shapes.items(), itertools.pairwise(self._edges), strict=True)
        return {name: flat[a:b].reshape(shape).astype(self._dtype)[()] for (name, shape), (a, b) in pieces}

    def _evaluate(self, flat: Vector) -> Point:
        flat = flat.astype(self._dtype).astype(np.float64)  # round as the engine will
        if self._last is not None and np.array_equal(self._last.params, flat):
            return self._last
        params, record = self._named(flat), Record()
        after = self._inner.advance(DescentState(params, params, math.nan), 1, StoppingRules(), record)
        cost = self._sign * record.costs[0] if record.costs else math.inf
        gradient = self._flat(after.params) * self._sign if record.costs else np.full(len(flat), math.nan)
        return Point(flat, cost if np.isfinite(gradient).all() and math.isfinite(cost) else math.inf, gradient)

    def _search(self, current: Point, params: Mapping[str, Any]) -> tuple[Point, Params]:
        """Return the point at which an epoch ends, and the state for the next one."""
        if not self._length:
            return self._armijo(current, float(params.get(RATE_FOUND, self._first / 2)))
        moves = params.get(MOVES, np.zeros((0, 2, len(current.params))))
        idle = float(params.get(IDLE, 0.0))
        direction = quasi_newton(current, moves, self._limits)
        if not direction @ current.gradient < 0:  # round-off has spoilt the curvature: start again from the gradient
            moves, direction = moves[:0], self._steepest(current)
        elif len(moves):  # the gradient alone predicts nothing, as it has another unit than the step
            predicted = -0.5 * float(direction @ current.gradient)
            idle = idle + 1 if predicted <= self._round_off * abs(current.cost) else 0.0
            if idle >= _MOST_IDLE:
                return current, {}
        norm = float(np.linalg.norm(direction))
        first = 1.0 if len(moves) else min(self._first, 1 / max(norm, 1e-300))  # no division by 0
        found = _wolfe(Arc(self._evaluate, current, direction, self._limits), first)
        if found is current:
            return self._search(current, {IDLE: idle}) if len(moves) else (current, {})
        s, y = found.params - current.params, found.gradient - current.gradient
        if s @ y > MIN_CURVATURE * float(np.linalg.norm(s) * np.linalg.norm(y)):
            moves = np.concatenate([moves, np.stack([s, y])[None]])[-self._length :]
        return found, {MOVES: moves, **({IDLE: np.float64(idle)} if idle else {})}

    def _steepest(self, point: Point) -> Vector:
        """Return minus the gradient, 0 for parameters that are held at a limit."""
        return np.where(free_at(point.params, point.gradient, self._limits), -point.gradient, 0.0)

    def _armijo(self, current: Point, rate: float) -> tuple[Point, Params]:
        """Return the longest of 2, 1, 1/2, 1/4, … times the last step that decreases the cost sufficiently."""
        arc, distance = Arc(self._evaluate, current, self._steepest(current), self._limits), 2 * rate
        for _ in range(_HALVINGS):
            trial = arc.trial(distance)
            if trial.decreases:
                return trial.point, {RATE_FOUND: np.float64(distance)}
            distance /= 2
        return current, {}


def restored_state(memory: Mapping[str, Any], numbers: int, length: int) -> Params:
    """Return the state in ``run.memory`` of an earlier descent of as many numbers, to continue with it.

    Raises:
        DescentError: the state belongs to another optimiser or to other parameters.
    """
    found: Params = {}
    who = "lbfgs" if length else "rate='auto'"
    for name, value in memory.items():
        array = number_array(name, value, "float64")
        known = {MOVES: (*array.shape[:1], 2, numbers), IDLE: ()} if length else {RATE_FOUND: ()}
        if array.shape != known.get(name):
            raise DescentError(
                f"memory has {name!r} of the shape {array.shape}, which is not in the state of {who} for these "
                "parameters; give run.memory of a descent of the same kind"
            )
        found[name] = array[-length:] if array.ndim else array[()]
    return found


def _wolfe(arc: Arc, first: float) -> Point:
    """Return a point along an arc that satisfies the strong Wolfe conditions; its start if none is lower.

    Where the arc bends, at a limit, the slope jumps, so that no point may satisfy the condition on the slope: the cost
    may be lowest at a bend. The search then ends at a point of sufficient decrease next to it.

    Source: Nocedal and Wright 2006, algorithms 3.5 and 3.6, cubic interpolation by eq. 3.59; Ferry, Gill, Wong and
    Zhang 2020, Projected-search methods for bound-constrained optimization, for bends.
    """
    start = low = arc.start
    distance = first
    for k in range(_TRIALS):
        new = arc.trial(distance)
        if not new.decreases or (k and new.point.cost >= low.point.cost):
            return _zoom(arc, low, new)
        if abs(new.slope) <= -WOLFE_C2 * start.slope:
            return new.point
        if new.slope >= 0:
            return _zoom(arc, new, low)
        low, distance = new, 2 * distance
    return low.point


def _zoom(arc: Arc, low: Trial, high: Trial) -> Point:
    """Shrink a bracket, of which ``low`` is the best point so far, to one that satisfies the conditions."""
    for _ in range(_TRIALS):
        if low.moving != high.moving and low.distance > 0:  # a bend between them
            break
        distance = _between(low, high)
        if distance in (low.distance, high.distance):
            break
        new = arc.trial(distance)
        if not new.decreases or new.point.cost >= low.point.cost:
            high = new
            continue
        if abs(new.slope) <= -WOLFE_C2 * arc.start.slope:
            return new.point
        if new.slope * (high.distance - low.distance) >= 0:
            high = low
        low = new
    return low.point


def _between(low: Trial, high: Trial) -> float:
    """Return the minimum of the cubic through two trials and their slopes, or the middle if it is near an end."""
    a, b = low.distance, high.distance
    middle = 0.5 * (a + b)
    if not (math.isfinite(high.point.cost) and math.isfinite(high.slope)):
        return middle
    d1 = low.slope + high.slope - 3 * (low.point.cost - high.point.cost) / (a - b)
    discriminant = d1 * d1 - low.slope * high.slope
    if discriminant < 0:
        return middle
    d2 = math.copysign(math.sqrt(discriminant), b - a)
    divisor = high.slope - low.slope + 2 * d2
    found = b - (b - a) * (high.slope + d2 - d1) / divisor if divisor else middle
    left, right = min(a, b), max(a, b)
    margin = _MARGIN * (right - left)
    return found if left + margin <= found <= right - margin else middle
