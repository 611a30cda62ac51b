"""How a descent ended: whether it converged, and if not, what kept it from converging.

A descent has converged if a step of Newton's method from its end would lower the cost by less than 1e-10 of it. This
*Newton decrement* ½ gᵀH⁻¹g has the unit of the cost: it depends neither on the units of parameters nor on the rate. A
small gradient or a cost that hardly changes may mean a rate that is too small; the decrement is large there.

Source: Boyd and Vandenberghe 2004, section 9.5.1; Bates and Watts 1988, section 2.2.3, for least squares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from steepest.calculus.prepared import PreparedCost
from steepest.calculus.sums_of_squares import SquaredTerm
from steepest.engines.reference import compile_expressions
from steepest.engines.step import Params, Stop
from steepest.expressions import operations as op
from steepest.expressions.expression import Expression, constant, toposort
from steepest.training.bounds import Bounds
from steepest.training.derivatives import Derivatives
from steepest.training.parameter_vector import Matrix, Vector
from steepest.training.quadratic import Quadratic
from steepest.training.residuals import Residuals, squares_of
from steepest.training.steps import has_linear_scores


class Reason(StrEnum):
    """What the end of a descent means; a member equals its text, which users see."""

    CONVERGED = "converged"
    BUDGET = "budget"
    PLATEAU = "plateau"
    DIVERGED = "diverged"
    STALLED = "stalled"
    STOPPED = "stopped"

    __repr__ = str.__repr__  # so that results print the text


CONVERGED_BELOW = 1e-10
"""The share of the cost that a Newton step may still predict at a converged end."""
NEAR = 1e-6
"""The share below which a descent is near a point without slope, which need not be a minimum."""

MOST_PARAMETERS, MOST_NUMBERS = 200, 20_000_000  # of the Jacobian: about a second of arithmetic
_MOST_SECOND = 2_000_000  # parameters times rows of a Hessian matrix, which takes the time of as many gradients
_FLAT = 1e-10  # of the largest curvature; below, a direction counts as flat
LOST = 1e-6  # share of its effect at the start, from which on a parameter may be called dead
_NOISY = 0.1  # error of a curvature relative to that of Gauss–Newton, from which on it is not used
ROUNDINGS = 16  # errors of a rounding in a residual; formulas have about as many operations


@dataclass(frozen=True)
class Examined:
    """What the derivatives at the end of a descent say.

    Attributes:
        share: the Newton decrement as a share of the cost; ∞ if it has no bound.
        exact: whether the cost is as small as its round-off.
        saddle: whether the cost curves downwards along some direction.
        dead: parameters that have no effect at this point.
        free: parameters that can change together without changing the cost.
        moving: the parameter that a Newton step moves most, in its own scale.
        separated: whether the dead parameters are those of a generalised linear model, which has no other minimum.
        kinks: whether the cost has kinks, at which a minimum may be without these derivatives showing it.
        at_least: whether the share is a lower bound.
        undecided: why the derivatives do not say whether the descent has converged; empty if they do.
    """

    share: float
    exact: bool = False
    saddle: bool = False
    dead: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    moving: str = ""
    kinks: bool = False
    separated: bool = False
    at_least: bool = False
    undecided: str = ""


@np.errstate(all="ignore")
def examine(
    prepared: PreparedCost, data: Mapping[str, Any], rows: int, params: Params, start: Params, sign: float = 1.0,
    dtype: str = "float64", bounds: Bounds = (),
) -> Examined | None:  # fmt: skip
    """Return what the derivatives at some parameters say; None if there are too many, or one is not finite.

    Args:
        prepared: the cost.
        data, rows: arrays of the columns, ``(rows, …)``, and the number of samples.
        params: the parameters at the end.
        start: the parameters at the start, for the size that a parameter may have.
        sign: −1 for a cost that was maximised.
        dtype: the precision of the descent, which limits how small residuals can be.
        bounds: of the parameters; those that are at a bound beyond which the cost falls are left out.
    """
    count = sum(int(np.size(value)) for value in params.values())
    if count > MOST_PARAMETERS or count * rows > MOST_NUMBERS:
        return None
    wide = {name: np.asarray(value, np.float64) for name, value in data.items()}
    terms = squares_of(prepared)
    if terms is not None and sign > 0:
        found = _of_squares(prepared, terms, wide, rows, params, start, bounds, float(np.finfo(dtype).eps))
    else:
        found = _of_any(prepared, wide, rows, params, start, bounds, sign)
    if found is None:
        return None
    kinks = any(node.operation.kinks and node.parameters for node in toposort([prepared.cost]))
    separated = bool(found.dead) and terms is None and has_linear_scores(prepared.cost)
    return replace(found, kinks=kinks, separated=separated)


def _of_squares(
    prepared: PreparedCost, terms: tuple[SquaredTerm, ...], data: Mapping[str, Any], rows: int, params: Params,
    start: Params, bounds: Bounds, eps: float,
) -> Examined | None:  # fmt: skip
    whole = Residuals(prepared, data, rows)
    whole.bounded(bounds)
    flat = whole.flat(params)
    squares, jacobian = whole.merit(flat), whole.jacobian(flat)
    model = whole.model(flat, np.zeros(len(flat)))
    if model is None or not math.isfinite(squares):
        return None
    model = model.sloping(whole.exact_gradient(flat))
    floor = (ROUNDINGS * eps) ** 2 * squared_sizes(prepared, whole, data, rows, terms, flat)
    left_out = _left_out(prepared, data, rows)
    if not left_out.is_linear and len(flat) * rows > _MOST_SECOND:
        return None
    second = left_out.hessian(flat) / whole.factor
    begun = whole.flat(start)
    sizes = _sizes(flat, begun)
    slopes_squared = np.linalg.norm(jacobian, axis=0) ** 2 + np.abs(np.diag(second))
    before = np.linalg.norm(whole.jacobian(begun), axis=0) ** 2
    alive = (_times(slopes_squared, sizes**2) > floor) | (slopes_squared > LOST**2 * before)
    moving = whole.free(flat, jacobian.T @ whole.values(flat))
    dead = tuple(label for label, each in zip(whole.labels, alive | ~moving, strict=True) if not each)
    alive &= moving
    second = second * np.outer(moving, moving)
    bent, saddle = _bent(model, second)
    if not model.slopes.size:
        return Examined(0.0, squares <= floor, saddle, dead)
    weights, turns = np.linalg.eigh(bent)
    slopes = (model.slopes / np.sqrt(model.curvatures)) @ turns
    saddle = saddle or bool(weights.min() < -NEAR)
    decrement = 0.5 * float(np.sum(slopes**2 / np.maximum(np.abs(weights), NEAR)))
    step = (((slopes / np.maximum(np.abs(weights), NEAR)) @ turns.T) / np.sqrt(model.curvatures)) @ model.axes
    free = _free(model, alive, whole.labels)
    share = 0.0 if decrement <= floor or not squares else decrement / squares
    return Examined(share, squares <= floor, saddle, dead, free, _largest(step, whole.labels))


def _sizes(flat: Vector, start: Vector) -> Vector:
    """Return the size that each parameter has or had; ∞ if it was 0 all the time, as its size is not known."""
    sizes: Vector = np.maximum(np.abs(flat), np.abs(start))
    return np.where(sizes > 0, sizes, math.inf)


def _times(changes: Vector, sizes: Vector) -> Vector:
    """Return the product, 0 where the first factor is."""
    return np.where(changes > 0, changes * sizes, 0.0)


def _left_out(prepared: PreparedCost, data: Mapping[str, Any], rows: int) -> Derivatives:
    """Return a cost whose Hessian matrix is Σ v r ∇²r, the part of half of that of Σ v r² that Gauss–Newton leaves out.

    It is differentiated by itself, as a difference of the two matrices would cancel.
    """
    if "bending" not in prepared.cache:
        terms = squares_of(prepared) or ()
        parts = [op.stop_gradient(term.residual) * term.residual for term in terms]
        parts = [op.sum_(part) if part.shape else part for part in parts]
        parts = [term.weight * part for term, part in zip(terms, parts, strict=True)]
        parts = [_summed(term, part) for term, part in zip(terms, parts, strict=True)]
        prepared.cache["bending"] = PreparedCost(sum(parts[1:], parts[0]))
    return Derivatives(prepared.cache["bending"], data, rows)


def _bent(model: Quadratic, second: Matrix) -> tuple[Matrix, bool]:
    """Return the Hessian matrix in coordinates in which that of Gauss–Newton is the identity.

    Where the axes are so flat that round-off of the second part decides, the identity is returned. The second result
    is whether the cost curves downwards where no residual has a slope.
    """
    scaled = 2 * second / np.outer(model.scales, model.scales)
    identity, largest = np.eye(len(model.slopes)), float(np.abs(scaled).max(initial=0.0))
    down = False
    if len(model.slopes) < len(model.scales):
        _, _, whole = np.linalg.svd(model.axes) if len(model.slopes) else (0, 0, np.eye(len(model.scales)))
        rest = whole[len(model.slopes) :]
        # Σ r ∇²r is round-off where Σ r is 0 at the minimum, as of b + a·c: less than _FLAT of the other curvatures.
        bar = max(NEAR * largest, _FLAT * float(model.curvatures.max(initial=0.0)))
        down = bool(np.linalg.eigvalsh(rest @ scaled @ rest.T).min() < -bar)
    if not len(model.slopes):
        return identity, down
    turned = model.axes @ scaled @ model.axes.T
    roots = np.sqrt(model.curvatures)
    found: Matrix = identity + turned / np.outer(roots, roots)
    noise = len(model.scales) * float(np.finfo(float).eps) * largest / float(model.curvatures.min())
    return (found if np.isfinite(found).all() and noise < _NOISY else identity), down


def squared_sizes(
    prepared: PreparedCost, whole: Residuals | Derivatives, data: Mapping[str, Any], rows: int,
    terms: tuple[SquaredTerm, ...], flat: Vector,
) -> float:  # fmt: skip
    """Return Σ v·(|a| + |b|)² for residuals a − b: what round-off of the residuals is relative to."""
    if "sizes" not in prepared.cache:
        sizes = [term.weight * _size(term.residual) ** 2 for term in terms]
        sizes = [op.sum_(size) if size.shape else size for size in sizes]
        sizes = [_summed(term, size) for term, size in zip(terms, sizes, strict=True)]
        prepared.cache["sizes"] = compile_expressions([sum(sizes[1:], sizes[0])], "float64")
    (found,) = prepared.cache["sizes"]({**data, **whole.named(flat)}, rows)
    return float(found) / whole.factor


def _summed(term: SquaredTerm, part: Expression) -> Expression:
    """Return the sum over the samples if the term is one."""
    if not term.over_samples:
        return part
    return op.total(part) if part.per_sample else op.count() * part


def _size(node: Expression) -> Expression:
    if node.operation in (op.add, op.subtract):
        return _size(node.args[0]) + _size(node.args[1])
    return abs(node)


def _of_any(
    prepared: PreparedCost,
    data: Mapping[str, Any],
    rows: int,
    params: Params,
    start: Params,
    bounds: Bounds,
    sign: float,
) -> Examined | None:
    whole = Derivatives(prepared, data, rows, sign=sign)
    whole.bounded(bounds)
    flat = whole.flat(params)
    if len(flat) * rows > _MOST_SECOND:
        return None
    model = whole.model(flat, np.zeros(len(flat)))
    if model is None:
        return None
    size = cost_size(prepared, whole, data, rows, flat)
    if size == 0 and not (model.curvatures < 0).any():
        return Examined(0.0, exact=True)  # every term has underflowed
    size = size or float(np.finfo(float).tiny)
    h, g = model.curvatures, model.slopes
    bar = _FLAT * float(np.abs(h).max(initial=0.0))
    sizes = _sizes(flat, whole.flat(start))
    reach = np.abs(model.axes) @ (model.scales * np.maximum(np.abs(flat), np.abs(whole.flat(start))))
    flat_axes = np.abs(h) <= bar
    # Along a flat axis the step may be long, as where k in k·(t − b) tends to 0 and b to infinity.
    rounded = float(np.finfo(float).eps) * float(np.abs(h).max(initial=0.0))
    decrement = 0.5 * float(np.sum(g**2 / np.maximum(np.abs(h), max(rounded, float(np.finfo(float).tiny)))))
    decrement = max(decrement, float(np.sum(np.abs(g[flat_axes]) * reach[flat_axes])))
    diagonal = np.abs((model.axes.T**2) @ h) * model.scales**2
    slopes = np.abs(g @ model.axes) * model.scales
    alive = _times(slopes, sizes) + _times(diagonal, sizes**2) > CONVERGED_BELOW * size
    alive |= diagonal > LOST * np.abs(np.diag(whole.hessian(whole.flat(start))))
    step = np.where(flat_axes, 0.0, g / np.where(flat_axes, 1.0, np.abs(h))) @ model.axes
    moving = whole.free(flat, whole.gradient(flat))
    dead = tuple(label for label, each in zip(whole.labels, alive | ~moving, strict=True) if not each)
    alive &= moving
    saddle = bool((h < -max(bar, NEAR * float(np.abs(h).max(initial=0.0)))).any())
    return Examined(
        decrement / size, False, saddle, dead, _free(model, alive, whole.labels), _largest(step, whole.labels)
    )


def cost_size(prepared: PreparedCost, whole: Derivatives, data: Mapping[str, Any], rows: int, flat: Vector) -> float:
    """Return |cost|, or a thousandth of the sum of the sizes of its terms where these cancel."""
    if "terms' sizes" not in prepared.cache:
        prepared.cache["terms' sizes"] = compile_expressions([_term_sizes(prepared.stable)], "float64")
    (found,) = prepared.cache["terms' sizes"]({**data, **whole.named(flat)}, rows)
    return max(abs(whole.merit(flat)), 1e-3 * float(found))


def _term_sizes(node: Expression) -> Expression:
    """Return the cost with all of its terms made positive."""
    if node.operation in (op.add, op.subtract):
        return _term_sizes(node.args[0]) + _term_sizes(node.args[1])
    if node.operation is op.negate:
        return _term_sizes(node.args[0])
    if node.operation in (op.mean, op.total, op.sum_):
        sizes = _term_sizes(node.args[0])
        whole = node.operation is op.sum_ or sizes.per_sample
        return node.operation(sizes) if whole and (sizes.per_sample or sizes.shape) else sizes
    return abs(node) if node.parameters else constant(0)


def _free(model: Quadratic, alive: Any, labels: list[str]) -> tuple[str, ...]:
    """Return the parameters with a share in directions along which the cost does not change at all."""
    kept = model.axes[np.abs(model.curvatures) > _FLAT**2 * float(np.abs(model.curvatures).max(initial=0.0))]
    left = 1 - np.sum(kept**2, axis=0)
    return tuple(
        label
        for label, share, each in zip(labels, left, alive, strict=True)
        if each and share > NEAR and len(labels) > 1
    )


def _largest(step: Vector, labels: list[str]) -> str:
    return labels[int(np.abs(step).argmax())] if step.any() else ""


def reason_of(stop: str, examined: Examined | None) -> Reason:
    """Return what an end means, from what stopped the descent and what the derivatives say.

    >>> reason_of("epochs", Examined(1e-14)), reason_of("epochs", Examined(0.2)), reason_of("tolerance", None)
    ('converged', 'budget', 'stopped')
    """
    if stop == Stop.DIVERGED:
        return Reason.DIVERGED
    near = examined is not None and examined.share <= NEAR and not examined.exact
    if near and examined is not None and (examined.saddle or (examined.dead and not examined.separated)):
        return Reason.PLATEAU
    if examined is not None and examined.share <= CONVERGED_BELOW:
        return Reason.CONVERGED
    return {Stop.EPOCHS: Reason.BUDGET, Stop.TIME: Reason.BUDGET, Stop.STALLED: Reason.STALLED}.get(
        Stop(stop), Reason.STOPPED
    )


def message_of(
    reason: Reason, stop: str, message: str, epochs: int, examined: Examined | None, advice: str = ""
) -> str:
    """Return the sentence about an end.

    Args:
        reason, stop, epochs, examined: of the end.
        message: the sentence of the loop about what stopped it.
        advice: what to do about parameters without effect, if another start does not help.
    """
    if stop == Stop.INTERRUPTED and reason is Reason.STOPPED:
        return message
    ran = f"{epochs} epoch{'s'[epochs == 1 :]}"
    if reason is Reason.CONVERGED and examined is not None:
        bar = "a Newton step would lower the cost by less than 1e-10 of it"
        return f"converged after {ran}: " + ("the cost is as small as its round-off" if examined.exact else bar)
    if reason is Reason.PLATEAU and examined is not None:
        if examined.dead:
            them = "it" if len(examined.dead) == 1 else "them"
            why = f"{listed(examined.dead)} {have(examined.dead)} no effect there, so that no step changes {them}"
        else:
            why = "the cost has no slope there but curves downwards, a saddle"
        return f"ended on a plateau after {ran}: {why}; {advice or 'choose another start'}"
    if stop == Stop.VALIDATION:
        return message  # the minimum of another cost was looked for
    if reason in (Reason.BUDGET, Reason.STALLED, Reason.STOPPED) and examined is not None:
        if examined.kinks and reason is Reason.STALLED:
            return f"{message}; whether this is a minimum is not decided, as the cost has kinks"
        if examined.undecided:
            return f"{message}; whether this has converged is not decided: {examined.undecided}"
        moving = f", moving {examined.moving} most" if examined.moving else ""
        return f"{message}; not converged: a Newton step would lower the cost{_gain(examined)}{moving}"
    return message


def _gain(examined: Examined) -> str:
    """Return by how much a step lowers the cost; nothing where it predicts more than there is."""
    share, least = examined.share, "at least " * examined.at_least
    if share >= 1:
        return ""
    return f" by {least}{share:.1e} of it" if share < 1e-3 else f" by {least}{min(100 * share, 99):.2g} %"


def have(names: tuple[str, ...]) -> str:
    """Return the verb for one name or several."""
    return "has" if len(names) == 1 else "have"


def listed(names: tuple[str, ...]) -> str:
    """Return names as part of a sentence."""
    shown = [*names[:3], f"{len(names) - 3} others"] if len(names) > 4 else list(names)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
