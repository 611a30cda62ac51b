"""The quick tests cover every package."""

from __future__ import annotations

from places import SOURCE, TESTS
from quick import QUICK


def test_every_package_has_quick_tests() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages <= QUICK.keys()
    for folder, files in QUICK.items():
        assert files, folder
        for name in files:
            assert "\ndef test_" in (TESTS / folder / name).read_text(encoding="utf-8"), (folder, name)
