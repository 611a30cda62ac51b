"""The commands that draw numbers: surface, and plot with its kinds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli import options
from steepest.cli.fit import model_of
from steepest.cli.output import print_json
from steepest.cli.subjects import is_saved, subject

if TYPE_CHECKING:
    from steepest.display.picture import Picture
    from steepest.pictures import MatplotlibPicture
    from steepest.tables.table import Table

_MOVING = ("gif", "mp4")
_DIFFERENCE = "finite-difference"
_RANGE = re.compile(r"(?:(.+)=)?([^:=]+):([^:=]+)")

_output = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), required=True,
    help="The file; its ending is the format: svg, png, pdf, html, tex.",
)  # fmt: skip
_width = click.option("--width", default="column", show_default=True, metavar="WIDTH", help="column, page or inches.")
_title = click.option("--title", help="Title of the picture; replaces the default one.")


def _inches(width: str) -> float | str:
    """A width as the library takes it."""
    try:
        return float(width)
    except ValueError:
        return width


def _ranges(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """``w=-2:4`` as a dict from a name to its range."""
    found = {}
    for text in (part for value in values for part in _parted(value)):
        match = _RANGE.fullmatch(text.strip())
        try:
            if match is None or match[1] is None:
                raise ValueError
            found[options.bare(match[1])] = float(match[2]), float(match[3])
        except ValueError:
            raise click.BadParameter(f"{text!r} is not of the form name=low:high, as w=-2:4", ctx, param) from None
    return found


def _parted(text: str) -> list[str]:
    """``w,W1[0,2]`` at the commas that stand outside brackets."""
    return [part for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def _over(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | str | None:
    """Names of axes, or ``principal``."""
    if value is None:
        return None
    found = [options.bare(part) for part in _parted(value)]
    return "principal" if found == ["principal"] else found


def _finish(picture: Picture, output: str, as_json: bool) -> int:
    """Write the picture, and say what is to be seen in it."""
    picture.save(output)
    if as_json:
        print_json({"title": picture.title, "description": picture.description, "output": output})
    else:
        click.echo(picture.description)
    options.tell(f"written to {output}")
    return 0


def _refuse(output: str, more: tuple[str, ...] = ()) -> None:
    """Errors of the output before anything is computed."""
    from steepest.storage.tensors import refuse_place

    suffix, known = Path(output).suffix.lower().lstrip("."), ("svg", "png", "pdf", "html", "tex", *more)
    if suffix not in known:
        given = f"no format {suffix!r}" if suffix else "no format without an ending"
        raise click.UsageError(f"there is {given} for a picture here; end the name in .{', .'.join(known)}")
    refuse_place(output)


@click.command(
    cls=options.Command,
    examples="""
    steepest surface "2*x^2 + y^2" --at x=.5,y=.5 --move x=.1,y=.1 --look 3d -o tangent-plane.svg
    steepest surface "y ~ x*w" twice --over w --at w=3 -o curve.png
    steepest surface "z ~ sigmoid(x*w1 + y*w2 + b)" nand --over w1,b --start w1=.3,w2=.6,b=.1 --rate 1 -o path.svg
    steepest surface nand -o nand.svg
    steepest surface "x^2 + 4*y^2" --start x=-4,y=2 --optimiser momentum --optimiser adam:.5 -o two.gif
    """,
)
@click.argument("formula")
@click.argument("table", required=False)
@click.option(
    "--over", callback=_over, metavar="NAME,…",
    help="One or two parameters, as w,b or W1[0,2]; or principal: where the first descent moves most.",
)  # fmt: skip
@options.assignments("--at", "Values of parameters; the point to mark, or at which the tangent touches.")
@click.option(
    "--range", "ranges", multiple=True, callback=_ranges, metavar="NAME=LOW:HIGH", help="As w=-2:4; repeatable."
)
@options.assignments("--move", "How far A → B → C goes along each axis; draws the tangent plane at A.")
@click.option("--field", is_flag=True, help="Arrows against the gradient.")
@click.option("--look", type=click.Choice(["contours", "3d", "both"]), default="contours", show_default=True)
@options.assignments("--start", "Parameters that descents start from.")
@click.option(
    "--optimiser", "optimisers", multiple=True, metavar="NAME[:RATE]",
    help="Draw a descent by this one; repeatable. finite-difference is gradient descent by differences.",
)  # fmt: skip
@click.option("--rate", type=float, default=0.1, show_default=True, help="The step length of descents.")
@click.option("--epochs", type=int, default=100, show_default=True, help="How many each descent makes.")
@click.option("--maximise", is_flag=True, help="Climb instead.")
@options.cost
@options.seed
@options.na
@click.option(
    "--points", type=click.IntRange(2, 2000), default=200, show_default=True, help="Of the grid along an axis."
)
@click.option("--frames", type=click.IntRange(2, 1000), default=60, show_default=True, help="Of a gif or mp4, at most.")
@_width
@_title
@click.option("-o", "--output", type=click.Path(dir_okay=False), required=True,
              help="The file; its ending is the format: svg, png, pdf, html, tex, gif, mp4.")  # fmt: skip
@options.as_json
def surface(
    formula: str, table: str | None, over: Any, at: dict[str, float], ranges: dict[str, tuple[float, float]],
    move: dict[str, float], field: bool, look: str, start: dict[str, float], optimisers: tuple[str, ...], rate: float,
    epochs: int, maximise: bool, cost: str, seed: int | None, na: str, points: int, frames: int, width: str,
    title: str | None, output: str, as_json: bool,
) -> int:  # fmt: skip
    """Draw the cost of FORMULA over one parameter or two.

    FORMULA is an expression, a model 'target ~ prediction', a saved model, or a built-in table, which brings its
    formula and its start; names that are columns of TABLE are data. With --start or --optimiser it descends, and
    draws the paths. A gif or an mp4 shows them growing.
    """
    from steepest import pictures

    _refuse(output, _MOVING)
    formula, table, start = _built_in(formula, table, start, bool(at) or seed is not None)
    from steepest.tables.table import open_table

    opened = None if table is None else open_table(table)
    asked = subject(formula, opened, cost)
    paths = None
    if start or optimisers or seed is not None:
        paths = _descents(asked, opened, start, optimisers, rate, epochs, maximise, seed, na)
    if Path(output).suffix.lower().lstrip(".") in _MOVING:
        if paths is None:
            raise click.UsageError("a moving picture shows a descent; say where from, by --start w=0,b=0")
        if move or field or look != "contours":
            raise click.UsageError("a moving picture shows contours; leave --move, --field and --look out")
        moving = pictures.animate(
            paths, asked, opened, at or None, names=over, ranges=ranges, frames=frames, points=points,
            width=_inches(width), title=title, na=na,
        )  # fmt: skip
        return _finish(moving, output, as_json)
    made = pictures.surface(
        asked, opened, at or None, names=over, paths=paths, ranges=ranges, move=move or None, field=field, look=look,
        points=points, width=_inches(width), title=title, na=na,
    )  # fmt: skip
    return _finish(made, output, as_json)


def _built_in(
    formula: str, table: str | None, start: dict[str, float], placed: bool
) -> tuple[str, str | None, dict[str, float]]:
    """A built-in table's name as its formula, table and start; the start only where the point is not given."""
    from steepest.tables.table import BUILT_IN

    if formula not in BUILT_IN:
        return formula, table, start
    known = BUILT_IN[formula]
    return known.formula, table or formula, start if start or placed else dict(known.start)


