"""Derive a cost's stable form, gradient and program once, for everything that computes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from steepest.calculus.gradient import differentiate
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.expressions.expression import Expression, expect_expression, toposort

_SMALL = 500  # nodes up to which a prepared cost is cached, for repeated fits of one cost (folds, restarts)


@dataclass(frozen=True, eq=False)
class PreparedCost:
    """A cost with its stable form, gradient and programs, each derived on first use.

    The gradient check, the step of a descent, the line searches and the search for a rate share one such object, so
    that a fit differentiates its cost once.

    Attributes:
        cost: the expression as written.
        gradients: the stable cost and the partial derivatives, by gradient method.
        programs: the program of both, by gradient method.
        cache: other objects derived from the cost, such as the steps of descents.
    """

    cost: Expression
    gradients: dict[str, tuple[Expression, dict[str, Expression]]] = field(default_factory=dict, repr=False)
    programs: dict[str, Program] = field(default_factory=dict, repr=False)
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def stable(self) -> Expression:
        """The cost rewritten so that it neither overflows nor cancels."""
        known = next(iter(self.gradients.values()), None)
        return stabilise([self.cost])[self.cost] if known is None else known[0]

    def cost_program(self) -> Program:
        """Return the program of the stable cost alone, as part of a cached program if there is one."""
        known = next(iter(self.programs.values()), None)
        return lower([self.stable]) if known is None else known.only(known.outputs[:1])

    def partials(self, method: str = "backprop") -> dict[str, Expression]:
        """Return the partial derivative with respect to each parameter, by name; see :func:`steepest.gradient`."""
        return self._differentiated(method)[1]

    def program(self, method: str = "backprop") -> Program:
        """Return the program whose outputs are the stable cost and then the partial derivatives."""
        if method not in self.programs:
            stable, partials = self._differentiated(method)
            self.programs[method] = lower([stable, *partials.values()])
        return self.programs[method]

    def _differentiated(self, method: str) -> tuple[Expression, dict[str, Expression]]:
        if method not in self.gradients:
            self.gradients[method] = differentiate(self.cost, method=method)
        return self.gradients[method]


def prepare(cost: Expression | PreparedCost) -> PreparedCost:
    """Return the prepared cost of an expression; small costs are cached.

    >>> from steepest.expressions.expression import params
    >>> w = params("w")
    >>> prepare(w**2) is prepare(w**2)
    True
    """
    if isinstance(cost, PreparedCost):
        return cost
    expect_expression(cost, "descend")
    return _kept(cost) if len(toposort([cost])) <= _SMALL else PreparedCost(cost)


@lru_cache(maxsize=16)
def _kept(cost: Expression) -> PreparedCost:
    return PreparedCost(cost)
