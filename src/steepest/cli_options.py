"""What the commands have in common: help that begins with examples, kinds of arguments, options."""

from __future__ import annotations

import math
from typing import Any

import click


class Command(click.Command):
    """A command whose help begins with examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the usual help."""
        _write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the usual help."""
        _write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


def _write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    with formatter.section("Examples"):
        for line in examples.strip().splitlines():
            formatter.write(f"  {line.strip()}\n")
    formatter.write_paragraph()


class Assignments(click.ParamType[dict[str, float]]):
    """``w1=.3,w2=.6`` as a dict."""

    name = "NAME=NUMBER,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """The dict; a usage error names the part that is not of this form."""
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for part in str(value).split(","):
            name, _, number = part.rpartition("=")
            name = _bare(name)
            if name in found:
                self.fail(f"{name!r} has two values; give it one", param, ctx)
            try:
                found[name] = float(number)
            except ValueError:
                name = ""
            if not name or not math.isfinite(found[name]):
                self.fail(f"{part!r} is not of the form name=number, with a finite number", param, ctx)
        return found


ASSIGNMENTS = Assignments()


def joined(ctx: click.Context, param: click.Parameter, values: tuple[dict[str, float], ...]) -> dict[str, float]:
    """Several such options as one dict."""
    found: dict[str, float] = {}
    for value in values:
        for name, number in value.items():
            if name in found:
                raise click.BadParameter(f"{name!r} has two values; give it one", ctx, param)
            found[name] = number
    return found


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """``w1,w2`` as a list."""
    if value is None:
        return None
    found = [_bare(name) for name in value.split(",") if _bare(name)]
    if not found and param.required:
        raise click.BadParameter("it is empty; give at least one name", ctx, param)
    return found


def _bare(name: str) -> str:
    """A name without the blanks and backticks around it."""
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
cost = click.option(
    "--cost", default="mse", metavar="NAME", help="mse, cross_entropy, mae or huber, for 'target ~ prediction'.",
    show_default=True,
)  # fmt: skip
na = click.option("--na", type=click.Choice(["error", "drop"]), default="error", help="Rows with missing values.")
seed = click.option("--seed", type=int, default=None, help="Of the starting parameters that are not given.")
