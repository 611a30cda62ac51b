"""The reference engine, which defines every primitive in NumPy over all samples at once.

Per-sample values are arrays whose first axis is the sample. For the complex-step derivative every primitive is
extended to complex numbers as the analytic continuation of the real function near the real axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.calculus.program import Program, lower
from steepest.errors import DescentError
from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression

Array = NDArray[Any]
Kernel = Callable[..., Any]
_MANY_ROWS = 4096  # rows from which intermediate arrays are freed early; below, freeing costs more than it saves


def _exp(x: Array) -> Array:
    """Return the exponential; NumPy's own in single precision is off by up to 2.5 units in the last place."""
    found: Array = np.exp(x, dtype=np.float64).astype(np.float32) if x.dtype == np.float32 else np.exp(x)
    return found


def _sigmoid(x: Array) -> Array:
    decay = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + decay), decay / (1 + decay)).astype(x.dtype, copy=False)


def _softplus(x: Array) -> Array:
    found: Array = np.logaddexp(x, x.dtype.type(0))
    return found


def _compare(ufunc: Kernel) -> Kernel:
    def kernel(x: Array, y: Array) -> Array:
        answer = ufunc(x.real, y.real)
        return np.asarray(answer).astype(np.result_type(x, y))

    return kernel


ELEMENTWISE: dict[str, Kernel] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negate": np.negative,
    "power": np.power,
    "exp": _exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "arctan": np.arctan,
    "floor": np.floor,
    "fmod": np.fmod,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "abs": np.abs,
    "sign": np.sign,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": lambda c, x, y: np.where(c != 0, x, y),
    "less": _compare(np.less),
    "less_equal": _compare(np.less_equal),
    "greater": _compare(np.greater),
    "greater_equal": _compare(np.greater_equal),
    "equal": _compare(np.equal),
    "not_equal": _compare(np.not_equal),
}
"""The NumPy function of each elementwise primitive."""


_NOT_A_NUMBER = complex("nan+nanj")


def _real_domain(kernel: Kernel, low: float) -> Kernel:
    """Return a kernel that gives NaN below the real domain, where the complex function has values."""

    def guarded(x: Array) -> Array:
        return np.where(x.real < low, _NOT_A_NUMBER, kernel(x))

    return guarded


def _complex_power(x: Array, y: Array) -> Array:
    # For negative x and an integer exponent the sign follows from the parity, not from the branch of the logarithm.
    negative = x.real < 0
    base = np.where(negative, -x, x)
    zero = base == 0
    magnitude = np.where(zero, np.power(base.real, y.real), np.exp(y * np.log(np.where(zero, 1, base))))
    whole = (y.imag == 0) & (y.real == np.round(y.real))
    signed = np.where(negative & (np.mod(y.real, 2) == 1), -magnitude, magnitude)
    return np.where(negative & ~whole, _NOT_A_NUMBER, signed)


def _complex_sigmoid(x: Array) -> Array:
    decay = np.exp(np.where(x.real >= 0, -x, x))
    return np.where(x.real >= 0, 1 / (1 + decay), decay / (1 + decay))


def _complex_log1p(x: Array) -> Array:
    # NumPy's complex log1p takes the logarithm of |1 + x|, which loses all digits of a small x.
    near = 0.5 * np.log1p(x.real * (2 + x.real) + x.imag**2)
    found: Array = np.where(np.abs(x.real) < 0.5, near, np.log(np.abs(1 + x))) + 1j * np.angle(1 + x)
    return found


def _complex_softplus(x: Array) -> Array:
    return np.where(x.real >= 0, x, 0) + _complex_log1p(np.exp(np.where(x.real >= 0, -x, x)))


COMPLEX: dict[str, Kernel] = {
    "power": _complex_power,
    "log": _real_domain(np.log, 0.0),
    "log1p": _real_domain(_complex_log1p, -1.0),
    "sqrt": _real_domain(np.sqrt, 0.0),
    "sigmoid": _complex_sigmoid,
    "softplus": _complex_softplus,
    "floor": lambda x: np.floor(x.real).astype(x.dtype),
    "fmod": lambda x, y: x - y * np.trunc(x.real / y.real),
    "abs": lambda x: np.where(x.real < 0, -x, x),
    "sign": lambda x: np.sign(x.real).astype(x.dtype),
    "maximum": lambda x, y: np.where((x.real >= y.real) | np.isnan(x), x, y),
    "minimum": lambda x, y: np.where((x.real <= y.real) | np.isnan(x), x, y),
    "where": lambda c, x, y: np.where(c.real != 0, x, y),
}
"""Elementwise primitives whose complex NumPy function is not the analytic continuation near the real axis."""


def _axes(node: Expression) -> tuple[int, ...]:
    """Return the axes of the features of a node's argument."""
    return tuple(range(-len(node.args[0].shape), 0))


def _sum(node: Expression) -> Kernel:
    axes = _axes(node)
    return lambda x: x.sum(axis=axes)


def _expand(node: Expression) -> Kernel:
    shape, fill = node.shape, (None,) * len(node.shape)
    return lambda x: np.broadcast_to(x[(..., *fill)], np.shape(x) + shape)


def _one_hot(node: Expression) -> Kernel:
    classes = np.arange(node.shape[0])
    return lambda x: np.where(np.isnan(x)[..., None], x[..., None], x[..., None] == classes).astype(x.dtype)


def _largest(x: Array, axes: tuple[int, ...]) -> Array:
    if not np.iscomplexobj(x):
        found: Array = x.max(axis=axes)
        return found
    flat = x.reshape((*x.shape[: x.ndim - len(axes)], -1))
    place = np.argmax(flat.real, axis=-1)
    return np.take_along_axis(flat, place[..., None], axis=-1)[..., 0]


