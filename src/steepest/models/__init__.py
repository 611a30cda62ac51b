"""Models, builders of common ones, model files, and estimators for scikit-learn."""

from __future__ import annotations

from steepest.models.builders import chain as chain
from steepest.models.builders import linear as linear
from steepest.models.builders import network as network
from steepest.models.builders import neuron as neuron
from steepest.models.builders import threshold_unit as threshold_unit
from steepest.models.model import Model as Model
