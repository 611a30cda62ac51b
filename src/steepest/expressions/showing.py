"""Show expressions in notebooks and on terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.expressions.ascii import is_plain, transliterated
from steepest.expressions.latex import latex
from steepest.expressions.maths_text import maths
from steepest.expressions.printing import Node
from steepest.expressions.traversal import tree_size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

WIDEST = 72  # columns of a plot
_MOST = 2000  # nodes: a longer formula is of no use to a reader


def displayed(expression: Node) -> str | None:
    """Return the expression as displayed LaTeX between dollars; None if it is too long to be read.

    >>> from steepest.expressions.expression import data, params
    >>> displayed(data("x") * params("w"))
    '$\\\\displaystyle x_{i} \\\\cdot w$'
    """
    return rf"$\displaystyle {latex(expression)}$" if tree_size(expression) <= _MOST else None


def shown(expression: Node) -> str:
    """Return the expression as mathematical text, or its ``repr`` if it is too long to be read."""
    return maths(expression) if tree_size(expression) <= _MOST else repr(expression)


def on_console(expression: Node) -> RenderableType:
    """Return the expression for a console of rich."""
    return Renderable(lambda width, plain: transliterated(shown(expression)) if plain else shown(expression))


@dataclass(frozen=True)
class Renderable:
    """Text that ``write`` returns for the width of a console of rich and for whether it is plain."""

    write: Callable[[int, bool], str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[Text]:
        from rich.text import Text

        yield Text(self.write(min(options.max_width, WIDEST), is_plain(options.encoding)), no_wrap=False)
