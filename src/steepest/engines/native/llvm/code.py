"""Control flow and memory in LLVM's intermediate representation: the function that is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from llvmlite import ir

Value = Any
"""A value of LLVM's intermediate representation; llvmlite has no type annotations."""
Index = int | Value
"""A number known at compile time, or one computed at run time."""
_Name = TypeVar("_Name")

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
DOUBLE, POINTER = ir.DoubleType(), ir.PointerType()
_TYPES = {"float64": DOUBLE, "float32": ir.FloatType()}
_SIZES = {"float64": 8, "float32": 4}


def i64(value: Index) -> Value:
    """Return a number as LLVM's 64-bit integer."""
    return ir.Constant(I64, value) if isinstance(value, int) else value


class Splat(ir.Constant):  # type: ignore[misc]  # llvmlite has no types
    """One number in every lane of a vector, in LLVM's short spelling, since LLVM parses the text of a kernel again."""

    def __init__(self, kind: Any, number: float) -> None:
        super().__init__(kind, number)
        self._text = f"splat ({ir.Constant(kind.element, number)})"

    def get_reference(self) -> str:
        """Return how an instruction refers to it."""
        return self._text


class Code:
    """One function being written.

    Variables are stack slots allocated in the entry block. LLVM's pass ``sroa`` turns them into registers, so nothing
    here builds φ-nodes by hand. A vector register holds ``native`` numbers; if ``outlined``, elementary functions are
    called, otherwise each use is inlined.
    """

    def __init__(
        self, module: ir.Module, name: str, arguments: dict[str, Any], dtype: str, native: int, outlined: bool
    ) -> None:
        self.native, self.outlined = native, outlined
        self.dtype, self.number, self.size = dtype, _TYPES[dtype], _SIZES[dtype]
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), list(arguments.values())), name)
        self.arguments = dict(zip(arguments, self.function.args, strict=True))
        for argument in self.function.args:
            if argument.type == POINTER:
                argument.add_attribute("noalias")
        self._slots = ir.IRBuilder(self.function.append_basic_block("slots"))
        body = self.function.append_basic_block("body")
        self._slots.branch(body)
        self._slots.position_before(self._slots.block.terminator)
        self.builder = ir.IRBuilder(body)

    # -- types and numbers

    def vector(self, width: int) -> Any:
        """Return the type of vectors of ``width`` numbers."""
        return ir.VectorType(self.number, width)

    def splat(self, value: float, width: int) -> Value:
        """Return a constant in every lane."""
        return Splat(self.vector(width), value)

    def broadcast(self, scalar: Value, width: int) -> Value:
        """Write a number into every lane of a vector."""
        one = self.builder.insert_element(
            ir.Constant(ir.VectorType(scalar.type, width), ir.Undefined), scalar, ir.Constant(I32, 0)
        )
        zeros = ir.Constant(ir.VectorType(I32, width), [0] * width)
        return self.builder.shuffle_vector(one, one, zeros)

    def shuffle(self, vector: Value, lanes: list[int]) -> Value:
        """Permute, select or repeat the lanes of a vector."""
        mask = ir.Constant(ir.VectorType(I32, len(lanes)), lanes)
        return self.builder.shuffle_vector(vector, vector, mask)

    def lane(self, vector: Value) -> Value:
        """Extract the first lane of a vector."""
        return self.builder.extract_element(vector, ir.Constant(I32, 0))

    # -- arithmetic of indices

    def plus(self, a: Index, b: Index) -> Index:
        """Return a + b, folded where it can be."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(b, int) and b == 0:
            return a
        return b if isinstance(a, int) and a == 0 else self.builder.add(i64(a), i64(b))

    def times(self, a: Index, b: Index) -> Index:
        """Return a · b, folded where it can be."""
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(b, int) and b == 1:
            return a
        return b if isinstance(a, int) and a == 1 else self.builder.mul(i64(a), i64(b))

    # -- memory

    def slot(self, kind: Any, value: Value | None = None) -> Value:
        """Declare a variable of the function and assign ``value`` to it here, if one is given."""
        made = self._slots.alloca(kind)
        if value is not None:
            self.builder.store(value, made)
        return made

    def get(self, slot: Value, kind: Any) -> Value:
        """Load a variable."""
        return self.builder.load(slot, typ=kind)

    def put(self, value: Value, slot: Value) -> None:
        """Assign to a variable."""
        self.builder.store(value, slot)

    def place(self, pointer: Value, index: Index, kind: Any) -> Value:
        """Return the address of an element of an array of ``kind``."""
        if isinstance(index, int) and index == 0:
            return pointer
        return self.builder.gep(pointer, [i64(index)], inbounds=True, source_etype=kind)

    def read(self, pointer: Value, index: Index, kind: Any, align: int | None = None) -> Value:
        """Load an element of an array of ``kind``."""
        return self.builder.load(self.place(pointer, index, kind), typ=kind, align=align)

    def read_all(self, argument: str, names: Iterable[_Name], kind: Any) -> dict[_Name, Value]:
        """Load an array of ``kind`` that is an argument, whose elements have these names in order."""
        return {name: self.read(self.arguments[argument], k, kind) for k, name in enumerate(names)}

    def write(self, value: Value, pointer: Value, index: Index, align: int | None = None) -> None:
        """Store an element of an array."""
        self.builder.store(value, self.place(pointer, index, value.type), align=align)

    def load(self, pointer: Value, index: Index, kind: Any) -> Value:
        """Load a vector of numbers that begins at an element of an array, wherever that lies."""
        return self.read(self.place(pointer, index, self.number), 0, kind, self.size)

    def store(self, vector: Value, pointer: Value, index: Index) -> None:
        """Store a vector of numbers from an element of an array on."""
        self.write(vector, self.place(pointer, index, self.number), 0, self.size)

    def widened(self, number: Value) -> Value:
        """Convert a number to float64."""
        return number if self.number == DOUBLE else self.builder.fpext(number, DOUBLE)

    def narrowed(self, number: Value) -> Value:
        """Convert a number of float64 to this function's precision."""
        return number if self.number == DOUBLE else self.builder.fptrunc(number, self.number)

    # -- control flow

    def begin_epochs(self) -> tuple[Value, Value]:
        """Begin the loop over the epochs; return its block, and the block that follows once it ends."""
        head, leave = self.function.append_basic_block("epoch"), self.function.append_basic_block("leave")
        self.builder.branch(head)
        self.builder.position_at_end(head)
        return head, leave

    def end_epochs(self, done: Value, head: Value, leave: Value) -> None:
        """End the loop over the epochs, if ``done``, else go to the next one."""
        self.builder.cbranch(done, leave, head)
        self.builder.position_at_end(leave)

    @contextmanager
    def loop(self, start: Index, stop: Index, step: Index = 1) -> Iterator[Value]:
        """Write a loop over start, start + step, … below stop around what is written inside."""
        counter = self.slot(I64, i64(start))
        head, body, after = (self.function.append_basic_block(name) for name in ("head", "loop", "after"))
        self.builder.branch(head)
        self.builder.position_at_end(head)
        index = self.get(counter, I64)
        self.builder.cbranch(self.builder.icmp_signed("<", index, i64(stop)), body, after)
        self.builder.position_at_end(body)
        yield index
        self.put(self.builder.add(index, i64(step)), counter)
        self.builder.branch(head)
        self.builder.position_at_end(after)

    def magnitude(self, x: Value) -> Value:
        """Write |x|, of a number or a vector."""
        return intrinsic(self.builder, "fabs", x)


def intrinsic(builder: Any, name: str, *operands: Value) -> Value:
    """Call an intrinsic function of LLVM on numbers or vectors of one type."""
    kind = operands[0].type
    element, lanes = (kind.element, f"v{kind.count}") if isinstance(kind, ir.VectorType) else (kind, "")
    full = f"llvm.{name}.{lanes}f{64 if element == DOUBLE else 32}"
    return builder.call(declared(builder.module, full, kind, [kind] * len(operands)), operands)


def declared(module: ir.Module, name: str, result: Any, kinds: Sequence[Any]) -> Any:
    """Return a function that is defined elsewhere, declared once in a module."""
    found = module.globals.get(name)
    return found if found is not None else ir.Function(module, ir.FunctionType(result, kinds), name)
