"""Levenberg–Marquardt as one loop: residuals, Jacobian matrix, QR, singular values and trials of the radius.

It takes the same steps as :class:`steepest.training.trust_region.TrustRegion` with
:class:`steepest.training.residuals.Residuals`; the comments and sources are there. It ends where no step lowers the
sum of squares, and leaves refinements, in which cancellation loses no digits, to its caller. The functions are
translated to machine code; see :mod:`steepest.engines.native.methods.translation`.
"""

from __future__ import annotations

import math

from steepest.engines.native.methods.dense import copy, dot, factorise, norm, orthogonalise
from steepest.engines.native.methods.intrinsics import Floats, Words, after, evaluate, floats_at, later
from steepest.engines.native.methods.kernels import gathered, placed

_EPS = 2.220446049250313e-16
_TINY = 1e-150
_WITHIN, _BISECTIONS = 0.1, 100
_FIRST_RADIUS = 100.0
_REFINED = 1e-7
_ACCEPTED, _POOR, _GOOD, _ROUNDED, _TRIALS = 1e-4, 0.25, 0.75, 10.0, 60
UNTIL, TOLERANCE, GRADIENT, STUCK = 0, 1, 2, 3
"""Why the loop ended: all epochs were run; a stopping rule; no step lowers the cost."""


def residuals(kernel: Words, places: Words, n: int, p: int, output: int, roots: Floats, flat: Floats,
              found: Floats) -> float:  # fmt: skip
    """Write the weighted residuals at some parameters, and return the sum of their squares."""
    placed(kernel, places, p, flat)
    evaluate(kernel)
    values = floats_at(output)
    for i in range(n):
        found[i] = roots[i] * values[i]
    return dot(n, found, found)


def slopes_of(kernel: Words, places: Words, columns: Words, n: int, p: int, lanes: int, roots: Floats, flat: Floats,
              jacobian: Floats) -> bool:  # fmt: skip
    """Write the Jacobian matrix of the weighted residuals; return whether all is finite."""
    placed(kernel, places, p, flat)
    evaluate(kernel)
    total = 0.0
    for k in range(p):
        column = after(jacobian, k * n)
        gathered(columns, k, n, lanes, column)
        for i in range(n):
            column[i] = roots[i] * column[i]
            total += abs(column[i])
    return math.isfinite(total)


def ordered(p: int, norms: Floats, order: Words) -> None:
    """Write the order of the columns, those of the largest norm first."""
    for k in range(p):
        j = k
        while j > 0 and norms[order[j - 1]] < norms[k]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = k


def at(axes: int, damping: float, curvatures: Floats, slopes: Floats, coordinates: Floats) -> float:
    """Write the coordinates of a damped step, and return its length."""
    for k in range(axes):
        below = curvatures[k] + damping
        coordinates[k] = slopes[k] / (below if below > 0.0 else 1e-300) if slopes[k] != 0.0 else 0.0
    return norm(axes, coordinates)


def damped(axes: int, radius: float, curvatures: Floats, slopes: Floats, coordinates: Floats) -> float:
    """Write the coordinates of the step of the length of the radius, and return its length."""
    low = 0.0
    high = norm(axes, slopes) / radius
    damping = 0.001 * high
    length = at(axes, damping, curvatures, slopes, coordinates)
    for _ in range(_BISECTIONS):
        if abs(length - radius) <= _WITHIN * radius or high - low <= _EPS * high:
            break
        if length > radius:
            low = damping
        else:
            high = damping
        slope = 0.0
        for k in range(axes):
            slope += coordinates[k] * coordinates[k] / max(curvatures[k] + damping, 1e-300)
        slope = slope / max(length, 1e-300)
        if slope > 0.0:
            damping += (length - radius) / radius * length / slope
        if not low < damping < high:
            damping = low + max(math.sqrt(low * high) - low, 0.001 * (high - low))
        length = at(axes, damping, curvatures, slopes, coordinates)
    return length


