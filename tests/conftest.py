"""What every test runs under: the same examples each time, JAX in double precision on the processor."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

# Read by JAX when it is first imported, so they stand before any test module.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["JAX_ENABLE_X64"] = "1"

# Compiled kernels are kept for this run of the tests only, for all its processes; the user's own are left alone.
_kernels = tempfile.TemporaryDirectory(prefix="steepest-kernels-")
os.environ.setdefault("STEEPEST_CACHE_DIR", _kernels.name)

settings.register_profile(
    "steepest",
    derandomize=True,  # a failure on one machine is a failure on all
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steepest")
