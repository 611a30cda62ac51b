"""Vectors of LLVM values that are written like numbers: ``x * y + 1`` emits a product and a sum.

Nothing here carries a fast-math flag: what is written is what is rounded. ``a.times(b, plus=c)`` may be one fused
operation or two (``llvm.fmuladd``), whichever the machine does quickly, so it is used only where either will do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llvmlite import ir

from steepest.engines.native.llvm.code import Splat, Value, intrinsic


@dataclass(frozen=True)
class Format:
    """A binary floating-point format.

    Attributes:
        width: bits altogether.
        fraction: bits after the point of the significand.
        bias: what is added to the exponent.
    """

    width: int
    fraction: int
    bias: int

    @property
    def shifter(self) -> float:
        """1.5·2^fraction: a number of moderate size added to it is rounded to a whole one, in its lowest bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def smallest(self) -> float:
        """The least positive number whose significand is full."""
        return 2.0 ** (1 - self.bias)

    @property
    def sign(self) -> int:
        """The bit of the sign; as a signed number, it is the least."""
        return -1 << (self.width - 1)


DOUBLE = Format(64, 52, 1023)
SINGLE = Format(32, 23, 127)


class Vector:
    """Values side by side, an LLVM vector, and the ``llvmlite.ir.IRBuilder`` that emits what is done with them."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Value, value: Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def lanes(self) -> int:
        """How many values."""
        count: int = self.value.type.count
        return count

    def operand(self, other: Vector | float) -> Value:
        """Return the LLVM value of a vector, or of a number in every lane."""
        return other.value if isinstance(other, Vector) else Splat(self.value.type, other)


_V = TypeVar("_V", bound=Vector)


def _operation(name: str, reverse: bool = False) -> Callable[[_V, _V | float], _V]:
    """Return a method that emits an instruction of ``IRBuilder`` on two vectors; the second may be a number."""

    def operate(self: _V, other: _V | float) -> _V:
        operands = self.value, self.operand(other)
        return type(self)(self.builder, getattr(self.builder, name)(*(operands[::-1] if reverse else operands)))

    return operate


class Mask(Vector):
    """Truth values."""

    __and__ = _operation("and_")
    __or__ = _operation("or_")

    def __invert__(self) -> Mask:
        return Mask(self.builder, self.builder.not_(self.value))

    def choose(self, yes: Real, no: Real | float) -> Real:
        """Select ``yes`` where true, ``no`` elsewhere."""
        return Real(self.builder, self.builder.select(self.value, yes.value, yes.operand(no)))

    def any(self) -> Value:
        """Return whether a lane is true, as one LLVM truth value."""
        packed = self.builder.bitcast(self.value, ir.IntType(self.lanes))
        return self.builder.icmp_unsigned("!=", packed, ir.Constant(packed.type, 0))


class Bits(Vector):
    """Whole numbers, or the bits of real ones; arithmetic is modulo 2^width."""

    __add__ = _operation("add")
    __sub__ = _operation("sub")
    __and__ = _operation("and_")
    __or__ = _operation("or_")
    __xor__ = _operation("xor")
    __lshift__ = _operation("shl")
    __rshift__ = _operation("lshr")  # the highest bits become 0, whatever the sign

    def __neg__(self) -> Bits:
        return Bits(self.builder, self.builder.sub(self.operand(0), self.value))

    def negative(self) -> Mask:
        """Return whether the highest bit is set."""
        return Mask(self.builder, self.builder.icmp_signed("<", self.value, self.operand(0)))

    @property
    def format(self) -> Format:
        """The format of the real numbers that have as many bits."""
        return DOUBLE if self.value.type.element.width == DOUBLE.width else SINGLE

    def real(self) -> Real:
        """Return the real numbers that have these bits."""
        element = ir.DoubleType() if self.format is DOUBLE else ir.FloatType()
        return Real(self.builder, self.builder.bitcast(self.value, ir.VectorType(element, self.lanes)))


def _comparison(sign: str) -> Callable[[Real, Real | float], Mask]:
    """Return a method that compares the numbers; none is true of NaN."""

    def compare(self: Real, other: Real | float) -> Mask:
        return Mask(self.builder, self.builder.fcmp_ordered(sign, self.value, self.operand(other)))

    return compare


class Real(Vector):
    """Floating-point numbers of one format."""

    @property
    def format(self) -> Format:
        """Double or single precision."""
        return DOUBLE if isinstance(self.value.type.element, ir.DoubleType) else SINGLE

    def constant(self, number: float) -> Real:
        """Return a number in every lane."""
        return Real(self.builder, self.operand(number))

    __add__ = __radd__ = _operation("fadd")
    __sub__ = _operation("fsub")
    __rsub__ = _operation("fsub", reverse=True)
    __mul__ = __rmul__ = _operation("fmul")
    __truediv__ = _operation("fdiv")
    __rtruediv__ = _operation("fdiv", reverse=True)

    def __neg__(self) -> Real:
        return Real(self.builder, self.builder.fneg(self.value))

    def times(self, factor: Real | float, plus: Real | float) -> Real:
        """Return ``self · factor + plus``, rounded once or twice."""
        return Real(
            self.builder, intrinsic(self.builder, "fmuladd", self.value, self.operand(factor), self.operand(plus))
        )

    def magnitude(self) -> Real:
        """Return |x|."""
        return Real(self.builder, intrinsic(self.builder, "fabs", self.value))

    def signed_as(self, other: Real) -> Real:
        """Return |x| with the sign of another vector."""
        return Real(self.builder, intrinsic(self.builder, "copysign", self.value, other.value))

    def root(self) -> Real:
        """Return √x, correctly rounded."""
        return Real(self.builder, intrinsic(self.builder, "sqrt", self.value))

    def floor(self) -> Real:
        """Return the largest whole number that is not above x."""
        return Real(self.builder, intrinsic(self.builder, "floor", self.value))

    def bits(self) -> Bits:
        """Return the bits of the numbers."""
        whole = ir.VectorType(ir.IntType(self.format.width), self.lanes)
        return Bits(self.builder, self.builder.bitcast(self.value, whole))

    def converted(self, format: Format) -> Real:
        """Return the numbers in another precision, rounded."""
        if format is self.format:
            return self
        if format is DOUBLE:
            return Real(self.builder, self.builder.fpext(self.value, ir.VectorType(ir.DoubleType(), self.lanes)))
        return Real(self.builder, self.builder.fptrunc(self.value, ir.VectorType(ir.FloatType(), self.lanes)))

    __lt__ = _comparison("<")
    __gt__ = _comparison(">")
    __le__ = _comparison("<=")
    __ge__ = _comparison(">=")
    equals = _comparison("==")  # −0 equals 0, NaN equals nothing

    def within(self, bound: float) -> Mask:
        """Return whether x ≤ bound or x is NaN."""
        return Mask(self.builder, self.builder.fcmp_unordered("<=", self.value, self.operand(bound)))

    def missing(self) -> Mask:
        """Return whether x is NaN."""
        return Mask(self.builder, self.builder.fcmp_unordered("uno", self.value, self.value))


def polynomial(x: Real, coefficients: Sequence[float]) -> Real:
    """Return Σ cₖ xᵏ, lowest power first, by Estrin's scheme; latency counts, not operations.

    Neighbours are joined into a + b·x, these in pairs into a + b·x², and so on; a degree below 2ᵐ takes m steps.

    Source: Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed., 5.1.5.
    """
    terms = [x.constant(c) for c in coefficients]
    power = x
    while len(terms) > 1:
        joined = [b.times(power, plus=a) for a, b in zip(terms[0::2], terms[1::2], strict=False)]
        terms = joined + terms[2 * len(joined) :]
        if len(terms) > 1:
            power = power * power
    return terms[0]
