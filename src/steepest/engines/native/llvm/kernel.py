"""Kernels: the text of a module, and the compiled function, made once for a graph, a layout and a host, and kept."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steepest.calculus.program import Program, described
from steepest.engines.native.llvm import cache
from steepest.engines.native.llvm.host import Host, Loaded, compile_module, this_host
from steepest.engines.native.llvm.memory import Array

_IN_MEMORY = 256  # kernels; beyond, the least recently used are unloaded
_LARGE = 200_000  # characters of a module from which LLVM optimises less: its time grows faster than the text
_ROOT = Path(__file__).parents[1]  # the package ``native``: all folders write code


@dataclass(frozen=True)
class Kernel:
    """The text of a module with one function, and what its caller must provide; see :class:`cache.Entry`."""

    text: str
    scratch: int
    partials: int


class CompiledKernel:
    """A function in memory; its machine code is unloaded with this object."""

    def __init__(self, entry: cache.Entry, name: str, arguments: int) -> None:
        self.scratch, self.partials, self._loaded = entry.scratch, entry.partials, Loaded(entry.code)
        # Such a prototype releases Python's global lock while the function runs.
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
        self._function = prototype(self._loaded.address(name))

    @property
    def address(self) -> int:
        """The address of the function."""
        return int(ctypes.cast(self._function, ctypes.c_void_p).value or 0)

    def call(self, *arrays: Array) -> None:
        """Call the function with the addresses of contiguous arrays, in the order of its arguments."""
        self._function(*(array.ctypes.data for array in arrays))


_compiled: OrderedDict[str, CompiledKernel] = OrderedDict()
_lock = threading.Lock()


@functools.cache
def _source_digest() -> str:
    """Return a digest of this package's files: another version of them writes other code."""
    digest = hashlib.sha256()
    for path in sorted(_ROOT.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def cache_key(
    name: str, programs: Sequence[Program], plan: object, dtype: str, extra: Sequence[Any], host: Host
) -> str:
    """Return a digest of everything that the code of a kernel depends on."""
    graphs = [_graph(program) for program in programs]
    about = [name, graphs, repr(plan), dtype, extra, host.fingerprint, _source_digest()]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


@functools.lru_cache(maxsize=256)
def _graph(program: Program) -> str:
    """Return a digest of a program; the same program is bound to many tables."""
    return hashlib.sha256(json.dumps(described(program)).encode()).hexdigest()


def compiled(key: str, name: str, arguments: int, write: Callable[[], Kernel]) -> CompiledKernel:
    """Return the kernel of a :func:`cache_key` from memory, from the cache directory, or written and compiled now.

    Its function ``name`` takes so many addresses as ``arguments``.
    """
    with _lock:
        found = _compiled.get(key)
        if found is not None:
            _compiled.move_to_end(key)
            return found
    entry, made = cache.read(key), None
    if entry is not None:
        try:
            made = CompiledKernel(entry, name, arguments)
        except (ValueError, KeyError):  # it is no object file, or has no such function
            cache.discard(key)
    if made is None:
        kernel = write()
        effort = 1 if len(kernel.text) > _LARGE else 2
        entry = cache.Entry(kernel.scratch, kernel.partials, compile_module(kernel.text, this_host(), effort))
        cache.write(key, entry)
        made = CompiledKernel(entry, name, arguments)
    with _lock:
        _compiled[key] = made
        while len(_compiled) > _IN_MEMORY:
            _compiled.popitem(last=False)
    return made
