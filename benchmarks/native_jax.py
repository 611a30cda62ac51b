"""JAX as a peer of native.py: ``fori_loop`` over the epochs, in several forms, and ``vmap`` of it over restarts.

Which form is the fastest differs by a factor of two to four between problems: matrices, products and sums in their
place, vectors, single numbers, one reduction for two sums.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np

from native_cases import Case
from native_peers import median_cost
from peers import module
from steepest.bench import neuron
from steepest.bench.peer import Run

Slopes = Callable[[Any, Any], Any]
Form = tuple[tuple[Any, ...], Slopes]
"""The start, and the gradient at parameters and data, of the same structure."""


def _row(params: Any) -> Any:
    """Final parameters in a row."""
    return np.concatenate([np.ravel(np.asarray(part)) for part in params])


def _xor(start: Any, m: Any) -> dict[str, tuple[tuple[Any, ...], Callable[[Any, Any], Any]]]:
    """Starts and costs of XOR 2-2-1."""
    arrays = tuple(start.values())

    def matrices(p: Any, d: Any) -> Any:
        hidden = m.sigmoid(d["X"] @ p[0] + p[1])
        return m.mean((m.sigmoid(hidden @ p[2] + p[3])[:, 0] - d["y"]) ** 2)

    def products(p: Any, d: Any) -> Any:
        hidden = m.sigmoid((d["X"][:, :, None] * p[0]).sum(1) + p[1])
        return m.mean((m.sigmoid((hidden * p[2][:, 0]).sum(1) + p[3][0]) - d["y"]) ** 2)

    def across(p: Any, d: Any) -> Any:
        hidden = m.sigmoid((p[0][:, :, None] * d["X"].T[:, None, :]).sum(0) + p[1][:, None])
        return m.mean((m.sigmoid((p[2] * hidden).sum(0) + p[3][0]) - d["y"]) ** 2)

    def numbers(p: Any, d: Any) -> Any:
        x1, x2 = d["X"][:, 0], d["X"][:, 1]
        h1 = m.sigmoid(p[0] * x1 + p[2] * x2 + p[4])
        h2 = m.sigmoid(p[1] * x1 + p[3] * x2 + p[5])
        return m.mean((m.sigmoid(p[6] * h1 + p[7] * h2 + p[8]) - d["y"]) ** 2)

    found = {cost.__name__: (arrays, cost) for cost in (matrices, products, across)}
    return found | {"numbers": (tuple(_row(arrays)), numbers)}


def _line(case: Case, lax: Any) -> dict[str, Slopes]:
    """The gradient of a line by hand: two sums, and both in one reduction."""

    def sums(p: Any, d: Any) -> Any:
        e = d["x"] * p[0] + p[1] - d["y"]
        return 2 / case.rows * (e * d["x"]).sum(), 2 / case.rows * e.sum()

    def one_reduction(p: Any, d: Any) -> Any:
        e = d["x"] * p[0] + p[1] - d["y"]
        zero = e.dtype.type(0)
        both = lax.reduce((e * d["x"], e), (zero, zero), lambda a, b: (a[0] + b[0], a[1] + b[1]), (0,))
        return tuple(2 / case.rows * total for total in both)

    return {"sums": sums, "one reduction": one_reduction}


def _forms(case: Case) -> dict[str, Form]:
    """The ways to write a problem that were found worth trying."""
    jax, jnp = module("jax"), module("jax.numpy")
    m = SimpleNamespace(sigmoid=jax.nn.sigmoid, softplus=jax.nn.softplus, mean=jnp.mean)
    start = {name: value.astype(case.dtype) for name, value in case.problem.start.items()}
    names, cost = list(start), case.problem.cost
    numbers = tuple(start.values())
    made: dict[str, tuple[tuple[Any, ...], Callable[[Any, Any], Any]]]
    by_hand: dict[str, Slopes] = {}
    if case.kind == "xor":
        made = _xor(start, m)
    else:
        made = {"numbers": (numbers, lambda p, d: cost(m, d, dict(zip(names, p, strict=True))))}
    if case.kind == "chain":
        half = len(names) // 2
        parts = tuple(np.array([start[name] for name in some]) for some in (names[:half], names[half:]))
        made["vectors"] = parts, lambda p, d: cost(m, d, dict(zip(names, [*p[0], *p[1]], strict=True)))
    elif case.kind == "line":
        by_hand = _line(case, jax.lax)

    def graded(its: Callable[[Any, Any], Any]) -> Slopes:
        return lambda p, d: jax.grad(lambda q: its(q, d))(p)

    found = {name: (begin, graded(its)) for name, (begin, its) in made.items()}
    return found | {name: (numbers, slopes) for name, slopes in by_hand.items()}


def _data(case: Case, jnp: Any) -> tuple[Any, bool]:
    """The data, and whether it is small enough to be compiled in, which is faster."""
    small = case.rows <= 1000
    convert = np.asarray if small else jnp.asarray
    return {name: convert(array.astype(case.dtype)) for name, array in case.problem.data.items()}, small


def jax_loop(case: Case) -> dict[str, Run]:
    """``lax.fori_loop`` compiled ahead, its parameters donated, no cost on the way; every form."""
    jax, jnp = module("jax"), module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    data, small = _data(case, jnp)

    def made(form: Form) -> Run:
        start, slopes = form

        def descend(params: Any, epochs: Any, given: Any) -> Any:
            its = data if small else given

            def epoch(_: Any, now: Any) -> Any:
                return jax.tree.map(lambda w, g: w - w.dtype.type(case.problem.rate) * g, now, slopes(now, its))

            return jax.lax.fori_loop(0, epochs, epoch, params)

        def begin() -> Any:
            return jax.block_until_ready(tuple(map(jnp.array, start)))

        given = None if small else data
        loop = jax.jit(descend, donate_argnums=0).lower(begin(), jnp.int32(0), given).compile()

        def run(epochs: int) -> tuple[float, float]:
            params, count = begin(), jnp.int32(epochs)
            clock = time.perf_counter()
            found = jax.block_until_ready(loop(params, count, given))
            return time.perf_counter() - clock, case.cost(case.named(_row(found)))

        return run

    return {name: made(form) for name, form in _forms(case).items()}


def jax_restarts(case: Case, starts: Any, threads: int, names: Sequence[str]) -> dict[str, Run]:
    """``vmap`` of the loop over the models, those of each thread in a call of its own."""
    jax, jnp = module("jax"), module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    data, _ = _data(case, jnp)

    def made(form: Form) -> Run:
        template, slopes = form
        shapes = [np.shape(part) for part in template]
        cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]

        def descend(params: Any, epochs: Any) -> Any:
            def epoch(_: Any, now: Any) -> Any:
                return jax.tree.map(lambda w, g: w - w.dtype.type(case.problem.rate) * g, now, slopes(now, data))

            return jax.lax.fori_loop(0, epochs, epoch, params)

        def begin(some: Any) -> Any:
            split = np.split(some.astype(case.dtype), cuts, axis=1)
            shaped = [part.reshape(len(some), *shape) for part, shape in zip(split, shapes, strict=True)]
            return jax.block_until_ready(tuple(map(jnp.array, shaped)))

        shares = np.array_split(starts, threads)
        many = jax.jit(jax.vmap(descend, in_axes=(0, None)), donate_argnums=0)
        loops = [many.lower(begin(share), jnp.int32(0)).compile() for share in shares]
        pool = ThreadPoolExecutor(threads)

        def run(epochs: int) -> tuple[float, float]:
            ready, count = [begin(share) for share in shares], jnp.int32(epochs)
            clock = time.perf_counter()
            jobs = [
                pool.submit(lambda f, p: jax.block_until_ready(f(p, count)), *pair)
                for pair in zip(loops, ready, strict=True)
            ]
            parts = [job.result() for job in jobs]
            spent = time.perf_counter() - clock
            flat = [np.hstack([np.asarray(array).reshape(len(array), -1) for array in part]) for part in parts]
            return spent, median_cost(case, np.concatenate(flat))

        return run

    forms = _forms(case)
    return {name: made(forms[name]) for name in names}


def jax_neuron_of_matrices() -> dict[str, Run]:
    """The NAND neuron as a user of JAX writes one: a matrix of inputs, a vector of weights, by descent."""
    jax, jnp = module("jax"), module("jax.numpy")
    jax.config.update("jax_enable_x64", True)
    inputs, target = np.array([neuron.X, neuron.Y]).T, np.array(neuron.Z)

    def epoch(_: Any, now: Any) -> Any:
        def mean_square(params: Any) -> Any:
            weights, bias = params
            return jnp.mean((jax.nn.sigmoid(inputs @ weights + bias) - target) ** 2)

        return jax.tree.map(lambda w, g: w - neuron.RATE * g, now, jax.grad(mean_square)(now))

    def begin() -> Any:
        return jax.block_until_ready((jnp.array(neuron.START[:2]), jnp.array(neuron.START[2])))

    def descend(now: Any, epochs: Any) -> Any:
        return jax.lax.fori_loop(0, epochs, epoch, now)

    loop = jax.jit(descend, donate_argnums=0).lower(begin(), jnp.int32(0)).compile()

    def run(epochs: int) -> tuple[float, float]:
        params, count = begin(), jnp.int32(epochs)
        clock = time.perf_counter()
        found = jax.block_until_ready(loop(params, count))
        return time.perf_counter() - clock, neuron.cost(neuron.X, neuron.Y, neuron.Z, *map(float, _row(found)))

    return {"matrices": run}
