"""A cost prepared once: its stable form, its gradient and the program of both, for everything that computes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from steepest.calculus.gradient import differentiate
from steepest.calculus.program import Program, lower
from steepest.calculus.stability import stabilise
from steepest.expressions.expression import Expression, expect_expression, toposort

_SMALL = 500  # nodes up to which a prepared cost is kept: descents of one cost follow one another (folds, restarts)


@dataclass(frozen=True, eq=False)
class PreparedCost:
    """A cost with what is derived from it; each part is derived on first use and kept.

    The check, the step of a descent, the line searches and the search for a rate share one such object, so that a
    fit differentiates its cost once.

    Attributes:
        cost: the expression, as it is written.
        gradients: the stable cost and the partial derivatives by the method that derived them.
        programs: the program of both, likewise.
        cache: what users of the object derive from the cost and keep with it, such as the steps of descents.
    """

    cost: Expression
    gradients: dict[str, tuple[Expression, dict[str, Expression]]] = field(default_factory=dict, repr=False)
    programs: dict[str, Program] = field(default_factory=dict, repr=False)
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def stable(self) -> Expression:
        """The cost in the form that neither overflows nor cancels."""
        known = next(iter(self.gradients.values()), None)
        return stabilise([self.cost])[self.cost] if known is None else known[0]

    def cost_program(self) -> Program:
        """Return the program of the stable cost alone: part of one that is known, if there is one."""
        known = next(iter(self.programs.values()), None)
        return lower([self.stable]) if known is None else known.only(known.outputs[:1])

    def partials(self, method: str = "backprop") -> dict[str, Expression]:
        """Return the partial derivative with respect to each parameter, by name; see :func:`steepest.gradient`."""
        return self._differentiated(method)[1]

    def program(self, method: str = "backprop") -> Program:
        """Return the program of the stable cost, the first output, and of the partial derivatives after it."""
        if method not in self.programs:
            stable, partials = self._differentiated(method)
            self.programs[method] = lower([stable, *partials.values()])
        return self.programs[method]

    def _differentiated(self, method: str) -> tuple[Expression, dict[str, Expression]]:
        if method not in self.gradients:
            self.gradients[method] = differentiate(self.cost, method=method)
        return self.gradients[method]


def prepare(cost: Expression | PreparedCost) -> PreparedCost:
    """Return a cost prepared; a prepared one as it is, and the same object for the same small cost.

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
