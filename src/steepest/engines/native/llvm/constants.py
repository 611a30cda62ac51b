"""Constants of LLVM's intermediate representation."""

from __future__ import annotations

from typing import Any

from llvmlite import ir


class Splat(ir.Constant):  # type: ignore[misc]  # llvmlite has no types
    """One number in every lane of a vector, in LLVM's short spelling: the text of a kernel is read again by LLVM."""

    def __init__(self, kind: Any, number: float) -> None:
        super().__init__(kind, number)
        self._text = f"splat ({ir.Constant(kind.element, number)})"

    def get_reference(self) -> str:
        """How an instruction refers to it."""
        return self._text
