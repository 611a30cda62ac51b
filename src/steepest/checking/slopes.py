"""The derivative of a cost along a line, from the left and from the right, in higher precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.checking.precise import Precise, exactly, mp


@dataclass(frozen=True)
class Slope:
    """A derivative along a line, from both sides.

    Attributes:
        left, right: the one-sided derivatives; NaN where the function has no real values.
        error: a bound of what is unknown of them.
        jumps: whether they differ, or the function is not continuous.
        curvature: the part of the error that is due to the step, not to round-off.
        differ: whether the sides differ, however small the step, if round-off is not as large as its bound.
    """

    left: Any
    right: Any
    error: Any
    jumps: bool
    curvature: Any = mp.zero
    differ: bool = False

    @property
    def value(self) -> Any:
        """The derivative; one-sided at the end of the domain."""
        if mp.isnan(self.left):
            return self.right
        return self.left if mp.isnan(self.right) else (self.left + self.right) / 2

    def bounds(self) -> tuple[float, float]:
        """Return the smaller and the larger of the one-sided derivatives."""
        sides = [float(side) for side in (self.left, self.right) if not mp.isnan(side)]
        return (min(sides), max(sides)) if sides else (float("nan"), float("nan"))


_STEP, _STEP_AT_ZERO = 160, 1300  # the step is the smallest number that is moved, or 1, times 2 to minus this
_FINER = 64  # bits by which the step is reduced to tell a kink from curvature
_BITS = 240  # of the result, beyond those that the step takes
_MORE = (0, 1200, 1500)  # bits that are added if the derivative has not appeared: those of the smallest double
_VANISHED = 100  # a value that shrinks by so many bits when the precision grows is round-off of 0
_UNDERFLOW = -1090  # a power of two below the smallest double
_LOST = 80  # bits that the operations on the way may lose, together


def slope(function: Precise, at: Mapping[str, Any], along: Mapping[str, Any], finer: int = 0) -> Slope:
    """Return the derivative of the first root along a direction, as exactly as doubles can need it.

    Steps are far below the distance of any two doubles, so that the function is linear over them unless it has a kink
    at the very point; the precision is such that their effect is seen all the same.

    Args:
        function: the function.
        at: the values of the names that move.
        along: their directions, in the same shapes.
        finer: bits by which the step is smaller than usual, for functions that vary on a scale of less than 1e-48 of
            their arguments.
    """
    places = np.concatenate([np.abs(np.ravel(at[name])).astype(float) for name in at])
    ways = np.concatenate([np.abs(np.ravel(along[name])).astype(float) for name in at])
    moved, lengths = places[ways > 0], ways[ways > 0]
    if moved.size and moved.all():
        exponent = _STEP - math.frexp(float(moved.min()))[1] + math.frexp(float(lengths.max()))[1]
        spread = math.frexp(float(moved.max()))[1] - math.frexp(float(moved.min()))[1]
    else:
        exponent, spread = _STEP_AT_ZERO, 0
    exponent += finer
    digits = max(exponent, _STEP) + spread  # a small step beside a cost of about 1 takes as many bits as it is small
    found: Slope | None = None
    for more in _MORE:
        bits = digits + _BITS + more
        with mp.workprec(bits + _FINER):
            step = mp.ldexp(mp.one, -exponent)
            previous, found = found, _slope(function, at, along, step, bits)
            if found.error <= mp.ldexp(max(abs(found.left), abs(found.right)), -50):
                break
            if previous is not None:
                if found.differ and _steady(found, previous):
                    # The sides differ, and not by round-off; that of this precision is far below.
                    found = _slope(function, at, along, step, bits, mp.ldexp(abs(found.right - found.left), -_VANISHED))
                    break
                found = _compared(found, previous)
                if found.error <= mp.ldexp(max(abs(found.left), abs(found.right)), -35):
                    break
    assert found is not None
    return found


def _steady(found: Slope, previous: Slope) -> bool:
    """Return whether the difference between the sides is the same at another precision."""
    difference, before = found.right - found.left, previous.right - previous.left
    return bool(abs(difference - before) <= mp.ldexp(abs(difference), -_VANISHED // 2))


def _compared(found: Slope, previous: Slope) -> Slope:
    """Return a slope with the error that shows beside one of less precision, if the bound says less.

    The bound counts large values that do not matter, as in a branch that is not taken.
    """
    pairs = ((found.left, previous.left), (found.right, previous.right))
    differences = [abs(new - old) for new, old in pairs if not (mp.isnan(new) or mp.isnan(old))]
    if not differences or found.jumps or any(mp.isinf(new) for new, _ in pairs):
        return found
    size, before = (max(abs(side) for side in sides if not mp.isnan(side)) for sides in zip(*pairs, strict=True))
    error = size if size <= mp.ldexp(before, -_VANISHED) else max(differences)
    return replace(found, error=min(error + found.curvature, found.error))


def _slope(
    function: Precise, at: Mapping[str, Any], along: Mapping[str, Any], step: Any, bits: int, known: Any = None
) -> Slope:
    """Return the derivative by one step; ``known`` is its round-off if that is known to be below the bound."""
    base = {name: exactly(np.asarray(value, dtype=float)) for name, value in at.items()}
    ways = {name: exactly(np.asarray(value, dtype=float)) for name, value in along.items()}

    def value(distance: Any) -> Any:
        moved = {name: base[name] + ways[name] * distance for name in base}
        found = function(bits, moved)[0]
        return found if isinstance(found, mp.mpf) else mp.mpf(np.asarray(found, object).item())

    (middle,) = function(bits)[:1]
    middle = middle if isinstance(middle, mp.mpf) else mp.mpf(np.asarray(middle, object).item())
    noise = mp.ldexp(function.largest(bits), _LOST - bits) / step if known is None else known
    below, above = value(-step), value(step)
    left, right = (middle - below) / step, (above - middle) / step
    if not (mp.isnan(left) or mp.isnan(right)):
        size = max(abs(left), abs(right))
        if size < mp.ldexp(1, _UNDERFLOW):
            return Slope(left, right, noise + size, jumps=False, curvature=size)
        small = size * step <= mp.ldexp(max(abs(below), abs(above)), -_STEP // 2)  # else it may be a jump
        change = abs(right - left)
        if small and change <= 4 * noise + mp.ldexp(size, -45):
            differ = bool(change > mp.ldexp(size, -45))
            return Slope(left, right, noise + change, jumps=False, curvature=change, differ=differ)
    return _doubtful(value, middle, step, noise, (left, right))


def _beyond(side: tuple[Any, Any, bool], before: Any) -> Any:
    """Return the slope beside a point: beyond a jump, or infinite."""
    through, beyond, grows = side
    if grows and abs(beyond) > mp.ldexp(abs(before), _FINER // 3):
        return mp.inf * mp.sign(beyond)
    return beyond if grows else through


def _doubtful(value: Callable[[Any], Any], middle: Any, step: Any, noise: Any, slopes: tuple[Any, Any]) -> Slope:
    """Tell a kink, a jump, the end of the domain and mere curvature apart by a much smaller step."""
    small = mp.ldexp(step, -_FINER)
    noise = mp.ldexp(noise, _FINER)
    sides = []
    for sign, before in zip((-1, 1), slopes, strict=True):
        near, far = value(sign * small), value(2 * sign * small)
        through = sign * (near - middle) / small
        beyond = sign * (far - near) / small
        growth = abs(through) > max(
            mp.ldexp(abs(before), _FINER // 3), 8 * noise
        )  # as of √x or a jump: no finite slope
        sides.append((through, beyond, growth))
    left, right = sides
    if any(grows for _, _, grows in sides):
        return Slope(_beyond(left, slopes[0]), _beyond(right, slopes[1]), noise, jumps=True)
    left, right = left[0], right[0]
    if mp.isnan(left) or mp.isnan(right):
        change = abs(right - slopes[1]) if mp.isnan(left) else abs(left - slopes[0])
        return Slope(left, right, noise + change, jumps=False, curvature=change)
    size = max(abs(left), abs(right))
    before = max(abs(slopes[0]), abs(slopes[1]))
    if size <= mp.ldexp(before, -_FINER // 3):  # both vanish with the step: a minimum, not a kink
        return Slope(left, right, noise + size, jumps=False, curvature=size)
    jumps = abs(right - left) > 8 * noise + mp.ldexp(size, -45)
    change = mp.zero if jumps else abs(right - left)
    return Slope(left, right, noise + change, jumps, change)
