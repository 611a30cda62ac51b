"""Fits to rounding for tests of inference, by Levenberg–Marquardt or Newton steps from a start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest import Model
from steepest.inference import Uncertainty, uncertainty_of
from steepest.tables.samples import Samples


@dataclass(frozen=True)
class Fit:
    """A model with its estimates, and the samples it was fitted to."""

    model: Model
    samples: Samples

    def uncertainty(self, **options: Any) -> Uncertainty:
        """The uncertainty of the estimates."""
        return uncertainty_of(self.model, self.samples, **options)


def fit(formula: str, table: Mapping[str, Any], start: Mapping[str, Any], cost: str = "mse", **options: Any) -> Fit:
    """Fit a model to a table from a start; further options are those of Model."""
    columns = [name for name in table if name != options.get("weights")]
    options.setdefault("data", {name: np.shape(table[name])[1:] for name in columns})
    model = Model(formula, cost, **options)
    samples = model.samples(table)
    first = uncertainty_of(model, samples, start)
    assert first.estimation is not None  # mse, cross_entropy or poisson
    flat, _ = first.estimation.minimised(first.fitted.estimate, np.ones(len(first.labels), bool))
    model.params = first.fitted.vector.named(flat)
    return Fit(model, samples)
