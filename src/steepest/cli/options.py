"""What the commands have in common: help that begins with examples, kinds of arguments, options."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from steepest.cli import arguments, configuration, files, values_of
from steepest.cli.values_of import bare as bare
from steepest.messages.sentences import legible, visible
from steepest.messages.vocabulary import hint, setting

Decorator = Callable[[Any], Any]

FOUND, BAD_INPUT, INTERNAL_ERROR = 1, 2, 101
READER_LEFT, INTERRUPTED = 128 + 13, 128 + 2  # as a shell reports a process that SIGPIPE or SIGINT ended
SPELT = {
    'na="drop"': "--na drop", "give checkpoint=, a file": "give --checkpoint FILE",
    "give validate=0.2, or a table": "give --validate 0.2, or a table", "give validate= a table": "give --validate",
    "rate='auto'": "--rate auto", "leave batch out": "leave --batch out",
    "in at=": "by --at", "in names=": "by --over", "give paths=": "give --start",
    "a range such as (0.1, 10) in start=": "a range, as --start w=0.1:10",
    "leave restarts out": "leave --restarts out", "in start ": "in --start ", "in start,": "in --start,",
    "in ranges=": "by --range",
    "decimal=','": "--decimal ,", "decimal='.'": "--decimal .", "thousands=','": "--thousands ,",
    "thousands='.'": "--thousands .", "comment=None": "--comment ''", "sheet='NAME'": "--sheet NAME",
    "encoding='cp1252'": "--encoding cp1252", " (an argument of st.open_table)": "",
}  # fmt: skip
"""Parts of the library's messages that name arguments, and their wording on the command line."""


def say(text: str) -> None:
    """Print a text to standard output."""
    click.echo(visible(text))


def tell(sentence: str) -> None:
    """Print a sentence to standard error."""
    click.echo(legible(sentence), err=True)


def warn(sentences: Iterable[str]) -> None:
    """Print warnings to standard error, one per line."""
    for sentence in sentences:
        tell(f"warning: {sentence}")


def note(sentences: Iterable[str]) -> None:
    """Print how something was read to standard error, one sentence per line, with arguments as options."""
    for sentence in sentences:
        tell(f"note: {spelt(sentence)}")


def spelt(sentence: str) -> str:
    """Return a sentence of the library with its arguments as options of the command line."""
    for argument, option in SPELT.items():
        sentence = sentence.replace(argument, option)
    return re.sub(r"missing=\['([^']*)'\]", r"--missing '\1'", sentence)


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


def _as_options(sentence: str, known: set[str]) -> str:
    """Return a hint with settings of Python written as options: ``optimiser='adam'`` as ``--optimiser adam``."""

    def option(found: re.Match[str]) -> str:
        flag = f"--{found[1].replace('_', '-')}"
        return f"{flag} {found[2] or ''}".rstrip() if flag in known else found[0]

    sentence = re.sub(r",? or optimisers\.\w+\([^)]*\)", "", sentence)
    written = re.sub(r"\b([a-z_]\w*)=(?:'([^']*)')?(?![\w(\[])", option, sentence)
    return written if not re.search(r"=|models\.", written) else sentence.replace("; ", "; in Python, ", 1)


class Command(click.Command):
    """A command whose help begins with examples, with the options ``--config`` and ``--no-unicode``."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params += [
            click.Option(
                ["--config"], is_eager=True, expose_value=False, callback=configuration.configure, metavar="FILE",
                help=f"File with defaults of options, in place of {configuration.FOUND} in this folder.",
            ),
            click.Option(
                ["--no-unicode"], is_flag=True, is_eager=True, expose_value=False, callback=_plain,
                help="Print plain ASCII (dC/dw for ∂C/∂w); also set by the environment variable NO_UNICODE.",
            ),
        ]  # fmt: skip
        if any(isinstance(param.type, files.Output) for param in self.params):
            self.params.append(
                click.Option(
                    ["--force"], is_flag=True, expose_value=False, callback=files.force,
                    help="Replace a file that steepest did not write.",
                )
            )  # fmt: skip

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse arguments, in any order; accept an option's name from another library, with a note."""
        known = {flag for param in self.params for flag in (*param.opts, *param.secondary_opts)}
        try:
            rest = super().parse_args(ctx, [_ours(arg, known) for arg in args])
        except click.NoSuchOption as error:
            if not error.option_name.startswith("--"):
                raise
            meant = hint("setting", error.option_name[2:], [flag[2:] for flag in known if flag.startswith("--")])
            meant = meant.replace("mean '", "mean '--").replace("called '", "called '--")
            raise click.UsageError(f"there is no option {error.option_name}{_as_options(meant, known)}", ctx) from None
        arguments.in_order(ctx, self)
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, unless a file that it would write is one that it reads."""
        if noted := configuration.note(ctx):
            tell(noted)
        files.refuse_overwriting(self, ctx, configuration.source(ctx))
        return super().invoke(ctx)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then the usual help."""
        with formatter.section("Examples"):
            for line in self.examples.strip().splitlines():
                formatter.write(f"  {line.strip()}\n")
        formatter.write_paragraph()
        super().format_help(ctx, formatter)


