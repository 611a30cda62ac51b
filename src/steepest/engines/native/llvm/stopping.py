"""The stopping rules of compiled descents: :class:`steepest.engines.step.StoppingRules` as code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

from llvmlite import ir

from steepest.engines.native.llvm.code import Code, Splat, Value
from steepest.engines.step import RULE_REASONS, Reason

DIVERGED, GRADIENT, TOLERANCE = map(RULE_REASONS.index, (Reason.DIVERGED, Reason.GRADIENT, Reason.TOLERANCE))
"""Why a descent stopped, by the numbers that kernels store; 0 while it goes on."""


@dataclass(frozen=True)
class Stops:
    """Which rules stop a descent at an epoch: truth values, of one model or for each lane."""

    diverged: Value
    tolerance: Value
    gradient: Value | None

    def reason(self, code: Code, number: Callable[[int], Value]) -> Value:
        """Write the reason; a later one of tolerance, gradient, diverged replaces an earlier one.

        Args:
            code: the function being written.
            number: gives a constant of the type that reasons are stored in.
        """
        build = code.builder
        reason = build.select(self.tolerance, number(TOLERANCE), number(0))
        if self.gradient is not None:
            reason = build.select(self.gradient, number(GRADIENT), reason)
        return build.select(self.diverged, number(DIVERGED), reason)


def stops(code: Code, rules: Mapping[str, Value], cost: Value, last: Value, later: Value, norm: Value | None) -> Stops:
    """Write the rules.

    A rule that was not asked for has the tolerance NaN: no ordered comparison with it is true.

    Args:
        code: the function being written.
        rules: the thresholds by their names in ``StoppingRules``.
        cost, last: the cost of this epoch, and that of the one before.
        later: whether this is not the first epoch.
        norm: the norm of the gradient, if a rule needs it.
    """
    build, kind = code.builder, cost.type
    infinity = Splat(kind, inf) if isinstance(kind, ir.VectorType) else ir.Constant(kind, inf)
    finite = build.fcmp_ordered("<", code.magnitude(cost), infinity)
    sound = build.and_(finite, build.fcmp_ordered("<=", cost, rules["divergence_threshold"]))
    change, allowed = code.magnitude(build.fsub(cost, last)), build.fmul(rules["tolerance"], code.magnitude(last))
    steady = build.and_(build.fcmp_ordered("<=", change, allowed), later)
    flat = None if norm is None else build.fcmp_ordered("<=", norm, rules["gradient_tolerance"])
    return Stops(build.not_(sound), steady, flat)
