"""What surfaces look like: the structure of SVG, PNG, PDF, pages, LaTeX and moving pictures, never their pixels."""

from __future__ import annotations

import doctest
import importlib
import io
import itertools
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image

import steepest as st
from picture_parts import TWICE, group, line_costs, parsed, paths, words
from steepest.display.palette import DARK_PAPER, INK
from steepest.errors import PictureError

x, y = st.params("x", "y")
E3: dict[str, Any] = {"at": {"x": 0.5, "y": 0.5}, "move": {"x": 0.1, "y": 0.1}}
SQUARES = st.parse("mean((x*w - y)^2)", data=["x", "y"])


def four_descents() -> tuple[dict[str, Any], st.Expression, dict[str, Any]]:
    cost, table = line_costs()
    start = {"w": -1.5, "b": 3.0}
    ways: dict[str, Any] = {
        "gradient descent": {}, "momentum": {"optimiser": "momentum"}, "Adam": {"optimiser": "adam", "rate": 0.3},
        "finite difference": {"gradient": "finite-difference"},
    }  # fmt: skip
    runs = {name: st.descend(cost, table, start, **{"rate": 0.05, "epochs": 30, **how}) for name, how in ways.items()}
    return runs, cost, table


def test_e3_in_space_has_surface_plane_and_letters() -> None:
    picture = st.pictures.surface(2 * x**2 + y**2, look="3d", **E3)
    root = parsed(picture.svg())
    texts = words(root)
    assert "A → B → C: 0.75, 0.97, 1.08" in texts
    assert "tangent plane at A, 1.05 above C" in texts
    assert {"A", "B", "C", "x", "y", "height: cost", "The cost over x and y"} <= set(texts)
    assert len(paths(root, "surface")) == 40 * 40
    assert len(paths(root, "plane")) >= 1
    assert group(root, "move") is not None
    assert group(root, "along-plane") is not None
    for number in ("0.75", "0.97", "1.08", "1.05", "0.03"):
        assert number in picture.description


def test_a_point_in_space_has_its_tangent_plane() -> None:
    root = parsed(st.pictures.surface(2 * x**2 + y**2, at={"x": 1, "y": 1}, look="3d", points=20).svg())
    assert "cost 3, tangent plane with slopes 4, 2" in " ".join(words(root))
    assert paths(root, "plane")


def test_e2_curve_has_a_tangent_with_its_slope() -> None:
    root = parsed(st.pictures.surface(SQUARES, TWICE, at={"w": 3}).svg())
    assert {"w", "cost", "tangent at w = 3, slope 12"} <= set(words(root))
    for name in ("curve", "tangent", "point"):
        assert group(root, name) is not None, name


def test_four_descents_stand_in_one_picture_with_a_legend() -> None:
    runs, cost, table = four_descents()
    picture = st.pictures.surface(cost, table, paths=runs)
    root = parsed(picture.svg())
    for k, (name, run) in enumerate(runs.items(), start=1):
        assert f"{name}, 30 epochs: cost {run.cost:.3g}" in words(root)
        assert paths(root, f"trail-{k}")
        assert f" {name} began at (−1.5, 3)" in picture.description
    lines = [line for line in picture.figure.axes[0].get_lines() if str(line.get_gid()).startswith("trail")]
    assert len({line.get_color() for line in lines}) == len({str(line.get_linestyle()) + str(line._dash_pattern)
                                                             for line in lines}) == 4  # fmt: skip
    assert len({line.get_marker() for line in lines}) == 4


def test_looks_have_the_axes_they_name() -> None:
    for look, kinds in (("contours", ["rectilinear"]), ("3d", ["3d"]), ("both", ["3d", "rectilinear"])):
        figure = st.pictures.surface(x**2 + y**2, look=look, points=20, width="page").figure
        drawn = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
        assert sorted(axes.name for axes in drawn) == kinds


