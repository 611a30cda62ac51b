"""Pictures: costs over their parameters, activations, trainings, predictions, fits; still, interactive and moving.

Each kind is a package: ``numbers`` computes what is drawn, ``drawing`` (three modules for surfaces) draws it with
Matplotlib and plotly and writes it for LaTeX, and a module named after the kind has the public functions.
"""

from __future__ import annotations

from steepest.pictures.activations.activation import activation
from steepest.pictures.common.picture import MatplotlibPicture
from steepest.pictures.fits.fit import fit, profile, residuals
from steepest.pictures.predictions.prediction import boundary, confusion, predicted
from steepest.pictures.surfaces.animation import Animation, animate
from steepest.pictures.surfaces.surface import surface
from steepest.pictures.trainings.live import Live
from steepest.pictures.trainings.training import training

__all__ = [
    "Animation", "Live", "MatplotlibPicture", "activation", "animate", "boundary", "confusion", "fit", "predicted",
    "profile", "residuals", "surface", "training",
]  # fmt: skip