def model(n: int, p: int, found: Floats, jacobian: Floats, scales: Floats, order: Words, work: Floats) -> int:
    """Write the Gauss–Newton model, and return the number of its axes.

    Args:
        n, p: the numbers of residuals and parameters.
        found, jacobian: residuals ``(n,)`` and Jacobian matrix ``(p, n)``.
        scales: the largest norms so far of its columns; updated.
        order: memory for p numbers.
        work: curvatures ``(p,)``, slopes ``(p,)`` and axes ``(p, p)`` are written here; then memory for
            p + 2p² + n + np numbers.
    """
    curvatures, slopes, axes = work, after(work, p), after(work, 2 * p)
    norms, r, v = after(work, 2 * p + p * p), after(work, 3 * p + p * p), after(work, 3 * p + 2 * p * p)
    turned, ranked = after(work, 3 * p + 3 * p * p), after(work, 3 * p + 3 * p * p + n)
    for k in range(p):
        norms[k] = norm(n, after(jacobian, k * n))
        scales[k] = max(scales[k], norms[k])
        if not scales[k] > 0.0:
            scales[k] = 1.0
    ordered(p, norms, order)
    copy(n, found, turned)
    for j in range(p):
        copy(n, after(jacobian, order[j] * n), after(ranked, j * n))
    factorise(n, p, ranked, turned, r)
    for j in range(p):  # not before, as divisions would round the matrix
        for k in range(j + 1):
            r[j * p + k] = r[j * p + k] / scales[order[j]]
    orthogonalise(p, r, v)
    largest = 0.0
    for k in range(p):
        norms[k] = norm(p, after(r, k * p))
        largest = max(largest, norms[k])
    kept = 0
    for k in range(p):
        if norms[k] > max(largest * _EPS * float(n), _TINY):
            curvatures[kept] = 2.0 * norms[k] * norms[k]
            slopes[kept] = 2.0 * dot(p, after(r, k * p), turned)
            for j in range(p):
                axes[kept * p + order[j]] = v[k * p + j]
            kept += 1
    return kept


def first_radius(p: int, scales: Floats, flat: Floats) -> float:
    """Return the radius of the first epoch."""
    square = 0.0
    for k in range(p):
        square += scales[k] * flat[k] * scales[k] * flat[k]
    return _FIRST_RADIUS * math.sqrt(square) if square > 0.0 else _FIRST_RADIUS


def stepped(p: int, kept: int, coordinates: Floats, axes: Floats, scales: Floats, flat: Floats, new: Floats) -> bool:
    """Write the parameters after a step, and return whether one of them changes."""
    moved = False
    for k in range(p):
        step = 0.0
        for j in range(kept):
            step += coordinates[j] * axes[j * p + k]
        new[k] = flat[k] - step / scales[k]
        moved = moved or new[k] != flat[k]
    return moved


def decrement(kept: int, curvatures: Floats, slopes: Floats) -> float:
    """Return the decrease that a full step predicts."""
    total = 0.0
    for k in range(kept):
        total += slopes[k] * slopes[k] / curvatures[k]
    return 0.5 * total


def lowered(
    by_residual: Words, places: Words, sizes: Words, kept: int, known: bool, merit: float, roots: Floats, flat: Floats,
    scales: Floats, space: Floats, new: Floats, trial: Floats, state: Floats,
) -> bool:  # fmt: skip
    """Find a step that lowers the sum of squares, and return whether there is one.

    Args:
        by_residual, places, sizes, roots, flat, scales: as of :func:`descend`.
        kept, space: the number of axes and the model, as of :func:`model`.
        known: whether a radius is known.
        merit: the sum of squares at ``flat``.
        new, trial: the parameters after the step and the residuals there are written here.
        state: the radius, updated, and the sum of squares after the step.
    """
    n, p, output = sizes[0], sizes[1], sizes[4]
    curvatures, slopes, axes = space, after(space, p), after(space, 2 * p)
    coordinates = after(space, 2 * p + p * p)  # the norms are no longer needed
    radius, small = state[0], decrement(kept, curvatures, slopes) <= _REFINED * merit
    for turn in range(_TRIALS):
        length = at(kept, 0.0, curvatures, slopes, coordinates)
        if length > (1.0 + _WITHIN) * radius:
            length = damped(kept, radius, curvatures, slopes, coordinates)
        decrease = 0.0
        for k in range(kept):
            decrease += coordinates[k] * (slopes[k] - 0.5 * curvatures[k] * coordinates[k])
        if turn == 0 and not known:
            radius = min(radius, length)
        if not stepped(p, kept, coordinates, axes, scales, flat, new) or not decrease > 0.0:
            return False
        state[1] = residuals(by_residual, places, n, p, output, roots, new, trial)
        gained = merit - state[1]
        share = gained / decrease if math.isfinite(gained) else -1.0
        if share < _POOR:
            radius = max(0.1, min(0.5, 0.5 / (1.0 - share))) * min(radius, 10.0 * length)
        elif share > _GOOD:
            radius = max(radius, 2.0 * length)
        if share > _ROUNDED and small:
            return False
        if share >= _ACCEPTED:
            state[0] = radius
            return True
    return False


