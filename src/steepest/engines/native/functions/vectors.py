"""Vectors of LLVM values that are written like numbers: ``x * y + 1`` emits a product and a sum.

Nothing here carries a fast-math flag: what is written is what is rounded. ``a.times(b, plus=c)`` may be one fused
operation or two (``llvm.fmuladd``), whichever the machine does quickly, so it is used only where either will do.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from steepest.engines.native.llvm.code import Splat, Value


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
    """Values side by side, and the builder that emits what is done with them.

    Args:
        builder: the ``llvmlite.ir.IRBuilder``.
        value: an LLVM vector.
    """

    __slots__ = ("builder", "value")

    def __init__(self, builder: Value, value: Value) -> None:
        self.builder = builder
        self.value = value

    @property
    def lanes(self) -> int:
        """How many values."""
        count: int = self.value.type.count
        return count

    def _splat(self, number: float) -> Value:
        return Splat(self.value.type, number)

    def _call(self, intrinsic: str, *operands: Value) -> Value:
        kind, module = operands[0].type, self.builder.module
        name = f"llvm.{intrinsic}.v{kind.count}f{64 if isinstance(kind.element, ir.DoubleType) else 32}"
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), name)
        return self.builder.call(module.globals[name], operands)


class Mask(Vector):
    """Truth values."""

    def __and__(self, other: Mask) -> Mask:
        return Mask(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: Mask) -> Mask:
        return Mask(self.builder, self.builder.or_(self.value, other.value))

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

    def operand(self, other: Bits | int) -> Value:
        """Return the LLVM value of a vector, or of a number in every lane."""
        return other.value if isinstance(other, Bits) else self._splat(other)

    def __add__(self, other: Bits | int) -> Bits:
        return Bits(self.builder, self.builder.add(self.value, self.operand(other)))

    def __sub__(self, other: Bits | int) -> Bits:
        return Bits(self.builder, self.builder.sub(self.value, self.operand(other)))

    def __and__(self, other: Bits | int) -> Bits:
        return Bits(self.builder, self.builder.and_(self.value, self.operand(other)))

    def __or__(self, other: Bits | int) -> Bits:
        return Bits(self.builder, self.builder.or_(self.value, self.operand(other)))

    def __xor__(self, other: Bits | int) -> Bits:
        return Bits(self.builder, self.builder.xor(self.value, self.operand(other)))

    def __neg__(self) -> Bits:
        return Bits(self.builder, self.builder.sub(self._splat(0), self.value))

    def __lshift__(self, shift: int) -> Bits:
        return Bits(self.builder, self.builder.shl(self.value, self._splat(shift)))

    def __rshift__(self, shift: int) -> Bits:
        """Shift to the right; the highest bits become 0, whatever the sign."""
        return Bits(self.builder, self.builder.lshr(self.value, self._splat(shift)))

    def negative(self) -> Mask:
        """Return whether the highest bit is set."""
        return Mask(self.builder, self.builder.icmp_signed("<", self.value, self._splat(0)))

    @property
    def format(self) -> Format:
        """The format of the real numbers that have as many bits."""
        return DOUBLE if self.value.type.element.width == DOUBLE.width else SINGLE

    def real(self) -> Real:
        """Return the real numbers that have these bits."""
        element = ir.DoubleType() if self.format is DOUBLE else ir.FloatType()
        return Real(self.builder, self.builder.bitcast(self.value, ir.VectorType(element, self.lanes)))


class Real(Vector):
    """Floating-point numbers of one format."""

    @property
    def format(self) -> Format:
        """Double or single precision."""
        return DOUBLE if isinstance(self.value.type.element, ir.DoubleType) else SINGLE

    def operand(self, other: Real | float) -> Value:
        """Return the LLVM value of a vector, or of a number in every lane."""
        return other.value if isinstance(other, Real) else self._splat(other)

    def constant(self, number: float) -> Real:
        """Return a number in every lane."""
        return Real(self.builder, self._splat(number))

    def __add__(self, other: Real | float) -> Real:
        return Real(self.builder, self.builder.fadd(self.value, self.operand(other)))

    def __sub__(self, other: Real | float) -> Real:
        return Real(self.builder, self.builder.fsub(self.value, self.operand(other)))

    def __rsub__(self, other: float) -> Real:
        return Real(self.builder, self.builder.fsub(self.operand(other), self.value))

    def __mul__(self, other: Real | float) -> Real:
        return Real(self.builder, self.builder.fmul(self.value, self.operand(other)))

    def __truediv__(self, other: Real | float) -> Real:
        return Real(self.builder, self.builder.fdiv(self.value, self.operand(other)))

    def __rtruediv__(self, other: float) -> Real:
        return Real(self.builder, self.builder.fdiv(self.operand(other), self.value))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Real:
        return Real(self.builder, self.builder.fneg(self.value))

    def times(self, factor: Real | float, plus: Real | float) -> Real:
        """Return ``self · factor + plus``, rounded once or twice."""
        return Real(self.builder, self._call("fmuladd", self.value, self.operand(factor), self.operand(plus)))

    def magnitude(self) -> Real:
        """Return |x|."""
        return Real(self.builder, self._call("fabs", self.value))

    def signed_as(self, other: Real) -> Real:
        """Return |x| with the sign of another vector."""
        return Real(self.builder, self._call("copysign", self.value, other.value))

    def root(self) -> Real:
        """Return √x, correctly rounded."""
        return Real(self.builder, self._call("sqrt", self.value))

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

    def _compare(self, sign: str, other: Real | float) -> Mask:
        return Mask(self.builder, self.builder.fcmp_ordered(sign, self.value, self.operand(other)))

    def __lt__(self, other: Real | float) -> Mask:
        return self._compare("<", other)

    def __gt__(self, other: Real | float) -> Mask:
        return self._compare(">", other)

    def __le__(self, other: Real | float) -> Mask:
        return self._compare("<=", other)

    def __ge__(self, other: Real | float) -> Mask:
        return self._compare(">=", other)

    def within(self, bound: float) -> Mask:
        """Return whether x ≤ bound or x is NaN."""
        return Mask(self.builder, self.builder.fcmp_unordered("<=", self.value, self._splat(bound)))

    def equals(self, other: Real | float) -> Mask:
        """Return whether x = y; −0 equals 0, NaN equals nothing."""
        return self._compare("==", other)

    def missing(self) -> Mask:
        """Return whether x is NaN."""
        return Mask(self.builder, self.builder.fcmp_unordered("uno", self.value, self.value))
