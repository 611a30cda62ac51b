"""A drawing as PNG, by Matplotlib: ink on white paper."""

from __future__ import annotations

import io
from typing import Any

from steepest.display.palette import INK, PAPER, READABLE
from steepest.display.scene import Scene, Shape, Text, Wire
from steepest.errors import MissingLibraryError
from steepest.storage.marks import MARK

_DPI = 200.0
_MOST = 20_000  # pixels of a side; larger pictures have fewer dots an inch, to limit memory


def png(scene: Scene, title: str, description: str) -> bytes:
    """Return a drawing as PNG of 200 dots an inch, its title and description in the file."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingLibraryError("a PNG needs", "matplotlib", "pictures", "save the picture as .svg") from None
    figure = Figure(figsize=(scene.width / 72, scene.height / 72), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.set_axis_off()
    for order, mark in enumerate(scene.marks(), start=1):
        if isinstance(mark, Text):
            _text(axes, mark, order)
        elif not (isinstance(mark, Shape) and mark.kind == "none"):
            artist = _shape(mark) if isinstance(mark, Shape) else _wire(mark)
            artist.set_zorder(order)
            axes.add_patch(artist)
    out = io.BytesIO()
    dpi = min(_DPI, _MOST * 72 / max(scene.width, scene.height))
    about = {"Title": title, "Description": description, "Software": MARK}
    figure.savefig(out, format="png", dpi=dpi, facecolor=PAPER, metadata=about)
    return out.getvalue()


def _text(axes: Any, text: Text, order: int) -> None:
    from matplotlib.patheffects import withStroke

    colour = READABLE[text.colour][0] if text.colour in READABLE else text.colour or INK
    axes.text(
        text.x, text.y, text.text, fontsize=text.size * 0.92, color=colour, zorder=order, parse_math=False,
        ha={"start": "left", "end": "right"}.get(text.anchor, "center"), va="center_baseline",
        style="italic" if text.italic else "normal",
        path_effects=[withStroke(linewidth=2, foreground=PAPER)] * text.halo,
    )  # fmt: skip


def _shape(shape: Shape) -> Any:
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Circle, FancyBboxPatch

    style: dict[str, Any] = {
        "linewidth": shape.line, "edgecolor": shape.colour or INK,
        "facecolor": to_rgba(shape.fill, 0.15) if shape.fill else "none", "linestyle": "--" if shape.dashed else "-",
    }  # fmt: skip
    if shape.kind == "circle":
        return Circle((shape.x, shape.y), shape.width / 2, **style)
    corner = (shape.x - shape.width / 2, shape.y - shape.height / 2)
    return FancyBboxPatch(corner, shape.width, shape.height, boxstyle="round,pad=0,rounding_size=4", **style)


def _wire(wire: Wire) -> Any:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    curve = [Path.CURVE4] * (len(wire.points) - 1) if len(wire.points) > 2 else [Path.LINETO]
    path = Path(list(wire.points), [Path.MOVETO, *curve])
    style = "-|>,head_length=4,head_width=1.8" if wire.arrow else "-"
    return FancyArrowPatch(
        path=path, arrowstyle=style, linewidth=wire.line, color=wire.colour or INK, mutation_scale=1, shrinkA=0,
        shrinkB=0, linestyle="--" if wire.dashed else "-",
    )  # fmt: skip
