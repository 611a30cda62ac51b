"""Kernels ready to be called: built once for a graph, a layout and a host, and kept."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.calculus.program import Program, described
from steepest.engines.native.lanes.frame import Kernel
from steepest.engines.native.llvm import cache
from steepest.engines.native.llvm.host import Host, Loaded, compile_module, this_host

_IN_MEMORY = 256
_LARGE = 200_000  # characters of a module from which on LLVM is asked for less effort


@dataclass(frozen=True)
class CompiledKernel:
    """A function in memory.

    Attributes:
        call: the function; its arguments are addresses.
        scratch: bytes of working memory a thread.
        partials: numbers of each part's sums.
    """

    call: Callable[..., None]
    scratch: int
    partials: int
    loaded: Loaded


_compiled: OrderedDict[str, CompiledKernel] = OrderedDict()
_lock = threading.Lock()


@functools.cache
def _own_sources() -> str:
    """A digest of this package's files: code written by another version is another code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_key(name: str, programs: list[Program], plan: object, dtype: str, extra: list[Any], host: Host) -> str:
    """The name of a kernel among all kernels: a digest of everything that its code depends on."""
    about = [
        name,
        [described(program) for program in programs],
        repr(plan),
        dtype,
        extra,
        host.fingerprint,
        _own_sources(),
    ]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def build(key: str, name: str, arguments: int, make: Callable[[], Kernel]) -> CompiledKernel:
    """The function of a kernel, from memory, from the cache directory, or compiled now.

    Args:
        mark: the kernel's :func:`key`.
        name: of its function.
        arguments: how many addresses it takes.
        make: writes it, if it has to be compiled.
    """
    with _lock:
        found = _compiled.get(key)
        if found is not None:
            _compiled.move_to_end(key)
            return found
    entry = cache.read(key)
    if entry is None:
        kernel = make()
        effort = 1 if len(kernel.text) > _LARGE else 2
        entry = cache.Entry(kernel.scratch, kernel.partials, compile_module(kernel.text, this_host(), effort))
        cache.write(key, entry)
    loaded = Loaded(entry.code)
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)  # lets go of Python's lock while it runs
    made = CompiledKernel(prototype(loaded.address(name)), entry.scratch, entry.partials, loaded)
    with _lock:
        _compiled[key] = made
        while len(_compiled) > _IN_MEMORY:
            _compiled.popitem(last=False)
    return made
