r"""Expands the macros that a LaTeX document defines, and keeps the place of every character.

``\def\pd[#1]{…}`` takes its arguments between the signs that its definition shows, ``\newcommand{\x}[2][default]{…}``
in braces, the first between square ones if it is optional. The expansion of macros that contain
themselves or grow beyond all bounds is cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_EXPANSIONS = 5_000  # macros that contain themselves would be expanded without end
_MAX_LENGTH = 100_000  # of an expanded formula


@dataclass(frozen=True)
class Macro:
    """A macro of the document."""

    name: str  # without its backslash
    # The texts before each argument of a ``\def`` and after the last one; None for arguments in braces.
    pattern: tuple[str, ...] | None
    arguments: int  # how many
    default: str | None  # of the first argument, if that is optional
    body: str  # what it stands for
    place: int  # where it is defined; it means nothing before


_DEFINING = re.compile(
    r"\\(?:(?P<def>[egx]?def)\s*\\(?P<dname>[A-Za-z]+|.)(?P<pattern>[^{}\n]*)(?=\{)"
    r"|(?P<new>(?:re)?newcommand|providecommand)\*?\s*(?:\{\s*\\(?P<nname>[A-Za-z]+|.)\s*\}|\\(?P<mname>[A-Za-z]+|.))"
    r"\s*(?:\[(?P<count>\d)\])?\s*(?:\[(?P<default>[^\]]*)\])?\s*(?=\{)"
    r"|(?P<operator>DeclareMathOperator)\*?\s*(?:\{\s*\\(?P<oname>[A-Za-z]+)\s*\}|\\(?P<pname>[A-Za-z]+))\s*(?=\{))"
)


def read_macros(text: str) -> list[Macro]:
    """Return the macros that a text defines, in their order."""
    found = []
    for match in _DEFINING.finditer(text):
        body = group(text, match.end())
        if body is None:
            continue
        place = match.start()
        if match["def"]:
            pattern = tuple(re.split(r"#\d", match["pattern"]))
            found.append(Macro(match["dname"], pattern, len(pattern) - 1, None, body, place))
        elif match["new"]:
            count = int(match["count"] or 0)
            found.append(Macro(match["nname"] or match["mname"], None, count, match["default"], body, place))
        else:
            name = match["oname"] or match["pname"]
            found.append(Macro(name, None, 0, None, rf"\operatorname{{{body}}}", place))
    return found


def group(text: str, start: int) -> str | None:
    """Return the text between the brace at ``start`` and its partner; None if there is no partner."""
    end = closing(text, start)
    return None if end is None else text[start + 1 : end]


def closing(text: str, start: int, signs: str = "{}") -> int | None:
    """Return the offset of the partner of an opening brace; None if there is none."""
    depth = 0
    for found in re.compile(rf"\\.|[{re.escape(signs)}]", re.DOTALL).finditer(text, start):
        depth += {signs[0]: 1, signs[1]: -1}.get(found.group(), 0)
        if depth == 0:
            return found.start()
    return None


def expand(text: str, places: Sequence[int], macros: Sequence[Macro]) -> tuple[str, list[int]]:
    """Return a text with its macros expanded, and the place of each of its characters.

    What comes out of a macro has the place of the macro; its arguments keep their own.
    """
    known = {macro.name: macro for macro in macros}
    spots = list(places)
    at = 0
    for _ in range(_MAX_EXPANSIONS if known else 0):
        call = next((c for c in re.compile(r"\\([A-Za-z]+|.)").finditer(text, at) if c[1] in known), None)
        if call is None or len(text) > _MAX_LENGTH:
            break
        macro = known[call[1]]
        read = _arguments(text, call.end(), macro)
        if read is None:  # used in another way than it was defined; what reads formulas will say so
            at = call.end()
            continue
        spans, end = read
        here = spots[call.start()]
        written: list[str] = []
        where: list[int] = []
        for piece in re.split(r"(#\d)", macro.body):
            if re.fullmatch(r"#\d", piece) and 0 < int(piece[1]) <= len(spans):
                span = spans[int(piece[1]) - 1]
                if isinstance(span, str):
                    written.append(span)
                    where += [here] * len(span)
                else:
                    written.append(text[span[0] : span[1]])
                    where += spots[span[0] : span[1]]
            else:
                written.append(piece)
                where += [here] * len(piece)
        # TeX keeps a command apart from a letter that follows it.
        if written and re.search(r"\\[A-Za-z]+$", "".join(written)) and re.match("[A-Za-z]", text[end : end + 1]):
            written.append(" ")
            where.append(here)
        text = text[: call.start()] + "".join(written) + text[end:]
        spots[call.start() : end] = where
        at = call.start()
    return text, spots


_Span = tuple[int, int] | str


def _arguments(text: str, at: int, macro: Macro) -> tuple[list[_Span], int] | None:
    """Return the spans of the arguments of a call (a text for a default), and the end of the call."""
    spans: list[_Span] = []
    if macro.pattern is None:
        for number in range(macro.arguments):
            at = _blanks(text, at)
            if number == 0 and macro.default is not None:
                end = closing(text, at, "[]") if text[at : at + 1] == "[" else None
                spans.append(macro.default if end is None else (at + 1, end))
                at = at if end is None else end + 1
                continue
            one = _one(text, at)
            if one is None:
                return None
            spans.append(one[0])
            at = one[1]
        return spans, at
    at = _blanks(text, at) if macro.pattern[0].strip() or macro.arguments else at
    if not text.startswith(macro.pattern[0].strip(), at):
        return None
    at += len(macro.pattern[0].strip())
    for mark in macro.pattern[1:]:
        mark = mark.strip()
        if not mark:
            one = _one(text, _blanks(text, at))
            if one is None:
                return None
            spans.append(one[0])
            at = one[1]
            continue
        end = _until(text, at, mark)
        if end is None:
            return None
        spans.append((at, end))
        at = end + len(mark)
    return spans, at


def _one(text: str, at: int) -> tuple[tuple[int, int], int] | None:
    """Return the span of one argument (a group in braces, a command, or a single sign) and its end."""
    if at >= len(text):
        return None
    if text[at] == "{":
        end = closing(text, at)
        return None if end is None else ((at + 1, end), end + 1)
    command = re.compile(r"\\([A-Za-z]+|.)").match(text, at)
    end = command.end() if command else at + 1
    return (at, end), end


def _until(text: str, at: int, mark: str) -> int | None:
    """Return the offset of a sign outside braces; None if there is none."""
    depth = 0
    while at < len(text):
        if depth == 0 and text.startswith(mark, at):
            return at
        if text[at] == "\\":
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth < 0:
            return None
        at += 1
    return None


def _blanks(text: str, at: int) -> int:
    return len(text) - len(text[at:].lstrip())