def _descents(
    asked: Any, opened: Table | None, start: dict[str, float], optimisers: tuple[str, ...], rate: float, epochs: int,
    maximise: bool, seed: int | None, na: str,
) -> dict[str, Any]:  # fmt: skip
    """A descent for each optimiser, by what it is called."""
    from steepest.calculus.prepared import prepare
    from steepest.training.descent import descend
    from steepest.training.initialisers import initial

    data: Any
    cost, data = prepare(asked.cost if hasattr(asked, "objective") else asked), opened
    if opened is not None and hasattr(asked, "objective"):
        data = asked.samples(opened, na)
    begin = initial(cost.cost, start, seed or 0, "--start")
    found = {}
    for text in optimisers or ("gradient-descent",):
        name, _, own = text.partition(":")
        try:
            speed = float(own) if own else rate
        except ValueError:
            raise click.UsageError(f"--optimiser {text}: {own!r} is no rate; write it as adam:0.3") from None
        how: dict[str, Any] = {"gradient": _DIFFERENCE} if name == _DIFFERENCE else {"optimiser": name}
        run = descend(cost, data, begin, speed, epochs, maximise=maximise, na=na, progress=False, **how)
        if run.diverged:
            options.tell(f"warning: {name}: {run.message}")
        found[name.replace("-", " ")] = run
    return found


