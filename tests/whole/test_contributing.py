"""What CONTRIBUTING, ARCHITECTURE, the workflow and the pre-commit hooks name exists, and the worked example works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import steepest as st
from places import ROOT

CONTRIBUTING, ARCHITECTURE, CHANGELOG = (
    (ROOT / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")
)
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
HOOKS = ROOT / ".pre-commit-config.yaml"
CI = (ROOT / ".ci" / "run").read_text("utf-8")
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
WRITTEN = {"benchmarks/out/"}  # made by scripts
YAML = [HOOKS, *sorted((ROOT / ".github").rglob("*.yml"))]


def made(text: str) -> set[str]:
    """Return the targets of ``make`` commands."""
    commands = re.findall(r"(?:^|[`\s])make ((?:\w+ ?)+)", text, re.MULTILINE)
    return {target for command in commands for target in command.split()}


@pytest.mark.parametrize("place", [HOOKS, ROOT / ".ci" / "run"], ids=lambda place: place.name)
def test_targets_exist(place: Path) -> None:
    commands = "\n".join(re.findall(r"^\s*(?:entry: )?(make .*)$", place.read_text("utf-8"), re.MULTILINE))
    assert made(commands)
    assert made(commands) <= TARGETS


def test_targets_that_contributing_names_exist() -> None:
    assert {"setup", "quick", "check", "docs"} <= set(re.findall(r"\bmake (\w+)", CONTRIBUTING))
    assert set(re.findall(r"\bmake (\w+)", CONTRIBUTING)) <= TARGETS


def test_hooks_check_what_make_check_checks() -> None:
    (check,) = re.findall(r"^check: (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    hooks = re.findall(r"entry: make (\w+)", HOOKS.read_text("utf-8"))
    assert [*hooks, "test"] == check.split()
    assert f"make {' '.join(hooks)}\n" in CI


def test_the_workflow_calls_the_checks() -> None:
    commands = re.findall(r"^\s*- run: (.*)$", WORKFLOW.read_text("utf-8"), re.MULTILINE)
    assert commands == [".ci/run", 'pip install -e ".[dev]"', "pytest -m quick"]


@pytest.mark.parametrize("place", YAML, ids=lambda place: place.name)
def test_yaml_is_read(place: Path) -> None:
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(place.read_text("utf-8"))
    if place is HOOKS:
        assert {repo["repo"] for repo in found["repos"]} == {"local"}
        assert all(hook["language"] == "system" for repo in found["repos"] for hook in repo["hooks"])
    elif place == WORKFLOW:
        systems = found["jobs"]["quick-tests"]["strategy"]["matrix"]["os"]
        assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}
    else:
        assert {"name", "description", "body"} <= set(found)
        assert all(part["attributes"]["label"] for part in found["body"])


@pytest.mark.parametrize(
    "place",
    [*(ROOT / f"{name}.md" for name in ("ARCHITECTURE", "CONTRIBUTING", "README", "benchmarks/README")), *DECISIONS],
    ids=lambda place: place.relative_to(ROOT).as_posix(),
)
def test_paths_exist(place: Path) -> None:
    """Check paths in backticks, from the root or from a folder below it, and links."""
    page = place.read_text("utf-8")
    named = set(re.findall(r"`([\w./]+(?:/|\.py|\.md|\.toml|\.lark))`", page))
    named |= set(re.findall(r"\]\(([\w./-]+)\)", page))
    folders = [ROOT / "src", ROOT / "tests" / "support", ROOT / "benchmarks"]
    below = [found.as_posix() + "/" * found.is_dir() for folder in folders for found in folder.rglob("*")]
    missing = [
        name
        for name in sorted(named - WRITTEN)
        if not any((folder / name).exists() for folder in (ROOT, place.parent))
        and not any(found.endswith(f"/{name}") for found in below)
    ]
    assert not missing


def test_the_newest_version_of_the_changelog_is_that_of_the_package() -> None:
    assert re.findall(r"^## \[(\d+\.\d+\.\d+)\]", CHANGELOG, re.MULTILINE)[0] == st.__version__


def test_the_worked_example_of_contributing() -> None:
    """Add the operation of CONTRIBUTING in another process, evaluate it and check its derivative."""
    (block,) = (
        text for text in re.findall(r"^```python\n(.*?)^```$", CONTRIBUTING, re.MULTILINE | re.DOTALL) if "= op" in text
    )
    code = (
        "import sys\n"
        "import steepest.expressions.operations as table\n"
        f"exec({block!r}, vars(table))\n"
        "import steepest as st\n"
        "w = st.params('w')\n"
        "assert abs(st.evaluate(table.isru(w), {'w': -0.75}) + 0.6) < 1e-15\n"
        "sys.exit(not st.check(table.isru(w), {'w': 0.7}).ok)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
