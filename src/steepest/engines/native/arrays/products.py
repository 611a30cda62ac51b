"""Products of matrices as functions of a module: a tile of results in registers, one row of the right factor at a time.

The left factor's numbers are broadcast, the right factor's rows are loaded as vectors. One function serves every
product whose tiles have the same width and whose arrays have the same strides.

Source: Goto and van de Geijn 2008, Anatomy of high-performance matrix multiplication, section 4 (register blocking).
"""

from __future__ import annotations

from dataclasses import dataclass

from steepest.engines.native.functions import ELEMENTWISE
from steepest.engines.native.llvm.code import I64, POINTER, Code, Value, i64

_LARGE = (8, 3)  # rows of a tile and vectors of a row at most: sums fill 24 of the 32 registers of AVX-512
_SMALL = (4, 2)  # the same where there are 16 registers: 8 sums, 2 vectors of B, 1 number of A, the rest spare


@dataclass(frozen=True)
class Factors:
    """The strides of a product C = A B, in numbers.

    Attributes:
        down: from a row of A to the next.
        along: from an element of a row of A to the next.
        right: from a row of B to the next.
        result: from a row of C to the next.
        grows: whether the product is added to C.
    """

    down: int
    along: int
    right: int
    result: int
    grows: bool


def multiply(code: Code, factors: Factors, a: Value, b: Value, c: Value, rows: Value, inner: Value, width: int) -> None:
    """Write C = A B or C = C + A B at addresses, A with ``inner`` columns and C with ``width``, whole vectors."""
    vectors = width // code.native
    groups = -(-vectors // _tile_of(code)[1])
    for k in range(groups):
        first, after = vectors * k // groups, vectors * (k + 1) // groups
        function = _tiled(code, factors, after - first)
        offset = first * code.native
        arguments = [a, code.place(b, offset, code.number), code.place(c, offset, code.number), i64(rows), i64(inner)]
        code.builder.call(function, arguments)


def _tile_of(code: Code) -> tuple[int, int]:
    return _LARGE if code.native * code.size == 64 else _SMALL


def _tiled(outer: Code, factors: Factors, vectors: int) -> Value:
    """Return the function for tiles of so many vectors, written once in a module."""
    name = "product." + ".".join(
        str(int(part)) for part in (vectors, factors.down, factors.along, factors.right, factors.result, factors.grows)
    )
    known = outer.builder.module.globals.get(name)
    if known is not None:
        return known
    kinds = {"a": POINTER, "b": POINTER, "c": POINTER, "rows": I64, "inner": I64}
    code = Code(outer.builder.module, name, kinds, outer.dtype, outer.native, False)
    code.function.linkage = "internal"
    code.function.attributes.add("noinline")
    rows, build = code.arguments["rows"], code.builder
    done = code.slot(I64, i64(0))
    for height in dict.fromkeys((_tile_of(code)[0], 4, 1)):
        limit = build.sub(rows, i64(height - 1))
        with code.loop(code.get(done, I64), limit, height) as row:
            _tile(code, factors, row, height, vectors)
            code.put(build.add(row, i64(height)), done)
    build.ret_void()
    return code.function


def _tile(code: Code, factors: Factors, row: Value, height: int, vectors: int) -> None:
    """Write one tile of C."""
    kind, build = code.vector(code.native), code.builder
    left = code.place(code.arguments["a"], build.mul(row, i64(factors.down)), code.number)
    result = code.place(code.arguments["c"], build.mul(row, i64(factors.result)), code.number)
    place = [[code.place(result, r * factors.result + v * code.native, code.number) for v in range(vectors)]
             for r in range(height)]  # fmt: skip
    zero = code.splat(0, code.native)
    sums = [
        [code.slot(kind, code.read(p, 0, kind, code.size) if factors.grows else zero) for p in line] for line in place
    ]
    with code.loop(0, code.arguments["inner"]) as k:
        line = code.place(code.arguments["b"], build.mul(k, i64(factors.right)), code.number)
        right = [code.load(line, v * code.native, kind) for v in range(vectors)]
        column = code.place(left, build.mul(k, i64(factors.along)), code.number)
        for r in range(height):
            number = code.broadcast(code.read(column, r * factors.down, code.number), code.native)
            for v in range(vectors):
                product = ELEMENTWISE["multiply"](code, number, right[v])
                code.put(ELEMENTWISE["add"](code, code.get(sums[r][v], kind), product), sums[r][v])
    for r in range(height):
        for v in range(vectors):
            code.write(code.get(sums[r][v], kind), place[r][v], 0, code.size)


def transpose(code: Code, source: Value, target: Value, shape: tuple[int, int], strides: tuple[int, int],
              first: Value, after: Value) -> None:  # fmt: skip
    """Write the rows ``first`` to ``after`` of the transpose of a matrix of ``shape``."""
    with code.loop(first, after) as row, code.loop(0, shape[0]) as column:
        position = code.builder.add(code.builder.mul(column, i64(strides[0])), row)
        place = code.builder.add(code.builder.mul(row, i64(strides[1])), column)
        code.write(code.read(source, position, code.number), target, place)
