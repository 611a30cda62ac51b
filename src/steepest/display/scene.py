"""A drawing independent of its format: texts, shapes and wires at positions, from which SVG, TikZ and PNG are made.

Lengths are in points of 1/72 inch, x to the right and y down. An empty colour is the reader's ink.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from steepest.expressions.characters import SUBSCRIPTS, SUPERSCRIPTS

Point = tuple[float, float]

SIZE = 8.0
"""The usual height of letters: that of captions in a two-column paper."""
SMALL = 6.5

_NARROW = frozenset("iljt.,:;|()[]1 ₁⁽⁾ᵢ'`·")
_RAISED = frozenset(SUBSCRIPTS + SUPERSCRIPTS + "⁽⁾ᵢⱼᵀ")


@dataclass(frozen=True)
class Text:
    """A text; ``y`` is the middle of its line."""

    x: float
    y: float
    text: str  # in Unicode
    latex: str = ""  # with ``$`` around mathematics; it may be empty where the text is plain
    size: float = SIZE
    anchor: str = "middle"  # ``start``, ``middle`` or ``end``: the part of the text at x
    colour: str = ""
    role: str = ""  # the class of its SVG element, for programs that read the SVG
    italic: bool = False
    halo: bool = False  # whether it has a margin that hides lines behind it


@dataclass(frozen=True)
class Shape:
    """A circle or a box around a point; ``name`` is what wires refer to."""

    x: float
    y: float
    width: float
    height: float
    kind: str = "circle"
    name: str = ""
    colour: str = ""
    fill: str = ""
    dashed: bool = False
    line: float = 0.7


@dataclass(frozen=True)
class Wire:
    """A straight line of two points, or Bézier curves of 1 + 3k."""

    points: tuple[Point, ...]
    arrow: bool = True
    colour: str = ""
    line: float = 0.7
    dashed: bool = False
    ends: tuple[str, str] | None = None  # the names of the shapes that a straight line joins, where it does


Mark = Text | Shape | Wire


@dataclass(frozen=True)
class Group:
    """Marks that belong together."""

    marks: tuple[Mark, ...]
    title: str = ""  # its tooltip
    role: str = ""  # its kind, such as ``node`` or ``edge``
    name: str = ""  # of the node or edge that it shows


@dataclass(frozen=True)
class Scene:
    """A drawing: groups, of which later ones cover earlier ones."""

    width: float
    height: float
    groups: tuple[Group, ...]

    def marks(self) -> Iterator[Mark]:
        """Yield every mark."""
        for group in self.groups:
            yield from group.marks


def text_width(text: str, size: float = SIZE) -> float:
    """Return the approximate width of a text in points, rather too large than too small: no fonts are read."""
    width = sum(0.33 if c in _NARROW else 0.42 if c in _RAISED else 0.78 if c in "mwMWΣ@…" else 0.6 for c in text)
    return width * size


def point_at(points: tuple[Point, ...], share: float) -> Point:
    """Return the point after a share of a wire's pieces: halfway for 0.5."""
    if len(points) < 4:
        (x0, y0), (x1, y1) = points[0], points[-1]
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)
    pieces = (len(points) - 1) // 3
    k = min(int(share * pieces), pieces - 1)
    t = share * pieces - k
    a, b, c, d = points[3 * k : 3 * k + 4]
    u = 1 - t
    weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
    x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
    return x, y


def pt(length: float) -> str:
    """Write a length in points to two decimals, without trailing zeros."""
    return f"{length:.2f}".rstrip("0").rstrip(".")
