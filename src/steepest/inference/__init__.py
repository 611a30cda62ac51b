"""Inference: how far the parameters and predictions of a fit scatter.

:func:`uncertainty_of` returns the :class:`Uncertainty` of a fitted model: standard errors, intervals, profiles, bands
and statistics of the fit, or the sentence that says why there are none.
"""

from steepest.inference.bands import Bands as Bands
from steepest.inference.of_models import uncertainty_of as uncertainty_of
from steepest.inference.parameter_errors import ParameterErrors as ParameterErrors
from steepest.inference.profiles import Profile as Profile
from steepest.inference.uncertainty import Uncertainty as Uncertainty
