"""Values of options that name parameters: numbers, ranges, bounds and expressions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import click

_SHAPE = re.compile(r"[1-9]\d{0,8}([x×][1-9]\d{0,8})?")
_TIE = re.compile(r"\s*(`[^`]+`|[^`=]+)=(?!=)(.+)", re.DOTALL)


def assigned(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, float]:
    """Convert each ``w1=.3,w2=.6`` to a dict, and merge them, for click; a dict of the file stays."""
    return _merged(ctx, param, values, _numbers)


def started(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, Any]:
    """Convert each ``w=1.5,tau=0.1:10`` to a dict of numbers, lists and texts of ranges, and merge them, for click."""
    return _merged(ctx, param, values, partial(_numbers, ranges=True, arrays=True))


def located(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, Any]:
    """Convert each ``w=1.5,v=[1,2]`` to a dict of numbers and lists, and merge them, for click."""
    return _merged(ctx, param, values, partial(_numbers, arrays=True))


def shaped(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, tuple[int, ...]]:
    """Convert each ``v=3,A=3x3`` to a dict of shapes, and merge them, for click."""
    return _merged(ctx, param, values, _shapes)


def tied(ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]) -> dict[str, str]:
    """Convert each ``k2=2*k1`` to a dict, and merge them, for click; a dict of the file stays."""
    return _merged(ctx, param, values, _texts)


def intervals(
    ctx: click.Context, param: click.Parameter, values: tuple[Any, ...]
) -> dict[str, tuple[float | None, float | None]]:
    """Convert each ``tau=0.1:10`` to a pair of ends, None for one that is left out, for click."""
    found: dict[str, tuple[float | None, float | None]] = {}
    for part in ",".join(str(value) for value in values).split(",") if values else ():
        name, _, text = part.rpartition("=")
        low, colon, high = text.partition(":")
        try:
            ends = (float(low) if low else None, float(high) if high else None)
        except ValueError:
            colon = ""
        if not colon or not name:
            raise click.BadParameter(f"{part!r} is not of the form name=low:high, with numbers", ctx, param)
        if bare(name) in found:
            raise click.BadParameter(f"{bare(name)!r} has two values; give it one", ctx, param)
        found[bare(name)] = ends
    return found


def _merged(
    ctx: click.Context, param: click.Parameter, values: tuple[Any, ...], read: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """Merge dicts of the file, and texts that are read as dicts."""
    found: dict[str, Any] = {}
    for each in [value if isinstance(value, dict) else read(ctx, param, str(value)) for value in values]:
        for name, number in each.items():
            if name in found:
                raise click.BadParameter(f"{name!r} has two values; give it one", ctx, param)
            found[name] = number
    return found


def _numbers(
    ctx: click.Context, param: click.Parameter, text: str, ranges: bool = False, arrays: bool = False
) -> dict[str, Any]:
    """Convert ``w1=.3,w2=.6`` to a dict.

    With ``ranges``, ``tau=0.1:10`` stays a text, which the library reads; with ``arrays``, ``v=[1,2]`` becomes a list.
    """
    found: dict[str, Any] = {}
    for part in _outside_of_brackets(text) if arrays else text.split(","):
        name, _, number = part.rpartition("=")
        name = bare(name)
        if name in found:
            raise click.BadParameter(f"{name!r} has two values; give it one", ctx, param)
        if name and arrays and number.strip().startswith("["):
            found[name] = _array(ctx, param, part, number)
            continue
        if name and ranges and ":" in number:
            found[name] = number.strip()
            continue
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name or not math.isfinite(found[name]):
            form = (
                "name=number or name=low:high, with finite numbers" if ranges else "name=number, with a finite number"
            )
            raise click.BadParameter(f"{part!r} is not of the form {form}", ctx, param)
    return found


def _array(ctx: click.Context, param: click.Parameter, part: str, text: str) -> list[Any]:
    """Return the vector ``[1,2]`` or the matrix ``[[1,2],[3,4]]`` as lists of numbers."""
    try:
        found = json.loads(text)
        rows = [row if isinstance(row, list) else [row] for row in found]
        numbers = [number for row in rows for number in row]
        nested = {isinstance(row, list) for row in found}
        if len(nested) != 1 or len({len(row) for row in rows}) != 1 or not numbers:
            raise ValueError
        if any(isinstance(number, bool) or not math.isfinite(number) for number in numbers):
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise click.BadParameter(
            f"{part.strip()!r} is neither a vector, as v=[1,2], nor a matrix, as A=[[1,2],[3,4]], of finite numbers",
            ctx, param,
        ) from None  # fmt: skip
    return [[*map(float, row)] if nested == {True} else float(row) for row in found]


def _shapes(ctx: click.Context, param: click.Parameter, text: str) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, lengths = part.rpartition("=")
        if not bare(name) or not _SHAPE.fullmatch(lengths.strip()):
            raise click.BadParameter(f"{part!r} is not of the form name=d or name=dxh, as v=3 or A=3x3", ctx, param)
        if bare(name) in found:
            raise click.BadParameter(f"{bare(name)!r} has two values; give it one", ctx, param)
        found[bare(name)] = tuple(int(length) for length in re.split("[x×]", lengths))
    return found


def _texts(ctx: click.Context, param: click.Parameter, text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _outside_of_brackets(text):
        match = _TIE.fullmatch(part)
        if match is None or not bare(match[1]) or not match[2].strip():
            raise click.BadParameter(f"{part!r} is not of the form name=expression", ctx, param)
        if bare(match[1]) in found:
            raise click.BadParameter(f"{bare(match[1])!r} has two values; give it one", ctx, param)
        found[bare(match[1])] = match[2].strip()
    return found


def _outside_of_brackets(text: str) -> list[str]:
    """Split a text at its commas, but not at that of ``max(a, b)``."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def bare(name: str) -> str:
    """Return a name without surrounding blanks and backticks."""
    name = name.strip()
    return name[1:-1] if len(name) > 2 and name[0] == name[-1] == "`" else name
