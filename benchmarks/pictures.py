"""Pictures and tables as files, for the benchmarks that write them."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from timing import Options

OUT = click.Option(
    ["--out"], type=click.Path(file_okay=False, path_type=Path), default=Path(__file__).with_name("out"),
    help="Where tables and pictures go: benchmarks/out if left out.",
)  # fmt: skip
MARKS = "osD^vP*X"


def write_table(out: Path, name: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as CSV."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([headers, *rows])


def picture(options: Options, out: Path, name: str, draw: Callable[[Any], Any]) -> None:
    """A PNG of what ``draw`` makes of pyplot, or a sentence that there is no matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        options.write(f"no picture {name}.png: matplotlib is not installed")
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    out.mkdir(parents=True, exist_ok=True)
    figure = draw(pyplot)
    figure.savefig(out / f"{name}.png", dpi=150, bbox_inches="tight")
    pyplot.close(figure)
    options.write(f"picture: {out / name}.png")


def curves(axes: Any, found: Mapping[str, Mapping[float, float]], x: str, y: str, title: str) -> None:
    """Lines on logarithmic axes: by name, from x to y."""
    for mark, (name, points) in zip(MARKS * 4, found.items(), strict=False):
        axes.loglog(list(points), list(points.values()), marker=mark, markersize=4, linewidth=1.2, label=name)
    axes.set(xlabel=x, ylabel=y, title=title)
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=7)
