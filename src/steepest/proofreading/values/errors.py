"""The reasons why a formula has no value."""

from __future__ import annotations

from steepest.proofreading.reading.tree import Node


class UndecidedError(Exception):
    """A part of a formula has no known value.

    Attributes:
        node: the part.
    """

    def __init__(self, why: str, node: Node) -> None:
        super().__init__(why)
        self.node = node


class ShapeClashError(Exception):
    """Vectors or matrices do not fit together.

    Attributes:
        node: the part with the operation between them.
    """

    def __init__(self, why: str, node: Node) -> None:
        super().__init__(why)
        self.node = node
