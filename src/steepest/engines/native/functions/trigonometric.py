"""sin x and cos x.

Reduction (Cody & Waite 1980): x = n·π/2 + r with whole n and |r| ≤ π/4. π/2 is split into four parts; the first three
end in zeros, so that their products with n < 2^20 are exact, fused or not. The differences are summed with their
rounding errors (Knuth's TwoSum), so that r = r₁ + r₂ has an error of about 2^-130, little even where x is close to a
multiple of π/2. sin r and cos r are minimax polynomials with 6 terms beyond the first, corrected by r₂; n picks between
them.

Where some |x| is larger than 2^20 those lanes go one by one to the C library, in a branch that is not expected.
float32 is computed in float64 throughout, with 4 terms and without r₂.

Errors: less than 0.95 ulp in float64 and 0.51 in float32; beyond 2^20 those of the C library.

Sources: W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980; J.-M. Muller et al., Handbook of
Floating-Point Arithmetic, 2nd ed., 2018, chapters 4 and 10; the correction of the cosine is that of fdlibm.
"""

from __future__ import annotations

import math
from functools import partial

from llvmlite import ir

from steepest.engines.native.functions.coefficients import COSINE, SINE
from steepest.engines.native.functions.elementwise import ELEMENTARY, native
from steepest.engines.native.functions.vectors import DOUBLE, Bits, Real, polynomial
from steepest.engines.native.llvm.code import Value, declared

LIMIT = 2.0**20
"""The largest |x| that is reduced here."""

HALF_PI = (
    float.fromhex("0x1.921fb544p+0"),
    float.fromhex("0x1.0b4611a6p-34"),
    float.fromhex("0x1.3198a2ep-69"),
    float.fromhex("0x1.b839a252049c1p-104"),
)
"""π/2 in parts of 33 bits, whose sum is π/2 to 2^-157."""


def _two_sum(a: Real, b: Real) -> tuple[Real, Real]:
    """Return a + b, rounded, and what the rounding lost."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _reduce(x: Real, exactly: bool) -> tuple[Bits, Real, Real]:
    """Return n in the lowest bits, r₁ and r₂."""
    shifted = x.times(2.0 / math.pi, plus=DOUBLE.shifter)
    n = shifted - DOUBLE.shifter
    first = n.times(-HALF_PI[0], plus=x)
    if not exactly:
        r = n.times(-HALF_PI[2], plus=n.times(-HALF_PI[1], plus=first))
        return shifted.bits(), r, r.constant(0.0)
    second, lost = _two_sum(first, n * -HALF_PI[1])
    third, more = _two_sum(second, n * -HALF_PI[2])
    low = lost + n.times(-HALF_PI[3], plus=more)
    r = third + low
    return shifted.bits(), r, low - (r - third)


def _sine(r: Real, rest: Real, width: int) -> Real:
    """Return sin(r + rest) = r + (r³·S(r²) + rest·(1 − r²/2))."""
    z = r * r
    corrected = rest.times(z.times(-0.5, plus=1.0), plus=polynomial(z, SINE[width]) * (z * r))
    return r + corrected


def _cosine(r: Real, rest: Real, width: int) -> Real:
    """Return cos(r + rest) = 1 − r²/2 + (r⁴·C(r²) − r·rest), with what rounding 1 − r²/2 lost."""
    z = r * r
    half = z * 0.5
    main = 1.0 - half
    lost = (1.0 - main) - half
    return main + (lost + (z * z).times(polynomial(z, COSINE[width]), plus=-(r * rest)))


def _quadrant(x: Real, turn: int, width: int) -> Real:
    """Return sin(x + turn·π/2) for |x| up to ``LIMIT``."""
    n, r, rest = _reduce(x, exactly=width == 64)
    n = n + turn
    odd = (n << 63).negative()
    found = odd.choose(_cosine(r, rest, width), _sine(r, rest, width))
    return (found.bits() ^ ((n << 62) & DOUBLE.sign)).real()


def _function(name: str, turn: int, builder: Value, x: Value) -> Value:
    """Write sin x or cos x = sin(x + π/2); NaN at ±∞."""
    given = Real(builder, x)
    number = given.converted(DOUBLE)
    fast = _quadrant(number, turn, given.format.width)
    if name == "sin":
        fast = number.equals(0.0).choose(number, fast)  # −0 stays
    large = number.magnitude() > LIMIT
    return _by_library(name, number, large.any(), fast).converted(given.format).value


def _by_library(name: str, x: Real, needed: Value, fast: Real) -> Real:
    """Return ``fast``, replaced by the C library's value in the lanes where |x| is large."""
    builder, kind = x.builder, x.value.type
    element, count = kind.element, ir.IntType(32)
    with builder.goto_entry_block():
        arguments, results = (builder.alloca(kind) for _ in range(2))
        arguments.align = results.align = 8  # that of a whole vector would realign the stack in every call
    before = builder.block
    with builder.if_then(needed, likely=False):
        builder.store(x.value, arguments, align=8)
        builder.store(fast.value, results, align=8)
        addresses = [builder.bitcast(place, element.as_pointer()) for place in (arguments, results)]
        builder.call(_lane_by_lane(builder.module, name), [*addresses, ir.Constant(count, kind.count)])
        slow, after = builder.load(results, align=8), builder.block
    found = builder.phi(kind)
    found.add_incoming(fast.value, before)
    found.add_incoming(slow, after)
    return Real(builder, found)


def _lane_by_lane(module: Value, name: str) -> Value:
    """Return the function that replaces the results of large arguments, written once in a module and never inlined."""
    title = f"steepest.{name}.large"
    if title in module.globals:
        return module.globals[title]
    double, index = ir.DoubleType(), ir.IntType(32)
    library = declared(module, name, double, [double])
    size = module.declare_intrinsic("llvm.fabs", (double,))
    kind = ir.FunctionType(ir.VoidType(), [double.as_pointer(), double.as_pointer(), index])
    function = ir.Function(module, kind, title)
    function.linkage = "internal"
    for attribute in ("noinline", "cold", "nounwind", "minsize", "optsize"):
        function.attributes.add(attribute)
    arguments, results, count = function.args
    entry, loop, call, following, done = map(
        function.append_basic_block, ("entry", "loop", "call", "following", "done")
    )
    ir.IRBuilder(entry).branch(loop)
    builder = ir.IRBuilder(loop)
    lane = builder.phi(index)
    argument = builder.load(builder.gep(arguments, [lane]))
    large = builder.fcmp_ordered(">", builder.call(size, [argument]), ir.Constant(double, LIMIT))
    builder.cbranch(large, call, following)
    builder.position_at_end(call)
    builder.store(builder.call(library, [argument]), builder.gep(results, [lane]))
    builder.branch(following)
    builder.position_at_end(following)
    after = builder.add(lane, ir.Constant(index, 1))
    lane.add_incoming(ir.Constant(index, 0), entry)
    lane.add_incoming(after, following)
    builder.cbranch(builder.icmp_unsigned("<", after, count), loop, done)
    ir.IRBuilder(done).ret_void()
    return function


native("sin", *ELEMENTARY)(partial(_function, "sin", 0))
native("cos", *ELEMENTARY)(partial(_function, "cos", 1))
