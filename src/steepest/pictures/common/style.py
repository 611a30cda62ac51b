"""The style of pictures: fonts, lines, ink. They are drawn on a Figure, without pyplot and its global state."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from steepest.display.labels import printable
from steepest.display.palette import COLUMN, PAGE, SERIES
from steepest.errors import MissingLibraryError, PictureError
from steepest.messages.sentences import in_python

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "viridis"
"""The map of costs to colours: perceptually uniform, and legible with colour deficiencies and in grey."""
DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 2)),
)  # fmt: skip
MARKS = ("o", "s", "^", "D", "v", "P")
_WIDTHS = {"column": COLUMN, "page": PAGE}
_LETTERS = 15  # of 8 points in an inch, about
_TITLE, _ENTRY = 6, 3  # lines of a title and of an entry of a legend: names of columns may be of any length
_NARROWEST, _WIDEST = 2.0, 30.0  # inches: axes with their labels fit; a poster has no larger picture


def width_of(width: float | str) -> float:
    """Return a width in inches: that of ``"column"``, of ``"page"``, or the number itself."""
    inches = _WIDTHS.get(width) if isinstance(width, str) else width
    if inches is None or not _NARROWEST <= inches <= _WIDEST:
        raise PictureError(f"a width is 'column', 'page' or from 2 to 30 inches, not {in_python(width)}")
    return float(inches)


@contextmanager
def style(ink: str) -> Iterator[None]:
    """Set this ink for figures made or written within the context; restore matplotlib's settings afterwards."""
    try:
        import matplotlib
    except ImportError:
        raise MissingLibraryError("pictures need", "matplotlib", "pictures") from None
    settings: dict[str, Any] = {
        "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 8.0, "axes.titlesize": 9.0,
        "axes.labelsize": 8.0, "xtick.labelsize": 8.0, "ytick.labelsize": 8.0, "legend.fontsize": 8.0,
        "figure.titlesize": 9.0, "axes.titleweight": "normal", "axes.unicode_minus": True,
        "text.color": ink, "axes.edgecolor": ink, "axes.labelcolor": ink, "xtick.color": ink, "ytick.color": ink,
        "axes.titlecolor": ink, "legend.labelcolor": ink, "lines.color": ink, "patch.edgecolor": ink,
        "axes.facecolor": "none", "figure.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False,
        "axes.linewidth": 0.6, "lines.linewidth": 1.3, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
        "axes.spines.top": False, "axes.spines.right": False, "grid.color": ink + "30",
        "grid.linewidth": 0.5, "axes.axisbelow": True, "axes.formatter.use_mathtext": False,
        "axes.formatter.limits": (-3, 4), "svg.fonttype": "none", "svg.hashsalt": "steepest", "pdf.fonttype": 42,
        "text.usetex": False, "text.parse_math": False, "path.simplify": True, "figure.dpi": 100,
    }  # fmt: skip
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, settings))
        yield


def ink() -> str:
    """Return the colour of the ink that is set."""
    import matplotlib

    return str(matplotlib.rcParams["text.color"])


def canvas(width: float, height: float) -> Figure:
    """Return a figure without axes yet, its size in inches, laid out so that nothing is cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(figure: Figure, title: str, number: int, columns: int, **shared: Any) -> list[Axes]:
    """Return so many axes in rows below a title."""
    figure.suptitle(wrapped(title, figure.get_figwidth()))
    places = list(figure.subplots(-(-number // columns), columns, squeeze=False, **shared).flat)
    for axes in places[number:]:
        axes.remove()
    return places[:number]


def colour_bar(figure: Figure, filled: Any, axes: Any, label: str, **more: Any) -> Any:
    """Add a bar of the colours of a drawing to its axes."""
    bar = figure.colorbar(filled, ax=axes, **more)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    return bar


def wrapped(text: str, width: float) -> str:
    """Wrap a title into lines that fit a width in inches; of a very long one only the beginning is shown."""
    return _lines(text, max(int(width * _LETTERS), 20), _TITLE) or text


def make_legible(figure: Figure) -> None:
    """Take characters that show nothing out of all text, and shorten labels of axes that are longer than the figure."""
    from matplotlib.text import Text

    for part in figure.findobj(Text):
        if isinstance(part, Text) and not part.get_text().isprintable():
            part.set_text(printable(part.get_text()))
    for axes in figure.axes:
        for axis, inches in ((axes.xaxis, figure.get_figwidth()), (axes.yaxis, figure.get_figheight())):
            text, letters = axis.get_label_text(), max(int(inches * _LETTERS), 20)
            if len(text) > letters:
                axis.set_label_text(f"{text[: letters - 1].rstrip()}…")


def _lines(text: str, letters: int, number: int) -> str:
    return "\n".join(textwrap.wrap(text, letters, max_lines=number, placeholder="…"))


def series(k: int) -> dict[str, Any]:
    """Return colour, dashes and marker of line number k; lines differ in all three."""
    return {"color": SERIES[k % len(SERIES)], "linestyle": DASHES[k % len(DASHES)], "marker": MARKS[k % len(MARKS)]}


# Sizes of a legend, estimated for letters of 8 points, since its height is needed before it is drawn.
_HANDLE = 8  # letters that the sample of a line and the gap after it take
_LINE = 0.165  # inches: the height of a line, with its share of the space between entries


def legend_height(labels: Sequence[str], width: float, columns: int = 2) -> float:
    """Return the height in inches of a legend with these labels below a picture."""
    if not labels:
        return 0.0
    folded, number = _folded(labels, width, columns)
    rows = -(-len(folded) // number)
    return 0.1 + _LINE * sum(sorted((label.count("\n") + 1 for label in folded), reverse=True)[:rows])


def _folded(labels: Sequence[str], width: float, columns: int) -> tuple[list[str], int]:
    """Wrap labels into lines that fit, and return them with the number of columns."""
    folded = [_lines(label, max(int(width * _LETTERS) - _HANDLE, 20), _ENTRY) for label in labels]
    longest = max(len(line) for label in folded for line in label.split("\n"))
    return folded, min(columns, len(labels), max(1, int(width * _LETTERS / (longest + _HANDLE - 1))))


def legend_below(figure: Figure, columns: int = 2) -> None:
    """Add one legend for all axes below everything, where it covers nothing."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        labels, number = _folded(list(found), figure.get_figwidth(), columns)
        figure.legend(list(found.values()), labels, loc="outside lower center", ncols=number)
