"""What every test runs under: the same examples each time, JAX in double precision on the processor; quick tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from quick import LONG, LONG_FIXTURES, QUICK

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


def _is_quick(path: Path) -> bool:
    return path.name in QUICK.get(path.parent.name, ())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out, under ``-m quick``, the other files, whose imports take seconds."""
    others = config.option.markexpr == "quick" and collection_path.suffix == ".py" and not _is_quick(collection_path)
    return True if others else None


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests."""
    for item in items:
        chosen = isinstance(item, pytest.Function) and _is_quick(item.path) and item.get_closest_marker("slow") is None
        if chosen and item.originalname not in LONG and not LONG_FIXTURES.intersection(item.fixturenames):
            item.add_marker("quick")
