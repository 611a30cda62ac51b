"""The pages made from the code are those that the code makes today."""

from __future__ import annotations

import importlib.util

import pytest

from places import DOCS

_spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("page", sorted(generate.PAGES))
def test_page_is_current(page: str) -> None:
    assert (DOCS / page).read_text(encoding="utf-8") == generate.PAGES[page](), "run `python docs/generate.py`"
