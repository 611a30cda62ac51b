"""The documentation site: what can be seen without building it, and, marked slow, that it builds."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import steepest as st
from places import DOCS, ROOT
from steepest.cli.main import main
from steepest.expressions.expression import Operation
from steepest.expressions.operations import TABLE

PAGES = {
    place.relative_to(DOCS).with_suffix("").as_posix(): place.read_text("utf-8")
    for place in sorted(DOCS.rglob("*.md"))
    if place.parent.name != "papers" or place.stem == "index"
}
README = (ROOT / "README.md").read_text("utf-8")
CELL = re.compile(r"^```\{code-cell\}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXECUTED = [name for name, text in PAGES.items() if CELL.search(text)]
LESSONS = ["differences", "two-neurons", "chains", "networks", "graphs"]


def cells(name: str) -> Iterator[str]:
    """The code of a page's cells, without their options."""
    for found in CELL.finditer(PAGES[name]):
        yield re.sub(r"\A(:[\w-]+:.*\n)*", "", found[1]).strip()


def within_toctrees(name: str) -> Iterator[str]:
    """The pages that a page's tables of contents name."""
    for block in re.findall(r"^```\{toctree\}\n(.*?)^```$", PAGES[name], re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                place = (DOCS / name).parent / line
                relative = Path(*_normal(place.relative_to(DOCS).parts)).as_posix()
                yield from [page for page in PAGES if Path(page).match(relative)] if "*" in line else [relative]


def _normal(parts: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for part in parts:
        if part == "..":
            found.pop()
        else:
            found.append(part)
    return found


def extension(name: str) -> ModuleType:
    """An extension of the site as a module; it needs Sphinx."""
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    spec = importlib.util.spec_from_file_location(name, DOCS / "extensions" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_one_toctree() -> None:
    found = [page for name in PAGES for page in within_toctrees(name)]
    assert sorted(found) == sorted(set(PAGES) - {"index"})


def test_there_are_lessons_guides_and_explanations() -> None:
    assert list(within_toctrees("tutorials/index")) == [f"tutorials/{name}" for name in LESSONS]
    assert len(list(within_toctrees("howto/index"))) >= 9
    assert {f"explanations/{name}" for name in ("round-off", "layerwise", "rising-cost", "stability")} <= set(EXECUTED)


@pytest.mark.parametrize("name", EXECUTED)
def test_cells_are_code(name: str) -> None:
    """Python compiles; the first word of a line of shell is a command of ours."""
    assert PAGES[name].startswith("---\nfile_format: mystnb\n"), "its cells would not run"
    for code in cells(name):
        if code.startswith("%%bash"):
            lines = code.replace("\\\n", " ").splitlines()[1:]
            for line in lines:
                words = line.split()
                assert words[0] == "steepest"
                assert words[1] in main.commands
        else:
            ast.parse(code)


@pytest.mark.parametrize("name", EXECUTED)
def test_lessons_assert_what_they_say(name: str) -> None:
    claims = [node for code in cells(name) if code[0] != "%" for node in ast.walk(ast.parse(code))]
    assert any(isinstance(node, ast.Assert) for node in claims)


def test_no_page_names_a_host() -> None:
    """Nothing is loaded from elsewhere: neither by pages nor by what stands around them."""
    around = {place.name: place.read_text("utf-8") for place in (DOCS / "_static").iterdir()}
    around["conf.py"] = (DOCS / "conf.py").read_text("utf-8")
    for name, text in {**PAGES, **around}.items():
        assert not re.search(r"https?:|//[\w-]+\.\w", text), name


def test_links_between_pages_lead_somewhere() -> None:
    for name, text in PAGES.items():
        for target in re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", text):
            assert ((DOCS / name).parent / target).is_file(), f"{name} names {target}"


def test_reference_has_every_public_name() -> None:
    text = "".join(PAGES[name] for name in PAGES if name.startswith("reference/"))
    listed = set(re.findall(r"auto(?:function|class|module):: steepest\.([\w.]+)", text))
    listed |= {name.partition(".")[0] for name in listed}
    errors = {"SteepestError", "SteepestWarning"}  # of the module errors
    estimators = {"NetworkClassifier", "NetworkRegressor", "FormulaClassifier", "FormulaRegressor"}
    wanted = {name for name in st.__all__ if not isinstance(getattr(st, name), Operation)} | estimators
    assert wanted - errors <= listed
    assert "errors" in listed
    pictures = {f"pictures.{name}" for name in st.pictures.__all__} if importlib.util.find_spec("matplotlib") else set()
    assert pictures <= listed
    for row in TABLE:
        assert f"## {row.name}\n" in PAGES["operations"]


def test_lessons_have_the_numbers_of_the_notes() -> None:
    """Not only computed but shown or asserted, each in the lesson to which it belongs."""
    numbers = {
        "differences": [
            "1.9995", "-1.7435789139926", "-1.7347777264922", "2.7718489622682", "0.0626237279065", "-1.7436117135",
            "-1.7348100207", "2.7713955766", "-11.7982395", "17.7818293", "5.3708e-06", "3.29",
        ],
        "chains": ["-0.00088871939300", "0.01708348256320", "0.04419958695312", "0.10066907992807", "8, 4, 2, 1"],
        "networks": ["0.7097567018201", "0.0219970705775", "0.0677881428681", "-0.0354212999701", "0.12539207453"],
        "graphs": ["-4.4992", "-2.464768", "0.9216", "0.731059", "0.196612", "1.05"],
    }  # fmt: skip
    for lesson, found in numbers.items():
        for number in found:
            # The pages' own formatting may drop the zeros at the end of a number.
            assert number in PAGES[f"tutorials/{lesson}"], f"{number} is not in {lesson}"


def test_lessons_leave_out_the_mistakes() -> None:
    text = "\n".join(text for name, text in PAGES.items() if name.split("/")[0] in ("tutorials", "explanations"))
    assert r"W^{[2]} a^{[1]} + b^{[2]}" in text
    assert r"W^{[2]} x + b^{[2]}" not in text
    assert r"b^{[1](i)}" not in text
    assert r"\mathcal{L}(\hat{y} - y)" not in text
    assert "z (1 - z)" not in text
    assert "always decrease" not in text


def test_formulas_are_mathml() -> None:
    from steepest.display.mathml import mathml

    pytest.importorskip("latex2mathml")
    count = 0
    for name, text in PAGES.items():
        if not name.startswith(("tutorials/", "howto/", "explanations/")):
            continue
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
        for display, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.sub(r"`[^`\n]*`", "", prose), re.DOTALL):
            found = mathml(display or inline, "", bool(display))
            assert "\\" not in found, f"{name}: {display or inline}"  # a command that was not understood
            count += 1
    assert count > 200


def test_primes_norms_and_limits() -> None:
    """Primes stand beside their letter, for fonts have them raised; bars of a norm keep to what is between them."""
    pytest.importorskip("latex2mathml")
    from steepest.display.mathml import mathml

    assert '<mrow><mi>C</mi><mo lspace="0" rspace="0">′</mo></mrow>' in mathml("C'(w)", "")
    assert mathml(r"\lVert g \rVert^2", "").count('<mo stretchy="false" lspace="0" rspace="0">‖</mo>') == 2
    assert "<munder><mo>lim</mo>" in mathml(r"\lim_{\epsilon \to 0} x", "")


def test_pictures_of_the_landing_page_are_drawn() -> None:
    """Each is made by docs/pictures.py, committed, and has words for those who cannot see it; so is README's."""
    script = ast.parse((DOCS / "pictures.py").read_text("utf-8"))
    made = {node.name for node in script.body if isinstance(node, ast.FunctionDef)}
    shown = set(re.findall(r"^```\{image\} images/(\w+)\.svg$", PAGES["index"], re.MULTILINE))
    assert len(shown) >= 6
    assert shown <= made
    assert {place.stem for place in (DOCS / "images").iterdir()} == shown | {"overview"}
    assert "](docs/images/overview.svg)" in README[:600]
    for place in (DOCS / "images").iterdir():
        title, about = (
            re.search(rf"<{tag}\b[^>]*>(.+?)</{tag}>", place.read_text("utf-8")) for tag in ("title", "desc")
        )
        assert title, place.name
        assert about, place.name


SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" role="img" aria-labelledby="t d">'
    '<title id="t">A &amp; B</title><desc id="d">{}</desc>'
    "<style>svg{{color:#000}}@media (prefers-color-scheme: dark){{svg{{color:#fff}}}}</style>"
    '<path id="p" d="M0 0"/></svg>'
)


def test_pictures_stand_within_the_page() -> None:
    within: Any = extension("inline_pictures").within
    first, second = (within(SVG.format("x &lt; y"), f"page-{k}") for k in (1, 2))
    assert '[data-theme="dark"] &' in first.replace("&amp;", "&")
    assert "prefers-color-scheme" not in first
    assert ">x &lt; y</desc>" in first
    assert not set(re.findall(r'\bid="([^"]+)"', first)) & set(re.findall(r'\bid="([^"]+)"', second))


def test_pictures_without_words_are_refused() -> None:
    module = extension("inline_pictures")
    with pytest.raises(st.SteepestError, match="no title or description"):
        module.within(SVG.format(" "), "page-1")


def test_docstrings_are_made_fit() -> None:
    module = extension("plain_docstrings")
    assert module.bars("1/n Σ |a − y| of ``a | b``") == r"1/n Σ \|a − y\| of ``a | b``"
    given = [
        "One.",
        "",
        "Attributes:",
        "    a_, b: what they are,",
        "        together.",
        "    c: see.",
        "",
        "After, that: x",
    ]
    made = [
        "    a\\_: what they are,",
        "        together.",
        "    b: what they are,",
        "        together.",
        "    c: see.",
    ]
    assert module.attributes(given) == [*given[:3], *made, *given[6:]]


@pytest.mark.slow
def test_site_builds_and_asks_nobody(tmp_path: Path) -> None:
    """Every cell runs, every reference is found, and the pages load nothing from another host."""
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-E", "-j", "auto", str(DOCS), str(tmp_path / "site")]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    pictures = 0
    for page in pages:
        text = page.read_text("utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe|source|object|embed)\b[^>]*>", text):
            assert not re.search(r"(?:src|href|data)=[\"'](?:https?:)?//", tag), f"{page.name}: {tag}"
        assert "$\\" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL), "a formula was left as LaTeX"
        drawn = re.findall(
            r'<div class="picture"[^>]*><svg [^>]*>\s*<title[^>]*>[^<]+</title>\s*<desc[^>]*>[^<]+', text
        )
        assert len(drawn) == text.count('<div class="picture"')
        pictures += len(drawn)
        assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img\b[^>]*>", text))
    assert pictures > 20


