"""Embed SVG in a page: each picture with ids and styles of its own, a title and a description."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

from steepest.errors import DocumentError

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_LOCAL = re.compile(r"url\(\s*(['\"]?)#([^)'\"]+)\1\s*\)")


def embedded(svg: str, name: str, title: str, description: str) -> str:
    """Return a picture as an ``<svg>`` element of an HTML page; raise a DocumentError where the text is no SVG.

    ``name`` is the prefix of its ids on the page, ``title`` its title if it has none of its own.
    """
    try:
        root = ElementTree.fromstring(svg.strip())
    except ElementTree.ParseError as error:
        raise DocumentError(f"a picture of the paper is no SVG: {error}") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise DocumentError(f"a picture of the paper is no SVG but begins with the element {root.tag!r}")
    heading = ElementTree.Element(f"{{{_SVG}}}title", id=f"{name}-title")
    heading.text = root.findtext(f"{{{_SVG}}}title") or title
    said = ElementTree.Element(f"{{{_SVG}}}desc", id=f"{name}-description")
    said.text = description
    for tag in ("title", "desc", "metadata"):
        for old in root.findall(f"{{{_SVG}}}{tag}"):
            root.remove(old)
    for element in root.iter():
        _rename(element, name)
    root.insert(0, heading)
    root.insert(1, said)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    root.set("id", f"{name}-picture")
    for style in root.iter(f"{{{_SVG}}}style"):
        # Nested in the picture's own name its rules do not reach the page, nor those of another picture.
        rules = re.sub(r"(^|[{},\s])svg(?=[\s{,.:])", r"\1&", _LOCAL.sub(rf"url(#{name}-\2)", style.text or ""))
        style.text = f"#{name}-picture{{{rules}}}"
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def address(svg: str, title: str, description: str) -> str:
    """Return a picture as a ``data:`` address, for an image of a Markdown text."""
    text = embedded(svg, "picture", title, description)
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()


def _rename(element: ElementTree.Element, name: str) -> None:
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
            element.set(key, f"#{name}-{value[1:]}")
        elif key in ("aria-labelledby", "aria-describedby"):
            element.set(key, " ".join(f"{name}-{part}" for part in value.split()))
        elif "url(" in value:
            element.set(key, _LOCAL.sub(rf"url(#{name}-\2)", value))