@pytest.mark.parametrize("width", ["column", "page", 5])
def test_width_and_fonts_fit_a_paper(width: Any) -> None:
    picture = st.pictures.surface(2 * x**2 + y**2, width=width, points=20, **E3)
    inches = {"column": 3.4, "page": 7.0}.get(width, 5)
    root = parsed(picture.svg())
    assert float(str(root.get("width")).removesuffix("pt")) == pytest.approx(72 * inches)
    sizes = {float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", picture.svg())}
    assert sizes
    assert min(sizes) >= 8
    assert max(sizes) <= 9


def test_svg_has_a_text_alternative_and_ink_that_follows_the_reader() -> None:
    picture = st.pictures.surface(SQUARES, TWICE, at={"w": 3}, title="a < b & c")
    svg = picture.svg()
    root = parsed(svg)
    assert [root[0].tag.split("}")[1], root[1].tag.split("}")[1]] == ["title", "desc"]
    assert (root[0].text, root[1].text) == ("a < b & c", picture.description)
    assert root.get("role") == "img"
    assert str(root.get("aria-labelledby")).split() == [root[0].get("id"), root[1].get("id")]
    assert INK not in svg.split("</style>", 1)[1].lower()
    assert "currentColor" in svg
    assert "prefers-color-scheme: dark" in svg
    assert "DejaVu" not in svg
    assert "<metadata" not in svg
    assert not svg.startswith("<?xml")
    assert not any("<use" in text for text in words(root))


def test_the_background_is_transparent() -> None:
    svg = st.pictures.surface(SQUARES, TWICE).svg()
    patches = re.search(r'<g id="patch_1">(.*?)</g>', svg, re.DOTALL)
    assert patches is not None
    assert "fill: none" in patches[1] or "opacity: 0" in patches[1]


def test_the_same_numbers_give_the_same_files() -> None:
    first, second = (st.pictures.surface(2 * x**2 + y**2, points=20, **E3) for _ in range(2))
    assert first.svg() == second.svg()
    assert first.png() == second.png()
    assert first.pdf() == second.pdf()
    assert first.tikz() == second.tikz()


def test_settings_of_matplotlib_are_left_alone() -> None:
    before = dict(matplotlib.rcParams)
    st.pictures.surface(SQUARES, TWICE).svg()
    assert dict(matplotlib.rcParams) == before


def test_formats(tmp_path: Path) -> None:
    picture = st.pictures.surface(2 * x**2 + y**2, points=20, **E3)
    for suffix, begin in {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!DOCTYPE html>",
                          "tex": b"\\begin{tikzpicture}"}.items():  # fmt: skip
        picture.save(tmp_path / f"a.{suffix}")
        comment = rb"(<!-- Made by steepest -->\n|% Made by steepest\n)?"
        assert re.match(comment + re.escape(begin), (tmp_path / f"a.{suffix}").read_bytes())
    with pytest.raises(PictureError, match=r"no format 'bmp' .* \.svg, \.png, \.pdf, \.html, \.tex"):
        picture.save(tmp_path / "a.bmp")


def test_png_is_light_or_dark_and_says_what_it_shows() -> None:
    picture = st.pictures.surface(SQUARES, TWICE)
    light, dark = (Image.open(io.BytesIO(picture.png(dark=dark))) for dark in (False, True))
    assert light.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert dark.convert("RGB").getpixel((0, 0)) == struct.unpack("3B", bytes.fromhex(DARK_PAPER[1:]))
    assert light.info["Description"] == picture.description
    assert light.size == dark.size


# -- interactive --------------------------------------------------------------------------------------------------


def test_interactive_figures_hold_the_numbers() -> None:
    runs, cost, table = four_descents()
    picture = st.pictures.surface(cost, table, paths=runs, points=30)
    figure = picture.interactive()
    assert [trace.type for trace in figure.data] == ["contour"] + ["scatter"] * 4
    np.testing.assert_allclose(np.array(figure.data[0].z), picture.numbers.costs)
    assert [trace.name for trace in figure.data[1:]] == list(runs)
    space = st.pictures.surface(2 * x**2 + y**2, look="3d", points=20, **E3).interactive()
    assert [trace.type for trace in space.data] == ["surface", "scatter3d", "surface"]
    assert space.data[1].z == pytest.approx((0.75, 0.97, 1.08))
    line = st.pictures.surface(SQUARES, TWICE, at={"w": 3}).interactive()
    assert [trace.name for trace in line.data] == ["cost", "tangent, slope 12", "at w = 3, cost 6"]


def test_the_page_is_whole_and_asks_the_network_for_nothing() -> None:
    page = st.pictures.surface(SQUARES, TWICE, at={"w": 3}, title="<b>").html()
    assert len(page) > 1_000_000  # the script is in it
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=", page)
    assert "<title>&lt;b&gt;</title>" in page
    assert '<p id="description">A curve of the cost for w' in page


# -- LaTeX --------------------------------------------------------------------------------------------------------


def test_code_for_latex_holds_the_numbers() -> None:
    code = st.pictures.surface(SQUARES, TWICE, at={"w": 3}, ranges={"w": (0, 4)}, points=9).tikz()
    coordinates = re.search(r"coordinates \{(.*?)\}", code)
    assert coordinates is not None
    pairs = [tuple(map(float, pair.split(","))) for pair in re.findall(r"\((.*?)\)", coordinates[1])]
    assert len(pairs) == 9
    assert all(cost == pytest.approx(6 * (w - 2) ** 2, abs=1e-4) for w, cost in pairs)
    assert "xlabel={$w$}" in code
    assert "tangent, slope 12" in code


def test_code_of_a_surface_is_a_mesh_of_31_with_its_paths() -> None:
    runs, cost, table = four_descents()
    code = st.pictures.surface(cost, table, paths=runs).tikz()
    table_text = re.search(r"row sep=\\\\\] \{\n(.*?)\n\};", code, re.DOTALL)
    assert table_text is not None
    rows = np.array([[float(part) for part in line.split()] for line in table_text[1].replace("\\\\", "").splitlines()])
    assert rows.shape == (31 * 31, 3)
    assert (rows[:, 2].min(), rows[:, 2].max()) == (pytest.approx(0, abs=0.05), 1)
    assert code.count(r"\addplot3[color=") == 4
    assert code.count(r"\addlegendentry") == 4


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_code_compiles_a_column_wide_without_complaints(engine: str, tmp_path: Path) -> None:
    if shutil.which(engine) is None or (kpse := shutil.which("kpsewhich")) is None:
        pytest.skip(f"{engine} is not installed")
    if not subprocess.run([kpse, "pgfplots.sty"], capture_output=True).stdout:
        pytest.skip("pgfplots is not installed")
    runs, cost, table = four_descents()
    λ, w_1 = st.params("λ", "w_1")
    pictures = [
        st.pictures.surface(SQUARES, TWICE, at={"w": 3}, paths=st.descend(SQUARES, TWICE, {"w": 0}, 0.05, 9)),
        st.pictures.surface(cost, table, paths=runs),
        st.pictures.surface(λ**2 + w_1**2, at={"λ": 1, "w_1": 1}, paths={"50% of λ_1 & more": st.descend(
            λ**2 + w_1**2, start={"λ": 1.0, "w_1": 1.0}, epochs=5)}),
        st.pictures.training(runs, cost, table),
    ]  # fmt: skip
    boxes = "".join(
        rf"\setbox0=\hbox{{{p.tikz()}}}\typeout{{WIDTH=\the\wd0}}\noindent\copy0\par" + "\n" for p in pictures
    )
    (tmp_path / "a.tex").write_text(
        "\\documentclass{article}\\usepackage{pgfplots}\\pgfplotsset{compat=1.18}\\begin{document}\n"
        + boxes + "\\end{document}\n", encoding="utf-8",
    )  # fmt: skip
    run = subprocess.run([engine, "-interaction=nonstopmode", "a.tex"], cwd=tmp_path, capture_output=True, timeout=120)
    log = (tmp_path / "a.log").read_text(errors="replace")
    assert run.returncode == 0, log[-2000:]
    assert not re.findall(r"Overfull|Missing character|Package pgfplots Warning", log)
    widths = [float(found) for found in re.findall(r"WIDTH=([\d.]+)pt", log)]
    assert len(widths) == 4
    assert max(widths) <= 3.4 * 72.27


# -- moving -------------------------------------------------------------------------------------------------------


def test_a_gif_has_a_frame_for_each_epoch(tmp_path: Path) -> None:
    run = st.descend(x * y, start={"x": 4, "y": -3}, rate=0.2, epochs=3, maximise=True)
    moving = st.pictures.animate(run, x * y, points=20)
    moving.save(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.format) == (4, "GIF")  # type: ignore[attr-defined]
        assert image.info["loop"] == 0
    frames = list(moving.frames())
    assert all(not np.array_equal(a, b) for a, b in itertools.pairwise(frames))
    assert all(length % 2 == 0 for length in frames[0].shape[:2])
    assert moving.description.startswith("An animation of 4 frames, from epoch 0 to 3.")
    assert words(parsed(moving.svg()))  # the last frame, still
    assert f'alt="{moving.description}"' in moving._repr_html_()


def test_many_epochs_are_thinned_to_the_frames_that_are_wanted() -> None:
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 1.0}, rate=0.01, epochs=900)
    epochs = st.pictures.animate(run, x**2 + y**2, points=10, frames=20).epochs
    assert len(epochs) <= 20
    assert (epochs[0], epochs[-1]) == (0, 900)
    assert list(epochs) == sorted(set(epochs))


