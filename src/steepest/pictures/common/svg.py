"""SVG of Matplotlib adapted to web pages: text alternative, ink that follows light and dark, no dates."""

from __future__ import annotations

import hashlib
import re
from xml.sax.saxutils import escape

from steepest.display.palette import STYLE

_FONTS = re.compile(r"'DejaVu Sans'(?:, [^;\"]*)?")


def finished(text: str, ink: str, title: str, description: str) -> str:
    """Return the SVG of a figure with a title and a description, its ink ``currentColor``.

    Args:
        text: as matplotlib wrote it, with ``svg.fonttype`` "none".
        ink: the colour of the ink in it, as ``#rrggbb``.
        title, description: of the picture.
    """
    body = text[text.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(re.escape(ink), "currentColor", body, flags=re.IGNORECASE)
    body = _FONTS.sub("system-ui, sans-serif", body)
    body = re.sub(r"(?m)[ \t]+$", "", body)
    end = body.index(">")
    mark = hashlib.sha256(f"{title}\n{description}".encode()).hexdigest()[:8]
    names = f' role="img" aria-labelledby="title-{mark} desc-{mark}"'
    head = (
        f'\n <title id="title-{mark}">{escape(title)}</title>'
        f'\n <desc id="desc-{mark}">{escape(description)}</desc>'
        f"\n <style>{STYLE}</style>"
    )
    return body[:end] + names + body[end : end + 1] + head + body[end + 1 :]
