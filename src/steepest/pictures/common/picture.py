"""Pictures drawn by Matplotlib, with an interactive version by plotly and pgfplots code where offered."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from steepest.display.labels import printable
from steepest.display.palette import DARK_INK, DARK_PAPER, INK, PAPER, STYLE
from steepest.display.picture import Picture
from steepest.errors import MissingLibraryError, PictureError
from steepest.pictures.common.style import make_legible, style
from steepest.storage.marks import MARK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DOTS = 200  # per inch
_FONTS = re.compile(r"'DejaVu Sans'(?:, [^;\"]*)?")


class MatplotlibPicture(Picture):
    """A picture of numbers, drawn when it is first shown or saved.

    Args:
        title, description: of the picture.
        numbers: the data of the picture, a frozen dataclass.
        draw: returns the figure of Matplotlib.
        interactive: returns the figure of plotly, if it is offered.
        tikz: returns the pgfplots code, if it is offered.

    Attributes:
        numbers: the data of the picture.
    """

    def __init__(
        self, title: str, description: str, numbers: Any, draw: Callable[[], Figure],
        interactive: Callable[[], Any] | None = None, tikz: Callable[[], str] | None = None,
    ) -> None:  # fmt: skip
        self.title, self.description, self.numbers = title, description, numbers
        self._draw, self._interactive, self._tikz = draw, interactive, tikz

    @cached_property
    def figure(self) -> Figure:
        """The figure of matplotlib, in dark ink."""
        with style(INK):
            return self._drawn()

    def _drawn(self) -> Figure:
        figure = self._draw()
        make_legible(figure)
        return figure

    def svg(self) -> str:
        made = io.StringIO()
        with style(INK), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's fonts are used
            self.figure.savefig(made, format="svg", metadata={"Date": None})
        return _finished(made.getvalue(), self.title, self.description)

    def png(self, dark: bool = False, dots: int = _DOTS) -> bytes:
        """Return the picture as PNG.

        Args:
            dark: light ink on dark paper.
            dots: per inch.
        """
        made = io.BytesIO()
        with style(DARK_INK if dark else INK):
            figure = self._drawn() if dark else self.figure
            about = {"Title": self.title, "Description": self.description, "Software": MARK}
            figure.savefig(made, format="png", dpi=dots, facecolor=DARK_PAPER if dark else PAPER, metadata=about)
        return made.getvalue()

    def pdf(self) -> bytes:
        """Return the picture as PDF, with a transparent background."""
        made = io.BytesIO()
        with style(INK):
            about = {"Title": self.title, "Subject": self.description, "CreationDate": None, "Producer": None}
            self.figure.savefig(made, format="pdf", metadata={**about, "Creator": MARK})
        return made.getvalue()

    def tikz(self) -> str:
        """Return the picture as pgfplots code: a ``tikzpicture`` with its data in it, a column wide.

        The document needs ``\\usepackage{pgfplots}`` and ``\\pgfplotsset{compat=1.18}``.

        Raises:
            PictureError: this picture is not offered for LaTeX.
        """
        if self._tikz is None:
            raise PictureError(f"{self.title!r} is not offered as LaTeX code; save it as PDF and include that")
        return self._tikz()

    def interactive(self) -> Any:
        """Return the picture as a figure of plotly, to rotate, zoom and read numbers from.

        Raises:
            PictureError: this picture is not offered so, or plotly is not installed.
        """
        if self._interactive is None:
            raise PictureError(f"{self.title!r} is not offered as an interactive picture; save it as SVG")
        try:
            import plotly  # noqa: F401 - whether it is there
        except ImportError:
            raise MissingLibraryError("interactive pictures need", "plotly", "pictures") from None
        return self._interactive()

    def html(self) -> str:
        """Return a page with the interactive picture and all it needs; it makes no network requests."""
        from steepest.pictures.common.page import page

        return page(self.interactive(), self.title, self.description)

    def formats(self) -> Mapping[str, Callable[[], bytes]]:
        found: dict[str, Callable[[], bytes]] = {"svg": lambda: self.svg().encode(), "png": self.png, "pdf": self.pdf}
        if self._interactive is not None:
            found["html"] = lambda: self.html().encode()
        if self._tikz is not None:
            found["tex"] = lambda: self.tikz().encode()
        return found


def _finished(text: str, title: str, description: str) -> str:
    """Adapt the SVG of Matplotlib to web pages: text alternative, ink that follows light and dark, no dates."""
    body = text[text.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(INK, "currentColor", body, flags=re.IGNORECASE)
    body = _FONTS.sub("system-ui, sans-serif", body)
    body = re.sub(r"(?m)[ \t]+$", "", body)
    start, end = body.split(">", 1)
    mark = hashlib.sha256(f"{title}\n{description}".encode()).hexdigest()[:8]
    return (
        f'{start} role="img" aria-labelledby="title-{mark} desc-{mark}">'
        f'\n <title id="title-{mark}">{escape(printable(title))}</title>'
        f'\n <desc id="desc-{mark}">{escape(printable(description))}</desc>'
        f"\n <style>{STYLE}</style>{end}"
    )
