"""Formulas on paper as expressions of steepest, where they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.expression import Expression
    from steepest.proofreading.tree import Node


def expression_of(node: Node | None) -> Expression | None:
    """The expression that a tree is; None if it is none."""
    return None