# -- plot --------------------------------------------------------------------------------------------------------


@click.group(
    cls=options.Group,
    examples="""
    steepest plot activation sigmoid tanh relu -o activations.svg
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o course.svg
    steepest plot confusion model.safetensors test.csv -o confusion.png
    """,
)
def plot() -> None:
    """Draw activations, trainings and predictions, each kind a command of its own."""


@plot.command(
    examples="""
    steepest plot activation sigmoid -o sigmoid.svg
    steepest plot activation relu leaky_relu "z*sigmoid(z)" --range -4:4 --width page -o some.pdf
    """
)
@click.argument("names", nargs=-1, required=True)
@click.option("--range", "span", default="-8:8", show_default=True, metavar="LOW:HIGH", help="Of z.")
@_width
@_title
@_output
@options.as_json
def activation(names: tuple[str, ...], span: str, width: str, title: str | None, output: str, as_json: bool) -> int:
    """Draw activations and their derivatives, with kinks and saturated regions marked.

    NAMES are rows of the table that 'steepest ops' lists, or formulas in one name.
    """
    from steepest import pictures

    _refuse(output)
    match = _RANGE.fullmatch(span)
    try:
        if match is None or match[1] is not None:
            raise ValueError
        low, high = float(match[2]), float(match[3])
    except ValueError:
        raise click.UsageError(f"--range {span!r} is not of the form low:high, as -4:4") from None
    made = pictures.activation(*names, low=low, high=high, width=_inches(width), title=title)
    return _finish(made, output, as_json)