def build(folder: Path, code: str) -> Path:
    """A site of one page with one cell, by the configuration of ours; raises unless it is built."""
    shutil.copy(DOCS / "conf.py", folder)
    for name in ("extensions", "_static"):
        shutil.copytree(DOCS / name, folder / name)
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# A page\n\n```{code-cell}\n"
    (folder / "index.md").write_text(f"{head}{code}\n```\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-T", "-q", str(folder), str(folder / "site")]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if run.returncode:
        raise RuntimeError(run.stderr)
    return folder / "site" / "index.html"


@pytest.mark.slow
def test_a_page_with_an_error_fails_the_build(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    good, bad, shell = (tmp_path / name for name in ("good", "bad", "shell"))
    for folder in (good, bad, shell):
        folder.mkdir()
    assert build(good, "assert 1 + 1 == 2").is_file()
    with pytest.raises(RuntimeError, match="AssertionError"):
        build(bad, "assert 1 + 1 == 3")
    with pytest.raises(RuntimeError, match="CalledProcessError"):
        build(shell, "%%bash\nsteepest fit no-such-table")


@pytest.mark.slow
def test_what_a_command_prints_is_shown_as_it_is(tmp_path: Path) -> None:
    """Kernels hand on a hundred letters at a time; lines longer than that, and empty ones, stay what they are."""
    pytest.importorskip("sphinx", reason="the extra 'docs' is not installed")
    text = build(tmp_path, "%%bash\nfor k in 1 2 3; do printf '%0150d\\n\\n' $k; done").read_text("utf-8")
    assert "\n\n".join("0" * 149 + str(k) for k in (1, 2, 3)) in text
