"""Files that commands read and write."""

from __future__ import annotations

import os
from typing import Any

import click

_FORCE = "steepest --force"


class Output(click.Path):
    """The type of options that name a file to write.

    Args:
        kinds: the kinds of file that are replaced without ``--force``, of :mod:`steepest.storage.marks`; left out, the
            kind is that of the suffix.
    """

    def __init__(self, *kinds: str) -> None:
        super().__init__(dir_okay=False)
        self.kinds = kinds

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name; neither nothing nor the sign for standard input and output is one."""
        if value in ("", "-"):
            self.fail(f"{value!r} is not the name of a file; give one, or ./- for a file of that name", param, ctx)
        return super().convert(value, param, ctx)


def force(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Note whether files that steepest did not write may be replaced."""
    ctx.meta[_FORCE] = value


def is_forced(ctx: click.Context) -> bool:
    """Return whether ``--force`` was given."""
    return bool(ctx.meta.get(_FORCE))


def touches_files(param: click.Parameter, value: Any) -> bool:
    """Return whether an option with this value names a file to write, or one to read, or lets files be replaced."""
    reads = param.name in ("table", "validate", "source") and isinstance(value, str)
    return reads or isinstance(param.type, Output) or param.name == "force"


def refuse_overwriting(command: click.Command, ctx: click.Context, configuration: str | None) -> None:
    """Raise if a file to write is one that is read, or one that steepest did not write and ``--force`` is not given.

    A file that is read may be named by any other word of the command, and by a link, so all words are compared.
    """
    given = [(param, value) for param in command.params if (value := ctx.params.get(str(param.name))) is not None]
    outputs = [(param.opts[-1], value) for param, value in given if isinstance(param.type, Output)]
    for k, (flag, path) in enumerate(outputs):
        for other, second in outputs[:k]:
            if os.path.realpath(path) == os.path.realpath(second):
                raise click.UsageError(f"{other} and {flag} name the same file, {path}; name two files", ctx)
    inputs = [configuration, *(value for param, value in given if not isinstance(param.type, Output))]
    for flag, path in outputs:
        for word in (each for value in inputs for each in (value if isinstance(value, tuple) else (value,))):
            if isinstance(word, str) and os.path.exists(path) and os.path.exists(word) and os.path.samefile(path, word):
                raise click.UsageError(f"{flag} {path} would replace the input {word}; name another file", ctx)
    if not is_forced(ctx):
        for param, path in given:
            if isinstance(param.type, Output):
                _refuse_replacing(path, param.type.kinds, ctx)


def _refuse_replacing(path: str, kinds: tuple[str, ...], ctx: click.Context) -> None:
    """Raise if there is a file that steepest did not write; a device, a pipe and an empty file lose nothing."""
    from steepest.storage.marks import KINDS, made_here

    if not os.path.isfile(path) or not os.path.getsize(path):
        return
    try:
        if made_here(path, kinds):
            return
        other = made_here(path, [*KINDS])
    except OSError:  # it may be written, but not read
        other = False
    why = "is not of the kind that this option writes" if other else "steepest did not write it"
    raise click.UsageError(f"{path} exists, and {why}; name another file, or replace it with --force", ctx)
