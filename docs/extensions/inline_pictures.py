"""Put SVG pictures into the page itself: those that cells draw and those of ``docs/images``.

Their titles and descriptions can be read aloud, and they follow the site's switch between light and dark, which a file
of its own does not see.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from steepest.documents.drawings import embedded
from steepest.errors import DocumentError

_DARK = "@media (prefers-color-scheme: dark){"


class InlinePictures(SphinxPostTransform):
    """Replace images by the SVG that they name."""

    default_priority = 300  # after myst-nb has chosen what is shown of an output
    formats = ("html",)

    def run(self, **_: Any) -> None:
        page = re.sub(r"\W", "-", self.env.docname)
        for k, image in enumerate(list(self.document.findall(nodes.image)), start=1):
            place = Path(self.env.srcdir) / image["uri"]
            if place.suffix == ".svg" and {"jupyter_execute", "images"} & set(place.parts):
                text = within(place.read_text("utf-8"), f"{page}-{k}")
                image.replace_self(nodes.raw("", f'<div class="picture">{text}</div>', format="html"))


def within(svg: str, name: str) -> str:
    """Return a picture as an element of a page of the site.

    Raises:
        DocumentError: The picture has no title or description.
    """
    title, about = (re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", svg, re.DOTALL) for tag in ("title", "desc"))
    if title is None or about is None or not about[1].strip():
        raise DocumentError(f"the picture {name} has no title or description, so that not everyone can read it")
    text = embedded(svg, name, "", _plain(about[1]))
    return text.replace(_DARK, '[data-theme="dark"] &{')


def _plain(text: str) -> str:
    from html import unescape

    return unescape(text)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_post_transform(InlinePictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
