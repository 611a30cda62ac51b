"""Why a compiled descent stopped."""

from __future__ import annotations

REASONS = ("", "diverged", "gradient", "tolerance")
"""The reasons by the numbers that kernels store; see :class:`steepest.engines.step.StoppingRules`."""
