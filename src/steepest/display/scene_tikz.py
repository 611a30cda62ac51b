"""A drawing as a ``tikzpicture`` that needs nothing but the package ``tikz``."""

from __future__ import annotations

from steepest.display.palette import READABLE
from steepest.display.scene import Mark, Scene, Shape, Text, Wire, pt
from steepest.expressions.characters import latex_text

_MOST = 4.7 * 72.0  # points: the largest width of a picture is that of the text of LaTeX's article, 4.7 inches
_LINE = 0.7  # points: the default width of lines in a scene, set once for the picture


def tikz(scene: Scene) -> str:
    """Return a drawing as a ``tikzpicture`` environment; one wider than a page is scaled down, with its letters."""
    scale = min(1.0, _MOST / scene.width)
    options = ["x=1bp", "y=-1bp", f"line width={pt(_LINE * scale)}bp", ">=stealth"]
    if scale < 1:
        options.append(f"scale={scale:.4f}, transform shape")
    colours = sorted({mark.colour for mark in scene.marks()} | {m.fill for m in scene.marks() if isinstance(m, Shape)})
    lines = [rf"\begin{{tikzpicture}}[{', '.join(options)}]"]
    for colour in filter(None, colours):
        lines.append(rf"\definecolor{{{_colour(colour)}}}{{HTML}}{{{colour[1:]}}}")
        if colour in READABLE:
            lines.append(rf"\definecolor{{{_colour(colour)}text}}{{HTML}}{{{READABLE[colour][0][1:]}}}")
    named = {m.name for m in scene.marks() if isinstance(m, Shape) and m.name}
    # Wires that join shapes by name come after these, and texts with a halo after both.
    later: list[str] = []
    over: list[str] = []
    for mark in scene.marks():
        joins = (
            isinstance(mark, Wire) and mark.ends is not None and {end.partition(".")[0] for end in mark.ends} <= named
        )
        halo = isinstance(mark, Text) and mark.halo
        (later if joins else over if halo else lines).append(_mark(mark, joins, scale))
    return "\n".join([*lines, *later, *over, r"\end{tikzpicture}", ""])


def _mark(mark: Mark, joins: bool, scale: float) -> str:
    if not isinstance(mark, Wire):
        return _text(mark) if isinstance(mark, Text) else _shape(mark, scale)
    style = _options(["->"] if mark.arrow else [], mark, scale)
    if joins and mark.ends is not None:
        return rf"\draw{style} ({mark.ends[0]}) -- ({mark.ends[1]});"
    first, *rest = [f"({pt(x)},{pt(y)})" for x, y in mark.points]
    if len(mark.points) < 4:
        return rf"\draw{style} {first} -- {rest[-1]};"
    pieces = [f".. controls {rest[k]} and {rest[k + 1]} .. {rest[k + 2]}" for k in range(0, len(rest) - 2, 3)]
    return rf"\draw{style} {first} {' '.join(pieces)};"


def _text(text: Text) -> str:
    anchor = {"start": "west", "end": "east"}.get(text.anchor, "center")
    colour = f"text={_colour(text.colour)}{'text' if text.colour in READABLE else ''}, " if text.colour else ""
    font = rf"font=\fontsize{{{pt(text.size)}}}{{{pt(text.size * 1.2)}}}\selectfont"
    halo = "fill=white, " if text.halo else ""
    options = f"{halo}{colour}anchor={anchor}, inner sep=0, {font}"
    return rf"\node[{options}] at ({pt(text.x)},{pt(text.y)}) {{{text.latex or latex_text(text.text)}}};"


def _shape(shape: Shape, scale: float) -> str:
    if shape.kind == "none":
        size = f"minimum width={pt(shape.width)}bp, minimum height={pt(shape.height)}bp"
        return rf"\node[inner sep=0, {size}] ({shape.name}) at ({pt(shape.x)},{pt(shape.y)}) {{}};"
    kind = ["circle", "draw"] if shape.kind == "circle" else ["rectangle", f"rounded corners={pt(4 * scale)}bp", "draw"]
    box = [f"minimum width={pt(shape.width)}bp", f"minimum height={pt(shape.height)}bp", "inner sep=0"]
    fill = [f"fill={_colour(shape.fill)}!15"] if shape.fill else []
    style = _options([*kind, *box, *fill], shape, scale)
    name = f" ({shape.name})" if shape.name else ""
    return rf"\node{style}{name} at ({pt(shape.x)},{pt(shape.y)}) {{}};"


def _options(first: list[str], mark: Shape | Wire, scale: float) -> str:
    colour = [_colour(mark.colour)] if mark.colour else []
    # TikZ scales lengths, but not the widths of lines.
    line = [f"line width={pt(mark.line * scale)}bp"] if abs(mark.line - _LINE) > 1e-9 else []
    found = [*first, *colour, *line, *["dashed"] * mark.dashed]
    return f"[{', '.join(found)}]" if found else ""


def _colour(colour: str) -> str:
    """Return a name for a colour that LaTeX accepts."""
    return f"steepest{colour[1:]}"