class Group(Command, click.Group):
    """A group of commands whose help begins with examples."""

    command_class = Command

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, also in American spelling."""
        return super().get_command(ctx, "minimise" if cmd_name == "minimize" else cmd_name)


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


def command(examples: str) -> Callable[[Callable[..., int]], Command]:
    """Return a decorator that makes a command whose help begins with examples."""
    return click.command(cls=Command, examples=examples)


def together(*parts: Decorator) -> Decorator:
    """Return a decorator that adds several options, in this order."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for part in reversed(parts):
            function = part(function)
        return function

    return add


def output(help_text: str, *kinds: str, required: bool = False) -> Decorator:
    """Return the option of the file to write; files of these kinds, or of its suffix, it replaces."""
    return click.option("-o", "--output", type=files.Output(*kinds), required=required, help=help_text)


def shown(flag: str, default: Any, help_text: str | None = None, name: str | None = None, **settings: Any) -> Decorator:
    """Return an option whose help shows its default."""
    words = [flag] if name is None else [flag, name]
    return click.option(*words, default=default, show_default=True, help=help_text, **settings)


def choice(flag: str, words: list[str], help_text: str | None = None, name: str | None = None) -> Decorator:
    """Return an option that takes one of several words; the first is the default."""
    return shown(flag, words[0], help_text, name, type=click.Choice(words))


def named(flag: str, registry: str, help_text: str, metavar: str | None = "NAME", **settings: Any) -> Decorator:
    """Return an option that takes a name of a registry; a default is shown."""
    settings |= {"cls": Named, "registry": registry, "metavar": metavar, "show_default": "default" in settings}
    return click.option(flag, help=help_text, **settings)


def converted(flag: str, convert: Callable[..., Any], metavar: str, help_text: str, **settings: Any) -> Decorator:
    """Return an option that a function converts, also from a value of the file."""
    return click.option(flag, type=click.UNPROCESSED, callback=convert, metavar=metavar, help=help_text, **settings)


def assignments(flag: str, help_text: str, required: bool = False) -> Decorator:
    """Return an option ``w1=.3,w2=.6`` that may be repeated."""
    return converted(flag, values_of.assigned, "NAME=NUMBER,…", help_text, multiple=True, required=required)


def starts(help_text: str) -> Decorator:
    """Return the option ``--start w=1.5,tau=0.1:10``, with numbers, arrays and ranges, that may be repeated."""
    return converted("--start", values_of.started, "NAME=NUMBER|LOW:HIGH,…", help_text, multiple=True)


def point(flag: str, help_text: str) -> Decorator:
    """Return an option ``w=1.5,v=[1,2]``, with numbers, vectors and matrices, that may be repeated."""
    return converted(flag, values_of.located, "NAME=NUMBER|[…],…", help_text, multiple=True)


def ties(flag: str, help_text: str) -> Decorator:
    """Return an option ``b2=b1,k2=2*k1`` that may be repeated."""
    return converted(flag, values_of.tied, "NAME=EXPRESSION,…", help_text, multiple=True)


def intervals(flag: str, help_text: str) -> Decorator:
    """Return an option ``tau=0.1:10,k=0:`` that may be repeated; an end may be left out."""
    return converted(flag, values_of.intervals, "NAME=LOW:HIGH,…", help_text, multiple=True)


