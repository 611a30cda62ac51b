"""Summaries of results: tables and a curve, as HTML in notebooks and as text on terminals."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from steepest.display.axes import Costs
from steepest.display.palette import GREEN, ORANGE, VERMILION

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLE = (
    "<style>"
    ".steepest{color:inherit;background:transparent;max-width:100%;overflow-x:auto}"
    ".steepest table{border-collapse:collapse;margin:.3em 0 .8em;color:inherit;background:transparent}"
    ".steepest caption{text-align:left;color:inherit;font-weight:600;white-space:normal;padding:.2em 0}"
    ".steepest tr{background:transparent!important;border-bottom:1px solid rgba(128,128,128,.35)}"
    ".steepest th,.steepest td{text-align:left!important;padding:.2em .7em;color:inherit;font-weight:400}"
    ".steepest thead th{font-weight:600;border-bottom:1px solid currentColor}"
    ".steepest .number{text-align:right!important;font-variant-numeric:tabular-nums}"
    f".steepest .good{{border-left:4px solid {GREEN}}}.steepest .bad{{border-left:4px solid {VERMILION}}}"
    f".steepest .open{{border-left:4px solid {ORANGE}}}"
    ".steepest p{margin:.3em 0}"
    "</style>"
)
MOST_ROWS = 40  # of a table, about a screen


@dataclass(frozen=True)
class SummaryTable:
    """A table of texts."""

    caption: str
    header: tuple[str, ...]  # the names of the columns; empty for a list of names and values
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()  # the numbers of the columns that are flush right
    marks: tuple[str, ...] = ()  # for each row ``good``, ``bad``, ``open`` or an empty text, which chooses its colour

    def html(self) -> str:
        """Return an HTML table; a long one is cut after its first rows."""
        heads = "".join(f'<th scope="col"{self._number(k)}>{escape(name)}</th>' for k, name in enumerate(self.header))
        lines = []
        for n, row in enumerate(self.rows[:MOST_ROWS]):
            mark = f' class="{self.marks[n]}"' if self.marks and self.marks[n] else ""
            cells = "".join(f"<td{self._number(k)}>{escape(cell)}</td>" for k, cell in enumerate(row) if k)
            lines.append(f'<tr{mark}><th scope="row"{self._number(0)}>{escape(row[0])}</th>{cells}</tr>')
        left = len(self.rows) - MOST_ROWS
        if left > 0:
            lines.append(f'<tr><td colspan="{len(self.rows[0])}">… and {left} more</td></tr>')
        head = f"<thead><tr>{heads}</tr></thead>" if self.header else ""
        return f"<table><caption>{escape(self.caption)}</caption>{head}<tbody>{''.join(lines)}</tbody></table>"

    def _number(self, column: int) -> str:
        return ' class="number"' if column in self.numeric else ""

    def text(self, most: int | None = None) -> str:
        """Return aligned lines of text, at most some of the rows."""
        kept = self.rows if most is None else self.rows[:most]
        rows = [row for row in (self.header, *kept) if row]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))] if rows else []
        lines = [
            "  "
            + "   ".join(
                cell.rjust(width) if k in self.numeric else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        left = len(self.rows) - len(kept)
        return "\n".join([f"{self.caption}:", *lines, *([f"  … and {left} more"] if left else [])])


@dataclass(frozen=True)
class Summary:
    """Tables, a curve and sentences on one result."""

    title: str
    tables: tuple[SummaryTable, ...] = ()
    plot: Costs | None = None  # costs by epoch
    notes: tuple[str, ...] = ()  # warnings

    def html(self) -> str:
        """Return HTML that takes ink and paper from the page around it."""
        from steepest.display.curve_svg import curve_svg

        notes = "".join(f"<p>⚠ {escape(note)}</p>" for note in self.notes)
        curve = f"<p>{curve_svg(self.plot)}</p>" if self.plot else ""
        tables = "".join(table.html() for table in self.tables)
        return f'<div class="steepest">{_STYLE}<p><strong>{escape(self.title)}</strong></p>{tables}{curve}{notes}</div>'

    def text(self, width: int = 72, plain: bool = False, most: int | None = None) -> str:
        """Return lines of text, in ASCII if they are to be plain, with at most some of the rows of each table."""
        from steepest.display.braille import plot

        card = self.plain() if plain else self
        parts = [card.title, *(table.text(most) for table in card.tables)]
        if self.plot:
            parts.append(plot(self.plot, width, 8, plain))
        return "\n".join([*parts, *(f"warning: {note}" for note in card.notes)])

    def plain(self) -> Summary:
        """Return the same in ASCII."""
        from steepest.expressions.ascii import transliterated as plain

        tables = tuple(
            SummaryTable(
                plain(table.caption), tuple(map(plain, table.header)),
                tuple(tuple(map(plain, row)) for row in table.rows), table.numeric, table.marks,
            )
            for table in self.tables
        )  # fmt: skip
        return Summary(plain(self.title), tables, self.plot, tuple(map(plain, self.notes)))


class ReprMixin(ABC):
    """Represents an object by its summary: as HTML in notebooks, as text in IPython and through rich."""

    @abstractmethod
    def card(self) -> Summary:
        """Return the summary."""

    def _repr_html_(self) -> str:
        return self.card().html()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        card = self.card()
        return {"text/plain": card.text(most=MOST_ROWS), "text/html": card.html()}

    def __rich__(self) -> RenderableType:
        from steepest.expressions.showing import Renderable

        return Renderable(self.card().text)


_MOST_ELEMENTS = 6  # of an array: a line shows as many numbers
_FIRST_ELEMENTS = 3


def value_text(value: Any) -> str:
    """Write a parameter: a number with ten digits, a small array, or the shape, norm and first numbers of a large one.

    >>> import numpy as np
    >>> print(value_text(np.float64(-0.0)), value_text(np.array([[1, 2.5]])), value_text(np.ones((3, 4))), sep="; ")
    0; [[1, 2.5]]; array of shape (3, 4), norm 3.4641: 1, 1, 1, …
    """
    shape = tuple(getattr(value, "shape", ()))
    if not shape:
        return f"{float(value):z.10g}"
    if math.prod(shape) <= _MOST_ELEMENTS:
        return _nested(value.tolist())
    elements = [float(element) for element in value.flat]
    first = ", ".join(f"{element:z.6g}" for element in elements[:_FIRST_ELEMENTS])
    return f"array of shape {shape}, norm {math.hypot(*elements):.6g}: {first}, …"


def _nested(values: Any) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else f"{values:z.6g}"


def values_table(caption: str, values: Mapping[str, Any]) -> SummaryTable:
    """Return a table of parameters and the like by name."""
    rows = tuple((name, value_text(value)) for name, value in values.items())
    arrays = any(getattr(value, "shape", ()) for value in values.values())
    return SummaryTable(caption, (), rows, () if arrays else (1,))


def facts_table(caption: str, facts: Sequence[tuple[str, str]]) -> SummaryTable:
    """Return a table of names and their descriptions."""
    return SummaryTable(caption, (), tuple(facts))
