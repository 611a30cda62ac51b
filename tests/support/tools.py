"""Programs that some tests need. Without one they are skipped, except in CI, where a missing program is a failure."""

from __future__ import annotations

import os
import shutil

import pytest

REQUIRED = "STEEPEST_REQUIRE_TOOLS"
"""Set to 1 by ``.ci/run``: no test is skipped for want of a program."""
PROGRAMS = ("cc", "chromium", "gcc", "lualatex", "nm", "pdflatex", "pdftotext")
"""All that tests need besides Python."""


def missing(*programs: str) -> list[str]:
    """Those of the programs that this machine lacks."""
    return [name for name in programs if shutil.which(name) is None]


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip a test where a program is missing; in CI run it, so that it fails."""
    lacking = missing(*programs)
    skipped = bool(lacking) and os.environ.get(REQUIRED) != "1"
    return pytest.mark.skipif(skipped, reason=f"needs {', '.join(lacking)}")