def test_mp4_asks_for_ffmpeg_in_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 1.0}, epochs=3)
    with pytest.raises(PictureError, match=r"needs the program ffmpeg, .* save it as \.gif instead"):
        st.pictures.animate(run, x**2 + y**2, points=10).save(tmp_path / "a.mp4")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script of a shell")
def test_mp4_hands_every_frame_to_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stand-in writes down what it was told and how many bytes it got."""
    tool = tmp_path / "ffmpeg"
    tool.write_text('#!/bin/sh\nfor last; do :; done\necho "$*" > "$last"\nwc -c >> "$last"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    run = st.descend(x**2 + y**2, start={"x": 1.0, "y": 1.0}, epochs=3)
    moving = st.pictures.animate(run, x**2 + y**2, points=10)
    moving.save(tmp_path / "a.mp4")
    told, got = (tmp_path / "a.mp4").read_text().splitlines()
    size = re.search(r"-s (\d+)x(\d+)", told)
    assert size is not None
    assert int(got) == int(size[1]) * int(size[2]) * 3 * (4 + 12)
    tool.write_text("#!/bin/sh\necho 'no encoder for this' >&2\nexit 1\n")
    with pytest.raises(PictureError, match="no encoder for this"):
        moving.mp4()


def test_what_cannot_move_is_refused() -> None:
    run = st.descend(SQUARES, TWICE, start={"w": 0}, rate=0.05, epochs=3)
    with pytest.raises(PictureError, match="takes two axes"):
        st.pictures.animate(run, SQUARES, TWICE)
    with pytest.raises(PictureError, match="no descent to animate"):
        st.pictures.animate(None, x * y, points=5)


# -- the package --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "pictures.surfaces.surface", "pictures.activations.activation", "pictures.trainings.training",
    "pictures.predictions.prediction", "pictures.surfaces.animation", "pictures.trainings.live",
    "pictures.common.levels", "expressions.characters",
])  # fmt: skip
def test_the_examples_of_the_docstrings_run(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"steepest.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


def test_matplotlib_and_plotly_come_with_the_first_picture() -> None:
    code = (
        "import sys, steepest as st\nw = st.params('w')\npicture = st.pictures.surface(w**2)\n"
        "assert not {'matplotlib', 'plotly', 'PIL', 'IPython'} & set(sys.modules)\n"
        "picture.svg()\nassert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
        "assert 'plotly' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_without_matplotlib_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = st.pictures.surface(SQUARES, TWICE)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        PictureError,
        match=r"^pictures need matplotlib, which is not installed: pip install 'steepest\[pictures\]' \('\.",
    ):
        picture.svg()
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(
        PictureError,
        match=r"^interactive pictures need plotly, which .*: pip install 'steepest\[pictures\]' \('\.",
    ):
        picture.html()


def test_a_paper_without_matplotlib_names_its_own_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    model = st.Model("y ~ x*w", data=["x", "y"])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PictureError, match=r"^pictures need matplotlib, .*: pip install 'steepest\[paper\]' "):
        model.paper(TWICE, rate=0.05, epochs=5, compare=False, start={"w": 0.0})


def test_a_picture_in_a_terminal_says_what_it_is_and_how_it_is_kept() -> None:
    w = st.params("w")
    run = st.descend(st.parse("a^2 + b^2"), start={"a": 1, "b": 2}, epochs=3)
    surface = st.pictures.surface(st.parse("a^2 + b^2"), paths=run, points=20)
    moving = st.pictures.animate(run, st.parse("a^2 + b^2"), points=20)
    graph = st.graph(w * 2, {"w": 1.0})
    diagram = st.models.neuron().diagram()
    for picture, suffix in ((surface, "svg"), (moving, "gif"), (graph, "svg"), (diagram, "svg")):
        assert repr(picture) == f'<picture: {picture.title}; .save("name.{suffix}") writes it>'


def test_names_of_any_length_and_with_any_character_are_drawn() -> None:
    """Matplotlib would warn that nothing is left for the axes, and write characters that XML forbids."""
    long = "a name of many words " * 30
    model = st.Model(f"`{long}z` ~ sigmoid(`{long}x`*w + `{long}y`*v)")
    table = {f"{long}x": [0.0, 1, 2, 3], f"{long}y": [1.0, 0, 2, 1], f"{long}z": [0.0, 1, 1, 0]}
    model.fit(table, epochs=3)
    runs = {f"{long}\x1b{k}": model.run for k in range(4)}
    for made in (
        st.pictures.boundary(model, table, title=f"\x07{long}"), st.pictures.predicted(model, table),
        st.pictures.confusion(model, table), st.pictures.training(runs, title="\x1b名"),
        st.pictures.activation("tanh", title=f"{long}\x1b"),
    ):  # fmt: skip
        assert parsed(made.svg()) is not None
