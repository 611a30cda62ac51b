"""Line searches as one loop: gradient descent by Armijo's rule, and L-BFGS with the strong Wolfe conditions.

It takes the same steps as :class:`steepest.training.line_search.SearchRunner`; the comments and sources are there. The
functions are translated to machine code; see :mod:`steepest.engines.native.methods.translation`.
"""

from __future__ import annotations

import math

from steepest.engines.native.methods.dense import copy, dot, norm
from steepest.engines.native.methods.intrinsics import Floats, Words, after, evaluate, floats_at
from steepest.engines.native.methods.kernels import placed

_C1, _C2 = 1e-4, 0.9
_ROUND_OFF, _MOST_IDLE = 1.1102230246251565e-16, 3.0
_HALVINGS, _TRIALS, _MARGIN, _MIN_CURVATURE = 60, 40, 0.1, 1e-10
_DISTANCE, _COST, _SLOPE, _HEAD = 0, 1, 2, 3
UNTIL, DIVERGED, GRADIENT, TOLERANCE, STALLED = 0, 1, 2, 3, 4
"""Why the loop ended: all epochs were run; a stopping rule; no step lowers the cost beyond round-off."""

# A trial is an array of its distance, cost and slope, then p parameters, then the gradient, (3 + 2p).


def measured(kernel: Words, columns: Words, p: int, sign: float, trial: Floats) -> None:
    """Write the cost and the gradient at the parameters of a trial; the cost is ∞ if one is not finite.

    Args:
        kernel: the kernel of the cost and its partial derivatives.
        columns: the positions of the parameters in the kernel's array, the address of each partial derivative and the
            element in it, ``(3, p)``, then the address of the cost.
        p: the number of parameters.
        sign: −1 for a cost that is maximised.
        trial: the trial.
    """
    placed(kernel, columns, p, after(trial, _HEAD))
    evaluate(kernel)
    gradient = after(trial, _HEAD + p)
    total = 0.0
    for k in range(p):
        gradient[k] = sign * floats_at(columns[p + k])[columns[2 * p + k]]
        total += abs(gradient[k])
    cost = sign * floats_at(columns[3 * p])[0]
    trial[_COST] = cost if math.isfinite(cost) and math.isfinite(total) else math.inf


def tried(kernel: Words, columns: Words, p: int, sign: float, now: Floats, direction: Floats, distance: float,
          trial: Floats) -> None:  # fmt: skip
    """Write the trial at a distance along a direction."""
    trial[_DISTANCE] = distance
    for k in range(p):
        trial[_HEAD + k] = now[_HEAD + k] + distance * direction[k]
    measured(kernel, columns, p, sign, trial)
    trial[_SLOPE] = dot(p, after(trial, _HEAD + p), direction)


def decreases(trial: Floats, now: Floats) -> bool:
    """Return whether a trial satisfies the condition of sufficient decrease."""
    enough = now[_COST] + _C1 * trial[_DISTANCE] * now[_SLOPE]
    return bool(trial[_COST] <= enough and trial[_COST] < now[_COST])


def between(low: Floats, high: Floats) -> float:
    """Return the minimum of the cubic through two trials and their slopes, or the middle if it is near an end."""
    a, b = low[_DISTANCE], high[_DISTANCE]
    middle: float = 0.5 * (a + b)
    if not (math.isfinite(high[_COST]) and math.isfinite(high[_SLOPE])):
        return middle
    d1 = low[_SLOPE] + high[_SLOPE] - 3.0 * (low[_COST] - high[_COST]) / (a - b)
    discriminant = d1 * d1 - low[_SLOPE] * high[_SLOPE]
    if discriminant < 0.0:
        return middle
    d2 = math.copysign(math.sqrt(discriminant), b - a)
    divisor = high[_SLOPE] - low[_SLOPE] + 2.0 * d2
    if divisor == 0.0:
        return middle
    found: float = b - (b - a) * (high[_SLOPE] + d2 - d1) / divisor
    margin = _MARGIN * abs(b - a)
    return found if min(a, b) + margin <= found <= max(a, b) - margin else middle