def modelled(
    by_slope: Words, places: Words, columns: Words, order: Words, sizes: Words, roots: Floats, flat: Floats,
    scales: Floats, work: Floats,
) -> int:  # fmt: skip
    """Write the model at some parameters, whose residuals are the first n elements of ``work``; see :func:`descend`.

    Returns:
        The number of its axes; −1 if a derivative is not finite.
    """
    n, p, lanes = sizes[0], sizes[1], sizes[2]
    jacobian, space = after(work, 2 * n + p), after(work, 2 * n + 2 * p + n * p + 2)
    if not slopes_of(by_slope, later(places, p), columns, n, p, lanes, roots, flat, jacobian):
        return -1
    return model(n, p, work, jacobian, scales, order, space)


def steepness(p: int, kept: int, scales: Floats, space: Floats) -> float:
    """Return the norm of the gradient of the sum of squares, of the model in ``space``."""
    slopes, axes, square = after(space, p), after(space, 2 * p), 0.0
    for k in range(p):
        slope = 0.0
        for j in range(kept):
            slope += slopes[j] * axes[j * p + k]
        square += scales[k] * slope * scales[k] * slope
    return math.sqrt(square)


def judged(p: int, kept: int, scales: Floats, space: Floats, value: float, last: float, numbers: Floats) -> int:
    """Return the end by the stopping rules, given the model, the cost and that of the epoch before."""
    if kept >= 0 and numbers[0] * steepness(p, kept, scales, space) <= numbers[4]:
        return GRADIENT
    return TOLERANCE if abs(value - last) <= numbers[1] * abs(last) else UNTIL


def descend(
    by_residual: Words, by_slope: Words, places: Words, columns: Words, order: Words, sizes: Words, numbers: Floats,
    flat: Floats, scales: Floats, roots: Floats, costs: Floats, path: Floats, work: Floats,
) -> None:  # fmt: skip
    """Run epochs of the method of Levenberg and Marquardt.

    Args:
        by_residual, by_slope: the kernels of the residual and of its partial derivatives.
        places: the positions of the parameters in the arrays of both kernels, ``(2, p)``.
        columns: where the partial derivatives are; see :func:`steepest.engines.native.methods.kernels.gathered`.
        order: memory for p numbers.
        sizes: n, p, the lanes of a block, the most epochs, the address of the residuals, whether a radius is known;
            the number of epochs and the end are written to the sixth and seventh element.
        numbers: the factor of the sum of squares, the tolerance, the last cost, the radius, the tolerance of the
            gradient; the third and fourth are updated, and the cost at the end is written to the sixth element.
        flat: the parameters, ``(p,)``; updated.
        scales: of the parameters, ``(p,)``; updated.
        roots: of the weights, ``(n,)``.
        costs, path: for each epoch its cost and its parameters are written here.
        work: memory for 2n + np + 2p + 2 numbers and what :func:`model` needs.
    """
    n, p, most, known = sizes[0], sizes[1], sizes[3], sizes[5] > 0
    factor, last = numbers[0], numbers[2]
    trial, new = after(work, n), after(work, 2 * n)
    earlier, state = after(work, 2 * n + p + n * p), after(work, 2 * n + 2 * p + n * p)
    space = after(state, 2)
    merit = residuals(by_residual, places, n, p, sizes[4], roots, flat, work)
    done, end = 0, UNTIL
    while done < most:
        value = factor * merit
        copy(p, scales, earlier)
        kept = modelled(by_slope, places, columns, order, sizes, roots, flat, scales, work)
        state[0] = numbers[3] if known else first_radius(p, scales, flat)
        end = judged(p, kept, scales, space, value, last, numbers)
        if end == UNTIL and not (kept > 0 and lowered(
            by_residual, places, sizes, kept, known, merit, roots, flat, scales, space, new, trial, state
        )):  # fmt: skip
            end = STUCK
        if end != UNTIL:
            copy(p, earlier, scales)  # so that a descent that begins here ends in the same state
            break
        known = True
        costs[done] = value
        copy(p, flat, after(path, done * p))
        copy(p, new, flat)
        copy(n, trial, work)
        merit, last, numbers[3] = state[1], value, state[0]
        done += 1
    sizes[6], sizes[7] = done, end
    numbers[2], numbers[5] = last, factor * merit
