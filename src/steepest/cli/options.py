"""What the commands have in common: help that begins with examples, kinds of arguments, options."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.messages.hints import nearest

FOUND, BAD_INPUT, OUR_FAULT = 1, 2, 101
READER_LEFT, INTERRUPTED = 128 + 13, 128 + 2  # as a shell reports a process that SIGPIPE or SIGINT ended
CONFIGURATION = "steepest.toml"
SPELT = {
    'na="drop"': "--na drop", "give checkpoint=, a file": "give --checkpoint FILE",
    "give validate=0.2, or a table": "give --validate 0.2, or a table", "give validate= a table": "give --validate",
    "rate='auto'": "--rate auto", "leave batch out": "leave --batch out",
    "in at=": "by --at", "in names=": "by --over", "give paths=": "give --start", "in ranges=": "by --range",
}  # fmt: skip
"""How the command line says what the library says of its arguments."""


def tell(sentence: str) -> None:
    """Say something on standard error."""
    click.echo(sentence, err=True)


def configuration(group: click.Group) -> dict[str, dict[str, Any]]:
    """The options that ``steepest.toml`` of this folder gives to the commands of a group; what is typed goes first.

    Raises:
        click.UsageError: the file is not TOML, or holds what no command takes.
    """
    path = Path(CONFIGURATION)
    if not path.is_file():
        return {}
    import tomllib

    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{CONFIGURATION} cannot be read: {error}") from None
    read = {}
    for name, section in found.items():
        command = group.commands.get(name)
        if command is None or not isinstance(section, dict):
            known = ", ".join(sorted(group.commands))
            raise click.UsageError(f"{CONFIGURATION} has {name!r}, which is no table of a command; those are {known}")
        read[name] = dict(_option(command, name, word, value) for word, value in section.items())
    return read


def _option(command: click.Command, name: str, word: str, value: Any) -> tuple[str, Any]:
    """The parameter that a word of the file means, and its value as click wants it."""
    flag = "--" + word.replace("_", "-")
    known = {flag: param for param in command.params if isinstance(param, click.Option) for flag in param.opts}
    if flag not in known:
        hint = nearest(flag, known)
        raise click.UsageError(f"{CONFIGURATION} has {word!r} in [{name}], which is no option of it{hint}")
    param = known[flag]
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {"integer": whole, "float": whole or isinstance(value, float), "boolean": isinstance(value, bool)}
    if not fits.get(param.type.name, True):
        kinds = {"integer": "a whole number", "float": "a number", "boolean": "true or false"}
        raise click.UsageError(f"{CONFIGURATION} has {word} = {value!r} in [{name}]; write {kinds[param.type.name]}")
    return str(param.name), [value] if param.multiple and not isinstance(value, list) else value


def _plain(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Have everything that is printed from here on in ASCII."""
    from steepest.display.console import prepare

    if value:
        prepare(plain=True)


class _WithExamples(click.Command):
    """Help that begins with examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.append(
            click.Option(
                ["--no-unicode"], is_flag=True, is_eager=True, expose_value=False, callback=_plain,
                help="Print plain ASCII: dC/dw for ∂C/∂w; so does the variable NO_UNICODE.",
            )
        )  # fmt: skip

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, then the usual help."""
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")
        formatter.write_paragraph()
        super().format_help(ctx, formatter)


class Command(_WithExamples):
    """A command whose help begins with examples."""


class Group(_WithExamples, click.Group):
    """A group of such commands."""

    command_class = Command


if TYPE_CHECKING:
    from steepest.models.model import Model

    _Dicts = click.ParamType[dict[str, float]]
else:
    _Dicts = click.ParamType  # takes no parameter before click 8.2


class Assignments(_Dicts):
    """``w1=.3,w2=.6`` as a dict."""

    name = "NAME=NUMBER,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """The dict; a usage error names the part that is not of this form."""
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for part in str(value).split(","):
            name, _, number = part.rpartition("=")
            name = bare(name)
            if name in found:
                self.fail(f"{name!r} has two values; give it one", param, ctx)
            try:
                found[name] = float(number)
            except ValueError:
                name = ""
            if not name or not math.isfinite(found[name]):
                self.fail(f"{part!r} is not of the form name=number, with a finite number", param, ctx)
        return found


class Rate(click.ParamType):  # type: ignore[type-arg]  # takes no parameter before click 8.2
    """A number, or ``auto``."""

    name = "NUMBER|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """The number; a usage error if it is neither."""
        try:
            return "auto" if value == "auto" else float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)


def _joined(ctx: click.Context, param: click.Parameter, values: tuple[dict[str, float], ...]) -> dict[str, float]:
    """Several such options as one dict."""
    found: dict[str, float] = {}
    for value in values:
        for name, number in value.items():
            if name in found:
                raise click.BadParameter(f"{name!r} has two values; give it one", ctx, param)
            found[name] = number
    return found


def assignments(flag: str, help_text: str, required: bool = False) -> Callable[[Any], Any]:
    """An option ``w1=.3,w2=.6`` that may be given several times."""
    return click.option(
        flag, type=Assignments(), multiple=True, callback=_joined, required=required, help=help_text
    )  # fmt: skip


def built_in(text: str) -> Model | None:
    """``chain 3`` and the like; None if it is none of them."""
    from steepest import models

    kind, _, rest = text.strip().partition(" ")
    makers: dict[str, Any] = {"linear": models.linear, "neuron": models.neuron, "threshold_unit": models.threshold_unit}
    if kind in makers and not rest:
        made: Model = makers[kind]()
        return made
    if kind not in ("chain", "network"):
        return None
    try:
        sizes = [int(part) for part in rest.split(",")]
    except ValueError:
        sizes = []
    if kind == "network":
        return models.network(sizes)
    if len(sizes) != 1:
        raise click.UsageError(f"a chain has one length, as 'chain 3', not {rest!r}")
    return models.chain(sizes[0])


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """``w1,w2`` as a list."""
    if value is None:
        return None
    found = [bare(name) for name in value.split(",") if bare(name)]
    if not found and param.required:
        raise click.BadParameter("it is empty; give at least one name", ctx, param)
    return found


def bare(name: str) -> str:
    """A name without the blanks and backticks around it."""
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
cost = click.option(
    "--cost", default="mse", metavar="NAME", help="mse, cross_entropy, mae, huber, poisson, or a formula in prediction "
    "and target; with --layers chosen by the output.", show_default=True,
)  # fmt: skip
na = click.option("--na", type=click.Choice(["error", "drop"]), default="error", help="Rows with missing values.")
seed = click.option("--seed", type=int, default=None, help="Of the starting parameters that are not given.")
