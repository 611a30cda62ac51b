"""A specification with estimates of its parameters, and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from steepest.errors import InferenceError
from steepest.inference import Bands, ParameterErrors, Uncertainty, uncertainty_of
from steepest.inference.distributions import check_level
from steepest.models.restricted import Restricted
from steepest.objectives.specification import Specification

_SET_BY_HAND = "there are no standard errors: the parameters are not those at which a fit of this model ended"
_NOT_IN_MEMORY = (
    "there are no standard errors: the model was not fitted to all rows of a table in memory; hold no rows out, and "
    "leave batch out"
)


class Estimated(Specification):
    """A specification whose parameters have estimates.

    Attributes:
        known_errors: the errors of a fit, with the parameters at which it ended; None before they are asked for.
        tied: the texts of expressions to which parameters were tied in the fit, by name.
        record: of the fit, also of one that a file tells of: ``run``, why and where it ended, and ``table``.
    """

    known_errors: tuple[dict[str, Any], ParameterErrors] | None = None
    tied: Mapping[str, str] = MappingProxyType({})
    record: Mapping[str, Any] = MappingProxyType({})

    @property
    def parameter_errors(self) -> ParameterErrors:
        """The errors of the fitted parameters, which a saved model keeps; their ``refusal`` says if there are none."""
        if self.known_errors is not None and _are_same(self.known_errors[0], self.params):
            return self.known_errors[1]
        run = self.run
        if run is None or not _are_same(run.params, self.params):
            return ParameterErrors(refusal=_SET_BY_HAND)
        if run.uncertain is None:
            return ParameterErrors(refusal=_NOT_IN_MEMORY)
        self.known_errors = (dict(self.params), ParameterErrors.of(run.uncertainty()))
        return self.known_errors[1]

    def uncertainty(self, table: Any = None, na: str = "error") -> Uncertainty:
        """Return how sure the fitted parameters are: covariance, intervals, profiles, statistics.

        Args:
            table: the data that a saved model was fitted to; a model that was fitted here remembers them.
            na: ``"drop"`` leaves out rows with missing values.

        Raises:
            InferenceError: there are no errors; the message says why.
        """
        errors = self.parameter_errors
        if errors.refusal is not None:
            raise InferenceError(errors.refusal)
        if self.run is not None and self.run.uncertain is not None:
            found: Uncertainty = self.run.uncertainty()
            return found
        numbers = {name: float(self.params[name]) for name in errors.fixed(self)}
        moved = {name: value for name, value in self.params.items() if name not in numbers and name not in self.tied}
        restricted = Restricted(self, numbers, self.tied)
        model = restricted.others
        absolute = self.settings.get("absolute_sigma") is True  # of the command that saved the model
        tied = restricted.expressions or None
        return uncertainty_of(model, model.samples(table, na), moved, absolute_sigma=absolute, tied=tied)

    def bands(self, table: Any, level: float = 0.95, na: str = "error") -> Bands:
        """Return the prediction for every row of a table with its confidence and prediction bands.

        They are made by the delta method from the covariance of the parameters, which a saved model keeps. Bands of
        probabilities and of means of counts stay within what is possible.

        Args:
            table: a dict of arrays, a DataFrame, a path or a built-in name; it needs no target.
            level: the probability of each interval by itself.
            na: ``"drop"`` leaves out rows with missing values.

        Returns:
            A :class:`steepest.inference.Bands`: ``prediction``, ``standard_errors``, ``confidence`` and ``interval``,
            ``(n,)`` or ``(n, k)`` each, in the unit of the target.

        Raises:
            InferenceError: the level is not between 0 and 1, or no error is known; the message says why.
            TableError: the table lacks a column.

        >>> table = {"x": [1, 2, 3, 4, 5], "y": [1.1, 1.9, 3.2, 3.9, 5.1]}
        >>> from steepest import Model
        >>> found = Model("y ~ a + b*x").fit(table).bands({"x": [6.0]})
        >>> [round(float(end[0]), 2) for end in (found.prediction, *found.confidence, *found.interval)]
        [6.04, 5.52, 6.56, 5.33, 6.75]

        Source: Seber and Wild 1989, section 5.1.
        """
        check_level(level)
        errors = self.parameter_errors
        if errors.refusal is not None:
            raise InferenceError(errors.refusal)
        found = errors.bands(self, self.inputs(table, na), level)
        return found.of_output(0) if self.prediction.shape == (1,) else found


def _are_same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether parameters are the same to the bit."""
    return first.keys() == second.keys() and all(np.array_equal(value, second[name]) for name, value in first.items())
