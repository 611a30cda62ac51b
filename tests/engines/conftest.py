"""Fixtures of the tests of compiled kernels: a cache directory of a test's own, and what is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from steepest.engines.native.llvm import kernel


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache directory of this test's own, and nothing in memory before or after."""
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path / "kernels"))
    kernel._compiled.clear()
    yield tmp_path / "kernels"
    kernel._compiled.clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every module that LLVM is given."""
    texts: list[str] = []
    real = kernel.compile_module

    def compile_module(text: str, *rest: Any) -> bytes:
        texts.append(text)
        return real(text, *rest)

    monkeypatch.setattr(kernel, "compile_module", compile_module)
    return texts
