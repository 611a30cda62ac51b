"""A drawing as SVG."""

from __future__ import annotations

from itertools import count
from xml.sax.saxutils import escape, quoteattr

from steepest.display.labels import printable
from steepest.display.palette import DARK_PAPER, PAPER, READABLE, STYLE
from steepest.display.scene import Group, Mark, Scene, Shape, Text, Wire, pt

_numbers = count(1)  # ids are of a document, and a page may hold several drawings


def svg(scene: Scene, title: str, description: str) -> str:
    """Return a drawing as an SVG document with its title and description."""
    own = f"steepest-{next(_numbers)}"
    width, height = pt(scene.width), pt(scene.height)
    size = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"'
    labels = f'role="img" aria-labelledby="{own}-title {own}-desc"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {labels}>',
        f'<title id="{own}-title">{escape(printable(title))}</title>',
        f'<desc id="{own}-desc">{escape(printable(description))}</desc>',
        f"<style>{STYLE}{_text_colours()}</style>",
        *(line for group in scene.groups for line in _group(group)),
        "</svg>", "",
    ])  # fmt: skip


def _text_colours() -> str:
    """Return rules for darker letters on paper, lighter ones on a dark page: thin strokes need more contrast."""
    light = "".join(f"text.c{name[1:]}{{fill:{pair[0]}}}" for name, pair in READABLE.items())
    dark = "".join(f"text.c{name[1:]}{{fill:{pair[1]}}}" for name, pair in READABLE.items())
    light += f"text.halo{{paint-order:stroke;stroke:{PAPER};stroke-width:2.6px}}"
    dark += f"text.halo{{stroke:{DARK_PAPER}}}"
    return f"{light}@media (prefers-color-scheme: dark){{{dark}}}"


def _group(group: Group) -> list[str]:
    role = f' class="{group.role}"' if group.role else ""
    name = f" data-name={quoteattr(printable(group.name))}" if group.name else ""
    title = [f"<title>{escape(printable(group.title))}</title>"] if group.title else []
    return [f"<g{role}{name}>", *title, *(line for mark in group.marks for line in _mark(mark)), "</g>"]


def _mark(mark: Mark) -> list[str]:
    if isinstance(mark, Wire):
        return _wire(mark)
    return [_text(mark)] if isinstance(mark, Text) else [_shape(mark)] if mark.kind != "none" else []


def _text(text: Text) -> str:
    coloured = f"c{text.colour[1:]}" if text.colour in READABLE else ""
    classes = " ".join(part for part in (text.role, coloured, "halo" if text.halo else "") if part)
    style = f' style="fill:{text.colour}"' if text.colour and text.colour not in READABLE else ""
    slanted = ' font-style="italic"' if text.italic else ""
    kind = f' class="{classes}"' if classes else ""
    # The baseline is set by hand: not every viewer knows dominant-baseline.
    place = f'x="{pt(text.x)}" y="{pt(text.y + 0.35 * text.size)}" font-size="{pt(text.size)}"'
    return f'<text {place} text-anchor="{text.anchor}"{kind}{slanted}{style}>{escape(printable(text.text))}</text>'


def _shape(shape: Shape) -> str:
    stroke = _stroke(shape.colour, shape.line, shape.dashed)
    fill = f'fill="{shape.fill}" fill-opacity="0.15"' if shape.fill else 'fill="none"'
    if shape.kind == "circle":
        return f'<circle cx="{pt(shape.x)}" cy="{pt(shape.y)}" r="{pt(shape.width / 2)}" {fill} {stroke}/>'
    corner = f'x="{pt(shape.x - shape.width / 2)}" y="{pt(shape.y - shape.height / 2)}"'
    return f'<rect {corner} width="{pt(shape.width)}" height="{pt(shape.height)}" rx="4" {fill} {stroke}/>'


def _wire(wire: Wire) -> list[str]:
    points = [f"{pt(x)},{pt(y)}" for x, y in wire.points]
    path = f"M{points[0]} {'C' if len(points) > 2 else 'L'}{' '.join(points[1:])}"
    lines = [f'<path d="{path}" fill="none" {_stroke(wire.colour, wire.line, wire.dashed)}/>']
    if wire.arrow:
        lines.append(f'<polygon points="{_head(wire)}" fill="{wire.colour or "currentColor"}"/>')
    return lines


def _head(wire: Wire) -> str:
    """Return the arrowhead as a triangle: not every viewer gives SVG markers the colour of their line."""
    (x1, y1) = last = wire.points[-1]
    x0, y0 = next((p for p in reversed(wire.points[:-1]) if p != last), last)
    length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5 or 1.0
    ux, uy = (x1 - x0) / length, (y1 - y0) / length
    reach, half = 4.2 + wire.line, 1.5 + 0.6 * wire.line
    corners = [
        (x1, y1),
        (x1 - reach * ux - half * uy, y1 - reach * uy + half * ux),
        (x1 - reach * ux + half * uy, y1 - reach * uy - half * ux),
    ]
    return " ".join(f"{pt(x)},{pt(y)}" for x, y in corners)


def _stroke(colour: str, width: float, dashed: bool) -> str:
    dashes = ' stroke-dasharray="3 2"' if dashed else ""
    return f'stroke="{colour or "currentColor"}" stroke-width="{pt(width)}"{dashes}'