def names(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Split ``w1,w2`` into a list, for click."""
    if value is None:
        return None
    found = [bare(name) for name in value.split(",") if bare(name)]
    if not found and param.required:
        raise click.BadParameter("it is empty; give at least one name", ctx, param)
    return found


def parted(text: str) -> list[str]:
    """Split ``w,W1[0,2]`` at the commas outside brackets."""
    return [part for part in re.split(r",(?![^\[]*\])", text) if part.strip()]


def elements(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    """Split ``w,W1[0,2]`` into a list, for click."""
    return None if value is None else [bare(part) for part in parted(value)]


def number_or_word(ctx: click.Context, param: click.Parameter, value: Any) -> float | str | None:
    """Convert a number, for click; a word stays."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return str(value)


def _rate(ctx: click.Context, param: click.Parameter, value: Any) -> float | str | None:
    """Convert a learning rate, for click; ``auto`` stays."""
    try:
        return value if value in (None, "auto") else float(value)
    except (TypeError, ValueError):
        raise click.BadParameter(f"{value!r} is neither a number nor auto", ctx, param) from None


def rate(help_text: str, **settings: Any) -> Decorator:
    """Return the option of a learning rate: a number, or ``auto``."""
    return converted("--rate", _rate, "NUMBER|AUTO", help_text, **settings)


shapes = converted(
    "--shape", values_of.shaped, "NAME=D|DxH,…", "Names that are vectors or matrices (v=3, A=3x3).", multiple=True
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
cost = named(
    "--cost",
    "objectives.costs:COSTS",
    "Cost: {}, or a formula in prediction and target; with --layers chosen by the output.",
    default="mse",
)
na = click.option(
    "--na", type=click.Choice(["error", "drop"]), default="error", help="Rows with missing values: refuse or drop."
)


def _read_as(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Keep how tables are to be read for :func:`steepest.cli.tables.opened`."""
    if value not in (None, ()):
        ctx.meta.setdefault(READING, {})[param.name] = value


def _how_read(flag: str, help_text: str, **settings: Any) -> Decorator:
    return click.option(flag, help=help_text, expose_value=False, callback=_read_as, **settings)


READING = "steepest reading"
"""The key of the settings of :func:`steepest.tables.table.open_table` that options give."""
reading = together(
    _how_read("--decimal", "Decimal sign of texts, . or , [default: by the numbers].", metavar="SIGN"),
    _how_read("--thousands", "Sign between thousands: , . ' or a space [default: by the numbers].", metavar="SIGN"),
    _how_read("--missing", "A further value that means that there is none, as -999; repeat for several.", multiple=True,
              metavar="VALUE"),
    _how_read("--comment", "How lines begin that are no rows; '' if there are none [default: #].", metavar="SIGN"),
    _how_read("--encoding", "Encoding of a text [default: by its bytes].", metavar="NAME"),
    _how_read("--sheet", "Sheet of a workbook [default: the first with cells].", metavar="NAME"),
)  # fmt: skip
scale = click.option(
    "--scale", type=click.Choice(["standard", "none"]),
    help="Standardise the inputs, and a numeric target: (x − mean)/standard deviation [default: with --layers].",
)  # fmt: skip
seed = click.option("--seed", type=int, default=None, help="Seed of random starting parameters.")
start = starts("Parameters to start from; from a range LOW:HIGH the seed draws.")
batch = click.option("--batch", type=int, help="Samples per update [default: all].")
weights = together(
    click.option(
        "--weights", metavar="COLUMN",
        help="Column of sample weights: 1/σ² up to a factor for least squares, frequencies for likelihoods.",
    ),
    click.option(
        "--absolute-sigma", is_flag=True,
        help="Take the weights as exactly 1/σ², so that standard errors do not depend on the residuals.",
    ),
)  # fmt: skip
penalties = together(
    click.option(
        "--l1", type=float, default=0.0, help="L1 penalty: this factor times the sum of the weights' absolute values."
    ),
    click.option(
        "--l2", type=float, default=0.0, help="L2 penalty: half this factor times the sum of the squared weights."
    ),
    weights,
)
restrictions = together(
    assignments("--fix", "Parameters that keep a number."),
    ties("--tie", "Parameters that are expressions of others, as k2=2*k1."),
    intervals("--bounds", "Lowest and highest value of parameters; an end may be left out."),
)
restarts = click.option("--restarts", type=int, metavar="K", help="Run K random starts and keep the best.")


# --- pictures ---

RANGE = re.compile(r"(?:(.+)=)?([^:=]+):([^:=]+)")
"""``low:high``, perhaps with ``name=`` before it."""

title = click.option("--title", help="Title of the picture; replaces the default one.")
picture = output("File to write; its suffix is the format: svg, png, pdf, html, tex.", required=True)


def width(default: str = "column") -> Decorator:
    """Return the option of a picture's width, a word or inches."""
    return shown("--width", default, "column, page or inches.", callback=number_or_word, metavar="WIDTH")


def refuse_format(path: str, more: tuple[str, ...] = ()) -> None:
    """Raise if a picture cannot be written to this file, before anything is computed."""
    from steepest.storage.files import refuse_place

    suffix, known = Path(path).suffix.lower().lstrip("."), ("svg", "png", "pdf", "html", "tex", *more)
    if suffix not in known:
        given = f"no format {suffix!r}" if suffix else "no format without an ending"
        raise click.UsageError(f"there is {given} for this picture; end the file name in .{', .'.join(known)}")
    refuse_place(path)
