"""Descents that search along a line for how far to go: Armijo's rule, and L-BFGS with the strong Wolfe conditions.

They are driven from here, whichever engine computes cost and gradient: to an engine, the gradient is the "next value"
of a parameter, so that one epoch of it computes both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.engines.step import DescentState, EpochCounter, Params, Rate, Reason, Record, Runner, StoppingRules
from steepest.errors import DescentError
from steepest.tables.values import number_array

Vector = NDArray[np.float64]

ARMIJO_C1 = 1e-4  # sufficient decrease: c1 of Nocedal and Wright 2006, eq. 3.6a; small, since any fall is welcome
WOLFE_C2 = 0.9  # curvature: c2 of their eq. 3.7b, the value that they give for quasi-Newton directions
_HALVINGS, _TRIALS = 60, 40
_RATE, _MOVES = "(search) rate", "(search) moves"


@dataclass(frozen=True)
class _Point:
    """The cost and its gradient at some parameters; signs are such that the cost is to fall."""

    place: Vector
    cost: float
    slope: Vector


class SearchRunner:
    """A descent by line searches; see :class:`steepest.engines.step.Runner`.

    Args:
        inner: a walker whose moved values are the gradient.
        shapes: the parameters' shapes, by name.
        memory: moves that L-BFGS remembers; 0 for gradient descent by Armijo's rule.
        sign: −1 to climb.
        dtype: the precision of the parameters.
        rate: the first trial of the first epoch.
    """

    pace = 1

    def __init__(
        self, inner: Runner, shapes: dict[str, tuple[int, ...]], memory: int, sign: float, dtype: str,
        rate: float = 1.0,
    ) -> None:  # fmt: skip
        self._inner, self._shapes, self._memory, self._sign, self._kind = inner, shapes, memory, sign, np.dtype(dtype)
        self.rate: Rate = rate
        self._first = rate
        self._known: _Point | None = None

    def cost_at(self, params: Params) -> float:
        """The cost at some parameters."""
        return self._inner.cost_at({name: params[name] for name in self._shapes})

    def unpacked(self, rows: Sequence[Any]) -> list[Params]:
        """The parameters of rows, as they are."""
        return list(rows)

    @np.errstate(all="ignore")  # a trial may well leave the finite numbers, and is then one too far
    def advance(self, state: DescentState, until: int, rules: StoppingRules, record: Record) -> DescentState:
        """Go on; see :class:`steepest.engines.step.Runner`. An interruption ends it with that reason."""
        counter = EpochCounter(state, rules, record)
        try:
            while counter.epoch < until and not counter.reason:
                here = self._at(self._flat(counter.params))
                value = self._sign * here.cost
                counter.judge(value, float(np.linalg.norm(here.slope)))
                if not counter.reason and not here.slope.any():
                    counter.reason = Reason.GRADIENT
                if counter.reason:
                    break
                row = self._named(here.place)
                there, memory = self._move(here, counter.params)
                if there is here:
                    counter.keep(value, row)
                    counter.reason = Reason.TOLERANCE  # no step lowers the cost by what its digits can show
                    break
                counter.go_on(value, {**self._named(there.place), **memory}, row)
                self._known = there
        except KeyboardInterrupt:
            counter.reason = Reason.INTERRUPTED
        return counter.state()

    # -- evaluating

    def _flat(self, params: Mapping[str, Any]) -> Vector:
        return np.concatenate([np.ravel(params[name]) for name in self._shapes]).astype(np.float64)

    def _named(self, place: Vector) -> Params:
        found: Params = {}
        begin = 0
        for name, shape in self._shapes.items():
            size = math.prod(shape)
            found[name] = place[begin : begin + size].reshape(shape).astype(self._kind)[()]
            begin += size
        return found

    def _at(self, place: Vector) -> _Point:
        place = place.astype(self._kind).astype(np.float64)  # where the engine will be
        if self._known is not None and np.array_equal(self._known.place, place):
            return self._known
        params, record = self._named(place), Record()
        after = self._inner.advance(DescentState(params, params, math.nan), 1, StoppingRules(), record)
        cost = self._sign * record.costs[0] if record.costs else math.inf
        slope = self._flat(after.params) * self._sign if record.costs else np.full(len(place), math.nan)
        return _Point(place, cost if np.isfinite(slope).all() and math.isfinite(cost) else math.inf, slope)

    # -- moving

    def _move(self, here: _Point, params: Mapping[str, Any]) -> tuple[_Point, Params]:
        """Where an epoch ends, and what is remembered for the next one."""
        if not self._memory:
            return self._armijo(here, float(params.get(_RATE, self._first / 2)))
        moves = params.get(_MOVES, np.zeros((0, 2, len(here.place))))
        direction = -_lbfgs(here.slope, moves)
        if not direction @ here.slope < 0:  # round-off has spoilt what is remembered
            moves, direction = moves[:0], -here.slope
        first = 1.0 if len(moves) else min(self._first, 1 / max(float(np.linalg.norm(here.slope)), 1e-300))
        there = _wolfe(lambda far: self._at(here.place + far * direction), here, direction, first)
        if there is here:
            if not len(moves):
                return here, {}
            return self._move(here, {name: value for name, value in params.items() if name != _MOVES})
        pair = np.stack([there.place - here.place, there.slope - here.slope])
        if pair[0] @ pair[1] > 1e-10 * float(np.linalg.norm(pair[0]) * np.linalg.norm(pair[1])):
            moves = np.concatenate([moves, pair[None]])[-self._memory :]
        return there, {_MOVES: moves}

    def _armijo(self, here: _Point, rate: float) -> tuple[_Point, Params]:
        """The longest of twice, once, half, a quarter, … of the last step that lowers the cost enough."""
        slope = float(here.slope @ here.slope)
        far = 2 * rate
        for _ in range(_HALVINGS):
            there = self._at(here.place - far * here.slope)
            if there.cost <= here.cost - ARMIJO_C1 * far * slope and there.cost < here.cost:
                return there, {_RATE: np.float64(far)}
            far /= 2
        return here, {}


def remembered(memory: Mapping[str, Any], numbers: int, length: int) -> Params:
    """What an earlier descent remembered, for another one to go on with.

    Args:
        memory: its ``run.memory``.
        numbers: of all parameters together.
        length: moves that L-BFGS remembers; 0 for gradient descent by Armijo's rule.

    Raises:
        DescentError: that was another optimiser, or the parameters were others.
    """
    found: Params = {}
    who = "lbfgs" if length else "rate='auto'"
    for name, value in memory.items():
        array = number_array(name, value, "float64")
        shape = (array.shape[0], 2, numbers) if length and array.ndim else ()
        if name != (_MOVES if length else _RATE) or array.shape != shape or bool(length) != bool(shape):
            raise DescentError(
                f"memory has {name!r} of the shape {array.shape}, which {who} does not remember of these "
                "parameters; give run.memory of a descent of the same kind"
            )
        found[name] = array[-length:] if length else array[()]
    return found


def _lbfgs(slope: Vector, moves: NDArray[np.float64]) -> Vector:
    """The inverse of the remembered curvature times the gradient: the two loops of the recursion.

    Source: Nocedal and Wright 2006, algorithm 7.4 and eq. 7.20.
    """
    q, shares = slope.copy(), []
    for s, y in moves[::-1]:
        share = (s @ q) / (s @ y)
        shares.append(share)
        q -= share * y
    if len(moves):
        s, y = moves[-1]
        q *= (s @ y) / (y @ y)
    for (s, y), share in zip(moves, reversed(shares), strict=True):
        q += s * (share - (y @ q) / (s @ y))
    return q


def _wolfe(look: Callable[[float], _Point], here: _Point, direction: Vector, first: float) -> _Point:
    """A place along a direction that satisfies the strong Wolfe conditions; ``here`` if none lower is found.

    Source: Nocedal and Wright 2006, algorithms 3.5 and 3.6, cubic interpolation by eq. 3.59.
    """
    start = float(here.slope @ direction)
    low: tuple[float, _Point, float] = (0.0, here, start)
    far = first
    for k in range(_TRIALS):
        there = look(far)
        steep = float(there.slope @ direction)
        if not _falls(there, here, far, start) or (k and there.cost >= low[1].cost):
            return _zoom(look, here, direction, start, low, (far, there, steep))
        if abs(steep) <= -WOLFE_C2 * start:
            return there
        if steep >= 0:
            return _zoom(look, here, direction, start, (far, there, steep), low)
        low, far = (far, there, steep), 2 * far
    return low[1]


def _falls(there: _Point, here: _Point, far: float, start: float) -> bool:
    return there.cost <= here.cost + ARMIJO_C1 * far * start and there.cost < here.cost


def _zoom(
    look: Callable[[float], _Point], here: _Point, direction: Vector, start: float, low: tuple[float, _Point, float],
    high: tuple[float, _Point, float],
) -> _Point:  # fmt: skip
    """Between two distances, the first of which is the best so far, close in on one that satisfies the conditions."""
    for _ in range(_TRIALS):
        far = _between(low, high)
        if far in (low[0], high[0]):
            break
        there = look(far)
        steep = float(there.slope @ direction)
        if not _falls(there, here, far, start) or there.cost >= low[1].cost:
            high = (far, there, steep)
            continue
        if abs(steep) <= -WOLFE_C2 * start:
            return there
        if steep * (high[0] - low[0]) >= 0:
            high = low
        low = (far, there, steep)
    return low[1]


def _between(low: tuple[float, _Point, float], high: tuple[float, _Point, float]) -> float:
    """The minimum of the cubic through two places and their slopes, if it is well inside; otherwise the middle."""
    (a, at_a, slope_a), (b, at_b, slope_b) = low, high
    middle = 0.5 * (a + b)
    if not (math.isfinite(at_b.cost) and math.isfinite(slope_b)):
        return middle
    d1 = slope_a + slope_b - 3 * (at_a.cost - at_b.cost) / (a - b)
    inner = d1 * d1 - slope_a * slope_b
    if inner < 0:
        return middle
    d2 = math.copysign(math.sqrt(inner), b - a)
    below = slope_b - slope_a + 2 * d2
    found = b - (b - a) * (slope_b + d2 - d1) / below if below else middle
    left, right = min(a, b), max(a, b)
    margin = 0.1 * (right - left)
    return found if left + margin <= found <= right - margin else middle
