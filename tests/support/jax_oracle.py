"""The same formula in JAX, operation by operation from their names: the derivatives the tests are held to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from meanings import meanings
from steepest.expressions.expression import CONSTANT, DATA, PARAMETER, Expression, toposort

JAX = meanings(jnp, jax.lax.stop_gradient)
_STRUCTURAL = (
    "matmul", "transpose", "dot", "outer", "sum", "expand", "one_hot", "largest", "softmax", "log_softmax",
    "logsumexp",
)  # fmt: skip
_QUICK = {"xla_backend_optimization_level": 0}  # each function is compiled and then called once


PEER = {
    **JAX,
    **{name: getattr(jax.nn, name) for name in ("sigmoid", "softplus", "relu", "softmax", "log_softmax")},
    "abs": jnp.abs,
    "maximum": jnp.maximum,
    "minimum": jnp.minimum,
    "leaky_relu": lambda x: jax.nn.leaky_relu(x, 0.01),
}
"""The operations as a user of JAX would call them, with the derivatives that JAX gives to its own functions."""


def _apply(node: Expression, args: list[Any], rows: int, meanings: Mapping[str, Callable[..., Any]]) -> Any:
    name = node.operation.name
    if name == "count":
        return jnp.float64(rows)
    if name in ("mean", "total"):
        return jnp.sum(args[0], axis=0) / (rows if name == "mean" else 1)
    if name == "total_outer":
        return jnp.einsum("na,nb->ab", *args)
    meaning = meanings[name]
    if node.attributes:
        meaning = lambda x, shape=node.attributes: meanings[name](x, shape)  # noqa: E731
    if name == "power" and meanings is PEER and node.args[1].operation is CONSTANT:
        exponent = node.args[1].value
        return args[0] ** (int(exponent) if exponent == int(exponent) else exponent)
    if not node.per_sample:
        return meaning(*args)
    if name in _STRUCTURAL:
        return jax.vmap(meaning, in_axes=tuple(0 if arg.per_sample else None for arg in node.args))(*args)
    lifted = [
        value.reshape(value.shape + (1,) * len(node.shape)) if arg.per_sample and not arg.shape else value
        for value, arg in zip(args, node.args, strict=True)
    ]
    return meaning(*lifted)


def jax_function(
    root: Expression, rows: int, meanings: Mapping[str, Callable[..., Any]] = JAX
) -> Callable[[dict[str, Any]], Any]:
    """The expression as a function of a dict of values by name."""
    order = toposort([root])

    def function(values: dict[str, Any]) -> Any:
        found: dict[Expression, Any] = {}
        for node in order:
            if node.operation is CONSTANT:
                found[node] = jnp.float64(node.value)
            elif node.operation in (DATA, PARAMETER):
                found[node] = values[node.name]
            else:
                found[node] = _apply(node, [found[arg] for arg in node.args], rows, meanings)
        return found[root]

    return function


def _derivative(
    of: Callable[..., Any], root: Expression, values: Mapping[str, Any], rows: int, names: tuple[str, ...]
) -> Any:
    """A transformation of JAX (value_and_grad, hessian) applied to the expression by some names."""
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(value, dtype=jnp.float64) for name, value in values.items()}
        function = jax_function(root, rows)

        def by_name(some: dict[str, Any], rest: dict[str, Any]) -> Any:
            return of(lambda moved: function({**rest, **moved}))(some)

        return jax.jit(by_name, compiler_options=_QUICK)({name: arrays[name] for name in names}, arrays)


def jax_gradient(
    root: Expression, values: Mapping[str, Any], rows: int, wrt: tuple[str, ...] | None = None
) -> tuple[float, dict[str, np.ndarray]]:
    """The value and the partial derivatives in float64, by JAX's own back-propagation."""
    names = root.parameters if wrt is None else wrt
    value, partials = _derivative(jax.value_and_grad, root, values, rows, names)
    return float(value), {name: np.asarray(partials[name]) for name in names}


def peer_gradient(root: Expression, values: Mapping[str, Any], rows: int) -> dict[str, np.ndarray]:
    """The partial derivatives that a user of JAX gets, in float64; nothing is compiled for one cost alone."""
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(value, dtype=jnp.float64) for name, value in values.items()}
        moved = {name: arrays[name] for name in root.parameters}
        function = jax_function(root, rows, PEER)
        found = jax.grad(lambda some: function({**arrays, **some}))(moved)
        return {name: np.asarray(partial) for name, partial in found.items()}


def jax_hessian(root: Expression, values: Mapping[str, Any], rows: int) -> dict[str, dict[str, np.ndarray]]:
    """The second derivatives by every pair of parameters, forward over reverse."""
    blocks = _derivative(jax.hessian, root, values, rows, root.parameters)
    return {a: {b: np.asarray(block) for b, block in row.items()} for a, row in blocks.items()}
