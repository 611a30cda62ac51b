"""Models, builders of common ones, model files, and estimators for scikit-learn."""

from __future__ import annotations

from steepest.models.builders import chain, linear, network, neuron, threshold_unit
from steepest.models.model import Model

__all__ = ["Model", "chain", "linear", "network", "neuron", "threshold_unit"]