def zoomed(kernel: Words, columns: Words, p: int, sign: float, now: Floats, direction: Floats, low: Floats,
           high: Floats, trial: Floats) -> None:  # fmt: skip
    """Shrink a bracket to a point that satisfies the conditions, which is written to ``low``."""
    size = _HEAD + 2 * p
    for _ in range(_TRIALS):
        distance = between(low, high)
        if distance == low[_DISTANCE] or distance == high[_DISTANCE]:
            break
        tried(kernel, columns, p, sign, now, direction, distance, trial)
        if not decreases(trial, now) or trial[_COST] >= low[_COST]:
            copy(size, trial, high)
            continue
        if abs(trial[_SLOPE]) <= -_C2 * now[_SLOPE]:
            copy(size, trial, low)
            break
        if trial[_SLOPE] * (high[_DISTANCE] - low[_DISTANCE]) >= 0.0:
            copy(size, low, high)
        copy(size, trial, low)


def searched(kernel: Words, columns: Words, p: int, sign: float, now: Floats, direction: Floats, first: float,
             low: Floats, high: Floats, trial: Floats) -> None:  # fmt: skip
    """Write a point that satisfies the strong Wolfe conditions to ``low``; the present one if none is lower."""
    size = _HEAD + 2 * p
    now[_DISTANCE] = 0.0
    now[_SLOPE] = dot(p, after(now, _HEAD + p), direction)
    copy(size, now, low)
    distance = first
    for k in range(_TRIALS):
        tried(kernel, columns, p, sign, now, direction, distance, trial)
        if not decreases(trial, now) or (k > 0 and trial[_COST] >= low[_COST]):
            copy(size, trial, high)
            zoomed(kernel, columns, p, sign, now, direction, low, high, trial)
            break
        if abs(trial[_SLOPE]) <= -_C2 * now[_SLOPE]:
            copy(size, trial, low)
            break
        if trial[_SLOPE] >= 0.0:
            copy(size, low, high)
            copy(size, trial, low)
            zoomed(kernel, columns, p, sign, now, direction, low, high, trial)
            break
        copy(size, trial, low)
        distance = 2.0 * distance


def halved(kernel: Words, columns: Words, p: int, sign: float, now: Floats, rate: float, direction: Floats,
           trial: Floats, low: Floats) -> float:  # fmt: skip
    """Write the point of Armijo's rule to ``low``, and return its distance; 0 if no step lowers the cost."""
    gradient = after(now, _HEAD + p)
    square = dot(p, gradient, gradient)
    for k in range(p):
        direction[k] = -gradient[k]
    distance = 2.0 * rate
    for _ in range(_HALVINGS):
        tried(kernel, columns, p, sign, now, direction, distance, trial)
        if trial[_COST] <= now[_COST] - _C1 * distance * square and trial[_COST] < now[_COST]:
            copy(_HEAD + 2 * p, trial, low)
            return distance
        distance = 0.5 * distance
    return 0.0


def directed(p: int, gradient: Floats, moves: Floats, known: int, shares: Floats, direction: Floats) -> None:
    """Write minus the estimated inverse Hessian times the gradient, by the two-loop recursion.

    Args:
        p: the number of parameters.
        gradient: the gradient.
        moves: for each move the change of the parameters and that of the gradient, ``(known, 2, p)``.
        known: how many moves are remembered.
        shares: memory for as many numbers.
        direction: is written here.
    """
    copy(p, gradient, direction)
    for j in range(known - 1, -1, -1):
        s, y = after(moves, 2 * p * j), after(moves, 2 * p * j + p)
        shares[j] = dot(p, s, direction) / dot(p, s, y)
        for k in range(p):
            direction[k] = direction[k] - shares[j] * y[k]
    if known > 0:
        s, y = after(moves, 2 * p * (known - 1)), after(moves, 2 * p * (known - 1) + p)
        size = dot(p, s, y) / dot(p, y, y)
        for k in range(p):
            direction[k] = direction[k] * size
    for j in range(known):
        s, y = after(moves, 2 * p * j), after(moves, 2 * p * j + p)
        share = shares[j] - dot(p, y, direction) / dot(p, s, y)
        for k in range(p):
            direction[k] = direction[k] + share * s[k]
    for k in range(p):
        direction[k] = -direction[k]


def remembered(p: int, length: int, now: Floats, found: Floats, moves: Floats, known: int) -> int:
    """Add a move, unless round-off decides its curvature; return how many are remembered."""
    place = known if known < length else length - 1
    s, y = after(moves, 2 * p * length), after(moves, 2 * p * length + p)
    for k in range(p):
        s[k] = found[_HEAD + k] - now[_HEAD + k]
        y[k] = found[_HEAD + p + k] - now[_HEAD + p + k]
    if not dot(p, s, y) > _MIN_CURVATURE * (norm(p, s) * norm(p, y)):
        return known
    if known == length:
        copy(2 * p * (length - 1), after(moves, 2 * p), moves)
    copy(2 * p, s, after(moves, 2 * p * place))
    return place + 1


