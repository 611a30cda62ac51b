"""Units of a model with standardised columns: between the numbers of its formula and those of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.errors import ModelError
from steepest.expressions.expression import DATA, Expression, leaves
from steepest.tables.standardised import Scale, check_scale


class Scaled(ABC):
    """The scales of the columns of a formula.

    Attributes:
        scale: ``"standard"``, or None for columns in their own units.
        scales: the mean and the standard deviation of each standardised column by name.
    """

    def __init__(self, scale: str | None) -> None:
        check_scale(scale)
        self.scale, self.scales = scale, dict[str, Scale]()

    @property
    @abstractmethod
    def prediction(self) -> Expression:
        """The right side of the formula."""

    @property
    @abstractmethod
    def target(self) -> Expression:
        """The left side of the formula."""

    def restore_scales(self, saved: Mapping[str, Any]) -> None:
        """Set the scales of columns to those of a saved model: pairs of means and deviations by name.

        Raises:
            ModelError: they do not fit the columns of the formula, or are no finite numbers.
        """
        shapes = {node.name: node.shape for node in leaves([self.prediction, self.target]) if node.operation is DATA}
        for name, (mean, deviation) in saved.items():
            scale = Scale(np.array(mean, np.float64), np.array(deviation, np.float64))
            both = (scale.mean, scale.deviation)
            if any(part.shape != shapes.get(name) or not np.isfinite(part).all() for part in both):
                raise ModelError("its scales do not fit its columns")
            if not (scale.deviation > 0).all():
                raise ModelError("a column has no positive standard deviation")
            self.scales[name] = scale
        self.scale = "standard" if self.scales else self.scale

    def in_own_units(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return predictions or targets in the unit of the target's column, which a scale takes away."""
        scale = self.scales.get(self.target.name)
        return values if scale is None else scale.undone(values)

    @property
    def prediction_in_own_units(self) -> Expression:
        """The right side of the formula, in the unit of the target's column."""
        scale = self.scales.get(self.target.name)
        return self.prediction if scale is None else self.prediction * float(scale.deviation) + float(scale.mean)

    def targets_in_own_units(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the column of the target in its unit; nothing if it has no scale."""
        name = self.target.name
        return {name: self.in_own_units(arrays[name])} if name in self.scales else {}

    def columns_in_own_units(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the columns of samples of this model in the units of the table."""
        return {**arrays, **{name: scale.undone(arrays[name]) for name, scale in self.scales.items() if name in arrays}}
