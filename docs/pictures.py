"""Draw the pictures of README.md and of the landing page into ``docs/images``: ``python docs/pictures.py``.

They are committed, so that README shows them without a build; draw them again when the package draws differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from matplotlib.figure import Figure

import steepest as st
from steepest.display.labels import power
from steepest.display.palette import DARK_PAPER, GREEN, PAPER, READABLE, SERIES, VERMILION
from steepest.display.picture import Picture
from steepest.pictures import MatplotlibPicture

FOLDER = Path(__file__).parent / "images"
XOR = {"X": [[0, 0], [0, 1], [1, 0], [1, 1]], "y": [0, 1, 1, 0]}


def graph() -> Picture:
    """Draw the squared error of a neuron for one sample, with values and gradients."""
    x, y, w, b = st.params("x", "y", "w", "b")
    u, z = x * w, x * w + b
    a = st.sigmoid(z)
    cost = (a - y) ** 2
    values = {"x": 2, "y": 1, "w": 1, "b": -2}
    return cost.graph(values, names={"u": u, "z": z, "a": a, "e": a - y, "C": cost})


def surface() -> Picture:
    """Draw the cost of the same neuron over six samples, with a descent on it."""
    x, y = st.data("x", "y")
    w, b = st.params("w", "b")
    cost = st.mean((st.sigmoid(x * w + b) - y) ** 2)
    table = {"x": [-2, -1, 0, 1, 2, 3], "y": [0, 0, 0, 1, 1, 1]}
    run = st.descend(cost, table, start={"w": -2, "b": 2.5}, rate=1.0, epochs=300)
    ranges = {"w": (-3, 4), "b": (-4, 4)}
    title = "Gradient descent on its cost"
    return st.pictures.surface(cost, table, paths=run, ranges=ranges, look="3d", points=28, width=3.8, title=title)


def optimisers() -> Picture:
    """Draw three optimisers on one cost."""
    x, y = st.params("x", "y")
    bowl = x**2 / 2 + 4 * y**2
    settings = {
        "gradient descent": {"rate": 0.2},
        "momentum": {"rate": 0.03, "optimiser": "momentum"},
        "Adam": {"rate": 0.15, "optimiser": "adam"},
    }
    start = {"x": -1.8, "y": 0.8}
    runs = {name: st.descend(bowl, start=start, epochs=40, **given) for name, given in settings.items()}
    ranges = {"x": (-2, 1), "y": (-1, 1)}
    return st.pictures.surface(bowl, paths=runs, ranges=ranges, points=60, title="Three optimisers on one cost")


def activations() -> Picture:
    """Draw four activations with their derivatives."""
    return st.pictures.activation(
        "sigmoid", "tanh", "relu", "softplus", low=-4, high=4, title="Activations and derivatives"
    )


def network() -> Picture:
    """Draw a trained network with the size and sign of its weights."""
    return st.models.network([2, 3, 1]).fit(XOR, rate=1.0, epochs=2000).diagram()


def differences() -> Picture:
    """Draw the error of finite differences as their step shrinks."""
    w = st.params("w")
    steps = np.geomspace(1, 1e-16, 65)
    schemes = ("forward", "central", "complex")
    cost = st.exp(w) * st.sin(w)
    rows = {name: st.shrinking_steps(cost, {"w": 1.0}, scheme=name, steps=steps) for name in schemes}

    def draw() -> Figure:
        figure = Figure(figsize=(3.4, 2.7), layout="constrained")
        axes = figure.subplots()
        for (name, found), colour, dashes in zip(rows.items(), SERIES, ("-", "--", ":"), strict=False):
            errors = [max(row.error, 1e-16) for row in found]  # a logarithmic axis has no 0
            axes.loglog([row.step for row in found], errors, dashes, color=colour, label=name)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(power)
        axes.set_xlabel("step ε")
        axes.set_ylabel("error of the derivative")
        axes.legend(frameon=False)
        return figure

    description = (
        "Both axes are logarithmic. The error of the forward difference falls with the step until 1e-8, then "
        "rises by round-off; that of the central difference falls faster, until 1e-5, then rises; that of the complex "
        "step falls and stays at round-off."
    )
    return MatplotlibPicture("The error of a difference as its step shrinks", description, rows, draw)


PICTURES: dict[str, Callable[[], Picture]] = {
    "graph": graph,
    "surface": surface,
    "optimisers": optimisers,
    "activations": activations,
    "network": network,
    "differences": differences,
}


def overview(left: Picture, right: Picture) -> str:
    """Return one SVG with a graph, the chain rule at its weight, and a surface.

    It has a background of its own, because a page that shows it may be dark where the system is light.
    """
    svgs = [picture.svg() for picture in (left, right)]
    styles = "".join(style for svg in svgs for style in re.findall(r"<style[^>]*>(.*?)</style>", svg, re.DOTALL))
    title = "A formula's graph with values and gradients, and gradient descent on its cost"
    about = escape(f"{left.description} {right.description}")
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 960 300" role="img" aria-labelledby="title desc">',
        f'<title id="title">{title}</title>',
        f'<desc id="desc">{about}</desc>',
        f"<style>{styles}{_own_style()}</style>",
        '<rect class="paper" width="960" height="300" rx="8"/>',
        '<text class="code" x="24" y="42" font-size="20">C = (sigmoid(x*w + b) - y)^2</text>',
        '<text x="24" y="70" font-size="15">'
        '<tspan class="forward">values forward</tspan>, <tspan class="backward">gradients backward</tspan></text>',
        _placed(svgs[0], 18, 86, 620, 150),
        f'<text x="24" y="268" font-size="15">{escape(explained(left))}</text>',
        _placed(svgs[1], 630, 0, 330, 300),
        "</svg>",
    ]
    return "\n".join([*lines, ""])


def _own_style() -> str:
    """Return the rules for the background, the formula and the two coloured words, in light and dark."""
    words = {"forward": READABLE[GREEN], "backward": READABLE[VERMILION]}
    light, dark = ("".join(f"tspan.{name}{{fill:{pair[k]}}}" for name, pair in words.items()) for k in (0, 1))
    return (
        f"text.code{{font-family:ui-monospace,monospace}}.paper{{fill:{PAPER}}}{light}"
        f"@media (prefers-color-scheme: dark){{.paper{{fill:{DARK_PAPER}}}{dark}}}"
    )


def explained(graph: Picture) -> str:
    """Return the chain rule at the weight ``w``."""
    return str(graph.explain("w"))  # type: ignore[attr-defined]


def _placed(svg: str, x: int, y: int, width: int, height: int) -> str:
    """Return a drawing without title and style, scaled into a box of another one."""
    box = re.search(r'viewBox="([^"]+)"', svg)
    assert box
    body = svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    body = re.sub(r"<(title|desc|style)\b[^>]*>.*?</\1>", "", body, flags=re.DOTALL)
    return f'<svg x="{x}" y="{y}" width="{width}" height="{height}" viewBox="{box[1]}">{body.strip()}</svg>'


def main() -> None:
    """Draw every picture."""
    drawn = {name: make() for name, make in PICTURES.items()}
    for name, picture in drawn.items():
        (FOLDER / f"{name}.svg").write_text(picture.svg(), encoding="utf-8")
    (FOLDER / "overview.svg").write_text(overview(drawn["graph"], drawn["surface"]), encoding="utf-8")


if __name__ == "__main__":
    main()
