"""Options and output that the commands that draw pictures share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli import options
from steepest.cli.output import print_json

if TYPE_CHECKING:
    from steepest.display.picture import Picture

RANGE = re.compile(r"(?:(.+)=)?([^:=]+):([^:=]+)")
"""``low:high``, perhaps with ``name=`` before it."""

picture_output = click.option(
    "-o", "--output", type=click.Path(dir_okay=False), required=True,
    help="File to write; its suffix is the format: svg, png, pdf, html, tex.",
)  # fmt: skip
picture_width = click.option(
    "--width", default="column", show_default=True, metavar="WIDTH", help="column, page or inches."
)
picture_title = click.option("--title", help="Title of the picture; replaces the default one.")


def inches(width: str) -> float | str:
    """Convert a width in inches to a number; a word stays."""
    try:
        return float(width)
    except ValueError:
        return width


def finish(picture: Picture, output: str, as_json: bool) -> int:
    """Write the picture and print its description."""
    picture.save(output)
    if as_json:
        print_json({"title": picture.title, "description": picture.description, "output": output})
    else:
        click.echo(picture.description)
    options.tell(f"written to {output}")
    return 0


def refuse_format(output: str, more: tuple[str, ...] = ()) -> None:
    """Raise if the picture cannot be written to this file, before anything is computed."""
    from steepest.storage.tensors import refuse_place

    suffix, known = Path(output).suffix.lower().lstrip("."), ("svg", "png", "pdf", "html", "tex", *more)
    if suffix not in known:
        given = f"no format {suffix!r}" if suffix else "no format without an ending"
        raise click.UsageError(f"there is {given} for this picture; end the file name in .{', .'.join(known)}")
    refuse_place(output)
