"""Pictures: costs over their parameters, activations, trainings, predictions; still, interactive and moving.

Numbers are computed in ``computed``, drawn by matplotlib in ``drawing`` and by plotly in ``interactive``; a module here
joins them for each kind of picture.
"""

from __future__ import annotations

from steepest.pictures.activations import activation
from steepest.pictures.courses import training
from steepest.pictures.drawn import MatplotlibPicture
from steepest.pictures.live import Live
from steepest.pictures.moving import Animation, animate
from steepest.pictures.predictions import boundary, confusion, predicted
from steepest.pictures.surfaces import surface

__all__ = [
    "Animation", "Live", "MatplotlibPicture", "activation", "animate", "boundary", "confusion", "predicted", "surface",
    "training",
]  # fmt: skip
