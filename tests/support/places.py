"""Where the files that tests read lie."""

from __future__ import annotations

from pathlib import Path

SUPPORT = Path(__file__).parent
"""The helpers; processes that tests start import them by name from here."""

TESTS = SUPPORT.parent
ROOT = TESTS.parent
SOURCE = ROOT / "src" / "steepest"
DOCS = ROOT / "docs"
IRIS = ROOT / "examples" / "iris.csv"
DERIVATIONS = SUPPORT / "derivations"
