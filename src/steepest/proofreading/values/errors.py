"""The reasons why a formula has no value."""

from __future__ import annotations

from steepest.proofreading.reading.tree import Node


class NoValueError(Exception):
    """A part of a formula has no value."""

    def __init__(self, why: str, node: Node) -> None:
        super().__init__(why)
        self.node = node  # the part


class UndecidedError(NoValueError):
    """Something that the value depends on is not known."""


class ShapeClashError(NoValueError):
    """Vectors or matrices do not fit together."""
