"""Functions that are translated to machine code, as functions of arrays."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

from steepest.engines.native.llvm.kernel import Kernel, compiled
from steepest.engines.native.methods.translation import Translator


@functools.cache
def machine(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function of arrays alone as machine code."""
    translator = Translator("test")
    translator.translate(function, "tested")
    text = str(translator.module)
    key = hashlib.sha256(text.encode()).hexdigest()
    kernel = compiled(key, "tested", function.__code__.co_argcount, lambda: Kernel(text, 0, 0))

    def call(*arrays: Any) -> None:
        kernel.call(*arrays)

    return call
