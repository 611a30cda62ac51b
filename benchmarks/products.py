"""Matrix products of the native engine beside NumPy's BLAS, one thread each, and how long deep networks compile.

The products are those of a network's layers: a batch times the weights, and the batch's transpose times the slopes.
Each is called as a training step calls it, on arrays that lie padded; BLAS gets arrays without padding, and writes to
one that is there already. A table (CSV) and a picture go to the folder of --out.
"""

from __future__ import annotations

import single_thread  # noqa: F401

# isort: split
import ctypes
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from pictures import OUT, picture, write_table
from steepest.calculus.prepared import prepare
from steepest.engines.native.arrays.layout import whole
from steepest.engines.native.arrays.products import Factors, multiply
from steepest.engines.native.lanes.memory import aligned
from steepest.engines.native.llvm.code import I64, POINTER, Code
from steepest.engines.native.llvm.host import Loaded, compile_module, this_host
from timing import Options, RefusedError, Times, benchmark, exponent, interleaved, ratio, seconds, table

Array = NDArray[Any]

NATIVE, BLAS = "native", "NumPy's BLAS"
DEPTHS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Product:
    """C = A B, A of shape (rows, inner); ``turned`` if A lies transposed, as a batch does for its weights' slope."""

    rows: int
    inner: int
    columns: int
    turned: bool = False

    @property
    def name(self) -> str:
        """Its shapes."""
        return f"{self.rows}×{self.inner}×{self.columns}" + (", A turned" if self.turned else "")

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.rows * self.inner * self.columns


PRODUCTS = [
    Product(32, 64, 32), Product(64, 32, 32, turned=True), Product(32, 32, 10), Product(128, 784, 128),
    Product(784, 128, 128, turned=True), Product(256, 784, 512), Product(784, 256, 512, turned=True),
    Product(256, 512, 256), Product(512, 256, 256, turned=True), Product(256, 2048, 2048), Product(64, 8192, 4096),
]  # fmt: skip


def native(product: Product, a: Array, b: Array, kind: str) -> tuple[Callable[[], None], Array]:
    """The engine's function on copies of the factors, and where its result goes."""
    host, size = this_host(), np.dtype(kind).itemsize
    lanes = host.vector_bytes // size
    width, down = whole(product.columns, lanes), whole(product.rows if product.turned else product.inner, lanes)
    module = ir.Module("products")
    code = Code(module, "run", dict.fromkeys(("a", "b", "c", "shape"), POINTER), kind, lanes, True)
    shape = [code.read(code.arguments["shape"], k, I64) for k in range(2)]
    factors = Factors(1, down, width, width, False) if product.turned else Factors(down, 1, width, width, False)
    multiply(code, factors, *(code.arguments[name] for name in "abc"), *shape, width)
    code.builder.ret_void()
    loaded = Loaded(compile_module(str(module), host))
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(loaded.address("run"))
    left = aligned((len(a.T) if product.turned else len(a)) * down + lanes, kind)
    lying = a.T if product.turned else a
    left[: len(lying) * down].reshape(len(lying), down)[:, : lying.shape[1]] = lying
    right, result = aligned(len(b) * width, kind), aligned(product.rows * width, kind)
    right.reshape(len(b), width)[:, : product.columns] = b
    sizes = np.array([product.rows, product.inner])
    places = [array.ctypes.data for array in (left, right, result, sizes)]
    kept = (loaded, left, right, sizes)

    def call(kept: Any = kept) -> None:
        function(*places)

    return call, result.reshape(product.rows, width)[:, : product.columns]