def stepped(kernel: Words, columns: Words, p: int, length: int, known: int, numbers: Floats, now: Floats,
            moves: Floats, work: Floats) -> int:  # fmt: skip
    """Find the point at which an epoch ends; it is written after ``now``.

    Returns:
        How many moves are remembered; −1 if no step lowers the cost beyond round-off.
    """
    sign, first = numbers[0], numbers[7]
    size = _HEAD + 2 * p
    gradient = after(now, _HEAD + p)
    low, high, trial = after(work, size), after(work, 2 * size), after(work, 3 * size)
    direction, shares = after(work, 4 * size), after(work, 4 * size + p)
    if length == 0:
        distance = halved(kernel, columns, p, sign, now, numbers[6], direction, trial, low)
        if not distance > 0.0:
            return -1
        numbers[6] = distance
        return 0
    directed(p, gradient, moves, known, shares, direction)
    idle, slope = numbers[8], dot(p, direction, gradient)
    if not slope < 0.0:
        known = 0
        for k in range(p):
            direction[k] = -gradient[k]
    elif known > 0:
        idle = idle + 1.0 if -0.5 * slope <= _ROUND_OFF * abs(now[_COST]) else 0.0
        if idle >= _MOST_IDLE:
            return -1
    for _ in range(2):
        distance = 1.0 if known > 0 else min(first, 1.0 / max(norm(p, gradient), 1e-300))
        searched(kernel, columns, p, sign, now, direction, distance, low, high, trial)
        if low[_DISTANCE] > 0.0:
            numbers[8] = idle
            return remembered(p, length, now, low, moves, known)
        if known == 0:
            break
        known = 0
        for k in range(p):
            direction[k] = -gradient[k]
    return -1


def is_zero(p: int, gradient: Floats) -> bool:
    """Return whether a gradient is zero, and not only its norm, whose squares underflow."""
    zero = True
    for k in range(p):
        zero = zero and gradient[k] == 0.0
    return zero


def judged(p: int, value: float, last: float, begun: bool, gradient: Floats, numbers: Floats) -> int:
    """Return the end by the stopping rules, given the cost, that of the epoch before, if any, and the gradient."""
    if not math.isfinite(value) or value > numbers[1]:
        return DIVERGED
    if norm(p, gradient) <= numbers[3]:
        return GRADIENT
    if begun and abs(value - last) <= numbers[2] * abs(last):
        return TOLERANCE
    return GRADIENT if is_zero(p, gradient) else UNTIL


def descend(
    kernel: Words, columns: Words, sizes: Words, numbers: Floats, flat: Floats, moves: Floats, costs: Floats,
    path: Floats, work: Floats,
) -> None:  # fmt: skip
    """Run epochs of a line search.

    Args:
        kernel, columns: as of :func:`measured`.
        sizes: p, the moves that are remembered at most (0 for Armijo's rule), the moves known, the most epochs, and
            whether epochs were run before; the moves known are updated, the number of epochs and the end are written
            to the sixth and seventh element.
        numbers: the sign, the threshold of divergence, the tolerances of the cost and of the gradient, the last cost,
            the cost at the end, which is written, the rate of Armijo's rule, the first trial, and the idle epochs in a
            row; updated.
        flat: the parameters, ``(p,)``; updated.
        moves: ``(length + 1, 2, p)``, the last one memory; updated.
        costs, path: for each epoch its cost and its parameters are written here.
        work: memory for 4 (3 + 2p) + p + length numbers.
    """
    p, length, known, most = sizes[0], sizes[1], sizes[2], sizes[3]
    later = sizes[4] > 0
    sign, last = numbers[0], numbers[4]
    size = _HEAD + 2 * p
    now, found = work, after(work, size)
    copy(p, flat, after(now, _HEAD))
    measured(kernel, columns, p, sign, now)
    done, end = 0, UNTIL
    while done < most:
        value = sign * now[_COST]
        end = judged(p, value, last, later or done > 0, after(now, _HEAD + p), numbers)
        if end != UNTIL:
            break
        moved = stepped(kernel, columns, p, length, known, numbers, now, moves, work)
        costs[done] = value
        copy(p, after(now, _HEAD), after(path, done * p))
        if moved < 0:
            end = STALLED
            break
        known, last = moved, value
        copy(size, found, now)
        done += 1
    copy(p, after(now, _HEAD), flat)
    sizes[2], sizes[5], sizes[6] = known, done, end
    numbers[4] = last
    numbers[5] = sign * now[_COST]
