"""Code for processors with shorter registers than this machine's, which it runs as well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from steepest.engines.native.arrays import array_runner
from steepest.engines.native.lanes import bound_kernel
from steepest.engines.native.llvm import host, kernel

REGISTERS = {"x86-64": 16, "haswell": 32}  # bytes


def pretend_processor(monkeypatch: pytest.MonkeyPatch, cpu: str) -> None:
    """Compile for another processor from here on; skip the test if this one cannot run that code.

    Args:
        monkeypatch: undoes it.
        cpu: LLVM's name of the processor.
    """
    real = host.this_host()
    if not real.triple.startswith("x86_64") or real.vector_bytes < REGISTERS[cpu]:
        pytest.skip("this processor cannot run that code")
    other = replace(real, cpu=cpu, features="", vector_bytes=REGISTERS[cpu])
    for module in (host, kernel, array_runner, bound_kernel):
        monkeypatch.setattr(module, "this_host", lambda: other)
