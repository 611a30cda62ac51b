"""The command ``surface``: draw a cost over one or two parameters, with the paths of descents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options, tables
from steepest.cli.output import finish
from steepest.cli.subjects import subject

if TYPE_CHECKING:
    from steepest.tables.table import Table

_MOVING = ("gif", "mp4")
_DIFFERENCE = "finite-difference"


def _ranges(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Convert ``w=-2:4`` to a dict of ranges, for click."""
    found = {}
    for text in (part for value in values for part in options.parted(value)):
        match = options.RANGE.fullmatch(text.strip())
        try:
            if match is None or match[1] is None:
                raise ValueError
            found[options.bare(match[1])] = float(match[2]), float(match[3])
        except ValueError:
            raise click.BadParameter(f"{text!r} is not of the form name=low:high, as w=-2:4", ctx, param) from None
    return found


def _over(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | str | None:
    """Convert the names of axes to a list, for click; ``principal`` stays a word."""
    if value is None:
        return None
    found = [options.bare(part) for part in options.parted(value)]
    return "principal" if found == ["principal"] else found


@options.command("""
    steepest surface "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1 --look 3d -o tangent-plane.svg
    steepest surface "y ~ x*w" twice --over w --at w=3 -o curve.png
    steepest surface "z ~ sigmoid(x*w1 + y*w2 + b)" nand --over w1,b --start w1=.3,w2=.6,b=.1 --rate 1 -o path.svg
    steepest surface nand -o nand.svg
    steepest surface "x^2 + 4*y^2" --start x=-4,y=2 --optimiser momentum --optimiser adam:.5 -o two.gif
""")
@click.argument("formula")
@click.argument("table", required=False)
@click.option(
    "--over", callback=_over, metavar="NAME,…",
    help="One or two parameters (w,b or W1[0,2]), or principal: the main directions of the first descent.",
)  # fmt: skip
@options.assignments("--at", "Values of parameters: the point to mark, or that of the tangent.")
@click.option(
    "--range", "ranges", multiple=True, callback=_ranges, metavar="NAME=LOW:HIGH",
    help="Range of an axis (w=-2:4); may be repeated.",
)  # fmt: skip
@options.assignments("--move", "Length of the path A → B → C along each axis; draws the tangent plane at A.")
@click.option("--field", is_flag=True, help="Draw arrows along the negative gradient.")
@options.choice("--look", ["contours", "3d", "both"])
@options.starts("Parameters that descents start from; from a range LOW:HIGH the seed draws.")
@click.option(
    "--optimiser", "optimisers", multiple=True, metavar="NAME[:RATE]",
    help="Draw a descent with this optimiser; may be repeated. finite-difference uses numerical gradients.",
)  # fmt: skip
@options.shown("--rate", 0.1, "Learning rate of the descents.")
@options.shown("--epochs", 100, "Epochs of each descent.")
@click.option("--maximise", is_flag=True, help="Maximise instead.")
@options.cost
@options.seed
@options.na
@options.reading
@options.shown("--points", 200, "Points of the grid along an axis.", type=click.IntRange(2, 2000))
@options.shown("--frames", 60, "Frames of a gif or mp4, at most.", type=click.IntRange(2, 1000))
@options.width()
@options.title
@options.output("File to write; its suffix is the format: svg, png, pdf, html, tex, gif, mp4.", required=True)
@options.as_json
def surface(
    formula: str, table: str | None, over: Any, at: dict[str, float], ranges: dict[str, tuple[float, float]],
    move: dict[str, float], field: bool, look: str, start: dict[str, Any], optimisers: tuple[str, ...], rate: float,
    epochs: int, maximise: bool, cost: str, seed: int | None, na: str, points: int, frames: int, width: float | str,
    title: str | None, output: str, as_json: bool,
) -> int:  # fmt: skip
    """Draw the cost of FORMULA over one or two parameters.

    FORMULA is an expression, a model 'target ~ prediction', a saved model, or a built-in table, which has a default
    formula and start; names that are columns of TABLE are data. With --start or --optimiser the paths of descents
    are drawn; a gif or mp4 animates them.
    """
    from steepest import pictures
    from steepest.tables.built_in import BUILT_IN

    options.refuse_format(output, _MOVING)
    if formula in BUILT_IN:
        known, table = BUILT_IN[formula], table or formula
        formula, start = known.formula, start if start or at or seed is not None else dict(known.start)
    opened = None if table is None else tables.opened(table)
    asked = subject(formula, opened, cost)
    paths = None
    if start or optimisers or seed is not None:
        settings = {"rate": rate, "epochs": epochs, "maximise": maximise, "na": na}
        paths = _descents(asked, opened, start, seed or 0, optimisers, settings)
    drawing: dict[str, Any] = {"ranges": ranges, "points": points, "width": width, "title": title, "na": na}
    if Path(output).suffix.lower().lstrip(".") in _MOVING:
        if paths is None:
            raise click.UsageError("a moving picture shows a descent; give its start with --start w=0,b=0")
        if move or field or look != "contours":
            raise click.UsageError("a moving picture shows contours; leave --move, --field and --look out")
        moving = pictures.animate(paths, asked, opened, at or None, names=over, frames=frames, **drawing)
        return finish(moving, output, as_json)
    made = pictures.surface(
        asked, opened, at or None, names=over, paths=paths, move=move or None, field=field, look=look, **drawing
    )
    return finish(made, output, as_json)


def _descents(
    asked: Any, opened: Table | None, start: dict[str, Any], seed: int, optimisers: tuple[str, ...],
    settings: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Run a descent with each optimiser; return them by name."""
    from steepest.calculus.prepared import prepare
    from steepest.training.descent import descend
    from steepest.training.initialisers import initial

    data: Any
    cost, data = prepare(asked.cost if hasattr(asked, "objective") else asked), opened
    if opened is not None and hasattr(asked, "objective"):
        data = asked.samples(opened, settings["na"])
    begin = initial(cost.cost, start, seed, "--start")
    found = {}
    for text in optimisers or ("gradient-descent",):
        name, _, own = text.partition(":")
        try:
            rate = float(own) if own else settings["rate"]
        except ValueError:
            raise click.UsageError(f"--optimiser {text}: {own!r} is not a learning rate; write adam:0.3") from None
        how: dict[str, Any] = {"gradient": _DIFFERENCE} if name == _DIFFERENCE else {"optimiser": name}
        run = descend(cost, data, begin, progress=False, **{**settings, **how, "rate": rate})
        if run.diverged:
            options.tell(f"warning: {name}: {run.message}")
        found[name.replace("-", " ")] = run
    return found
