"""The structure of the package: no import circle of files, few entries at the top, no module that hides a function."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import steepest as st
from places import SOURCE


def module_of(path: Path, root: Path) -> str:
    """Return the dotted name of a file of the package."""
    parts = list(path.relative_to(root.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, modules: set[str]) -> Iterator[str]:
    """Yield every module that a file names: at the top, in functions, for types, and by a string that names one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in modules:
            yield node.value


def arrows(root: Path) -> dict[str, set[str]]:
    """Return, for each module below a folder, the modules of the same folder that it imports."""
    files = {module_of(path, root): path for path in root.rglob("*.py")}
    trees = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in files.items()}
    return {name: {each for each in imported(tree, set(files)) if each in files} for name, tree in trees.items()}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle of imports, in order; empty if there is none."""
    state: dict[str, int] = {}
    for start in graph:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(sorted(graph[start])))] if start not in state else []
        state.setdefault(start, 1)
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                state[name] = 2
                path.pop()
            elif state.get(following) == 1:
                names = [each for each, _ in path]
                return names[names.index(following) :]
            elif following not in state:
                state[following] = 1
                path.append((following, iter(sorted(graph[following]))))
    return []


def test_no_file_imports_itself_through_others() -> None:
    graph = arrows(SOURCE)
    assert len(graph) > 250
    graph["steepest"].clear()  # the face of the package loads names on first use
    assert circle(graph) == []


@pytest.mark.parametrize("line", ["import steepest.b", "def f():\n    from steepest import b", "F = 'steepest.b'"])
def test_a_circle_is_found_however_it_is_made(tmp_path: Path, line: str) -> None:
    root = tmp_path / "steepest"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text(f"from __future__ import annotations\n{line}\n")
    (root / "b.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from steepest.a import A\n")
    assert sorted(circle(arrows(root))) == ["steepest.a", "steepest.b"]


def test_few_entries_lie_at_the_top() -> None:
    entries = [path.name for path in SOURCE.iterdir() if path.name not in ("__pycache__", "py.typed")]
    assert len(entries) <= 26


def test_no_package_or_module_hides_a_public_name() -> None:
    """``import steepest.gradient`` would replace the function ``st.gradient`` by a module of that name."""
    functions = {name for name in st.__all__ if not isinstance(getattr(st, name), ModuleType)}
    assert not functions & {path.stem for path in SOURCE.iterdir()}
