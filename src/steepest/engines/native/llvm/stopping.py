"""The stopping rules of compiled descents: :class:`steepest.engines.step.StoppingRules` as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from llvmlite import ir

from steepest.engines.native.llvm.code import Code, Splat, Value
from steepest.engines.step import RULE_STOPS, Stop

DIVERGED, GRADIENT, TOLERANCE = map(RULE_STOPS.index, (Stop.DIVERGED, Stop.GRADIENT, Stop.TOLERANCE))
"""Why a descent stopped, by the numbers that kernels store; 0 while it goes on."""


def stopping(
    code: Code, rules: Mapping[str, Value], cost: Value, last: Value, later: Value, norm: Value | None,
    number: Callable[[int], Value],
) -> tuple[Value, list[Value]]:  # fmt: skip
    """Write the rules for one model or for each lane; return the reason, and which rules stop the descent.

    A rule that was not asked for has the tolerance NaN: no ordered comparison with it is true. A later one of
    tolerance, gradient, diverged replaces an earlier one.

    Args:
        rules: the thresholds by their names in ``StoppingRules``.
        cost, last: the cost of this epoch, and that of the one before.
        later: whether this is not the first epoch.
        norm: the norm of the gradient, if a rule needs it.
        number: gives a constant of the type that reasons are stored in.
    """
    build, kind = code.builder, cost.type
    infinity = Splat(kind, inf) if isinstance(kind, ir.VectorType) else ir.Constant(kind, inf)
    finite = build.fcmp_ordered("<", code.magnitude(cost), infinity)
    sound = build.and_(finite, build.fcmp_ordered("<=", cost, rules["divergence_threshold"]))
    change, allowed = code.magnitude(build.fsub(cost, last)), build.fmul(rules["tolerance"], code.magnitude(last))
    found = {TOLERANCE: build.and_(build.fcmp_ordered("<=", change, allowed), later)}
    if norm is not None:
        found[GRADIENT] = build.fcmp_ordered("<=", norm, rules["gradient_tolerance"])
    found[DIVERGED] = build.not_(sound)
    reason = number(0)
    for each, stops in found.items():
        reason = build.select(stops, number(each), reason)
    return reason, list(found.values())