def _layers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """``32,16`` as numbers."""
    try:
        return None if value is None else [int(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"{value!r} is not of the form 32,16: neurons of each layer", ctx, param) from None


_FITTING: tuple[Callable[[Any], Any], ...] = (
    click.option("--layers", callback=_layers, metavar="N,…", help="A network; FORMULA is then the target's name."),
    click.option("--features", metavar="PATTERN", help="The columns that are X together."),
    click.option("--activation", default="tanh", show_default=True, help="Of hidden layers."),
    click.option("--cost", metavar="NAME", help="As for fit."),
    click.option("--optimiser", default="gradient-descent", show_default=True, metavar="NAME", help="As for fit."),
    click.option("--rate", type=float, default=0.1, show_default=True, help="The step length."),
    click.option("--epochs", type=int, default=1000, show_default=True, help="How many."),
    click.option("--batch", type=int, help="Samples of an update; all if left out."),
    click.option("--validate", type=float, metavar="SHARE", help="Of the rows, held out to look at the cost."),
    click.option("--patience", type=int, help="Stop after so many epochs without a lower validation cost."),
    options.assignments("--start", "Parameters to start from."),
    options.seed,
    options.na,
)
"""The options of a training, as those of fit."""


def _fitting(command: Callable[..., int]) -> Callable[..., int]:
    for option in reversed(_FITTING):
        command = option(command)
    return command


def _fitted(what: str, table: str, given: dict[str, Any]) -> Any:
    """A saved model, or a formula fitted to a table."""
    import warnings

    from steepest.errors import SteepestWarning
    from steepest.models.model import load
    from steepest.tables.table import open_table

    start, seed, na = given.pop("start"), given.pop("seed"), given.pop("na")
    if is_saved(what):
        return load(what)
    extras = {"output": "auto", "weights": None, "l1": 0.0, "l2": 0.0, "balanced": False}
    opened = open_table(table)
    settings = {**given, **extras}
    model = model_of(opened, what, settings)
    model.use(opened)
    for note in model.notes:
        options.tell(f"warning: {note}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SteepestWarning)  # said below
        model.fit(opened, start=start or None, seed=seed or 0, na=na, **settings)
    run = model.run
    assert run is not None  # fit has just set it
    for sentence in [*run.warnings, *([run.message] if run.diverged else [])]:
        options.tell(f"warning: {sentence}")
    return model


@plot.command(
    examples="""
    steepest plot training "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 --epochs 5000 -o course.svg
    steepest plot training digit digits.csv --layers 32 --validate 0.2 -o course.pdf
    """,
)
@click.argument("formula")
@click.argument("table")
@_fitting
@click.option("--restarts", type=int, metavar="K", help="Descend from K starts, and show where they ended.")
@_width
@_title
@_output
@options.as_json
def training(
    formula: str, table: str, restarts: int | None, width: str, title: str | None, output: str, as_json: bool,
    **given: Any,
) -> int:  # fmt: skip
    """Fit FORMULA to TABLE, and draw costs, validation costs and the norms of gradient and parameters.

    A saved model cannot be drawn: it holds its parameters, not the path of its fit.
    """
    from steepest import pictures

    _refuse(output)
    if is_saved(formula):
        raise click.UsageError(
            f"{formula} is a saved model, which holds its parameters, not the path of its fit; give its formula, to "
            "fit it again"
        )
    na = given["na"]
    if restarts is not None:
        if given["start"]:
            raise click.UsageError("--restarts draws every start from the seed; leave --start out")
        given["restarts"] = restarts
    model = _fitted(formula, table, given)
    made = pictures.training(model, table=table, width=_inches(width), title=title, na=na)
    return _finish(made, output, as_json)


def _of_model(name: str, about: str, examples: str, draw: Callable[..., MatplotlibPicture], width: str) -> None:
    """A command that draws a model over a table."""

    @plot.command(name, help=about, examples=examples)
    @click.argument("model")
    @click.argument("table")
    @_fitting
    @click.option("--width", default=width, show_default=True, metavar="WIDTH", help="column, page or inches.")
    @_title
    @_output
    @options.as_json
    def command(model: str, table: str, width: str, title: str | None, output: str, as_json: bool, **given: Any) -> int:
        _refuse(output)
        na = given["na"]
        loaded = _fitted(model, table, given)
        return _finish(draw(loaded, table, width=_inches(width), title=title, na=na), output, as_json)


def _boundary(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.boundary(model, table, **given)


def _predicted(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.predicted(model, table, **given)


def _confusion(model: Any, table: str, **given: Any) -> MatplotlibPicture:
    from steepest import pictures

    return pictures.confusion(model, table, **given)


_WHAT = "MODEL is a saved model, or a formula that is fitted to TABLE first, with the options of a training."
_of_model(
    "boundary",
    f"Draw what MODEL predicts over the plane of its two inputs, and its boundary.\n\n{_WHAT} A model that is "
    "fitted here is drawn at several of its epochs.",
    """
    steepest plot boundary "z ~ sigmoid(x*w1 + y*w2 + b)" nand --rate 1 -o boundary.svg
    steepest plot boundary model.safetensors test.csv -o boundary.png
    """,
    _boundary, "page",
)  # fmt: skip
_of_model(
    "predicted",
    f"Draw predicted over true values of TABLE.\n\n{_WHAT}",
    """
    steepest plot predicted model.safetensors test.csv -o predicted.svg
    steepest plot predicted "y ~ x*w" twice --rate 0.05 -o predicted.svg
    """,
    _predicted, "column",
)  # fmt: skip
_of_model(
    "confusion",
    f"Draw the confusion matrix of MODEL on TABLE.\n\n{_WHAT}",
    """
    steepest plot confusion model.safetensors test.csv -o confusion.svg
    steepest plot confusion z xor --layers 4 --rate 1 -o confusion.svg
    """,
    _confusion, "column",
)  # fmt: skip
