"""Defaults of options from a file of configuration.

``steepest.toml`` in the current folder is found, not chosen: it may come with somebody's data. It gives defaults of
options, which are printed, but names no files. A file named by ``--config`` is chosen, and may.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from steepest.cli.files import Output, touches_files
from steepest.messages.vocabulary import hint

FOUND = "steepest.toml"
_LARGEST = 1 << 20  # bytes; nobody writes a megabyte of options
_MOST_DOTS, _QUOTED = 100, re.compile("\"[^\"]*\"|'[^']*'")  # a key of many parts needs memory quadratic in them
_NAMED = "steepest --config"  # the key of the file that --config before the command names


def configure(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Set the defaults of a command's options from the file that ``--config`` names, or else from the one found."""
    named = ctx.meta[_NAMED] = value or ctx.meta.get(_NAMED)
    if isinstance(ctx.command, click.Group) or (named is None and not Path(FOUND).is_file()):
        return
    import tomllib

    from steepest.storage.reading import UnreadableFileError, read_file

    where = named or FOUND
    try:
        text = read_file(where, _LARGEST, "it is no file of options; name another one").decode()
        if any(_QUOTED.sub("", line).partition("=")[0].count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError(f"a key has more than {_MOST_DOTS} parts; it is no file of options")
        read = tomllib.loads(text)
    except RecursionError:
        raise click.UsageError(f"{where} cannot be read: its values are nested too deeply") from None
    except (OSError, ValueError, UnreadableFileError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise click.UsageError(f"{where} cannot be read: {why}") from None
    words = ctx.command_path.split()[1:]
    defaults = _sections(ctx.find_root().command, read, where, ()).get(tuple(words), {})
    for name, default in defaults.items():
        option = next(each for each in ctx.command.params if each.name == name)
        if named is None and touches_files(option, default):
            raise click.UsageError(
                f"{where} has {name} = {default!r} in [{'.'.join(words)}], but only a file that --config names may say "
                f"which files are read or written; type {option.opts[-1]}, or --config {where} if you trust it",
                ctx,
            )
    ctx.default_map = defaults


def source(ctx: click.Context) -> str | None:
    """Return the file that options of a command are read from, if there is one."""
    return ctx.meta.get(_NAMED) or (FOUND if Path(FOUND).is_file() else None)


def note(ctx: click.Context) -> str:
    """Return what the file that was found sets for this command; empty if it sets nothing, or was named."""
    if ctx.meta.get(_NAMED) or not ctx.default_map:
        return ""
    used = [name for name in ctx.default_map if ctx.get_parameter_source(name) is ParameterSource.DEFAULT_MAP]
    keys = [next(each.opts[-1] for each in ctx.command.params if each.name == name)[2:] for name in used]
    values = [ctx.default_map[name] for name in used]
    # An option that may be repeated, as --start, has a list of the one value in the file.
    values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
    settings = ", ".join(f"{key} = {json.dumps(value, default=str)}" for key, value in zip(keys, values, strict=True))
    return f"note: {FOUND} in this folder sets {settings}" if used else ""


def _sections(
    command: click.Command, section: dict[str, Any], where: str, words: tuple[str, ...]
) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the defaults by the words of a command; raise if a section or an option is not known."""
    if not isinstance(command, click.Group):
        return {words: dict(_option(command, words, where, word, value) for word, value in section.items())}
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for name, inner in section.items():
        below = command.commands.get(name)
        if below is None or not isinstance(inner, dict):
            known = ", ".join(sorted(command.commands))
            inside = f" in [{'.'.join(words)}]" if words else ""
            raise click.UsageError(
                f"{where} has {name!r}{inside}, which is not the name of a command; the commands are {known}"
            )
        found |= _sections(below, inner, where, (*words, name))
    return found


def _option(command: click.Command, words: tuple[str, ...], where: str, word: str, value: Any) -> tuple[str, Any]:
    """Return the click parameter that a key of the file names, and its value as click expects it."""
    flag, inside = "--" + word.replace("_", "-"), f"in [{'.'.join(words)}]"
    options = [param for param in command.params if isinstance(param, click.Option) and param.callback is not configure]
    known = {each: param for param in options for each in param.opts}
    if flag not in known:
        meant = hint("setting", word, [each[2:].replace("-", "_") for each in known])
        raise click.UsageError(f"{where} has {word!r} {inside}, which is not an option of it{meant}")
    param = known[flag]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(param.type, Output) and not isinstance(value, str):
        raise click.UsageError(f"{where} has {word} = {value!r} {inside}; write the name of a file")
    fits = {"integer": whole, "float": whole or isinstance(value, float), "boolean": isinstance(value, bool)}
    if not fits.get(param.type.name, True):
        kinds = {"integer": "a whole number", "float": "a number", "boolean": "true or false"}
        raise click.UsageError(f"{where} has {word} = {value!r} {inside}; write {kinds[param.type.name]}")
    return str(param.name), [value] if param.multiple and not isinstance(value, list) else value
