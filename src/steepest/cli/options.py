"""What the commands have in common: help that begins with examples, kinds of arguments, options."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.messages.vocabulary import hint, setting

FOUND, BAD_INPUT, INTERNAL_ERROR = 1, 2, 101
READER_LEFT, INTERRUPTED = 128 + 13, 128 + 2  # as a shell reports a process that SIGPIPE or SIGINT ended
CONFIGURATION = "steepest.toml"
SPELT = {
    'na="drop"': "--na drop", "give checkpoint=, a file": "give --checkpoint FILE",
    "give validate=0.2, or a table": "give --validate 0.2, or a table", "give validate= a table": "give --validate",
    "rate='auto'": "--rate auto", "leave batch out": "leave --batch out",
    "in at=": "by --at", "in names=": "by --over", "give paths=": "give --start", "in ranges=": "by --range",
}  # fmt: skip
"""Parts of the library's messages that name arguments, and their wording on the command line."""


def tell(sentence: str) -> None:
    """Print a sentence to standard error."""
    click.echo(sentence, err=True)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings to standard error, one per line."""
    for sentence in sentences:
        tell(f"warning: {sentence}")


def configuration(group: click.Group) -> dict[str, dict[str, Any]]:
    """Return the defaults of options that ``steepest.toml`` in the current folder sets, by command.

    Raises:
        click.UsageError: the file is not TOML, or a section or option in it is unknown.
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
            raise click.UsageError(
                f"{CONFIGURATION} has {name!r}, which is not the name of a command; the commands are {known}"
            )
        read[name] = dict(_option(command, name, word, value) for word, value in section.items())
    return read


def _option(command: click.Command, name: str, word: str, value: Any) -> tuple[str, Any]:
    """Return the click parameter that a key of the file names, and its value as click expects it."""
    flag = "--" + word.replace("_", "-")
    known = {flag: param for param in command.params if isinstance(param, click.Option) for flag in param.opts}
    if flag not in known:
        meant = hint("setting", word, [each[2:].replace("-", "_") for each in known])
        raise click.UsageError(f"{CONFIGURATION} has {word!r} in [{name}], which is not an option of it{meant}")
    param = known[flag]
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {"integer": whole, "float": whole or isinstance(value, float), "boolean": isinstance(value, bool)}
    if not fits.get(param.type.name, True):
        kinds = {"integer": "a whole number", "float": "a number", "boolean": "true or false"}
        raise click.UsageError(f"{CONFIGURATION} has {word} = {value!r} in [{name}]; write {kinds[param.type.name]}")
    return str(param.name), [value] if param.multiple and not isinstance(value, list) else value


def _plain(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print in ASCII from here on."""
    from steepest.display.console import prepare

    if value:
        prepare(plain=True)


def _ours(arg: str, known: set[str]) -> str:
    """Return an argument of the command line, by our name if it is an option of another library."""
    flag, equals, value = arg.partition("=")
    if not flag.startswith("--") or flag in known or len(flag) == 2:
        return arg
    name = setting(flag[2:], [each[2:].replace("-", "_") for each in known if each.startswith("--")])
    if name is None:
        return arg
    ours = f"--{name.replace('_', '-')}"
    tell(f"note: {flag} is called {ours} here")
    return f"{ours}{equals}{value}"


class _WithExamples(click.Command):
    """A command whose help begins with examples, and that has the option ``--no-unicode``."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.append(
            click.Option(
                ["--no-unicode"], is_flag=True, is_eager=True, expose_value=False, callback=_plain,
                help="Print plain ASCII (dC/dw for ∂C/∂w); also set by the environment variable NO_UNICODE.",
            )
        )  # fmt: skip

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments; accept an option's name from another library, with a note."""
        known = {flag for param in self.params for flag in (*param.opts, *param.secondary_opts)}
        try:
            return super().parse_args(ctx, [_ours(arg, known) for arg in args])
        except click.NoSuchOption as error:
            if not error.option_name.startswith("--"):
                raise
            meant = hint("setting", error.option_name[2:], [flag[2:] for flag in known if flag.startswith("--")])
            meant = meant.replace("mean '", "mean '--").replace("called '", "called '--")
            raise click.UsageError(f"there is no option {error.option_name}{meant}", ctx) from None

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the usual help."""
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")
        formatter.write_paragraph()
        super().format_help(ctx, formatter)


class Command(_WithExamples):
    """A command whose help begins with examples."""


class Group(_WithExamples, click.Group):
    """A group of commands whose help begins with examples."""

    command_class = Command


class Named(click.Option):
    """An option whose help lists the choices of a registry, which is loaded when help is asked for.

    Args:
        registry: the module and name of the registry: ``"training.optimisers:OPTIMISERS"``.
    """

    def __init__(self, *args: Any, registry: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._registry = registry

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and its help, with the names of the choices in place of ``{}``."""
        module, _, name = self._registry.partition(":")
        choices = list(getattr(import_module(f"steepest.{module}"), name))
        before, self.help = self.help or "", (self.help or "").replace("{}", ", ".join(choices))
        try:
            return super().get_help_record(ctx)
        finally:
            self.help = before


if TYPE_CHECKING:
    from steepest.models.model import Model

    _Dicts = click.ParamType[dict[str, float]]
else:
    _Dicts = click.ParamType  # takes no parameter before click 8.2


class Assignments(_Dicts):
    """The type of ``w1=.3,w2=.6``, converted to a dict."""

    name = "NAME=NUMBER,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """Return the dict; a usage error names the part that does not have this form."""
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
    """The type of a learning rate: a number, or ``auto``."""

    name = "NUMBER|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        """Return the number or ``auto``."""
        try:
            return "auto" if value == "auto" else float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is neither a number nor auto", param, ctx)


def _joined(ctx: click.Context, param: click.Parameter, values: tuple[dict[str, float], ...]) -> dict[str, float]:
    """Merge the dicts of a repeated option."""
    found: dict[str, float] = {}
    for value in values:
        for name, number in value.items():
            if name in found:
                raise click.BadParameter(f"{name!r} has two values; give it one", ctx, param)
            found[name] = number
    return found


def assignments(flag: str, help_text: str, required: bool = False) -> Callable[[Any], Any]:
    """Return an option ``w1=.3,w2=.6`` that may be repeated."""
    return click.option(
        flag, type=Assignments(), multiple=True, callback=_joined, required=required, help=help_text
    )  # fmt: skip


def built_in(text: str) -> Model | None:
    """Return a built-in model such as ``chain 3``; None if the text does not name one."""
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
    """Split ``w1,w2`` into a list, for click."""
    if value is None:
        return None
    found = [bare(name) for name in value.split(",") if bare(name)]
    if not found and param.required:
        raise click.BadParameter("it is empty; give at least one name", ctx, param)
    return found


def bare(name: str) -> str:
    """Return a name without surrounding blanks and backticks."""
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
cost = click.option(
    "--cost", cls=Named, registry="objectives.costs:COSTS", default="mse", metavar="NAME", show_default=True,
    help="Cost: {}, or a formula in prediction and target; with --layers chosen by the output.",
)  # fmt: skip
na = click.option(
    "--na",
    type=click.Choice(["error", "drop"]),
    default="error",
    help="Rows with missing values: refuse or drop.",
)
seed = click.option("--seed", type=int, default=None, help="Seed of random starting parameters.")
