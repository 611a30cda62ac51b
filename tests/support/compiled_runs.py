"""Descents by loops of machine code, and the same ones by the loops of Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from steepest.training import compiled_region, compiled_search
from steepest.training.compiled_region import CompiledRegion
from steepest.training.compiled_search import CompiledSearch
from steepest.training.result import Descent


@contextmanager
def by_python() -> Iterator[None]:
    """Let the loops of Python run."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (compiled_region, compiled_search):
            patch.setattr(module, "may_be_compiled", lambda *_: False)
        yield


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield a list, to which the name of a compiled loop is added at each of its calls."""
    calls: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for runner in (CompiledRegion, CompiledSearch):
            patch.setattr(runner, "advance", _noted(runner, calls))
        yield calls


def _noted(runner: Any, calls: list[str]) -> Any:
    advance = runner.advance

    def noted(self: Any, *arguments: Any) -> Any:
        calls.append(runner.__name__)
        return advance(self, *arguments)

    return noted


def numbers(params: dict[str, Any]) -> Any:
    """Return parameters as one vector, in the order of their names."""
    return np.concatenate([np.ravel(params[name]) for name in sorted(params)])


def assert_equal(found: Descent, wanted: Descent) -> None:
    """Assert that two descents are equal bit by bit: parameters, costs, path, state and warnings."""
    assert numbers(found.params).tobytes() == numbers(wanted.params).tobytes()
    assert (found.epochs, found.stop, found.reason) == (wanted.epochs, wanted.stop, wanted.reason)
    assert found.history == wanted.history
    assert [k for k, _ in found.path] == [k for k, _ in wanted.path]
    for (_, one), (_, other) in zip(found.path, wanted.path, strict=True):
        assert numbers(one).tobytes() == numbers(other).tobytes()
    assert sorted(found.memory) == sorted(wanted.memory)
    assert all(np.array_equal(found.memory[name], wanted.memory[name]) for name in wanted.memory)
    assert found.warnings == wanted.warnings
