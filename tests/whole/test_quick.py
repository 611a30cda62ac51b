"""The quick tests cover every package."""

from __future__ import annotations

from places import SOURCE, TESTS
from quick import LONG, QUICK


def test_every_package_has_quick_tests() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages <= QUICK.keys()
    long = set()
    for folder, files in QUICK.items():
        names: set[str] = set()
        for name in files:
            lines = (TESTS / folder / name).read_text(encoding="utf-8").splitlines()
            names |= {line[4:].partition("(")[0] for line in lines if line.startswith("def test_")}
        assert names - LONG, folder
        long |= names & LONG
    assert long == LONG