def race(product: Product, kind: str, options: Options) -> Times:
    """Seconds of a product by engine.

    Raises:
        RefusedError: the two differ by more than sums in another order explain.
    """
    rng = np.random.default_rng(0)
    a = rng.normal(size=(product.rows, product.inner)).astype(kind)
    b = rng.normal(size=(product.inner, product.columns)).astype(kind)
    if product.turned:
        a = np.ascontiguousarray(a.T).T
    ours, result = native(product, a, b, kind)
    theirs = np.empty((product.rows, product.columns), kind)
    calls = {NATIVE: ours, BLAS: lambda: np.matmul(a, b, out=theirs)}
    for call in calls.values():
        call()
    right = a.astype(np.float64) @ b.astype(np.float64)
    near = np.finfo(kind).eps * product.inner * np.abs(right).max()
    for name, found in ((NATIVE, result), (BLAS, theirs)):
        if not np.abs(found - right).max() <= near:
            raise RefusedError(f"{product.name}: {name} is off by {np.abs(found - right).max():.2g}")
    times = max(1, int((1e6 if options.quick else 2e8) / product.operations))

    def task(call: Callable[[], object]) -> Callable[[], float]:
        def repeated() -> None:
            for _ in range(times):
                call()

        return lambda: seconds(repeated) / times

    return interleaved({name: task(call) for name, call in calls.items()}, options.rounds)


def compiling(depth: int) -> float:
    """Seconds to compile the training step of a network with so many hidden layers of 32 neurons."""
    import steepest as st
    from steepest.engines.native.arrays.descending import ArrayWalk
    from steepest.engines.step import Batches
    from steepest.training.optimisers import gradient_descent
    from steepest.training.steps import gradient_step

    model = st.models.network([64, *[32] * depth, 10], "tanh", "softmax")
    step = gradient_step(prepare(model.cost), "backprop", gradient_descent(), False, False)
    data = {"X": np.zeros((64, 64), np.float32), "y": np.zeros(64, np.float32)}
    begin = time.perf_counter()
    ArrayWalk(step, data, 64, 0.1, "float32", Batches(32, 0))
    return time.perf_counter() - begin


@benchmark(__doc__, rounds=7, extra=[OUT])
def run(options: Options, out: Path) -> dict[str, Any]:
    """Time products and compilation, show and write what was found."""
    found: dict[str, dict[str, Times]] = {}
    lines: list[list[object]] = []
    products = PRODUCTS[:4] if options.quick else PRODUCTS
    for kind in ("float32", "float64"):
        found[kind] = {product.name: race(product, kind, options) for product in products}
        rows = []
        for product in products:
            times = found[kind][product.name]
            speeds = [product.operations / statistics.median(times[name]) / 1e9 for name in (NATIVE, BLAS)]
            rows.append([product.name, *(f"{speed:.1f}" for speed in speeds), f"{ratio(times, BLAS, NATIVE):.2f}"])
        options.write(kind)
        options.write(
            table(("rows×inner×columns", "native, GFLOP/s", "BLAS, GFLOP/s", "BLAS / native, time"), rows) + "\n"
        )
        lines += [[kind, *row] for row in rows]
    depths = DEPTHS[:3] if options.quick else DEPTHS
    compiling(3)  # loads LLVM
    compiled = {depth: compiling(depth) for depth in depths}
    options.write(table(("hidden layers of 32", "compiling, s"), [[k, f"{s:.3f}"] for k, s in compiled.items()]))
    options.write(f"grows as depth^{exponent(list(compiled), list(compiled.values())):.2f}\n")
    write_table(out, "products", ("precision", "product", "native, GFLOP/s", "BLAS, GFLOP/s", "BLAS / native"), lines)
    picture(options, out, "products", lambda pyplot: draw(pyplot, products, found))
    return {"times": found, "compiling": compiled}


def draw(pyplot: Any, products: list[Product], found: dict[str, dict[str, Times]]) -> Any:
    """Speeds by product, a panel a precision."""
    figure, places = pyplot.subplots(1, len(found), figsize=(6 * len(found), 4), sharey=True)
    marks = np.arange(len(products))
    for axes, (kind, races) in zip(places, found.items(), strict=True):
        for k, name in enumerate((NATIVE, BLAS)):
            speeds = [each.operations / statistics.median(races[each.name][name]) / 1e9 for each in products]
            axes.barh(marks + 0.4 * k - 0.2, speeds, 0.4, label=name, color=("C3", "C0")[k])
        axes.set_yticks(marks, [each.name for each in products], fontsize=8)
        axes.invert_yaxis()
        axes.set(title=kind, xlabel="GFLOP/s, one thread")
        axes.legend()
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    run()
