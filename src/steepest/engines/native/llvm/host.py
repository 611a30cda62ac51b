"""This machine's processor as LLVM describes it, compiling for it, and loading compiled code."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import llvmlite
import llvmlite.binding as llvm

_VECTOR_BYTES = (("avx512f", 64), ("avx", 32))  # the first feature present decides; SSE2 and NEON have 16


@dataclass(frozen=True)
class Host:
    """A processor that code is compiled for, in LLVM's spelling, and the length of its vector registers in bytes."""

    triple: str
    cpu: str
    features: str
    vector_bytes: int

    @property
    def fingerprint(self) -> str:
        """A text that differs between hosts whose compiled code may differ."""
        version = ".".join(map(str, llvm.llvm_version_info))
        return "|".join((self.triple, self.cpu, self.features, llvmlite.__version__, version))


@functools.cache
def this_host() -> Host:
    """Return the processor that this process runs on."""
    _initialise()
    features = llvm.get_host_cpu_features()
    vector = next((length for name, length in _VECTOR_BYTES if features.get(name)), 16)
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), features.flatten(), vector)


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def _machine(host: Host, effort: int) -> Any:
    target = llvm.Target.from_triple(host.triple)
    return target.create_target_machine(
        cpu=host.cpu, features=host.features, opt=effort, reloc="pic", codemodel="jitdefault", jit=True
    )


# Variables to registers, operations combined, dead ones removed. The emitter writes loops and vectors as they shall be;
# LLVM's own loop and vector passes would take time that grows with the square of a deep network's depth. Global value
# numbering finds nothing here, since expressions are interned, and new_gvn crashes on deep networks.
_PASSES = ("sroa", "simplify_cfg", "instruction_combine", "aggressive_dce")


def compile_module(ir: str, host: Host, effort: int = 2) -> bytes:
    """Compile a module of LLVM's intermediate representation to an object file; ``effort`` is 1 to 3."""
    _initialise()
    module = llvm.parse_assembly(ir)
    module.verify()
    machine = _machine(host, effort)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=effort))
    passes = llvm.create_new_function_pass_manager()
    for name in _PASSES:
        getattr(passes, f"add_{name}_pass")()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    code: bytes = machine.emit_object(module)
    return code


class Loaded:
    """Machine code in this process's memory, freed with this object; raises ValueError for what is no object file."""

    def __init__(self, code: bytes) -> None:
        _initialise()
        file = llvm.ObjectFileRef.from_data(code)
        if not file:  # LLVM returns a null pointer for what it cannot parse, and crashes when that is linked
            raise ValueError("this is no object file")
        empty = llvm.parse_assembly("")
        self._engine = llvm.create_mcjit_compiler(empty, _machine(this_host(), 2))
        self._engine.add_object_file(file)
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return the address of a function; raise KeyError if there is none of this name."""
        found = int(self._engine.get_function_address(name))
        if not found:
            raise KeyError(name)
        return found
