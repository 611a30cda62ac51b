"""Show expressions in notebooks and on terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.expressions.ascii import is_plain
from steepest.expressions.characters import latex_text
from steepest.expressions.latex import latex
from steepest.expressions.maths_text import maths
from steepest.expressions.notation import notation_of, sentence
from steepest.expressions.printing import Node
from steepest.expressions.traversal import tree_size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

WIDEST = 72  # columns of a plot
_MOST = 2000  # nodes: a longer formula is of no use to a reader


def displayed(expression: Node) -> str | None:
    """Return the expression as displayed LaTeX between dollars; None if it is too long to be read.

    A line after it says which signs are not the usual ones.

    >>> from steepest.expressions.expression import data, params
    >>> displayed(data("x") * params("w"))
    '$\\\\displaystyle x_{i} \\\\cdot w$'
    """
    if tree_size(expression) > _MOST:
        return None
    said = [sentence(remark, latex_text) for remark in notation_of([expression]).remarks([expression])]
    return "\n\n".join([rf"$\displaystyle {latex(expression)}$", *([" ".join(said)] if said else [])])


def shown(expression: Node) -> str:
    """Return the expression as mathematical text, or its ``repr`` if it is too long to be read.

    A line after it says which signs are not the usual ones.
    """
    if tree_size(expression) > _MOST:
        return repr(expression)
    said = [sentence(remark) for remark in notation_of([expression]).remarks([expression], latex=False)]
    return "\n".join([maths(expression), *([" ".join(said)] if said else [])])


def on_console(expression: Node) -> RenderableType:
    """Return the expression for a console of rich."""
    in_ascii = notation_of([expression]).in_ascii
    return Renderable(lambda width, plain: in_ascii(shown(expression)) if plain else shown(expression))


@dataclass(frozen=True)
class Renderable:
    """Text that ``write`` returns for the width of a console of rich and for whether it is plain."""

    write: Callable[[int, bool], str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Text]:
        from rich.text import Text

        yield Text(self.write(min(options.max_width, WIDEST), is_plain(options.encoding)), no_wrap=False)
