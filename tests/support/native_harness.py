"""Compiles an elementary function of the native engine and runs it over arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.functions.elementwise import ELEMENTARY

Array = NDArray[Any]

FUNCTIONS = {name: each.write for name, each in ELEMENTWISE.items() if each.latency >= ELEMENTARY[1] and name != "fmod"}
"""The elementary functions: those that take long, but for the remainder, a call of the C library for each number."""
ARCHITECTURE: str = llvm.get_process_triple().partition("-")[0]
"""What this process runs on, as LLVM calls it."""

BINARY = ("power",)
"""The functions of two arguments."""


def machine(cpu: str | None = None, triple: str | None = None) -> llvm.TargetMachine:
    """The machine to compile for: this one, a simpler one of its kind, or another, whose code can only be read.

    Made anew each time, since the engine that runs the code takes it over.

    Args:
        cpu: its name to LLVM, this processor if left out.
        triple: its architecture and system, this one's if left out.
    """
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple or llvm.get_process_triple())
    if cpu is None:
        here = {"cpu": llvm.get_host_cpu_name(), "features": llvm.get_host_cpu_features().flatten()}
        return target.create_target_machine(**here, opt=3, jit=True)
    return target.create_target_machine(cpu=cpu, opt=3, jit=triple is None)


def source(name: str, width: int, lanes: int) -> str:
    """LLVM's text of ``void f(T *in, [T *in,] T *out, i64 blocks)``."""
    element = ir.DoubleType() if width == 64 else ir.FloatType()
    kind, whole = ir.VectorType(element, lanes), ir.IntType(64)
    module = ir.Module(name)
    arrays = 3 if name in BINARY else 2
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [kind.as_pointer()] * arrays + [whole]), "f")
    *sources, target, blocks = function.args
    entry, loop, done = (function.append_basic_block(part) for part in ("entry", "loop", "done"))
    builder = ir.IRBuilder(entry)
    builder.branch(loop)
    builder.position_at_end(loop)
    place = builder.phi(whole)
    place.add_incoming(ir.Constant(whole, 0), entry)
    arguments = [builder.load(builder.gep(source, [place]), align=width // 8) for source in sources]
    value = FUNCTIONS[name](builder, *arguments)
    builder.store(value, builder.gep(target, [place]), align=width // 8)
    following = builder.add(place, ir.Constant(whole, 1))
    place.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_unsigned("<", following, blocks), loop, done)
    builder.position_at_end(done)
    builder.ret_void()
    return str(module)


def optimised(name: str, width: int, lanes: int, to: llvm.TargetMachine) -> llvm.ModuleRef:
    """The function's module after LLVM's passes."""
    module = llvm.parse_assembly(source(name, width, lanes))
    module.triple, module.data_layout = to.triple, str(to.target_data)
    module.verify()
    builder = llvm.create_pass_builder(to, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return module


def assembly(name: str, width: int, lanes: int, cpu: str | None = None, triple: str | None = None) -> str:
    """The machine code as text."""
    to = machine(cpu, triple)
    text: str = to.emit_assembly(optimised(name, width, lanes, to))
    return text


@cache
def _compiled(name: str, width: int, lanes: int, cpu: str | None) -> tuple[Any, Callable[..., None]]:
    to = machine(cpu)
    engine = llvm.create_mcjit_compiler(optimised(name, width, lanes, to), to)
    engine.finalize_object()
    arrays = 3 if name in BINARY else 2
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arrays, ctypes.c_int64)
    return engine, prototype(engine.get_function_address("f"))


def prepared(name: str, *arguments: Array, lanes: int = 8, cpu: str | None = None) -> Callable[[], Array]:
    """What computes the function of arrays of one precision, again and again into the same array.

    Args:
        name: which function.
        arguments: one array an argument, all of one length.
        lanes: how many values at a time.
        cpu: which processor the code is made for, this one if left out; it must be one whose code this one can run.
    """
    kind = arguments[0].dtype
    size = arguments[0].size
    blocks = -(-size // lanes)
    padded = [np.zeros(blocks * lanes, kind) for _ in arguments]
    for array, argument in zip(padded, arguments, strict=True):
        array[:size] = argument
    found = np.empty(blocks * lanes, kind)
    _, function = _compiled(name, 8 * kind.itemsize, lanes, cpu)

    def compute() -> Array:
        function(*(array.ctypes.data for array in [*padded, found]), blocks)
        return found[:size]

    return compute


def run(name: str, *arguments: Array, lanes: int = 8, cpu: str | None = None) -> Array:
    """The function of arrays of one precision; the arguments are those of ``prepared``."""
    return prepared(name, *arguments, lanes=lanes, cpu=cpu)()