def _product(node: Expression) -> Kernel:
    """Return ``a @ b`` for every mixture of per-sample and shared vectors and matrices."""
    a, b = node.args
    rank_a, rank_b = len(a.shape), len(b.shape)
    if rank_a == 1 and rank_b == 1:
        if a.per_sample and b.per_sample:
            return lambda x, y: np.einsum("nd,nd->n", x, y)
        return (lambda x, y: y @ x) if b.per_sample else np.matmul
    if rank_a == 1:
        return (lambda x, y: np.einsum("nd,ndh->nh", x, y)) if a.per_sample and b.per_sample else np.matmul
    if rank_b == 1 and b.per_sample:
        return (lambda x, y: np.einsum("ndh,nh->nd", x, y)) if a.per_sample else (lambda x, y: y @ x.T)
    return np.matmul


STRUCTURAL: dict[str, Callable[[Expression], Kernel]] = {
    "sum": _sum,
    "largest": lambda node: partial(_largest, axes=_axes(node)),
    "total": lambda node: lambda x: x.sum(axis=0),
    "transpose": lambda node: lambda x: np.swapaxes(x, -1, -2),
    "outer": lambda node: lambda x, y: x[..., :, None] * y[..., None, :],
    "total_outer": lambda node: lambda x, y: x.T @ y,
    "expand": _expand,
    "one_hot": _one_hot,
    "matmul": _product,
    "dot": _product,
}
"""Primitives that mix elements: functions of a node, for whose shapes the kernel is made."""


def register(name: str, kernel: Kernel, analytic: Kernel | None = None) -> None:
    """Register the NumPy function of an elementwise primitive, from arrays to an array of the same dtype.

    The ``analytic`` one is its continuation to complex numbers near the real axis, if the kernel is not that itself.
    """
    ELEMENTWISE[name] = kernel
    if analytic is not None:
        COMPLEX[name] = analytic


def _column(x: Array, rank: int) -> Array:
    """Add axes to one number per sample, so that it broadcasts over features."""
    return x[(..., *(None,) * rank)]


def _number(value: float, dtype: np.dtype[Any]) -> Any:
    with np.errstate(over="ignore"):  # values beyond the range of float32 become ∞
        return dtype.type(value)


class Compiled:
    """A program compiled to a list of NumPy calls; every value is of ``dtype``."""

    def __init__(self, program: Program, dtype: str) -> None:
        self.program = program
        self.dtype = np.dtype(dtype)
        place = {node: k for k, node in enumerate(program.nodes)}
        self._outputs = [place[node] for node in program.outputs]
        self._registers: list[Any] = [None] * len(place)
        self._inputs: list[tuple[int, str]] = []
        self._counts: list[int] = []
        self._steps: list[Callable[[list[Any]], None]] = []
        last_use: dict[int, int] = {}
        for k, node in enumerate(program.nodes):
            if node.operation is CONSTANT:
                self._registers[k] = _number(node.value, self.dtype)
            elif node.operation in (DATA, PARAMETER):
                self._inputs.append((k, node.name))
            elif not node.args:
                self._counts.append(k)
            else:
                sources = [place[arg] for arg in node.args]
                for source in sources:
                    last_use[source] = len(self._steps)
                self._steps.append(_instruction(self._kernel(node), sources, k))
        self._dead: list[list[int]] = [[] for _ in self._steps]
        kept = set(self._outputs)
        for source, step in last_use.items():
            if source not in kept and program.nodes[source].args:
                self._dead[step].append(source)

    def _kernel(self, node: Expression) -> Kernel:
        name = node.operation.name
        if name in STRUCTURAL:
            return STRUCTURAL[name](node)
        if name not in ELEMENTWISE:
            raise DescentError(f"the reference engine has no kernel for the operation {name!r}; register one")
        kernel = ELEMENTWISE[name]
        if self.dtype.kind == "c":
            kernel = COMPLEX.get(name, kernel)
        rank = len(node.shape)
        lifted = [bool(rank and arg.per_sample and not arg.shape) for arg in node.args]
        if not any(lifted):
            return kernel
        return lambda *xs: kernel(*(_column(x, rank) if up else x for x, up in zip(xs, lifted, strict=True)))

    def __call__(self, values: Mapping[str, Array], rows: int) -> list[Array]:
        """Compute the outputs from arrays of data columns ``(rows, …)`` and parameters, of the program's dtype."""
        registers = self._registers.copy()
        for k, name in self._inputs:
            registers[k] = values[name]
        for k in self._counts:
            registers[k] = self.dtype.type(rows)
        with np.errstate(all="ignore"):
            if rows < _MANY_ROWS:
                for step in self._steps:
                    step(registers)
            else:
                for step, dead in zip(self._steps, self._dead, strict=True):
                    step(registers)
                    for k in dead:
                        registers[k] = None
        return [registers[k] for k in self._outputs]


def _instruction(kernel: Kernel, sources: Sequence[int], target: int) -> Callable[[list[Any]], None]:
    if len(sources) == 1:
        (i,) = sources

        def unary(registers: list[Any]) -> None:
            registers[target] = kernel(registers[i])

        return unary
    if len(sources) == 2:
        i, j = sources

        def binary(registers: list[Any]) -> None:
            registers[target] = kernel(registers[i], registers[j])

        return binary

    def general(registers: list[Any]) -> None:
        registers[target] = kernel(*[registers[k] for k in sources])

    return general


def compile_expressions(expressions: Sequence[Expression], dtype: str = "float64") -> Compiled:
    """Lower expressions to primitives and compile them for NumPy in ``"float64"``, ``"float32"`` or ``"complex128"``.

    They are computed as written, so stabilise them first if needed.
    """
    return Compiled(lower(expressions), dtype)
