"""Fits with restricted parameters: some keep a number, some are tied to expressions of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np

from steepest.engines.reference import compile_expressions
from steepest.errors import ModelError
from steepest.expressions.expression import substitute
from steepest.objectives.restrictions import read_numbers, read_ties
from steepest.objectives.specification import Specification
from steepest.training.result import Descent

Restrictable = TypeVar("Restrictable", bound=Specification)


class Restricted(Generic[Restrictable]):
    """A model with some parameters replaced, and the way back to all of them.

    Args:
        model: the whole model.
        fixed: numbers by name.
        tied: texts of expressions by name.
        what: the names of both arguments, for messages.

    Attributes:
        model: the whole model.
        others: the model of the parameters that are left.
        fixed: the numbers.
        tied: the texts.
        expressions: those of the tied parameters, in the parameters that are left.

    Raises:
        ModelError: a parameter cannot be fixed or tied so.
    """

    def __init__(
        self, model: Restrictable, fixed: Mapping[str, Any] | None, tied: Mapping[str, Any] | None,
        what: tuple[str, str] = ("fixed", "tied"),
    ) -> None:  # fmt: skip
        self.model, self.what = model, what
        self.tied = dict(tied or {})
        self._refuse_both(fixed, what[0])
        ties = read_ties(model.prediction, self.tied, what[1]) if tied else {}
        others = model.replacing({node: ties[node.name] for node in model.prediction.leaves if node.name in ties})
        numbers = read_numbers(others.prediction, fixed, what[0]) if fixed else {}
        self.others = others.replacing(numbers)
        self.fixed = {name: float(value) for name, value in (fixed or {}).items()}
        self.expressions = {name: substitute(tie, numbers) for name, tie in ties.items()}
        self._values = compile_expressions(list(self.expressions.values()), "float64")

    def _refuse_both(self, given: Mapping[str, Any] | None, argument: str) -> None:
        for name in given or {}:
            if name in self.tied:
                raise ModelError(f"{name!r} is both in {argument} and {self.what[1]}; leave it out of one of them")

    def refuse(self, start: Mapping[str, Any] | None, bounds: Any, arguments: tuple[str, str]) -> None:
        """Raise a ModelError if a parameter with a start or bounds cannot move by itself."""
        self._refuse_both(start, arguments[0])
        if isinstance(bounds, Mapping):
            self._refuse_both(bounds, arguments[1])
        for name in start or {}:
            if name in self.fixed:
                raise ModelError(f"{name!r} is both in {arguments[0]} and {self.what[0]}; leave it out of one of them")

    def whole(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters from those that are left."""
        free = {name: np.asarray(value, np.float64) for name, value in params.items()}
        values = self._values(free, 1) if self.expressions else ()
        tied = {
            name: value if np.ndim(value) else float(value)
            for name, value in zip(self.expressions, values, strict=True)
        }
        found = {**params, **self.fixed, **tied}
        return {name: found[name] for name in self.model.cost.parameters}

    def completed(self, run: Descent) -> Descent:
        """Return a descent of the parameters that are left with all of them."""
        path, uncertain = [(epoch, self.whole(row)) for epoch, row in run.path], run.uncertain
        if uncertain is not None and self.expressions:
            uncertain = partial(uncertain, tied=self.expressions)
        return replace(
            run, params=self.whole(run.params), start=self.whole(run.start), path=path, fixed=self.fixed,
            tied=self.tied, uncertain=uncertain,
        )  # fmt: skip

    @property
    def given(self) -> dict[str, Any]:
        """The restrictions as arguments of :meth:`steepest.Model.fit`; those that are empty are left out."""
        both = {"fixed": self.fixed, "tied": self.tied}
        return {name: value for name, value in both.items() if value}
