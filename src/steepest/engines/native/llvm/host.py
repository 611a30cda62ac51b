"""This machine's processor as LLVM sees it: what it can do, code made for it, and code brought to run on it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import llvmlite
import llvmlite.binding as llvm

_VECTOR_BYTES = (("avx512f", 64), ("avx", 32))  # the first feature present decides; SSE2 and NEON have 16


@dataclass(frozen=True)
class Host:
    """A processor that code is made for.

    Attributes:
        triple: architecture, system and object format, in LLVM's spelling.
        cpu: LLVM's name of the processor.
        features: what it can do, as LLVM's list of ``+feature`` and ``-feature``.
        vector_bytes: the length of its vector registers, bytes.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int

    @property
    def fingerprint(self) -> str:
        """A text that differs whenever code made for one host might not run, or be another, on the next."""
        return "|".join((self.triple, self.cpu, self.features, llvmlite.__version__, _llvm_version()))


def _llvm_version() -> str:
    return ".".join(map(str, llvm.llvm_version_info))


@functools.cache
def this_host() -> Host:
    """The processor this process runs on."""
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


# Variables to registers, operations joined, dead ones out. Loops and vectors are written by the emitter as they are to
# be, and LLVM's own passes over them take time that grows with the square of a deep network's depth; its global
# numbering of values finds nothing here, and new_gvn ends the process on deep networks.
_PASSES = ("sroa", "simplify_cfg", "instruction_combine", "aggressive_dce")


def compile_module(ir: str, host: Host, effort: int = 2) -> bytes:
    """Machine code of a module of LLVM's intermediate representation, as the bytes of an object file.

    Args:
        ir: the module's text.
        host: the processor to make it for.
        effort: how hard LLVM looks for the best instructions, 1 to 3.
    """
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
    """Machine code in this process's memory; it goes when this object goes."""

    def __init__(self, code: bytes) -> None:
        _initialise()
        empty = llvm.parse_assembly("")
        self._engine = llvm.create_mcjit_compiler(empty, _machine(this_host(), 2))
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Where a function begins.

        Raises:
            KeyError: there is no function of this name.
        """
        found = int(self._engine.get_function_address(name))
        if not found:
            raise KeyError(name)
        return found
