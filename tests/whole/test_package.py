"""The package: what an import loads, what it offers, and that the table of decisions is whole."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest

import steepest as st
from places import ROOT
from processes import loaded

HEAVY = ("numpy", "polars", "narwhals", "lark", "rich", "safetensors", "click", "jax", "pandas", "sklearn")


def test_import_loads_nothing_heavy() -> None:
    assert not loaded("import steepest") & set(HEAVY)


def test_gradients_and_derivations_need_no_numpy_but_evaluation_does() -> None:
    symbolic = "import steepest as st; w = st.params('w'); st.gradient(w**2); str(st.derive(w**2, 'w'))"
    assert not loaded(symbolic) & {"numpy", "polars", "lark", "rich"}
    assert "numpy" in loaded("import steepest as st; st.evaluate(st.params('w') * 2, {'w': 1})")


def test_help_loads_neither_numpy_nor_polars() -> None:
    code = (
        "import sys; sys.argv = ['steepest', '--help']\n"
        "from steepest.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit: pass"
    )
    assert not loaded(code) & {"numpy", "polars", "rich", "lark"}


def test_built_in_tables_need_no_polars() -> None:
    code = "import steepest as st; st.models.neuron().fit('nand', epochs=1)"
    assert not loaded(code) & {"polars", "pandas", "rich"}


def test_every_public_name_is_there() -> None:
    missing = [name for name in st.__all__ if not hasattr(st, name)]
    assert missing == []
    assert set(st.__all__) <= set(dir(st))


def test_functions_stay_functions_when_their_modules_are_imported() -> None:
    code = (
        "import steepest.calculus.gradient, steepest.checking.tangent, steepest.pictures, steepest as st\n"
        "assert callable(st.gradient) and callable(st.tangent) and callable(st.check)\n"
        "from steepest import gradient\n"
        "assert callable(gradient)"
    )
    loaded(code)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'descent_of_man'"):
        st.descent_of_man  # noqa: B018 - the access is the test


def test_public_functions_are_documented() -> None:
    """One line, an example that runs or a source, for everything that is offered."""
    for name in st.__all__:
        found = getattr(st, name)
        if callable(found) and getattr(found, "__module__", "").startswith("steepest"):
            text = found.__doc__ or ""
            assert text.split("\n")[0].endswith((".", ":")), name
            if type(found).__name__ == "function" and name not in ("constant", "load"):
                assert ">>>" in text, name


def test_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text(encoding="utf-8")
    assert f'__version__ = "{st.__version__}"' in text


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("0*.md")}


def test_architecture_lists_the_layers_of_the_contract() -> None:
    """The direction printed in ARCHITECTURE.md is the one that the import contract holds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = [set(re.split(r" [|:] ", layer)) for layer in contracts[0]["layers"]]
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## Packages")[1]
    listed = re.findall(r"^\| (\d) \| `(\w+)/?`", text, re.MULTILINE)
    assert [{name for k, name in listed if int(k) == layer} for layer in range(len(layers), 0, -1)] == layers


def test_nothing_lies_about_at_the_root() -> None:
    """A trial of the command line in the repository leaves files that the next commit would take in."""
    kept = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if kept.returncode:
        pytest.skip("this is no repository of git")
    found = {name for name in kept.stdout.split("\0") if name and "/" not in name and not name.startswith(".")}
    assert found == {
        "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md",
        "pyproject.toml",
    }  # fmt: skip
